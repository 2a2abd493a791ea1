"""Tariffs as the examples of OCPI 2.2.1 describe them, read from JSON and priced: mod_tariffs, Examples.

The texts are of our own; the figures are those that the specification prints, each recalculated by hand.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.money.billing.cases import BERLIN, CHARGING, PARKED, ms, session, totals
from twin.errors import ScenarioError
from twin.money.billing.json_text import parse
from twin.money.billing.model import Bill, Measured, Reserved
from twin.money.billing.ocpi import Imported, read_tariff
from twin.money.billing.pricing import Pricer, choose

NOON = ms("2026-01-14T12:00")
HEAD = '"country_code": "DE", "party_id": "TWN", "currency": "EUR", "last_updated": "2026-01-01T00:00:00Z"'
ENERGY = '{"type": "ENERGY", "price": 0.25, "vat": 10.0, "step_size": 1}'
FEE = '{"type": "FLAT", "price": 0.50, "vat": 20.0, "step_size": 1}'


def imported(id_: str, *elements: str, more: str = "") -> Imported:
    """Read a Tariff object from its text: elements of components and restrictions."""
    text = f'{{"id": "{id_}", {HEAD}, {more} "elements": [{", ".join(elements)}]}}'
    return read_tariff(parse(text, f"{id_}.json"))


def element(*components: str, restrictions: str = "") -> str:
    """A TariffElement."""
    tail = f', "restrictions": {{{restrictions}}}' if restrictions else ""
    return f'{{"price_components": [{", ".join(components)}]{tail}}}'


def component(kind: str, price: str, vat: str, step: int) -> str:
    """A PriceComponent."""
    return f'{{"type": "{kind}", "price": {price}, "vat": {vat}, "step_size": {step}}}'


def bill(found: Imported, taken: Measured) -> Bill:
    """Price at a location in Berlin."""
    return Pricer(found.tariff, BERLIN).price(taken)


def taking(kwh: int, parked_min: int = 0) -> Measured:
    """Two hours of charging, and parking after it."""
    parked = [(parked_min, 0, PARKED)] if parked_min else []
    return session(NOON, (120, kwh * 1000), *parked)


class TestSimple:
    def test_per_kwh(self) -> None:
        """20 x 0.25 = 5.00, + 10 % = 5.50."""
        assert totals(bill(imported("8", element(ENERGY)), taking(20))) == ("5.00", "5.50")

    def test_per_kwh_with_a_start_fee(self) -> None:
        """0.50 and 0.60 more."""
        assert totals(bill(imported("9", element(FEE, ENERGY)), taking(20))) == ("5.50", "6.10")

    @pytest.mark.parametrize(("kwh", "due"), [(20, ("5.00", "5.50")), (1, ("0.50", "0.55"))])
    def test_per_kwh_with_a_minimum(self, kwh: int, due: tuple[str, str]) -> None:
        """1 kWh costs 0.25, which is less."""
        least = '"min_price": {"excl_vat": 0.50, "incl_vat": 0.55},'
        assert totals(bill(imported("12", element(ENERGY), more=least), taking(kwh))) == due

    def test_per_kwh_with_parking_and_a_start_fee(self) -> None:
        """40 minutes are billed as 45: 0.50 + 5.00 + 1.50, 0.60 + 5.50 + 1.80."""
        found = imported("10", element(FEE, ENERGY, component("PARKING_TIME", "2.00", "20.0", 900)))
        assert totals(bill(found, taking(20, 40))) == ("7.00", "7.90")

    @pytest.mark.parametrize(("kwh", "due"), [(50, ("10.00", "11.00")), (30, ("8.00", "8.85"))])
    def test_per_kwh_with_a_maximum(self, kwh: int, due: tuple[str, str]) -> None:
        """50 kWh would cost 13.00 and 14.35."""
        most = '"max_price": {"excl_vat": 10.00, "incl_vat": 11.00},'
        assert totals(bill(imported("6", element(FEE, ENERGY), more=most), taking(kwh))) == due

    def test_a_tariff_that_ends_is_followed_by_the_next(self) -> None:
        """Chosen by the session's start: the end is exclusive."""
        until = '"end_date_time": "2026-06-30T00:00:00Z",'
        both = [imported("old", element(FEE), more=until).tariff, imported("new", element(ENERGY)).tariff]
        assert choose(both, ms("2026-06-29T23:59:59", "UTC")).id == "old"
        assert choose(both, ms("2026-06-30T00:00:00", "UTC")).id == "new"

    def test_per_hour(self) -> None:
        """2.5 h x 2.00; parking costs nothing."""
        found = imported("1", element(component("TIME", "2.00", "10.0", 60)))
        assert totals(bill(found, session(NOON, (150, 9_000), (30, 0, PARKED)))) == ("5.00", "5.50")

    def test_per_hour_of_charging_and_of_parking(self) -> None:
        """2.5 h x 3.00 + 0.75 h x 5.00 = 11.25; 8.25 + 4.50 = 12.75."""
        prices = component("TIME", "3.00", "10.0", 60), component("PARKING_TIME", "5.00", "20.0", 300)
        taken = session(NOON, (150, 9_000), (42, 0, PARKED))
        assert totals(bill(imported("13", element(*prices)), taken)) == ("11.25", "12.75")

    def test_texts_in_several_languages(self) -> None:
        """4.75, and 4.997 with 5.2 %; the English text is kept, the other one named."""
        texts = (
            '"tariff_alt_text": [{"language": "nl", "text": "Laden per uur"}, '
            '{"language": "en", "text": "Charging by the hour"}],'
        )
        found = imported("2", element(component("TIME", "1.90", "5.2", 300)), more=texts)
        assert found.tariff.text == "Charging by the hour"
        assert found.notes == ("tariff_alt_text: the texts in nl are not kept",)
        assert totals(bill(found, session(NOON, (150, 9_000)))) == ("4.75", "5.00")

    def test_a_url_says_nothing_about_the_price(self) -> None:
        """It passes, as does the mix of energy. 20.45 kWh are billed as 20.5: 0.50 + 5.125 = 5.625."""
        more = '"tariff_alt_url": "https://example.org/t", "energy_mix": {"is_green_energy": true},'
        found = imported("3", element(FEE, component("ENERGY", "0.25", "10.0", 100)), more=more)
        assert not found.notes
        assert bill(found, session(NOON, (120, 20_450))).excl == Decimal("5.625")

    def test_free_of_charge(self) -> None:
        """A flat fee of nothing, without any tax."""
        found = imported("5", element('{"type": "FLAT", "price": 0.00, "step_size": 0}'))
        assert totals(bill(found, taking(20))) == ("0.00", "0.00")


