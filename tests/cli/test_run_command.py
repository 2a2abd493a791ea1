"""`twin run` and `twin sweep` as a planner types them."""

from __future__ import annotations

import json
import os
import pty
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import twin

Cli = Callable[..., Any]
Tables = Callable[[Path | str], dict[str, bytes]]


class TestOneRun:
    def test_people_read_stderr(self, cli: Cli, hello: Path) -> None:
        """How it went, where the tables are, where the report is; stdout stays empty."""
        told = cli("run", hello)
        assert told.code == 0
        assert told.out == ""
        how, where, report = told.err.splitlines()
        assert how == (
            "2 sessions, 21 kWh delivered (100.0 % of what was wanted), peak 11.0 kW, 0 violations in 0 minutes"
        )
        assert (where, report) == ("run: results/hello", "report: results/hello/report.html")
        assert Path("results/hello/report.html").read_text().startswith("<!doctype html>")

    def test_programs_read_stdout(self, cli: Cli, street: Path) -> None:
        """With --json it is the summary and nothing else, though pandapower and matplotlib were busy."""
        told = cli("run", street, "--out", "out", "--json")
        assert told.code == 0
        assert json.loads(told.out) == twin.open_run("out").summary
        assert told.err.splitlines()[-1] == "report: out/report.html"

    def test_without_a_report(self, cli: Cli, hello: Path) -> None:
        """Tables only."""
        told = cli("run", hello, "--out", "out", "--no-report")
        assert told.err.splitlines()[1:] == ["run: out"]
        assert not Path("out/report.html").exists()

    def test_a_folder_by_default_never_replaces_another(self, cli: Cli, hello: Path) -> None:
        """A number is put behind the name."""
        places = [cli("run", hello, "--no-report").err.splitlines()[-1] for _ in range(2)]
        assert places == ["run: results/hello", "run: results/hello-2"]

    def test_names_are_printed_as_they_are(self, cli: Cli, hello: Path) -> None:
        """Brackets are no markup, and long names are not broken."""
        name = f"a[bold]b/{'long' * 40}"
        assert cli("run", hello, "--out", name, "--no-report").err.splitlines()[-1] == f"run: {name}"

    def test_settings_overrides_and_seed_reach_the_run(self, cli: Cli, street: Path) -> None:
        """In this order; what is said last wins."""
        options = ("--override", "guarded", "--set", "strategy=round-robin", "--set", "seed=3", "--seed", "4")
        assert cli("run", street, "--out", "out", "--no-report", *options).code == 0
        manifest = twin.open_run("out").manifest
        assert (manifest["strategy"], manifest["guarded"], manifest["seed"]) == ("round-robin", True, 4)

    def test_violations_exit_with_1_if_wanted(self, cli: Cli, street: Path) -> None:
        """And with 0 otherwise, and without violations in any case."""
        weak = ("--override", "weak", "--no-report")
        told = cli("run", street, "--out", "weak", *weak, "--fail-on-violation", "--json")
        assert told.code == 1
        assert json.loads(told.out)["violations"] > 0
        assert cli("run", street, "--out", "weak2", *weak).code == 0
        kept = (
            "--set",
            "strategy=equal-share",
        )  # the site's fuse, which nobody keeps without load management
        assert cli("run", street, *kept, "--out", "strong", "--no-report", "--fail-on-violation").code == 0

    def test_toml_is_a_scenario_too(self, cli: Cli, place: Path, hello: Path, tables: Tables) -> None:
        """The same scenario in the other language: the same tables."""
        (place / "toml.toml").write_text(
            "start = 2016-01-18T00:00:00+01:00\n"
            'days = 1\ntime_zone = "Europe/Berlin"\n'
            'tariffs.household = {currency = "EUR", price_per_kwh = "0.32"}\n'
            "sites.home.stations.list.wallbox.max_a = 16\n"
            'drivers.family = {archetype = "home", demand = {fitted = "residential-norway", visits_per_week = 7}}\n'
        )
        assert cli("run", "toml.toml", "--out", "toml", "--no-report").code == 0
        cli("run", hello, "--out", "yaml", "--no-report")
        assert tables("toml") == tables("yaml")


