"""What a tariff of a scenario costs, by hand; and what cannot be a tariff."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from twin.money.billing.model import Bill, Doing, Measured, Period
from twin.scenario.dump import as_yaml
from twin.scenario.loader import load
from twin.scenario.prices import site_tariffs

from .conftest import MINIMAL

Priced = Callable[..., Bill]


@pytest.fixture
def priced(folder: Path) -> Priced:
    """Price one session by the only tariff of a scenario in Berlin."""

    def price(tariff: str, *periods: tuple[str, int, Doing], end: str) -> Bill:
        (folder / "s.yaml").write_text(f"{MINIMAL}tariffs: {{day: {tariff}}}\n")
        (made,) = site_tariffs(load("s.yaml")).values()
        measured = Measured(
            periods=tuple(Period(ms(at), energy_wh, doing) for at, energy_wh, doing in periods),
            end_ms=ms(end),
        )
        return made.price(measured)

    return price


def ms(civil: str) -> int:
    """Unix milliseconds of a January time in Berlin, `18T10:00`."""
    return round(datetime.fromisoformat(f"2016-01-{civil}:00+01:00").astimezone(UTC).timestamp() * 1000)


def test_every_price_is_charged(priced: Priced) -> None:
    """10 kWh at 0.30, an hour of charging at 1.20, two of parking at 6 less half an hour of grace, 0.35 for the session."""
    bill = priced(
        "{price_per_kwh: 0.30, price_per_hour_charging: 1.20, price_per_hour_parking: 6, parking_grace_min: 30, price_per_session: 0.35}",
        ("18T10:00", 10_000, Doing.CHARGING), ("18T11:00", 0, Doing.PARKING), end="18T13:00",
    )  # fmt: skip
    assert bill.incl == Decimal("3.00") + Decimal("1.20") + Decimal(9) + Decimal("0.35")
    assert bill.excl == bill.incl


def test_tax_is_in_the_prices_or_comes_on_top(priced: Priced) -> None:
    """1.19 with 19 % in it is 1.00 without; 1.00 without is 1.19 with."""
    session = ("18T10:00", 1_000, Doing.CHARGING)
    inside = priced("{price_per_kwh: 1.19, vat_pct: 19}", session, end="18T11:00")
    on_top = priced("{price_per_kwh: 1.00, vat_pct: 19, tax: excluded}", session, end="18T11:00")
    for bill in (inside, on_top):
        assert (bill.excl_minor, bill.tax_minor, bill.amount_minor) == (100, 19, 119)


def test_a_window_past_midnight_belongs_to_the_day_on_which_it_begins(priced: Priced) -> None:
    """Cheap on Monday nights: at 23:00 on Monday and at 3:00 on Tuesday, but not at 3:00 on Monday or on Wednesday."""
    tariff = (
        "{price_per_kwh: 1, time_of_use: [{from: '22:00', until: '06:00', days: [mon], price_per_kwh: 0.5}]}"
    )
    costs = [
        priced(tariff, (f"{day}:00", 1_000, Doing.CHARGING), end=f"{day}:30").amount_minor
        for day in ("18T03", "18T23", "19T03", "20T03")
    ]
    assert costs == [100, 50, 50, 100]


def test_prices_come_from_a_file(priced: Priced, folder: Path) -> None:
    """0.20 until 11, 0.40 from then on: a kWh each."""
    rows = "time,price_per_kwh\n2016-01-18T00:00:00+01:00,0.20\n2016-01-18T11:00:00+01:00,0.40\n"
    (folder / "prices.csv").write_text(rows)
    bill = priced("{prices: prices.csv}", ("18T10:00", 2_000, Doing.CHARGING), end="18T12:00")
    assert bill.amount_minor == 60


def test_a_tariff_may_be_one_of_ocpi(priced: Priced, folder: Path) -> None:
    """Net prices of OCPI 2.2.1 with 20 % VAT: 2 kWh at 0.25."""
    component = {"type": "ENERGY", "price": 0.25, "vat": 20.0, "step_size": 1}
    tariff = {
        "country_code": "DE", "party_id": "TWN", "id": "12", "currency": "EUR", "last_updated": "2016-01-01T00:00:00Z",
        "elements": [{"price_components": [component]}],
    }  # fmt: skip
    (folder / "t.json").write_text(json.dumps(tariff))
    bill = priced("{ocpi: t.json}", ("18T10:00", 2_000, Doing.CHARGING), end="18T12:00")
    assert (bill.excl_minor, bill.amount_minor) == (50, 60)


def test_a_session_costs_no_more_and_no_less_than_its_bounds(priced: Priced) -> None:
    """1 to 5 EUR."""
    tariff = "{price_per_kwh: 1, min_price: 1, max_price: 5}"
    assert priced(tariff, ("18T10:00", 100, Doing.CHARGING), end="18T11:00").amount_minor == 100
    assert priced(tariff, ("18T10:00", 9_000, Doing.CHARGING), end="18T11:00").amount_minor == 500


def test_a_resolved_scenario_can_be_read_again(folder: Path) -> None:
    """It writes every default, beside a file of OCPI too."""
    (folder / "t.json").write_text(
        '{"country_code": "DE", "party_id": "TWN", "id": "1", "currency": "EUR", "last_updated": "2016-01-01T00:00:00Z", "elements": [{"price_components": [{"type": "FLAT", "price": 1, "step_size": 1}]}]}'
    )
    (folder / "s.yaml").write_text(f"{MINIMAL}tariffs: {{day: {{ocpi: t.json}}}}\npayments: {{}}\n")
    (folder / "again.yaml").write_text(as_yaml(load("s.yaml")))
    assert as_yaml(load("again.yaml")) == as_yaml(load("s.yaml"))


@pytest.mark.parametrize(
    ("tariff", "said"),
    [
        ("{}", "says no price of energy; give `price_per_kwh` (0: free), `prices` or `ocpi`"),
        ("{price_per_kwh: 1, parking_grace_min: 5}", "`parking_grace_min` needs a `price_per_hour_parking`"),
        ("{price_per_kwh: 1, min_price: 3, max_price: 2}", "min_price 3 is above max_price 2"),
        (
            "{ocpi: s.yaml, price_per_kwh: 1}",
            "`ocpi` says everything about a tariff; remove `price_per_kwh`, or `ocpi`",
        ),
        (
            "{prices: s.yaml, price_per_kwh: 1}",
            "`prices` takes the place of `price_per_kwh` and `time_of_use`; give either",
        ),
    ],
)
def test_what_does_not_fit_together_is_said(
    told: Callable[..., list[str]], minimal: str, tariff: str, said: str
) -> None:
    """With the line of the tariff."""
    assert told(f"{minimal}tariffs:\n  day: {tariff}\n") == [f"s.yaml:12: tariffs.day: {said}"]


def test_every_row_of_a_price_file_is_checked(
    told: Callable[..., list[str]], minimal: str, folder: Path
) -> None:
    """Time, price, order, cells: each with its line, when the file is loaded."""
    rows = "time,price_per_kwh\n2016-01-18T00:00:00+01:00,cheap\nnoon,0.2\n2016-01-18T02:00:00+01:00,1\n2016-01-18T01:00:00+01:00,1\n7\n"
    (folder / "p.csv").write_text(rows)
    assert told(minimal + "tariffs: {day: {prices: p.csv}}\n") == [
        "p.csv:2: price_per_kwh: `cheap` is no price; write a number such as 0.32, between -100000 and 100000",
        "p.csv:3: time: `noon` is no time with an offset; write it as `2016-01-18T00:00:00+01:00`",
        "p.csv:5: time: 2016-01-18T00:00:00Z is not later than line 4; rows must ascend in time",
        "p.csv:6: 1 cells, the header has 2",
    ]
    late = "time,price_per_kwh\n2016-01-19T00:00:00+01:00,1\n"
    (folder / "p.csv").write_text(late)
    assert told(None) == [
        "s.yaml:11: tariffs.day.prices: the first price of p.csv is of 2016-01-19T00:00:00+01:00, the run begins at 2016-01-18T00:00:00+01:00"
    ]


def test_who_pays_how_must_be_known(told: Callable[..., list[str]], minimal: str) -> None:
    """A group of drivers that does not exist; a group that cannot pay."""
    assert told(minimal + "payments: {means: {famly: {app: 1}}}\n") == [
        "s.yaml:11: payments.means.famly: no group of drivers `famly`, did you mean `family`?"
    ]
    assert told(minimal + "payments: {means: {family: {app: 0}}}\n") == [
        "s.yaml:11: payments.means.family: every weight is zero; give one way to pay a weight at least"
    ]


def test_holds_have_one_currency(told: Callable[..., list[str]], minimal: str) -> None:
    """60 of what?"""
    text = (
        minimal
        + "payments: {}\ntariffs: {a: {price_per_kwh: 1, currency: EUR}, b: {price_per_kwh: 1, currency: JPY}}\n"
    )
    text = text.replace("sites:\n", "sites:\n  other: {tariff: b, stations: {list: {pole: {}}}}\n")
    text = text.replace("  home:\n", "  home:\n    tariff: a\n")
    (said,) = told(text)
    assert said.endswith("payments: holds need one currency, but sites charge in EUR and JPY")
