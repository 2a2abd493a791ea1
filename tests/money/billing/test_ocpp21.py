"""Tariffs of OCPP 2.1 in both directions: every section, every condition, against the schema of the message."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema_rs
import ocpp.v21
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    session,
    tariff,
    totals,
)
from twin.errors import ScenarioError
from twin.money.billing import ocpp21
from twin.money.billing.json_text import Source, for_wire, parse, write
from twin.money.billing.model import (
    Bill,
    Component,
    Element,
    Measured,
    PriceBound,
    Reservation,
    Reserved,
    Restrictions,
    Tariff,
    Tax,
)
from twin.money.billing.ocpp21_write import write_tariff
from twin.money.billing.pricing import Pricer

SCHEMA = Path(ocpp.v21.__file__).parent / "schemas" / "SetDefaultTariffRequest.json"
VALIDATOR = jsonschema_rs.validator_for(orjson.loads(SCHEMA.read_text(encoding="utf-8-sig")))
NOON = ms("2026-01-14T12:00")
"""A Wednesday."""


def read(**fields: Any) -> ocpp21.Imported:
    """Import a TariffType, which is valid by its schema."""
    document = {"tariffId": "t", "currency": "EUR"} | fields
    VALIDATOR.validate({"evseId": 0, "tariff": document})
    return ocpp21.read_tariff(Source(document, "t"))


def bill(taken: Measured, **fields: Any) -> Bill:
    """Price a session in Berlin by a TariffType."""
    return Pricer(read(**fields).tariff, BERLIN).price(taken)


def per_kwh(*prices: tuple[float, dict[str, Any]], **more: Any) -> dict[str, Any]:
    """The section `energy`: prices with conditions."""
    listed = [{"priceKwh": price} | ({"conditions": c} if c else {}) for price, c in prices]
    return {"energy": {"prices": listed} | more}


def per_minute(key: str, price: float, **conditions: Any) -> dict[str, Any]:
    """A section of time with one price."""
    return {key: {"prices": [{"priceMinute": price} | ({"conditions": conditions} if conditions else {})]}}


def fixed(key: str, price: float, **conditions: Any) -> dict[str, Any]:
    """A section of fees with one price."""
    return {key: {"prices": [{"priceFixed": price} | ({"conditions": conditions} if conditions else {})]}}


class TestSections:
    def test_energy_time_idle_time_and_a_fee(self) -> None:
        """10 kWh x 0.30 + 60 min x 0.02 + 20 min x 0.10 + 0.50 = 3.00 + 1.20 + 2.00 + 0.50."""
        fields = (
            per_kwh((0.3, {}))
            | per_minute("chargingTime", 0.02)
            | per_minute("idleTime", 0.1)
            | fixed("fixedFee", 0.5)
        )
        assert totals(bill(session(NOON, (60, 10_000), (20, 0, PARKED)), **fields)) == ("6.70", "6.70")

    def test_a_reservation_has_a_fee_and_a_price_per_minute(self) -> None:
        """1.00 + 15 min x 0.05 = 1.75; it is charged whether it is used or not."""
        fields = per_minute("reservationTime", 0.05) | fixed("reservationFixed", 1) | per_kwh((0.3, {}))
        booked = Reserved(NOON - 15 * 60_000, NOON, used=True)
        assert totals(bill(session(NOON, (60, 10_000), reserved=booked), **fields))[0] == "4.75"
        expired = Measured(periods=(), end_ms=NOON, reserved=booked._replace(used=False))
        assert totals(bill(expired, **fields))[0] == "1.75"

    def test_taxes_of_a_higher_stack_tax_the_lower_ones(self) -> None:
        """10 x 0.10 = 1.00; + 10 % = 1.10; 5 % of that are 0.055: 1.155."""
        rates = [{"type": "state", "tax": 10, "stack": 0}, {"type": "city", "tax": 5, "stack": 1}]
        found = bill(session(NOON, (60, 10_000)), **per_kwh((0.1, {}), taxRates=rates))
        assert found.incl == Decimal("1.155")
        assert [(t.name, t.amount) for t in found.taxes] == [
            ("state", Decimal("0.1")),
            ("city", Decimal("0.055")),
        ]

    def test_least_and_highest_costs_bound_the_total(self) -> None:
        """3.00 is raised to 5.00, and cut to 2.00; the side that is not given follows from the tax rates."""
        vat = [{"type": "VAT", "tax": 19}]
        energy = per_kwh((0.3, {}), taxRates=vat)
        taken = session(NOON, (60, 10_000))
        assert totals(bill(taken, **energy, minCost={"exclTax": 5, "taxRates": vat})) == ("5.00", "5.95")
        assert totals(bill(taken, **energy, maxCost={"inclTax": 2.38, "taxRates": vat})) == ("2.00", "2.38")
        assert totals(bill(taken, **energy, maxCost={"exclTax": 2, "inclTax": 2.3})) == ("2.00", "2.30")

    def test_a_validity_is_an_instant(self) -> None:
        """With an offset, as OCPP writes them, or without, as UTC."""
        for text in ("2026-01-01T01:00:00+01:00", "2026-01-01T00:00:00Z"):
            assert read(validFrom=text).tariff.valid_from == datetime(2026, 1, 1, tzinfo=UTC)


class TestConditions:
    @pytest.mark.parametrize(
        ("conditions", "kwh"),
        [
            ({"startTimeOfDay": "12:30"}, 5),
            ({"endTimeOfDay": "12:15"}, Decimal("2.5")),
            ({"startTimeOfDay": "22:00", "endTimeOfDay": "06:00"}, 0),
            ({"dayOfWeek": ["Wednesday", "Sunday"]}, 10),
            ({"dayOfWeek": ["Thursday"]}, 0),
            ({"validFromDate": "2026-01-14", "validToDate": "2026-01-15"}, 10),
            ({"validToDate": "2026-01-14"}, 0),
            ({"minEnergy": 4000}, 6),
            ({"maxEnergy": 4000}, 4),
            ({"minPower": 10_000}, 10),
            ({"maxPower": 10_000}, 0),
            ({"minCurrent": 20}, 0),
            ({"maxCurrent": 20}, 10),
            ({"minTime": 900}, Decimal("7.5")),
            ({"maxTime": 900}, Decimal("2.5")),
            ({"minChargingTime": 1800}, 5),
            ({"maxChargingTime": 1800}, 5),
            ({"minIdleTime": 1}, 0),
            ({"maxIdleTime": 1}, 10),
            ({"evseKind": "AC"}, 10),
            ({"evseKind": "DC"}, 0),
        ],
    )
    def test_each_condition_switches_a_price(self, conditions: dict[str, Any], kwh: int | Decimal) -> None:
        """10 kWh in the hour from noon on a Wednesday, at 10 kW and 16 A of AC, at 1.00."""
        taken = session(NOON, (60, 10_000, CHARGING, {"current_a": Decimal(16)}), evse_kind="AC")
        assert bill(taken, **per_kwh((1, conditions))).excl == kwh

    def test_the_first_price_whose_conditions_hold_is_charged(self) -> None:
        """4 kWh at 0.50, 6 at 0.20: 2.00 + 1.20."""
        prices = per_kwh((0.5, {"maxEnergy": 4000}), (0.2, {}))
        assert totals(bill(session(NOON, (60, 10_000)), **prices))[0] == "3.20"

    def test_idle_time_has_a_grace_period(self) -> None:
        """15 of 45 minutes are free: 30 x 0.10."""
        fields = per_minute("idleTime", 0.1, minIdleTime=900)
        assert totals(bill(session(NOON, (60, 10_000), (45, 0, PARKED)), **fields))[0] == "3.00"

    @pytest.mark.parametrize(("start", "fee"), [("13:30", "0.00"), ("14:00", "2.00"), ("15:59", "2.00")])
    def test_a_fixed_fee_is_judged_at_the_start(self, start: str, fee: str) -> None:
        """From 14:00 to 16:00; a session that only reaches into these hours does not pay it."""
        fields = fixed("fixedFee", 2, startTimeOfDay="14:00", endTimeOfDay="16:00")
        assert totals(bill(session(ms(f"2026-01-14T{start}"), (60, 10_000)), **fields))[0] == fee

    @pytest.mark.parametrize(("brand", "fee"), [("Visa", "1.00"), ("Other", "0.00")])
    def test_a_fixed_fee_may_depend_on_the_payment(self, brand: str, fee: str) -> None:
        """By brand, and by how the card was recognised."""
        fields = fixed("fixedFee", 1, paymentBrand="Visa", paymentRecognition="CC")
        taken = session(NOON, (60, 1), payment_brand=brand, payment_recognition="CC")
        assert totals(bill(taken, **fields))[0] == fee


class TestReading:
    def test_of_several_texts_the_english_one_is_kept(self) -> None:
        """A page is none; line breaks are."""
        described = [
            {"format": "UTF8", "language": "de", "content": "Strom"},
            {"format": "UTF8", "language": "en-GB", "content": "Power\nby the kWh"},
            {"format": "HTML", "content": "<b>Power</b>"},
        ]
        found = read(description=described)
        assert found.tariff.text == "Power\nby the kWh"
        assert found.notes == (
            "description.2.format: a description as HTML is not kept",
            "description: of 2 texts only one is kept",
        )

    @pytest.mark.parametrize(
        ("fields", "said"),
        [
            ({"energy": {"prices": []}}, "energy.prices: is empty; at least one is needed"),
            ({"energy": {"prices": [{}]}}, "energy.prices.0.priceKwh: is missing"),
            (per_kwh((1, {"minEnergy": 5, "maxEnergy": 5})), "minEnergy: 5 is not below maxEnergy 5"),
            (per_kwh((1, {"minTime": 9, "maxTime": 5})), "minTime: 9 is not below maxTime 5"),
            (per_kwh((1, {"startTimeOfDay": "24:00"})), '"24:00" is no time of day; write it as 09:30'),
            (per_kwh((1, {"dayOfWeek": ["MONDAY"]})), '"MONDAY" is unknown; one of Monday'),
            (per_kwh((1, {"validFromDate": "2026-02-30"})), '"2026-02-30" is no date'),
            (
                per_kwh((1, {"validFromDate": "2026-02-03", "validToDate": "2026-02-03"})),
                "validFromDate: 2026-02-03 is not before validToDate; swap them",
            ),
            (per_kwh((1, {}), taxRates=[{"type": "VAT", "tax": -1}]), "-1 is too small; at least 0"),
            ({"minCost": {}}, "minCost: has neither exclTax nor inclTax; give it one"),
            (
                {"minCost": {"exclTax": 5}, "maxCost": {"exclTax": 4}},
                "minCost: exclTax 5 is above that of maxCost, 4; swap them",
            ),
            ({"validFrom": "tomorrow"}, '"tomorrow" is no instant'),
            ({"description": [{"format": "UTF8"}]}, "description.0.content: is missing"),
            ({"description": [{"format": "UTF8", "content": 5}]}, "5 is no text; write it in quotes"),
            ({"description": [{"format": "UTF8", "content": "x" * 1025}]}, "has 1025 characters"),
        ],
    )
    def test_what_cannot_be_used_is_refused(self, fields: dict[str, Any], said: str) -> None:
        """With its path and a remedy."""
        with pytest.raises(ScenarioError) as raised:
            ocpp21.read_tariff(Source({"tariffId": "t", "currency": "EUR"} | fields, "t"))
        assert said in str(raised.value)

    def test_custom_data_passes_and_unknown_fields_are_noted(self) -> None:
        """The first may stand anywhere, the second is somebody's mistake."""
        document = {"tariffId": "t", "currency": "EUR", "customData": {"vendorId": "x"}, "parking": 1}
        assert ocpp21.read_tariff(Source(document, "t")).notes == (
            "parking: is no field of OCPP 2.1 here; ignored",
        )


