"""Input that cannot be used: one clear error on stderr, exit code 2, and nothing is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., Any]
Edit = tuple[str, str]

RUN = "2016-01-18T00:00:00+01:00 to 2016-01-19T00:00:00+01:00"
CSV = ("{source: constant, scale: 0.5}", "{source: csv, file: base.csv}")
HEAD = "time,total_kw\n2016-01-18T00:00:00+01:00,5\n"
BROKEN_ROWS = """\
session,site,evse,driver,arrival,departure,energy_kwh,vehicle
1,depot,gate/1,anna,2016-01-18T08:00:00+01:00,2016-01-18T10:00:00+01:00,5,vw-id3-pro
2,depot,gate/1,bert,2016-01-18T09:00:00+01:00,2016-01-18T11:00:00+01:00,5,vw-id3-pro
3,depot,gate/2,carl,2016-01-18T12:00:00+01:00,2016-01-18T11:00:00+01:00,5,vw-id3-pro
4,depot,gate/2,dora,2016-01-18T12:00:00+01:00,2016-01-18T13:00:00+01:00,-5,vw-id3-pro
5,depot,gate/2,dora,2016-01-18T13:00:00+01:00,2016-01-18T14:00:00+01:00,500,vw-id3-pro
6,depot,gate/2,dora,2016-01-18T15:00:00+01:00,2016-01-18T16:00:00+01:00,5,vw-id33-pro
7,depot,gate/2,dora,2016-03-27T02:30:00,2016-03-27T05:00:00,5,vw-id3-pro
"""


@pytest.fixture
def texts(hello: Path, street: Path, depot: Path) -> Mapping[str, str]:
    """Scenarios that are fine, to be spoilt."""
    return {path.stem: path.read_text() for path in (hello, street, depot)}


def files(place: Path) -> dict[str, bytes]:
    """Everything there is."""
    return {str(p.relative_to(place)): p.read_bytes() if p.is_file() else b"" for p in place.rglob("*")}


def refused(cli: Cli, place: Path, *arguments: str) -> str:
    """Run a command that must fail as unusable input, without a trace; return what it said."""
    before = files(place)
    told = cli(*arguments)
    assert told.code == 2
    assert told.out == ""
    assert "Traceback" not in told.err
    assert files(place) == before
    said: str = told.err
    return said


# Name: (scenario, what is changed in it, what is said).
SPOILT: dict[str, tuple[str, Edit, str]] = {
    "a broken YAML line": (
        "hello",
        ("days: 1\n", "days: 1\nseed: 1: 2\n"),
        "s.yaml:4: broken YAML: mapping values are not allowed here",
    ),
    "an unknown key": (
        "hello",
        ("max_a", "max_amps"),
        "s.yaml:6: sites.home.stations.list.wallbox.max_amps: unknown key, did you mean `max_a`?",
    ),
    "a bus that does not exist": (
        "street",
        ("{each_load: {max_a: 16, group: main}}", "{list: {a: {bus: bus_1_0}}}"),
        "s.yaml:13: sites.street.stations.list.a.bus: the grid has no bus `bus_1_0`, did you mean `bus_1_10`?",
    ),
    "a time without an offset": (
        "hello",
        ("+01:00", ""),
        "s.yaml:2: start: `2016-01-18T00:00:00` has no UTC offset; write `2016-01-18T00:00:00+01:00`",
    ),
    "a time that the clocks skip": (
        "hello",
        ("2016-01-18T00:00", "2016-03-27T02:30"),
        (
            "s.yaml:2: start: `2016-03-27T02:30:00+01:00`: 02:30 does not exist on 2016-03-27 in Europe/Berlin: "
            "clocks go from 02:00 to 03:00; this instant is `2016-03-27T03:30:00+02:00`"
        ),
    ),
    "a vehicle that is not in the catalogue": (
        "hello",
        ("tariffs:", "vehicles: {mix: {vw-id33-pro: 1}}\ntariffs:"),
        (
            "s.yaml:5: vehicles.mix.vw-id33-pro: no vehicle `vw-id33-pro` in the catalogue, "
            "did you mean `vw-id3-pro`?"
        ),
    ),
    "a scenario with no station": (
        "hello",
        ("{wallbox: {max_a: 16}}", "{}"),
        (
            "s.yaml:6: sites.home.stations: no station; "
            "give a site `stations: {list: {..}}`, a `table` or `each_load`"
        ),
    ),
    "two problems at once": (
        "hello",
        ("days: 1\n", "days: 0\nstrategy: round-robbin\n"),
        (
            "s.yaml:3: days: must be above 0, got 0\n"
            "s.yaml:4: strategy: no strategy `round-robbin`, did you mean `round-robin`?"
        ),
    ),
}


@pytest.mark.parametrize("name", SPOILT)
def test_a_spoilt_scenario_is_refused(cli: Cli, place: Path, texts: Mapping[str, str], name: str) -> None:
    """`validate` and `run` say the same, and a run leaves no folder behind."""
    base, (old, new), said = SPOILT[name]
    assert old in texts[base]
    (place / "s.yaml").write_text(texts[base].replace(old, new))
    assert refused(cli, place, "validate", "s.yaml") == f"{said}\n"
    assert refused(cli, place, "run", "s.yaml", "--out", "out") == f"{said}\n"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("strret.yaml", "strret.yaml: no such file, did you mean `street.yaml`?"),
        ("none/s.yaml", "none/s.yaml: no such file; there is no folder none"),
        ("hello.yaml/s.yaml", "hello.yaml/s.yaml: cannot be read: Not a directory"),
        ("/proc/self/mem", "/proc/self/mem: cannot be read: Input/output error"),
        ("folder", "folder: a folder, not a file; known: `a.yaml`"),
        ("latin.yaml", "latin.yaml:2: byte 0xdf is not UTF-8; save the file as UTF-8"),
        ("empty.yaml", "empty.yaml: empty file; a scenario needs at least `start`, `days`, `sites` and `drivers`"),
        ("broken.toml", "broken.toml:2: broken TOML: `seed` has no value; write one behind the `=`, or delete the line"),
        ("nul.yaml", "nul.yaml:2: the character U+0000 cannot stand in YAML; delete it"),
        ("unclear.toml", "unclear.toml:1: day: unknown key, did you mean `days`?"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_refused(
    cli: Cli, place: Path, texts: Mapping[str, str], given: str, said: str
) -> None:
    """Missing, no file, not readable, not UTF-8, empty, broken."""
    (place / "folder").mkdir()
    (place / "folder" / "a.yaml").touch()
    (place / "latin.yaml").write_bytes(b"seed: 1\ndescription: Stra\xdfe\n")
    (place / "empty.yaml").touch()
    (place / "nul.yaml").write_bytes(b"seed: 1\ndescription: a\0b\n")
    (place / "broken.toml").write_text("days = 7\nseed =\n")
    (place / "unclear.toml").write_text("day = 7\n")
    for command in (("validate", given), ("run", given, "--out", "out")):
        assert said in refused(cli, place, *command).splitlines()


def test_profiles_of_another_year_are_refused(cli: Cli, place: Path, texts: Mapping[str, str]) -> None:
    """SimBench's are of 2016."""
    text = texts["street"].replace(
        "builtin: create_kerber_landnetz_freileitung_1", "simbench: 1-LV-rural1--0-sw"
    )
    text = text.replace(CSV[0], "{source: simbench}").replace("2016", "2017")
    (place / "s.yaml").write_text(text)
    said = (
        "s.yaml:2: start: shorter than the run: SimBench's profiles cover 2016-01-01T00:00:00+01:00 to "
        "2017-01-01T00:00:00+01:00, the run is 2017-01-18T00:00:00+01:00 to 2017-01-19T00:00:00+01:00\n"
    )
    assert refused(cli, place, "validate", "s.yaml") == said
    assert refused(cli, place, "run", "s.yaml", "--out", "out") == said


