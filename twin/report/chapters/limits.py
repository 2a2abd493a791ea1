"""Which limits were broken, for how long, by whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twin.domain.grid import HIGH_VOLTAGE, LOW_VOLTAGE, NO_SOLUTION, UNBALANCE
from twin.report.by_phase import highest_pu
from twin.report.frames import Frames
from twin.report.model import Section, Table, Text, table
from twin.report.words import NONE, count, known, length, listed, moment, number, span_name, when

if TYPE_CHECKING:
    import pandas as pd

_KINDS = {
    "transformer loading": ("transformer", "above its rating", "above their rating"),
    "line loading": ("line", "above its rating", "above their rating"),
    "low voltage": ("bus", "below its lower voltage limit", "below their lower voltage limit"),
    "high voltage": ("bus", "above its upper voltage limit", "above their upper voltage limit"),
    UNBALANCE: (
        "bus",
        "beyond its limit of the voltage unbalance",
        "beyond their limits of the voltage unbalance",
    ),
}

_MOST_TOLD = 3
"""Sentences about limits of sites; the table has them all."""
_SITE_UNITS = {"site current": ("A", 1.0), "site power": ("kW", 1e3)}
"""Limits that sites have of their own: unit for people, and its size in the unit of the table (A, W)."""


def watched(frames: Frames) -> bool:
    """Whether the run had any limit that could be broken: a feeder's, or one of a site."""
    return frames.topology is not None or frames.site_limits or not frames.violations.empty


def union_minutes(violations: pd.DataFrame) -> float:
    """Minutes in which at least one of the violations lasted: overlapping ones count once."""
    total, end = 0.0, float("-inf")
    for start_s, end_s in sorted(zip(violations["start_s"], violations["end_s"], strict=True)):
        total += max(0.0, end_s - max(start_s, end))
        end = max(end, end_s)
    return total / 60


def shown(kind: str, value: float) -> str:
    """A worst value or a limit in the unit of its kind."""
    if not known(value):
        return NONE
    if kind in _SITE_UNITS:
        unit, size = _SITE_UNITS[kind]
        return f"{number(value / size, 1).removesuffix('.0')} {unit}"
    if kind.endswith("voltage"):
        return f"{number(value, 3)} pu"
    return f"{number(value, 2 if kind == UNBALANCE else 1)} %"


def cause(row: pd.Series) -> str:
    """Whether charging made a violation: `charging`, `partly charging` or `not charging`."""
    if not row["without_charging"]:
        return "charging"
    within = length(float(row["minutes_by_charging"]))
    return f"partly charging ({within})" if row["minutes_by_charging"] > 0 else "not charging"


def worst_row(frames: Frames, row: pd.Series) -> pd.Series | None:
    """The row of `buses` or `branches` in which a violation was worst; None where no table has it."""
    kind = str(row["kind"])
    if kind in _SITE_UNITS:
        return None  # the power of a site's groups is in no table
    at_bus = kind in {LOW_VOLTAGE, HIGH_VOLTAGE, UNBALANCE}
    table_of, name = (frames.buses, "bus") if at_bus else (frames.branches, "branch")
    inside = table_of[
        (table_of[name] == row["element"])
        & (table_of["t_s"] > row["start_s"])
        & (table_of["t_s"] <= row["end_s"])
    ]
    if kind == HIGH_VOLTAGE:
        values = highest_pu(inside)
    else:
        values = inside[{LOW_VOLTAGE: "vm_pu", UNBALANCE: "vuf_pct"}.get(kind, "loading_pct")]
    values = values.dropna()
    if values.empty:
        return None
    return inside.loc[values.idxmin() if kind == LOW_VOLTAGE else values.idxmax()]


def worst_moment(frames: Frames, row: pd.Series) -> str:
    """When the farthest value of a violation was reached, in civil time."""
    found = worst_row(frames, row)
    return NONE if found is None else when(moment(found["t_s"], frames.epoch, frames.zone))


