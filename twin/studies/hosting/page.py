"""The page of a study of hosting capacity, and its figure as a picture file."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from twin.report import html
from twin.report.model import (
    Align,
    Block,
    Card,
    Page,
    Picture,
    Row,
    Section,
    Table,
    Text,
    picture,
    table,
    wide_picture,
)
from twin.report.style import draw, styled
from twin.report.words import NONE, count, length, number, percent
from twin.results.folder import write_aside
from twin.studies.hosting.figures import shares_over_penetration, worst_over_penetration
from twin.studies.hosting.judge import REASONS
from twin.studies.hosting.summary import ANY, Capacity, Level, Spread, Summary, draws_needed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from twin.results.statistics import Interval
    from twin.studies.hosting.run import Hosting

NAMES: Final[Mapping[str, str]] = {ANY: "any limit", **REASONS}
_QUANTITIES: Final = (
    ("trafo_pct", "Transformer, highest loading (%)", 1),
    ("line_pct", "Line, highest loading (%)", 1),
    ("low_pu", "Lowest voltage (pu)", 3),
    ("high_pu", "Highest voltage (pu)", 3),
    ("unbalance_pct", "Highest voltage unbalance (%)", 2),
)  # fmt: skip


def write_page(study: Hosting, path: Path | None = None) -> Path:
    """Write the page of a study, by default as `report.html` in its folder, and return where it is."""
    return html.write(page(study), study.path / "report.html" if path is None else path)


def write_figure(study: Hosting, path: Path | None = None) -> Path:
    """Write the usual figure as PNG, by default as `hosting.png` in the study's folder."""
    path = study.path / "hosting.png" if path is None else path
    out = io.BytesIO()
    with styled():
        figure = draw(_paint_shares(study.summary), size_in=(6.4, 4.2), stamp=_stamp(study))
        figure.savefig(out, format="png", dpi=200, metadata={"Software": None})
    write_aside(path, out.getvalue())
    return path


def page(study: Hosting) -> Page:
    """Everything the template needs."""
    summary, asked = study.summary, study.asked
    return Page(
        kicker="Hosting capacity",
        title=str(asked["scenario"]),
        lead="Who gets a charger, on which phase, and how the drivers live is drawn anew each time. "
        "The share of draws that violate a limit says how likely trouble is.",
        facts=(
            ("Draws", f"{summary.draws:,}"),
            ("Stations", f"{summary.stations:,}"),
            ("Seed", str(asked["seed"])),
            ("A violation is", rule_text(asked)),
            ("Net", str(study.feeder.get("net", ""))),
        ),
        verdict=_verdict(summary),
        verdict_title="How many chargers this feeder takes",
        cards=_cards(summary),
        sections=(_shares(study), _worst(study), _limiting(summary), _method(study)),
        footer=f"{summary.draws * len(summary.levels):,} runs. Every one is a row of draws.parquet beside this page.",
    )


def rule_text(asked: Mapping[str, Any]) -> str:
    """What counts as a violation, in words."""
    tolerance_min = float(asked["tolerance_min"])
    moment = "at any time" if tolerance_min == 0 else f"for more than {length(tolerance_min)}"
    if asked["rule"] == "en50160":
        return (
            "voltage or unbalance outside in more than 5 % of the time, or voltage below 0.85 pu or too high "
            f"at any time (EN 50160); loading beyond its limit {moment}"
        )
    return f"one element outside its limit {moment}"


def capacity_text(found: Capacity, stations: int) -> str:
    """`41 % of the stations (95 % interval 35 to 44 %), 40 of 99`."""
    share = percent(found.penetration, 0)
    if found.beyond:
        return f"at least {share} of the stations ({number(found.penetration * stations)} of {stations:,})"
    if found.penetration == 0.0:
        return "no charger: the base load alone breaks a limit too often"
    between = f"95 % interval {number(100 * found.low)} to {percent(found.high, 0)}"
    return (
        f"{share} of the stations ({between}), about {number(found.penetration * stations)} of {stations:,}"
    )


def caution(summary: Summary) -> str:
    """What to do about an interval that reaches down to no charger at all because draws are few; else empty."""
    found, none = summary.capacity, summary.levels[0]
    high = none.shares[ANY].high
    if found.low > 0.0 or none.violating[ANY] or high is None:
        return ""
    return (
        f"{count(summary.draws, 'draw')} cannot tell a share of 0 from the risk: without any violation it may still be "
        f"{percent(high, 0)}, so the interval begins at 0; take --draws {draws_needed(found.risk)} or more"
    )


