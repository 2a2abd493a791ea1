"""Totals, taxes and bounds; sessions that cannot be priced; what others ask of a pricer."""

import pickle
from datetime import UTC, datetime, time
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.money.billing.cases import (
    BERLIN,
    CHARGING,
    ENERGY,
    FLAT,
    HOUR_MS,
    PARKED,
    PARKING,
    TIME,
    component,
    element,
    ms,
    session,
    tariff,
)
from tests.money.billing.strategies import cases
from twin.money.billing.errors import PricingError
from twin.money.billing.model import Measured, Period, PriceBound, Reservation, Reserved, Step, Tax
from twin.money.billing.pricing import Pricer, choose

NOON = ms("2026-01-14T12:00")
PER_KWH = tariff(element(component(ENERGY, "0.50")))


def bill(tariff_, session_):
    """Price in Berlin."""
    return Pricer(tariff_, BERLIN).price(session_)


class TestTaxes:
    def test_a_stacked_tax_is_on_the_price_with_the_lower_ones(self) -> None:
        """100 + 10 % = 110; 5 % of that is 5.50: 115.50."""
        taxes = (Tax("state", Decimal(10)), Tax("city", Decimal(5), 1))
        got = bill(tariff(element(component(FLAT, "100")._replace(taxes=taxes))), session(NOON, (1, 1)))
        assert (got.excl, got.incl) == (100, Decimal("115.5"))
        assert [(t.name, t.amount) for t in got.taxes] == [("state", 10), ("city", Decimal("5.5"))]

    def test_taxes_of_one_stack_do_not_tax_each_other(self) -> None:
        """100 + 10 % + 5 % = 115."""
        taxes = (Tax("state", Decimal(10)), Tax("city", Decimal(5)))
        got = bill(tariff(element(component(FLAT, "100")._replace(taxes=taxes))), session(NOON, (1, 1)))
        assert got.incl == 115

    def test_a_price_with_tax_is_taken_apart(self) -> None:
        """119 with 19 % are 100 and 19."""
        got = bill(tariff(element(component(FLAT, "119", "19")), tax_included=True), session(NOON, (1, 1)))
        assert (got.excl, got.incl, got.tax_minor) == (100, 119, 1900)

    def test_without_taxes_both_totals_are_one(self) -> None:
        """No tax is applicable."""
        got = bill(PER_KWH, session(NOON, (60, 3_000)))
        assert (got.excl, got.incl, got.taxes) == (Decimal("1.5"), Decimal("1.5"), ())


class TestPriceBounds:
    def test_both_sides_are_clamped_on_their_own(self) -> None:
        """13.00 and 13.00 x 1.19 = 15.47 against 10 and 20: only the first is capped."""
        prices = tariff(element(component(FLAT, "13", "19")), max_price=PriceBound(Decimal(10), Decimal(20)))
        got = bill(prices, session(NOON, (1, 1)))
        assert (got.excl, got.incl, got.bound) == (10, Decimal("15.47"), "max")

    def test_one_side_alone_moves_the_other_in_proportion(self) -> None:
        """20 + 19 % capped at 10 without tax is capped at 11.90 with it."""
        prices = tariff(element(component(FLAT, "20", "19")), max_price=PriceBound(Decimal(10)))
        got = bill(prices, session(NOON, (1, 1)))
        assert (got.excl, got.incl) == (10, Decimal("11.9"))

    def test_a_highest_cost_with_tax_alone(self) -> None:
        """As OCPP writes maxCost: 23.80 capped at 11.90 is 10 without tax."""
        prices = tariff(element(component(FLAT, "20", "19")), max_price=PriceBound(None, Decimal("11.9")))
        got = bill(prices, session(NOON, (1, 1)))
        assert (got.excl, got.incl) == (10, Decimal("11.9"))

    def test_a_free_session_still_costs_the_minimum(self) -> None:
        """But not where it took no energy and the tariff waives fees then."""
        least = PriceBound(Decimal(1), Decimal(1))
        prices = tariff(element(component(ENERGY, "0.5")), min_price=least)
        kind = tariff(element(component(ENERGY, "0.5")), min_price=least, flat_without_energy=False)
        nothing = session(NOON, (1, 0))
        assert (bill(prices, nothing).excl, bill(kind, nothing).excl) == (1, 0)

    def test_an_expired_reservation_owes_no_minimum(self) -> None:
        """A minimum is of charging sessions."""
        prices = tariff(
            element(component(FLAT, "0.4"), reservation=Reservation.EXPIRED),
            min_price=PriceBound(Decimal(1), Decimal(1)),
        )
        expired = Measured(periods=(), end_ms=NOON, reserved=Reserved(NOON - HOUR_MS, NOON, used=False))
        assert bill(prices, expired).excl == Decimal("0.4")


