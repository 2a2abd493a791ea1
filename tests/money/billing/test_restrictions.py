"""Every restriction of a tariff, by hand: at a boundary the new price begins, a maximum is excluded."""

from datetime import date, time
from decimal import Decimal

import pytest

from tests.money.billing.cases import (
    BERLIN,
    CHARGING,
    ENERGY,
    FLAT,
    HELD,
    PARKED,
    PARKING,
    TIME,
    component,
    element,
    ms,
    priced,
    session,
    tariff,
)
from twin.money.billing.model import Step
from twin.money.billing.pricing import Pricer

WEDNESDAY = ms("2026-01-14T09:00")
DEAR, CHEAP = component(ENERGY, "1"), component(ENERGY, "0.1")


def energy(tariff_, session_) -> list[tuple[str, str]]:
    """(kWh, price) of the lines of energy."""
    return priced(Pricer(tariff_, BERLIN).price(session_), ENERGY)


class TestCivil:
    def test_energy_is_split_at_a_time_of_day(self) -> None:
        """09:00 to 11:00 at an even 6 kW: 6 kWh before 10:00, 6 after."""
        prices = tariff(element(DEAR, start_time=time(10)), element(CHEAP))
        assert energy(prices, session(WEDNESDAY, (120, 12_000))) == [("6", "0.1"), ("6", "1")]

    def test_a_window_wraps_midnight(self) -> None:
        """22:00 to 06:00 is dear; from 21:00 to 07:00, 1 kWh an hour."""
        prices = tariff(element(DEAR, start_time=time(22), end_time=time(6)), element(CHEAP))
        got = energy(prices, session(ms("2026-01-14T21:00"), (600, 10_000)))
        assert got == [("1", "0.1"), ("8", "1"), ("1", "0.1")]

    def test_an_end_of_midnight_is_the_end_of_the_day(self) -> None:
        """20:00 to 00:00 is dear: one of two hours around midnight."""
        prices = tariff(element(DEAR, start_time=time(20), end_time=time(0)), element(CHEAP))
        assert energy(prices, session(ms("2026-01-14T23:00"), (120, 2_000))) == [("1", "1"), ("1", "0.1")]

    def test_start_date_is_included_and_end_date_is_not(self) -> None:
        """Dear on the 15th only; 72 kWh evenly from the 14th to the 16th."""
        prices = tariff(
            element(DEAR, start_date=date(2026, 1, 15), end_date=date(2026, 1, 16)), element(CHEAP)
        )
        got = energy(prices, session(ms("2026-01-14T00:00"), (72 * 60, 72_000)))
        assert got == [("24", "0.1"), ("24", "1"), ("24", "0.1")]

    def test_days_are_civil_days(self) -> None:
        """Saturday and Sunday are dear; Friday 23:00 to Saturday 01:00."""
        prices = tariff(element(DEAR, days=frozenset({5, 6})), element(CHEAP))
        assert energy(prices, session(ms("2026-01-16T23:00"), (120, 2_000))) == [("1", "0.1"), ("1", "1")]

    def test_a_wrapped_window_with_days_holds_on_these_days_alone(self) -> None:
        """Saturdays 22:00 to 06:00 is Saturday 00:00 to 06:00 and 22:00 to 24:00: OCPI restricts each by itself."""
        prices = tariff(
            element(DEAR, start_time=time(22), end_time=time(6), days=frozenset({5})), element(CHEAP)
        )
        got = energy(prices, session(ms("2026-01-16T23:00"), (26 * 60, 26_000)))
        assert got == [("1", "0.1"), ("6", "1"), ("16", "0.1"), ("2", "1"), ("1", "0.1")]

    def test_dynamic_prices_change_by_the_interval(self) -> None:
        """0.3 before the first interval, then 0.2 from 09:30, 0.5 from 10:00."""
        steps = (
            Step(ms("2026-01-14T09:30"), Decimal("0.2")),
            Step(ms("2026-01-14T10:00"), Decimal("0.5")),
        )
        prices = tariff(element(component(ENERGY, "0.3")._replace(dynamic=steps)))
        got = energy(prices, session(WEDNESDAY, (90, 9_000)))
        assert got == [("3", "0.3"), ("3", "0.2"), ("3", "0.5")]


