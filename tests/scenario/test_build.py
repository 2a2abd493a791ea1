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
