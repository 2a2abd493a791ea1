"""What we know of one payment: built from news in any order, however often each comes.

Words are kept as a set, amounts as the latest of a provider's snapshots; the status is the set, read along `LIFE` in
the order in which a payment lives. So news that come late, twice, or the wrong way round end in the same state.

Two things are not told apart for it: a payment that was refused, is asked for again and challenged then stays refused
until it is granted; and of one payment only one dispute is followed.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from twin.domain.payments import LIFE, Snapshot, Status, Word

_LIVED = (
    Word.ACTION_NEEDED,
    Word.HOLD_REFUSED,
    Word.HOLD_GRANTED,
    Word.HOLD_RAISED,
    Word.CAPTURE_DONE,
    Word.HOLD_CANCELLED,
    Word.HOLD_EXPIRED,
    Word.REFUND_DONE,
    Word.REFUND_FAILED,
    Word.DISPUTE_OPENED,
    Word.DISPUTE_WON,
    Word.DISPUTE_LOST,
)
_BIT = {word: 1 << k for k, word in enumerate(_LIVED)}

_TOLD: dict[Status, tuple[Word, ...]] = {
    Status.ASKED: (),
    Status.ACTION: (Word.ACTION_NEEDED,),
    Status.REFUSED: (Word.HOLD_REFUSED,),
    Status.HELD: (Word.HOLD_GRANTED,),
    Status.CAPTURED: (Word.CAPTURE_DONE,),
    Status.CANCELLED: (Word.HOLD_CANCELLED,),
    Status.EXPIRED: (Word.HOLD_GRANTED, Word.HOLD_EXPIRED),
    Status.DISPUTED: (Word.CAPTURE_DONE, Word.DISPUTE_OPENED),
    Status.LOST: (Word.CAPTURE_DONE, Word.DISPUTE_OPENED, Word.DISPUTE_LOST),
}
"""Words that a snapshot's status stands for."""

_PHASE = {
    Status.ASKED: 0,
    Status.ACTION: 1,
    Status.REFUSED: 2,
    Status.HELD: 3,
    Status.CANCELLED: 4,
    Status.EXPIRED: 4,
    Status.CAPTURED: 4,
    Status.DISPUTED: 4,
    Status.LOST: 4,
}
"""How far a payment got: never falls."""


class Payment:
    """One payment: a status and the latest snapshot.

    Args:
        name: Our name of it.
    """

    __slots__ = ("_heard", "name", "snapshot")

    def __init__(self, name: str) -> None:
        self.name = name
        self.snapshot: Snapshot | None = None
        """The latest that the provider said; None: nothing yet. Amounts come from here only."""
        self._heard = 0

    @property
    def status(self) -> Status:
        """Where it stands, by all that was heard."""
        return _read(self._heard)

    def heard(self, word: Word) -> bool:
        """Whether a word was ever heard."""
        return bool(self._heard & _BIT[word])

    def learn(self, news: Snapshot | Word) -> bool:
        """Take in news; late and repeated ones change nothing.

        Args:
            news: What the provider says it is, or what happened.

        Returns:
            Whether it was new. What a word changed in amounts only a snapshot tells: fetch one.
        """
        if isinstance(news, Word):
            new = not self.heard(news)
            self._heard |= _BIT[news]
            return new
        self._heard |= _told_by(news)
        if self.snapshot is not None and progress(news) <= progress(self.snapshot):
            return False
        self.snapshot = news
        return True


def words(snapshot: Snapshot) -> list[Word]:
    """Return what must have happened for a snapshot to be true, in the order of a payment's life."""
    told = set(_TOLD[snapshot.status])
    if snapshot.refunded_minor:
        told.add(Word.REFUND_DONE)
    if snapshot.refund_failed_minor:
        told.add(Word.REFUND_FAILED)
    if snapshot.won_minor:
        told |= {Word.DISPUTE_OPENED, Word.DISPUTE_WON}
    return [word for word in _LIVED if word in told]


def progress(snapshot: Snapshot) -> tuple[int, ...]:
    """Return how far a payment had got: of two snapshots of it, the greater is the later one.

    Every part of it never falls while a payment lives.
    """
    return (
        _PHASE[snapshot.status],
        snapshot.authorised_minor,
        snapshot.captured_minor,
        snapshot.disputed_minor + snapshot.won_minor,
        snapshot.won_minor,
        snapshot.status is Status.LOST,
        snapshot.refunded_minor,
        snapshot.refund_failed_minor,
        snapshot.fee_minor + snapshot.dispute_fee_minor,
    )


def _told_by(snapshot: Snapshot) -> int:
    """Return the words of a snapshot as bits: of nearly all, those of their status."""
    if snapshot.refunded_minor or snapshot.refund_failed_minor or snapshot.won_minor:
        return _mask(words(snapshot))
    return _BITS_TOLD[snapshot.status]


def _mask(told: Iterable[Word]) -> int:
    mask = 0
    for word in told:
        mask |= _BIT[word]
    return mask


_BITS_TOLD = {status: _mask(told) for status, told in _TOLD.items()}


@lru_cache(maxsize=1 << 12)
def _read(heard: int) -> Status:
    """Read a set of words along `LIFE`; a word that leads nowhere from where the payment is, changes nothing."""
    status = Status.ASKED
    for word, bit in _BIT.items():
        if heard & bit:
            status = LIFE.get((status, word), status)
    return status