def farthest(row: pd.Series) -> str:
    """The farthest value of a violation with its phase, `0.880 pu (L2)`, or why there is none."""
    if row["kind"] == NO_SOLUTION:
        return str(row["detail"]) if isinstance(row["detail"], str) else NONE
    phase = f" ({row['phase']})" if isinstance(row["phase"], str) else ""
    return f"{shown(row['kind'], row['worst'])}{phase}"


def sentences(frames: Frames) -> list[str]:
    """One sentence per kind of broken limit, the worst value last; empty when all were kept."""
    found = []
    violations = frames.violations
    span = span_name(frames.duration_s)
    for kind, (thing, one, many) in _KINDS.items():
        these = violations[violations["kind"] == kind]
        if these.empty:
            continue
        worst = these.sort_values("worst", ascending=kind == "low voltage", kind="stable").iloc[0]
        n = these["element"].nunique()
        named = (
            f"the {thing} {worst['element']} was {one}" if n == 1 else f"{n:,} {_plural(thing)} were {many}"
        )
        place = "" if n == 1 else f" at {worst['element']}"
        found.append(
            f"In {length(union_minutes(these))} of {span} {named}; worst {farthest(worst)}"
            f"{place} on {worst_moment(frames, worst)}."
        )
    return found + _unsolved_sentences(violations, span) + _site_sentences(violations)


def _unsolved_sentences(violations: pd.DataFrame, span: str) -> list[str]:
    """One sentence per reason why the power flow has no solution."""
    unsolved = violations[violations["kind"] == NO_SOLUTION]
    told = []
    for detail, these in unsolved.groupby(unsolved["detail"].fillna(""), sort=True):
        why = str(detail) or "the feeder as modelled cannot carry that load at all"
        told.append(f"In {length(union_minutes(these))} of {span} the power flow had no solution: {why}.")
    return told


def _site_sentences(violations: pd.DataFrame) -> list[str]:
    """One sentence per limit of a site that was exceeded, the longest first."""
    these = violations[violations["kind"].isin(list(_SITE_UNITS))]
    told = []
    for (element, kind), rows in these.groupby(["element", "kind"], sort=True, observed=True):
        site, _, group = str(element).partition("/")
        minutes, worst = union_minutes(rows), float(rows["worst"].max())
        lasted = count(round(minutes), "minute") if 1 <= minutes < 120 else length(minutes)
        far, limit = shown(str(kind), worst), shown(str(kind), float(rows["limit"].iloc[0]))
        told.append(
            (-minutes, f"The limit {group} of site {site} was exceeded for {lasted}; worst {far} of {limit}.")
        )
    told.sort()
    if len(told) > _MOST_TOLD:
        rest = f"{len(told) - _MOST_TOLD:,} more limits of sites were exceeded for shorter."
        return [sentence for _, sentence in told[:_MOST_TOLD]] + [rest]
    return [sentence for _, sentence in told]


def verdict(frames: Frames) -> Text:
    """The page's first sentence: were the limits of the feeder and of the sites kept."""
    span = span_name(frames.duration_s)
    bare = "No feeder was simulated: this run says nothing about voltages and loadings."
    told = sentences(frames)
    if frames.topology is None:
        if told:
            return Text(text=" ".join((*told, bare)), tone="bad")
        if frames.site_limits:
            return Text(text=f"The limits of all sites were kept for all of {span}. {bare}", tone="good")
        return Text(text=bare)
    if not told:
        what = (
            "All voltages, loadings and limits of sites"
            if frames.site_limits
            else "All voltages and loadings"
        )
        return Text(text=f"{what} stayed within their limits for all of {span}.", tone="good")
    if frames.violations["kind"].isin(list(_SITE_UNITS)).all():
        told.append("All voltages and loadings of the feeder stayed within their limits.")
    return Text(text=" ".join(told), tone="bad")