class TestReservations:
    def test_fees_of_both_elements_add_when_it_expires(self) -> None:
        """2.00 for the reservation, 4.00 for letting it expire, and the time of the used one."""
        prices = tariff(
            element(component(FLAT, "2"), component(TIME, "1"), reservation=Reservation.USED),
            element(component(FLAT, "4"), reservation=Reservation.EXPIRED),
        )
        expired = Measured(periods=(), end_ms=NOON, reserved=Reserved(NOON - HOUR_MS, NOON, used=False))
        assert bill(prices, expired).excl == 7

    def test_a_used_one_never_pays_for_expiry(self) -> None:
        """2.00 and half an hour."""
        prices = tariff(
            element(component(FLAT, "2"), component(TIME, "1"), reservation=Reservation.USED),
            element(component(FLAT, "4"), component(TIME, "9"), reservation=Reservation.EXPIRED),
        )
        booked = Reserved(NOON - HOUR_MS // 2, NOON, used=True)
        got = bill(prices, session(NOON, (1, 1), reserved=booked))
        assert got.excl == Decimal("2.5")
        assert {line.reservation for line in got.lines} == {Reservation.USED}

    def test_reservation_time_is_priced_by_the_clock_too(self) -> None:
        """11:00 to 12:00 at 4 until half past, then free."""
        prices = tariff(element(component(TIME, "4"), end_time=time(11, 30), reservation=Reservation.USED))
        booked = Reserved(NOON - HOUR_MS, NOON, used=True)
        assert bill(prices, session(NOON, (1, 1), reserved=booked)).excl == 2

    def test_reserved_time_and_charging_time_are_rounded_apart(self) -> None:
        """13 minutes become 15, 21 become 25: 0.25 + 0.41666... h at 1."""
        prices = tariff(
            element(component(TIME, "1", step=300), reservation=Reservation.USED),
            element(component(TIME, "1", step=300)),
        )
        booked = Reserved(NOON - 13 * 60_000, NOON, used=True)
        got = bill(prices, session(NOON, (21, 1_000), reserved=booked))
        assert [round(x.billed * 60) for x in got.lines] == [15, 25]


class TestRefused:
    @pytest.mark.parametrize(
        ("periods", "end_ms", "told"),
        [
            ((Period(0, 5), Period(10, -3)), 20, ["period 1: the meter falls by 3 Wh"]),
            (
                (Period(10, 5), Period(5, 5)),
                20,
                ["period 0: begins at 10 ms, but the next period begins at 5 ms"],
            ),
            ((Period(10, 5),), 5, ["period 0: begins at 10 ms, but the session ends at 5 ms"]),
            ((Period(0, Decimal("NaN")),), 5, ["period 0: an energy of Decimal('NaN') is neither a whole"]),
            ((Period(0, 0.5),), 5, ["period 0: an energy of 0.5 is neither a whole number nor a decimal"]),
            (
                (Period(9, -1), Period(5, 5)),
                3,
                ["falls by 1 Wh", "next period begins at 5", "session ends at 3"],
            ),
            ((), 5, ["there is neither a measured period nor a reservation"]),
        ],
    )
    def test_every_problem_of_a_session_is_named(self, periods, end_ms: int, told: list[str]) -> None:
        """All at once."""
        with pytest.raises(PricingError) as caught:
            bill(PER_KWH, Measured(periods=periods, end_ms=end_ms))
        assert len(caught.value.problems) == len(told)
        assert all(text in problem for text, problem in zip(told, caught.value.problems, strict=True))

    @pytest.mark.parametrize(
        ("reserved", "periods", "told"),
        [
            (Reserved(9, 5, used=False), (), "the reservation ends at 5 ms, before 9 ms"),
            (Reserved(1, 5, used=True), (), "the reservation was used, but nothing was measured"),
            (Reserved(1, 5, used=False), (Period(5, 1),), "expired is billed alone"),
            (Reserved(1, 6, used=True), (Period(5, 1),), "goes on after the session began"),
        ],
    )
    def test_a_reservation_must_fit_its_session(self, reserved, periods, told: str) -> None:
        """Before it, not over it."""
        with pytest.raises(PricingError, match=told):
            bill(PER_KWH, Measured(periods=periods, end_ms=10, reserved=reserved))

    def test_errors_come_back_from_workers(self) -> None:
        """Pickled with all problems."""
        error = pickle.loads(pickle.dumps(PricingError(["one", "two"])))
        assert error.problems == ("one", "two")

    def test_two_readings_of_one_instant_lose_no_energy(self) -> None:
        """Periods of no length give their energy to the next, or to the last one."""
        periods = (Period(NOON, 100), Period(NOON, 1_000), Period(NOON + HOUR_MS, 20))
        got = bill(PER_KWH, Measured(periods=periods, end_ms=NOON + HOUR_MS))
        assert sum(line.volume for line in got.lines) == Decimal("1.12")

    def test_a_session_of_no_length_is_priced(self) -> None:
        """Its energy, and its fee."""
        prices = tariff(element(component(ENERGY, "1"), component(FLAT, "1")))
        assert bill(prices, Measured(periods=(Period(NOON, 2_000),), end_ms=NOON)).excl == 3

    def test_a_tariff_that_never_matched_warns(self) -> None:
        """Only parking has a price."""
        got = bill(tariff(element(component(PARKING, "1"))), session(NOON, (60, 1_000)))
        assert got.warnings == ("no price of tariff t applied: the session is free",)


class TestChoose:
    def test_the_start_chooses_and_the_end_is_excluded(self) -> None:
        """The new tariff holds from the first of February on, for sessions that start then."""
        change = datetime(2026, 2, 1, tzinfo=UTC)
        old = tariff(element(component(FLAT, "1")), valid_until=change)
        new = tariff(element(component(FLAT, "2")), valid_from=change)
        change_ms = int(change.timestamp()) * 1000
        assert choose([old, new], change_ms - 1) is old
        assert choose([old, new], change_ms) is new
        with pytest.raises(PricingError, match="no tariff is valid"):
            choose([old], change_ms)


class TestAsked:
    BANDS = tariff(
        element(component(ENERGY, "0.40", "10"), start_time=time(8), end_time=time(20)),
        element(component(ENERGY, "0.20", "10")),
        element(component(PARKING, "6", "20"), min_idle_s=600),
    )

    def test_a_pricer_tells_what_must_be_measured(self) -> None:
        """Flat tariffs need the register alone."""
        by_power = tariff(element(component(ENERGY, "1"), min_power_w=Decimal(1), max_current_a=Decimal(9)))
        found = [Pricer(t, BERLIN).needs for t in (PER_KWH, self.BANDS, by_power)]
        assert found == [frozenset(), frozenset({"doing"}), frozenset({"power", "current"})]

    def test_the_price_of_energy_at_an_instant(self) -> None:
        """0.44 at noon with 10 %, 0.22 at night; nothing where none applies."""
        pricer = Pricer(self.BANDS, BERLIN)
        assert pricer.energy_price(NOON) == Decimal("0.44")
        assert pricer.energy_price(ms("2026-01-14T23:00")) == Decimal("0.22")
        assert Pricer(tariff(element(component(FLAT, "1"))), BERLIN).energy_price(NOON) == 0

    def test_instants_at_which_prices_change(self) -> None:
        """08:00 and 20:00 of both days within, without the ends; intervals of dynamic prices."""
        changes = Pricer(self.BANDS, BERLIN).changes_ms(ms("2026-01-14T08:00"), ms("2026-01-15T20:00"))
        assert changes == (ms("2026-01-14T20:00"), ms("2026-01-15T08:00"))
        dynamic = component(ENERGY, "1")._replace(
            dynamic=tuple(Step(NOON + k * HOUR_MS, Decimal(k)) for k in range(4))
        )
        assert Pricer(tariff(element(dynamic)), BERLIN).changes_ms(NOON, NOON + 3 * HOUR_MS) == (
            NOON + HOUR_MS,
            NOON + 2 * HOUR_MS,
        )

    def test_the_running_cost_has_no_steps(self) -> None:
        """1.3 kWh in steps of 1 kWh: 0.65 while it goes on, 1.00 at the end."""
        pricer = Pricer(tariff(element(component(ENERGY, "0.5", step=1_000))), BERLIN)
        measured = session(NOON, (60, 1_300))
        assert (pricer.running(measured).excl, pricer.price(measured).excl) == (Decimal("0.65"), 1)


class TestInvariants:
    @settings(max_examples=150, deadline=None)
    @given(cases())
    def test_lines_and_taxes_add_up_to_the_totals(self, case) -> None:
        """To the last decimal, before bounds; and bounds are kept."""
        prices, measured, zone = case
        got = Pricer(prices, zone).price(measured)
        excl, incl = (sum((getattr(x, side) for x in got.lines), Decimal(0)) for side in ("excl", "incl"))
        assert sum((t.amount for t in got.taxes), Decimal(0)) == incl - excl
        if not got.bound:
            assert (got.excl, got.incl) == (excl, incl)
        if prices.max_price.incl is not None:
            assert got.excl <= prices.max_price.excl
            assert got.incl <= prices.max_price.incl

    @settings(max_examples=150, deadline=None)
    @given(cases(), st.integers(1, 10))
    def test_measuring_more_often_changes_nothing(self, case, parts: int) -> None:
        """Every period split into parts of even energy; power is judged per period, so it is told."""
        prices, measured, zone = case
        ends = [*(p.start_ms for p in measured.periods[1:]), measured.end_ms]
        finer = []
        for period, end_ms in zip(measured.periods, ends, strict=True):
            seconds = (end_ms - period.start_ms) // 1000
            rate = period.energy_wh // seconds
            cuts = sorted({k * seconds // parts for k in range(parts)})
            for first, last in zip(cuts, [*cuts[1:], seconds], strict=True):
                start_ms = period.start_ms + first * 1000
                finer.append(period._replace(start_ms=start_ms, energy_wh=rate * (last - first)))
        split = Measured(periods=tuple(finer), end_ms=measured.end_ms, reserved=measured.reserved)
        pricer = Pricer(prices, zone)
        assert pricer.price(split) == pricer.price(measured)

    @settings(max_examples=100, deadline=None)
    @given(cases())
    def test_repeating_an_element_changes_nothing(self, case) -> None:
        """The first one of two alike always wins."""
        prices, measured, zone = case
        twice = type(prices)(
            id=prices.id,
            currency=prices.currency,
            elements=(*prices.elements, *prices.elements),
            tax_included=prices.tax_included,
            min_price=prices.min_price,
            max_price=prices.max_price,
            flat_without_energy=prices.flat_without_energy,
        )
        assert Pricer(twice, zone).price(measured) == Pricer(prices, zone).price(measured)

    def test_decimal_energies_are_as_good_as_whole_ones(self) -> None:
        """2.5 Wh at 1 per kWh."""
        got = bill(
            tariff(element(component(ENERGY, "1"))),
            session(NOON, (60, Decimal("2.5"), CHARGING), (5, 0, PARKED)),
        )
        assert got.excl == Decimal("0.0025")
