"""The worked examples of OCPI 2.2.1, chapters Tariffs and CDRs, each recalculated by hand.

One printed total is wrong: see `test_the_complex_tariff_on_a_saturday_is_misprinted`.
"""

from datetime import time
from decimal import Decimal

import pytest

from tests.money.billing.cases import (
    BERLIN,
    CHARGING,
    ENERGY,
    FLAT,
    PARKED,
    PARKING,
    TIME,
    component,
    element,
    ms,
    priced,
    session,
    tariff,
    totals,
)
from twin.money.billing.model import Measured, PriceBound, Reservation, Reserved
from twin.money.billing.pricing import Pricer

NOON = ms("2026-01-14T12:00")
PER_KWH = component(ENERGY, "0.25", "10", 1)
START_FEE = component(FLAT, "0.50", "20", 1)
MONDAY_TO_FRIDAY = frozenset(range(5))
COMPLEX = tariff(
    element(component(FLAT, "2.50", "15", 1)),
    element(component(TIME, "1.00", "20", 900), max_current_a=Decimal(32)),
    element(component(TIME, "2.00", "20", 600), min_current_a=Decimal(32), days=MONDAY_TO_FRIDAY),
    element(component(TIME, "1.25", "20", 600), min_current_a=Decimal(32), days=frozenset({5, 6})),
    element(
        component(PARKING, "5.00", "10", 300), start_time=time(9), end_time=time(18), days=MONDAY_TO_FRIDAY
    ),
    element(
        component(PARKING, "6.00", "10", 300), start_time=time(10), end_time=time(17), days=frozenset({5})
    ),
)
STEPS = tariff(
    element(
        component(TIME, "1.20", step=1800),
        component(PARKING, "1.00", step=900),
        start_time=time(0),
        end_time=time(17),
    ),
    element(
        component(TIME, "2.40", step=900),
        component(PARKING, "1.00", step=900),
        start_time=time(17),
        end_time=time(20),
    ),
    element(component(TIME, "2.40", step=900), start_time=time(20), end_time=time(23, 59)),
)


def bill(tariff_, session_):
    """Price at a location in Berlin."""
    return Pricer(tariff_, BERLIN).price(session_)


