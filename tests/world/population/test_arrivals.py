"""Visits from given parameters: the numbers asked for come out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from twin.rng import stream
from twin.world.population.arrivals import _stay_and_energy
from twin.world.population.demand import Arrivals, DriverGroup, Parametric, Peak, Spread, WalkIns
from twin.world.population.draw import Drawing

Draw = Callable[..., Drawing]
U = (np.arange(20_000) + 0.5) / 20_000
SHAPES = ("normal", "lognormal", "gamma")


@pytest.mark.parametrize("shape", SHAPES)
def test_a_spread_has_its_mean_and_deviation(shape: str) -> None:
    """Without bounds near: 12 kWh with 3."""
    values = Spread(mean=12.0, std=3.0, shape=shape).quantile(U)  # type: ignore[arg-type]
    assert (values.mean(), values.std()) == (pytest.approx(12, rel=1e-3), pytest.approx(3, rel=5e-3))


@given(st.sampled_from(SHAPES), st.floats(0.1, 50), st.floats(0, 50), st.floats(0, 10), st.floats(0.5, 1e3))
def test_a_spread_stays_between_its_bounds_and_ascends(
    shape: str, mean: float, std: float, minimum: float, width: float
) -> None:
    """Wherever the bounds lie, even far out in a tail."""
    spread = Spread(mean=mean, std=std, shape=shape, minimum=minimum, maximum=minimum + width)  # type: ignore[arg-type]
    values = spread.quantile(U[::200])
    assert ((values >= minimum) & (values <= minimum + width)).all()
    assert (np.diff(values) >= -1e-9).all()


@pytest.mark.parametrize("wanted", [-0.6, 0.0, 0.35, 0.9])
def test_stay_and_energy_have_the_rank_correlation_asked_for(wanted: float) -> None:
    """Spearman's, whatever the shapes."""
    u = stream(1, "test").random((20_000, 2))
    stay_s, energy_kwh = _stay_and_energy(
        Spread(mean=8, std=2, shape="normal"), Spread(mean=12, std=9), wanted, u
    )
    assert spearmanr(stay_s, energy_kwh).statistic == pytest.approx(wanted, abs=0.02)


def regular(**changes: object) -> Parametric:
    given_: dict[str, object] = {
        "arrivals": Arrivals(weekday=(Peak(hour=8.0, std_h=0.5),)),
        "stay_h": Spread(mean=8.0, std=1.0, shape="normal"),
        "energy_kwh": Spread(mean=10.0, std=3.0),
    }
    return Parametric(**(given_ | changes))  # type: ignore[arg-type]


def group(demand: Parametric | WalkIns, count: int = 100) -> DriverGroup:
    return DriverGroup(
        name="g", archetype="work", sites=("street",), demand=demand, vehicles={"barge": 1.0}, count=count
    )


def test_weekdays_and_weekends_have_their_own_rates(draw_week: Draw) -> None:
    """100 drivers on 8 in 10 weekdays and 1 in 10 weekend days: 400 and 20 visits, within three deviations."""
    demand = regular(
        arrivals=Arrivals(weekday=(Peak(hour=8.0, std_h=0.5),), weekday_visits=0.8, weekend_visits=0.1)
    )
    day = draw_week(group(demand)).visits.arrival_s // 86_400
    assert (day < 5).sum() == pytest.approx(400, abs=3 * np.sqrt(400 * 0.2))
    assert (day >= 5).sum() == pytest.approx(20, abs=3 * np.sqrt(20))


def test_an_empty_weekend_mixture_means_that_nobody_comes(draw_week: Draw) -> None:
    """None would mean: as on weekdays."""
    demand = regular(arrivals=Arrivals(weekday=(Peak(hour=8.0, std_h=0.5),), weekend=()))
    assert (draw_week(group(demand)).visits.arrival_s < 5 * 86_400).all()


