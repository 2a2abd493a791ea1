"""What a session costs: the exact semantics of OCPI 2.2.1, for tariffs of OCPP 2.1 and dynamic prices alike.

A session is cut wherever a price switches (`split`), volumes at one rate make stretches (`stretches`), and these
make the bill (`settle`). Decisions where OCPI leaves a choice:

* Measured periods are split here; a session may come as one period or as one per minute.
* A pause that we caused (`Doing.HELD`) is neither charging nor parking: it costs no time, and counts as time
  neither charged nor idled; the session's duration goes on.
* Flat fees: once per session, the first one that becomes active.
* An expired reservation pays the components of both reservation elements, but time once: where the tariff has an
  element for expired ones with time, that one replaces the other's (OCPI 2.2.1 mod_tariffs,
  ReservationRestrictionType).
* A step size rounds what has a price; unpriced volumes are not counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from math import ceil

from twin.money.billing.bounds import Ahead, at_most
from twin.money.billing.check import refuse
from twin.money.billing.civil import unix_ms, zone_of
from twin.money.billing.curves import Curves, wrong
from twin.money.billing.errors import PricingError
from twin.money.billing.model import Bill, Dimension, Measured, Period, Reservation, Reserved, Tariff
from twin.money.billing.rates import NWH
from twin.money.billing.rules import Book, Rules
from twin.money.billing.settle import settle
from twin.money.billing.split import cuts
from twin.money.billing.stretches import Stretch, consumed, flat


def choose(tariffs: Sequence[Tariff], start_ms: int) -> Tariff:
    """Return the first tariff that is valid when a session starts; it stays the session's to the end.

    Raises:
        PricingError: None of them is valid then.
    """
    for tariff in tariffs:
        begun = tariff.valid_from is None or unix_ms(tariff.valid_from) <= start_ms
        if begun and (tariff.valid_until is None or start_ms < unix_ms(tariff.valid_until)):
            return tariff
    known = ", ".join(t.id for t in tariffs) or "none"
    raise PricingError([f"no tariff is valid at {start_ms} ms: given are {known}"])


class Pricer:
    """Prices sessions by one tariff at one location; compiled once, pure from then on.

    Attributes:
        tariff: What is priced by.
        needs: What a session must measure: `doing` (charging, parking or held), `power`, `current`.
    """

    def __init__(self, tariff: Tariff, time_zone: str) -> None:
        """Compile a tariff.

        Args:
            tariff: What is charged.
            time_zone: IANA name of the location's zone, in which windows of time are meant.

        Raises:
            PricingError: There is no such zone, or the tariff cannot be priced; `check` tells what else is odd about one.
        """
        refuse(tariff)
        self.tariff = tariff
        self.time_zone = time_zone
        self.rules = rules = Rules(tariff, zone_of(time_zone))
        needs = {"doing": rules.by_doing, "power": rules.power, "current": rules.current}
        self.needs = frozenset(name for name, needed in needs.items() if needed)

    def price(self, session: Measured) -> Bill:
        """Return the bill of a session that has ended, or of a reservation that nobody used.

        Raises:
            PricingError: Its meter falls, periods do not follow one another, or the reservation does not fit.
        """
        return self._bill(session, stepped=True)

    def running(self, session: Measured) -> Bill:
        """Return the cost so far: without step sizes, which round up once, at the end.

        Raises:
            PricingError: As for `price`.
        """
        return self._bill(session, stepped=False)

    def _bill(self, session: Measured, *, stepped: bool) -> Bill:
        if not session.periods or session.reserved is not None:
            _refuse_reservation(session)
        found: list[Stretch] = []
        if session.reserved is not None:
            found += self.reserved(session, session.reserved)
        if not session.periods:
            return settle(self.rules.rates, found, stepped=stepped, at_least=False)
        curves = Curves(session, self.rules.by_doing)
        fees = self.tariff.flat_without_energy or curves.energy[-1] > 0
        points = cuts(self.rules, curves, self.rules.session_mask(session))
        found += flat(self.rules.book, points) if fees else []
        found += consumed(self.rules.book, curves, points)
        warnings = () if found else (f"no price of tariff {self.tariff.id} applied: the session is free",)
        return settle(self.rules.rates, found, stepped=stepped, at_least=fees, warnings=warnings)

    def reserved(self, session: Measured, reserved: Reserved) -> list[Stretch]:
        """Priced time and fees of a reservation."""
        rules = self.rules
        alone = Measured(periods=(Period(reserved.start_ms, 0),), end_ms=reserved.end_ms)
        curves = Curves(alone, by_doing=True)
        points = cuts(rules, curves, rules.session_mask(session))

        def priced(book: Book, kind: Reservation) -> list[Stretch]:
            found = flat(book, points) + consumed(book, curves, points)
            return [s._replace(reservation=kind) for s in found]

        used = priced(rules.used, Reservation.USED)
        if reserved.used:
            return used
        if rules.expired.has(Dimension.TIME):
            used = [s for s in used if s.rate.dimension is not Dimension.TIME]
        return used + priced(rules.expired, Reservation.EXPIRED)

    def at_most(
        self, session: Measured, until_ms: int, max_w: Decimal | int, energy_wh: Decimal | int | None = None
    ) -> Decimal:
        """Bound the price with tax of a session that goes on, whatever it does from its end so far.

        Args:
            session: What was measured so far; what comes is measured in further periods.
            until_ms: It ends then at the latest, not before `session.end_ms`.
            max_w: Most power from now on, W.
            energy_wh: Most energy from now on, if more than power and time limit it.

        Raises:
            PricingError: As for `price`.
        """
        energy_nwh = None if energy_wh is None else ceil(energy_wh * NWH)
        return self._at_most(session, Ahead(until_ms, ceil(max_w * NWH), energy_nwh))

    def worst(
        self,
        energy_wh: Decimal | int,
        duration_s: float,
        start_ms: int,
        *,
        evse_kind: str = "",
        payment_brand: str = "",
        payment_recognition: str = "",
    ) -> Decimal:
        """Most that a session can cost with tax: what a hold of "tariff times battery" must cover.

        Args:
            energy_wh: Most energy it takes.
            duration_s: How long it lasts at most, charging or not.
            start_ms: When it starts.
            evse_kind: As in `Measured`, as are the two below.
            payment_brand: As in `Measured`.
            payment_recognition: As in `Measured`.
        """
        nothing = Measured(
            periods=(Period(start_ms, 0),),
            end_ms=start_ms,
            evse_kind=evse_kind,
            payment_brand=payment_brand,
            payment_recognition=payment_recognition,
        )
        until_ms = start_ms + ceil(duration_s * 1000)
        return self._at_most(nothing, Ahead(until_ms, None, ceil(energy_wh * NWH)))

    def _at_most(self, session: Measured, ahead: Ahead) -> Decimal:
        if session.reserved is not None:
            _refuse_reservation(session)
        past = self.reserved(session, session.reserved) if session.reserved is not None else []
        rules, mask = self.rules, self.rules.session_mask(session)
        curves = Curves(session, rules.by_doing)
        points = cuts(rules, curves, mask)
        past += consumed(rules.book, curves, points)
        fee = flat(rules.book, points) if curves.end_ms > curves.t_ms[0] else []
        return at_most(rules, curves, past, fee, mask, ahead)

    def energy_price(self, at_ms: int) -> Decimal:
        """Price per kWh with tax of a session that starts at an instant; 0 where none applies."""
        rules = self.rules
        mask = rules.start_mask(at_ms)
        slot = rules.book.active(mask).energy
        return Decimal(0) if slot is None else rules.rates.with_tax(slot.at(at_ms))

    def changes_ms(self, start_ms: int, end_ms: int) -> tuple[int, ...]:
        """Instants within (start_ms, end_ms) at which civil time or an interval changes a price."""
        return tuple(self.rules.switches_ms(start_ms, end_ms))


def _refuse_reservation(session: Measured) -> None:
    """Refuse a reservation that does not fit its session, with what else is wrong."""
    problems = wrong(session)
    reserved = session.reserved
    if reserved is None:
        problems.append("there is neither a measured period nor a reservation")
    else:
        if reserved.end_ms < reserved.start_ms:
            problems.append(f"the reservation ends at {reserved.end_ms} ms, before {reserved.start_ms} ms")
        if reserved.used and not session.periods:
            problems.append("the reservation was used, but nothing was measured")
        if session.periods and not reserved.used:
            problems.append("a reservation that expired is billed alone, not with a session")
        if session.periods and reserved.end_ms > session.periods[0].start_ms:
            problems.append("the reservation goes on after the session began")
    if problems:
        raise PricingError(problems)