class TestSimple:
    def test_twenty_kwh_at_25_cents_cost_5_00_and_5_50(self) -> None:
        """20 x 0.25 = 5.00; + 10 % = 5.50."""
        assert totals(bill(tariff(element(PER_KWH)), session(NOON, (120, 20_000)))) == ("5.00", "5.50")

    def test_a_start_fee_adds_50_cents_and_60(self) -> None:
        """5.00 + 0.50 = 5.50; 5.50 + 0.60 = 6.10."""
        assert totals(bill(tariff(element(START_FEE, PER_KWH)), session(NOON, (120, 20_000)))) == (
            "5.50",
            "6.10",
        )

    @pytest.mark.parametrize(("energy_wh", "due"), [(20_000, ("5.00", "5.50")), (1_999, ("0.50", "0.55"))])
    def test_less_than_two_kwh_cost_the_minimum(self, energy_wh: int, due: tuple[str, str]) -> None:
        """1.999 kWh cost 0.49975, less than the 0.50 of the minimum."""
        least = PriceBound(Decimal("0.50"), Decimal("0.55"))
        assert totals(bill(tariff(element(PER_KWH), min_price=least), session(NOON, (60, energy_wh)))) == due

    def test_forty_minutes_of_parking_are_billed_as_45(self) -> None:
        """0.50 + 5.00 + 0.75 h x 2.00 = 7.00; 0.60 + 5.50 + 1.80 = 7.90."""
        prices = tariff(element(START_FEE, PER_KWH, component(PARKING, "2.00", "20", 900)))
        got = bill(prices, session(NOON, (120, 20_000), (40, 0, PARKED)))
        assert totals(got) == ("7.00", "7.90")

    @pytest.mark.parametrize(("energy_wh", "due"), [(50_000, ("10.00", "11.00")), (30_000, ("8.00", "8.85"))])
    def test_a_maximum_caps_fifty_kwh_and_not_thirty(self, energy_wh: int, due: tuple[str, str]) -> None:
        """50: 13.00 and 14.35 are capped; 30: 7.50 + 0.50 and 8.25 + 0.60."""
        prices = tariff(element(START_FEE, PER_KWH), max_price=PriceBound(Decimal(10), Decimal(11)))
        assert totals(bill(prices, session(NOON, (120, energy_wh)))) == due

    def test_two_euro_per_hour_for_two_and_a_half_hours(self) -> None:
        """2.5 h x 2.00 = 5.00; 5.50 with 10 %. Parking is free: it has no price."""
        prices = tariff(element(component(TIME, "2.00", "10", 60)))
        assert totals(bill(prices, session(NOON, (150, 9_000), (45, 0, PARKED)))) == ("5.00", "5.50")

    def test_charging_at_3_and_parking_at_5_per_hour(self) -> None:
        """2.5 h x 3 + 0.75 h x 5 = 7.50 + 3.75 = 11.25; 8.25 + 4.50 = 12.75."""
        prices = tariff(element(component(TIME, "3.00", "10", 60), component(PARKING, "5.00", "20", 300)))
        got = bill(prices, session(NOON, (150, 9_000), (42, 0, PARKED)))
        assert totals(got) == ("11.25", "12.75")

    def test_a_tax_of_5_2_pct_gives_five_euro(self) -> None:
        """2.5 h x 1.90 = 4.75; x 1.052 = 4.997, printed as 5.00."""
        got = bill(tariff(element(component(TIME, "1.90", "5.2", 300))), session(NOON, (150, 9_000)))
        assert totals(got) == ("4.75", "5.00")
        assert got.incl == Decimal("4.997")

    @pytest.mark.parametrize(("price", "due"), [("0.25", ("5.63", "6.24")), ("0.22", ("5.01", "5.56"))])
    def test_energy_is_billed_per_tenth_of_a_kwh(self, price: str, due: tuple[str, str]) -> None:
        """20.45 kWh are billed as 20.5: 5.125 + 0.50 = 5.625, half up; 5.6375 + 0.60 = 6.2375."""
        prices = tariff(element(START_FEE, component(ENERGY, price, "10", 100)))
        assert totals(bill(prices, session(NOON, (120, 20_450)))) == due

    def test_free_of_charge_is_a_flat_fee_of_zero(self) -> None:
        """It matched, so nobody is warned."""
        got = bill(tariff(element(component(FLAT, "0.00"))), session(NOON, (120, 20_000)))
        assert totals(got) == ("0.00", "0.00")
        assert not got.warnings


class TestComplex:
    def test_a_monday_morning_at_16_a_costs_9_00_and_10_30(self) -> None:
        """2.50 + 165/60 x 1.00 + 45/60 x 5.00 = 9.00; 2.875 + 3.30 + 4.125 = 10.30."""
        current = {"current_a": Decimal(16)}
        got = bill(
            COMPLEX,
            session(ms("2026-01-12T09:30"), (165, 9_000, CHARGING, current), (42, 0, PARKED, current)),
        )
        assert totals(got) == ("9.00", "10.30")
        assert [line.incl for line in got.lines] == [Decimal("2.875"), Decimal("3.3"), Decimal("4.125")]

    def test_the_complex_tariff_on_a_saturday_is_misprinted(self) -> None:
        """The specification prints 12.28 and 13.861, for 114 minutes at 1.25 per hour cost "2.28".

        114 / 60 x 1.25 is 2.375 (2.28 would be 1.20 per hour), with 20 % 2.85. So the totals are
        2.50 + 2.375 + 7.50 = 12.375 and 2.875 + 2.85 + 8.25 = 13.975.
        """
        current = {"current_a": Decimal(43)}
        got = bill(
            COMPLEX,
            session(ms("2026-01-17T13:30"), (114, 30_000, CHARGING, current), (71, 0, PARKED, current)),
        )
        assert (got.excl, got.incl) == (Decimal("12.375"), Decimal("13.975"))
        assert [line.excl for line in got.lines] == [Decimal("2.5"), Decimal("2.375"), Decimal("7.5")]


