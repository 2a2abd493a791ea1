"""ACN-Data's JSON: RFC 1123 times in GMT, user inputs, and its traps."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from twin.errors import ScenarioError
from twin.world.population.readers import read_sessions

Written = Callable[[str, str], Path]


def item(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "_id": f"5bc9{number}",
        "clusterID": "0039",
        "connectionTime": "Wed, 25 Apr 2018 11:08:04 GMT",
        "disconnectTime": "Wed, 25 Apr 2018 13:20:10 GMT",
        "doneChargingTime": None,
        "kWhDelivered": 7.932,
        "sessionID": f"2_39_78_362_{number}",
        "siteID": "0002",
        "spaceID": f"CA-{number}",
        "stationID": f"2-39-78-{number}",
        "timezone": "America/Los_Angeles",
        "userID": None,
        "userInputs": None,
    } | changes


SAID = [
    {"kWhRequested": 20.0, "requestedDeparture": "Wed, 25 Apr 2018 19:00:00 GMT", "milesRequested": 50},
    {"kWhRequested": 12.5, "requestedDeparture": "Wed, 25 Apr 2018 14:00:00 GMT", "milesRequested": 30},
]
ITEMS = [
    item(1, userID="000123", userInputs=SAID),
    item(2, disconnectTime=None),
    item(3, disconnectTime="Wed, 25 Apr 2018 10:00:00 GMT"),
    item(4, kWhDelivered=-1),
    item(5, kWhDelivered=None),
    item(6, kWhDelivered=1000.0),
    item(7, connectionTime="2018-04-25"),
    item(8, connectionTime="Wed, 25 Apr 2018 11:08:04 -0000"),
    item(9, spaceID="CA-1"),
    item(10, spaceID=None),
]


def test_every_trap_is_refused_with_the_line_of_its_object(written: Written) -> None:
    """One object per line from line 2 on: object n stands on line n + 1."""
    text = '{"_items": [\n' + ",\n".join(map(json.dumps, ITEMS)) + '],\n"_meta": {"page": 1}}'
    imported = read_sessions(written("acn.json", text))
    assert imported.format == "acn"
    assert {r.line - 1: r.reason for r in imported.refused} == {
        2: "no end",
        3: "departure before arrival",
        4: "negative energy",
        5: "no energy",
        6: "mean power too high",
        7: "unreadable time",
        8: "time without offset",
        9: "overlaps an earlier stay (EVSE)",
    }


def test_the_last_user_input_is_what_the_driver_said(written: Written) -> None:
    """ACN-Data keeps every change of mind; the last one counts."""
    first = read_sessions(written("acn.json", json.dumps({"_items": ITEMS}))).sessions[0]
    assert first.said_energy_kwh == 12.5
    assert first.said_departure == datetime(2018, 4, 25, 14, tzinfo=UTC)
    assert (first.evse, first.driver, first.energy_kwh) == ("CA-1", "000123", 7.932)


def test_an_object_that_spans_lines_is_named_by_its_first(written: Written) -> None:
    """Pretty-printed JSON: the first item begins on line 3."""
    text = json.dumps({"_items": [item(1, disconnectTime=None)]}, indent=1)
    (refused,) = read_sessions(written("acn.json", text)).refused
    assert (refused.line, text.splitlines()[refused.line - 1].strip()) == (3, "{")


def test_a_bare_list_of_sessions_is_accepted(written: Written) -> None:
    """Pages of the API are often joined to one list."""
    assert len(read_sessions(written("acn.json", json.dumps([item(1), item(2)]))).sessions) == 2


def test_broken_json_is_one_problem_with_its_line(written: Written) -> None:
    """The line is that of the defect."""
    with pytest.raises(ScenarioError, match=r"^acn\.json:2: broken JSON: Expecting value \(column \d+\)$"):
        read_sessions(written("acn.json", '{"_items": [\n{"kWhDelivered": }]}'))


def test_other_json_is_one_problem(written: Written) -> None:
    """A JSON file without `_items` is something else."""
    with pytest.raises(ScenarioError, match=r"^acn\.json: no `_items`: not the JSON of ACN-Data$"):
        read_sessions(written("acn.json", '{"stations": []}'))
