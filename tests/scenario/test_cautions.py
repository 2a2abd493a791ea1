"""Runs in which something that was written down never happens say so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import twin
from twin.scenario.build import build
from twin.scenario.loader import load

Cli = Callable[..., Any]
RUN = "2016-01-18T00:00+01:00 to 2016-01-19T00:00+01:00"


def warned(path: Path, *settings: str) -> list[str]:
    """The warnings of a scenario, as it is built."""
    parts = build(load(path, settings=settings))
    parts.release()
    return [note for note in parts.notes if note.startswith("warning: ")]


def test_an_ordinary_scenario_is_told_nothing(street: Path, hello: Path) -> None:
    """Nobody reads warnings that always come."""
    assert warned(street) == []
    assert warned(hello, "days=7") == []


def test_a_recording_outside_of_the_run_says_where_it_is(depot: Path) -> None:
    """Three sessions of January, a run in February; one that only reaches into the run is in it."""
    assert warned(depot) == []
    assert warned(depot, "start=2016-01-18T19:00:00+01:00") == []
    assert warned(depot, "start=2016-02-18T00:00:00+01:00") == [
        (
            "warning: drivers.recorded: no session of data/sessions.csv falls into the run, which is "
            "2016-02-18T00:00+01:00 to 2016-02-19T00:00+01:00: "
            "the recording is 2016-01-18T08:00+01:00 to 2016-01-19T07:00+01:00"
        )
    ]


def test_a_run_without_visits_says_so(street: Path) -> None:
    """Nobody works on a Sunday."""
    sunday = "start=2016-01-17T00:00:00+01:00"
    idle = "drivers.commuters.demand={{arrival: {{visits_per_weekend_day: 0, weekday: [{peak}]}}, stay: {stay}, energy: {energy}}}"
    demand = idle.format(
        peak="{mean_h: 8, sd_h: 1}",
        stay="{mean_h: 8, sd_h: 1}",
        energy="{mean_kwh: 9, sd_kwh: 2}",
    )
    assert warned(street, sunday, demand) == ["warning: no visit falls into the run: nobody charges"]


@pytest.mark.parametrize(
    ("limit", "car", "whom"),
    [
        ("{limit_a: 5.9}", "vw-id3-pro", "no car"),
        ("{limit_a: 6}", "vw-id3-pro", ""),
        ("{limit_kw: 1.3}", "vw-id3-pro", "no car"),
        ("{limit_kw: 4.1}", "vw-id3-pro", "no car"),
        ("{limit_kw: 4.14}", "vw-id3-pro", ""),
        ("{limit_kw: 4.1}", "vw-id3-pro: 1, nissan-leaf-40", "no car on 3 phases"),
    ],
)
def test_a_limit_below_the_smallest_pilot_is_told(street: Path, limit: str, car: str, whom: str) -> None:
    """6 A on three phases of 230 V are 4.14 kW, on one 1.38 kW."""
    said = warned(street, f"sites.street.limits.main={limit}", f"vehicles={{mix: {{{car}: 1}}}}")
    assert said == (
        [
            (
                "warning: the limit of street/main is below the smallest pilot of 13 of its EVSEs: "
                f"a strategy that keeps it lets {whom} charge there"
            )
        ]
        if whom
        else []
    )


@pytest.mark.parametrize(
    ("begin", "end", "outside"),
    [
        ("17T08", "18T00", True),
        ("19T00", "19T01", True),
        ("17T08", "18T01", False),
        ("18T23", "19T01", False),
    ],
)
def test_a_fault_outside_of_the_run_is_told(hello: Path, begin: str, end: str, outside: bool) -> None:
    """One that reaches into it is not."""
    fault = (
        f"{{kind: outage, evses: [wallbox/1], from: 2016-01-{begin}:00:00+01:00, "
        f"until: 2016-01-{end}:00:00+01:00}}"
    )
    said = (
        f"warning: faults.0: the outage is 2016-01-{begin}:00+01:00 to 2016-01-{end}:00+01:00, outside the run, "
        f"which is {RUN}"
    )
    assert warned(hello, f"faults=[{fault}]") == ([said] if outside else [])


@pytest.mark.parametrize("command", [("run",), ("run", "--seeds", "2", "--workers", "1"), ("sweep", "--seeds", "2", "--workers", "1")])  # fmt: skip
def test_warnings_are_told_at_the_end_and_stand_in_the_manifest(
    cli: Cli, hello: Path, command: tuple[str, ...]
) -> None:
    """Once, however many seeds there are."""
    fault = "{kind: offline, evses: [wallbox/1], from: 2017-01-18T00:00:00Z, until: 2017-01-19T00:00:00Z}"
    told = cli(command[0], hello, *command[1:], "--out", "out", "--set", f"faults=[{fault}]")
    assert told.code == 0
    said = (
        "warning: faults.0: the offline is 2017-01-18T01:00+01:00 to 2017-01-19T01:00+01:00, outside the run, "
        f"which is {RUN}"
    )
    whose = "hello: " if command[0] == "sweep" else ""
    assert told.err.splitlines().count(whose + said) == 1
    folder = "out" if len(command) == 1 else "out/hello/seed-1"
    assert said in twin.open_run(folder).manifest["assumptions"]
