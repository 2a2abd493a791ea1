"""`twin price`: a charge detail record is priced again, explained, and its claims are checked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Answer, Cli
from tests.docs.conftest import ROOT, blocks

CDR = """{
  "id": "CDR-7",
  "start_date_time": "2026-06-29T14:30:00Z",
  "end_date_time": "2026-06-29T17:00:00Z",
  "currency": "EUR",
  "cdr_location": {"connector_power_type": "AC_3_PHASE", "time_zone": "Europe/Berlin"},
  "tariffs": [{"id": "EVENING", "currency": "EUR", "elements": [
    {"price_components": [{"type": "ENERGY", "price": 0.40, "vat": 19, "step_size": 100}],
     "restrictions": {"start_time": "18:00"}},
    {"price_components": [{"type": "ENERGY", "price": 0.30, "vat": 19, "step_size": 100},
                          {"type": "PARKING_TIME", "price": 6.00, "vat": 19, "step_size": 900}]}]}],
  "charging_periods": [
    {"start_date_time": "2026-06-29T14:30:00Z",
     "dimensions": [{"type": "ENERGY", "volume": 15}, {"type": "TIME", "volume": 1.5}]},
    {"start_date_time": "2026-06-29T16:00:00Z",
     "dimensions": [{"type": "ENERGY", "volume": 5.05}, {"type": "TIME", "volume": 0.5}]},
    {"start_date_time": "2026-06-29T16:30:00Z", "dimensions": [{"type": "PARKING_TIME", "volume": 0.5}]}],
  "total_cost": {"excl_vat": 9.54, "incl_vat": 11.35},
  "total_energy": 20.05,
  "total_time": 2.5
}
"""
"""15 kWh at 0.30 are 4.50. From 18:00 in Berlin 5.05 kWh at 0.40: 20.05 kWh are billed as 20.1, so 5.1 x 0.40 = 2.04.
Half an hour of parking at 6.00 is 3.00. Together 9.54; x 1.19 = 11.3526, 11.35."""
FLAT_RATE = """{"id": "FLAT-RATE", "currency": "EUR", "elements": [
  {"price_components": [{"type": "ENERGY", "price": 0.50, "step_size": 1}]}]}
"""
"""20.05 kWh at 0.50 are 10.025: 10.03."""
RESERVED = """{
  "id": "R-1",
  "start_date_time": "2026-06-29T12:00:00Z",
  "end_date_time": "2026-06-29T12:30:00Z",
  "currency": "EUR",
  "cdr_location": {},
  "tariffs": [{"id": "BOOKED", "currency": "EUR", "elements": [
    {"price_components": [{"type": "FLAT", "price": 4.00, "step_size": 1}],
     "restrictions": {"reservation": "RESERVATION_EXPIRES"}},
    {"price_components": [{"type": "TIME", "price": 2.00, "step_size": 60}],
     "restrictions": {"reservation": "RESERVATION"}}]}],
  "charging_periods": [{"start_date_time": "2026-06-29T12:00:00Z",
                        "dimensions": [{"type": "RESERVATION_TIME", "volume": 0.5}]}],
  "total_cost": {"excl_vat": %s},
  "total_energy": 0,
  "total_time": 0
}
"""
"""Half an hour at 2.00 is 1.00; with the fee of one that expired 5.00."""


@pytest.fixture
def record(place: Path) -> Path:
    """A right CDR with its tariff, in a file."""
    (place / "cdr.json").write_text(CDR)
    return Path("cdr.json")


@pytest.fixture
def flat_rate(place: Path) -> Path:
    """Another tariff, in a file."""
    (place / "tariff.json").write_text(FLAT_RATE)
    return Path("tariff.json")


def words(answer: Answer) -> list[str]:
    """Lines of the output that are no table, without their indent."""
    return [line.strip() for line in answer.out.splitlines() if line.strip() and line[0] not in "┏┃┡│└"]


def figures(answer: Answer) -> Any:
    """The JSON that was printed; nothing else was."""
    return json.loads(answer.out)


def test_a_right_cdr_is_explained_and_agrees(cli: Cli, record: Path) -> None:
    """Every sentence can be checked with pencil and paper; times are the location's."""
    answer = cli("price", record)
    assert (answer.code, answer.err) == (0, "")
    assert words(answer) == [
        "CDR CDR-7 by tariff EVENING, times in Europe/Berlin",
        "VAT 19 %: 1.8126 EUR",
        "Total: 9.54 EUR without tax, 11.3526 EUR with; rounded 11.35 EUR",
        "On 2026-06-29, times in Europe/Berlin:",
        "From 16:30 to 18:00 you took 15 kWh at 0.30 EUR per kWh: 4.50 EUR.",
        (
            "From 18:00 to 18:30 you took 5.05 kWh, billed as 5.1 kWh at 0.40 EUR per kWh: 2.04 EUR. "
            "The total is billed in steps of 100 Wh: from 20.05 kWh to 20.1 kWh."
        ),
        "From 18:30 to 19:00 it stayed without charging for 30 min, at 6.00 EUR per hour: 3.00 EUR.",
        "Together 9.54 EUR without tax. On it: VAT 19 % 1.8126 EUR. With tax 11.3526 EUR.",
        "You pay 11.35 EUR, rounded to 2 decimals.",
        "The CDR agrees: 4 totals compared",
    ]