class TestWhatOnlyARunSees:
    """`validate` answers in under half a second: it does not read every row of every file."""

    def test_a_profile_that_is_shorter_than_the_run(
        self, cli: Cli, place: Path, texts: Mapping[str, str]
    ) -> None:
        """Two hours instead of a day."""
        (place / "s.yaml").write_text(texts["street"].replace(*CSV))
        (place / "base.csv").write_text(HEAD + "2016-01-18T01:00:00+01:00,5\n")
        assert refused(cli, place, "run", "s.yaml", "--out", "out") == (
            "s.yaml:8: grid.base_load.file: shorter than the run: base.csv covers 2016-01-18T00:00:00+01:00 to "
            f"2016-01-18T02:00:00+01:00, the run is {RUN}\n"
        )

    def test_a_row_of_a_profile_that_is_none(self, cli: Cli, place: Path, texts: Mapping[str, str]) -> None:
        """It shows when the feeder is built: the scenario itself is fine."""
        (place / "s.yaml").write_text(texts["street"].replace(CSV[0], "{source: csv, file: data/base.csv}"))
        rows = "2016-01-18T12:00:00+01:00,x\n2016-01-19T00:00:00+01:00,5\n"
        (place / "data" / "base.csv").write_text(HEAD + rows)
        assert cli("validate", "s.yaml").code == 0
        assert refused(cli, place, "run", "s.yaml", "--out", "out") == (
            "data/base.csv:3: `x` is not a power in kW\n"
        )

    def test_bad_rows_of_a_recording_all_at_once(self, cli: Cli, place: Path, depot: Path) -> None:
        """Overlap, departure before arrival, energies, a vehicle, a time without an offset."""
        (place / "data" / "sessions.csv").write_text(BROKEN_ROWS)
        assert cli("validate", depot).code == 0
        file = "data/sessions.csv"
        assert refused(cli, place, "run", "depot.yaml", "--out", "out").splitlines() == [
            (
                f"{file}:3: arrival: 2016-01-18T08:00Z is before 2016-01-18T09:00Z, when the stay of line 2 at the "
                "same EVSE `gate/1` ends"
            ),
            f"{file}:4: departure: 2016-01-18T10:00Z is before the arrival 2016-01-18T11:00Z",
            f"{file}:5: energy_kwh: -5 is negative, expected > 0",
            f"{file}:6: energy_kwh: 500 kWh in 60 min is 500.0 kW, more than 400 kW",
            f"{file}:7: vehicle: `vw-id33-pro` is not in the catalogue, did you mean `vw-id3-pro`?",
            f"{file}:8: arrival: `2016-03-27T02:30:00` has no offset, expected for example 2016-03-27T02:30:00+01:00",
        ]  # fmt: skip

    def test_bad_rows_are_told_from_worker_processes_too(self, cli: Cli, place: Path, depot: Path) -> None:
        """Over several seeds: once, not once per seed."""
        (place / "data" / "sessions.csv").write_text(BROKEN_ROWS)
        alone = refused(cli, place, "run", "depot.yaml", "--out", "out")
        assert refused(cli, place, "run", "depot.yaml", "--out", "out", "--seeds", "3") == alone

    def test_a_recording_that_is_gone(self, cli: Cli, place: Path, depot: Path) -> None:
        """Here already `validate` looks."""
        (place / "data" / "sessions.csv").unlink()
        said = "depot.yaml:6: drivers.recorded.file: data/sessions.csv: no such file\n"
        assert refused(cli, place, "validate", "depot.yaml") == said
        assert refused(cli, place, "run", "depot.yaml") == said


