"""What prices need of one transaction: a few points of its register and of what the car did, and the bill of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

from twin.money.billing.curves import Curves
from twin.money.billing.model import Bill, Dimension, Doing, Measured, Period
from twin.money.billing.pricing import Pricer
from twin.network.ocpp.wire.link import Payload


class Point(NamedTuple):
    """From an instant on, the car does something."""

    t_ms: int
    """Unix time."""
    register_wh: float | None
    """None: it was not told at that instant."""
    doing: Doing

    def body(self) -> list[object]:
        """Return it as JSON."""
        return [self.t_ms, self.register_wh, self.doing.value]


def point_from(body: Sequence[Any]) -> Point:
    """Return the point that `Point.body` wrote."""
    return Point(int(body[0]), None if body[1] is None else float(body[1]), Doing(body[2]))


class Compiled(NamedTuple):
    """A tariff, ready to price, and which points it needs."""

    pricer: Pricer
    marks_ms: tuple[int, ...]
    """Durations since the start at which a price changes."""
    dense: bool
    """Whether every reading counts: prices by power, current, or time charged and idled."""

    def switches(self, start_ms: int, after_ms: int, until_ms: int) -> bool:
        """Whether some price changes within (after_ms, until_ms] of a session that began at `start_ms`."""
        if any(after_ms < start_ms + mark_ms <= until_ms for mark_ms in self.marks_ms):
            return True
        return bool(self.pricer.changes_ms(after_ms, until_ms + 1))


def compiled(pricer: Pricer) -> Compiled:
    """Find out which points of a session a tariff needs."""
    restrictions = [element.restrictions for element in pricer.tariff.elements]
    marks_s = {s for r in restrictions for s in (r.min_duration_s, r.max_duration_s) if s}
    counted = any(
        value is not None
        for element in pricer.tariff.elements
        for r in (element.restrictions,)
        for value in (r.min_charging_s, r.max_charging_s, r.min_idle_s, r.max_idle_s)
        if any(component.dimension is Dimension.ENERGY for component in element.components)
    )
    dense = counted or bool(pricer.needs & {"power", "current"})
    return Compiled(pricer, tuple(sorted(mark_s * 1000 for mark_s in marks_s)), dense)


@dataclass(slots=True)
class Priced:
    """One transaction that has a tariff."""

    station: str
    id: str
    evse: int
    tariff: Payload
    """In the words of OCPP 2.1: the tariff at its start, whatever is set later."""
    by: Compiled
    points: list[Point]
    end: tuple[int, float | None] | None = None
    """Instant in ms and register in Wh; None: it goes on."""
    entries: list[int] = field(default_factory=list)
    """Numbers of its points in the journal."""
    told_minor: int = 0
    """What the station was told last."""
    due: bool = False
    """The station is to be told."""
    telling: bool = False
    ticking: bool = False
    differs: bool = False
    """The station's own price is another one, which was said."""

    def add(self, t_ms: int, register_wh: float | None, doing: Doing | None = None) -> bool:
        """Enter a reading or what the car does now; what came late counts from the latest point on.

        Returns:
            Whether it is one more point; False: the latest one is another now.
        """
        last = self.points[-1]
        if t_ms <= last.t_ms:
            register_wh = last.register_wh if register_wh is None or t_ms < last.t_ms else register_wh
            self.points[-1] = Point(last.t_ms, register_wh, doing or last.doing)
            return False
        new = Point(t_ms, register_wh, doing or last.doing)
        if self._dispensable(new):
            self.points[-1] = new
            return False
        self.points.append(new)
        return True

    def _dispensable(self, new: Point) -> bool:
        """Whether the latest point says nothing that the one before it and the new one do not say."""
        if self.by.dense or len(self.points) < 2 or new.register_wh is None:
            return False
        before, last = self.points[-2:]
        if before.doing is not last.doing or before.register_wh is None:
            return False
        return not self.by.switches(self.points[0].t_ms, before.t_ms, new.t_ms)

    def measured(self, until_ms: int) -> Measured:
        """Return the session up to its end, or to an instant where it goes on."""
        points = self.points
        if self.end is None:
            end_ms = max(until_ms, points[-1].t_ms)
        else:
            end_ms, register_wh = max(self.end[0], points[0].t_ms), self.end[1]
            points = [point for point in points if point.t_ms < end_ms] or points[:1]
            if end_ms > points[-1].t_ms:
                points = [*points, Point(end_ms, register_wh, points[-1].doing)]
        return Measured(periods=list(periods(points, end_ms)), end_ms=end_ms)

    def bill(self, until_ms: int) -> Bill:
        """Return what it costs, or costs so far.

        Raises:
            PricingError: See `Pricer.price`.
        """
        measured = self.measured(until_ms)
        return self.by.pricer.running(measured) if self.end is None else self.by.pricer.price(measured)

    def prices_now(self, until_ms: int) -> dict[Dimension, Decimal]:
        """Return the prices in force, with tax: per kWh, per hour of charging and of idling; 0 where it is free."""
        rules = self.by.pricer.rules
        measured = self.measured(until_ms)
        curves = Curves(measured, by_doing=True)
        mask = rules.session_mask(measured)
        if rules.civil is not None:
            mask &= rules.civil.mask(measured.end_ms)
        reached = (
            (rules.energy, curves.energy[-1]),
            (rules.duration, curves.t_ms[-1] - curves.t_ms[0]),
            (rules.charging, curves.charging[-1]),
            (rules.idle, curves.parking[-1]),
        )
        for thresholds, value in reached:
            if thresholds is not None:
                mask &= thresholds.mask(value)
        active = rules.book.active(mask)
        slots = {
            Dimension.ENERGY: active.energy,
            Dimension.TIME: active.time,
            Dimension.PARKING_TIME: active.parking,
        }
        return {
            dimension: Decimal(0) if slot is None else rules.rates.with_tax(slot.at(measured.end_ms))
            for dimension, slot in slots.items()
        }

    @property
    def meter_wh(self) -> float:
        """The latest register; 0 where none was told."""
        told = [point.register_wh for point in self.points if point.register_wh is not None]
        if self.end is not None and self.end[1] is not None:
            return self.end[1]
        return told[-1] if told else 0.0

    def body(self) -> dict[str, object]:
        """Return all of it as JSON for the journal."""
        return {
            "id": self.id,
            "evse": self.evse,
            "tariff": self.tariff,
            "points": [point.body() for point in self.points],
            "end": None if self.end is None else list(self.end),
        }


