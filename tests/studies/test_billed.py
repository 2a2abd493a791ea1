"""A bill that is rebuilt from its lines is the one that was made."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from twin.errors import SettingsError
from twin.money.billing.model import (
    Bill,
    Component,
    Dimension,
    Element,
    Measured,
    Period,
    PriceBound,
    Restrictions,
    Step,
    Tariff,
    Tax,
)
from twin.money.billing.pricing import Pricer
from twin.studies.billed import Row, rebuilt

VAT = (Tax("VAT", Decimal(19)),)
STACKED = (Tax("levy", Decimal(10)), Tax("VAT", Decimal(20), stack=1))
EPOCH_MS = 1_767_225_600_000
HOUR_MS = 3_600_000
TWO_HOURS = Measured(
    periods=(Period(EPOCH_MS, 7_001), Period(EPOCH_MS + HOUR_MS, 333)), end_ms=EPOCH_MS + 2 * HOUR_MS
)


def tariff(taxes=VAT, **values):
    """40 cents per kWh, from the second hour on 30, and one euro per session."""
    later = Element(
        components=(Component(Dimension.ENERGY, Decimal("0.3"), taxes),),
        restrictions=Restrictions(min_duration_s=3_600),
    )
    usual = Element(
        components=(
            Component(Dimension.ENERGY, Decimal("0.4"), taxes),
            Component(Dimension.FLAT, Decimal(1), taxes),
        )
    )
    return replace(Tariff(id="two", currency="EUR", elements=(later, usual)), **values)


def written(bill: Bill) -> list[Row]:
    """Rows as table `invoices` has them."""
    return [
        {
            "session": "e1#1", "dimension": line.dimension.value.lower().replace("_", " "),
            "start_s": (line.start_ms - EPOCH_MS) / 1000, "end_s": (line.end_ms - EPOCH_MS) / 1000,
            "volume": str(line.volume), "billed": str(line.billed), "unit_price": str(line.price),
            "tax_pct": " + ".join(f"{tax.name} {tax.pct}" for tax in line.taxes),
            "amount_excl": str(line.excl), "amount": str(line.incl),
        }
        for line in bill.lines
    ]  # fmt: skip


@pytest.mark.parametrize(
    "given",
    [
        tariff(),
        tariff(tax_included=True),
        tariff(STACKED),
        tariff(()),
        tariff(max_price=PriceBound(excl=Decimal("2.5"))),
        tariff(min_price=PriceBound(incl=Decimal(9))),
    ],
    ids=["without tax", "with tax", "tax on tax", "no tax", "capped", "at least"],
)
def test_it_is_the_one_that_was_made(given):
    """Lines with their elements, bounds and every tax, to the last decimal but those of a tax on a tax."""
    made = Pricer(given, "UTC").price(TWO_HOURS)
    found = rebuilt(written(made), given, EPOCH_MS, 7_334)
    assert replace(found, taxes=()) == replace(made, taxes=())
    assert [(tax.name, tax.pct) for tax in found.taxes] == [(tax.name, tax.pct) for tax in made.taxes]
    for ours, theirs in zip(found.taxes, made.taxes, strict=True):
        assert abs(ours.amount - theirs.amount) < Decimal("1e-15")
    assert sum(tax.amount for tax in found.taxes) == sum(line.incl - line.excl for line in made.lines)


def test_a_least_price_is_not_asked_for_nothing():
    """The tariff says that who took no energy pays no fee."""
    given = tariff(min_price=PriceBound(incl=Decimal(9)), flat_without_energy=False)
    assert rebuilt([], given, EPOCH_MS, 0).amount_minor == 0


def test_a_price_of_an_interval_is_one_of_the_tariff():
    """Dynamic prices are steps of a component."""
    steps = (Step(EPOCH_MS, Decimal("0.4")), Step(EPOCH_MS + HOUR_MS, Decimal("-0.05")))
    part = Component(Dimension.ENERGY, Decimal("0.4"), VAT, dynamic=steps)
    given = tariff(elements=(Element(components=(part,)),))
    made = Pricer(given, "UTC").price(TWO_HOURS)
    assert rebuilt(written(made), given, EPOCH_MS, 7_334).lines == made.lines


def test_a_tariff_that_was_changed_since_is_named():
    """Its file has another price now: what was billed cannot be explained by it."""
    made = Pricer(tariff(), "UTC").price(TWO_HOURS)
    other = tariff(elements=(Element(components=(Component(Dimension.ENERGY, Decimal("0.5"), VAT),)),))
    with pytest.raises(SettingsError, match=r"e1#1: was billed .* which tariff two does not ask"):
        rebuilt(written(made), other, EPOCH_MS, 7_334)
