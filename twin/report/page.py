"""The page of one run: what a planner opens, reads in two minutes and forwards."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twin.domain.grid import UNBALANCE
from twin.domain.money import MINOR_DIGITS
from twin.report import html
from twin.report.chapters import (
    control,
    drivers,
    feeder,
    limits,
    money,
    payments,
    phases,
    provenance,
    voltage,
)
from twin.report.frames import Frames, read_frames
from twin.report.model import Card, Page, Section
from twin.report.words import NONE, count, date, day, length, moment, number, percent, span_name
from twin.results.fairness import jain_index

if TYPE_CHECKING:
    from twin.results.read import Run


_PEAK = "Feeder's peak"


def write_report(run: Run, path: Path | str | None = None, *, against: Run | None = None) -> Path:
    """Write one self-contained HTML page about a run.

    Args:
        run: A finished or interrupted run.
        path: The page; `report.html` in the run's folder by default.
        against: Another run of the same drivers, shown beside this one at the end.

    Returns:
        Where the page is.

    Raises:
        SettingsError: The page cannot be written there.
    """
    frames = read_frames(run)
    extra: tuple[Section, ...] = ()
    if against is not None:
        from twin.report.compare import sections  # noqa: PLC0415 -- the two pages know each other

        extra = sections((read_frames(against), frames))
    return html.write(page(frames, extra=extra), path or frames.path / "report.html")


def page(frames: Frames, *, extra: tuple[Section, ...] = ()) -> Page:
    """The page's model: cards, then chapters from what matters most to what proves it."""
    chapters = (
        limits.chapter(frames), feeder.loading(frames), voltage.chapter(frames), phases.chapter(frames), feeder.feeder(frames),
        feeder.diversity(frames), control.chapter(frames), drivers.energy(frames), drivers.fairness(frames),
        drivers.waiting(frames), money.chapter(frames), payments.chapter(frames), *extra, provenance.audit(frames), provenance.chapter(frames),
    )  # fmt: skip
    verdict = limits.verdict(frames)
    titles = {"good": "All limits kept", "bad": "Limits broken", "plain": "Without a feeder"}
    return Page(
        kicker="Charging on the distribution feeder",
        title=title(frames),
        lead=str(frames.manifest.get("description") or ""),
        facts=facts(frames),
        verdict=verdict,
        verdict_title=unfinished(frames) or titles[verdict.tone],
        cards=cards(frames),
        sections=tuple(chapter for chapter in chapters if chapter is not None),
        footer=f"Run {frames.name} · scenario {frames.manifest.get('scenario_hash', NONE)} · seed {frames.manifest.get('seed', NONE)} · written by twin {twin_version(frames.manifest)}",
    )  # fmt: skip


def unfinished(frames: Frames) -> str:
    """A warning when the run did not reach its end; empty when it did."""
    outcome = str(frames.manifest.get("outcome", "finished"))
    return (
        ""
        if outcome == "finished"
        else f"This run did not reach its end ({outcome}); everything below covers what was written"
    )


def title(frames: Frames) -> str:
    """The scenario's name as a heading."""
    return str(frames.manifest.get("scenario") or frames.name)


def twin_version(manifest: Mapping[str, Any]) -> str:
    """Version of this package that made the run."""
    return str(manifest.get("versions", {}).get("twin", ""))


def facts(frames: Frames) -> tuple[tuple[str, str], ...]:
    """What was run, in a line of pairs under the title."""
    begin, end = (moment(t, frames.epoch, frames.zone) for t in (0.0, frames.duration_s))
    return (
        ("Period", f"{day(begin)} – {day(end)} {end.year} ({length(frames.duration_s / 60)})"),
        ("Strategy", strategy(frames)),
        ("Feeder", frames.topology.name if frames.topology else "none"),
        ("Seed", str(frames.manifest.get("seed", NONE))),
        ("Scenario hash", str(frames.manifest.get("scenario_hash", NONE))[:12]),
        ("Civil time", f"{frames.zone.key}, from {date(begin)}"),
    )


def strategy(frames: Frames) -> str:
    """Name of the strategy, and whether a guard watched over it."""
    given = frames.manifest.get("strategy", NONE)
    name = str(given.get("name", NONE)) if isinstance(given, Mapping) else str(given)
    return f"{name}, with guard" if frames.manifest.get("guarded") else name


