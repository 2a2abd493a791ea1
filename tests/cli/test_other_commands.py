"""Every other command as it is typed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

import twin
from twin.control.strategies import registry
from twin.world.stations.catalogue import catalogue

Cli = Callable[..., Any]
ROOT = Path(__file__).parents[2]
SCENARIOS = ROOT / "scenarios"


@pytest.fixture
def runs(cli: Cli, street: Path) -> list[str]:
    """Two finished runs without reports."""
    for out, options in {"plain": (), "managed": ("--override", "guarded")}.items():
        assert cli("run", street, "--out", out, "--no-report", *options).code == 0
    return ["plain", "managed"]


class TestValidate:
    @pytest.mark.parametrize(
        ("name", "size"),
        [
            ("00-hello", "1 site, 1 EVSE, 7 days"),
            ("10-street", "1 site, 99 EVSEs, 7 days"),
            ("20-workplace", "1 site, 54 EVSEs, 5 days"),
        ],
    )
    def test_it_says_what_it_has_seen(self, cli: Cli, name: str, size: str) -> None:
        """Sites, EVSEs and days: enough to notice a wrong file."""
        assert cli("validate", SCENARIOS / f"{name}.yaml") == (0, f"{name}.yaml: ok, {size}\n", "")

    def test_it_writes_nothing(self, cli: Cli, place: Path, street: Path) -> None:
        """Checking is not running."""
        assert cli("validate", street, "--override", "guarded", "--set", "days=2").code == 0
        assert [path.name for path in place.iterdir()] == ["street.yaml"]


class TestReportAndCompare:
    def test_a_report_is_written_again(self, cli: Cli, runs: list[str]) -> None:
        """Into the run's folder, or where one wants it."""
        assert cli("report", "plain") == (0, "report: plain/report.html\n", "")
        assert cli("report", "plain", "--out", "pages/a.html") == (0, "report: pages/a.html\n", "")
        assert Path("plain/report.html").read_bytes() == Path("pages/a.html").read_bytes()

    def test_runs_stand_beside_each_other(self, cli: Cli, runs: list[str]) -> None:
        """One page with both names."""
        assert cli("compare", *runs) == (0, "comparison: results/comparison.html\n", "")
        page = Path("results/comparison.html").read_text()
        assert "plain" in page
        assert "managed" in page

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (("report", "none"), "none: there is no such folder; name the run folder that `twin run` printed"),
            (("report", "data"), "data: holds no run (manifest.json is missing); name the folder that `twin run` printed"),
            (("report", "results"), "results: is a folder of runs; name one of them: hello, hello-2"),
            (("report", "sweep"), "sweep: is a folder of runs; name one of them: hello/seed-1, hello/seed-2"),
            (("compare", "results/hello"), "compare needs two or more run folders: twin compare RUN RUN"),
            (("compare", "results/hello", "none"), "none: there is no such folder; name the run folder that `twin run` printed"),
            (("report", "results/hello", "--out", "hello.yaml/a.html"), "hello.yaml/a.html: cannot be written (File exists); name another place for the page"),
        ],
    )  # fmt: skip
    def test_what_is_no_run_is_told(
        self, cli: Cli, place: Path, hello: Path, arguments: tuple[str, ...], said: str
    ) -> None:
        """With what would be right; nothing is written."""
        (place / "data").mkdir()
        assert cli("run", hello, "--no-report").code == 0
        for run in ("results/hello-2", "sweep/hello/seed-1", "sweep/hello/seed-2"):
            (place / run).mkdir(parents=True)
            (place / run / "manifest.json").write_text('{"format": 1}')
        before = sorted(place.rglob("*"))
        assert cli(*arguments) == (2, "", f"{said}\n")
        assert sorted(place.rglob("*")) == before


