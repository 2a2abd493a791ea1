"""Tariffs go through OCPI and OCPP 2.1 and come back as they were, and what cannot be said is named."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import get_args

import jsonschema_rs
import ocpp.v21
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.money.billing import ocpi, ocpi_write, ocpp21, ocpp21_write
from twin.money.billing.json_text import Source, for_wire, parse, write
from twin.money.billing.model import Component, Dimension, Element, Restrictions, Tariff, Tax

SCHEMA = Path(ocpp.v21.__file__).parent / "schemas" / "SetDefaultTariffRequest.json"
VALIDATOR = jsonschema_rs.validator_for(orjson.loads(SCHEMA.read_text(encoding="utf-8-sig")))
AT = datetime(2026, 1, 1, tzinfo=UTC)
PRICES = st.integers(0, 99_999).map(lambda n: Decimal(n) / 1000)


@st.composite
def sayable(draw: st.DrawFn) -> Tariff:
    """A tariff that either version of OCPI can say."""
    taxes = draw(st.sampled_from([(), (Tax("VAT", Decimal(19)),)]))
    elements = tuple(
        Element(
            components=(
                Component(draw(st.sampled_from(Dimension)), draw(PRICES), taxes, draw(st.integers(1, 900))),
            ),
            restrictions=Restrictions(max_duration_s=draw(st.none() | st.integers(1, 9_000))),
        )
        for _ in range(draw(st.integers(1, 4)))
    )
    return Tariff(id="t", currency="EUR", elements=elements)


@pytest.mark.parametrize("version", get_args(ocpi.Version))
@given(tariff=sayable())
def test_what_ocpi_can_say_survives(version: ocpi.Version, tariff: Tariff) -> None:
    """Through its text, to the last digit."""
    out, lost = ocpi_write.write_tariff(tariff, version, country_code="DE", party_id="TWN", last_updated=AT)
    assert lost == []
    assert ocpi.read_tariff(parse(write(out), "t.json"), version).tariff == tariff


@given(price=st.integers(0, 999), grace_s=st.integers(0, 9_000))
def test_an_idle_fee_with_grace_survives_ocpp(price: int, grace_s: int) -> None:
    """Per minute there, per hour here; only what the station does with a pause of its own is not said."""
    fee = Component(Dimension.PARKING_TIME, Decimal(price * 60) / 100, (Tax("VAT", Decimal(19)),))
    tariff = Tariff(
        id="t",
        currency="EUR",
        elements=(Element(components=(fee,), restrictions=Restrictions(min_idle_s=grace_s)),),
    )
    out, lost = ocpp21_write.write_tariff(tariff)
    assert [text.split(":")[0] for text in lost] == ["idleTime"]
    VALIDATOR.validate({"evseId": 0, "tariff": for_wire(out)})
    assert ocpp21.read_tariff(Source(out, "t")).tariff == tariff


def test_ocpi_names_the_grace_that_it_cannot_say() -> None:
    """The price is left out, not charged from the first minute; a tariff without prices is free."""
    fee = Component(Dimension.PARKING_TIME, Decimal(6), (), 1)
    element = Element(components=(fee,), restrictions=Restrictions(min_idle_s=900))
    tariff = Tariff(id="t", currency="EUR", elements=(element,))
    out, lost = ocpi_write.write_tariff(tariff, country_code="DE", party_id="TWN", last_updated=AT)
    assert len(lost) == 1
    assert "min_idle_s 900" in lost[0]
    assert out["elements"][0]["price_components"][0]["price"] == 0