def cards(frames: Frames) -> tuple[Card, ...]:
    """The key figures, from the summary."""
    found = frames.summary
    served = found.get("served_share")
    made = [
        Card(name="Energy served" if not unfinished(frames) else "Energy served so far", value=percent(served), detail=f"{number(found.get('energy_delivered_kwh'))} of {number(found.get('energy_requested_kwh'))} kWh wanted"),
        *_feeder_cards(frames),
        Card(name="Visits", value=number(len(frames.sessions)), detail=_outcomes(frames)),
        Card(name="Chargers' peak", value=number(found.get("ev_peak_kw"), 1), unit="kW", detail=_coincidence(found)),
        _fairness(frames),
        Card(name="Revenue", value=revenue(found), detail="all operators, with tax"),
    ]  # fmt: skip
    return tuple(card for card in made if card.value != NONE or card.name == _PEAK)


def revenue(found: Mapping[str, Any]) -> str:
    """Revenue with its currency; a dash where several currencies would have to be added, or none was asked."""
    amount, currency = found.get("revenue"), str(found.get("currency") or "")
    return (
        f"{number(amount, MINOR_DIGITS.get(currency, 2))} {currency}"
        if amount is not None and currency
        else NONE
    )


def _feeder_cards(frames: Frames) -> list[Card]:
    """Peak, loading, voltage, minutes: only with a feeder, and marked where a limit is broken."""
    found = frames.summary
    if frames.topology is None:
        return [_outside(frames)] if limits.watched(frames) else []
    kinds = set(frames.violations["kind"])
    rating = frames.topology.head_va_rating / 1e3
    return [
        _outside(frames),
        Card(name="Transformer, highest", value=number(found.get("max_trafo_loading_pct"), 1), unit="%",
             tone="bad" if "transformer loading" in kinds else "plain", detail=f"of {number(rating)} kVA" if rating < float("inf") else "no transformer"),
        Card(name="Line, highest", value=number(found.get("max_line_loading_pct"), 1), unit="%",
             tone="bad" if "line loading" in kinds else "plain", detail="of its rating"),
        Card(name="Lowest voltage", value=number(found.get("min_vm_pu"), 3), unit="pu",
             tone="bad" if "low voltage" in kinds else "plain", detail=_voltage_limit(feeder.lower_limit(frames.topology))),
        *_unbalance(frames, kinds),
        _peak(found.get("peak_kw")),
    ]  # fmt: skip


def _unbalance(frames: Frames, kinds: set[str]) -> list[Card]:
    """Only where each phase was solved."""
    topology = frames.topology
    if topology is None or topology.phases == 1:
        return []
    limit_pct = float(topology.vuf_max_pct[topology.charging_level].min(initial=math.inf))
    detail = f"limit {number(limit_pct, 1)} %" if math.isfinite(limit_pct) else "no limit was set"
    value = number(frames.summary.get("max_vuf_pct"), 2)
    return [
        Card(name="Highest unbalance", value=value, unit="%", tone="bad" if UNBALANCE in kinds else "plain", detail=detail)
    ]  # fmt: skip


def _outside(frames: Frames) -> Card:
    minutes = frames.summary.get("violation_minutes") or 0.0
    times = count(int(frames.summary.get("violations") or 0), "violation")
    return Card(
        name="Outside limits", value=length(minutes), tone="bad" if minutes else "good",
        detail=f"of {span_name(frames.duration_s)}; {times}",
    )  # fmt: skip


def _peak(peak_kw: float | None) -> Card:
    """The feeder's peak; a dash, and why, where no power flow has a solution."""
    if peak_kw is None:
        return Card(name=_PEAK, value=NONE, detail="no power flow has a solution")
    return Card(
        name=_PEAK, value=number(peak_kw, 1), unit="kW", detail="highest 15-minute mean at the feeder's head"
    )


def _voltage_limit(lower_pu: float) -> str:
    return f"limit {number(lower_pu, 2)} pu" if math.isfinite(lower_pu) else "no limit was set"


def _fairness(frames: Frames) -> Card:
    """Jain's index over the same sessions as in the chapter on fairness."""
    ended = drivers.whole(drivers.with_shares(frames.sessions))
    cut = " of sessions not cut off by the end of the run" if len(ended) < len(frames.sessions) else ""
    each = jain_index(ended["share"].dropna().to_numpy())
    return Card(
        name="Fairness", value=number(each, 3), detail=f"Jain's index over the served share{cut}; 1 is even"
    )


def _coincidence(found: Mapping[str, Any]) -> str:
    factor = found.get("coincidence_factor")
    said = "highest 15-minute mean of all chargers"
    return said if factor is None else f"{said}; coincidence {number(factor, 2)}"


def _outcomes(frames: Frames) -> str:
    outcomes = frames.sessions["outcome"].value_counts()
    left = int(outcomes.get("reneged", 0)) + int(outcomes.get("balked", 0))
    return f"{int(outcomes.get('served', 0)):,} charged, {left:,} left without, {int(outcomes.get('open', 0)):,} still there"
