"""The manifest: says from the first moment what was run and how it ended."""

import json
from datetime import datetime

import pytest

from tests.results.conftest import make_facts
from twin.results.manifest import Manifest, versions


def _read(folder):
    return json.loads((folder / "manifest.json").read_text())


def test_it_stands_before_the_first_tick_and_says_running(tmp_path):
    """A run that is killed at once has left its name, seed and versions."""
    Manifest(tmp_path, make_facts(grid={"solver": "compiled", "fallbacks": []}, assumptions=["symmetric"]))
    found = _read(tmp_path)
    assert (found["outcome"], found["recorded_s"], found["seed"]) == ("running", 0.0, 7)
    assert found["epoch"] == "2016-01-18T00:00:00+01:00"
    assert found["grid"] == {"solver": "compiled", "fallbacks": []}
    assert found["assumptions"] == ["symmetric"]


def test_progress_says_how_far_the_tables_reach(tmp_path):
    """Called by the recorder after each part."""
    Manifest(tmp_path, make_facts()).progress(86_400.0, 1)
    assert _read(tmp_path)["recorded_s"] == 86_400.0


def test_the_end_says_how_it_ended_and_what_it_cost(tmp_path):
    """Wall and solver times stand here and nowhere else."""
    manifest = Manifest(tmp_path, make_facts())
    manifest.finish(
        "failed", error="a/1#1: it leaks", audit={"sessions": 1}, cpu_s=2.0, wall_s=3.0, solver_s=0.5
    )
    found = _read(tmp_path)
    assert (found["outcome"], found["error"]) == ("failed", "a/1#1: it leaks")
    assert (found["cpu_s"], found["wall_s"], found["solver_s"], found["worst_lag_s"]) == (2.0, 3.0, 0.5, 0.0)
    assert found["audit"] == {"sessions": 1}


def test_an_epoch_without_offset_is_refused(tmp_path):
    """Nobody would know when it was."""
    with pytest.raises(ValueError, match="has no offset"):
        Manifest(tmp_path, make_facts(epoch=datetime(2016, 1, 18)))  # noqa: DTZ001
    assert list(tmp_path.iterdir()) == []


def test_versions_name_what_results_depend_on():
    """Of the packages that are installed."""
    assert {"twin", "python", "numpy", "pandapower", "pyarrow", "tzdata"} <= versions().keys()
