"""Prices of sessions."""

from datetime import UTC, datetime, time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.domain.events import MeterReading
from twin.money.billing.price import price
from twin.money.billing.tariff import PriceWindow, Tariff, schedule

FLAT = Tariff(id="flat", currency="EUR", price_per_kwh=Decimal("0.32"))
NIGHT = Tariff(
    id="night",
    currency="EUR",
    price_per_kwh=Decimal("0.30"),
    windows=(PriceWindow(start=time(22), end=time(6), price_per_kwh=Decimal("0.20")),),
)
WINTER = datetime(2026, 1, 12, tzinfo=UTC)


def reading(t_s: float, register_wh: float) -> MeterReading:
    """A reading known at once."""
    return MeterReading(t_s, t_s, register_wh, "Clock")


class TestFlat:
    def test_ten_kilowatt_hours_at_32_cents_cost_3_20(self) -> None:
        """10 kWh x 0.32 = 3.20 EUR = 320 cents."""
        bill = price(
            [reading(0, 5_000), reading(3_600, 15_000)], schedule(FLAT, WINTER, 86_400, "Europe/Berlin")
        )
        assert bill.amount_minor == 320
        assert [p.energy_wh for p in bill.parts] == [10_000]

    def test_half_a_cent_is_rounded_up_once(self) -> None:
        """1,234 Wh x 0.5 / 1000 = 0.617: 62 cents; 1,250 Wh x 0.1 = 0.125: 13 cents."""
        ten = Tariff(id="t", currency="EUR", price_per_kwh=Decimal("0.10"))
        bill = price([reading(0, 0), reading(60, 1_250)], schedule(ten, WINTER, 3_600, "UTC"))
        assert bill.amount_minor == 13

    def test_yen_have_no_decimals(self) -> None:
        """2 kWh x 31 JPY = 62 JPY."""
        yen = Tariff(id="t", currency="JPY", price_per_kwh=Decimal(31))
        bill = price([reading(0, 0), reading(60, 2_000)], schedule(yen, WINTER, 3_600, "Asia/Tokyo"))
        assert bill.amount_minor == 62


class TestTimeOfUse:
    def test_energy_is_split_at_ten_in_the_evening(self) -> None:
        """Start 20:00 Berlin; 2 kWh before 22:00 at 0.30 and 3 kWh after at 0.20 make 1.20 EUR."""
        start = datetime(2026, 1, 12, 19, tzinfo=UTC)
        prices = schedule(NIGHT, start, 86_400, "Europe/Berlin")
        assert prices.changes_s[0] == 7_200
        bill = price([reading(0, 0), reading(7_200, 2_000), reading(9_000, 5_000)], prices)
        assert bill.amount_minor == 120
        assert [str(p.price_per_kwh) for p in bill.parts] == ["0.30", "0.20"]

    def test_a_missing_reading_at_a_change_of_price_is_refused(self) -> None:
        """Nobody may guess how much was charged before 22:00."""
        prices = schedule(NIGHT, datetime(2026, 1, 12, 19, tzinfo=UTC), 86_400, "Europe/Berlin")
        with pytest.raises(ValueError, match="the price changes between"):
            price([reading(0, 0), reading(9_000, 5_000)], prices)

    def test_the_night_of_25_hours_is_an_hour_longer(self) -> None:
        """From 22:00 CEST on 24 October to 06:00 CET on the 25th are nine hours."""
        prices = schedule(NIGHT, datetime(2026, 10, 24, 12, tzinfo=UTC), 86_400, "Europe/Berlin")
        begin, end = prices.changes_s[:2]
        assert (end - begin) / 3_600 == 9

    def test_the_night_of_23_hours_is_an_hour_shorter(self) -> None:
        """From 22:00 CET on 28 March to 06:00 CEST on the 29th are seven hours."""
        prices = schedule(NIGHT, datetime(2026, 3, 28, 12, tzinfo=UTC), 86_400, "Europe/Berlin")
        begin, end = prices.changes_s[:2]
        assert (end - begin) / 3_600 == 7

    def test_an_edge_in_the_repeated_hour_comes_twice(self) -> None:
        """02:30 to 05:00 on 25 October: from 02:30 CEST to 03:00 CEST, then again from 02:30 CET on."""
        window = PriceWindow(start=time(2, 30), end=time(5), price_per_kwh=Decimal("0.10"))
        tariff = Tariff(id="t", currency="EUR", price_per_kwh=Decimal("0.30"), windows=(window,))
        midnight = datetime(2026, 10, 24, 22, tzinfo=UTC)
        prices = schedule(tariff, midnight, 12 * 3_600, "Europe/Berlin")
        assert prices.starts_s == (0, 9_000, 10_800, 12_600, 21_600)

    def test_a_friday_night_window_reaches_into_saturday(self) -> None:
        """A window past midnight belongs to the day on which it begins."""
        friday = PriceWindow(start=time(22), end=time(6), days=frozenset({4}), price_per_kwh=Decimal(0))
        assert friday.covers(datetime(2026, 1, 17, 3, tzinfo=UTC))
        assert not friday.covers(datetime(2026, 1, 16, 3, tzinfo=UTC))


@given(st.lists(st.integers(0, 50_000), min_size=1, max_size=20))
def test_every_metered_watt_hour_is_billed_once(steps: list[int]) -> None:
    """Whatever the readings, the parts' energies add up to the register's difference."""
    total, readings = 100, [reading(0, 100)]
    for k, step in enumerate(steps, start=1):
        total += step
        readings.append(reading(k * 60.0, total))
    bill = price(readings, schedule(FLAT, WINTER, 86_400, "UTC"))
    assert sum(p.energy_wh for p in bill.parts) == total - 100


def test_a_falling_register_is_refused() -> None:
    """A register never falls; a bill on one that does would be a guess."""
    with pytest.raises(ValueError, match="the register falls from 10 to 4 Wh"):
        price([reading(0, 10), reading(60, 4)], schedule(FLAT, WINTER, 3_600, "UTC"))
