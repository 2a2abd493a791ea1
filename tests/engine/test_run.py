"""Whole runs through `twin.load` and `twin.run`: what they leave behind, and that it repeats."""

from __future__ import annotations

import errno
import json
import os
import pickle
import re
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import twin
from twin.domain.interval import Interval
from twin.engine.run import Beat, free_folder
from twin.errors import AuditError, SettingsError
from twin.results.audit import audit_tables
from twin.results.read import Run
from twin.scenario.dump import as_yaml, scenario_hash

Tables = Callable[[Path | str], dict[str, bytes]]
DAY_S = 86_400.0


class TestWhatARunLeavesBehind:
    def test_the_summary_is_plain_data(self, street: Path) -> None:
        """It survives JSON unchanged, and every promised key is there."""
        run = twin.run(twin.load(street), out="out")
        assert type(run.summary) is dict
        assert json.loads(json.dumps(run.summary)) == run.summary
        promised = (
            "sessions energy_requested_kwh energy_delivered_kwh served_share peak_kw violations violation_minutes "
            "min_vm_pu max_vm_pu max_line_loading_pct max_trafo_loading_pct revenue currency jain_index "
            "energy_balance_error_kwh cpu_s evse_days_per_cpu_s"
        )
        assert set(promised.split()) < set(run.summary)

    def test_tables_are_read_when_they_are_asked_for(self, street: Path) -> None:
        """A table is a promise; `to_pandas` keeps it."""
        run = twin.run(twin.load(street), out="out")
        for name in ("sessions", "meter", "buses", "branches", "violations"):
            table = getattr(run, name)
            assert len(table.to_pandas()) == len(table)
        assert len(run.sessions) == run.summary["visits"]
        assert len(run.buses) == 96 * len(run.topology.buses)  # a day of quarter hours

    def test_a_run_can_be_opened_again(self, hello: Path) -> None:
        """Everything is in its folder."""
        run = twin.run(twin.load(hello), out="out")
        again = twin.open_run("out")
        assert again.summary == run.summary
        assert again.outcome == "finished"
        assert again.sessions.to_arrow().equals(run.sessions.to_arrow())

    def test_wall_and_solver_times_stand_in_the_manifest_only(self, street: Path) -> None:
        """No table has them; the manifest has."""
        run = twin.run(twin.load(street), out="out")
        assert 0 < run.manifest["solver_s"] < run.manifest["cpu_s"]
        assert run.manifest["wall_s"] > 0

    def test_folders_are_numbered_by_default(self, hello: Path) -> None:
        """`results/hello`, then `results/hello-2`: nothing is overwritten unasked."""
        names = [str(twin.run(twin.load(hello)).path) for _ in range(3)]
        assert names == ["results/hello", "results/hello-2", "results/hello-3"]
        assert free_folder(Path("results/new")) == Path("results/new")

    def test_progress_is_told_once_per_tick(self, hello: Path) -> None:
        """A day of five minutes has 288 ticks, and an instant before the first."""
        beats: list[Beat] = []
        run = twin.run(twin.load(hello), out="out", on_beat=beats.append)
        assert [beat.t_s for beat in beats] == [300.0 * k for k in range(289)]
        assert beats[-1].sessions <= run.summary["sessions"]


class TestRepetition:
    def test_the_same_seed_gives_the_same_bytes(self, street: Path, tables: Tables) -> None:
        """Every file of every table."""
        scenario = twin.load(street, override=["guarded"])
        for out in ("a", "b"):
            twin.run(scenario, out=out)
        assert len(tables("a")) == 13
        assert tables("a") == tables("b")

    def test_a_fresh_process_gives_the_same_bytes(self, street: Path, tables: Tables) -> None:
        """Another order of hashes, another history of the random generators."""
        twin.run(twin.load(street), out="here")
        code = "import twin; twin.run(twin.load('street.yaml'), out='there')"
        environment = os.environ | {"PYTHONHASHSEED": "12345"}
        subprocess.run([sys.executable, "-c", code], check=True, env=environment, cwd=Path.cwd())
        assert tables("here") == tables("there")

    def test_another_seed_gives_other_drivers(self, hello: Path, tables: Tables) -> None:
        """Else a seed would mean nothing."""
        for seed in (1, 2):
            twin.run(twin.load(hello, settings=[f"seed={seed}"]), out=f"{seed}")
        assert tables("1")["sessions/part-00000.parquet"] != tables("2")["sessions/part-00000.parquet"]

    @pytest.mark.parametrize("strategy", ["round-robin", "least-laxity-first", "equal-share"])
    def test_another_strategy_faces_the_same_drivers(self, street: Path, strategy: str) -> None:
        """Who comes when, in which car, and wants what, does not depend on who decides."""
        given = ["driver", "vehicle", "arrival_s", "departure_s", "requested_wh"]
        came = [
            twin.run(twin.load(street, settings=settings), out=f"{k}").sessions.to_pandas(given)
            for k, settings in enumerate(([], [f"strategy={strategy}", "plan_on_arrival=false"]))
        ]
        first, second = (frame.sort_values(["arrival_s", "driver"], ignore_index=True) for frame in came)
        assert len(first) == 12
        assert first.astype({"driver": str, "vehicle": str}).equals(
            second.astype({"driver": str, "vehicle": str})
        )


