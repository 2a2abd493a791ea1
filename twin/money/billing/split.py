"""Where prices switch within a session: its curves cut at every boundary of the tariff.

Boundaries are instants of civil time, energies, durations, times charged and idled, and periods whose power or
current is of another class. Between two cuts every dimension has one active component.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from typing import NamedTuple

from twin.money.billing.curves import Curve, Curves
from twin.money.billing.model import Period
from twin.money.billing.rates import NWH
from twin.money.billing.rules import Rules, Thresholds


class Cut(NamedTuple):
    """A point of the session, and which elements' restrictions hold from it to the next one."""

    at_ms: int
    energy: int
    charging: int
    parking: int
    mask: int


def cuts(rules: Rules, curves: Curves, mask: int) -> list[Cut]:
    """Cut a session wherever a price may switch.

    Args:
        rules: The compiled tariff.
        curves: The session.
        mask: Elements that suit the session as a whole.

    Returns:
        Ascending points from the start on; the last one is the session's end.
    """
    start_ms, end_ms = curves.t_ms[0], curves.t_ms[-1]
    points = {(start_ms, 0), (end_ms, curves.energy[-1])}
    for at_ms in _instants(rules, curves, start_ms, end_ms):
        points.add((at_ms, curves.at(curves.energy, at_ms)))
    for value in rules.energy.values if rules.energy else ():
        reached_ms = curves.reaches(curves.energy, value) if value > 0 else None
        if reached_ms is not None:
            points.add((reached_ms, value))
    classes = _classes(rules, curves)
    return [_cut(rules, curves, classes, mask, point) for point in sorted(points)]


def _cut(rules: Rules, curves: Curves, classes: list[int], mask: int, point: tuple[int, int]) -> Cut:
    at_ms, energy = point
    charging = curves.at(curves.charging, at_ms) if curves.charging else 0
    parking = curves.at(curves.parking, at_ms) if curves.parking else 0
    if rules.civil:
        mask &= rules.civil.mask(at_ms)
    if rules.energy:
        mask &= rules.energy.mask(energy)
    if rules.duration:
        mask &= rules.duration.mask(at_ms - curves.t_ms[0])
    if rules.charging:
        mask &= rules.charging.mask(charging)
    if rules.idle:
        mask &= rules.idle.mask(parking)
    if classes:
        mask &= classes[min(bisect_right(curves.t_ms, at_ms), len(classes)) - 1]
    return Cut(at_ms, energy, charging, parking, mask)


def _instants(rules: Rules, curves: Curves, start_ms: int, end_ms: int) -> Iterator[int]:
    """Instants within the session at which something switches that is not energy."""
    yield from rules.switches_ms(start_ms, end_ms)
    if rules.duration:
        yield from (ms for v in rules.duration.values if start_ms < (ms := start_ms + v) < end_ms)
    if rules.charging:
        yield from _crossings(rules.charging, curves, curves.charging)
    if rules.idle:
        yield from _crossings(rules.idle, curves, curves.parking)
    if rules.power or rules.current:
        yield from curves.t_ms[1:-1]


def _crossings(thresholds: Thresholds, curves: Curves, curve: Curve) -> Iterator[int]:
    reached = (curves.reaches(curve, value) for value in thresholds.values if value > 0)
    return (at_ms for at_ms in reached if at_ms is not None)


def _classes(rules: Rules, curves: Curves) -> list[int]:
    """Mask of every period by its power and current; empty where no element asks."""
    judges: list[Callable[[int], int]] = []
    if rules.power:
        power = rules.power
        judges.append(lambda k: _known(power, _power_nw(curves, k), rules.every))
    if rules.current:
        current = rules.current
        judges.append(lambda k: _known(current, _current_na(curves.periods[k]), rules.every))
    classes = []
    for k in range(len(curves.periods) if judges else 0):
        mask = rules.every
        for judge in judges:
            mask &= judge(k)
        classes.append(mask)
    return classes


def _known(thresholds: Thresholds, value: int | None, every: int) -> int:
    """Mask of a value; an unknown one satisfies every restriction."""
    return every if value is None else thresholds.mask(value)


def _power_nw(curves: Curves, k: int) -> int | None:
    """Mean power of a period in nW, rounded down: its own, else energy over time."""
    if (power_w := curves.periods[k].power_w) is not None:
        return int(power_w * NWH)
    lasts = curves.t_ms[k + 1] - curves.t_ms[k]
    return (curves.energy[k + 1] - curves.energy[k]) * 3_600_000 // lasts if lasts else None


def _current_na(period: Period) -> int | None:
    return None if period.current_a is None else int(period.current_a * NWH)