class TestLists:
    def test_strategies_come_with_their_options(self, cli: Cli) -> None:
        """Every registered one, with every option."""
        told = cli("strategies")
        assert (told.code, told.err) == (0, "")
        heads = [line.split(":")[0] for line in told.out.splitlines() if line and not line.startswith(" ")]
        assert heads == sorted(registry.names())
        assert "turn_min (a number, default 15.0)" in told.out

    def test_one_that_is_broken_does_not_hide_the_others(
        self, cli: Cli, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Somebody else's package: named at the end, exit code 2, with all the others on stdout."""
        points = dict(registry._entry_points())
        whole = cli("strategies").out
        for name, value in (("aaa", "no_such_package:Plan"), ("zzz", "json:dumps")):
            points[name] = EntryPoint(name, value, registry.GROUP)
        monkeypatch.setattr(registry, "_entry_points", lambda: points)
        assert cli("strategies") == (
            2,
            whole,
            (
                "strategy 'aaa': no_such_package:Plan cannot be loaded: No module named 'no_such_package'\n"
                "strategy 'zzz': json:dumps is not a dataclass with a method `plan`\n"
            ),
        )

    def test_vehicles_come_with_their_figures(self, cli: Cli) -> None:
        """One line each."""
        told = cli("vehicles")
        assert (told.code, told.err) == (0, "")
        assert [line.split()[0] for line in told.out.splitlines()[1:]] == list(catalogue())
        zoe = next(line for line in told.out.splitlines() if line.startswith("renault-zoe-ze50"))
        assert zoe.split() == ["renault-zoe-ze50", "52.0", "3", "x", "22.0", "kW", "46"]

    def test_the_schema_is_the_one_that_is_shipped(self, cli: Cli) -> None:
        """`twin schema > scenarios/schema.json` changes nothing."""
        told = cli("schema")
        assert (told.code, told.err) == (0, "")
        assert told.out == (SCENARIOS / "schema.json").read_text()


class TestDoctor:
    def test_a_healthy_machine(self, cli: Cli) -> None:
        """Every line says ok."""
        told = cli("doctor")
        assert told.code == 0
        assert told.out.startswith("Python 3.")
        assert all(line.startswith("ok ") for line in told.out.splitlines()[1:])

    def test_a_missing_package(self, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
        """It is named, the rest is still examined, and the exit code is 2."""
        from twin.cli import doctor

        monkeypatch.setattr(doctor, "_PACKAGES", ("numpy", "no_such_package"))
        told = cli("doctor")
        assert told.code == 2
        assert "missing  no_such_package: No module named 'no_such_package'\n" in told.out
        assert "ok       compiled code: " in told.out


class TestImportSessions:
    GOOD = "1,depot,gate/1,anna,2016-01-18T08:00:00+01:00,2016-01-18T10:00:00+01:00,5.0,vw-id3-pro\n"
    BAD = (
        "2,depot,gate/1,bert,2016-01-18T12:00:00+01:00,2016-01-18T11:00:00+01:00,5.0,vw-id3-pro\n"
        "3,depot,gate/1,carl,2016-01-18T13:00:00+01:00,2016-01-18T14:00:00+01:00,-5.0,vw-id3-pro\n"
    )
    REFUSED = (
        "data/log.csv:3: departure: 2016-01-18T10:00Z is before the arrival 2016-01-18T11:00Z\n"
        "data/log.csv:4: energy_kwh: -5 is negative, expected > 0\n"
    )

    @pytest.fixture
    def log(self, depot: Path) -> Path:
        """One session and two rows that are none."""
        head = Path("data/sessions.csv").read_text().splitlines(keepends=True)[0]
        Path("data/log.csv").write_text(head + self.GOOD + self.BAD)
        return Path("data/log.csv")

    def test_refused_rows_are_named_and_the_rest_is_kept(self, cli: Cli, log: Path) -> None:
        """Line and reason on stderr; the count on stdout; exit code 0; the result can be replayed."""
        told = cli("import", "sessions", log, "clean.csv")
        assert told.code == 0
        assert told.err == self.REFUSED
        assert told.out.splitlines()[0] == "log.csv: 1 of 3 rows are sessions (twin)"
        assert told.out.splitlines()[-1] == "sessions: clean.csv"
        shutil.move("clean.csv", "data/sessions.csv")
        assert cli("run", "depot.yaml", "--out", "out", "--no-report").code == 0
        assert twin.open_run("out").summary["sessions"] == 1

    def test_strict_writes_nothing(self, cli: Cli, log: Path) -> None:
        """The same lines, exit code 2."""
        assert cli("import", "sessions", log, "clean.csv", "--strict") == (2, "", self.REFUSED)
        assert not Path("clean.csv").exists()

    def test_strict_takes_what_is_clean(self, cli: Cli, depot: Path) -> None:
        """Nothing refused, nothing to complain."""
        told = cli("import", "sessions", "data/sessions.csv", "clean.csv", "--strict")
        assert (told.code, told.err) == (0, "")

    def test_the_recording_is_never_overwritten(self, cli: Cli, log: Path) -> None:
        """By whatever name it is called, not even with --force."""
        before = log.read_bytes()
        Path("link.csv").symlink_to(log)
        for name in (str(log), "link.csv"):
            said = f"{name}: is the recording itself; name another file to write\n"
            assert cli("import", "sessions", log, name) == (2, "", said)
            assert cli("import", "sessions", log, name, "--force") == (2, "", said)
        assert log.read_bytes() == before

    def test_another_file_is_replaced_with_force_only(self, cli: Cli, log: Path) -> None:
        """The message names the option."""
        target = Path("clean.csv")
        target.write_text("mine")
        said = "clean.csv: is there already; name another file, or replace it with --force\n"
        assert cli("import", "sessions", log, target) == (2, "", said)
        assert target.read_text() == "mine"
        assert cli("import", "sessions", log, target, "--force").code == 0
        assert target.read_text().count("\n") == 2

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (("none.csv", "clean.csv"), "none.csv: cannot be read: No such file or directory"),
            (("data/log.csv", "depot.yaml/clean.csv"), "depot.yaml/clean.csv: cannot be written (Not a directory); make room there or name another file"),
            (("data/log.csv", "clean.csv", "--format", "ocpp"), "data/log.csv: unknown format `ocpp`, expected auto, twin, acn, residential-norway"),
            (("data/log.csv", "clean.csv", "--time-zone", "Europe/Berlim"), "data/log.csv: time zone `Europe/Berlim` is unknown, expected for example Europe/Berlin"),
        ],
    )  # fmt: skip
    def test_what_cannot_be_done_is_told(
        self, cli: Cli, place: Path, log: Path, arguments: tuple[str, ...], said: str
    ) -> None:
        """And nothing is written."""
        before = sorted(place.rglob("*"))
        told = cli("import", "sessions", *arguments)
        assert told.code == 2
        assert told.err.splitlines()[-1] == said
        assert sorted(place.rglob("*")) == before