def test_a_mixture_has_its_peaks_and_weights(draw_week: Draw) -> None:
    """Three quarters come around 7, one quarter around 20."""
    peaks = (Peak(hour=7.0, std_h=0.3, weight=3.0), Peak(hour=20.0, std_h=0.3, weight=1.0))
    demand = regular(arrivals=Arrivals(weekday=peaks), stay_h=Spread(mean=1.0, std=0.0))
    hour = draw_week(group(demand)).visits.arrival_s / 3600 % 24
    assert np.mean(hour < 12) == pytest.approx(0.75, abs=0.05)
    assert hour[hour < 12].mean() == pytest.approx(7, abs=0.1)


def test_a_peak_at_midnight_reaches_into_both_days(draw_week: Draw) -> None:
    """A night shift arrives from 23:00 to 01:00."""
    demand = regular(
        arrivals=Arrivals(weekday=(Peak(hour=0.0, std_h=0.5),)), stay_h=Spread(mean=1.0, std=0.0)
    )
    hour = draw_week(group(demand)).visits.arrival_s / 3600 % 24
    assert 0.3 < np.mean(hour > 12) < 0.7


def test_a_stay_ends_before_the_next_one_begins(draw_week: Draw) -> None:
    """Who stays 30 hours and comes every day is away for ten minutes."""
    demand = regular(
        arrivals=Arrivals(weekday=(Peak(hour=8.0, std_h=0.0),)), stay_h=Spread(mean=30.0, std=0.0)
    )
    visits = draw_week(group(demand, count=1)).visits
    np.testing.assert_allclose(visits.departure_s[:-1], visits.arrival_s[1:] - 600)


def test_more_than_one_visit_a_day_is_possible(draw_week: Draw) -> None:
    """Delivery vans: 2.5 visits a day of half an hour, spread over the day."""
    demand = regular(
        arrivals=Arrivals(weekday=(Peak(hour=12.0, std_h=5.0),), weekday_visits=2.5, weekend_visits=0.0),
        stay_h=Spread(mean=0.5, std=0.0),
    )
    assert len(draw_week(group(demand)).visits) / 500 == pytest.approx(2.5, rel=0.08)


def test_walk_ins_come_at_the_rate_and_hours_asked_for(draw_week: Draw) -> None:
    """200 on weekdays, 50 on weekend days, between 9 and 12 only, twice as many in the last hour."""
    demand = WalkIns(
        weekday_visits=200.0,
        weekend_visits=50.0,
        hourly=(0.0,) * 9 + (1.0, 1.0, 2.0) + (0.0,) * 12,
        stay_h=Spread(mean=0.5, std=0.0),
        energy_kwh=Spread(mean=20.0, std=5.0),
    )
    visits = draw_week(group(demand)).visits
    day, hour = visits.arrival_s // 86_400, visits.arrival_s / 3600 % 24
    assert (day < 5).sum() == pytest.approx(1000, abs=4 * np.sqrt(1000))
    assert (day >= 5).sum() == pytest.approx(100, abs=4 * np.sqrt(100))
    assert ((hour >= 9) & (hour < 12)).all()
    assert np.mean(hour >= 11) == pytest.approx(0.5, abs=0.05)
    assert len(visits.drivers) == len(visits) == len({d.id for d in visits.drivers})


def test_walk_ins_leave_at_the_target_where_their_car_has_room(draw_week: Draw) -> None:
    """20 kWh into a barge of 110 kWh, to 80 %: it came with 88 - 20 x 0.9 = 70 kWh."""
    demand = WalkIns(
        weekday_visits=20.0,
        weekend_visits=20.0,
        hourly=(1.0,) * 24,
        stay_h=Spread(mean=0.5, std=0.0),
        energy_kwh=Spread(mean=20.0, std=0.0),
    )
    visits = draw_week(group(demand)).visits
    np.testing.assert_allclose(visits.arrival_wh[visits.arrival_s > 0], 70_000)