class TestPlacesThatCannotBeWritten:
    @pytest.mark.parametrize("seeds", [(), ("--seeds", "2", "--workers", "1")])
    def test_below_a_file(self, cli: Cli, place: Path, hello: Path, seeds: tuple[str, ...]) -> None:
        """No permission helps."""
        said = refused(cli, place, "run", "hello.yaml", "--out", "hello.yaml/out", *seeds)
        folder = "hello.yaml/out/hello/seed-1" if seeds else "hello.yaml/out"
        assert said == (
            f"{folder}: cannot be written (Not a directory); make room there or name another output folder\n"
        )

    def test_where_the_system_lets_nobody_write(self, cli: Cli, place: Path, hello: Path) -> None:
        """`/proc` takes no folders, not even from root."""
        assert refused(cli, place, "run", "hello.yaml", "--out", "/proc/out") == (
            "/proc/out: cannot be written (No such file or directory); "
            "make room there or name another output folder\n"
        )

    def test_a_file_in_the_way(self, cli: Cli, place: Path, hello: Path) -> None:
        """It stays as it is."""
        said = "hello.yaml: is a file; name another output folder\n"
        assert refused(cli, place, "run", "hello.yaml", "--out", "hello.yaml", "--force") == said

    def test_a_folder_of_something_else(self, cli: Cli, place: Path, depot: Path) -> None:
        """`--force` is no licence to delete what is no run."""
        said = "data: is not empty and holds no run; name another output folder\n"
        assert refused(cli, place, "run", "depot.yaml", "--out", "data", "--force") == said

    def test_a_run_that_is_there_already(self, cli: Cli, place: Path, hello: Path) -> None:
        """Unless it may be replaced."""
        assert cli("run", hello, "--out", "out", "--no-report").code == 0
        said = "out: holds a run already; name another output folder, or replace it with --force\n"
        assert refused(cli, place, "run", "hello.yaml", "--out", "out") == said
        assert cli("run", hello, "--out", "out", "--no-report", "--force").code == 0


class TestOptions:
    @pytest.mark.parametrize(
        ("options", "said"),
        [
            (("--set", "sed=3"), "--set: sed: unknown key, did you mean `seed`?"),
            (("--set", "days"), "--set: `days` is no `key=value`; write for example `--set days=2`"),
            (("--set", "days=-1"), "--set: days: must be above 0, got -1"),
            (("--override", "week"), "--override: unknown override `week`, did you mean `weak`?"),
            (("--seed", "9223372036854775808"), "--set: seed: must be below 9,223,372,036,854,775,808, got 9223372036854775808"),
        ],
    )  # fmt: skip
    def test_settings_are_checked_like_the_file(
        self, cli: Cli, place: Path, street: Path, options: tuple[str, str], said: str
    ) -> None:
        """They have no line, but their name."""
        assert refused(cli, place, "run", "street.yaml", "--out", "out", *options) == f"{said}\n"