def interval_text(violating: int, share: Interval) -> str:
    """`24: 12 % (8 to 17)`: draws, and their share in percent."""
    if share.low is None or share.high is None:
        return f"{violating}: {percent(share.mean, 1)}"
    ends = f"{number(100 * share.low, 1)} to {number(100 * share.high, 1)}"
    return f"{violating}: {percent(share.mean, 1)} ({ends})"


def present(summary: Summary) -> tuple[str, ...]:
    """Reasons that any draw has, after `any`."""
    return (ANY, *(key for key in REASONS if any(level.shares[key].mean > 0 for level in summary.levels)))


def _verdict(summary: Summary) -> Text:
    found = summary.capacity
    told = (
        f"Hosting capacity at a risk of {percent(found.risk, 0)}: {capacity_text(found, summary.stations)}."
    )
    if summary.limiting:
        first = summary.limiting[0]
        told += (
            f" What limits first is mostly {NAMES[first.reason]}"
            f"{f' at {first.element}' if first.element else ''} ({percent(first.share, 0)} of the draws that violate)."
        )
    few = caution(summary)
    if few:
        told += f" {few[0].upper()}{few[1:]}."
    return Text(text=told, tone="good" if found.beyond else "plain")


def _cards(summary: Summary) -> tuple[Card, ...]:
    full = summary.levels[-1]
    found = summary.capacity
    return (
        Card(
            name="Hosting capacity",
            value=("≥ " if found.beyond else "") + number(100 * found.penetration),
            unit="%",
            detail=f"of {count(summary.stations, 'station')}; {number(100 * found.low)} to {number(100 * found.high)} %",
            tone="good" if found.beyond else "plain",
        ),
        Card(
            name=f"Violations at {percent(full.penetration, 0)}",
            value=number(100 * full.shares[ANY].mean, 1),
            unit="%",
            detail=f"{full.violating[ANY]} of {count(full.draws, 'draw')}; {_ends(full.shares[ANY])}",
            tone="bad" if full.shares[ANY].mean > found.risk else "good",
        ),
        _spread_card("Transformer", full, "trafo_pct", "%", 0),
        _spread_card("Lowest voltage", full, "low_pu", "pu", 3),
        _spread_card("Highest unbalance", full, "unbalance_pct", "%", 2),
        Card(
            name="Served",
            value=percent(full.served_share, 1),
            detail="of the wanted energy, in the median of the draws",
        ),
    )


def _spread_card(name: str, level: Level, key: str, unit: str, digits: int) -> Card:
    spread = level.worst[key]
    return Card(
        name=f"{name} at {percent(level.penetration, 0)}",
        value=number(spread.median, digits),
        unit=unit if spread.median is not None else "",
        detail=f"median of the draws' worst; {number(spread.bad, digits)} in one of twenty",
    )


def _ends(share: Interval) -> str:
    return (
        NONE
        if share.low is None or share.high is None
        else f"{number(100 * share.low, 1)} to {number(100 * share.high, 1)} %"
    )


def _paint_shares(summary: Summary) -> Any:
    found = summary.capacity
    shares = {key: [level.shares[key] for level in summary.levels] for key in present(summary)}

    def paint(ax: Axes) -> None:
        shares_over_penetration(
            [level.penetration for level in summary.levels],
            shares,
            ax=ax,
            names=NAMES,
            risk=found.risk,
            capacity=None if found.beyond else found.penetration,
        )

    return paint


def _stamp(study: Hosting) -> str:
    asked = study.asked
    return f"{asked['scenario']}, seed {asked['seed']}, {study.summary.draws} draws · scenario {asked['scenario_hash']}"


def _shares(study: Hosting) -> Section:
    summary = study.summary
    keys = present(summary)
    columns: list[tuple[str, Align]] = [("Stations", "right"), ("EVSEs", "right"), ("Draws", "right")]
    columns += [(NAMES[key].capitalize(), "right") for key in keys]
    rows = [
        (
            f"{level.stations} ({percent(level.penetration, 0)})",
            number(level.evses),
            str(level.draws),
            *(interval_text(level.violating[key], level.shares[key]) for key in keys),
        )
        for level in summary.levels
    ]
    shown = wide_picture(
        _paint_shares(summary),
        title="Draws with a violation over the share of stations that exist",
        alt="One curve per kind of limit with its 95 % band; a red line marks the accepted risk.",
        stamp=_stamp(study),
    )
    return Section(
        anchor="shares",
        title="How often limits are broken",
        look="Look where the black curve crosses the red line: up to there trouble is rarer than the accepted risk. "
        "The bands are 95 % intervals (Wilson) of each share; more draws make them narrower.",
        blocks=(
            shown,
            table(
                "Draws with a violation: how many, and their share (95 % interval, %)", columns, rows, most=60
            ),
        ),
    )


