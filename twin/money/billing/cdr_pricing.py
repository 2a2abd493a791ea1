"""The price of somebody else's charging periods, as they stand: nothing is split.

Whether an element applies is judged at a period's start (mod_cdrs, ChargingPeriod: who writes a CDR starts one at
every change of price). Volumes, step sizes and bounds make the bill as they do for measured sessions (`settle`).
Choices that OCPI leaves open:

* Each period is priced by the tariff that its `tariff_id` names. Where no period names one, the first tariff that is
  valid at the start prices all of them; where only some do, the others are free, as OCPI says.
* A restriction on current or power: the period's least value is held against the minimum, its highest against the
  maximum; where it tells only one of them, that stands for both; where it tells neither, its mean does. An untold
  power is energy over time; an untold current satisfies every restriction, and the bill warns.
* The session's duration counts from its first period that is not only a reservation.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Final, Literal, NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

from twin.errors import Problem, ScenarioError
from twin.money.billing.model import Bill, Dimension, Measured, Reservation, Tariff
from twin.money.billing.ocpi_cdr import (
    ENERGY,
    PARKING_TIME,
    RESERVATION_TIME,
    TIME,
    Cdr,
    CdrPeriod,
    session_periods,
)
from twin.money.billing.pricing import choose
from twin.money.billing.rates import NWH, Rate
from twin.money.billing.rules import Book, Rules, Thresholds
from twin.money.billing.settle import settle
from twin.money.billing.stretches import Stretch

Outcome: TypeAlias = Literal["used", "expired"]
_NWH_PER_KWH: Final = NWH * 1000
_HOUR_MS: Final = 3_600_000


class Priced(NamedTuple):
    """A bill, and the tariff of its lines: of several, their elements one after another."""

    tariff: Tariff
    bill: Bill


def price_periods(
    cdr: Cdr,
    tariff: Tariff | None,
    time_zone: str | None,
    reservation: Outcome | None,
    *,
    stepped: bool = True,
) -> Priced:
    """Price a CDR's periods.

    Args:
        cdr: What is priced; its claims are not looked at.
        tariff: By which; None: by the CDR's own.
        time_zone: IANA name; None: the location's.
        reservation: What became of a reservation; None: used if the car charged, else expired.
        stepped: Whether step sizes are applied.

    Raises:
        ScenarioError: There is no tariff, no time zone where one matters, or the reservation does not fit.
        PricingError: No tariff is valid at the start, or one cannot be priced.
    """
    tariffs, chosen = _tariffs(cdr, tariff)
    one = tariffs[0] if len(tariffs) == 1 else _joined(cdr, tariffs)
    outcome, warnings = _outcome(cdr, reservation)
    job = _Job(cdr, one, Rules(one, ZoneInfo(_zone(cdr, one, time_zone))), tariffs, chosen)
    reserved = job.reserved(outcome)
    session = job.session()
    warnings += job.warnings
    if not session and not reserved:
        warnings.append(f"no price of tariff {one.id} applied: the session is free")
    bill = settle(
        job.rules.rates,
        reserved + session,
        stepped=stepped,
        at_least=one.flat_without_energy or job.energy > 0,
        warnings=tuple(warnings),
    )
    return Priced(one, bill)


def _tariffs(cdr: Cdr, given: Tariff | None) -> tuple[list[Tariff], list[int | None]]:
    """Return the tariffs in use, and which of them prices each period; None: none."""
    if given is not None:
        if given.currency != cdr.currency:
            raise _unusable(
                cdr, f"its currency is {cdr.currency}, that of tariff {given.id} {given.currency}"
            )
        return [given], [0] * len(cdr.periods)
    if not cdr.tariffs:
        raise _unusable(cdr, "it carries no tariff; give one beside it")
    named = [period.tariff_id.casefold() for period in cdr.periods]
    if not any(named):
        return [choose(cdr.tariffs, cdr.start_ms)], [0] * len(named)
    known = {tariff.id.casefold(): n for n, tariff in enumerate(cdr.tariffs)}
    unknown = sorted(
        {p.tariff_id for p in cdr.periods if p.tariff_id and p.tariff_id.casefold() not in known}
    )
    if unknown:
        ids = ", ".join(tariff.id for tariff in cdr.tariffs)
        raise _unusable(cdr, f"its periods name {', '.join(unknown)}, but it carries {ids}; give the tariff")
    used = sorted({known[name] for name in named if name})
    return [cdr.tariffs[n] for n in used], [used.index(known[name]) if name else None for name in named]


def _joined(cdr: Cdr, tariffs: Sequence[Tariff]) -> Tariff:
    """Return several tariffs as one, so that step sizes see the session's totals and flat fees come once."""
    first = tariffs[0]
    for key in ("tax_included", "min_price", "max_price"):
        if any(getattr(t, key) != getattr(first, key) for t in tariffs):
            ids = ", ".join(t.id for t in tariffs)
            raise _unusable(cdr, f"its tariffs {ids} differ in {key}; OCPI does not say which holds")
    elements = tuple(element for tariff in tariffs for element in tariff.elements)
    return replace(first, id=" + ".join(t.id for t in tariffs), elements=elements)


