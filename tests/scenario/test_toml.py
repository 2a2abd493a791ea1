"""TOML with lines."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from twin.scenario.loader import load
from twin.scenario.toml_reader import read_toml

TEXT = '''\
# a comment with = and [brackets]
start = 2016-01-18T00:00:00+01:00
days = 7
time_zone = "Europe/Berlin"
description = """
[sites.none]
days = 1
"""

[tariffs.night]
price_per_kwh = "0.32"
[[tariffs.night.time_of_use]]
from = 22:00:00
until = 06:00:00
days = [
  "mon",  # ] not the end
  "tue",
]
price_per_kwh = 0.22
[[tariffs.night.time_of_use]]
from = "12:00"
until = "13:00"
price_per_kwh = 0.1

[sites.home]
tariff = "night"
stations.list.wallbox = {max_a = 16}

[drivers."family"]
archetype = "home"
'''


def test_toml_and_yaml_mean_the_same(folder: Path, minimal: str) -> None:
    """Dates and times of TOML are those of the YAML file."""
    (folder / "s.toml").write_text(TEXT)
    scenario = load("s.toml")
    assert scenario.start.isoformat() == "2016-01-18T00:00:00+01:00"
    windows = scenario.tariffs["night"].time_of_use
    assert [(w.from_, w.until, str(w.price_per_kwh)) for w in windows] == [
        ("22:00", "06:00", "0.22"),
        ("12:00", "13:00", "0.1"),
    ]
    (folder / "s.yaml").write_text(minimal)
    plain = load("s.yaml")
    assert (scenario.drivers, scenario.end) == (plain.drivers, plain.end)


def test_every_key_has_its_line() -> None:
    """Below headers, in arrays of tables, as dotted keys, past strings and lists of several lines."""
    document = read_toml(TEXT, "s.toml")
    lines = {
        ("start",): 2,
        ("description",): 5,
        ("tariffs", "night", "price_per_kwh"): 11,
        ("tariffs", "night", "time_of_use", 0): 12,
        ("tariffs", "night", "time_of_use", 0, "days"): 15,
        ("tariffs", "night", "time_of_use", 0, "days", 1): 15,
        ("tariffs", "night", "time_of_use", 0, "price_per_kwh"): 19,
        ("tariffs", "night", "time_of_use", 1, "until"): 22,
        ("sites", "home"): 25,
        ("sites", "home", "stations", "list", "wallbox", "max_a"): 27,
        ("drivers", "family", "archetype"): 30,
    }
    assert {path: document.mark(path).line for path in lines} == lines


def test_problems_of_a_toml_file_have_lines(told: Callable[..., list[str]]) -> None:
    """As those of YAML."""
    assert told(TEXT.replace("max_a = 16", "max_amp = 16").replace("22:00:00", "22:00:30"), "s.toml") == [
        "s.toml:13: tariffs.night.time_of_use.0.from: `22:00:30` is no time of day; write it as `22:30`",
        "s.toml:27: sites.home.stations.list.wallbox.max_amp: unknown key, did you mean `max_a`?",
    ]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("days =", "`days` has no value; write one behind the `=`, or delete the line"),
        ("days = # seven", "`days` has no value; write one behind the `=`, or delete the line"),
        ("days = seven", '`days` has a value that is none; text needs quotes: `days = ".."`'),
        ("days = [1, seven]", "`days` has an invalid value in it"),
        ("days = [\nseven]", "invalid value"),
    ],
)
def test_a_value_that_is_none_names_its_key(told: Callable[..., list[str]], line: str, said: str) -> None:
    """The parser says no more than `Invalid value`."""
    number = 2 + line.count("\n")
    assert told(f"seed = 1\n{line}\n", "s.toml") == [f"s.toml:{number}: broken TOML: {said}"]


def test_a_toml_time_without_offset_is_refused(told: Callable[..., list[str]]) -> None:
    """TOML's local date-times are what we refuse everywhere."""
    assert told(TEXT.replace("00+01:00", "00"), "s.toml") == [
        "s.toml:2: start: `2016-01-18T00:00:00` has no UTC offset; write `2016-01-18T00:00:00+01:00`"
    ]