class TestClockChanges:
    def test_the_missing_hour_is_skipped(self) -> None:
        """Berlin, 29 March: 01:00 to 04:00 lasts two hours; 02:00 to 03:00 does not exist."""
        prices = tariff(element(DEAR, start_time=time(2), end_time=time(3)), element(CHEAP))
        assert energy(prices, session(ms("2026-03-29T01:00"), (120, 2_000))) == [("2", "0.1")]

    def test_a_window_that_begins_in_the_missing_hour_begins_after_it(self) -> None:
        """02:30 to 04:00 begins at 03:00 summer time, one hour after 01:00."""
        prices = tariff(element(DEAR, start_time=time(2, 30), end_time=time(4)), element(CHEAP))
        got = energy(prices, session(ms("2026-03-29T01:00"), (180, 3_000)))
        assert got == [("1", "0.1"), ("1", "1"), ("1", "0.1")]

    def test_the_repeated_hour_counts_twice(self) -> None:
        """Berlin, 25 October: 02:00 to 03:00 lasts two hours; 01:00 to 04:00 lasts four."""
        prices = tariff(element(DEAR, start_time=time(2), end_time=time(3)), element(CHEAP))
        got = energy(prices, session(ms("2026-10-25T01:00"), (240, 4_000)))
        assert got == [("1", "0.1"), ("2", "1"), ("1", "0.1")]

    def test_a_window_within_the_repeated_hour_comes_twice(self) -> None:
        """02:15 to 02:45 in summer time and again in winter time."""
        prices = tariff(element(DEAR, start_time=time(2, 15), end_time=time(2, 45)), element(CHEAP))
        got = energy(prices, session(ms("2026-10-25T02:00"), (120, 2_000)))
        assert got == [("0.25", "0.1"), ("0.5", "1"), ("0.5", "0.1"), ("0.5", "1"), ("0.25", "0.1")]

    @pytest.mark.parametrize(
        ("start", "minutes", "dear"), [("2026-04-05T01:00", 150, "1.5"), ("2026-10-04T01:00", 120, "0.5")]
    )
    def test_lord_howe_changes_by_half_an_hour(self, start: str, minutes: int, dear: str) -> None:
        """01:30 to 02:30 lasts 90 minutes in April (01:30 to 02:00 twice), 30 in October (02:00 to 02:30 is missing)."""
        zone = "Australia/Lord_Howe"
        prices = tariff(element(DEAR, start_time=time(1, 30), end_time=time(2, 30)), element(CHEAP))
        measured = session(ms(start, zone), (minutes, 1_000 * minutes // 60))
        lines = Pricer(prices, zone).price(measured).lines
        assert sum(x.volume for x in lines if x.price == 1) == Decimal(dear)

    def test_a_day_of_25_hours_ends_at_its_own_midnight(self) -> None:
        """25 October from 00:00: 25 kWh on the day, 1 after it."""
        prices = tariff(element(DEAR, end_date=date(2026, 10, 26)), element(CHEAP))
        got = energy(prices, session(ms("2026-10-25T00:00"), (26 * 60, 26_000)))
        assert got == [("25", "1"), ("1", "0.1")]


class TestProgress:
    def test_energy_switches_at_the_watt_hour(self) -> None:
        """The first 20 kWh are cheap, and so is nothing from 20 kWh on."""
        prices = tariff(
            element(CHEAP, max_energy_wh=Decimal(20_000)), element(DEAR, min_energy_wh=Decimal(20_000))
        )
        assert energy(prices, session(WEDNESDAY, (70, 50_000))) == [("20", "0.1"), ("30", "1")]

    def test_time_switches_when_the_energy_is_reached(self) -> None:
        """20 of 40 kWh are reached after 1 of 2 hours; then time costs 3 an hour."""
        prices = tariff(element(component(TIME, "3"), min_energy_wh=Decimal(20_000)))
        bill = Pricer(prices, BERLIN).price(session(WEDNESDAY, (120, 40_000)))
        assert bill.excl == 3
        assert bill.lines[0].start_ms == WEDNESDAY + 3_600_000

    def test_duration_counts_from_the_start_through_everything(self) -> None:
        """Dear from minute 30: 10 minutes held and 20 charging before count."""
        prices = tariff(element(DEAR, min_duration_s=1_800), element(CHEAP))
        got = energy(prices, session(WEDNESDAY, (10, 0, HELD), (40, 4_000)))
        assert got == [("2", "0.1"), ("2", "1")]

    def test_time_charged_counts_charging_alone(self) -> None:
        """The third half hour of charging is dear, whatever came between."""
        prices = tariff(element(DEAR, min_charging_s=3_600), element(CHEAP))
        got = energy(prices, session(WEDNESDAY, (60, 6_000), (45, 0, PARKED), (30, 0, HELD), (30, 3_000)))
        assert got == [("6", "0.1"), ("3", "1")]

    def test_time_charged_ends_a_price(self) -> None:
        """The first half hour of charging is cheap."""
        prices = tariff(element(CHEAP, max_charging_s=1_800), element(DEAR))
        assert energy(prices, session(WEDNESDAY, (60, 6_000))) == [("3", "0.1"), ("3", "1")]

    def test_an_idle_fee_has_its_grace(self) -> None:
        """45 idle minutes in two parts, the first 30 free, 15 at 6 an hour; after three idle hours it stops."""
        prices = tariff(element(component(PARKING, "6"), min_idle_s=1_800, max_idle_s=10_800))
        pricer = Pricer(prices, BERLIN)
        assert pricer.price(
            session(WEDNESDAY, (20, 0, PARKED), (60, 9_000), (25, 0, PARKED))
        ).excl == Decimal("1.5")
        assert pricer.price(session(WEDNESDAY, (10, 1_000), (600, 0, PARKED))).excl == 15

    def test_a_pause_that_we_caused_is_never_idle(self) -> None:
        """Two hours held cost nothing, neither as parking nor as charging; parking afterwards begins its grace anew."""
        prices = tariff(element(component(PARKING, "6"), min_idle_s=1_800), element(component(TIME, "1")))
        bill = Pricer(prices, BERLIN).price(session(WEDNESDAY, (60, 9_000), (120, 0, HELD), (45, 0, PARKED)))
        assert [(x.dimension, x.excl) for x in bill.lines] == [(TIME, 1), (PARKING, Decimal("1.5"))]


class TestPeriods:
    @pytest.mark.parametrize(("power_w", "price"), [("15999", "0.1"), ("16000", "1")])
    def test_the_least_power_is_included(self, power_w: str, price: str) -> None:
        """16 kW is dear, a watt less is not."""
        prices = tariff(element(DEAR, min_power_w=Decimal(16_000)), element(CHEAP))
        got = energy(prices, session(WEDNESDAY, (60, 16_000, CHARGING, {"power_w": Decimal(power_w)})))
        assert got == [("16", price)]

    def test_power_that_is_not_told_is_energy_over_time(self) -> None:
        """10 kWh in half an hour are 20 kW, in an hour 10 kW."""
        prices = tariff(element(CHEAP, max_power_w=Decimal(16_000)), element(DEAR))
        assert energy(prices, session(WEDNESDAY, (30, 10_000), (60, 10_000))) == [("10", "1"), ("10", "0.1")]

    def test_current_switches_from_period_to_period(self) -> None:
        """32 A is dear, 31.9 A is not."""
        prices = tariff(element(DEAR, min_current_a=Decimal(32)), element(CHEAP, max_current_a=Decimal(32)))
        low, high = {"current_a": Decimal("31.9")}, {"current_a": Decimal(32)}
        got = energy(prices, session(WEDNESDAY, (30, 3_000, CHARGING, low), (30, 4_000, CHARGING, high)))
        assert got == [("3", "0.1"), ("4", "1")]

    def test_an_unknown_current_satisfies_every_restriction(self) -> None:
        """The first element wins."""
        prices = tariff(element(DEAR, min_current_a=Decimal(32)), element(CHEAP))
        assert energy(prices, session(WEDNESDAY, (30, 3_000))) == [("3", "1")]


class TestOfSession:
    def test_kind_of_evse(self) -> None:
        """DC is dear; of an unknown kind everything applies."""
        pricer = Pricer(tariff(element(DEAR, evse_kind="DC"), element(CHEAP)), BERLIN)
        part = (60, 1_000)
        found = [pricer.price(session(WEDNESDAY, part, evse_kind=kind)).excl for kind in ("DC", "AC", "")]
        assert found == [1, Decimal("0.1"), 1]

    def test_payment_brand_and_recognition(self) -> None:
        """A fee for one brand by one recognition; who pays without a card is not of the brand."""
        restricted = element(component(FLAT, "0.5"), payment_brand="VISA", payment_recognition="CREDIT")
        pricer = Pricer(tariff(restricted), BERLIN)

        def cost(**means: str) -> Decimal:
            return pricer.price(session(WEDNESDAY, (60, 1_000), **means)).excl

        assert cost(payment_brand="VISA", payment_recognition="CREDIT") == Decimal("0.5")
        assert cost(payment_brand="VISA", payment_recognition="DEBIT") == 0
        assert cost() == 0


class TestElements:
    def test_the_first_matching_element_wins_per_dimension(self) -> None:
        """Energy comes from the second element, time from the first."""
        prices = tariff(element(component(TIME, "2")), element(CHEAP, component(TIME, "9")), element(DEAR))
        assert Pricer(prices, BERLIN).price(session(WEDNESDAY, (60, 10_000))).excl == 3

    def test_a_price_that_comes_back_makes_two_lines(self) -> None:
        """Unpriced energy in between is in neither: 1 + 1 of 3 kWh."""
        prices = tariff(element(DEAR, end_time=time(10)), element(DEAR, start_time=time(11)))
        bill = Pricer(prices, BERLIN).price(session(WEDNESDAY, (180, 3_000)))
        assert [x.volume for x in bill.lines] == [1, 1]
        same = tariff(element(DEAR, start_time=time(11), end_time=time(10)))
        bill = Pricer(same, BERLIN).price(session(WEDNESDAY, (180, 3_000)))
        assert [x.volume for x in bill.lines] == [1, 1]

    def test_a_flat_fee_is_paid_once_when_it_first_applies(self) -> None:
        """It becomes active after half an hour, and another one later: the first is paid."""
        prices = tariff(
            element(component(FLAT, "3"), min_duration_s=3_600),
            element(component(FLAT, "2"), min_duration_s=1_800),
        )
        pricer = Pricer(prices, BERLIN)
        assert pricer.price(session(WEDNESDAY, (20, 1_000))).excl == 0
        bill = pricer.price(session(WEDNESDAY, (120, 1_000)))
        assert (bill.excl, bill.lines[0].start_ms) == (2, WEDNESDAY + 1_800_000)

    def test_a_session_without_energy_pays_no_fee_where_the_tariff_says_so(self) -> None:
        """OCPI would charge it."""
        fee = element(component(FLAT, "3"))
        nothing = session(WEDNESDAY, (20, 0, PARKED))
        assert Pricer(tariff(fee), BERLIN).price(nothing).excl == 3
        assert Pricer(tariff(fee, flat_without_energy=False), BERLIN).price(nothing).excl == 0
