"""Shared limits as a tree: what a group carries, and by how much a limit is broken."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from twin.domain.site_limits import SiteLimits, loads, site_limits, worst_excess
from twin.domain.specs import Connection, EvseSpec, LimitGroup, SiteSpec


def evse(name: str, connection: Connection, **more: Any) -> EvseSpec:
    return EvseSpec(id=f"{name}/1", station=name, site="site", bus=None, connection=connection, **more)


def compiled(groups: tuple[LimitGroup, ...], evses: list[EvseSpec], **of_station: str) -> SiteLimits:
    site = SiteSpec(id="site", operator="o", tariff="t", groups=groups, group_of_station=of_station)
    return site_limits([site], evses)


BRANCH = (
    LimitGroup(name="branch", parent="main", limit_a=16.0),
    LimitGroup(name="main", limit_a=40.0, limit_w=10_000.0),
)


def test_a_group_carries_what_hangs_below_its_children() -> None:
    """Branch: 10 A in L1. Main: 10 A + 20 A in L1, 20 A in L2 and L3; 2.3 kW + 13.8 kW."""
    limits = compiled(BRANCH, [evse("a", Connection.L1), evse("b", Connection.L1L2L3)], a="branch", b="main")
    amps, watts = loads(limits, np.array([0, 1]), np.array([1.0, 3.0]), np.array([2_300.0, 13_800.0]))
    assert limits.names == ("site/main", "site/branch")
    np.testing.assert_allclose(amps, [[30, 20, 20], [10, 0, 0]], atol=1e-9)
    np.testing.assert_allclose(watts, [16_100, 2_300])


def test_line_to_line_currents_add_as_phasors() -> None:
    """10 A between L1 and L2 and 10 A between L3 and L1: sqrt(3) times 10 A in L1."""
    limits = compiled(BRANCH, [evse("a", Connection.L1_L2), evse("b", Connection.L3_L1)])
    amps, _ = loads(limits, np.array([0, 1]), np.ones(2), np.full(2, 2_300.0))
    np.testing.assert_allclose(amps[0], [10 * math.sqrt(3), 10, 10])


def test_a_dc_station_loads_the_grid_with_its_losses() -> None:
    """47 kW at the connector are 50 kW on the grid's side, 72.5 A per conductor."""
    limits = compiled(BRANCH, [evse("a", Connection.L1L2L3, dc_max_w=5e4, efficiency=0.94)])
    amps, watts = loads(limits, np.array([0]), np.array([3.0]), np.array([47_000.0]))
    np.testing.assert_allclose(watts[0], 50_000)
    np.testing.assert_allclose(amps[0], [50_000 / 690] * 3)


@pytest.mark.parametrize(
    ("power_w", "excess"),
    [(0.0, -1.0), (16 * 230.0, 0.0), (20 * 230.0, 0.25), (50 * 230.0, 34 / 16)],
    ids=["empty", "full", "over", "far over"],
)
def test_the_worst_excess_is_relative_to_its_limit(power_w: float, excess: float) -> None:
    """One car in L1 of a branch of 16 A: the branch is always the worst, but when all is empty."""
    limits = compiled(BRANCH, [evse("a", Connection.L1)], a="branch")
    assert worst_excess(limits, np.array([0]), np.array([1.0]), np.array([power_w])) == pytest.approx(
        excess, abs=1e-12
    )


def test_where_nothing_is_limited_nothing_is_exceeded() -> None:
    """Without groups, or without a finite limit."""
    for groups in ((), (LimitGroup(name="main"),)):
        limits = compiled(groups, [evse("a", Connection.L1)])
        assert worst_excess(limits, np.array([0]), np.array([1.0]), np.array([1e6])) == -math.inf


def test_groups_that_hang_on_each_other_are_named() -> None:
    """A loop has no root."""
    loop = (LimitGroup(name="x", parent="y"), LimitGroup(name="y", parent="x"))
    with pytest.raises(ValueError, match=r"limit groups \['x', 'y'\] hang on each other or on nothing"):
        compiled(loop, [])
