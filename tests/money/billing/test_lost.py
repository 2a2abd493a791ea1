"""Whatever a format cannot say of a tariff is named in words, once."""

from __future__ import annotations

from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any

import pytest

from tests.money.billing.cases import ENERGY, FLAT, PARKING, TIME, component, element, tariff
from twin.money.billing import ocpi_write, ocpp21_write
from twin.money.billing.model import Component, PriceBound, Reservation, Step, Tariff, Tax
from twin.money.billing.ocpi import Version

AT = datetime(2026, 1, 1, tzinfo=UTC)
KWH = component(ENERGY, "0.3", step=1)
EXPIRED, USED = Reservation.EXPIRED, Reservation.USED
DYNAMIC = Component(ENERGY, Decimal("0.3"), (), 1, (Step(0, Decimal("0.2")), Step(900_000, Decimal("0.1"))))
TWO_TAXES = Component(ENERGY, Decimal(1), (Tax("state", Decimal(10)), Tax("city", Decimal(5), 1)), 1)
SIX_TAXES = Component(ENERGY, Decimal(1), tuple(Tax(f"t{n}", Decimal(1)) for n in range(6)), 0)
BY_BRAND = element(KWH, payment_brand="Visa")
IN_SECONDS = element(KWH, start_time=time(9, 30, 15))


def to_ocpi(prices: Tariff, version: Version = "2.2.1") -> ocpi_write.Written:
    """Export to OCPI."""
    return ocpi_write.write_tariff(prices, version, country_code="DE", party_id="TWN", last_updated=AT)


OCPI = [
    (tariff(element(KWH), text="a\tb"), "text: line breaks, tabs, doubled spaces and unprintable characters"),
    (tariff(element(KWH), text="x" * 513), "text: only the first 512 of 513 characters have room"),
    (
        tariff(element(KWH), min_price=PriceBound(None, Decimal(2))),
        "min_price: OCPI requires excl_vat; 0 is written where there is no bound",
    ),
    (
        tariff(element(KWH), max_price=PriceBound(None, Decimal(2))),
        "max_price: OCPI requires excl_vat; 2 is written where there is no bound",
    ),
    (
        tariff(element(KWH), element(component(PARKING, "6", step=1), min_idle_s=900)),
        "elements.1 PARKING_TIME: OCPI has no restriction min_idle_s 900; the price is left out",
    ),
    (
        tariff(BY_BRAND),
        "elements.0 ENERGY: OCPI has no restriction payment_brand Visa; the price is left out",
    ),
    (
        tariff(element(KWH, days=frozenset())),
        "elements.0 ENERGY: OCPI has no restriction days without days; the price is left out",
    ),
    (
        tariff(element(KWH, reservation=USED)),
        "elements.0 ENERGY: a reservation has only FLAT and TIME; the price is left out",
    ),
    (tariff(element(DYNAMIC)), "elements.0 ENERGY: 2 prices by interval; 0.3 is written for all times"),
    (
        tariff(element(TWO_TAXES)),
        "elements.0 ENERGY: state and city are written as one percentage of 15.5",
    ),
    (
        tariff(element(component(ENERGY, "0.3"))),
        "elements.0 ENERGY: exact volumes; the smallest step of OCPI rounds them up to a whole Wh",
    ),
    (
        tariff(element(component(TIME, "3"))),
        "elements.0 TIME: exact volumes; the smallest step of OCPI rounds them up to a whole second",
    ),
    (tariff(IN_SECONDS), "elements.0 start_time: the seconds of 09:30:15"),
    (
        tariff(element(KWH, component(FLAT, "1")), flat_without_energy=False),
        "flat_without_energy: OCPI charges a flat fee of a session without energy, too",
    ),
    (
        tariff(element(KWH), valid_from=AT.replace(microsecond=1500)),
        "start_date_time: what is finer than a millisecond of 2026-01-01T00:00:00.001500",
    ),
]


@pytest.mark.parametrize("version", ["2.2.1", "2.3.0"])
@pytest.mark.parametrize(("prices", "said"), OCPI, ids=lambda value: value if isinstance(value, str) else "")
def test_ocpi_says_what_it_cannot(version: Version, prices: Tariff, said: str) -> None:
    """One thing each."""
    if version == "2.3.0":
        said = said.replace("excl_vat", "before_taxes")
    assert to_ocpi(prices, version).lost == [said]


def test_ocpi_ids_are_short_and_ascii() -> None:
    """What has no place is cut, or becomes a line."""
    named = Tariff(id="straße-" + "x" * 30, currency="EUR", elements=(element(KWH),))
    out, lost = to_ocpi(named)
    assert out["id"] == "stra_e-" + "x" * 29
    assert lost == [
        f"id: characters that are not printable ASCII; stra_e-{'x' * 30} is written",
        "id: only the first 36 of 37 characters have room",
    ]


def test_prices_with_tax_are_exact_in_2_3_0_and_divided_in_2_2_1() -> None:
    """1.00 with 19 % has no finite decimal without: 100 / 119."""
    prices = tariff(element(component(ENERGY, "1", "19", 1)), tax_included=True)
    out, lost = to_ocpi(prices, "2.3.0")
    assert (out["tax_included"], out["elements"][0]["price_components"][0]["price"], lost) == ("YES", 1, [])
    out, lost = to_ocpi(prices)
    assert out["elements"][0]["price_components"][0]["price"] == Decimal("0.8403361345")
    assert lost == [
        "elements.0 ENERGY: 1 with tax has no finite decimal without; 0.8403361345 is written",
        "tax_included: prices with tax are written without, as OCPI 2.2.1 has them",
    ]