def test_lines_and_claims_stand_in_tables(cli: Cli, record: Path) -> None:
    """What was measured beside what is billed, what is claimed beside what follows."""
    rows = [
        [cell.strip() for cell in line.strip("│").split("│")]
        for line in cli("price", record).out.splitlines()
        if line.startswith("│")
    ]
    assert rows == [
        ["Mon 29 Jun 16:30", "18:00", "energy", "15 kWh", "15 kWh", "0.30", "19 %", "4.50", "5.355"],
        ["Mon 29 Jun 18:00", "18:30", "energy", "5.05 kWh", "5.1 kWh", "0.40", "19 %", "2.04", "2.4276"],
        ["Mon 29 Jun 18:30", "19:00", "parking time", "0.5 h", "0.5 h", "6.00", "19 %", "3.00", "3.57"],
        ["total_cost without tax", "9.54 EUR", "9.54 EUR", "agrees"],
        ["total_cost with tax", "11.35 EUR", "11.3526 EUR", "agrees"],
        ["total_energy", "20.05 kWh", "20.05 kWh", "agrees"],
        ["total_time", "2.5 h", "2.5 h", "agrees"],
    ]


def test_json_has_exact_decimals_as_strings(cli: Cli, record: Path) -> None:
    """No figure of money or energy is a number that a reader could take as a float."""
    answer = cli("price", record, "--json")
    assert (answer.code, answer.err) == (0, "")
    told = figures(answer)
    assert (told["cdr"], told["tariff"], told["currency"]) == ("CDR-7", "EVENING", "EUR")
    assert told["total"] == {"excl": "9.54", "incl": "11.3526"}
    assert (told["rounded"], told["bound"], told["agrees"]) == ("11.35", None, True)
    assert told["taxes"] == [{"name": "VAT", "pct": "19", "amount": "1.8126"}]
    assert told["lines"][1] == {
        "dimension": "ENERGY",
        "element": 0,
        "reservation": None,
        "start": "2026-06-29T16:00:00Z",
        "end": "2026-06-29T16:30:00Z",
        "volume": "5.05",
        "billed": "5.1",
        "price": "0.40",
        "taxes": [{"name": "VAT", "pct": "19", "stack": 0}],
        "excl": "2.04",
        "incl": "2.4276",
    }
    assert told["claims"][1] == {
        "name": "total_cost",
        "side": "with tax",
        "unit": "EUR",
        "claimed": "11.35",
        "priced": "11.3526",
        "difference": "-0.0026",
        "agrees": True,
    }
    assert told["explanation"][-1] == "You pay 11.35 EUR, rounded to 2 decimals."
    assert told["reasons"] == told["warnings"] == told["notes"] == []


def test_a_wrong_total_ends_with_one_and_a_reason(cli: Cli, record: Path) -> None:
    """Without step sizes: 5.05 x 0.40 = 2.02, together 9.52, and 11.3288 with tax."""
    record.write_text(
        CDR.replace('"excl_vat": 9.54, "incl_vat": 11.35', '"excl_vat": 9.52, "incl_vat": 11.33')
    )
    answer = cli("price", record)
    assert answer.code == 1
    assert words(answer)[-4:] == [
        "The CDR differs:",
        "total_cost without tax is 0.02 EUR too little",
        "total_cost with tax is 0.0226 EUR too little",
        "total_cost would be right if step sizes are not applied",
    ]
    answer = cli("price", record, "--json")
    assert answer.code == 1
    assert figures(answer)["agrees"] is False
    assert figures(answer)["reasons"][0] == "total_cost without tax is 0.02 EUR too little"