def causes(frames: Frames) -> Text:
    """How much of it charging is to blame for."""
    violations = frames.violations
    n = len(violations)
    pure = int((~violations["without_charging"].astype(bool)).sum())
    none = int((violations["without_charging"].astype(bool) & (violations["minutes_by_charging"] <= 0)).sum())
    partly = n - pure - none
    if pure == n:
        said = [
            "the violation would not exist without charging"
            if n == 1
            else f"none of the {n:,} violations would exist without charging"
        ]
    else:
        said = [f"{pure:,} of {count(n, 'violation')} would not exist without charging"]
        said += [f"{partly:,} would be shorter"] if partly else []
        said += (
            [
                f"{none:,} would be just as long, because the base load or the generation alone breaks the limit"
            ]
            if none
            else []
        )
    minutes = frames.summary.get("violation_minutes_by_charging")
    if minutes is not None:
        said.insert(
            0,
            f"{length(minutes)} of {length(union_minutes(violations))} outside limits are caused by charging",
        )
    text = "; ".join(said)
    sites = violations["kind"].isin(list(_SITE_UNITS))
    how = "" if sites.all() else " For this the feeder was solved a second time with every charger at zero."
    return Text(text=f"{text[0].upper()}{text[1:]}.{how}")


def by_element(frames: Frames) -> Table:
    """Broken limits by element: how often, how long, how far."""
    rows = []
    for (element, kind), these in frames.violations.groupby(["element", "kind"], sort=False, observed=True):
        far = these["worst"].min() if kind == "low voltage" else these["worst"].max()
        rows.append(
            (union_minutes(these), str(element), str(kind), len(these), float(far), these.iloc[0]["limit"])
        )
    rows.sort(key=lambda row: (-row[0], row[1], row[2]))
    return table(
        "By element",
        [("Element", "left"), ("Kind", "left"), ("Times", "right"), ("Duration", "right"), ("Worst", "right"), ("Limit", "right")],
        [
            (element, kind, f"{n:,}", length(minutes), shown(kind, far), shown(kind, limit))
            for minutes, element, kind, n, far, limit in rows
        ],
        most=15,
        whole="violations/",
    )  # fmt: skip


def each(frames: Frames) -> Table:
    """Every violation, the longest first, with the sessions behind it."""
    violations = frames.violations.assign(lasted=frames.violations["end_s"] - frames.violations["start_s"])
    ordered = violations.sort_values(
        ["lasted", "start_s", "element"], ascending=[False, True, True], kind="stable"
    )
    most = 25
    rows = [
        (
            str(row["element"]), str(row["kind"]), when(moment(row["start_s"], frames.epoch, frames.zone)),
            length(row["lasted"] / 60), farthest(row), cause(row),
            listed(str(row["sessions"]).split(), most=4),
        )
        for _, row in ordered.head(most).iterrows()
    ]  # fmt: skip
    return table(
        "The longest violations",
        [("Element", "left"), ("Kind", "left"), ("Begin", "left"), ("Duration", "right"), ("Worst", "right"), ("Caused by", "left"), ("Sessions behind it, largest first", "left")],
        rows, total=len(ordered), most=most, whole="violations/",
    )  # fmt: skip


def chapter(frames: Frames) -> Section | None:
    """Violations; None where there was no limit to break."""
    if not watched(frames):
        return None
    look = "Look first at the duration, then at what causes it: only what charging causes can be cured by load management."
    if frames.violations.empty:
        blocks: tuple[Text | Table, ...] = (verdict(frames),)
    else:
        blocks = (
            causes(frames),
            by_element(frames),
            each(frames),
        )
    title = "Limits of the sites" if frames.topology is None else "Limits of the feeder"
    if frames.topology is not None and frames.site_limits:
        title = "Limits of the feeder and the sites"
    return Section(anchor="limits", title=title, look=look, blocks=blocks)


def _plural(thing: str) -> str:
    return "buses" if thing == "bus" else f"{thing}s"
