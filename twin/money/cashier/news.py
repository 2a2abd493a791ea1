"""What the provider says: outcomes and notices become facts and entries, and whoever waits for them goes on.

Every snapshot only adds to what is known, so that news may come late, twice, or in any order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from twin.domain.payment_life import progress
from twin.domain.payments import Done, Notice, Outcome, Refused, Snapshot, Status, Unknown
from twin.money.cashier.bookings import entries
from twin.money.cashier.desk import Desk
from twin.money.cashier.fold import ENDED
from twin.money.cashier.operations import step_id
from twin.money.cashier.resolver import Resolver
from twin.money.cashier.tab import Kind, Pay, Purpose

NOTHING_NEW: Final[Mapping[str, Callable[[Pay], bool]]] = {
    "payment_intent.requires_action": lambda pay: pay.status is not Status.ASKED,
    "payment_intent.payment_failed": lambda pay: pay.status not in (Status.ASKED, Status.ACTION),
    "payment_intent.amount_capturable_updated": lambda pay: pay.status not in (Status.ASKED, Status.ACTION),
    "payment_intent.succeeded": lambda pay: pay.captured_minor > 0,
    "payment_intent.canceled": lambda pay: pay.status in ENDED or pay.status is Status.REFUSED,
    "refund.created": lambda pay: pay.known is not None and pay.known.refunded_minor > 0,
}
"""Kind of a notice to whether we know what it tells. Whatever is absent is looked up."""

_PROVEN: Final[Mapping[Purpose, Callable[[Pay, Snapshot, int], bool]]] = {
    Purpose.HOLD: lambda _pay, news, _minor: news.status is not Status.ASKED,
    Purpose.CHARGE: lambda _pay, news, _minor: news.status is not Status.ASKED,
    Purpose.RAISE: lambda _pay, news, minor: news.authorised_minor >= minor,
    Purpose.CAPTURE: lambda _pay, news, _minor: news.captured_minor > 0,
    Purpose.CANCEL: lambda _pay, news, _minor: news.status in ENDED,
    Purpose.REFUND: lambda pay, news, minor: news.refunded_minor >= _refunded(pay) + minor,
    Purpose.ENROL: lambda _pay, _news, _minor: False,
}
"""Purpose of a step to whether a snapshot proves that it was done: payment before, snapshot, the step's amount."""


class News:
    """Takes in what the provider says.

    Args:
        desk: What all parts work with.
        resolver: Looks up what is in doubt.
        changed: Told of every payment of which more is known, or whose step came to an end; within the step.
        enrolled: Told of the saving of a card: the payment, and the provider's name of the driver (empty: refused).
    """

    def __init__(
        self,
        desk: Desk,
        resolver: Resolver,
        changed: Callable[[Pay], None],
        enrolled: Callable[[Pay, str], None],
    ) -> None:
        self._desk = desk
        self._resolver = resolver
        self._changed = changed
        self._enrolled = enrolled

    def told(self, news: Outcome | Notice) -> None:
        """Take in an outcome or a notice."""
        if self._desk.closed:
            return
        pay = self._desk.memory.pays.get(news.payment)
        if pay is None and isinstance(news, Unknown):
            return
        if pay is None:
            self._desk.odd(news.payment, f"{type(news).__name__} of a payment that is not open")
        elif isinstance(news, Notice):
            self._noticed(pay, news)
        elif isinstance(news, Unknown):
            self._resolver.unknown(pay, news)
        else:
            with self._desk.step():
                self._known(pay, news)

    def _noticed(self, pay: Pay, news: Notice) -> None:
        known = NOTHING_NEW.get(news.kind)
        if known is not None and known(pay):
            return
        if pay.step is None or self._resolver.doubts(pay):
            self._resolver.look(pay)
        else:
            self._resolver.look_later(pay)

    def _known(self, pay: Pay, news: Done | Refused) -> None:
        step = pay.step
        if step is not None and step.purpose is Purpose.ENROL:
            self._saved(pay, news)
            return
        ours = step is not None and news.operation == step_id(pay)
        asked = self._resolver.answered(pay, news)
        proven = later = False
        if news.snapshot is not None:
            proven = step is not None and _PROVEN[step.purpose](pay, news.snapshot, step.amount_minor)
            later = self.learn(pay, news.snapshot)
        declined = pay.status is Status.REFUSED
        if step is None:
            if later or (asked and pay.status is Status.ACTION):
                self._changed(pay)
        elif ours and isinstance(news, Refused) and (declined or not proven):
            self._close(pay, "refused", news.code)
        elif ours or proven:
            self._close(pay, "done")
        elif _moot(pay):
            self._close(pay, "refused", "wrong_state")
        elif asked:
            self._resolver.not_done(pay)
        elif later:
            self._changed(pay)

    def _close(self, pay: Pay, fact: str, *code: str) -> None:
        """The step came to an end."""
        self._desk.do(fact, pay.name, *code)
        self._resolver.settled(pay)
        self._changed(pay)

    def _saved(self, pay: Pay, news: Done | Refused) -> None:
        if news.operation == step_id(pay):
            self._desk.do("done", pay.name)
            self._resolver.settled(pay)
            self._enrolled(pay, news.reference if isinstance(news, Done) else "")

    def learn(self, pay: Pay, news: Snapshot) -> bool:
        """Take in a snapshot, and book what it changes."""
        before = pay.known
        if before is not None and progress(news) <= progress(before):
            return False
        for entry in entries(pay, news, self._desk.provider, self._desk.clock.now_s):
            self._desk.post(entry)
        opened_minor = news.disputed_minor + news.won_minor
        if opened_minor > (0 if before is None else before.disputed_minor + before.won_minor):
            self._desk.do("disputed", pay.name)
        net_minor = pay.captured_minor - pay.returned_minor
        self._desk.do("learned", pay.name, news)
        if pay.kind is Kind.BILL:
            self._share(pay, pay.captured_minor - pay.returned_minor - net_minor)
        return True

    def _share(self, pay: Pay, more_minor: int) -> None:
        """What a bill brought is its tabs', each its own; what goes back is the one's that asked for it."""
        if not more_minor:
            return
        if pay.refund_for:
            self._desk.do("brought", pay.refund_for, more_minor)
            return
        bill = self._desk.memory.bills[pay.owner]
        for name, minor in zip(bill.tabs, bill.amounts_minor, strict=True):
            self._desk.do("brought", name, minor)


def _moot(pay: Pay) -> bool:
    """Whether the payment has come to where its step can never be done."""
    assert pay.step is not None, pay.name
    return pay.step.purpose in (Purpose.RAISE, Purpose.CAPTURE, Purpose.CANCEL) and pay.status in ENDED


def _refunded(pay: Pay) -> int:
    return 0 if pay.known is None else pay.known.refunded_minor
