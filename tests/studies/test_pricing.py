"""`twin.price`: one function for tariffs and sessions of the twin, of OCPI and of OCPP 2.1."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import twin
from tests.money.billing.cases import BERLIN, ENERGY, component, element, ms, session, tariff
from twin.errors import ScenarioError
from twin.money.billing.errors import PricingError
from twin.money.billing.model import Doing

OCPI = {
    "id": "t",
    "currency": "EUR",
    "elements": [{"price_components": [{"type": "ENERGY", "price": 0.3, "vat": 19, "step_size": 1}]}],
}
OCPP = {
    "tariffId": "t",
    "currency": "EUR",
    "energy": {"prices": [{"priceKwh": 0.3}], "taxRates": [{"type": "VAT", "tax": 19}]},
}
TWIN = tariff(element(component(ENERGY, "0.3", "19", 1)))
CDR: dict[str, Any] = {
    "id": "1",
    "start_date_time": "2026-01-14T11:00:00Z",
    "end_date_time": "2026-01-14T12:00:00Z",
    "currency": "EUR",
    "cdr_location": {},
    "tariffs": [OCPI],
    "charging_periods": [
        {"start_date_time": "2026-01-14T11:00:00Z", "dimensions": [{"type": "ENERGY", "volume": 10}]}
    ],
}
HOURS = tariff(element(component(ENERGY, "0.3"), days=frozenset({0})))
SESSION = session(ms("2026-01-14T12:00"), (60, 10_000))


@pytest.mark.parametrize("prices", [TWIN, OCPI, OCPP], ids=["twin", "OCPI", "OCPP"])
@pytest.mark.parametrize("taken", [SESSION, CDR], ids=["measured", "CDR"])
def test_ten_kwh_cost_3_57_in_any_language(prices: Any, taken: Any, tmp_path: Path) -> None:
    """10 x 0.30 = 3.00; + 19 % = 3.57; as values, and as files."""
    assert twin.price(prices, taken).incl == Decimal("3.57")
    for name, value in (("tariff", prices), ("cdr", taken)):
        if isinstance(value, dict):
            (tmp_path / name).write_text(json.dumps(value))
    given = tmp_path / "tariff" if isinstance(prices, dict) else prices
    session = tmp_path / "cdr" if isinstance(taken, dict) else taken
    assert twin.price(given, session).amount_minor == 357


def test_a_cdr_is_priced_by_the_tariff_that_it_carries() -> None:
    """No tariff is given."""
    assert twin.price(None, CDR).amount_minor == 357


def test_a_measured_session_carries_no_tariff() -> None:
    """So one is needed."""
    with pytest.raises(ScenarioError, match="a measured session carries no tariff; give one"):
        twin.price(None, SESSION)


@pytest.mark.parametrize("taken", [SESSION, CDR], ids=["measured", "CDR"])
def test_hours_and_days_need_a_time_zone(taken: Any) -> None:
    """UTC is not guessed."""
    with pytest.raises(ScenarioError, match="asks for civil time; say the location's time zone"):
        twin.price(HOURS, taken)
    assert twin.price(HOURS, taken, time_zone=BERLIN).incl == 0


def test_a_zone_that_is_none_is_refused() -> None:
    """Whoever is asked."""
    with pytest.raises(PricingError, match="Mars/Base"):
        twin.price(TWIN, SESSION, time_zone="Mars/Base")
    with pytest.raises(ScenarioError, match="'Mars/Base' is no time zone"):
        twin.price(TWIN, CDR, time_zone="Mars/Base")


def test_a_measured_session_is_split_and_a_cdr_is_not() -> None:
    """A price of the first half hour: 5 kWh of the meter's 10 pay it, but the one period of the CDR pays it whole."""
    prices = tariff(element(component(ENERGY, "0.3"), max_duration_s=1800))
    assert twin.price(prices, SESSION).incl == Decimal("1.5")
    assert twin.price(prices, CDR).incl == Decimal(3)


def test_a_pause_that_we_caused_pays_no_parking_fee() -> None:
    """Half an hour that the car waited for us, half an hour that we waited for the car: 6.00 per hour, 3.00."""
    prices = {
        "id": "t",
        "currency": "EUR",
        "elements": [{"price_components": [{"type": "PARKING_TIME", "price": 6, "step_size": 1}]}],
    }
    taken = session(ms("2026-01-14T12:00"), (30, 5_000), (30, 0, Doing.HELD), (30, 0, Doing.PARKING))
    assert twin.price(prices, taken).incl == Decimal(3)


def test_every_problem_of_a_dict_is_told_at_once() -> None:
    """By its path: a dict has no lines."""
    with pytest.raises(ScenarioError) as raised:
        twin.price(OCPI | {"currency": "eur", "elements": []}, SESSION)
    assert str(raised.value).splitlines() == [
        'tariff: currency: "eur" is no currency of ISO 4217; write EUR',
        "tariff: elements: is empty; at least one is needed",
    ]


def test_a_file_is_named_in_its_problems(tmp_path: Path) -> None:
    """With the line."""
    path = tmp_path / "tariff.json"
    path.write_text('{\n"id": "t",\n"currency": 3, "elements": [{"price_components": [{}]}]}')
    with pytest.raises(ScenarioError) as raised:
        twin.price(path, SESSION)
    assert f"{path}:3: currency: 3 is no text; write it in quotes" in str(raised.value)
    assert f"{path}:3: elements.0.price_components.0.type: is missing" in str(raised.value)
