"""From groups to visits: what holds for every kind of demand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple, replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from twin.domain.specs import VehicleSpec
from twin.domain.visits import ANY_EVSE, Visits
from twin.world.population.demand import (
    PUBLIC,
    WORK,
    Arrivals,
    Demand,
    DriverGroup,
    Fitted,
    Parametric,
    Peak,
    Spread,
    Statement,
)
from twin.world.population.draw import Drawing

Draw = Callable[..., Drawing]
MIX = {"town": 1.0, "family": 2.0, "barge": 1.0}
COLUMNS = (
    "arrival_s",
    "departure_s",
    "energy_wh",
    "arrival_wh",
    "said_departure_s",
    "said_energy_wh",
    "patience_s",
)


def home(**changes: object) -> DriverGroup:
    group = DriverGroup(
        name="homes", archetype="home", sites=("street",), demand=Fitted(), vehicles=MIX, per_evse=1
    )
    return replace(group, **changes)  # type: ignore[arg-type]


def staff(**changes: object) -> DriverGroup:
    group = DriverGroup(
        name="staff", archetype="work", sites=("street",), demand=WORK, vehicles=MIX, count=40
    )
    return replace(group, **changes)  # type: ignore[arg-type]


def public(**changes: object) -> DriverGroup:
    group = DriverGroup(name="public", archetype="public", sites=("street",), demand=PUBLIC, vehicles=MIX)
    return replace(group, **changes)  # type: ignore[arg-type]


def of(visits: Visits, driver_id: str) -> list[tuple[float, ...]]:
    """All numbers of one driver's visits."""
    index = [d.id for d in visits.drivers].index(driver_id)
    rows = np.flatnonzero(visits.driver == index)
    return [tuple(float(getattr(visits, c)[r]) for c in COLUMNS) for r in rows]


def same(a: Visits, b: Visits) -> bool:
    arrays = all(getattr(a, c).tobytes() == getattr(b, c).tobytes() for c in (*COLUMNS, "driver", "evse"))
    return arrays and a.drivers == b.drivers and a.vehicles == b.vehicles


groups = st.sampled_from(
    [
        (home(),),
        (home(per_evse=0.5), public()),
        (
            staff(
                says_departure=Statement(kind="error", std=1.0), says_energy=Statement(kind="error", std=0.3)
            ),
        ),
        (staff(sites=("street", "yard")), home(name="others", per_evse=2.0)),
        (home(demand=WORK), public(says_departure=Statement(kind="none"))),
    ]
)


@given(groups, st.integers(0, 1000), st.floats(0.2, 10))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
def test_every_visit_is_possible(
    draw_week: Draw, cars: dict[str, VehicleSpec], kinds: tuple[DriverGroup, ...], seed: int, days: float
) -> None:
    """Sorted, within the run, inside the battery, with statements that are not about the past."""
    visits = draw_week(
        *kinds, seed=seed, days=days, sites={"street": range(60), "yard": range(60, 100)}
    ).visits
    order = list(zip(visits.arrival_s, visits.driver, strict=True))
    assert order == sorted(order)
    assert (visits.arrival_s >= 0).all()
    assert (visits.arrival_s < days * 86_400).all()
    assert (visits.departure_s > visits.arrival_s).all()
    assert (visits.energy_wh >= 50 - 1e-9).all()
    assert (visits.arrival_wh >= 0).all()
    car = [visits.vehicles[visits.drivers[d].vehicle] for d in visits.driver]
    usable_wh, yields = np.array([c.usable_wh for c in car]), np.array([c.ac_efficiency for c in car])
    assert (visits.arrival_wh + visits.energy_wh * yields <= usable_wh + 1e-6).all()
    said = ~np.isnan(visits.said_departure_s)
    assert (visits.said_departure_s > visits.arrival_s)[said].all()
    assert {c.model for c in visits.vehicles} <= set(cars)


@given(groups, st.integers(0, 1000))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15, deadline=None)
def test_no_driver_is_in_two_places(draw_week: Draw, kinds: tuple[DriverGroup, ...], seed: int) -> None:
    """The next arrival of a driver follows the last departure."""
    visits = draw_week(*kinds, seed=seed, sites={"street": range(60), "yard": range(60, 100)}).visits
    for k in range(len(visits.drivers)):
        mine = np.flatnonzero(visits.driver == k)
        assert all(visits.departure_s[a] < visits.arrival_s[b] for a, b in pairwise(mine))