class TestReservations:
    @pytest.mark.parametrize(
        ("components", "minutes", "due"),
        [
            ((component(TIME, "5.00", "20", 60),), 15, ("6.75", "7.60")),
            ((component(FLAT, "2.00", "20"), component(TIME, "5.00", "20", 300)), 13, ("8.75", "10.00")),
            ((component(TIME, "2.00", "20", 600),), 22, ("6.50", "7.30")),
            ((component(TIME, "3.00", "20", 600),), 22, ("7.00", "7.90")),
        ],
    )
    def test_used_reservations_add_to_the_session(
        self, components, minutes: int, due: tuple[str, str]
    ) -> None:
        """5.50 and 6.10 of the session, and 1.25/1.50; 2.00 + 1.25/2.40 + 1.50; 1.00/1.20; 1.50/1.80."""
        prices = tariff(element(*components, reservation=Reservation.USED), element(START_FEE, PER_KWH))
        booked = Reserved(NOON - minutes * 60_000, NOON, used=True)
        assert totals(bill(prices, session(NOON, (120, 20_000), reserved=booked))) == due

    def test_an_expired_reservation_pays_fee_and_time(self) -> None:
        """4.00 + 1 h x 2.00 = 6.00; 7.20 with 20 %."""
        prices = tariff(
            element(component(FLAT, "4.00", "20", 1), reservation=Reservation.EXPIRED),
            element(component(TIME, "2.00", "20", 600), reservation=Reservation.USED),
            element(START_FEE, PER_KWH),
        )
        expired = Measured(periods=(), end_ms=NOON, reserved=Reserved(NOON - 3_600_000, NOON, used=False))
        assert totals(bill(prices, expired)) == ("6.00", "7.20")

    def test_time_of_an_expired_reservation_replaces_that_of_a_used_one(self) -> None:
        """1.5 h x 6.00 = 9.00; 10.80 with 20 %: not 3.00 per hour on top."""
        prices = tariff(
            element(component(TIME, "3.00", "20", 600), reservation=Reservation.USED),
            element(component(TIME, "6.00", "20", 600), reservation=Reservation.EXPIRED),
            element(START_FEE, PER_KWH),
        )
        expired = Measured(periods=(), end_ms=NOON, reserved=Reserved(NOON - 5_400_000, NOON, used=False))
        assert totals(bill(prices, expired)) == ("9.00", "10.80")