class TestComplex:
    WEEKDAYS = '"day_of_week": ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY"]'
    FOUND = imported(
        "4",
        element(component("FLAT", "2.50", "15.0", 1)),
        element(component("TIME", "1.00", "20.0", 900), restrictions='"max_current": 32.00'),
        element(component("TIME", "2.00", "20.0", 600), restrictions=f'"min_current": 32.00, {WEEKDAYS}'),
        element(
            component("TIME", "1.25", "20.0", 600),
            restrictions='"min_current": 32.00, "day_of_week": ["SATURDAY", "SUNDAY"]',
        ),
        element(
            component("PARKING_TIME", "5.00", "10.0", 300),
            restrictions=f'"start_time": "09:00", "end_time": "18:00", {WEEKDAYS}',
        ),
        element(
            component("PARKING_TIME", "6.00", "10.0", 300),
            restrictions='"start_time": "10:00", "end_time": "17:00", "day_of_week": ["SATURDAY"]',
        ),
    )

    def test_on_a_monday_morning(self) -> None:
        """2.50 + 165 min x 1.00 + 45 min x 5.00 = 9.00; 2.875 + 3.30 + 4.125 = 10.30."""
        ampere = {"current_a": Decimal(16)}
        taken = session(
            ms("2026-01-12T09:30"), (165, 9_000, CHARGING, ampere), (42, 0, PARKED, {"current_a": Decimal(0)})
        )
        assert totals(bill(self.FOUND, taken)) == ("9.00", "10.30")

    def test_on_a_saturday_afternoon(self) -> None:
        """2.50 + 114 min x 1.25 + 75 min x 6.00 = 12.375 (printed 12.28, which is 114 min at 1.20)."""
        ampere = {"current_a": Decimal(43)}
        taken = session(
            ms("2026-01-17T13:30"), (114, 9_000, CHARGING, ampere), (71, 0, PARKED, {"current_a": Decimal(0)})
        )
        found = bill(self.FOUND, taken)
        assert (found.excl, found.incl) == (Decimal("12.375"), Decimal("13.975"))