@pytest.mark.parametrize("group", [home(), staff(), public()])
def test_the_same_seed_gives_the_same_bytes(draw_week: Draw, group: DriverGroup) -> None:
    """And another seed another week."""
    assert same(draw_week(group, seed=7).visits, draw_week(group, seed=7).visits)
    assert not same(draw_week(group, seed=7).visits, draw_week(group, seed=8).visits)


@pytest.mark.parametrize("demand", [Fitted(), WORK])
def test_one_driver_more_changes_nothing_for_the_others(draw_week: Draw, demand: Demand) -> None:
    """Every driver draws from streams of his own."""
    words = Statement(kind="error", std=0.5)
    few = draw_week(staff(demand=demand, count=5, says_departure=words)).visits
    more = draw_week(staff(demand=demand, count=6, says_departure=words)).visits
    assert len(more) > 0
    assert all(of(few, f"staff-{k}") == of(more, f"staff-{k}") for k in range(1, 6))


def test_one_station_more_changes_nothing_for_the_others(draw_week: Draw) -> None:
    """At home drivers are named after their EVSE, not after the order of sites."""
    few = draw_week(home(), sites={"street": range(5)}).visits
    more = draw_week(home(sites=("yard", "street")), sites={"street": range(6), "yard": range(60, 64)}).visits
    assert all(of(few, f"homes-street-{k}") == of(more, f"homes-street-{k}") for k in range(1, 6))


def test_another_group_changes_nothing(draw_week: Draw) -> None:
    """Passers-by do not make commuters change their habits."""
    alone, together = draw_week(staff()).visits, draw_week(public(), staff()).visits
    assert all(of(alone, f"staff-{k}") == of(together, f"staff-{k}") for k in range(1, 41))


def test_a_longer_run_begins_with_the_shorter_one(draw_week: Draw) -> None:
    """The first three days of a week are those of a run of three days."""
    short, long = draw_week(home(), days=3).visits, draw_week(home(), days=7).visits
    n = len(short)
    assert short.arrival_s.tobytes() == long.arrival_s[:n].tobytes()
    assert short.energy_wh.tobytes() == long.energy_wh[:n].tobytes()


def test_a_home_driver_is_bound_to_one_evse(draw_week: Draw) -> None:
    """Driver k insists on row k of his site, so home chargers are not shared."""
    visits = draw_week(home(), sites={"street": range(10, 20)}).visits
    assert len(visits.drivers) == 10
    assert set(zip(visits.driver.tolist(), visits.evse.tolist(), strict=True)) <= {
        (k, 10 + k) for k in range(10)
    }


def test_half_a_driver_per_evse_is_every_other_one(draw_week: Draw) -> None:
    """The number is exact, and a larger share only adds drivers."""
    half = draw_week(home(per_evse=0.5)).visits
    most = draw_week(home(per_evse=0.9)).visits
    assert (len(half.drivers), len(most.drivers)) == (50, 90)
    assert {d.id for d in half.drivers} < {d.id for d in most.drivers}


def test_drivers_without_a_place_of_their_own_take_any_evse(draw_week: Draw) -> None:
    """At work nobody insists; the sites stay in the order of preference."""
    visits = draw_week(
        staff(sites=("yard", "street")), sites={"street": range(60), "yard": range(60, 100)}
    ).visits
    assert (visits.evse == ANY_EVSE).all()
    assert visits.drivers[0].sites == ("yard", "street")


def test_large_needs_get_large_batteries(draw_week: Draw) -> None:
    """Nobody with a town car wants more than its 20 kWh usable / 0.9, so that nothing is cut."""
    drawing = draw_week(home(), days=28)
    assert drawing.truncated == 0
    visits = drawing.visits
    town = [visits.vehicles[visits.drivers[d].vehicle].model == "town" for d in visits.driver]
    assert any(town)
    assert visits.energy_wh[town].max() <= 20_000 / 0.9


def test_a_need_beyond_every_battery_is_cut_and_counted(draw_week: Draw) -> None:
    """With town cars only, recorded users of large cars lose what does not fit."""
    drawing = draw_week(home(vehicles={"town": 1.0}), days=28)
    assert 0 < drawing.truncated < 0.6 * len(drawing.visits)
    assert drawing.visits.energy_wh.max() == pytest.approx(20_000 / 0.9)


def test_the_run_begins_with_cars_plugged_in(draw_week: Draw) -> None:
    """At Monday 00:00 some homes still charge what they began on Sunday; their rest is less than a full need."""
    drawing = draw_week(home())
    first = drawing.visits.arrival_s == 0
    assert drawing.begun == first.sum() > 0
    assert drawing.finished > 0