def priced_from(station: str, body: Mapping[str, Any], by: Compiled) -> Priced:
    """Return what `Priced.body` wrote."""
    points = [point_from(one) for one in body["points"]]
    end = None if body["end"] is None else (int(body["end"][0]), body["end"][1])
    return Priced(station, body["id"], int(body["evse"]), body["tariff"], by, points, end)


def periods(points: Sequence[Point], end_ms: int) -> Iterator[Period]:
    """Return measured periods between points, and from the last one to the end.

    Energy between two registers is that of the time in between in which the car charged; of all of it where it never
    did. A register that falls is taken for the one before it, one above the last one for the last.
    """
    bounds = [point.t_ms for point in points]
    if end_ms > bounds[-1] or len(bounds) == 1:
        bounds.append(end_ms)
    spans_ms = [end - start for start, end in pairwise(bounds)]
    energies_mwh = [0] * len(spans_ms)
    registers = _rising(points)
    for (first, begin_mwh), (last, mwh) in pairwise(registers):
        charging = [spans_ms[k] if points[k].doing is Doing.CHARGING else 0 for k in range(first, last)]
        weights = charging if any(charging) else spans_ms[first:last]
        shares = [(mwh - begin_mwh) * upto // sum(weights) for upto in accumulate(weights, initial=0)]
        energies_mwh[first:last] = [after - before for before, after in pairwise(shares)]
    for point, energy_mwh in zip(points, energies_mwh, strict=False):
        yield Period(point.t_ms, Decimal(energy_mwh).scaleb(-3), point.doing)


def _rising(points: Sequence[Point]) -> list[tuple[int, int]]:
    """Return (index, register in mWh) of the points that have one, never falling."""
    told = [(k, round(p.register_wh * 1000)) for k, p in enumerate(points) if p.register_wh is not None]
    if not told:
        return []
    most = max(told[-1][1], told[0][1])
    rising: list[tuple[int, int]] = []
    for k, mwh in told:
        rising.append((k, min(max(mwh, rising[-1][1] if rising else mwh), most)))
    return rising


def ended(priced: Priced, end_ms: int, register_wh: float | None, begin_wh: float | None) -> None:
    """Close a session, or amend its end; its own begin is right where it was not known before."""
    priced.end = (end_ms, register_wh)
    if begin_wh is not None:
        priced.points[0] = priced.points[0]._replace(register_wh=begin_wh)
