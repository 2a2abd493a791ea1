"""One payment, told in any order."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.domain.payment_life import Payment, progress, words
from twin.domain.payments import LIFE, Snapshot, Status, Word


def snapshot(status: Status, **amounts: int) -> Snapshot:
    """Return a payment of 50 EUR as the provider tells it."""
    return Snapshot("p", "pi_1", status, "EUR", **({"authorised_minor": 5_000} | amounts))


HISTORY = [
    snapshot(Status.ACTION, authorised_minor=0),
    snapshot(Status.REFUSED, authorised_minor=0),
    snapshot(Status.HELD),
    snapshot(Status.HELD, authorised_minor=6_000),
    snapshot(Status.CAPTURED, authorised_minor=6_000, captured_minor=2_000),
    snapshot(Status.CAPTURED, authorised_minor=6_000, captured_minor=2_000, refunded_minor=500),
    snapshot(Status.CAPTURED, authorised_minor=6_000, captured_minor=2_000, refunded_minor=500,
             refund_failed_minor=500),
    snapshot(Status.DISPUTED, authorised_minor=6_000, captured_minor=2_000, refunded_minor=500,
             refund_failed_minor=500, disputed_minor=2_000, dispute_fee_minor=2_000),
    snapshot(Status.CAPTURED, authorised_minor=6_000, captured_minor=2_000, refunded_minor=500,
             refund_failed_minor=500, won_minor=2_000, dispute_fee_minor=2_000),
]  # fmt: skip
"""The longest life: challenged, declined, held by another card, raised, taken, refunded in vain, disputed, won."""

ENDS = {
    "refused": [snapshot(Status.REFUSED, authorised_minor=0)],
    "cancelled": [snapshot(Status.HELD), snapshot(Status.CANCELLED)],
    "expired": [snapshot(Status.HELD), snapshot(Status.EXPIRED)],
    "lost": [
        *HISTORY[2:5],
        snapshot(Status.DISPUTED, authorised_minor=6_000, captured_minor=2_000, disputed_minor=2_000),
        snapshot(Status.LOST, authorised_minor=6_000, captured_minor=2_000, disputed_minor=2_000),
    ],
    "won": HISTORY,
}


def told(news: list[Snapshot | Word]) -> Payment:
    """Return a payment after all of it was heard."""
    payment = Payment("p")
    for item in news:
        payment.learn(item)
    return payment


@pytest.mark.parametrize("end", ENDS)
def test_told_in_order_a_payment_is_always_what_was_told_last(end: str) -> None:
    """After each snapshot the status is the snapshot's."""
    payment = Payment("p")
    assert payment.status is Status.ASKED
    for news in ENDS[end]:
        assert payment.learn(news)
        assert (payment.status, payment.snapshot) == (news.status, news)


@given(st.sampled_from(sorted(ENDS)), st.data())
def test_any_order_and_any_repetition_end_in_the_same_state(end: str, data: st.DataObject) -> None:
    """Every snapshot at least once, shuffled, some again, with words in between that they imply: the last one counts."""
    history = ENDS[end]
    implied = sorted({word for item in history for word in words(item)}, key=lambda word: word.value)
    extra = data.draw(st.lists(st.sampled_from([*history, *implied]), max_size=12))
    payment = told(data.draw(st.permutations([*history, *extra])))
    assert (payment.status, payment.snapshot) == (history[-1].status, history[-1])


@given(st.lists(st.sampled_from(list(Word)), max_size=8), st.randoms(use_true_random=False))
def test_words_alone_end_in_the_same_status_whatever_their_order(heard: list[Word], order: object) -> None:
    """Any words at all, even those that contradict each other: the set decides."""
    shuffled = heard + heard[:3]
    order.shuffle(shuffled)
    assert told(heard).status is told(shuffled).status


def test_a_word_that_comes_too_early_counts_once_its_time_has_come() -> None:
    """A notice of expiry overtakes the answer to the hold."""
    payment = Payment("p")
    payment.learn(Word.HOLD_EXPIRED)
    assert payment.status is Status.ASKED
    payment.learn(Word.HOLD_GRANTED)
    assert payment.status is Status.EXPIRED


def test_a_hold_ends_once() -> None:
    """Captured and cancelled cannot both be: what was captured stays captured, in both orders (I7)."""
    for news in permutations([Word.HOLD_GRANTED, Word.CAPTURE_DONE, Word.HOLD_CANCELLED]):
        assert told(list(news)).status is Status.CAPTURED


def test_what_is_known_already_is_no_news() -> None:
    """The second copy, and an older snapshot, change nothing and say so."""
    payment = told([HISTORY[4]])
    assert not payment.learn(HISTORY[4])
    assert not payment.learn(HISTORY[2])
    assert not payment.learn(Word.CAPTURE_DONE)
    assert payment.learn(Word.DISPUTE_OPENED)
    assert payment.status is Status.DISPUTED
    assert payment.heard(Word.DISPUTE_OPENED)


def test_progress_orders_the_history() -> None:
    """Each snapshot of a life has got further than the one before."""
    steps = [progress(item) for item in HISTORY]
    assert steps == sorted(steps)
    assert len(set(steps)) == len(steps)


def test_every_line_of_the_table_is_heard() -> None:
    """From each status, a word of the table leads where the table says, the words that led there being known."""
    ways: dict[Status, list[Word]] = {
        Status.ASKED: [],
        Status.ACTION: [Word.ACTION_NEEDED],
        Status.REFUSED: [Word.HOLD_REFUSED],
        Status.HELD: [Word.HOLD_GRANTED],
        Status.CAPTURED: [Word.CAPTURE_DONE],
        Status.DISPUTED: [Word.CAPTURE_DONE, Word.DISPUTE_OPENED],
    }
    for (status, word), after in LIFE.items():
        assert told([*ways[status], word]).status is after, (status, word)
