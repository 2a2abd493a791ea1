"""Many runs: the same whatever runs them, and never lost."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import twin
from twin.errors import SettingsError

Tables = Callable[[Path | str], dict[str, bytes]]


def manifests(folder: str) -> dict[str, bytes]:
    """Every manifest below a folder: a run that was done again has another one."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(Path(folder).rglob("manifest.json"))}


def changed(before: dict[str, bytes], after: dict[str, bytes]) -> set[str]:
    """Folders of the runs whose manifest is another one."""
    return {str(Path(name).parent) for name in after if before.get(name) != after[name]}


class TestSeeds:
    def test_they_count_up_from_the_scenarios_own(self, hello: Path) -> None:
        """Three seeds from 5 on; each has its folder."""
        done = twin.sweep([twin.load(hello, settings=["seed=5"])], "out", seeds=3, workers=1)
        assert [run.manifest["seed"] for run in done.runs] == [5, 6, 7]
        assert [str(run.path) for run in done.runs] == [f"out/hello/seed-{seed}" for seed in (5, 6, 7)]

    def test_they_can_be_named(self, hello: Path) -> None:
        """Any seeds, in any order."""
        done = twin.sweep([twin.load(hello)], "out", seeds=[9, 4], workers=1)
        assert [run.manifest["seed"] for run in done.of("hello")] == [9, 4]

    def test_a_run_of_a_sweep_is_the_run_of_that_seed(self, hello: Path, tables: Tables) -> None:
        """Not one byte differs from `twin run --seed 2`."""
        twin.sweep([twin.load(hello)], "out", seeds=2, workers=1)
        twin.run(twin.load(hello, settings=["seed=2"]), out="alone")
        assert tables("out/hello/seed-2") == tables("alone")

    def test_scenarios_meet_the_same_drivers(self, hello: Path) -> None:
        """Two scenarios, two seeds: four runs, in pairs."""
        (Path("half.yaml")).write_text(
            "extends: hello.yaml\nsites: {home: {stations: {list: {wallbox: {max_a: 8}}}}}\n"
        )
        done = twin.sweep([twin.load(hello), twin.load("half.yaml")], "out", seeds=2, workers=1)
        assert len(done.runs) == 4
        for full, half in zip(done.of("hello"), done.of("half"), strict=True):
            assert full.sessions.to_arrow(["arrival_s"]) == half.sessions.to_arrow(["arrival_s"])

    def test_statistics_are_plain_and_kept(self, street: Path) -> None:
        """In `sweep.json`, one section per scenario."""
        done = twin.sweep([twin.load(street, override=["weak"])], "out", seeds=2, workers=1)
        statistics = done.statistics("street")
        assert statistics["seeds"] == [1, 2]
        assert statistics["seeds_with_violations"] == 2
        assert statistics["share_with_violations"]["mean"] == 1.0
        peaks = [run.summary["peak_kw"] for run in done.runs]
        assert statistics["intervals"]["peak_kw"]["mean"] == pytest.approx(sum(peaks) / 2)
        assert json.loads(Path("out/sweep.json").read_text()) == {"street": statistics}


