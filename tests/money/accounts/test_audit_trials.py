"""I2 and I6 by trial, I11 in texts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.money.accounts.world import world
from twin.domain.books import LedgerEntry, Posting
from twin.domain.payment_life import Payment
from twin.domain.payments import Snapshot, Status
from twin.money.accounts.audit_replay import audit_orders, audit_replay
from twin.money.accounts.audit_texts import audit_texts, card_numbers, luhn
from twin.money.ledger.memory import MemoryBooks

VISA = "4242424242424242"


class Forgetful(MemoryBooks):
    """Books that do not know causes again."""

    def post(self, entry: LedgerEntry, /) -> bool:
        return super().post(entry._replace(cause=f"{entry.cause}/{len(list(self.entries()))}"))


def filled(books: MemoryBooks) -> list[LedgerEntry]:
    """Post a world's entries, and return them."""
    entries = world().entries
    with books.atomic():
        for entry in entries:
            books.post(entry)
    return entries


def test_entries_that_come_again_change_nothing() -> None:
    """Twice and in the wrong order."""
    books = MemoryBooks()
    entries = filled(books)
    assert audit_replay(books, [*reversed(entries), *entries]) == []


def test_books_that_book_again_are_found() -> None:
    """The entry and both accounts are named, with both balances."""
    books = Forgetful()
    hold = filled(books)[0]
    found = audit_replay(books, [hold])
    assert ("I2", "entry hold/p-1", "was booked when it came again") in found
    assert (
        len([one for one in found if one.subject in {"account hold:stripe EUR", "account held:d-1 EUR"}]) == 2
    )


def test_an_entry_that_comes_again_with_another_content_is_found() -> None:
    """As the books refuse it."""
    books = MemoryBooks()
    capture = next(entry for entry in filled(books) if entry.cause == "capture/p-1")
    changed = capture._replace(postings=(Posting("cash:stripe", 1), Posting("driver:d-1", -1)))
    (finding,) = audit_replay(books, [changed])
    assert (finding.rule, finding.subject) == ("I2", "entry capture/p-1")
    assert "booked already, with another postings" in finding.detail


SNAPSHOTS = [
    Snapshot("p", "pi", Status.HELD, "EUR", 5000),
    Snapshot("p", "pi", Status.CAPTURED, "EUR", 5000, 1190),
    Snapshot("p", "pi", Status.CAPTURED, "EUR", 5000, 1190, 100),
]


def last_known(snapshots: list[Snapshot]) -> Snapshot | None:
    """Fold as the twin does."""
    payment = Payment("p")
    for snapshot in snapshots:
        payment.learn(snapshot)
    return payment.snapshot


@given(st.permutations(range(3)), st.lists(st.integers(0, 2), max_size=4))
def test_news_of_a_payment_may_come_in_any_order_and_again(order: list[int], again: list[int]) -> None:
    """The latest state is known in the end."""
    assert audit_orders(last_known, SNAPSHOTS, [[*order, *again]]) == []


def test_a_fold_that_believes_whoever_speaks_last_is_found() -> None:
    """The order is named, and both states."""
    found = audit_orders(lambda snapshots: snapshots[-1].status.value, SNAPSHOTS, [[0, 1, 2], [1, 2, 0]])
    assert found == [("I6", "order [1, 2, 0]", "ends in 'held', expected 'captured'")]


def test_an_order_that_leaves_something_out_proves_nothing() -> None:
    """A mistake of whoever asks."""
    with pytest.raises(ValueError, match=r"order \[0, 2\] leaves out \[1\]"):
        audit_orders(last_known, SNAPSHOTS, [[0, 2]])


def test_the_check_digit_of_the_standards_example_is_right() -> None:
    """ISO/IEC 7812: 7992739871 has the check digit 3, and no other."""
    assert [digit for digit in "0123456789" if luhn("7992739871" + digit)] == ["3"]


CARDS = (
    "4242424242424242",
    "4000056655665556",
    "5555555555554444",
    "2223003122003222",
    "378282246310005",
    "6011111111111117",
    "3056930009020004",
    "36227206271667",
    "3566002020360505",
    "6205500000000000004",
)
"""Cards that every payment provider's documentation gives for tests."""


@pytest.mark.parametrize("number", CARDS)
@pytest.mark.parametrize("text", ["{}", "card={}, ok", '"number":"{}"', "({})"])
def test_cards_of_all_schemes_are_found(number: str, text: str) -> None:
    """Wherever they stand."""
    assert card_numbers(text.format(number)) == [number]


def test_groups_of_digits_are_read_as_one_number() -> None:
    """As people write them."""
    assert card_numbers("4242 4242 4242 4242 and 4000-0566-5566-5556") == [VISA, "4000056655665556"]


@pytest.mark.parametrize(
    "text",
    [
        "4242424242424241",  # the check digit is wrong
        "424242424242",  # too short
        "1700000000000",  # milliseconds since 1970
        "pi_4242424242424242",  # a name
        "0.4242424242424242",  # a decimal
        "a4242424242424242b",
        "42424242424242424242424242",  # too long
        "9999999999999995",  # no scheme
    ],
)
def test_other_numbers_are_no_cards(text: str) -> None:
    """Or every log would be suspicious."""
    assert card_numbers(text) == []


def test_texts_that_hold_cards_or_tokens_are_named() -> None:
    """But the finding does not repeat what it found."""
    texts = {
        "log": f"charged {VISA} at noon",
        "export": "d-1;04a1b2c3;12.00",
        "clean": "d-1;04A1…;12.00 DE*ABC 04A1B2C3D4",
        "words": "cafe",
    }
    found = audit_texts(texts.items(), tokens=["04A1B2C3", "caf"])
    assert found == [
        ("I11", "text log", "holds a card's number: 424242…4242"),
        ("I11", "text export", "holds a whole token: 04… of 8 characters"),
    ]
