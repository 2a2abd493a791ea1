from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from twin.report import words


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(1234.56, 1, "1,234.6"), (-0.04, 1, "0.0"), (-3.2, 1, "−3.2"), (None, 0, "–"), (float("nan"), 0, "–")],
)
def test_numbers_have_a_fixed_number_of_digits_and_no_negative_zero(
    value: float | None, digits: int, text: str
) -> None:
    """Minus is a minus sign; what is unknown is a dash."""
    assert words.number(value, digits) == text


@pytest.mark.parametrize(("value", "text"), [(2.0, "+2.0"), (-2.0, "−2.0"), (0.0, "0.0"), (0.01, "0.0")])
def test_a_difference_shows_its_sign_unless_it_rounds_to_nothing(value: float, text: str) -> None:
    """+2.0, −2.0, 0.0."""
    assert words.signed(value, 1) == text


@pytest.mark.parametrize(
    ("minutes", "text"),
    [
        (0, "0 min"),
        (0.4, "under 1 min"),
        (45, "45 min"),
        (135, "2 h 15 min"),
        (1440, "1 d"),
        (2945, "2 d 1 h"),
    ],
)
def test_lengths_use_the_unit_a_person_would(minutes: float, text: str) -> None:
    """Minutes are dropped beyond a day."""
    assert words.length(minutes) == text


def test_money_uses_the_digits_of_its_currency() -> None:
    """Cents for EUR, none for JPY, three for KWD."""
    assert [words.money(12_345, c) for c in ("EUR", "JPY", "KWD")] == [
        "123.45 EUR",
        "12,345 JPY",
        "12.345 KWD",
    ]


def test_instants_are_civil_on_both_sides_of_a_clock_change() -> None:
    """Berlin, 27 March 2016: half an hour after 01:59:59 is 03:29:59, not 02:29:59."""
    epoch, berlin = datetime(2016, 3, 27, tzinfo=UTC), ZoneInfo("Europe/Berlin")
    assert words.when(words.moment(1_800, epoch, berlin)) == "Sun 27 Mar 01:30"
    assert words.when(words.moment(5_400, epoch, berlin)) == "Sun 27 Mar 03:30"


def test_a_long_list_counts_what_it_leaves_out() -> None:
    """Seven names, three shown: four more."""
    assert words.listed(list("abcdefg"), most=3) == "a, b, c and 4 more"
    assert words.listed(list("abc")) == "a, b and c"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(604_800, "the week"), (86_400, "the day"), (172_800, "the 2 days"), (129_600, "the 36 hours")],
)
def test_a_run_is_named_by_its_length(seconds: float, text: str) -> None:
    """For sentences like `in 37 minutes of the week`."""
    assert words.span_name(seconds) == text