class TestManySeeds:
    def test_a_sweep_has_a_folder_a_report_and_intervals(self, cli: Cli, street: Path) -> None:
        """One run folder per seed, one page about all of them."""
        told = cli("run", street, "--seeds", "2", "--workers", "1", "--override", "weak", "--json")
        assert told.code == 0
        assert told.err.splitlines() == [
            "2 seeds, 2 of them with violations",
            "sweep: results/street-seeds",
            "report: results/street-seeds/report.html",
        ]
        statistics = json.loads(told.out)
        assert (statistics["seeds"], statistics["seeds_with_violations"]) == ([1, 2], 2)
        assert statistics["intervals"]["peak_kw"]["n"] == 2
        assert "<h1>street</h1>" in Path("results/street-seeds/report.html").read_text()

    def test_the_same_command_goes_on(self, cli: Cli, hello: Path) -> None:
        """Finished runs are not done again."""
        command = (
            "run",
            hello,
            "--seeds",
            "2",
            "--workers",
            "1",
            "--seed",
            "7",
            "--out",
            "out",
            "--no-report",
        )
        assert cli(*command).code == 0
        first = Path("out/hello/seed-7/manifest.json")
        before = first.read_bytes()
        shutil.rmtree("out/hello/seed-8")
        assert cli(*command).code == 0
        assert first.read_bytes() == before
        assert twin.open_run("out/hello/seed-8").outcome == "finished"

    def test_another_state_of_the_file_is_not_mixed_in(self, cli: Cli, hello: Path) -> None:
        """Unless everything is replaced."""
        command = ("run", hello, "--seeds", "2", "--workers", "1", "--out", "out", "--no-report")
        assert cli(*command).code == 0
        told = cli(*command, "--set", "days=2")
        assert told.code == 2
        assert told.err == (
            "out/hello/seed-1: holds a run of another scenario or another state of this file; "
            "name another folder, or replace it with --force\n"
        )
        assert cli(*command, "--set", "days=2", "--force").code == 0

    def test_violations_exit_with_1_if_wanted(self, cli: Cli, street: Path) -> None:
        """In any of the seeds."""
        command = ("run", street, "--seeds", "2", "--workers", "1", "--no-report", "--fail-on-violation")
        assert cli(*command, "--override", "weak", "--out", "weak").code == 1
        assert cli(*command, "--set", "strategy=equal-share", "--out", "strong").code == 0

    def test_several_scenarios_on_the_same_seeds(self, cli: Cli, hello: Path, place: Path) -> None:
        """`twin sweep A B`: one page, figures of each."""
        (place / "half.yaml").write_text(
            "extends: hello.yaml\nsites: {home: {stations: {list: {wallbox: {max_a: 8}}}}}\n"
        )
        told = cli("sweep", hello, "half.yaml", "--seeds", "2", "--workers", "1", "--out", "out", "--json")
        assert told.code == 0
        assert sorted(json.loads(told.out)) == ["half", "hello"]
        assert told.err.splitlines() == [
            "hello: 2 seeds, 0 of them with violations",
            "half: 2 seeds, 0 of them with violations",
            "sweep: out",
            "report: out/report.html",
        ]


class TestProgress:
    @pytest.fixture
    def terminal(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any]], str]:
        """Do something with a terminal as stderr; return what was shown on it."""

        def show(work: Callable[[], Any]) -> str:
            reader, writer = pty.openpty()
            with os.fdopen(writer, "w") as stderr:
                monkeypatch.setenv("TERM", "xterm")
                monkeypatch.setattr(sys, "stderr", stderr)
                work()
                stderr.flush()
                os.set_blocking(reader, False)
                shown = b""
                while True:
                    try:
                        shown += os.read(reader, 65_536)
                    except BlockingIOError:
                        break
            os.close(reader)
            return shown.decode()

        return show

    def test_a_terminal_shows_a_bar(self, cli: Cli, hello: Path, terminal: Any) -> None:
        """Simulated time and speed, sessions, violations; then the line is free again."""
        shown = terminal(lambda: cli("run", hello, "--out", "out", "--no-report", "--set", "days=20"))
        assert "day 20.0/20" in shown
        assert "sessions" in shown
        assert "violations" in shown
        assert shown.rstrip().endswith("run: out")

    def test_a_sweep_counts_its_runs(self, cli: Cli, hello: Path, terminal: Any) -> None:
        """Two of two."""
        command = ("run", hello, "--out", "out", "--no-report", "--seeds", "2", "--workers", "1")
        assert "2/2" in terminal(lambda: cli(*command))

    def test_a_file_gets_no_bar(self, cli: Cli, hello: Path) -> None:
        """Nor does a log: no escape sequence is in it."""
        told = cli("run", hello, "--out", "out", "--no-report")
        assert "day" not in told.err
        assert "\x1b" not in told.err
