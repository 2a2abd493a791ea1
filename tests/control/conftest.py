"""Car parks built by hand or drawn by hypothesis, for everything that divides power."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st

from twin.domain.fleet import Fleet
from twin.domain.site_limits import site_limits
from twin.domain.specs import Connection, EvseSpec, LimitGroup, SiteSpec
from twin.domain.views import FleetView

settings.register_profile("compiled", deadline=None)  # the first call of a kernel may compile it
settings.load_profile("compiled")


@dataclass(frozen=True, kw_only=True)
class Car:
    """A session and its EVSE; by default one-phase on L1, 32 A, no steps."""

    connection: Connection = Connection.L1
    phases: int = 1
    max_a: float = 32.0
    step_a: float = 0.0
    dc_w: float | None = None
    efficiency: float = 1.0
    group: str | None = None
    arrived_s: float = 0.0
    departure_s: float = math.nan
    requested_wh: float = math.nan
    delivered_wh: float = 0.0
    offline: bool = False
    limit_a: float = 0.0
    draw_a: float = 0.0


Build = Callable[..., FleetView]


def build(
    cars: Sequence[Car], groups: Sequence[LimitGroup] = (), *, now_s: float = 0.0, period_s: float = 300.0
) -> FleetView:
    """Return the view of `cars`; between any two of their EVSEs stands an empty one."""
    specs = []
    for k in range(2 * len(cars)):
        car = cars[k // 2]
        specs.append(
            EvseSpec(
                id=f"s{k}/1",
                station=f"s{k}",
                site="site",
                bus=None,
                connection=car.connection,
                max_a=car.max_a,
                step_a=car.step_a,
                dc_max_w=car.dc_w,
                efficiency=car.efficiency,
            )
        )
    named = {f"s{2 * i + 1}": car.group for i, car in enumerate(cars) if car.group is not None}
    site = SiteSpec(id="site", operator="o", tariff="t", groups=tuple(groups), group_of_station=named)
    fleet = Fleet(specs)
    rows = np.arange(1, 2 * len(cars), 2)
    for row, car in zip(rows, cars, strict=True):
        phases = min(car.phases, car.connection.phases)
        w_per_a = 230.0 * phases if car.dc_w is None else 0.0
        fleet.phases[row] = phases
        fleet.w_per_a[row] = w_per_a
        fleet.max_w[row] = car.max_a * w_per_a if car.dc_w is None else car.dc_w
        fleet.min_w[row] = 6.0 * w_per_a
        fleet.step_w[row] = car.step_a * w_per_a
        fleet.plugged[row] = fleet.charging[row] = 1.0
        fleet.offline[row] = car.offline
        fleet.arrived_s[row] = car.arrived_s
        fleet.departure_s[row] = car.departure_s
        fleet.requested_wh[row] = car.requested_wh
        fleet.start_wh[row] = 1_000.0
        fleet.register_wh[row] = 1_000.0 + car.delivered_wh
        fleet.limit_w[row] = car.limit_a * w_per_a
        fleet.draw_w[row] = car.draw_a * w_per_a
    return FleetView(now_s, period_s, rows, fleet.data, site_limits([site], specs))


@pytest.fixture(scope="session")
def park() -> Build:
    """The builder of views: `park([Car(), Car()], [LimitGroup(...)])`."""
    return build


@pytest.fixture(scope="session")
def car() -> type[Car]:
    """The description of one session."""
    return Car


def _tree(draw: st.DrawFn) -> list[LimitGroup]:
    """Up to four groups, one root, any shape."""
    groups: list[LimitGroup] = []
    for k in range(draw(st.integers(0, 4))):
        whole_a = st.integers(0, 12).map(lambda k: 8.0 * k)
        limit_a = draw(st.one_of(st.just(math.inf), whole_a, st.floats(1.0, 150.0)))
        limit_w = draw(st.one_of(st.just(math.inf), st.floats(100.0, 80_000.0)))
        parent = None if k == 0 else f"g{draw(st.integers(0, k - 1))}"
        groups.append(LimitGroup(name=f"g{k}", parent=parent, limit_a=limit_a, limit_w=limit_w))
    return groups


def _car(draw: st.DrawFn, groups: Sequence[LimitGroup]) -> Car:
    dc = draw(st.integers(0, 5)) == 0
    unknown = st.just(math.nan)
    return Car(
        connection=Connection.L1L2L3 if dc else draw(st.sampled_from(Connection)),
        phases=3 if dc else draw(st.integers(1, 3)),
        max_a=draw(st.sampled_from([6.0, 10.0, 16.0, 20.5, 32.0])),
        step_a=draw(st.sampled_from([0.0, 0.0, 1.0, 2.0, 4.0])),
        dc_w=50_000.0 if dc else None,
        efficiency=0.94 if dc else 1.0,
        group=draw(st.sampled_from(groups)).name if groups else None,
        arrived_s=draw(st.sampled_from([0.0, 600.0, 600.5, math.nan])),
        departure_s=draw(st.one_of(unknown, st.floats(3_000.0, 40_000.0))),
        requested_wh=draw(st.one_of(unknown, st.floats(1.0, 60_000.0))),
        delivered_wh=float(draw(st.sampled_from([0, 1, 5_000]))),
        limit_a=draw(st.sampled_from([0.0, 16.0])),
        draw_a=draw(st.sampled_from([0.0, 3.0, 15.8, 16.0])),
    )


@st.composite
def _views(draw: st.DrawFn, largest: int = 7) -> FleetView:
    groups = _tree(draw)
    cars = [_car(draw, groups) for _ in range(draw(st.integers(0, largest)))]
    return build(cars, groups, now_s=3_600.0)


@pytest.fixture(scope="session")
def views() -> Callable[..., st.SearchStrategy[FleetView]]:
    """Any car park: trees, phases, rotations, line-to-line, DC, steps, unknowns."""
    return _views
