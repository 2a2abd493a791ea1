"""A second pricer, as naive as can be: it walks through a session second by second, in fractions.

It shares nothing with the engine but the words of the model, and is right where every switch falls on a whole
second: so the tests choose their sessions.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from fractions import Fraction
from zoneinfo import ZoneInfo

from twin.money.billing.model import (
    Component,
    Dimension,
    Doing,
    Element,
    Measured,
    Period,
    PriceBound,
    Reservation,
    Restrictions,
    Tariff,
)

PER_UNIT = {Dimension.ENERGY: 1000, Dimension.TIME: 3600, Dimension.PARKING_TIME: 3600, Dimension.FLAT: 1}


@dataclass
class Moment:
    """The state of a session at the beginning of one second."""

    civil: datetime
    energy_wh: Fraction
    duration_s: int
    charging_s: int
    idle_s: int
    power_w: Fraction | None
    current_a: Fraction | None


@dataclass
class Consumed:
    """What was taken at one price after the other."""

    parts: list[tuple[Component, Fraction, Fraction]] = field(default_factory=list)
    """(component, price, volume in Wh, s or pieces)."""

    def add(self, component: Component, price: Fraction, volume: Fraction) -> None:
        """One second more of something."""
        if volume:
            self.parts.append((component, price, volume))

    def stepped(self) -> list[tuple[Component, Fraction, Fraction]]:
        """With the last part grown to the step size of the total."""
        if not self.parts:
            return []
        component, price, volume = self.parts[-1]
        total, step = sum(v for _, _, v in self.parts), component.step_size
        rounded = -(-total // step) * step if step else total
        return [*self.parts[:-1], (component, price, volume + rounded - total)]


def holds(r: Restrictions, now: Moment) -> bool:
    """Whether all restrictions of an element hold now."""
    clock, midnight = now.civil.time(), time(0)
    if r.start_time is not None or r.end_time is not None:
        start, end = r.start_time or midnight, r.end_time or midnight
        if end == midnight:
            inside = clock >= start
        elif start <= end:
            inside = start <= clock < end
        else:
            inside = clock >= start or clock < end
        if not inside:
            return False
    day = now.civil.date()
    if (r.start_date and day < r.start_date) or (r.end_date and not day < r.end_date):
        return False
    if r.days is not None and day.weekday() not in r.days:
        return False
    pairs = (
        (r.min_energy_wh, r.max_energy_wh, now.energy_wh),
        (r.min_duration_s, r.max_duration_s, now.duration_s),
        (r.min_charging_s, r.max_charging_s, now.charging_s),
        (r.min_idle_s, r.max_idle_s, now.idle_s),
        (r.min_power_w, r.max_power_w, now.power_w),
        (r.min_current_a, r.max_current_a, now.current_a),
    )
    return all(
        value is None or ((least is None or value >= least) and (most is None or value < most))
        for least, most, value in pairs
    )


def first(
    elements: list[Element], dimension: Dimension, now: Moment, at_ms: int
) -> tuple[Component, Fraction] | None:
    """The active component of a dimension, with its price now."""
    for element in elements:
        for component in element.components:
            if component.dimension is dimension and holds(element.restrictions, now):
                steps = [s.price for s in component.dynamic if s.start_ms <= at_ms]
                return component, Fraction(steps[-1] if steps else component.price)
    return None


def walk(
    elements: list[Element], periods: list[Period], end_ms: int, zone: ZoneInfo, flat_fee: bool
) -> list[Consumed]:
    """Energy, time, parking and flat fee of a session."""
    taken = {dimension: Consumed() for dimension in Dimension}
    start_ms = periods[0].start_ms
    energy, charging_s, idle_s = Fraction(0), 0, 0
    ends = [*(p.start_ms for p in periods[1:]), end_ms]
    for period, period_end_ms in zip(periods, ends, strict=True):
        lasts_s = (period_end_ms - period.start_ms) // 1000
        rate = Fraction(period.energy_wh) / lasts_s
        for second in range(lasts_s):
            at_ms = period.start_ms + 1000 * second
            now = Moment(
                datetime.fromtimestamp(at_ms // 1000, UTC).astimezone(zone),
                energy,
                (at_ms - start_ms) // 1000,
                charging_s,
                idle_s,
                rate * 3600 if period.power_w is None else Fraction(period.power_w),
                None if period.current_a is None else Fraction(period.current_a),
            )
            volumes = {
                Dimension.ENERGY: rate,
                Dimension.TIME: Fraction(period.doing is Doing.CHARGING),
                Dimension.PARKING_TIME: Fraction(period.doing is Doing.PARKING),
                Dimension.FLAT: Fraction(flat_fee and not taken[Dimension.FLAT].parts),
            }
            for dimension, volume in volumes.items():
                if volume and (active := first(elements, dimension, now, at_ms)):
                    taken[dimension].add(*active, volume)
            energy += rate
            charging_s += period.doing is Doing.CHARGING
            idle_s += period.doing is Doing.PARKING
    return [taken[d] for d in (Dimension.ENERGY, Dimension.TIME, Dimension.PARKING_TIME, Dimension.FLAT)]


def factor(component: Component) -> Fraction:
    """Price with taxes over price without."""
    total = Fraction(1)
    for level in sorted({t.stack for t in component.taxes}):
        total *= 1 + sum(Fraction(t.pct) for t in component.taxes if t.stack == level) / 100
    return total


def clamp(value: Fraction, least: object, most: object) -> Fraction:
    """A total within its bounds."""
    if least is not None:
        value = max(value, Fraction(least))
    return value if most is None else min(value, Fraction(most))


def reference_price(tariff: Tariff, session: Measured, time_zone: str) -> tuple[Fraction, Fraction]:
    """Exact totals without and with tax; bounds are given on both sides or not at all."""
    zone = ZoneInfo(time_zone)
    of_kind: dict[Reservation | None, list[Element]] = {
        None: [],
        Reservation.USED: [],
        Reservation.EXPIRED: [],
    }
    for element in tariff.elements:
        of_kind[element.restrictions.reservation].append(element)
    parts: list[tuple[Component, Fraction, Fraction]] = []
    if session.reserved is not None:
        booked = [Period(session.reserved.start_ms, 0)]
        _, waiting, _, fee = walk(of_kind[Reservation.USED], booked, session.reserved.end_ms, zone, True)
        parts += waiting.stepped() + fee.parts
    took_energy = any(p.energy_wh for p in session.periods)
    fees = tariff.flat_without_energy or took_energy
    energy, charging, parking, fee = walk(of_kind[None], list(session.periods), session.end_ms, zone, fees)
    parts += energy.stepped() + fee.parts
    parts += (charging.parts + parking.stepped()) if parking.parts else charging.stepped()
    excl = incl = Fraction(0)
    for component, price, volume in parts:
        amount = volume * price / PER_UNIT[component.dimension]
        excl += amount / factor(component) if tariff.tax_included else amount
        incl += amount if tariff.tax_included else amount * factor(component)
    least = tariff.min_price if fees else PriceBound()
    most = tariff.max_price
    return clamp(excl, least.excl, most.excl), clamp(incl, least.incl, most.incl)