CIVIL = st.fixed_dictionaries(
    {},
    optional={
        "start_time": st.builds(time, st.integers(0, 23), st.integers(0, 59)),
        "end_time": st.builds(time, st.integers(0, 23), st.integers(0, 59)),
        "days": st.sets(st.integers(0, 6), min_size=1).map(frozenset),
        "start_date": st.just(date(2026, 1, 1)),
        "end_date": st.just(date(2026, 2, 1)),
        "evse_kind": st.sampled_from(["AC", "DC"]),
    },
)
PROGRESS = st.fixed_dictionaries(
    {},
    optional={
        f"{side}_{name}": st.integers(*((1, 50) if side == "min" else (51, 99))).map(kind)
        for name, kind in (
            ("energy_wh", Decimal),
            ("power_w", Decimal),
            ("current_a", Decimal),
            ("duration_s", int),
            ("charging_s", int),
            ("idle_s", int),
        )
        for side in ("min", "max")
    },
)
TAXES = st.sampled_from(
    [(), (Tax("VAT", Decimal(19)),), (Tax("state", Decimal("9.975")), Tax("city", Decimal(5), 1))]
)
PRICES = st.integers(-999, 9_999).map(lambda n: Decimal(n * 60) / 1000)


@st.composite
def tariffs(draw: st.DrawFn) -> Tariff:
    """A tariff that OCPP can say, in the order of its sections."""
    found: list[Element] = []
    for section in ocpp21.SECTIONS:
        taxes = draw(TAXES)
        for _ in range(draw(st.integers(0, 2))):
            said: dict[str, Any] = {"evse_kind": draw(st.sampled_from([None, "AC"]))}
            if not section.fixed:
                said = draw(CIVIL) | draw(PROGRESS)
            restrictions = Restrictions(reservation=section.reservation, **said)
            prices = (Component(section.dimension, draw(PRICES), taxes),)
            found.append(Element(components=prices, restrictions=restrictions))
    bounds = st.sampled_from([PriceBound(), PriceBound(Decimal(2)), PriceBound(Decimal(2), Decimal("2.38"))])
    return Tariff(
        id="t",
        currency="EUR",
        elements=tuple(found),
        text=draw(st.sampled_from(["", "Strom\nfür hier"])),
        valid_from=draw(st.sampled_from([None, datetime(2026, 1, 1, 12, tzinfo=UTC)])),
        min_price=draw(bounds),
        max_price=draw(bounds),
    )