def test_a_tariff_of_which_nothing_is_left_is_free_in_ocpi() -> None:
    """As OCPI says that: one flat fee of zero."""
    out, _ = to_ocpi(tariff(BY_BRAND))
    assert out["elements"] == [{"price_components": [{"type": "FLAT", "price": 0, "step_size": 1}]}]


NO_STEP = component(ENERGY, "0.3")
OCPP = [
    (
        Tariff(id="x" * 61, currency="EUR", elements=()),
        "id: only the first 60 of 61 characters have room",
    ),
    (tariff(text="x" * 1025), "text: only the first 1024 of 1025 characters have room"),
    (tariff(valid_until=AT), "valid_until: OCPP has no end of validity, 2026-01-01T00:00:00+00:00"),
    (
        tariff(element(component(FLAT, "1")), flat_without_energy=False),
        "flat_without_energy: OCPP does not say that a session without energy pays no fixed fee",
    ),
    (
        tariff(element(component(PARKING, "6"))),
        (
            "idleTime: that a pause is no idle time where the station holds the car back (SuspendedEVSE); "
            "OCPP leaves that to the station"
        ),
    ),
    (
        tariff(element(component(FLAT, "4"), reservation=EXPIRED)),
        "elements.0 FLAT: OCPP has no such price for RESERVATION_EXPIRES; the price is left out",
    ),
    (
        tariff(element(NO_STEP, reservation=USED)),
        "elements.0 ENERGY: OCPP has no such price for RESERVATION; the price is left out",
    ),
    (
        tariff(element(NO_STEP, payment_brand="Visa")),
        "elements.0 ENERGY: OCPP has no restriction payment_brand Visa; the price is left out",
    ),
    (
        tariff(element(component(FLAT, "1"), min_energy_wh=Decimal(5))),
        "elements.0 FLAT: OCPP has no restriction min_energy_wh 5; the price is left out",
    ),
    (
        tariff(element(NO_STEP, days=frozenset())),
        "elements.0 ENERGY: OCPP has no restriction days without days; the price is left out",
    ),
    (
        tariff(element(component(FLAT, "1"), start_time=time(9), days=frozenset({0}))),
        "elements.0 FLAT: OCPP judges start_time and days at the start only, not during the session",
    ),
    (tariff(element(KWH)), "elements.0 ENERGY: the step size of 1; OCPP charges exact volumes"),
    (
        tariff(element(DYNAMIC._replace(step_size=0))),
        "elements.0 ENERGY: 2 prices by interval; 0.3 is written for all times",
    ),
    (
        tariff(element(component(TIME, "1"))),
        "elements.0 TIME: 1 has no finite decimal per minute; 0.0166666667 is written",
    ),
    (
        tariff(element(component(ENERGY, "0.1234567890123456"))),
        "elements.0 ENERGY: the digits of 0.1234567890123456 after the 15th; 0.123456789012346 is written",
    ),
    (
        tariff(element(NO_STEP, min_energy_wh=Decimal("1234567890.1234567"))),
        (
            "elements.0 ENERGY min_energy_wh: the digits of 1234567890.1234567 after the 15th; "
            "1234567890.12346 is written"
        ),
    ),
    (
        tariff(element(component(ENERGY, "1", "19")), element(component(ENERGY, "2", "7"))),
        "elements.1 ENERGY: OCPP taxes all prices of energy alike; those of elements.0 are written",
    ),
    (tariff(element(SIX_TAXES)), "energy: 6 taxes are written as one of 6 %"),
    (
        tariff(element(Component(ENERGY, Decimal(1), (Tax("x" * 21, Decimal(1)),)))),
        "energy tax: only the first 20 of 21 characters have room",
    ),
    (
        tariff(element(NO_STEP, start_time=time(9, 30, 15))),
        "elements.0 ENERGY start_time: the seconds of 09:30:15",
    ),
    (
        tariff(element(component(FLAT, "1"), payment_brand="x" * 21)),
        "elements.0 FLAT payment_brand: only the first 20 of 21 characters have room",
    ),
    (
        tariff(valid_from=AT.replace(microsecond=1500)),
        "valid_from: what is finer than a millisecond of 2026-01-01T00:00:00.001500",
    ),
]


@pytest.mark.parametrize(("prices", "said"), OCPP, ids=lambda value: value if isinstance(value, str) else "")
def test_ocpp_says_what_it_cannot(prices: Tariff, said: str) -> None:
    """One thing each."""
    assert ocpp21_write.write_tariff(prices).lost == [said]


def test_one_tariff_may_lose_many_things() -> None:
    """Each is named, in the order of the tariff."""
    everything: dict[str, Any] = {"tax_included": True, "valid_until": AT, "flat_without_energy": False}
    prices = tariff(
        element(component(FLAT, "1", step=1), start_time=time(9)),
        element(KWH, payment_brand="Visa"),
        element(component(PARKING, "6"), min_idle_s=60),
        **everything,
    )
    assert [entry.split(":")[0] for entry in ocpp21_write.write_tariff(prices).lost] == [
        "tax_included",
        "elements.1 ENERGY",
        "elements.0 FLAT",
        "valid_until",
        "flat_without_energy",
        "idleTime",
    ]
