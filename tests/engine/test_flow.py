"""What idle time is on a bill: the car's own, never what we cause."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest

from tests.engine.test_core import HOUR, Notebook, simulate, visit
from twin.domain.specs import FaultSpec
from twin.domain.views import FleetView, Plan
from twin.money.billing.model import Component, Dimension, Element, Restrictions, Tariff

IDLE = Tariff(
    id="idle",
    currency="EUR",
    elements=(
        Element(components=(Component(Dimension.ENERGY, Decimal("0.50")),)),
        Element(components=(Component(Dimension.PARKING_TIME, Decimal(6)),)),
    ),
    tax_included=True,
)
"""0.50 EUR per kWh, and 6 EUR per hour in which the car takes nothing although it may."""


class Pauses:
    """Gives everybody everything, but nothing in the second hour."""

    keeps_limits = True

    def plan(self, view: FleetView, state: object = None) -> Plan:
        return Plan(np.zeros(len(view)) if view.now_s == HOUR else view.max_w.copy(), state)


def amounts(seen: Notebook) -> dict[str, float]:
    """Sum of the lines by what they charge for."""
    sums: dict[str, float] = {}
    for line in seen.tables["invoices"]:
        sums[str(line["dimension"])] = sums.get(str(line["dimension"]), 0.0) + float(str(line["amount"]))
    return sums


def test_a_car_that_is_full_pays_for_the_place() -> None:
    """11.04 kWh from 0:00 to 1:00, away at 3:00: 5.52 EUR and two hours of 6 EUR."""
    seen = simulate(visit(0, 3, 11.04), tariff=IDLE)
    assert amounts(seen) == pytest.approx({"energy": 5.52, "parking time": 12.0})
    assert seen.column("sessions", "cost_minor") == [1752]


def test_a_pause_that_we_cause_is_no_idle_time() -> None:
    """It charges from 0:00 to 1:00 and from 2:00 to 3:00, and is full until 4:00: one hour is paid, not two."""
    seen = simulate(visit(0, 4, 22.08), tariff=IDLE, strategy=Pauses())
    assert seen.column("sessions", "finished_s") == [pytest.approx(3 * HOUR)]
    assert amounts(seen) == pytest.approx({"energy": 11.04, "parking time": 6.0})


def test_waiting_for_the_first_plan_is_no_idle_time() -> None:
    """Plugged in at 0:30, planned for at 2:00 only: it is full from 3:00 to 4:00."""
    seen = simulate(visit(0.5, 4, 11.04), tariff=IDLE, strategy=Pauses())
    assert amounts(seen) == pytest.approx({"energy": 5.52, "parking time": 6.0})


def test_an_evse_without_power_is_no_idle_time() -> None:
    """Broken from 0:30 to 2:30: the car is full at 3:00 and pays the hour until 4:00."""
    broken = FaultSpec(kind="outage", evses=("a1/1",), start_s=0.5 * HOUR, end_s=2.5 * HOUR)
    seen = simulate(visit(0, 4, 11.04), tariff=IDLE, faults=[broken])
    assert amounts(seen) == pytest.approx({"energy": 5.52, "parking time": 6.0})


def test_a_car_that_was_full_while_its_station_was_offline_pays_from_then() -> None:
    """Full at 1:00, told at 5:00, away at 3:00: two hours."""
    silent = FaultSpec(kind="offline", evses=("a1/1",), start_s=0.5 * HOUR, end_s=5 * HOUR)
    seen = simulate(visit(0, 3, 11.04), tariff=IDLE, faults=[silent])
    assert amounts(seen) == pytest.approx({"energy": 5.52, "parking time": 12.0})


def test_power_is_known_from_tick_to_tick() -> None:
    """Dearer from 5 kW on: 11.04 kW for an hour and a half, in ticks of an hour, the second of them half used."""
    fast = Element(
        components=(Component(Dimension.ENERGY, Decimal(1)),),
        restrictions=Restrictions(min_power_w=Decimal(6000)),
    )
    slow = Element(components=(Component(Dimension.ENERGY, Decimal("0.10")),))
    tariff = Tariff(id="fast", currency="EUR", elements=(fast, slow), tax_included=True)
    seen = simulate(visit(0, 4, 16.56), tariff=tariff)
    assert amounts(seen) == pytest.approx({"energy": 11.04 + 0.552})