@given(tariffs())
def test_what_ocpp_can_say_survives(prices: Tariff) -> None:
    """Valid by the schema as it goes over the wire, and the same when it comes back as a text."""
    out, lost = write_tariff(prices)
    assert {entry.split(":")[0] for entry in lost} <= {"idleTime"}
    VALIDATOR.validate({"evseId": 0, "tariff": for_wire(out)})
    found = ocpp21.read_tariff(parse(write(out), "t"))
    assert found.tariff == prices
    assert not found.notes


def test_a_fee_that_is_judged_at_the_start_survives() -> None:
    """Its hours are those of the session's first second, here and there."""
    given_ = read(**fixed("fixedFee", 2, startTimeOfDay="14:00", endTimeOfDay="16:00")).tariff
    out, lost = write_tariff(given_)
    assert lost == []
    assert ocpp21.read_tariff(Source(out, "t")).tariff == given_


def test_an_element_of_several_prices_becomes_several_sections() -> None:
    """Each price is priced as before: 0.50 + 3.00 + 1.20 + 20 min x 0.10."""
    prices = tariff(
        element(
            component(FLAT, "0.5"), component(ENERGY, "0.3"), component(TIME, "1.2"), component(PARKING, "6")
        ),
    )
    out, _ = write_tariff(prices)
    again = ocpp21.read_tariff(Source(out, "t")).tariff
    taken = session(NOON, (60, 10_000), (20, 0, PARKED))
    assert totals(Pricer(again, BERLIN).price(taken)) == totals(Pricer(prices, BERLIN).price(taken)) == (
        "6.70",
        "6.70",
    )  # fmt: skip


def test_prices_with_tax_are_written_without() -> None:
    """1.19 with 19 % is 1.00, per hour 60 cents are one per minute."""
    prices = tariff(
        element(component(ENERGY, "1.19", "19")),
        element(component(TIME, "0.714", "19"), reservation=Reservation.USED),
        tax_included=True,
    )
    out, lost = write_tariff(prices)
    assert lost == ["tax_included: prices with tax are written without, as OCPP has them"]
    assert out["energy"]["prices"] == [{"priceKwh": Decimal(1)}]
    assert out["reservationTime"]["prices"] == [{"priceMinute": Decimal("0.01")}]
