"""What a run did to its transformers."""

import numpy as np
import pytest

from tests.results.conftest import FEEDER, state
from twin.domain.ageing import POWER_ONAN, thermal
from twin.results.ageing import from_parts, transformer_ageing

HOUR = 3600.0


def _loaded(trafo_pct):
    return state(loading_pct=np.array([40.0, trafo_pct]))


def _parts(*instants_and_loadings):
    t_s, loading = zip(*instants_and_loadings, strict=True)
    return [(np.array(t_s), np.column_stack([np.full(len(t_s), 10.0), loading]))]


def test_a_day_at_rated_load_and_20_degrees_ages_a_transformer_by_a_day(bench):
    """98 degrees at the hot spot are normal ageing: 20 around, 55 of oil, 23 of winding."""
    b = bench("lv", grid=True, period_s=HOUR)
    for _ in range(24):
        b.tick(0.0, solved=_loaded(100.0))
    run = b.finish()
    (aged,) = transformer_ageing(run)
    assert aged.transformer == "trafo"
    assert aged.thermal.loss_of_life_h == pytest.approx(24.0)
    assert aged.thermal.relative_ageing == pytest.approx(1.0)
    assert run.summary["max_hot_spot_c"] == pytest.approx(98.0)
    assert run.summary["loss_of_life_h"] == pytest.approx(24.0)


def test_a_step_without_a_solution_leaves_the_ageing_unknown(bench):
    """What the transformer carried then, nobody knows."""
    b = bench("lv", grid=True, period_s=HOUR)
    for loading in (50.0, np.nan, 50.0):
        b.tick(0.0, solved=_loaded(loading))
    run = b.finish()
    (aged,) = transformer_ageing(run)
    assert (aged.unsolved, aged.thermal) == (1, None)
    assert run.summary["max_hot_spot_c"] is None
    assert run.summary["loss_of_life_h"] is None


def test_a_transformer_out_of_service_is_left_out():
    """It never carried anything."""
    assert from_parts(FEEDER, _parts((HOUR, np.nan), (2 * HOUR, np.nan)), HOUR) == []


def test_a_run_without_a_power_flow_ages_nothing(bench):
    """Nor does one without a grid."""
    assert transformer_ageing(bench("lv", grid=True).finish()) == []
    assert transformer_ageing(bench("lv", name="bare").finish()) == []


def test_power_flows_at_uneven_distances_stand_for_their_own_time():
    """Two ticks at 60 %, one at 120 %: the same as three ticks one by one."""
    (aged,) = from_parts(FEEDER, _parts((2 * HOUR, 60.0), (3 * HOUR, 120.0)), HOUR)
    alone = thermal(np.array([60.0, 60.0, 120.0]), HOUR)
    assert aged.t_s.tolist() == [HOUR, 2 * HOUR, 3 * HOUR]
    assert aged.thermal.loss_of_life_h == pytest.approx(alone.loss_of_life_h)
    np.testing.assert_allclose(aged.thermal.hot_spot_c, alone.hot_spot_c)


def test_a_transformer_of_a_substation_has_the_constants_of_its_size():
    """110 kV is no distribution transformer."""
    from dataclasses import replace

    substation = replace(FEEDER, bus_vn_kv=np.array([110.0, 20.0, 20.0]))
    (aged,) = from_parts(substation, _parts((HOUR, 50.0), (2 * HOUR, 100.0)), HOUR)
    expected = thermal(np.array([50.0, 100.0]), HOUR, transformer=POWER_ONAN)
    assert aged.thermal.hot_spot_max_c == pytest.approx(expected.hot_spot_max_c)


def test_the_hottest_and_the_most_aged_of_several_are_told(bench):
    """One of two transformers has a step at 130 %, the other 80 % throughout."""
    from dataclasses import replace

    twins = replace(FEEDER, is_trafo=np.array([True, True]))
    b = bench("lv", grid=twins, period_s=HOUR)
    for first in (50.0, 130.0):
        b.tick(0.0, solved=state(loading_pct=np.array([first, 80.0])))
    run = b.finish()
    hot = [aged.thermal for aged in transformer_ageing(run)]
    assert run.summary["max_hot_spot_c"] == max(t.hot_spot_max_c for t in hot) == hot[0].hot_spot_max_c
    assert run.summary["loss_of_life_h"] == max(t.loss_of_life_h for t in hot)
