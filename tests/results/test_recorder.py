"""The recorder: what reaches the disk, when, and what survives."""

import errno
import os
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.results.conftest import interval_of, make_facts, make_fleet, session, state
from twin.errors import SettingsError
from twin.results.read import open_run
from twin.results.recorder import NullRecorder, ParquetRecorder
from twin.results.schema import TABLES
from twin.results.start import start_run


def _bytes(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*.parquet"))}


def test_the_meter_holds_only_evses_that_had_a_car(bench) -> None:
    """The second EVSE is empty: one row per tick, with power and register of the first."""
    b = bench()
    b.tick(6000.0, 0.0)
    b.tick(3000.0, 0.0)
    meter = b.finish().meter.to_pandas()
    assert meter["t_s"].tolist() == [300.0, 600.0]
    assert meter["evse"].tolist() == ["a/1", "a/1"]
    assert meter["power_w"].tolist() == [6000.0, 3000.0]
    assert meter["register_wh"].tolist() == [500.0, 750.0]


def test_a_car_that_left_within_the_interval_is_still_metered_but_has_no_limit(bench) -> None:
    """Power was drawn before it left; a limit for the next interval would be for nobody."""
    b = bench()
    b.tick(6000.0, 3000.0, plugged=(True, False))
    run = b.finish()
    assert run.meter.to_pandas()["evse"].tolist() == ["a/1", "b/1"]
    assert run.limits.to_pandas()["evse"].tolist() == ["a/1"]
    assert run.ticks.to_pandas()[["plugged", "charging", "ev_w"]].values.tolist() == [[1, 2, 9000.0]]


def test_a_register_that_moved_without_power_is_written(bench) -> None:
    """A station that comes back from offline tells an energy that no tick saw."""
    b = bench()
    b.tick(0.0, 0.0)
    b.fleet.register_wh[1] = 42.0
    b.tick(0.0, 0.0)
    assert b.finish().meter.to_pandas()[["t_s", "evse", "register_wh"]].values.tolist() == [
        [600.0, "b/1", 42.0]
    ]


def test_the_reason_stands_at_the_row_that_the_guard_lowered(bench) -> None:
    """Only the second EVSE was lowered, and by the transformer."""
    b = bench()
    b.fleet.limit_w[:] = [11_000.0, 4_000.0]
    b.tick(6000.0, 3000.0, wanted_w=11_000.0, reasons={1: "trafo"})
    b.tick(6000.0, 3000.0, wanted_w=11_000.0)
    limits = b.finish().limits.to_pandas()
    assert limits["reason"].tolist() == ["", "trafo", "", ""]
    assert limits["wanted_w"].tolist() == [11_000.0] * 4
    assert limits["limit_w"].tolist() == [11_000.0, 4_000.0] * 2


def test_the_end_of_the_run_limits_nobody(bench) -> None:
    """The last tick closes an interval and begins none: no rows of limits, and null in its ticks."""
    b = bench()
    b.fleet.limit_w[:] = 11_000.0
    b.tick(6000.0, 0.0, wanted_w=11_000.0)
    b.tick(6000.0, 0.0, wanted_w=None)
    run = b.finish()
    assert run.limits.to_pandas()["t_s"].tolist() == [300.0]
    ticks = run.ticks.to_arrow()
    assert ticks["limit_w"].to_pylist() == [11_000.0, None]
    assert ticks["wanted_w"].to_pylist() == [11_000.0, None]
    assert ticks["plugged"].to_pylist() == [1, 1]


def test_plans_between_ticks_share_the_interval(bench) -> None:
    """0 to 300 s: 6 kW less for 60 s and 3 kW less for 240 s are 100 + 200 Wh; from 300 to 600 s 3 kW are 250 Wh.

    The other EVSE was rounded down by its station alone, and counts for nothing.
    """
    b = bench()
    wanted = np.full(2, 11_000.0)
    b.fleet.limit_w[:] = [5_000.0, 10_000.0]
    b.recorder.plan(0.0, b.fleet, wanted, {0: "trafo"})
    b.fleet.limit_w[:] = [8_000.0, 10_000.0]
    b.recorder.plan(60.0, b.fleet, wanted, {0: "trafo"})
    b.tick(6000.0, 0.0, wanted_w=11_000.0, reasons={0: "trafo"})
    b.tick(6000.0, 0.0, wanted_w=11_000.0)
    b.tick(6000.0, 0.0, wanted_w=None)
    run = b.finish()
    assert run.ticks.to_pandas()["curtailed_wh"].tolist() == pytest.approx([300.0, 250.0, 0.0])
    assert run.summary["curtailed_kwh"] == pytest.approx(0.55)


def test_sessions_behind_a_violation_are_ranked_by_all_that_they_drew_since_the_last_power_flow(
    bench,
) -> None:
    """Power flow at every second tick: 6,000 W and then nothing are more than 0 and then 2,000 W."""
    b = bench("end", "end", grid=True)
    b.recorder.session_of_row(0, "a/1#1")
    b.recorder.session_of_row(1, "b/1#1")
    b.tick(6000.0, 0.0)
    low = state(vm_pu=np.array([1.0, 1.0, 0.89]), ev_w=4000.0)
    b.tick(0.0, 2000.0, solved=low, without=state())
    assert b.finish().violations.to_pandas()["sessions"].tolist() == ["a/1#1 b/1#1"]


def test_without_a_power_flow_the_feeder_is_null_and_with_one_it_is_not(bench) -> None:
    """A power flow at every second tick: null, value, and NaN where there is no solution."""
    b = bench(grid=True)
    b.tick(1000.0, 0.0)
    b.tick(1000.0, 0.0, solved=state(slack_w=1100.0, losses_w=100.0, ev_w=1000.0))
    nan = float("nan")
    nothing = np.full(3, nan)
    b.tick(1000.0, 0.0, solved=state(vm_pu=nothing, loading_pct=nothing[:2], slack_w=nan, converged=False))
    run = b.finish()
    ticks = run.ticks.to_arrow()
    assert ticks["converged"].to_pylist() == [None, True, False]
    assert ticks["slack_w"].to_pylist()[:2] == [None, 1100.0]
    assert np.isnan(ticks["slack_w"].to_pylist()[2])
    assert ticks["violated"].to_pylist() == [None, 0, 1]
    assert run.buses.to_arrow()["vm_pu"].null_count == 0
    assert run.buses.to_pandas()["vm_pu"].tolist()[:3] == [1.02, 1.0, 0.95]


def test_a_tap_that_moves_is_an_event(bench) -> None:
    """Two tap changers: one leaves the position of the net's table at once, the other moves later and back."""
    changers = [{"trafo": "T1", "start": 0}, {"trafo": "T2", "start": 2}]
    b = bench(grid=True, provenance={"tap_changers": changers})
    lost = state(vm_pu=np.full(3, np.nan), loading_pct=np.full(2, np.nan), converged=False, tap_pos=(9, 9))
    for solved in (state(tap_pos=(-1, 2)), lost, state(tap_pos=(-1, 3)), state(tap_pos=(-1, 2))):
        b.tick(0.0, 0.0, solved=solved, without=solved)
    events = b.finish().events.to_pandas()
    assert events[["t_s", "kind", "subject", "detail", "value"]].to_numpy().tolist() == [
        [300.0, "tap", "T1", "from 0 to -1", -1.0],
        [900.0, "tap", "T2", "from 2 to 3", 3.0],
        [1200.0, "tap", "T2", "from 3 to 2", 2.0],
    ]


def test_positions_of_unknown_tap_changers_are_a_mistake(bench) -> None:
    """Whoever solves says which transformers have them."""
    b = bench(grid=True)
    with pytest.raises(ValueError, match="zip"):
        b.tick(0.0, 0.0, solved=state(tap_pos=(1,)))


def test_parts_are_cut_by_simulated_time(bench) -> None:
    """Parts of ten minutes hold two ticks of five; the instant of the cut belongs to the part before."""
    b = bench(part_s=600.0)
    for _ in range(5):
        b.tick(1000.0, 0.0)
    run = b.finish()
    files = sorted((run.path / "meter").iterdir())
    assert [f.name for f in files] == ["part-00000.parquet", "part-00001.parquet", "part-00002.parquet"]
    assert [pq.read_table(f)["t_s"].to_pylist() for f in files] == [[300.0, 600.0], [900.0, 1200.0], [1500.0]]


def test_ticks_longer_than_a_part_leave_no_part_out_of_order(bench) -> None:
    """An hourly tick against parts of half an hour: each part carries the number of its time."""
    b = bench(part_s=1800.0, period_s=3600.0)
    b.tick(1000.0, 0.0)
    b.tick(1000.0, 0.0)
    run = b.finish()
    assert run.ticks.to_pandas()["t_s"].tolist() == [3600.0, 7200.0]


def test_every_table_has_a_file_even_if_nothing_happened(bench) -> None:
    """Readers need no special case for a run in which nobody came."""
    run = bench().finish()
    for name, schema in TABLES.items():
        files = list((run.path / name).glob("*.parquet"))
        assert len(files) == 1
        assert pq.read_schema(files[0]).equals(schema, check_metadata=True)


def test_unit_and_meaning_travel_into_the_file(bench) -> None:
    """A file alone says that power is in watts."""
    run = bench().finish()
    field = pq.read_schema(run.path / "meter" / "part-00000.parquet").field("power_w")
    assert field.metadata[b"unit"] == b"W"


def test_the_same_run_twice_gives_the_same_bytes(bench) -> None:
    """Tables hold no clock, no process id, no order of a hash."""

    def play(name: str) -> dict[str, bytes]:
        b = bench(grid=True, part_s=600.0, name=name)
        b.recorder.session_of_row(0, "a/1#1")
        for k in range(5):
            low = state(vm_pu=np.array([1.0, 0.99, 0.89 - k / 1000]), ev_w=2000.0)
            b.tick(1000.0, 500.0 * k, solved=low, without=state(), reasons={0: "end"})
        b.recorder.row("sessions", session())
        return _bytes(b.finish().path)

    first, second = play("one"), play("two")
    assert first == second
    assert len(first) > len(TABLES)


def test_a_killed_run_is_readable_up_to_its_last_part(bench) -> None:
    """Nobody closes the recorder; the manifest says so and how far the tables reach."""
    b = bench(part_s=600.0)
    b.recorder.row("sessions", session())
    for _ in range(3):
        b.tick(1000.0, 0.0)
    run = open_run(b.folder)
    assert run.outcome == "running"
    assert run.recorded_s == 600.0
    assert run.ticks.to_pandas()["t_s"].tolist() == [300.0, 600.0]
    assert run.summary["sessions"] == 1
    assert run.summary["cpu_s"] is None


def test_a_run_killed_before_its_first_part_has_empty_tables(bench) -> None:
    """Every table can be opened and has its columns."""
    b = bench()
    b.tick(1000.0, 0.0)
    run = open_run(b.folder)
    assert len(run.meter) == 0
    assert run.meter.to_pandas().columns.tolist() == TABLES["meter"].names
    assert run.meter.pivot().empty
    assert run.summary["peak_kw"] == 0.0


def test_a_full_disk_names_the_file_and_leaves_finished_parts_whole(bench, monkeypatch) -> None:
    """The third part fails: two are readable, no half file is left, and nothing more is written."""
    b = bench(part_s=600.0)
    for _ in range(4):
        b.tick(1000.0, 0.0)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    b.tick(1000.0, 0.0)
    with pytest.raises(SettingsError) as raised:
        b.tick(1000.0, 0.0)
    monkeypatch.undo()
    b.recorder.close()
    place = b.folder / "meter" / "part-00002.parquet"
    assert str(raised.value) == (
        f"{place}: cannot be written (No space left on device); make room there or name another output folder"
    )
    assert len(open_run(b.folder).ticks) == 4
    assert not [path for path in b.folder.rglob("*") if path.name.endswith(".tmp")]


def test_a_folder_that_cannot_be_made_is_refused_before_anything_is_written(tmp_path) -> None:
    """The place is below a file."""
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError) as raised:
        start_run(tmp_path / "file" / "run", make_facts(), "", make_fleet(None), None)
    assert str(raised.value) == (
        f"{tmp_path / 'file' / 'run'}: cannot be written (Not a directory); make room there or name another output folder"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_row_with_an_unknown_column_is_refused(bench) -> None:
    """A misspelt column does not vanish."""
    with pytest.raises(ValueError, match=r"no column \['prize'\]"):
        bench().recorder.row("sessions", session(prize=1))


def test_a_row_without_a_column_is_refused_unless_it_may_be_null(bench) -> None:
    """An event needs no value, but it needs a subject."""
    b = bench()
    b.recorder.row("events", {"t_s": 1.0, "kind": "fault", "subject": "a/1", "detail": "outage"})
    with pytest.raises(ValueError, match="column 'subject' is missing"):
        b.recorder.row("events", {"t_s": 1.0, "kind": "fault", "detail": "outage"})
    events = b.finish().events.to_arrow()
    assert events["kind"].to_pylist() == ["fault"]
    assert np.isnan(events["value"].to_pylist()[0])


def test_a_solved_feeder_without_a_topology_is_a_mistake(tmp_path) -> None:
    """Names would be missing."""
    recorder = ParquetRecorder(tmp_path, make_fleet(None), None)
    with pytest.raises(ValueError, match="without a topology"):
        recorder.grid(300.0, interval_of(make_fleet(None)), state(), None)


def test_the_null_recorder_takes_everything() -> None:
    """It has the same methods and keeps nothing."""
    recorder, fleet = NullRecorder(), make_fleet(None)
    recorder.session_of_row(0, "a/1#1")
    recorder.plan(0.0, fleet, fleet.limit_w, {})
    recorder.grid(300.0, interval_of(fleet), state(), None)
    recorder.tick(300.0, fleet, interval_of(fleet), fleet.limit_w, {})
    recorder.row("sessions", session())
    recorder.rows("sessions", [session()])
    recorder.close()
    assert recorder.violations == 0


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32 - 1), ticks=st.integers(1, 300), part=st.integers(20, 400))
def test_whatever_is_ticked_is_read_back(tmp_path_factory, seed: int, ticks: int, part: int) -> None:
    """Buffers grow, parts are cut, and every sample of the script comes back in order."""
    random = np.random.default_rng(seed)
    fleet = make_fleet(*[None] * 7)
    folder = tmp_path_factory.mktemp("run")
    recorder = ParquetRecorder(folder, fleet, None, part_s=part * 60.0)
    meter, limits = [], []
    for k in range(1, ticks + 1):
        fleet.plugged[:] = random.random(7) < 0.4
        fleet.power_w[:] = np.where(random.random(7) < 0.3, np.round(11_000 * random.random(7)), 0.0)
        fleet.limit_w[:] = random.random(7)
        wanted = random.random(7)
        recorder.tick(k * 60.0, fleet, interval_of(fleet), wanted, {})
        for i, name in enumerate(fleet.ids):
            if fleet.plugged[i] or fleet.power_w[i]:
                meter.append((k * 60.0, name, fleet.power_w[i]))
            if fleet.plugged[i]:
                limits.append((k * 60.0, name, wanted[i], fleet.limit_w[i]))
    recorder.close()

    def read(table: str, *columns: str) -> list[tuple[object, ...]]:
        parts = [pq.read_table(path) for path in sorted((folder / table).glob("*.parquet"))]
        return [row for p in parts for row in zip(*(p[c].to_pylist() for c in columns), strict=True)]

    assert read("meter", "t_s", "evse", "power_w") == meter
    assert read("limits", "t_s", "evse", "wanted_w", "limit_w") == limits
