"""From a run's folder, as the recorder leaves it, to the page."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from twin.domain.fleet import Fleet
from twin.domain.grid import GridState, GridTopology
from twin.domain.interval import COLUMNS, Interval
from twin.domain.specs import EvseSpec
from twin.report.compare import write_comparison
from twin.report.frames import read_frames
from twin.report.page import write_report
from twin.results.manifest import RunFacts
from twin.results.metrics import write_summary
from twin.results.read import Run, open_run
from twin.results.start import start_run

TOPOLOGY = GridTopology(
    name="two-buses", buses=("mv", "lv"), bus_vn_kv=np.array([20.0, 0.4]), charging_level=np.array([False, True]),
    branches=("trafo",), is_trafo=np.array([True]), from_bus=np.array([0]), to_bus=np.array([1]), bus_xy=np.full((2, 2), np.nan),
    vm_min_pu=np.full(2, 0.9), vm_max_pu=np.full(2, 1.1), max_loading_pct=np.array([100.0]), head_va_rating=100e3, phases=1, vuf_max_pct=np.full(2, np.inf),
)  # fmt: skip


def solved(loading_pct: float, vm_pu: float, ev_w: float) -> GridState:
    return GridState(
        vm_pu=np.array([[1.0], [vm_pu]]), vuf_pct=np.zeros(2), loading_pct=np.array([loading_pct]), slack_w=ev_w, losses_w=0.0, base_w=0.0, pv_w=0.0,
        ev_w=ev_w, converged=True, mismatch_w=0.0, iterations=1,
    )  # fmt: skip


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """An hour of one 11 kW charger; in its second quarter the transformer is at 110 %."""
    fleet = Fleet([EvseSpec(id="a/1", station="a", site="street", bus="lv")])
    epoch = datetime.fromisoformat("2016-01-18T00:00:00+01:00")
    facts = RunFacts(
        scenario="tiny", scenario_hash="abc", seed=1, mode="simulated", strategy="uncontrolled", guarded=False, epoch=epoch,
        time_zone="Europe/Berlin", period_s=900.0, horizon_s=3_600.0, evses=1,
    )  # fmt: skip
    started = start_run(tmp_path / "tiny", facts, "description: x\n", fleet, TOPOLOGY)
    started.recorder.session_of_row(0, "a/1#1")
    interval = Interval(np.ones((COLUMNS, 1)))
    interval.power_w[:] = interval.grid_w[:] = 11_000.0
    for k in range(4):
        t_s, loaded = (k + 1) * 900.0, 110.0 if k == 1 else 50.0
        without = solved(10.0, 1.0, 0.0) if k == 1 else None
        started.recorder.grid(t_s, interval, solved(loaded, 0.95, 11_000.0), without)
        started.recorder.tick(t_s, fleet, interval, np.array([11_000.0]), {})
    started.recorder.close()
    started.manifest.finish("finished", cpu_s=1.0, wall_s=1.0)
    finished = open_run(started.folder)
    write_summary(finished)
    return finished


def test_a_run_is_read_with_all_that_a_page_needs(run: Run) -> None:
    """Civil epoch, topology, the verdict of EN 50160, the coincidence of one charger."""
    frames = read_frames(run)
    assert (frames.name, frames.duration_s, frames.period_s) == ("tiny", 3_600.0, 900.0)
    assert list(frames.en50160["bus"]) == ["lv"]
    assert list(frames.coincidence["chargers"]) == [1]
    assert frames.stamp == "tiny · scenario abc"
    assert str(frames.civil(frames.ticks["t_s"]).iloc[0]) == "2016-01-18 00:15:00+01:00"


def test_a_page_is_written_into_the_folder_of_its_run(run: Run) -> None:
    """The default place, and the hour's one violation in words."""
    path = write_report(run)
    assert path == run.path / "report.html"
    text = path.read_text(encoding="utf-8")
    assert (
        "In 15 min of the hour the transformer trafo was above its rating; worst 110.0 % on Mon 18 Jan 00:30."
        in text
    )
    assert (
        "15 min of 15 min outside limits are caused by charging; the violation would not exist without"
        in text
    )


def test_a_page_can_show_another_run_beside_its_own(run: Run, tmp_path: Path) -> None:
    """`against` adds the comparison before the audit."""
    path = write_report(run, tmp_path / "both.html", against=run)
    text = path.read_text(encoding="utf-8")
    assert "Key figures; differences against the first run" in text
    assert text.index('id="key-figures"') < text.index('id="audit"')


def test_two_folders_become_one_comparison(run: Run, tmp_path: Path) -> None:
    """In a folder that did not exist before."""
    path = write_comparison([run, run], tmp_path / "deep" / "comparison.html")
    assert "Load-duration curve of the transformer" in path.read_text(encoding="utf-8")
