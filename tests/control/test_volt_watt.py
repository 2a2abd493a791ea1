"""Stations that lower their power at low voltage, on a feeder of one resistance."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from twin.control.controller import Controller
from twin.control.strategies.uncontrolled import Uncontrolled
from twin.control.volt_watt import VoltWatt
from twin.domain.fleet import Fleet
from twin.domain.site_limits import site_limits
from twin.domain.specs import EvseSpec, SiteSpec


class Street:
    """Two buses; every W drawn lowers both by 1e-6 pu; droop from nothing at 0.90 to everything at 0.95."""

    topology = SimpleNamespace(buses=("near", "far"), phases=1)

    def __init__(self, evse_bus: list[int]) -> None:
        self.evse_bus = np.array(evse_bus)
        self.asked: list[tuple[float, float]] = []

    def lower(self, start_s: float, end_s: float, evse_w: np.ndarray) -> np.ndarray:
        """Equal EVSEs of 11 kW: v = 1 - 1e-6 * sum(p), p = min(wish, 11 kW * (v - 0.9) / 0.05)."""
        self.asked.append((start_s, end_s))
        low, high = 0.5, 1.0
        for _ in range(60):
            v = 0.5 * (low + high)
            drawn_w = np.minimum(evse_w, 11_000 * np.clip((v - 0.9) / 0.05, 0, 1)).sum()
            low, high = (v, high) if 1 - 1e-6 * drawn_w > v else (low, v)
        return np.minimum(evse_w, 11_000 * np.clip((low - 0.9) / 0.05, 0, 1))


def fleet_of(count: int, *, efficiency: float = 1.0, standby_w: float = 0.0) -> Fleet:
    """EVSEs of 11 kW with a car that charges at each."""
    specs = [
        EvseSpec(
            id=f"s{k}/1",
            station=f"s{k}",
            site="site",
            bus=None,
            max_a=16.0,
            efficiency=efficiency,
            standby_w=standby_w,
        )
        for k in range(count)
    ]
    fleet = Fleet(specs)
    fleet.plugged[:] = fleet.charging[:] = 1.0
    return fleet


class TestRule:
    def test_stations_stand_where_voltage_and_curve_meet(self) -> None:
        """Ten of 11.04 kW: v = 1 - 1e-6 * 10 p and p = 11 kW (v - 0.9) / 0.05 give p = 22/3.2 kW = 6,875 W."""
        fleet = fleet_of(10)
        lowered = VoltWatt(Street([0] * 5 + [1] * 5), fleet).lower(0.0, 300.0, fleet.max_w.copy())
        np.testing.assert_allclose(lowered.limit_w, 6_875.0, atol=0.01)
        assert lowered.reasons == {**dict.fromkeys(range(5), "near"), **dict.fromkeys(range(5, 10), "far")}

    def test_a_plan_that_keeps_the_voltage_stays_as_it_is(self) -> None:
        """Three cars lower the voltage to 0.967 pu only."""
        fleet = fleet_of(3)
        plan_w = np.full(3, 11_000.0)
        lowered = VoltWatt(Street([0] * 3), fleet).lower(0.0, 300.0, plan_w)
        assert lowered.limit_w.tolist() == plan_w.tolist()
        assert lowered.reasons == {}

    def test_it_asks_for_the_interval_to_come(self) -> None:
        """A droop answers to the voltage of its own interval."""
        fleet, street = fleet_of(1), Street([0])
        VoltWatt(street, fleet).lower(600.0, 300.0, fleet.max_w.copy())
        assert street.asked == [(600.0, 900.0)]

    def test_losses_of_the_station_are_drawn_too(self) -> None:
        """At an efficiency of 0.9 and 100 W of standby, the connector gets (p - 100 W) x 0.9."""
        fleet = fleet_of(10, efficiency=0.9, standby_w=100.0)
        lowered = VoltWatt(Street([0] * 10), fleet).lower(0.0, 300.0, fleet.max_w.copy())
        np.testing.assert_allclose(lowered.limit_w, (6_875.0 - 100.0) * 0.9, atol=0.01)

    def test_a_station_out_of_reach_keeps_its_limit_and_still_draws(self) -> None:
        """Its 5 kW count, but nobody can lower it."""
        fleet = fleet_of(10)
        fleet.offline[0] = 1.0
        fleet.limit_w[0] = 5_000.0
        lowered = VoltWatt(Street([0] * 10), fleet).lower(0.0, 300.0, fleet.max_w.copy())
        expected_w = 11_000 * (0.1 - 1e-6 * 5_000) / 0.05 / (1 + 1e-6 * 9 * 11_000 / 0.05)
        np.testing.assert_allclose(lowered.limit_w[1:], expected_w, atol=0.01)
        assert 0 not in lowered.reasons

    def test_an_unlimited_wish_counts_as_what_the_session_may_draw(self) -> None:
        """Infinite plans of strategies that limit nobody."""
        fleet = fleet_of(10)
        lowered = VoltWatt(Street([0] * 10), fleet).lower(0.0, 300.0, np.full(10, np.inf))
        np.testing.assert_allclose(lowered.limit_w, 6_875.0, atol=0.01)


class Stations:
    """Notes the limits that the controller sends."""

    def __init__(self) -> None:
        self.sent: list[np.ndarray] = []

    def subscribe(self, sink: object) -> None:
        """Nothing happens at these stations."""

    def set_limits(self, rows: np.ndarray, limit_w: np.ndarray) -> None:
        """Keep a copy."""
        self.sent.append(limit_w.copy())


class TestController:
    def test_the_droop_comes_between_strategy_and_stations(self) -> None:
        """Uncontrolled charging asks for all; stations get what their voltage allows, with the bus as reason."""
        fleet, stations = fleet_of(10), Stations()
        site = SiteSpec(id="site", operator="o", tariff="t")
        controller = Controller(
            fleet,
            stations,
            Uncontrolled(),
            site_limits([site], fleet.specs),
            volt_watt=VoltWatt(Street([1] * 10), fleet),
            on_start=lambda session: None,
            on_end=lambda session: None,
        )
        controller.open()
        decision = controller.plan(0.0, 300.0)
        assert stations.sent[0].tolist() == [0.0] * 10  # nobody charges before the first plan
        np.testing.assert_allclose(stations.sent[1], 6_875.0, atol=0.01)
        np.testing.assert_allclose(decision.wanted_w, fleet.max_w)
        assert decision.reasons == dict.fromkeys(range(10), "far")
        assert decision.guarded is None


@pytest.mark.parametrize("count", [1, 12])
def test_limits_never_exceed_the_plan(count: int) -> None:
    """Whatever the voltage."""
    fleet = fleet_of(count)
    plan_w = np.linspace(0.0, 11_000.0, count)
    assert (VoltWatt(Street([0] * count), fleet).lower(0.0, 300.0, plan_w).limit_w <= plan_w).all()
