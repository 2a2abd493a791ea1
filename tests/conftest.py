"""Scenarios that are run from end to end, in an empty folder."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests import postgres

HELLO = """\
description: One household charges at home.
start: 2016-01-18T00:00:00+01:00
days: 1
time_zone: Europe/Berlin
tariffs: {household: {currency: EUR, price_per_kwh: 0.32}}
sites: {home: {stations: {list: {wallbox: {max_a: 16}}}}}
drivers: {family: {archetype: home, demand: {fitted: residential-norway, visits_per_week: 7}}}
"""
"""No feeder: a run of one car takes a few milliseconds per day."""

STREET = """\
description: Thirteen chargers on a short feeder, fourteen commuters.
start: 2016-01-18T00:00:00+01:00
days: 1
time_zone: Europe/Berlin
period_s: 900
grid:
  net: {builtin: create_kerber_landnetz_freileitung_1}
  base_load: {source: constant, scale: 0.5}
tariffs: {day: {currency: EUR, price_per_kwh: 0.32}}
sites:
  street:
    limits: {main: {limit_a: 60}}
    stations: {each_load: {max_a: 16, group: main}}
drivers:
  commuters: {archetype: work, count: 14}
overrides:
  weak: {grid: {limits: {line_loading_pct: 30}}}
  guarded: {grid: {limits: {line_loading_pct: 40}}, guard: {margin_pct: 3}}
"""
"""A feeder that one may overload: as it is, no limit is broken; the lines of `weak` are."""

DEPOT = """\
description: A recorded day.
start: 2016-01-18T00:00:00+01:00
days: 1
time_zone: Europe/Berlin
sites: {depot: {stations: {list: {gate: {evses: 2, max_a: 16}}}}}
drivers: {recorded: {archetype: replay, file: data/sessions.csv}}
"""

SESSIONS = """\
session,site,evse,driver,arrival,departure,energy_kwh,vehicle
1,depot,gate/1,anna,2016-01-18T08:00:00+01:00,2016-01-18T10:00:00+01:00,5,vw-id3-pro
2,depot,gate/2,bert,2016-01-18T09:00:00+01:00,2016-01-18T11:00:00+01:00,7.5,vw-id3-pro
3,depot,gate/1,anna,2016-01-18T18:00:00+01:00,2016-01-19T07:00:00+01:00,20,vw-id3-pro
"""


class Answer(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str


Cli = Callable[..., Answer]


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep the self-checks that tests pass away from the user's."""
    os.environ["TWIN_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.Server]:
    """PostgreSQL for the time of the run."""
    with postgres.running() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: postgres.Server) -> str:
    """The URL of a fresh database of PostgreSQL."""
    return postgres_server.fresh()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder, so that messages name files without their folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def hello(place: Path) -> Path:
    """One car, one charger, no feeder."""
    (place / "hello.yaml").write_text(HELLO)
    return Path("hello.yaml")


@pytest.fixture
def long(hello: Path) -> Path:
    """One car for eight years: time enough to be killed."""
    Path("long.yaml").write_text(f"extends: {hello}\ndays: 3000\n")
    return Path("long.yaml")


@pytest.fixture
def street(place: Path) -> Path:
    """Thirteen chargers on a feeder."""
    (place / "street.yaml").write_text(STREET)
    return Path("street.yaml")


@pytest.fixture
def depot(place: Path) -> Path:
    """Three recorded sessions at two connectors."""
    (place / "depot.yaml").write_text(DEPOT)
    (place / "data").mkdir()
    (place / "data" / "sessions.csv").write_text(SESSIONS)
    return Path("depot.yaml")


@pytest.fixture
def cli(place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """`twin ARGUMENTS` in this process: its exit code and what it wrote."""
    from twin.cli import main

    for name, value in {"COLUMNS": "160", "NO_COLOR": "1", "TERM": "dumb"}.items():
        monkeypatch.setenv(name, value)
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)  # typer replaces it

    def call(*arguments: object) -> Answer:
        monkeypatch.setattr(sys, "argv", ["twin", *map(str, arguments)])
        capsys.readouterr()
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        written = capsys.readouterr()
        return Answer(code, written.out, written.err)

    return call


@pytest.fixture
def tables() -> Callable[[Path | str], dict[str, bytes]]:
    """Every byte of every table of a run, or of all runs below a folder."""

    def read(folder: Path | str) -> dict[str, bytes]:
        root = Path(folder)
        found = {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*.parquet"))}
        assert found
        return found

    return read


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests have to tell when they pass: their property `told`; tests may run in other processes."""
    for report in terminalreporter.stats.get("passed", []):
        for name, text in report.user_properties:
            if name == "told":
                terminalreporter.write_line(str(text))