class TestShippedScenarios:
    """Each kind of scenario that comes with the twin, for a day."""

    def summary(self, cli: Cli, name: str, *options: str) -> dict[str, Any]:
        """Run a scenario for a day."""
        told = cli("run", SCENARIOS / f"{name}.yaml", "--set", "days=1", "--json", "--no-report", *options)
        assert told.code == 0
        found: dict[str, Any] = json.loads(told.out)
        return found

    def test_the_workplace(self, cli: Cli) -> None:
        """54 EVSEs: nearly everybody is served on a Monday, within the transformer's 150 kW."""
        figures = self.summary(cli, "20-workplace")
        assert figures["evses"] == 54
        assert figures["sessions"] > 40
        assert figures["served_share"] > 0.9
        assert figures["ev_peak_kw"] < 150
        assert figures["currency"] == "USD"

    @pytest.mark.parametrize("options", [(), ("--override", "managed")], ids=["plain", "managed"])
    def test_the_replay(self, cli: Cli, options: tuple[str, ...]) -> None:
        """Eight recorded sessions of the first day, 160.2 kWh in all, whoever decides."""
        figures = self.summary(cli, "30-replay", *options)
        assert figures["visits"] == 8
        assert figures["energy_requested_kwh"] == pytest.approx(160.2)
        assert figures["served_share"] == pytest.approx(1.0)

    def test_faults(self, cli: Cli, hello: Path) -> None:
        """A wallbox that is out of order all day: nobody is served; the events say why."""
        fault = "{kind: outage, evses: [wallbox/1], from: 2016-01-18T00:00:00+01:00, until: 2016-01-19T00:00:00+01:00}"
        assert cli("run", hello, "--set", f"faults=[{fault}]", "--out", "out", "--no-report").code == 0
        run = twin.open_run("out")
        assert run.summary["energy_delivered_kwh"] == 0.0
        assert run.summary["energy_requested_kwh"] > 0.0
        assert "fault" in run.events.to_pandas()["kind"].tolist()