def test_a_cdr_without_claims_is_only_priced(cli: Cli, record: Path) -> None:
    """OCPI requires them, so each one that is missing is named."""
    record.write_text(CDR[: CDR.index(',\n  "total_cost"')] + "}")
    answer = cli("price", record)
    assert answer.code == 0
    assert words(answer)[-1] == "The CDR claims no total: nothing was compared"
    assert [line.split(":")[1].strip() for line in answer.err.splitlines()] == [
        "total_cost", "total_energy", "total_time",
    ]  # fmt: skip


def test_another_tariff_is_priced_beside_the_cdr(cli: Cli, record: Path, flat_rate: Path) -> None:
    """10.025 is 10.03; the CDR's own claims differ from it."""
    told = figures(cli("price", flat_rate, record, "--json"))
    assert (told["tariff"], told["rounded"], told["agrees"]) == ("FLAT-RATE", "10.03", False)


def test_a_hyphen_names_the_tariffs_of_the_cdr(cli: Cli, record: Path) -> None:
    """As does leaving the tariff out."""
    assert cli("price", "-", record).out == cli("price", record).out


def test_the_callers_time_zone_goes_first(cli: Cli, record: Path) -> None:
    """In London 18:00 is an hour later, when the car parks: 20.1 x 0.30 + 3.00 = 9.03."""
    told = figures(cli("price", record, "--time-zone", "Europe/London", "--json"))
    assert told["total"]["excl"] == "9.03"
    assert "Europe/London" in told["explanation"][0]


def test_a_tariff_with_hours_needs_a_time_zone(cli: Cli, record: Path) -> None:
    """Neither the CDR nor the caller tells one."""
    record.write_text(CDR.replace(', "time_zone": "Europe/Berlin"', ""))
    answer = cli("price", record)
    assert (answer.code, answer.out) == (2, "")
    assert "CDR CDR-7: the tariff asks for civil time; say the location's time zone" in answer.err
    assert cli("price", record, "--time-zone", "Europe/Berlin").code == 0


@pytest.mark.parametrize("zone", ["Europe/Berlinn", "../etc/passwd", "+02:00"])
def test_a_zone_that_is_none_is_refused(cli: Cli, record: Path, zone: str) -> None:
    """With the value, and how to write one."""
    answer = cli("price", record, f"--time-zone={zone}")
    assert answer.code == 2
    assert f"{zone!r} is no time zone; write one as Europe/Berlin" in answer.err


@pytest.mark.parametrize(("options", "cost"), [(("used",), "1"), (("expired",), "5"), ((), "5")])
def test_what_became_of_a_reservation_is_said(
    cli: Cli, place: Path, options: tuple[str, ...], cost: str
) -> None:
    """Nothing was charged: without the option it expired, and a warning says that this was a guess."""
    Path("cdr.json").write_text(RESERVED % cost)
    answer = cli("price", "cdr.json", "--json", *(("--reservation", *options) if options else ()))
    assert answer.code == 0
    assert figures(answer)["total"]["excl"] == cost
    assert bool(figures(answer)["warnings"]) is (not options)


def test_a_reservation_that_was_charged_after_cannot_have_expired(cli: Cli, record: Path) -> None:
    """The periods say otherwise."""
    answer = cli("price", record, "--reservation", "expired")
    assert answer.code == 2
    assert "its reservation cannot have expired: there are charging periods" in answer.err


def test_a_finer_rounding_can_be_asked_for(cli: Cli, record: Path) -> None:
    """11.35 is not 11.3526 to four decimals."""
    answer = cli("price", record, "--rounding", "0.0001")
    assert answer.code == 1
    assert "total_cost with tax is 0.0026 EUR too little" in answer.out


@pytest.mark.parametrize("unit", ["0", "-1", "cent", "nan"])
def test_a_unit_of_rounding_is_a_number_above_zero(cli: Cli, record: Path, unit: str) -> None:
    """Anything else is refused."""
    answer = cli("price", record, f"--rounding={unit}")
    assert answer.code == 2
    assert f"--rounding: {unit!r} is no number above 0, as 0.01" in answer.err