class TestTheScenarioInTheFolder:
    def test_it_gives_the_same_tables_when_it_is_run_again(self, depot: Path, tables: Tables) -> None:
        """From another place, and though it replays a file: the file is named from the run's folder."""
        first = twin.run(twin.load(depot), out="far/away/out")
        kept = Path("far/away/out/scenario.yaml")
        assert "file: ../../../data/sessions.csv" in kept.read_text()
        again = twin.run(twin.load(kept), out="again")
        assert tables("again") == tables("far/away/out")
        assert again.manifest["scenario_hash"] == first.manifest["scenario_hash"]

    def test_overrides_and_settings_are_in_it(self, street: Path, tables: Tables) -> None:
        """It is resolved: nothing has to be said again."""
        twin.run(twin.load(street, override=["weak"], settings=["seed=7"]), out="out")
        twin.run(twin.load("out/scenario.yaml"), out="again")
        assert tables("again") == tables("out")

    def test_a_file_named_from_the_root_stays_so(self, depot: Path) -> None:
        """Who writes an absolute path means it."""
        file = Path("data/sessions.csv").resolve()
        scenario = twin.load(depot, settings=[f"drivers.recorded.file={file}"])
        assert f"file: {file}\n" in as_yaml(scenario, beside=Path("out"))

    def test_its_hash_does_not_depend_on_where_files_lie(self, depot: Path, place: Path) -> None:
        """Another folder, another name, an absolute path: the same run."""
        wanted = scenario_hash(twin.load(depot))
        shutil.copytree(place / "data", place / "elsewhere" / "data")
        shutil.copy(depot, place / "elsewhere" / "copy.yaml")
        assert scenario_hash(twin.load("elsewhere/copy.yaml")) == wanted
        file = place / "elsewhere" / "data" / "sessions.csv"
        assert scenario_hash(twin.load(depot, settings=[f"drivers.recorded.file={file}"])) == wanted

    def test_its_hash_depends_on_what_files_hold(self, depot: Path) -> None:
        """One more kilowatt-hour is another run."""
        scenario = twin.load(depot)
        before = scenario_hash(scenario)
        file = Path("data/sessions.csv")
        file.write_text(file.read_text().replace(",20,", ",21,"))
        assert scenario_hash(scenario) != before

    def test_a_file_that_is_gone_has_no_hash(self, depot: Path) -> None:
        """It is named."""
        scenario = twin.load(depot)
        Path("data/sessions.csv").unlink()
        with pytest.raises(twin.ScenarioError, match=r"^data/sessions\.csv: no such file$"):
            scenario_hash(scenario)


def test_a_scenario_travels_to_other_processes(depot: Path) -> None:
    """Pickled and back: the same content, and still the place that its files are found from."""
    scenario = twin.load(depot)
    back = pickle.loads(pickle.dumps(scenario))
    assert back == scenario
    assert (back.path, back.name, back.base_dir) == (depot, "depot", Path())
    assert back.located(Path("x/y.yaml")).base_dir == Path("x")


def test_errors_travel_between_processes() -> None:
    """What a worker found wrong arrives as it was said."""
    problem = twin.errors.Problem("s.csv", 3, "energy_kwh", "-5 is negative, expected > 0")
    back = pickle.loads(pickle.dumps(twin.ScenarioError([problem])))
    assert back.problems == (problem,)
    assert str(back) == "s.csv:3: energy_kwh: -5 is negative, expected > 0"