def _zone(cdr: Cdr, tariff: Tariff, given: str | None) -> str:
    name = given or cdr.time_zone
    if name:
        try:
            ZoneInfo(name)
        except (ValueError, OSError, KeyError):  # ZoneInfoNotFoundError is a KeyError
            raise _unusable(cdr, f"{name!r} is no time zone; write one as Europe/Berlin") from None
        return name
    if any(asks_for_civil_time(tariff)):
        raise _unusable(cdr, "the tariff asks for civil time; say the location's time zone, as Europe/Berlin")
    return "UTC"


def asks_for_civil_time(tariff: Tariff) -> Iterable[bool]:
    """Tell of each element whether it is restricted to hours, dates or days."""
    for element in tariff.elements:
        r = element.restrictions
        yield any(v is not None for v in (r.start_time, r.end_time, r.start_date, r.end_date, r.days))


def _outcome(cdr: Cdr, said: Outcome | None) -> tuple[Outcome | None, list[str]]:
    """Return what became of a reservation, None where there was none."""
    charged = any(session_periods(cdr))
    if said == "expired" and charged:
        raise _unusable(cdr, "its reservation cannot have expired: there are charging periods")
    if said is not None or not any(RESERVATION_TIME in p.volumes for p in cdr.periods):
        return said, []
    if charged:
        return "used", []
    return "expired", ["a CDR cannot say what became of a reservation: nothing was charged, so it expired"]


def _unusable(cdr: Cdr, text: str) -> ScenarioError:
    return ScenarioError([Problem(f"CDR {cdr.id}", 0, "", text)])


