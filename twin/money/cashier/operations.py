"""From a decided step to the operation that a provider is asked for: always the same one, with the same id."""

from __future__ import annotations

from typing import Final

from twin.domain.payments import (
    Authorise,
    Cancel,
    Capture,
    Enrol,
    Fetch,
    Increment,
    Operation,
    Refund,
)
from twin.money.cashier.tab import Pay, Purpose

REFUND_REASON: Final = "requested_by_customer"


def step_id(pay: Pay) -> str:
    """Name the open step: payment, purpose, number."""
    assert pay.step is not None, pay.name
    return pay.step.id


def operation(pay: Pay) -> Operation:
    """Return what the open step asks for."""
    step = pay.step
    assert step is not None, pay.name
    name = step_id(pay)
    match step.purpose:
        case Purpose.HOLD | Purpose.CHARGE:
            return Authorise(
                name,
                pay.name,
                step.amount_minor,
                pay.currency,
                pay.instrument,
                pay.operator,
                incremental=pay.incremental,
                capture=step.purpose is Purpose.CHARGE,
                fee_minor=step.fee_minor,
            )
        case Purpose.RAISE:
            return Increment(name, pay.name, step.amount_minor)
        case Purpose.CAPTURE:
            return Capture(name, pay.name, step.amount_minor, step.fee_minor)
        case Purpose.CANCEL:
            return Cancel(name, pay.name)
        case Purpose.REFUND:
            return Refund(name, pay.name, step.amount_minor, REFUND_REASON)
        case Purpose.ENROL:
            return Enrol(name, pay.driver, pay.instrument)


def fetch(pay: Pay, run: int, nth: int) -> Fetch:
    """Ask how a payment stands; every question has its own name."""
    return Fetch(f"{pay.name}/fetch/{run}.{nth}", pay.name)