def test_every_problem_of_a_file_is_told_with_its_line(cli: Cli, record: Path) -> None:
    """An unknown currency, a price in quotes, a volume below zero, no end: all at once, with the remedy."""
    text = CDR.replace('"currency": "EUR",\n  "cdr', '"currency": "EUK",\n  "cdr').replace("0.40", '"0,40"')
    text = text.replace('"volume": 5.05', '"volume": -5.05').replace(
        '"end_date_time": "2026-06-29T17:00:00Z",', ""
    )
    record.write_text(text)
    answer = cli("price", record)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.splitlines() == [
        "cdr.json:1: end_date_time: is missing",
        'cdr.json:5: currency: "EUK" is no currency of ISO 4217; write its code, as EUR',
        (
            'cdr.json:8: tariffs.0.elements.0.price_components.0.price: "0,40" is no number; '
            "write it without quotes, as 0.25"
        ),
        "cdr.json:16: charging_periods.1.dimensions.0.volume: -5.05 is too small; at least 0 is allowed",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "cdr.json:1: broken JSON: the text ends too early"),
        ('{"id": "1",\n "id": "2"}', "cdr.json:2: id: stands twice; delete one of the two"),
        ('{"id": "1"\n "currency": "EUR"}', "cdr.json:2: broken JSON: a comma or `}` is missing"),
        ("[1, 2]", "cdr.json:1: a list is no OCPI CDR; write an object"),
    ],
)
def test_a_file_that_is_no_json_object_is_refused(cli: Cli, place: Path, text: str, said: str) -> None:
    """With the line at which it breaks."""
    Path("cdr.json").write_text(text)
    answer = cli("price", "cdr.json")
    assert (answer.code, answer.out) == (2, "")
    assert said in answer.err


def test_a_file_that_is_not_there_is_refused(cli: Cli, record: Path) -> None:
    """Neither CDR nor tariff; a folder is no file either."""
    Path("folder").mkdir()
    for arguments in (("no.json",), ("no.json", record), ("folder",)):
        answer = cli("price", *arguments)
        assert (answer.code, answer.out) == (2, "")
        assert arguments[0] in answer.err
        assert "Traceback" not in answer.err


def test_a_tariff_of_another_currency_is_refused(cli: Cli, record: Path, flat_rate: Path) -> None:
    """Nobody converts."""
    flat_rate.write_text(FLAT_RATE.replace("EUR", "GBP"))
    answer = cli("price", flat_rate, record)
    assert answer.code == 2
    assert "CDR CDR-7: its currency is EUR, that of tariff FLAT-RATE GBP" in answer.err


def test_what_nobody_obeys_is_noted(cli: Cli, record: Path, flat_rate: Path) -> None:
    """On stderr, where it does not disturb the figures; in the JSON as a list."""
    flat_rate.write_text(FLAT_RATE.replace('"elements"', '"type": "PROFILE_FAST", "colour": 1, "elements"'))
    notes = [
        "type: PROFILE_FAST: who it is for is not looked at",
        "colour: is no field of OCPI 2.2.1 here; ignored",
    ]
    assert cli("price", flat_rate, record).err.splitlines() == [f"note: {note}" for note in notes]
    answer = cli("price", flat_rate, record, "--json")
    assert answer.err == ""
    assert figures(answer)["notes"] == notes


def test_a_tariff_that_never_matches_is_free_and_warned_of(cli: Cli, record: Path, flat_rate: Path) -> None:
    """It is restricted to more energy than was taken."""
    flat_rate.write_text(FLAT_RATE.replace("]}]}", '], "restrictions": {"min_kwh": 100}}]}'))
    answer = cli("price", flat_rate, record)
    assert "warning: no price of tariff FLAT-RATE applied: the session is free" in answer.err
    assert "You pay 0.00 EUR." in answer.out


def test_the_check_that_the_documentation_shows_says_what_is_shown(cli: Cli, place: Path) -> None:
    """Its files, its command, its sentences."""
    page = ROOT / "docs" / "tariffs.md"
    for block in blocks(page, "json"):
        (place / block.title).write_text(block.text)
    (shown,) = blocks(page, "console")
    answer = cli(*shown.text.removeprefix("$ twin ").split())
    (sentences,) = blocks(page, "text")
    assert answer.code == 1
    assert words(answer)[3:] == sentences.text.splitlines()