class _Job:
    """One CDR under one compiled tariff."""

    def __init__(
        self, cdr: Cdr, tariff: Tariff, rules: Rules, tariffs: Sequence[Tariff], chosen: Sequence[int | None]
    ) -> None:
        self.cdr = cdr
        self.tariff = tariff
        self.rules = rules
        self.warnings: list[str] = []
        self.energy = 0
        """nWh so far."""
        self.suits = rules.session_mask(Measured(periods=(), end_ms=cdr.end_ms, evse_kind=cdr.evse_kind))
        self.masks = self._masks(tariffs)
        self.chosen = {id(period): k for period, k in zip(cdr.periods, chosen, strict=True)}

    @staticmethod
    def _masks(tariffs: Sequence[Tariff]) -> list[int]:
        masks, first = [], 0
        for tariff in tariffs:
            masks.append(((1 << len(tariff.elements)) - 1) << first)
            first += len(tariff.elements)
        return masks

    def _of_tariff(self, period: CdrPeriod) -> int:
        which = self.chosen[id(period)]
        return 0 if which is None else self.masks[which] & self.suits

    def session(self) -> list[Stretch]:
        """Priced volumes of everything but the reservation."""
        periods = list(session_periods(self.cdr))
        fee: list[Stretch] = []
        runs: dict[Dimension, list[Stretch]] = {d: [] for d in Dimension}
        charged = idled = 0
        energies = [_units(p, ENERGY, _NWH_PER_KWH) for p in periods]
        may_charge_fee = self.tariff.flat_without_energy or sum(energies) > 0
        for period, energy in zip(periods, energies, strict=True):
            mask = self._mask(period, periods[0].start_ms, charged, idled)
            active = self.rules.book.active(mask)
            times = _units(period, TIME, _HOUR_MS), _units(period, PARKING_TIME, _HOUR_MS)
            for slot, units in ((active.energy, energy), (active.time, times[0]), (active.parking, times[1])):
                if slot is not None and units:
                    _add(runs[slot.component.dimension], slot.at(period.start_ms), period, units)
            if active.flat is not None and not fee and may_charge_fee:
                rate = active.flat.at(period.start_ms)
                fee = [Stretch(rate, None, period.start_ms, period.start_ms, 1)]
            self.energy += energy
            charged, idled = charged + times[0], idled + times[1]
        return fee + runs[Dimension.ENERGY] + runs[Dimension.TIME] + runs[Dimension.PARKING_TIME]

    def _mask(self, period: CdrPeriod, start_ms: int, charged: int, idled: int) -> int:
        """Elements that apply at a period's start."""
        rules, mask = self.rules, self._of_tariff(period)
        if rules.civil:
            mask &= rules.civil.mask(period.start_ms)
        for thresholds, value in (
            (rules.energy, self.energy),
            (rules.duration, period.start_ms - start_ms),
            (rules.charging, charged),
            (rules.idle, idled),
        ):
            if thresholds:
                mask &= thresholds.mask(value)
        if rules.power:
            mask &= self._within(rules.power, period, "POWER", 1000)
        if rules.current:
            mask &= self._within(rules.current, period, "CURRENT", 1)
        return mask

    def _mask_reserved(self, period: CdrPeriod, lasted_ms: int) -> int:
        """Elements that apply while nothing flows; time reserved counts as time charged, as in `Pricer`."""
        rules, mask = self.rules, self._of_tariff(period)
        if rules.civil:
            mask &= rules.civil.mask(period.start_ms)
        for thresholds, value in (
            (rules.energy, 0),
            (rules.power, 0),
            (rules.duration, lasted_ms),
            (rules.charging, lasted_ms),
            (rules.idle, 0),
        ):
            if thresholds:
                mask &= thresholds.mask(value)
        return mask

    def _within(self, thresholds: Thresholds, period: CdrPeriod, kind: str, scale: int) -> int:
        """Elements whose bounds of power or current hold: minima for the least value, maxima for the highest."""
        volumes = period.volumes
        mean = volumes.get(kind)
        least = volumes.get(f"MIN_{kind}", volumes.get(f"MAX_{kind}", mean))
        most = volumes.get(f"MAX_{kind}", volumes.get(f"MIN_{kind}", mean))
        if least is None or most is None:
            if kind == "CURRENT":
                self._warn(period, "tells no current: every restriction on it is taken as kept")
                return self.rules.every
            least = most = _mean_kw(period)
            self._warn(period, f"tells no power: {least:.4f} kW, energy over time, is taken")
        low, high = (thresholds.mask(int(value * scale * NWH)) for value in (least, most))
        return low & high

    def _warn(self, period: CdrPeriod, text: str) -> None:
        self.warnings.append(f"period {self.cdr.periods.index(period)} {text}")

    def reserved(self, outcome: Outcome | None) -> list[Stretch]:
        """Priced time and fees of the reservation."""
        if outcome is None:
            return []
        rules = self.rules
        periods = [p for p in self.cdr.periods if RESERVATION_TIME in p.volumes] or [self.cdr.periods[0]]
        used = self._reserved(rules.used, periods, Reservation.USED)
        if outcome == "used":
            return used
        if rules.expired.has(Dimension.TIME):
            used = [s for s in used if s.rate.dimension is not Dimension.TIME]
        return used + self._reserved(rules.expired, periods, Reservation.EXPIRED)

    def _reserved(self, book: Book, periods: Sequence[CdrPeriod], kind: Reservation) -> list[Stretch]:
        fee: list[Stretch] = []
        times: list[Stretch] = []
        for period in periods:
            active = book.active(self._mask_reserved(period, period.start_ms - periods[0].start_ms))
            units = _units(period, RESERVATION_TIME, _HOUR_MS)
            if active.time is not None and units:
                _add(times, active.time.at(period.start_ms), period, units)
            if active.flat is not None and not fee:
                rate = active.flat.at(period.start_ms)
                fee = [Stretch(rate, None, period.start_ms, period.start_ms, 1)]
        return [s._replace(reservation=kind) for s in fee + times]


def _add(runs: list[Stretch], rate: Rate, period: CdrPeriod, units: int) -> None:
    """Add a volume; at the rate of the one right before it, they become one."""
    if runs and runs[-1].rate is rate and runs[-1].end_ms == period.start_ms:
        last = runs.pop()
        runs.append(last._replace(end_ms=period.end_ms, units=last.units + units))
    else:
        runs.append(Stretch(rate, None, period.start_ms, period.end_ms, units))


def _units(period: CdrPeriod, kind: str, scale: int) -> int:
    return round(period.volumes.get(kind, Decimal(0)) * scale)


def _mean_kw(period: CdrPeriod) -> Decimal:
    """Energy over the time charged, or over the period's length where it tells none."""
    hours = period.volumes.get(TIME) or Decimal(period.end_ms - period.start_ms) / _HOUR_MS
    return period.volumes.get(ENERGY, Decimal(0)) / hours if hours else Decimal(0)