@contextmanager
def no_room_from(day: float) -> Iterator[Callable[[Beat], None]]:
    """A progress callback after which no byte fits on the disk any more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def beat(now: Beat) -> None:
        if now.t_s >= day * DAY_S:
            resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))

    try:
        yield beat
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


class TestBrokenRuns:
    def test_a_full_disk_leaves_what_was_finished(self, hello: Path, place: Path) -> None:
        """No room from day 2.5 on: two days can be read, and one error names the first file that failed."""
        said = rf"^out/\w+/part-00002\.parquet: cannot be written \({os.strerror(errno.EFBIG)}\); make room there"
        with no_room_from(2.5) as beat, pytest.raises(SettingsError, match=said) as told:
            twin.run(twin.load(hello, settings=["days=5"]), out="out", on_beat=beat)
        assert told.value.__notes__ == [
            (
                "out/manifest.json: cannot be written (File too large); make room there or name another "
                "output folder"
            ),
            "out: holds what was recorded until then; look at it with: twin report out",
        ]
        run = twin.open_run("out")
        assert (run.outcome, run.recorded_s) == ("running", 2 * DAY_S)
        assert run.ticks.to_pandas()["t_s"].max() == 2 * DAY_S
        assert run.summary["days"] == 2.0
        assert [p for p in place.rglob("*") if p.name.endswith(".tmp")] == []

    def test_an_interruption_is_told_in_the_manifest(self, hello: Path) -> None:
        """Control-C in the afternoon of the second day: the tables reach up to there."""

        def stop(now: Beat) -> None:
            if now.t_s >= 1.5 * DAY_S:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            twin.run(twin.load(hello, settings=["days=5"]), out="out", on_beat=stop)
        run = twin.open_run("out")
        assert (run.outcome, run.recorded_s) == ("interrupted", 1.5 * DAY_S)
        assert run.ticks.to_pandas()["t_s"].max() == 1.5 * DAY_S

    def test_half_a_part_is_no_part(self, street: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Killed between two tables of the second day: what is read is the first day, in every table."""
        from twin.results import recorder

        whole = recorder.write_part

        def killed(folder: Path, index: int, rows: Any) -> None:
            if index == 1 and folder.name == "ticks":
                raise KeyboardInterrupt
            whole(folder, index, rows)

        monkeypatch.setattr(recorder, "write_part", killed)
        with pytest.raises(KeyboardInterrupt):
            twin.run(twin.load(street, settings=["days=3"]), out="out")
        assert Path("out/meter/part-00001.parquet").exists()
        run = twin.open_run("out")
        assert run.ticks.to_pandas()["t_s"].max() == DAY_S
        assert run.meter.to_pandas()["t_s"].max() <= DAY_S
        assert (run.summary["days"], run.summary["sessions"]) == (1.0, len(run.sessions))

    def test_a_run_that_dies_of_a_defect_says_of_which(
        self, hello: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The error is in the manifest, as it was raised."""

        def break_down(now: Beat) -> None:
            raise ZeroDivisionError("float division by zero")

        with pytest.raises(ZeroDivisionError):
            twin.run(twin.load(hello), out="out", on_beat=break_down)
        run = twin.open_run("out")
        assert run.outcome == "failed"
        assert run.manifest["error"] == "ZeroDivisionError: float division by zero"

    @pytest.mark.parametrize(
        ("given", "said"),
        [
            ("file", "file: is a file; name another output folder"),
            (
                "file/out",
                "file/out: cannot be written (Not a directory); make room there or name another output folder",
            ),
            ("full", "full: is not empty and holds no run; name another output folder"),
        ],
    )
    @pytest.mark.parametrize("force", [False, True])
    def test_a_place_that_is_no_run_folder_is_left_alone(
        self, hello: Path, place: Path, given: str, said: str, force: bool
    ) -> None:
        """Not even with force."""
        (place / "file").write_text("mine\n")
        (place / "full").mkdir()
        (place / "full" / "notes.txt").write_text("mine\n")
        before = sorted(place.rglob("*"))
        with pytest.raises(SettingsError) as told:
            twin.run(twin.load(hello), out=given, force=force)
        assert str(told.value) == said
        assert sorted(place.rglob("*")) == before

    def test_a_run_that_had_no_time_to_begin_is_in_nobodys_way(self, hello: Path, place: Path) -> None:
        """Killed between its folder and its manifest: the folder is as good as empty."""
        (place / "out").mkdir()
        (place / "out" / ".manifest.json.tmp").write_text('{"format"')
        twin.run(twin.load(hello), out="out")
        assert [path.name for path in (place / "out").glob(".*")] == []

    def test_a_run_is_replaced_with_force_only(self, hello: Path) -> None:
        """And nothing of it is left then."""
        twin.run(twin.load(hello, settings=["days=2"]), out="out")
        said = "^out: holds a run already; name another output folder, or replace it with --force$"
        with pytest.raises(SettingsError, match=said):
            twin.run(twin.load(hello), out="out")
        assert twin.open_run("out").summary["days"] == 2.0
        twin.run(twin.load(hello), out="out", force=True)
        assert twin.open_run("out").summary["days"] == 1.0
        assert not Path("out/ticks/part-00001.parquet").exists()


def _mutate(monkeypatch: pytest.MonkeyPatch, change: Callable[[Interval], object]) -> None:
    """Let the stations tell another interval than the one that happened."""
    from twin.world.stations.simulated import SimulatedStations

    honest = SimulatedStations.advance

    def wrong(self: SimulatedStations, t_s: float, /) -> None:
        honest(self, t_s)
        if t_s > 0.0:
            change(self.interval())

    monkeypatch.setattr(SimulatedStations, "advance", wrong)


class TestWhatHappenedOffline:
    """Two EVSEs; the first is offline from 1:30 to 9:00, its car leaves at 2:00, the other's comes at 4:00."""

    SCENARIO = """\
description: Two cars, one after the other.
start: 2016-01-18T00:00:00+01:00
days: 1
time_zone: Europe/Berlin
sites: {s: {stations: {list: {a: {max_a: 16}, b: {max_a: 16}}}}}
drivers: {recorded: {archetype: replay, file: sessions.csv}}
faults:
  - {kind: offline, evses: [a/1], from: 2016-01-18T01:30:00+01:00, until: UNTIL}
"""
    SESSIONS = """\
session,site,evse,driver,arrival,departure,energy_kwh,vehicle
1,s,a/1,anna,2016-01-18T01:00:00+01:00,2016-01-18T02:00:00+01:00,11,vw-id3-pro
2,s,b/1,bert,2016-01-18T04:00:00+01:00,2016-01-18T06:00:00+01:00,22,vw-id3-pro
"""

    def _run(self, until: str) -> Run:
        Path("two.yaml").write_text(self.SCENARIO.replace("UNTIL", until))
        Path("sessions.csv").write_text(self.SESSIONS)
        return twin.run(twin.load("two.yaml"), out="out")

    def test_tables_tell_what_was_drawn(self, place: Path) -> None:
        """11 kWh and 22 kWh, never two cars at once: 11 kW of twice 11.04 kW."""
        run = self._run("2016-01-18T09:00:00+01:00")
        meter = run.meter.to_pandas()
        energy_wh = meter.groupby("evse", observed=True)["power_w"].sum() / 12
        assert energy_wh.to_dict() == pytest.approx({"a/1": 11_000.0, "b/1": 22_000.0})
        assert meter.query("evse == 'a/1'")["t_s"].max() == 2 * 3600.0
        ticks = run.ticks.to_pandas().set_index("t_s")
        assert (ticks["ev_w"] == ticks["ev_grid_w"]).all()
        at = ticks.loc[[5_400.0, 6_300.0, 7_500.0, 18_000.0, 30_000.0], ["plugged", "charging", "ev_w"]]
        assert at.values.tolist() == [[1, 1, 11_000], [1, 1, 11_000], [0, 0, 0], [1, 1, 11_000], [0, 0, 0]]
        assert run.summary["coincidence_factor"] == pytest.approx(11.0 / 22.08)

    def test_tables_agree_where_a_station_is_silent_to_the_end(self, place: Path) -> None:
        """Its session is billed by a late reading; its register stands in the meter as it moved."""
        run = self._run("2016-01-25T00:00:00+01:00")
        assert audit_tables(run) == {"sessions_wh": 33_000.0, "meter_wh": 33_000.0, "invoices_wh": 0}


class TestTheAuditIsAwake:
    """Physics is broken on purpose: no run may end well."""

    def test_energy_that_is_nowhere_stops_the_run(self, hello: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Two milliwatt-hours more in the battery than came out of the connector."""
        from twin.world.stations.simulated import SimulatedStations

        honest = SimulatedStations.session_truth

        def wrong(self: SimulatedStations, row: int) -> Any:
            truth = honest(self, row)
            return truth._replace(battery_wh=truth.battery_wh + 0.002)

        monkeypatch.setattr(SimulatedStations, "session_truth", wrong)
        with pytest.raises(AuditError, match=r"^wallbox/1#1: [\d.]+ Wh were delivered, but battery "):
            twin.run(twin.load(hello), out="out")
        run = twin.open_run("out")
        assert run.outcome == "failed"
        assert run.manifest["error"].startswith("AuditError: wallbox/1#1: ")

    def test_a_meter_that_counts_too_much_stops_the_run(
        self, hello: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The register at the end of the session is three watt-hours beyond what was delivered."""
        from twin.world.stations import kernel

        honest = kernel.disconnect

        def wrong(*arguments: Any) -> Any:
            register_wh, running, finished_s = honest(*arguments)
            return register_wh + 3.0, running, finished_s

        monkeypatch.setattr(kernel, "disconnect", wrong)
        with pytest.raises(AuditError, match=r"^wallbox/1#1: .* not metered leave -2\.160 Wh"):
            twin.run(twin.load(hello), out="out")
        assert twin.open_run("out").outcome == "failed"

    def test_a_feeder_that_makes_energy_stops_the_run(
        self, street: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A millionth and a half too little from the upstream grid."""
        from twin.engine import run as module

        honest = module._TimedGrid.solve

        def wrong(self: Any, start_s: float, end_s: float, evse_w: Any, /) -> Any:
            state = honest(self, start_s, end_s, evse_w)
            return replace(state, slack_w=state.slack_w * (1 - 1.5e-6))

        monkeypatch.setattr(module._TimedGrid, "solve", wrong)
        with pytest.raises(AuditError, match=r"^power flow at t=900 s: the upstream grid gives "):
            twin.run(twin.load(street), out="out")
        assert twin.open_run("out").outcome == "failed"

    def test_power_from_the_grid_that_is_counted_twice_stops_the_run(
        self, street: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Every EVSE takes double from the grid; the first to draw is named, in its first interval."""
        _mutate(monkeypatch, lambda interval: np.multiply(interval.grid_w, 2.0, out=interval.grid_w))
        with pytest.raises(
            AuditError, match=r"^street-1/1: from t=25200 to \d+ s it took [\d.]+ W from the grid, but"
        ):
            twin.run(twin.load(street), out="out")
        assert twin.open_run("out").outcome == "failed"

    def test_power_that_no_session_had_stops_the_run(
        self, street: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A watt more at the fourth EVSE, on both of its sides, in one quarter of an hour."""
        scenario = twin.load(street)
        closed: list[int] = []

        def wrong(interval: Interval) -> None:
            closed.append(len(closed))
            if len(closed) == 50:
                interval.power_w[3] += 1.0
                interval.grid_w[3] += 1.0

        _mutate(monkeypatch, wrong)
        with pytest.raises(AuditError, match=": its intervals add up to ") as raised:
            twin.run(scenario, out="out")
        intervals_wh, sessions_wh = map(float, re.findall(r"([\d.]+) Wh", str(raised.value)))
        assert intervals_wh - sessions_wh == pytest.approx(0.25)
        assert str(raised.value).startswith(f"{twin.open_run('out').evses[3]['id']}: ")

    def test_a_session_that_tells_more_than_its_intervals_stops_the_run(
        self, hello: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A tenth of a watt-hour more out of the connector and into the battery: the session alone balances."""
        from twin.world.stations.simulated import SimulatedStations

        honest = SimulatedStations.session_truth

        def wrong(self: SimulatedStations, row: int) -> Any:
            truth = honest(self, row)
            return truth._replace(battery_wh=truth.battery_wh + 0.1, delivered_wh=truth.delivered_wh + 0.1)

        monkeypatch.setattr(SimulatedStations, "session_truth", wrong)
        with pytest.raises(
            AuditError, match=r"^wallbox/1: its intervals add up to [\d.]+ Wh, but its sessions"
        ):
            twin.run(twin.load(hello), out="out")

    def test_a_power_flow_with_other_evses_stops_the_run(
        self, street: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The solver is given 1 W more at one EVSE; its own balance is right."""
        from twin.engine import run as module

        honest = module._TimedGrid.solve

        def wrong(self: Any, start_s: float, end_s: float, evse_w: Any, /) -> Any:
            more = evse_w.copy()
            more[2] += 1.0
            return honest(self, start_s, end_s, more)

        monkeypatch.setattr(module._TimedGrid, "solve", wrong)
        with pytest.raises(AuditError) as raised:
            twin.run(twin.load(street), out="out")
        assert str(raised.value) == (
            "power flow at t=900 s: it was solved with 1.000000 W of EVSEs, but since t=0 s they took 0.000000 W"
        )

    def test_a_finished_run_tells_what_was_checked(self, street: Path) -> None:
        """Every session and every power flow, within the tolerances."""
        run = twin.run(twin.load(street), out="out")
        audit = run.manifest["audit"]
        assert audit["sessions"] == run.summary["sessions"] == 12
        assert audit["power_flows"] == 96
        assert audit["worst_session_error_wh"] < 1e-3
        assert audit["worst_feeder_error_relative"] < 1e-6
