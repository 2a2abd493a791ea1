"""The most that a session can come to: never too low, and exact where nothing is uncertain."""

from datetime import time
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.money.billing.cases import (
    BERLIN,
    ENERGY,
    FLAT,
    HOUR_MS,
    PARKING,
    TIME,
    component,
    element,
    ms,
    session,
    tariff,
)
from tests.money.billing.strategies import cases
from twin.money.billing.model import Measured, Period, PriceBound
from twin.money.billing.pricing import Pricer

NOON = ms("2026-01-14T12:00")


class TestWorst:
    def test_a_flat_tariff_times_the_battery(self) -> None:
        """50 kWh at 0.40 with 10 %, and a fee of 1.00: 23.00."""
        pricer = Pricer(tariff(element(component(ENERGY, "0.40", "10"), component(FLAT, "1"))), BERLIN)
        assert pricer.worst(50_000, 7_200, NOON) == 23

    def test_energy_goes_where_it_is_dearest(self) -> None:
        """Ten hours from 12:00 reach the dear evening: all of 50 kWh may be taken then."""
        prices = tariff(
            element(component(ENERGY, "0.6"), start_time=time(20)), element(component(ENERGY, "0.4"))
        )
        pricer = Pricer(prices, BERLIN)
        assert pricer.worst(50_000, 10 * 3_600, NOON) == 30
        assert pricer.worst(50_000, 8 * 3_600, NOON) == 20

    def test_time_is_charging_or_parking_whatever_costs_more(self) -> None:
        """Three hours at 5, and nearly one step of a minute: 15.00 + 59/3600 x 5."""
        prices = tariff(element(component(TIME, "2"), component(PARKING, "5", step=60)))
        worst = Pricer(prices, BERLIN).worst(0, 3 * 3_600, NOON)
        assert Decimal(15) <= worst <= Decimal("15.084")

    def test_a_highest_price_is_the_most(self) -> None:
        """Capped at 11.90, or at 10 without tax, which is the same."""
        for bound in (
            PriceBound(None, Decimal("11.9")),
            PriceBound(Decimal(10)),
            PriceBound(Decimal(10), Decimal("11.9")),
        ):
            pricer = Pricer(tariff(element(component(ENERGY, "1", "19")), max_price=bound), BERLIN)
            assert pricer.worst(80_000, 7_200, NOON) == Decimal("11.9")

    def test_a_least_price_counts(self) -> None:
        """One kWh at 0.50 costs the minimum of 3."""
        prices = tariff(element(component(ENERGY, "0.5")), min_price=PriceBound(Decimal(3), Decimal(3)))
        assert Pricer(prices, BERLIN).worst(1_000, 600, NOON) == 3

    def test_a_price_that_begins_with_the_energy_counts(self) -> None:
        """10 kWh at 0.10, 10 more at 1.00 cost 11.00; the bound may take all at the dearer price."""
        prices = tariff(
            element(component(ENERGY, "0.1"), max_energy_wh=Decimal(10_000)), element(component(ENERGY, "1"))
        )
        worst = Pricer(prices, BERLIN).worst(20_000, 3_600, NOON)
        assert Decimal(11) <= worst <= 20
        assert Pricer(prices, BERLIN).worst(9_999, 3_600, NOON) == Decimal("0.9999")

    def test_a_price_that_begins_with_the_duration_counts(self) -> None:
        """Dear from half an hour on: all of 10 kWh may be taken then, nothing in a session of 29 minutes."""
        prices = tariff(
            element(component(ENERGY, "1"), min_duration_s=1_800), element(component(ENERGY, "0.1"))
        )
        pricer = Pricer(prices, BERLIN)
        assert pricer.worst(10_000, 3_600, NOON) == 10
        assert pricer.worst(10_000, 1_740, NOON) == 1

    def test_an_idle_fee_counts_once_its_grace_can_be_over(self) -> None:
        """6 an hour after half an hour: at least the other half of an hour, at most all of it; nothing in 29 minutes."""
        pricer = Pricer(tariff(element(component(PARKING, "6"), min_idle_s=1_800)), BERLIN)
        assert 3 <= pricer.worst(0, 3_600, NOON) <= 6
        assert pricer.worst(0, 1_740, NOON) == 0

    def test_fees_of_a_brand_need_the_brand(self) -> None:
        """0.50 for one brand only."""
        pricer = Pricer(tariff(element(component(FLAT, "0.5"), payment_brand="VISA")), BERLIN)
        assert pricer.worst(0, 600, NOON) == 0
        assert pricer.worst(0, 600, NOON, payment_brand="VISA") == Decimal("0.5")


class TestAtMost:
    def test_a_flat_tariff_goes_on_at_full_power(self) -> None:
        """5 kWh so far, half an hour more at 11 kW: 10.5 kWh at 0.40."""
        pricer = Pricer(tariff(element(component(ENERGY, "0.40"))), BERLIN)
        measured = session(NOON, (60, 5_000))
        assert pricer.at_most(measured, measured.end_ms + HOUR_MS // 2, 11_000) == Decimal("4.2")
        assert pricer.at_most(measured, measured.end_ms + HOUR_MS // 2, 11_000, 1_000) == Decimal("2.4")

    @settings(max_examples=300, deadline=None)
    @given(cases(), st.integers(0, 5), st.integers(0, 20))
    def test_no_course_of_a_session_costs_more(self, case, known: int, slack_s: int) -> None:
        """Cut a session after some periods; whatever comes within the power and the time is not above the bound."""
        prices, measured, zone = case
        pricer = Pricer(prices, zone)
        final = pricer.price(measured)
        known = min(known, len(measured.periods))
        until_ms = measured.end_ms + slack_s * 1000
        if known:
            ends = [*(p.start_ms for p in measured.periods[1:]), measured.end_ms]
            so_far = Measured(
                periods=measured.periods[:known], end_ms=ends[known - 1], reserved=measured.reserved
            )
        else:
            start_ms = measured.periods[0].start_ms
            so_far = Measured(periods=(Period(start_ms, 0),), end_ms=start_ms, reserved=measured.reserved)
        left_wh = sum(p.energy_wh for p in measured.periods[known:])
        assert final.incl <= pricer.at_most(so_far, until_ms, 18_000)
        assert final.incl <= pricer.at_most(so_far, until_ms, 18_000, left_wh)
        assert pricer.running(so_far).incl <= pricer.at_most(so_far, until_ms, 18_000)
        if not known and measured.reserved is None:
            lasts_s = (until_ms - so_far.end_ms) // 1000
            assert final.incl <= pricer.worst(left_wh, lasts_s, so_far.end_ms)