class TestResuming:
    def test_a_missing_run_is_done_and_no_other(self, hello: Path, tables: Tables) -> None:
        """One of three run folders was deleted: its tables come back as they were."""
        scenario = twin.load(hello)
        twin.sweep([scenario], "out", seeds=3, workers=1)
        before, wanted = manifests("out"), tables("out")
        for path in sorted(Path("out/hello/seed-2").rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        told: list[int] = []
        twin.sweep([scenario], "out", seeds=3, workers=1, on_run=lambda: told.append(1))
        assert changed(before, manifests("out")) == {"hello/seed-2"}
        assert tables("out") == wanted
        assert len(told) == 3

    def test_a_run_that_was_cut_off_is_done_again(self, hello: Path) -> None:
        """Its manifest says `running`: nobody knows how far it was."""
        scenario = twin.load(hello)
        twin.sweep([scenario], "out", seeds=2, workers=1)
        cut = Path("out/hello/seed-1/manifest.json")
        cut.write_text(cut.read_text().replace('"finished"', '"running"'))
        before = manifests("out")
        twin.sweep([scenario], "out", seeds=2, workers=1)
        assert changed(before, manifests("out")) == {"hello/seed-1"}

    def test_more_seeds_keep_those_that_are_there(self, hello: Path) -> None:
        """Two seeds, then three."""
        scenario = twin.load(hello)
        twin.sweep([scenario], "out", seeds=2, workers=1)
        before = manifests("out")
        done = twin.sweep([scenario], "out", seeds=3, workers=1)
        assert changed(before, manifests("out")) == {"hello/seed-3"}
        assert len(done.runs) == 3

    def test_force_does_everything_again(self, hello: Path) -> None:
        """For the results of another version."""
        scenario = twin.load(hello)
        twin.sweep([scenario], "out", seeds=2, workers=1)
        before = manifests("out")
        twin.sweep([scenario], "out", seeds=2, workers=1, force=True)
        assert changed(before, manifests("out")) == {"hello/seed-1", "hello/seed-2"}

    def test_runs_of_another_scenario_are_not_mixed_in(self, hello: Path) -> None:
        """The file has changed since: nothing is run, nothing replaced."""
        twin.sweep([twin.load(hello)], "out", seeds=1, workers=1)
        before = manifests("out")
        other = twin.load(hello, settings=["days=2"])
        said = (
            "^out/hello/seed-1: holds a run of another scenario or another state of this file; "
            "name another folder, or replace it with --force$"
        )
        with pytest.raises(SettingsError, match=said):
            twin.sweep([other], "out", seeds=2, workers=1)
        assert manifests("out") == before

    def test_two_scenarios_of_one_name_are_refused(self, hello: Path) -> None:
        """They would share their folders."""
        scenario = twin.load(hello)
        said = "^scenarios of a sweep need different names, got hello, hello$"
        with pytest.raises(SettingsError, match=said):
            twin.sweep([scenario, scenario], "out")
        assert not Path("out").exists()


class TestWorkers:
    def test_their_number_does_not_matter(self, street: Path, depot: Path, tables: Tables) -> None:
        """A feeder and a replayed file, two seeds: in this process and in two others, every byte."""
        scenarios = [twin.load(street, override=["guarded"]), twin.load(depot)]
        twin.sweep(scenarios, "one", seeds=2, workers=1)
        twin.sweep(scenarios, "two", seeds=2, workers=2)
        assert len(tables("one")) > 36
        assert tables("one") == tables("two")

    def test_any_executor_will_do(self, hello: Path, tables: Tables) -> None:
        """A cluster's client, or threads."""
        with ThreadPoolExecutor(1) as executor:
            twin.sweep([twin.load(hello)], "out", seeds=2, executor=executor)
        twin.sweep([twin.load(hello)], "here", seeds=2, workers=1)
        assert tables("out") == tables("here")

    def test_what_a_worker_finds_wrong_is_told_as_it_is(self, depot: Path, place: Path) -> None:
        """A row that ends before it begins: the same error as without workers, and no folder."""
        file = Path("data/sessions.csv")
        file.write_text(file.read_text().replace("18T11:00", "18T08:30"))
        with pytest.raises(twin.ScenarioError) as told:
            twin.sweep([twin.load(depot)], "out", seeds=2, workers=2)
        assert str(told.value) == (
            "data/sessions.csv:3: departure: 2016-01-18T07:30Z is before the arrival 2016-01-18T08:00Z"
        )
        assert not (place / "out").exists()

    def test_a_killed_worker_is_told_and_the_rest_is_kept(self, hello: Path, long: Path) -> None:
        """As the kernel does when memory is full: what was finished is there when the sweep goes on."""

        def kill() -> None:
            while not (
                Path("out/hello/seed-1/summary.json").exists()
                and Path("out/long/seed-1/manifest.json").exists()
            ):
                time.sleep(0.02)
            for child in multiprocessing.active_children():
                os.kill(child.pid or 0, signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        said = (
            r"^a worker process was killed \(is the memory full\?\); finished runs are kept: "
            "start the same command again, perhaps with fewer --workers$"
        )
        with pytest.raises(SettingsError, match=said):
            twin.sweep([twin.load(hello), twin.load(long)], "out", seeds=1, workers=2)
        killer.join()
        assert twin.open_run("out/hello/seed-1").outcome == "finished"
        assert twin.open_run("out/long/seed-1").outcome == "running"

    def test_an_interruption_ends_the_workers(self, hello: Path, long: Path) -> None:
        """After the first finished run: nobody goes on in the background."""

        def stop() -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt) as told:
            twin.sweep([twin.load(hello), twin.load(long)], "out", seeds=1, workers=2, on_run=stop)
        assert told.value.__notes__ == ["out: finished runs are kept; the same command goes on from there"]
        assert multiprocessing.active_children() == []
        assert twin.open_run("out/hello/seed-1").outcome == "finished"
        assert not Path("out/long/seed-1/summary.json").exists()
