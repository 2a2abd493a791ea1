"""Coincidence factor against the number of chargers."""

import numpy as np
import pytest

from twin.results.coincidence import coincidence

RATED_W = 16 * 230.0 * 3


def test_two_chargers_that_never_meet(bench):
    """Each fills its own quarter of an hour: alone 1, together 1/2, whoever comes first."""
    b = bench(part_s=900.0)
    for k in range(6):
        b.tick(*((RATED_W, 0.0) if k < 3 else (0.0, RATED_W)))
    found = coincidence(b.finish())
    assert found.chargers.tolist() == [1, 2]
    assert found.factor == pytest.approx([1.0, 0.5])
    assert found.low == pytest.approx([1.0, 0.5])
    assert found.high == pytest.approx([1.0, 0.5])


def test_a_part_without_any_car_is_a_quarter_of_an_hour_of_nothing(bench):
    """The meter has no file for it, the ticks have."""
    b = bench("lv", part_s=900.0)
    for power_w in (RATED_W, RATED_W, RATED_W, 0.0, 0.0, 0.0, RATED_W / 2, 0.0, 0.0):
        b.tick(power_w)
    run = b.finish()
    assert len(list(run.meter.folder.iterdir())) == 2
    assert coincidence(run).factor == pytest.approx([1.0])


def test_all_chargers_together_have_the_factor_of_the_summary(bench):
    """Whatever the groups, the last one is everybody; the draws repeat."""
    random = np.random.default_rng(3)
    b = bench("lv", "lv", "end", "end")
    for _ in range(12):
        b.tick(*(RATED_W * random.random(4)))
    run = b.finish()
    found = coincidence(run, groups=10)
    assert found.factor[-1] == pytest.approx(run.summary["coincidence_factor"])
    assert found.factor[0] > found.factor[-1]
    assert coincidence(run, groups=10).factor.tolist() == found.factor.tolist()


def test_without_an_evse_there_is_no_factor(bench):
    """Nothing to divide by."""
    run = bench("lv").finish()
    run.evses.clear()
    with pytest.raises(ValueError, match="no EVSE, no coincidence factor"):
        coincidence(run)
