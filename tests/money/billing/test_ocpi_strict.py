"""What is exported as OCPI holds every rule that its chapters print: fields, types, lengths, values."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.money.billing.strategies import PLACES, tariffs
from twin.money.billing.currencies import CURRENCIES
from twin.money.billing.json_text import parse, write
from twin.money.billing.model import Tariff
from twin.money.billing.ocpi import Version, read_tariff
from twin.money.billing.ocpi_write import write_tariff

Rule: TypeAlias = Callable[[Any], bool]
AT = datetime(2026, 1, 1, tzinfo=UTC)


class Field(NamedTuple):
    """A row of a table of the specification."""

    rule: Rule
    required: bool = False


def string(longest: int) -> Rule:
    """Printable text (types, string)."""
    return lambda v: isinstance(v, str) and len(v) <= longest and v.isprintable()


def cistring(longest: int) -> Rule:
    """Printable ASCII (types, CiString)."""
    return lambda v: string(longest)(v) and v.isascii() and v != ""


def like(pattern: str) -> Rule:
    """Text of a form."""
    return lambda v: isinstance(v, str) and re.fullmatch(pattern, v, re.ASCII) is not None


def one_of(*values: str) -> Rule:
    """A value of an enumeration."""
    return lambda v: v in values


def number(value: Any) -> bool:
    """A JSON number: the parser makes a Decimal of it."""
    return isinstance(value, Decimal)


def integer(value: Any) -> bool:
    """A whole JSON number, not below 0."""
    return number(value) and value >= 0 and value == int(value) and value.as_tuple().exponent == 0


def listed(rule: Rule, least: int = 0) -> Rule:
    """A list."""
    return lambda v: isinstance(v, list) and len(v) >= least and all(map(rule, v))


def obj(**fields: Field) -> Rule:
    """An object with these fields and no others."""

    def rule(value: Any) -> bool:
        return (
            isinstance(value, dict)
            and set(value) <= set(fields)
            and all(name in value for name, field in fields.items() if field.required)
            and all(fields[name].rule(item) for name, item in value.items())
        )

    return rule


DAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
DATE_TIME = like(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z?")
CLOCK = like(r"([0-1][0-9]|2[0-3]):[0-5][0-9]")
DATE = like(r"([12][0-9]{3})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])")
RESTRICTIONS = obj(
    start_time=Field(CLOCK),
    end_time=Field(CLOCK),
    start_date=Field(DATE),
    end_date=Field(DATE),
    min_kwh=Field(number),
    max_kwh=Field(number),
    min_current=Field(number),
    max_current=Field(number),
    min_power=Field(number),
    max_power=Field(number),
    min_duration=Field(integer),
    max_duration=Field(integer),
    day_of_week=Field(listed(one_of(*DAYS))),
    reservation=Field(one_of("RESERVATION", "RESERVATION_EXPIRES")),
)
COMPONENT = obj(
    type=Field(one_of("ENERGY", "FLAT", "PARKING_TIME", "TIME"), required=True),
    price=Field(number, required=True),
    vat=Field(number),
    step_size=Field(integer, required=True),
)
ELEMENT = obj(
    price_components=Field(listed(COMPONENT, 1), required=True),
    restrictions=Field(RESTRICTIONS),
)
COMMON = {
    "country_code": Field(like("[A-Z]{2}"), required=True),
    "party_id": Field(cistring(3), required=True),
    "id": Field(cistring(36), required=True),
    "currency": Field(one_of(*CURRENCIES), required=True),
    "type": Field(one_of("AD_HOC_PAYMENT", "PROFILE_CHEAP", "PROFILE_FAST", "PROFILE_GREEN", "REGULAR")),
    "tariff_alt_text": Field(
        listed(obj(language=Field(like("[a-z]{2}"), required=True), text=Field(string(512), required=True)))
    ),
    "elements": Field(listed(ELEMENT, 1), required=True),
    "start_date_time": Field(DATE_TIME),
    "end_date_time": Field(DATE_TIME),
    "last_updated": Field(DATE_TIME, required=True),
}


def limits(without: str, with_: str) -> dict[str, Field]:
    """Least and highest price, each without and with tax."""
    limit = obj(**{without: Field(number, required=True), with_: Field(number)})
    return {"min_price": Field(limit), "max_price": Field(limit)}


TARIFF: dict[Version, Rule] = {
    "2.2.1": obj(**COMMON, **limits("excl_vat", "incl_vat")),
    "2.3.0": obj(
        **COMMON,
        **limits("before_taxes", "after_taxes"),
        tax_included=Field(one_of("YES", "NO", "N/A"), required=True),
    ),
}
"""Of mod_tariffs of either version: Tariff, Price and PriceLimit, TariffElement, PriceComponent, TariffRestrictions."""


@st.composite
def any_tariff(draw: st.DrawFn) -> Tariff:
    """A tariff of any restrictions, prices, taxes and limits, with names and texts of any characters."""
    found = draw(tariffs(PLACES[0][1], 0))
    named = {name: getattr(found, name) for name in Tariff.__slots__}
    times = st.none() | st.datetimes(datetime(2000, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
    named |= {
        "id": draw(st.text(min_size=1, max_size=40)),
        "text": draw(st.text(max_size=520)),
        "currency": draw(st.sampled_from(["EUR", "JPY", "KWD"])),
        "valid_from": draw(times),
        "valid_until": draw(times),
    }
    return Tariff(**named)


@pytest.mark.parametrize("version", ["2.2.1", "2.3.0"])
@given(prices=any_tariff())
def test_whatever_is_exported_holds_the_rules(version: Version, prices: Tariff) -> None:
    """What could not be said is lost once: read again from its text and exported, it is the same."""
    document = parse(exported(prices, version)[0], "t")
    assert TARIFF[version](document.value)
    if not swapped(prices):
        again = read_tariff(document, version)
        assert exported(again.tariff, version) == (exported(prices, version)[0], [])


def exported(prices: Tariff, version: Version) -> tuple[str, list[str]]:
    """The text of a tariff, and what is lost in it."""
    out, lost = write_tariff(prices, version, country_code="DE", party_id="TWN", last_updated=AT)
    return write(out), lost


def swapped(prices: Tariff) -> bool:
    """Whether something never applies, which is refused when it is read."""
    pairs = [(prices.valid_from, prices.valid_until)]
    for element in prices.elements:
        r = element.restrictions
        pairs += [
            (r.min_energy_wh, r.max_energy_wh),
            (r.min_current_a, r.max_current_a),
            (r.min_power_w, r.max_power_w),
            (r.min_duration_s, r.max_duration_s),
            (r.start_date, r.end_date),
        ]
    return any(a is not None and b is not None and a >= b for a, b in pairs)  # type: ignore[operator]


RIGHT = {
    "country_code": "DE",
    "party_id": "TWN",
    "id": "t",
    "currency": "EUR",
    "last_updated": "2026-01-01T00:00:00Z",
    "elements": [{"price_components": [{"type": "FLAT", "price": Decimal(1), "step_size": Decimal(1)}]}],
}


def test_the_rules_take_a_right_tariff() -> None:
    """The smallest one."""
    assert TARIFF["2.2.1"](RIGHT)
    assert TARIFF["2.3.0"](RIGHT | {"tax_included": "NO"})


@pytest.mark.parametrize(
    "wrong",
    [
        {"country_code": "DEU"},
        {"party_id": ""},
        {"id": "ä"},
        {"id": "x" * 37},
        {"currency": "EUK"},
        {"last_updated": "2026-01-01"},
        {"last_updated": "2026-01-01T00:00:00+01:00"},
        {"elements": []},
        {"elements": [{"price_components": []}]},
        {"elements": [{"price_components": [{"type": "FLAT", "price": "1", "step_size": Decimal(1)}]}]},
        {"elements": [{"price_components": [{"type": "FLAT", "price": Decimal(1)}]}]},
        {"elements": [RIGHT["elements"][0] | {"restrictions": {"start_time": "24:00"}}]},
        {"elements": [RIGHT["elements"][0] | {"restrictions": {"min_idle_s": Decimal(1)}}]},
        {"min_price": {"incl_vat": Decimal(1)}},
        {"min_price": {"before_taxes": Decimal(1)}},
        {"tax_included": "NO"},
    ],
)
def test_the_rules_refuse_a_wrong_one(wrong: dict[str, Any]) -> None:
    """So the test above can fail."""
    assert not TARIFF["2.2.1"](RIGHT | wrong)