class TestStepSize:
    def test_parking_is_rounded_and_charging_is_not(self) -> None:
        """16:55 to 17:05, then 2 minutes: 5 min at 1.20 + 5 min at 2.40 + 15 min at 1.00 = 0.10 + 0.20 + 0.25."""
        got = bill(STEPS, session(ms("2026-01-14T16:55"), (10, 1_000), (2, 0, PARKED)))
        assert totals(got)[0] == "0.55"

    def test_the_last_step_rounds_the_whole_session(self) -> None:
        """16:35 + 35 minutes: 45 are billed, 25 at 1.20 and 20 at 2.40 make 0.50 + 0.80."""
        got = bill(STEPS, session(ms("2026-01-14T16:35"), (35, 1_000)))
        assert totals(got)[0] == "1.30"

    def test_parking_that_becomes_free_is_rounded_where_it_cost(self) -> None:
        """19:40, 12 min charging, 20 min parking: 0.48 + 15 of the 8 paid minutes 0.25 = 0.73."""
        got = bill(STEPS, session(ms("2026-01-14T19:40"), (12, 1_000), (20, 0, PARKED)))
        assert totals(got)[0] == "0.73"

    @pytest.mark.parametrize(("step", "cost"), [(1, "0.029"), (25, "0.03125"), (500, "0.125")])
    def test_115_watt_hours_and_a_bit(self, step: int, cost: str) -> None:
        """115.2 Wh at 0.25: 116 Wh, 125 Wh (printed as 0.031) or 500 Wh."""
        got = bill(
            tariff(element(component(ENERGY, "0.25", step=step))), session(NOON, (5, Decimal("115.2")))
        )
        assert got.excl == Decimal(cost)

    def test_energy_is_rounded_over_both_prices(self) -> None:
        """CDR chapter: 4.3 kWh at 0.20 and 1.1 at 0.27 make 5.4, billed 5.5: 0.86 + 1.2 x 0.27 = 1.184."""
        prices = tariff(
            element(component(ENERGY, "0.20", step=500), end_time=time(17)),
            element(component(ENERGY, "0.27", step=500)),
        )
        got = bill(prices, session(ms("2026-01-14T16:00"), (60, 4_300), (30, 1_100)))
        assert got.excl == Decimal("1.184")
        assert priced(got, ENERGY) == [("4.3", "0.20"), ("1.2", "0.27")]

    def test_time_is_rounded_over_both_prices(self) -> None:
        """CDR chapter: 6 minutes at 5 and 22 at 7 make 28, billed 30: 0.50 + 24/60 x 7 = 3.30."""
        prices = tariff(
            element(component(TIME, "5", step=600), end_time=time(17)),
            element(component(TIME, "7", step=600)),
        )
        assert bill(prices, session(ms("2026-01-14T16:54"), (28, 1_000))).excl == Decimal("3.3")

    def test_parking_after_charging_rounds_the_parking_only(self) -> None:
        """CDR chapter: 21 minutes at 1 are 0.35, and 16 at 2 are billed as 20: 0.666..., together 1.02."""
        prices = tariff(element(component(TIME, "1", step=600), component(PARKING, "2", step=600)))
        got = bill(prices, session(NOON, (21, 1_000), (16, 0, PARKED)))
        assert totals(got)[0] == "1.02"
        assert priced(got, TIME) == [("0.35", "1")]

    def test_seven_minutes_of_parking_are_ten(self) -> None:
        """CDR chapter: 21 minutes of charging stay 21; 7 of parking become 10: 21 x 0.01 + 10 x 0.01."""
        prices = tariff(element(component(TIME, "0.6", step=300), component(PARKING, "0.6", step=300)))
        assert bill(prices, session(NOON, (21, 1_000), (7, 0, PARKED))).excl == Decimal("0.31")

    def test_the_example_of_a_cdr_costs_4_00(self) -> None:
        """21:39:09 to 23:37:32 UTC are 1:58:23, in blocks of 300 s 2 h: 4.00 and 4.40."""
        start_ms = ms("2015-06-29T21:39:09", "UTC")
        prices = tariff(element(component(TIME, "2.00", "10", 300)))
        got = bill(prices, session(start_ms, (118 + 23 / 60, 15_342)))
        assert totals(got) == ("4.00", "4.40")


class TestRestrictions:
    def test_power_changes_the_price_per_period(self) -> None:
        """1 kWh at 6 kW, 40 at 48 kW, 0.5 at 4 kW: 0.20 + 20.00 + 0.10 = 20.30."""
        prices = tariff(
            element(component(ENERGY, "0.20", "20", 1), max_power_w=Decimal(16_000)),
            element(component(ENERGY, "0.35", "20", 1), max_power_w=Decimal(32_000)),
            element(component(ENERGY, "0.50", "20", 1)),
        )
        got = bill(prices, session(NOON, (10, 1_000), (50, 40_000), (7.5, 500)))
        assert totals(got)[0] == "20.30"

    def test_the_first_half_hour_is_free(self) -> None:
        """5 kWh in 30 minutes free, 1.2 kWh in 10 more at 0.25 = 0.30."""
        prices = tariff(
            element(component(ENERGY, "0.00", "20", 1), max_duration_s=1800),
            element(component(ENERGY, "0.25", "20", 1), max_duration_s=3600),
            element(component(ENERGY, "0.40", "20", 1)),
        )
        assert totals(bill(prices, session(NOON, (30, 5_000), (10, 1_200))))[0] == "0.30"
