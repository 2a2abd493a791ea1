"""CDRs of others are priced again, and every total that they claim is compared."""

from __future__ import annotations

import copy
from decimal import Decimal

import pytest

from twin.errors import ScenarioError
from twin.money.billing.cdr_check import CdrCheck, price_cdr
from twin.money.billing.json_text import Source, parse, write
from twin.money.billing.ocpi_cdr import read_cdr

CDR = {
    "id": "1",
    "start_date_time": "2015-06-29T21:39:09Z",
    "end_date_time": "2015-06-29T23:37:32Z",
    "cdr_location": {"connector_power_type": "AC_1_PHASE"},
    "currency": "EUR",
    "tariffs": [
        {
            "id": "12",
            "currency": "EUR",
            "elements": [
                {
                    "price_components": [
                        {"type": "TIME", "price": Decimal("2.00"), "vat": Decimal(10), "step_size": 300}
                    ]
                }
            ],
        }
    ],
    "charging_periods": [
        {
            "start_date_time": "2015-06-29T21:39:09Z",
            "dimensions": [{"type": "TIME", "volume": Decimal("1.973")}],
            "tariff_id": "12",
        }
    ],
    "total_cost": {"excl_vat": Decimal("4.00"), "incl_vat": Decimal("4.40")},
    "total_energy": Decimal("15.342"),
    "total_time": Decimal("1.973"),
    "total_time_cost": {"excl_vat": Decimal("4.00"), "incl_vat": Decimal("4.40")},
}
"""1.973 h are billed as 2 h, in steps of 5 minutes, at 2.00 EUR (figures of OCPI 2.2.1 mod_cdrs, Example of a CDR)."""


def checked(**changes: object) -> CdrCheck:
    return price_cdr(read_cdr(Source(copy.deepcopy(CDR) | changes, "cdr")))


def test_a_right_cdr_agrees() -> None:
    """Total, time cost and duration; no period tells energy, so that is not compared."""
    found = checked()
    assert found.agrees
    assert (found.bill.excl, found.bill.incl) == (Decimal(4), Decimal("4.4"))
    assert {claim.name for claim in found.claims} == {"total_cost", "total_time_cost", "total_time"}


@pytest.mark.parametrize("field", ["total_cost", "total_time_cost"])
@pytest.mark.parametrize("side", ["excl_vat", "incl_vat"])
@pytest.mark.parametrize("by", ["0.01", "-0.01", "3"])
def test_a_changed_cost_is_caught(field: str, side: str, by: str) -> None:
    """Even by one cent, on either side of the tax."""
    cost = dict(CDR[field])
    cost[side] += Decimal(by)
    found = checked(**{field: cost})
    assert not found.agrees
    assert field in found.reasons[0]


def test_a_total_without_step_size_is_explained() -> None:
    """1.973 h at 2.00 are 3.946."""
    found = checked(total_cost={"excl_vat": Decimal("3.95"), "incl_vat": Decimal("4.34")})
    assert "total_cost would be right if step sizes are not applied" in found.reasons


def test_a_credit_cdr_has_its_total_negated() -> None:
    """Only the total cost; the rest stays."""
    back = {"excl_vat": Decimal("-4.00"), "incl_vat": Decimal("-4.40")}
    assert checked(credit=True, credit_reference_id="1", total_cost=back).agrees
    assert not checked(credit=True, credit_reference_id="1").agrees


def test_every_problem_of_a_cdr_is_told_at_once() -> None:
    """With line and path."""
    text = write(CDR).replace('"EUR"', '"EUK"', 1).replace('"price": 2.00', '"price": "2,00"')
    with pytest.raises(ScenarioError) as raised:
        read_cdr(parse(text, "cdr.json"))
    told = str(raised.value)
    assert 'currency: "EUK" is no currency' in told
    assert 'tariffs.0.elements.0.price_components.0.price: "2,00" is no number' in told
    assert told.count("cdr.json:") >= 2
