"""The monthly statement: what was charged, paid, and is still open."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.money.papers.statement import Item, statement_csv, statement_text, statements


def item(receipt: str, day: int, month: int, amount_minor: int, paid_minor: int, **others) -> Item:
    start = datetime(2026, month, day, 10, tzinfo=UTC)
    whole = {
        "operator": "stadtwerk",
        "place": "market",
        "evse": "m-1/1",
        "energy_wh": 10_000,
        "note": "",
    } | others
    return Item(
        receipt, start, start.replace(hour=12), whole["operator"], whole["place"], whole["evse"], whole["energy_wh"],
        amount_minor, amount_minor * 19 // 119, paid_minor, whole["note"],
    )  # fmt: skip


def of(*items: Item):
    return statements(items, driver="d-17", currency="EUR", time_zone="Europe/Berlin")


def test_what_is_not_paid_is_carried_into_the_next_month():
    """June: 11.90 + 5.95 charged, 11.90 paid, 5.95 open. July: 2.38 more, paid with it; 5.95 stay open."""
    june, july = of(
        item("1", 3, 6, 1_190, 1_190), item("2", 9, 6, 595, 0, note="refused"), item("3", 2, 7, 238, 238)
    )
    assert (june.month, june.amount_minor, june.paid_minor, june.open_minor) == (
        date(2026, 6, 1),
        1_785,
        1_190,
        595,
    )
    assert (july.carried_minor, july.open_minor) == (595, 595)


def test_a_month_begins_at_civil_midnight():
    """23:30 in Greenwich on the last of June is the first of July in Berlin."""
    late = item("1", 30, 6, 100, 100)._replace(start=datetime(2026, 6, 30, 23, 30, tzinfo=UTC))
    assert [one.month for one in of(late)] == [date(2026, 7, 1)]


def test_a_credit_note_lowers_what_is_charged():
    """11.90 charged, 11.90 given back: nothing is owed."""
    (june,) = of(item("1", 3, 6, 1_190, 1_190), item("2", 4, 6, -1_190, -1_190, energy_wh=0))
    assert (june.amount_minor, june.open_minor) == (0, 0)


def test_the_text_has_every_item_and_the_sums():
    """A person reads it."""
    (june,) = of(item("2026-17", 3, 6, 1_190, 0, note="refused: expired_card"))
    text = statement_text(june)
    assert "03.06. 12:00  2026-17" in text
    assert "refused: expired_card" in text
    assert text.splitlines()[-1].split() == ["Open", "11.90", "EUR"]


def test_the_csv_is_exact_and_inert():
    """Amounts with a point, times with their offset, and no name becomes a formula."""
    (june,) = of(item("1", 3, 6, 1_190, 0, place='=HYPERLINK("x")'))
    rows = list(csv.DictReader(io.StringIO(statement_csv(june))))
    assert rows[0]["amount"] == "11.90"
    assert rows[0]["start"] == "2026-06-03T12:00:00+02:00"
    assert rows[0]["energy_kwh"] == "10.000"
    assert rows[0]["place"] == '\'=HYPERLINK("x")'


@given(st.lists(st.tuples(st.integers(1, 12), st.integers(1, 28), st.integers(-9_999, 9_999), st.integers(0, 9_999)), max_size=30))  # fmt: skip
def test_nothing_is_lost_between_months(drawn):
    """The last month's open amount is all that was charged less all that was paid."""
    made = of(*(item(str(k), day, month, amount, paid) for k, (month, day, amount, paid) in enumerate(drawn)))
    charged, paid = sum(a for *_, a, _ in drawn), sum(p for *_, p in drawn)
    assert (made[-1].open_minor if made else 0) == charged - paid


@pytest.mark.parametrize(("currency", "amount"), [("JPY", "1190"), ("EUR", "11.90"), ("KWD", "1.190")])
def test_amounts_have_the_decimals_of_their_currency(currency, amount):
    """0, 2 and 3 decimals."""
    (june,) = statements([item("1", 3, 6, 1_190, 0)], driver="d", currency=currency, time_zone="UTC")
    assert next(csv.DictReader(io.StringIO(statement_csv(june))))["amount"] == amount
