"""Bills in sentences that can be checked by hand."""

import re
from datetime import time
from decimal import Decimal

from hypothesis import given, settings

from tests.money.billing.cases import (
    BERLIN,
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
from twin.money.billing.explain import adding_up, explain, lasting, plain
from twin.money.billing.model import Measured, PriceBound, Reservation, Reserved
from twin.money.billing.pricing import Pricer

BANDS = tariff(
    element(component(FLAT, "0.50", "20")),
    element(component(ENERGY, "0.40", "10"), end_time=time(10)),
    element(component(ENERGY, "0.30", "10")),
    element(component(PARKING, "6", "20", 300), min_idle_s=1800),
)


def told(tariff_, session_) -> list[str]:
    """Sentences of a session in Berlin."""
    return explain(Pricer(tariff_, BERLIN).price(session_), tariff_, BERLIN)


class TestSentences:
    def test_a_session_with_a_band_an_idle_fee_and_vat(self) -> None:
        """8 kWh at 0.40, 4 at 0.30; 42 minutes idle, 30 of them free, 12 billed as 15 at 6 per hour."""
        day = ms("2026-01-14T08:00")
        assert told(BANDS, session(day, (120, 8_000), (60, 4_000), (42, 0, PARKED))) == [
            "On 2026-01-14, times in Europe/Berlin:",
            "Fee for the session: 0.50 EUR (VAT 20 %).",
            "From 08:00 to 10:00 you took 8 kWh at 0.40 EUR per kWh: 3.20 EUR (VAT 10 %).",
            "From 10:00 to 11:00 you took 4 kWh at 0.30 EUR per kWh: 1.20 EUR (VAT 10 %).",
            (
                "From 11:30 to 11:42 it stayed without charging for 12 min, billed as 15 min, at 6.00 EUR per hour: "
                "1.50 EUR (VAT 20 %). The total is billed in steps of 5 min: from 12 min to 15 min."
            ),
            "Together 6.40 EUR without tax. On it: VAT 20 % 0.40 EUR, VAT 10 % 0.44 EUR. With tax 7.24 EUR.",
            "You pay 7.24 EUR.",
        ]

    def test_tax_within_the_price_is_told_as_part_of_it(self) -> None:
        """11.90 with 19 %: 10.00 and 1.90."""
        prices = tariff(element(component(ENERGY, "1.19", "19")), tax_included=True)
        assert told(prices, session(ms("2026-01-14T08:00"), (60, 10_000)))[-2:] == [
            "Together 11.90 EUR, with tax. In it: VAT 19 % 1.90 EUR.",
            "You pay 11.90 EUR.",
        ]

    def test_the_highest_price_is_told(self) -> None:
        """20 kWh at 0.50 would be 10.00; the tariff ends at 8.00."""
        prices = tariff(element(component(ENERGY, "0.50")), max_price=PriceBound(Decimal(8), Decimal(8)))
        assert told(prices, session(ms("2026-01-14T08:00"), (60, 20_000)))[-2:] == [
            "By this tariff a session costs at most so much: 8.00 EUR.",
            "You pay 8.00 EUR.",
        ]

    def test_a_night_names_both_days(self) -> None:
        """From the evening to the next morning."""
        prices = tariff(element(component(ENERGY, "0.50")))
        lines = told(prices, session(ms("2026-01-14T22:00"), (600, 20_000)))
        assert lines[:2] == [
            "Times in Europe/Berlin:",
            "From 2026-01-14 22:00 to 2026-01-15 08:00 you took 20 kWh at 0.50 EUR per kWh: 10.00 EUR.",
        ]

    def test_the_hour_that_comes_twice_names_its_offset(self) -> None:
        """02:30 in summer time and 02:30 in winter time are an hour apart."""
        prices = tariff(element(component(TIME, "1")))
        lines = told(prices, session(ms("2026-10-25T02:30"), (60, 5_000)))
        assert lines[1].startswith("From 02:30 (UTC+2:00) to 02:30 (UTC+1:00) the car charged for 1 h,")

    def test_a_third_of_a_cent_is_rounded_at_the_end_and_said_so(self) -> None:
        """20 minutes at 1 per hour."""
        prices = tariff(element(component(TIME, "1")))
        assert told(prices, session(ms("2026-01-14T08:00"), (20, 5_000)))[-2:] == [
            "Together 0.333333 EUR.",
            "You pay 0.33 EUR, rounded to 2 decimals.",
        ]

    def test_an_expired_reservation_is_told(self) -> None:
        """A fee, and an hour at 2.00."""
        prices = tariff(
            element(component(FLAT, "4"), reservation=Reservation.EXPIRED),
            element(component(TIME, "2"), reservation=Reservation.USED),
        )
        noon = ms("2026-01-14T12:00")
        lines = told(
            prices, Measured(periods=(), end_ms=noon, reserved=Reserved(noon - HOUR_MS, noon, used=False))
        )
        assert lines[1:3] == [
            "From 11:00 to 12:00 the place was reserved for 1 h, at 2.00 EUR per hour: 2.00 EUR.",
            "Fee because the reservation was not used: 4.00 EUR.",
        ]

    def test_a_free_session_is_told_with_its_warning(self) -> None:
        """The only price is for parking."""
        prices = tariff(element(component(PARKING, "1")))
        assert told(prices, session(ms("2026-01-14T08:00"), (20, 5_000))) == [
            "You pay 0.00 EUR.",
            "no price of tariff t applied: the session is free",
        ]


class TestNumbers:
    def test_plain_numbers_have_no_exponent(self) -> None:
        """50 stays 50, and trailing zeros go unless they are wanted."""
        assert [plain(Decimal(t), n) for t, n in (("5E+1", 0), ("0.4900", 0), ("0.4", 2), ("1E-7", 0))] == [
            "50",
            "0.49",
            "0.40",
            "0.0000001",
        ]

    def test_times_are_told_in_hours_minutes_and_seconds(self) -> None:
        """Milliseconds are decimals of a second."""
        assert [lasting(Decimal(n)) for n in (7_103_000, 3_600_000, 1_500, 0)] == [
            "1 h 58 min 23 s",
            "1 h",
            "1.5 s",
            "0 s",
        ]

    def test_thirds_still_add_up(self) -> None:
        """Three thirds are one."""
        third = Decimal(1) / 3
        assert adding_up([third, third, third], 2) == [Decimal("0.33"), Decimal("0.34"), Decimal("0.33")]

    @settings(max_examples=60, deadline=None)
    @given(cases())
    def test_told_lines_add_up_to_the_told_sum(self, case) -> None:
        """A reader adds the amounts up and finds the sum, whatever the tariff."""
        prices, session_, zone = case
        bill = Pricer(prices, zone).price(session_)
        sentences = explain(bill, prices, zone)
        amount = r"(-?[0-9.]+) EUR"
        lines = [re.search(f": {amount}( \\(|\\.)", s) for s in sentences[1 : 1 + len(bill.lines)]]
        told_sum = [m for s in sentences if (m := re.match(f"Together {amount}", s))]
        assert len(told_sum) == (1 if bill.lines else 0)
        if bill.lines:
            assert sum(Decimal(m[1]) for m in lines if m) == Decimal(told_sum[0][1])
