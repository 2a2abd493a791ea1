"""A session that is written as a CDR, second by second, costs what the engine says that splits it by itself."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise

from hypothesis import given, settings

from tests.money.billing.strategies import cases
from twin.money.billing.cdr_check import price_cdr
from twin.money.billing.model import Bill, Dimension, Doing, Measured, Period, Tariff
from twin.money.billing.ocpi_cdr import Cdr, CdrPeriod
from twin.money.billing.pricing import Pricer

SECOND_MS = 1000
SECOND_H = Decimal(1) / 3600


def periods(session: Measured) -> Iterator[CdrPeriod]:
    """One charging period per second; a pause that we caused is neither charging nor parking."""
    if session.reserved is not None:
        start_ms, end_ms, _ = session.reserved
        for at_ms in range(start_ms, end_ms, SECOND_MS):
            yield CdrPeriod(at_ms, at_ms + SECOND_MS, {"RESERVATION_TIME": SECOND_H}, "")
    ends = [*(p.start_ms for p in session.periods[1:]), session.end_ms]
    for period, end_ms in zip(session.periods, ends, strict=True):
        volumes = per_second(period, (end_ms - period.start_ms) // SECOND_MS)
        for at_ms in range(period.start_ms, end_ms, SECOND_MS):
            yield CdrPeriod(at_ms, at_ms + SECOND_MS, volumes, "")


def per_second(period: Period, lasts_s: int) -> dict[str, Decimal]:
    """What is told of each second of a period."""
    energy_wh = Decimal(period.energy_wh) / lasts_s
    power_w = energy_wh * 3600 if period.power_w is None else period.power_w
    told = {"ENERGY": energy_wh / 1000, "POWER": power_w / 1000}
    if period.doing is not Doing.HELD:
        told["TIME" if period.doing is Doing.CHARGING else "PARKING_TIME"] = SECOND_H
    return told if period.current_a is None else told | {"CURRENT": period.current_a}


def written(session: Measured, zone: str) -> Cdr:
    """The session as a CDR without any claims."""
    told = tuple(periods(session))
    assert all(before.end_ms == after.start_ms for before, after in pairwise(told))
    return Cdr(
        id="1",
        version="2.2.1",
        currency="EUR",
        start_ms=told[0].start_ms,
        end_ms=session.end_ms,
        periods=told,
        tariffs=(),
        time_zone=zone,
        evse_kind="",
        credit=False,
        costs={},
        amounts={},
        notes=(),
    )


@settings(max_examples=30, deadline=None)
@given(cases())
def test_a_session_costs_the_same_as_a_cdr(case: tuple[Tariff, Measured, str]) -> None:
    """Any tariff, through both changes of the clock: totals to the last decimal, and the lines."""
    tariff, session, zone = case
    own = Pricer(tariff, zone).price(session)
    theirs = price_cdr(written(session, zone), tariff).bill
    assert (theirs.excl, theirs.incl, theirs.bound) == (own.excl, own.incl, own.bound)
    assert volumes(theirs) == volumes(own)


def volumes(bill: Bill) -> dict[tuple[Dimension, Decimal], Decimal]:
    """What is billed at each price; how it is cut into lines is left to either."""
    found: dict[tuple[Dimension, Decimal], Decimal] = {}
    for line in bill.lines:
        key = (line.dimension, line.price)
        found[key] = found.get(key, Decimal(0)) + line.billed
    return {key: round(volume, 20) for key, volume in found.items() if volume}