def test_what_was_delivered_before_the_run_is_not_wanted_again(draw_week: Draw) -> None:
    """Every car comes at 22:00 for 44 kWh at 11 kW, so at midnight 22 kWh remain."""
    late = Parametric(
        arrivals=Arrivals(weekday=(Peak(hour=22.0, std_h=0.0),)),
        stay_h=Spread(mean=9.0, std=0.0),
        energy_kwh=Spread(mean=44.0, std=0.0),
    )
    visits = draw_week(staff(demand=late, vehicles={"family": 1.0}, count=3), days=0.5).visits
    rest_wh = 44_000 - 2 * 11_000
    np.testing.assert_allclose(visits.energy_wh, np.full(3, rest_wh))
    np.testing.assert_allclose(visits.said_energy_wh, np.full(3, rest_wh))
    np.testing.assert_allclose(visits.arrival_wh, np.full(3, 60_000 - rest_wh * 0.9))
    np.testing.assert_allclose(visits.departure_s, np.full(3, 7 * 3600.0))


def test_who_says_nothing_is_not_a_number(draw_week: Draw) -> None:
    """Strategies see NaN and have a documented default."""
    nothing = Statement(kind="none")
    visits = draw_week(staff(says_departure=nothing, says_energy=nothing)).visits
    assert np.isnan(visits.said_departure_s).all()
    assert np.isnan(visits.said_energy_wh).all()


def test_who_knows_says_the_truth(draw_week: Draw) -> None:
    """The default."""
    visits = draw_week(staff()).visits
    assert (visits.said_departure_s == visits.departure_s).all()
    assert (visits.said_energy_wh == visits.energy_wh).all()


def test_errors_of_statements_have_the_spread_that_was_asked_for(draw_week: Draw) -> None:
    """Half an hour, and a fifth of the need; within 15 % over some 300 visits."""
    group = staff(
        count=80,
        says_departure=Statement(kind="error", std=0.5),
        says_energy=Statement(kind="error", std=0.2),
    )
    visits = draw_week(group).visits
    assert np.std(visits.said_departure_s - visits.departure_s) == pytest.approx(1800, rel=0.15)
    assert np.std(visits.said_energy_wh / visits.energy_wh) == pytest.approx(0.2, rel=0.15)


def test_the_group_gives_patience_and_policy(draw_week: Draw) -> None:
    """They travel with the visit and with the driver."""
    visits = draw_week(staff(patience_s=600.0, if_full="elsewhere")).visits
    assert set(visits.patience_s) == {600.0}
    assert {d.if_full for d in visits.drivers} == {"elsewhere"}


def test_twice_the_visits_per_week_are_twice_the_visits(draw_week: Draw) -> None:
    """A scenario may say how often fitted drivers come: 1.5 or 3 a week, over 500 drivers and 4 weeks."""

    def visits(per_week: float) -> int:
        group = home(demand=Fitted(visits_per_week=per_week))
        return sum(len(draw_week(group, days=28, seed=seed).visits) for seed in range(5))

    assert visits(3.0) / visits(1.5) == pytest.approx(2, rel=0.1)
    assert visits(1.5) / (5 * 4 * 100) == pytest.approx(1.5, rel=0.15)


def test_no_group_is_no_visit(draw_week: Draw) -> None:
    """An empty street is a legal street."""
    assert len(draw_week().visits) == 0
    assert len(draw_week(staff(count=0)).visits) == 0
    assert len(draw_week(home(), sites={"street": []}).visits) == 0


def test_the_week_the_clocks_change_keeps_civil_hours(draw_week: Draw) -> None:
    """Exactly 08:00 by the wall clock on every day of the week that ends with summer time: 08:00 is 07:00 then."""
    punctual = Parametric(
        arrivals=Arrivals(weekday=(Peak(hour=8.0, std_h=0.0),)),
        stay_h=Spread(mean=1.0, std=0.0),
        energy_kwh=Spread(mean=5.0, std=0.0),
    )
    visits = draw_week(staff(demand=punctual, count=1), days=8, start="2026-03-23T00:00:00+01:00").visits
    hours = visits.arrival_s / 3600 - 24 * np.arange(8)
    np.testing.assert_allclose(hours, [8, 8, 8, 8, 8, 8, 7, 7])


def test_the_drawing_says_what_it_changed(draw_week: Draw) -> None:
    """Four counts, none negative, none larger than the visits drawn."""
    drawing = draw_week(home(), public())
    assert all(0 <= count <= len(drawing.visits) + drawing.finished for count in astuple(drawing)[1:])
