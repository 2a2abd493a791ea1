"""Which flags a model gets, and what users may add."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from twin.errors import ScenarioError
from twin.network.ocpp.csms.quirk_profiles import QuirkBook, load
from twin.network.ocpp.csms.quirk_table import TABLE
from twin.network.ocpp.csms.quirks import Quirks
from twin.network.ocpp.csms.station import Station, StationPolicy


def boot(vendor: str, model: str = "", firmware: str = "") -> dict[str, str]:
    return {"chargePointVendor": vendor, "chargePointModel": model, "firmwareVersion": firmware}


def test_an_unknown_model_gets_the_defaults() -> None:
    """Nobody knows it, nothing is changed."""
    match = QuirkBook().match(boot("Acme", "Wall"))
    assert match.quirks == Quirks()
    assert match.words() == []


def test_the_particular_is_laid_over_the_general() -> None:
    """A Wallbox of firmware 5 obeys stack level 0; others of its vendor relative profiles."""
    book = QuirkBook()
    assert book.match(boot("Wall Box Chargers", "PLP1", "4.9")).quirks.relative_profiles
    five = book.match(boot("Wall Box Chargers", "PLP1", "5.17.66")).quirks
    assert (five.relative_profiles, five.stack_level_zero, five.call_before_boot) == (False, True, False)


def test_names_are_compared_without_case_and_punctuation() -> None:
    """`EN+` and `EN-PLUS` are one vendor; an `en` inside another name is none."""
    book = QuirkBook()
    assert book.match(boot("EN-PLUS", "AC007K")).quirks.no_change_availability
    assert book.match(boot("en+", "AC007K")).quirks.no_change_availability
    assert not book.match(boot("Siemens", "VersiCharge")).quirks.no_change_availability


def test_the_words_of_2_x_match_too() -> None:
    """`vendorName` and `model` are read as the names of 1.6 are."""
    info = {"vendorName": "Charge Amps", "model": "HALO", "firmwareVersion": "150"}
    assert QuirkBook().match(info).quirks.max_config_keys == 3


def test_the_operators_choice_wins_and_is_told() -> None:
    """Quirks in the policy stay; without them those of the model come, and go when the model changes."""
    book = QuirkBook()
    chosen = Station("cp-1", StationPolicy(quirks=Quirks(reaction_s=99.0)), boot_info=boot("Huawei"))
    match = book.apply(chosen)
    assert match.by_operator
    assert chosen.policy.quirks == Quirks(reaction_s=99.0)
    station = Station("cp-2", boot_info=boot("Huawei"))
    assert not book.apply(station).by_operator
    assert station.policy.quirks.rate_unit == "W"
    station.boot_info = boot("Acme")
    book.apply(station)
    assert station.policy.quirks == Quirks()


def test_every_entry_is_sound() -> None:
    """Each has a number, a reason, and flags that exist; none is there twice."""
    names = {field.name for field in fields(Quirks)}
    for profile in TABLE:
        assert profile.numbers
        assert profile.why
        assert set(profile.changes) <= names
        Quirks(**profile.changes)
    places = [(one.vendor, one.model, one.firmware) for one in TABLE]
    assert len(set(places)) == len(places)
    assert {number for one in TABLE for number in one.numbers} <= set(range(1, 39))


def test_a_user_adds_a_model_in_yaml_and_in_toml(tmp_path: Path) -> None:
    """Both files say the same, win over the table, and are shown by name."""
    yaml = tmp_path / "quirks.yaml"
    yaml.write_text(
        "quirks:\n"
        "  - vendor: Huawei\n"
        '    firmware: "2."\n'
        "    set: {rate_unit: A, reaction_s: 30, measurands: [Voltage]}\n"
        "    why: mended in 2.0\n"
    )
    toml = tmp_path / "quirks.toml"
    toml.write_text(
        '[[quirks]]\nvendor = "Huawei"\nfirmware = "2."\nwhy = "mended in 2.0"\n'
        'set = {rate_unit = "A", reaction_s = 30, measurands = ["Voltage"]}\n'
    )
    assert load(yaml) == load(toml)
    match = QuirkBook(load(yaml)).match(boot("Huawei", "SCharger", "2.1"))
    assert (match.quirks.rate_unit, match.quirks.reaction_s, match.quirks.measurands) == (
        "A",
        30.0,
        ("Voltage",),
    )
    assert match.quirks.no_zero_limit, "what is not set stays"
    assert match.words()[-1] == "Huawei firmware 2.: mended in 2.0"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("quirks: 3", "quirks: expected a list of profiles"),
        ("{", "cannot be read"),
        ("quirks: [7]", "quirks[0]: expected vendor, model, firmware, set and why"),
        ("quirks: [{set: {stack_level_zero: true}}]", "quirks[0].vendor: missing"),
        ("quirks: [{vendor: A, set: {}}]", "quirks[0].set: expected at least one flag"),
        ("quirks: [{vendor: A, set: {stack: 0}}]", "quirks[0].set.stack: unknown flag"),
        ("quirks: [{vendor: A, set: {stack_level_zero: 1}}]", "expected true or false"),
        ("quirks: [{vendor: A, set: {reaction_s: -1}}]", "expected a number, not negative"),
        ("quirks: [{vendor: A, set: {rate_unit: kW}}]", "expected one of '', 'A', 'W'"),
        ("quirks: [{vendor: A, set: {measurands: Voltage}}]", "expected a list of names"),
        ("quirks: [{vendor: A, firmware: 1.2, set: {reaction_s: 1}}]", "put numbers in quotes"),
        ("quirks: [{vendor: A, colour: red, set: {reaction_s: 1}}]", "quirks[0].colour: unknown"),
    ],
)
def test_a_users_mistake_is_told_with_its_place(tmp_path: Path, text: str, problem: str) -> None:
    """The message names the entry, the key and what would be right."""
    path = tmp_path / "quirks.yaml"
    path.write_text(text)
    with pytest.raises(ScenarioError) as raised:
        load(path)
    assert problem in str(raised.value)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    """The message names the file."""
    with pytest.raises(ScenarioError, match=r"nowhere\.toml"):
        load(tmp_path / "nowhere.toml")
