"""What a scenario says reaches the parts that are built from it."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from twin.domain.ports import Grid
from twin.scenario.build import build
from twin.scenario.loader import load

SCENARIO = """\
start: 2016-01-18T00:00:00+01:00
days: 1
time_zone: Europe/Berlin
grid: {{net: {{builtin: create_kerber_landnetz_kabel_1}}, base_load: {base_load}}}
sites: {{house: {{stations: {{list: {{wallbox: {{bus: loadbus_1_6}}}}}}}}}}
drivers: {{family: {{archetype: home}}}}
"""
ROWS = "time,total_kw\n2016-01-18T00:00+01:00,10\n2016-01-19T00:00+01:00,34\n"


def test_a_variant_can_be_named_and_goes_to_a_worker_with_its_name(folder: Path) -> None:
    """Files beside it are still found; what pydantic keeps private survives pickling."""
    (folder / "inner").mkdir()
    (folder / "inner" / "s.yaml").write_text(SCENARIO.format(base_load="{source: none}"))
    variant = load("inner/s.yaml", settings=["days=2"]).named("two-days")
    assert (variant.name, variant.base_dir) == ("two-days", Path("inner"))
    assert pickle.loads(pickle.dumps(variant)).name == "two-days"


def base_kw(folder: Path, base_load: str, hour: float) -> float:
    """Return the base load in the minute that begins at an hour of the day."""
    (folder / "base.csv").write_text(ROWS)
    (folder / "s.yaml").write_text(SCENARIO.format(base_load=base_load))
    parts = build(load("s.yaml"))
    grid: Grid | None = parts.grid
    assert grid is not None
    state = grid.solve(hour * 3600, hour * 3600 + 60, np.zeros(1))
    parts.release()
    return state.base_w / 1000


@pytest.mark.parametrize(
    ("base_load", "expected_kw"),
    [
        ("{source: csv, file: base.csv}", 10.0),
        ("{source: csv, file: base.csv, scale: 0.5}", 5.0),
        ("{source: csv, file: base.csv, interpolation: linear}", 10.0 + 12.0),
        ("{source: csv, file: base.csv, interpolation: linear, scale: 2}", 2 * (10.0 + 12.0)),
        ("{source: none}", 0.0),
    ],
)
def test_base_load_is_scaled_and_drawn_between_rows_as_the_scenario_says(
    folder: Path, base_load: str, expected_kw: float
) -> None:
    """10 kW at midnight, 34 kW a day later: 22 kW at noon on a straight line, give or take a minute."""
    assert base_kw(folder, base_load, 12.0) == pytest.approx(expected_kw, abs=0.03)


def test_the_factor_of_constant_and_simbench_loads_counts(folder: Path) -> None:
    """Half the scale, half the load."""
    whole, half = (base_kw(folder, f"{{source: constant, scale: {s}}}", 12.0) for s in (1.0, 0.5))
    assert whole > 0
    assert half == pytest.approx(whole / 2)
    text = SCENARIO.replace("builtin: create_kerber_landnetz_kabel_1", "simbench: 1-LV-rural1--0-sw")
    text = text.replace("bus: loadbus_1_6", "bus: LV1.101 Bus 4")
    found = []
    for factor in (1.0, 0.5):
        (folder / "s.yaml").write_text(text.format(base_load=f"{{source: simbench, scale: {factor}}}"))
        parts = build(load("s.yaml"))
        assert parts.grid is not None
        found.append(parts.grid.solve(43_200, 43_260, np.zeros(1)).base_w)
    assert found[1] == pytest.approx(found[0] / 2)


THREE = """\
start: 2016-01-18T00:00:00+01:00
days: 1
time_zone: Europe/Berlin
seed: {seed}
grid:
  net: {{builtin: create_kerber_landnetz_kabel_1}}
  base_load: {{source: constant, phases: {rule}}}
  phases: {phases}
  assume: {{vector_group: Dyn, r0_r1: 4, x0_x1: 4, c0_c1: 1, vk0_vk: 1, mag0: 100, s_sc_max_mva: 100}}
sites: {{house: {{stations: {{list: {{wallbox: {{bus: loadbus_1_6, connection: L2}}}}}}}}}}
drivers: {{family: {{archetype: home}}}}
"""


def feeder(folder: Path, rule: str, *, phases: int = 3, seed: int = 1) -> Grid:
    """Build the feeder of a small scenario."""
    text = THREE if phases == 3 else "".join(line for line in THREE.splitlines(True) if "assume" not in line)
    (folder / "s.yaml").write_text(text.format(rule=rule, phases=phases, seed=seed))
    parts = build(load("s.yaml"))
    assert parts.grid is not None
    return parts.grid


class TestThreePhases:
    def test_a_balanced_feeder_has_the_voltages_of_the_symmetric_one(self, folder: Path) -> None:
        three, one = feeder(folder, "balanced"), feeder(folder, "balanced", phases=1)
        unbalanced, symmetric = three.solve(0, 60, np.zeros((1, 3))), one.solve(0, 60, np.zeros(1))
        expected = np.broadcast_to(symmetric.vm_pu, unbalanced.vm_pu.shape)
        np.testing.assert_allclose(unbalanced.vm_pu, expected, atol=1e-6)
        assert unbalanced.vuf_pct.max() < 1e-4

    def test_a_one_phase_car_lowers_its_own_phase(self, folder: Path) -> None:
        """And lifts another: the neutral moves."""
        grid = feeder(folder, "balanced")
        idle = grid.solve(0, 60, np.zeros((1, 3)))
        busy = grid.solve(0, 60, np.array([[0.0, 3_680.0, 0.0]]))
        change = (busy.vm_pu - idle.vm_pu)[grid.topology.buses.index("loadbus_1_6")]
        assert change[1] < -0.001
        assert change.max() > 0.0
        assert busy.vuf_pct.max() > 0.01

    def test_uneven_loads_unbalance_the_voltages_by_the_seed(self, folder: Path) -> None:
        first, again, other = (
            feeder(folder, "uneven", seed=seed).solve(0, 60, np.zeros((1, 3))).vm_pu for seed in (1, 1, 2)
        )
        assert (first == again).all()
        assert np.abs(first - other).max() > 1e-5

    def test_what_was_assumed_stands_in_the_provenance(self, folder: Path) -> None:
        said = feeder(folder, "balanced").provenance["assumptions"]
        assert isinstance(said, list)
        assert "x0_ohm_per_km = 4 x x_ohm_per_km of 16 lines (grid.assume.x0_x1)" in said

    def test_unbalance_is_limited_to_two_percent_unless_the_scenario_says_otherwise(
        self, folder: Path
    ) -> None:
        assert feeder(folder, "balanced").topology.vuf_max_pct.tolist()[0] == 2.0
        text = THREE.replace(
            "  phases: {phases}\n", "  phases: {phases}\n  limits: {{voltage_unbalance_pct: 1.3}}\n"
        )
        (folder / "s.yaml").write_text(text.format(rule="balanced", phases=3, seed=1))
        grid = build(load("s.yaml")).grid
        assert grid is not None
        assert set(grid.topology.vuf_max_pct.tolist()) == {1.3}

    def test_a_symmetric_feeder_has_no_limit_of_unbalance(self, folder: Path) -> None:
        assert set(feeder(folder, "balanced", phases=1).topology.vuf_max_pct.tolist()) == {np.inf}