def _worst(study: Hosting) -> Section:
    summary = study.summary
    pictures: list[Picture | Table] = []
    known = [
        (key, name, digits)
        for key, name, digits in _QUANTITIES
        if any(level.worst[key].median is not None for level in summary.levels)
    ]
    for key, name, _ in known:
        pictures.append(_worst_picture(study, key, name))
    columns: list[tuple[str, Align]] = [("Stations", "left")]
    columns += [(name, "right") for _, name, _ in known]
    columns += [("Peak of the chargers (kW)", "right"), ("Energy served", "right")]
    rows = [
        (
            percent(level.penetration, 0),
            *(_spread_text(level.worst[key], digits) for key, _, digits in known),
            _spread_text(level.worst["ev_peak_w"], 1, 1e-3),
            percent(level.served_share, 1),
        )
        for level in summary.levels
    ]
    blocks: tuple[Block, ...] = (
        Row(items=tuple(pictures)),
        table("Worst value of a draw: median, and what one draw of twenty exceeds", columns, rows, most=60),
    )
    return Section(
        anchor="worst",
        title="How badly",
        look="Each box holds the worst value of every draw: the middle half inside, whiskers from 5 to 95 %. "
        "A box far from its limit has room; one that straddles it depends on luck.",
        blocks=blocks,
    )


def _worst_picture(study: Hosting, key: str, name: str) -> Picture:
    draws = study.draws
    of = draws["penetration"].to_numpy()
    values = draws[key].to_numpy()
    penetrations = [level.penetration for level in study.summary.levels]
    limit = study.feeder["limits"].get(key)
    columns = [values[(of == p) & (values == values)] for p in penetrations]  # noqa: PLR0124 -- not NaN
    return picture(
        lambda ax: worst_over_penetration(penetrations, columns, ax=ax, what=name, limit=limit),
        title=f"{name} over penetration",
        alt=f"One box per penetration: {name} of every draw.",
        stamp=_stamp(study),
    )


def _spread_text(spread: Spread, digits: int, scale: float = 1.0) -> str:
    if spread.median is None or spread.bad is None:
        return NONE
    return f"{number(spread.median * scale, digits)}; {number(spread.bad * scale, digits)}"


def _limiting(summary: Summary) -> Section:
    columns: list[tuple[str, Align]] = [("Limit", "left"), ("Element", "left"), ("Draws", "right"), ("Of those that violate", "right")]  # fmt: skip
    rows = [
        (NAMES[item.reason], item.element or "the whole feeder", str(item.draws), percent(item.share, 0))
        for item in summary.limiting
    ]
    blocks: tuple[Block, ...] = (
        table(
            "The worst element of each kind at the lowest penetration that violates, by draws",
            columns,
            rows,
            most=20,
        ),
    )
    if not rows:
        blocks = (Text(text="No draw violates a limit at any penetration.", tone="good"),)
    return Section(
        anchor="limiting",
        title="What limits",
        look="The element at the top is the one to reinforce first; a draw counts for each limit that it breaks there.",
        blocks=blocks,
    )


def _method(study: Hosting) -> Section:
    asked = study.asked
    phases = (
        "each station's connection is turned by 0, 1 or 2 phases at random"
        if asked["phases"] == "drawn"
        else "connections are those of the scenario"
    )
    told = (
        f"Draw k puts the {study.summary.stations} stations of the scenario in a random order; at a penetration the "
        f"first ones of it exist, so that each draw only adds chargers. In each draw {phases}, and drivers live "
        "another week from the same distributions. Charging, strategy, limits of sites and guard are those of the "
        "scenario. Seed and number of a draw decide everything."
    )
    assumptions = [str(text) for text in study.feeder.get("assumptions", ())]
    blocks: list[Block] = [Text(text=told), Text(text=f"A violation is: {rule_text(asked)}.")]
    if assumptions:
        blocks.append(Text(text=f"Assumptions about the feeder: {'; '.join(assumptions)}."))
    if study.feeder.get("fallback"):
        blocks.append(
            Text(
                text=f"Solved by pandapower, as the net cannot be compiled: {study.feeder['fallback']}.",
                tone="plain",
            )
        )
    return Section(
        anchor="method",
        title="How it was found",
        look="The guide to hosting capacity tells more.",
        blocks=tuple(blocks),
    )