class TestReservations:
    SESSION = element(FEE, ENERGY)

    @pytest.mark.parametrize(
        ("components", "minutes", "due"),
        [
            ((("TIME", "5.00", "20.0", 60),), 15, ("6.75", "7.60")),
            ((("FLAT", "2.00", "20.0", 1), ("TIME", "5.00", "20.0", 300)), 13, ("8.75", "10.00")),
            ((("TIME", "2.00", "20.0", 600),), 22, ("6.50", "7.30")),
        ],
    )
    def test_before_a_session(
        self, components: tuple[tuple[str, str, str, int], ...], minutes: int, due: tuple[str, str]
    ) -> None:
        """5.50 and 6.10 of the session, and 15 min x 5; 2.00 + 15 min x 5; 30 min x 2.00; with 20 %."""
        found = imported(
            "15",
            element(*(component(*c) for c in components), restrictions='"reservation": "RESERVATION"'),
            self.SESSION,
        )
        booked = Reserved(NOON - minutes * 60_000, NOON, used=True)
        taken = session(NOON, (120, 20_000), reserved=booked)
        assert totals(bill(found, taken)) == due

    def test_that_expired(self) -> None:
        """4.00 + 1 h x 2.00 = 6.00; 7.20 with 20 %."""
        found = imported(
            "17",
            element(
                component("FLAT", "4.00", "20.0", 1), restrictions='"reservation": "RESERVATION_EXPIRES"'
            ),
            element(component("TIME", "2.00", "20.0", 600), restrictions='"reservation": "RESERVATION"'),
            self.SESSION,
        )
        expired = Measured(periods=(), end_ms=NOON, reserved=Reserved(NOON - 3_600_000, NOON, used=False))
        assert totals(bill(found, expired)) == ("6.00", "7.20")

    def test_has_no_energy(self) -> None:
        """Only a fee and time (mod_tariffs, TariffRestrictions)."""
        with pytest.raises(ScenarioError, match="a reservation has no ENERGY; only FLAT and TIME"):
            imported("x", element(ENERGY, restrictions='"reservation": "RESERVATION"'))


class TestRestrictions:
    def test_power(self) -> None:
        """1 kWh at 6 kW, 40 at 48 kW, 0.5 at 4 kW: 0.20 + 20.00 + 0.10."""
        found = imported(
            "p",
            element(component("ENERGY", "0.20", "20.0", 1), restrictions='"max_power": 16.00'),
            element(component("ENERGY", "0.35", "20.0", 1), restrictions='"max_power": 32.00'),
            element(component("ENERGY", "0.50", "20.0", 1)),
        )
        assert totals(bill(found, session(NOON, (10, 1_000), (50, 40_000), (7.5, 500))))[0] == "20.30"

    def test_duration(self) -> None:
        """Half an hour is free, 1.2 kWh after it cost 0.25 each."""
        found = imported(
            "d",
            element(component("ENERGY", "0.00", "20.0", 1), restrictions='"max_duration": 1800'),
            element(component("ENERGY", "0.25", "20.0", 1), restrictions='"max_duration": 3600'),
            element(component("ENERGY", "0.40", "20.0", 1)),
        )
        assert totals(bill(found, session(NOON, (30, 5_000), (10, 1_200))))[0] == "0.30"

    @pytest.mark.parametrize(
        ("restrictions", "said"),
        [
            ('"min_kwh": 5, "max_kwh": 5', "min_kwh: 5 is not below max_kwh 5: it never applies; swap them"),
            ('"min_duration": 9, "max_duration": 1', "min_duration: 9 is not below max_duration 1"),
            ('"start_date": "2026-02-01", "end_date": "2026-01-01"', "start_date: 2026-02-01 is not before"),
            ('"start_time": "9:00"', '"9:00" is no time of day; write it as 09:30'),
            ('"day_of_week": "MONDAY"', '"MONDAY" is no list'),
            ('"day_of_week": ["Monday"]', '"Monday" is unknown; one of MONDAY'),
            ('"min_duration": 0.5', "0.5 is no whole number"),
            ('"reservation": "YES"', '"YES" is unknown; one of RESERVATION, RESERVATION_EXPIRES'),
        ],
    )
    def test_that_cannot_hold_are_refused(self, restrictions: str, said: str) -> None:
        """Each with its remedy."""
        with pytest.raises(ScenarioError) as raised:
            imported("x", element(ENERGY, restrictions=restrictions))
        assert said in str(raised.value)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ('"min_price": {"excl_vat": 5}, "max_price": {"excl_vat": 4},', "min_price: 5 without tax is above"),
        (
            '"start_date_time": "2026-02-01T00:00:00Z", "end_date_time": "2026-01-01T00:00:00Z",',
            "start_date_time: is not before end_date_time: it never is valid; swap them",
        ),
        ('"start_date_time": "2026-02-01T00:00:00+01:00",', "has an offset; write UTC"),
        ('"type": "CHEAP",', '"CHEAP" is unknown; one of AD_HOC_PAYMENT'),
        ('"min_price": {"incl_vat": 5},', "min_price.excl_vat: is missing"),
        ('"tariff_alt_text": [{"language": "eng", "text": "x"}],', "has 3 characters; at most 2 are allowed"),
    ],
)
def test_a_tariff_that_contradicts_itself_is_refused(more: str, said: str) -> None:
    """With file, line and path."""
    with pytest.raises(ScenarioError) as raised:
        imported("x", element(ENERGY), more=more)
    assert str(raised.value).startswith("x.json:1: ")
    assert said in str(raised.value)


@pytest.mark.parametrize("id_", ["", "x" * 37, "straße"])
def test_an_id_is_short_and_ascii(id_: str) -> None:
    """As a CiString(36) is."""
    with pytest.raises(ScenarioError, match="id: "):
        imported(id_, element(ENERGY))
