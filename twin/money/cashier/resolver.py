"""What is in doubt is looked up until it is known: the same operation again where it was not done, never another first.

An operation is in doubt when the provider says so, when nobody has answered it for `answer_s`, and after a restart.
Its payment is fetched, with longer and longer pauses. The answer proves that it was done, or that it was not: then the
same operation is handed over again under its own name; only where the provider keeps an error under that name for ever
(`Unknown.burnt`), the next number takes its place.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from twin.domain.clock import Timer
from twin.domain.payments import Done, Refused, Status, Unknown
from twin.money.cashier.desk import Desk
from twin.money.cashier.operations import fetch, step_id
from twin.money.cashier.tab import Pay, Purpose


@dataclass(slots=True)
class Doubt:
    """A payment that is being looked up."""

    tries: int = 0
    asked: str = ""
    """The fetch whose answer is waited for."""
    timer: Timer | None = None
    burnt: bool = False
    """The open step's name is used up."""


class Resolver:
    """Implements doubt.

    Args:
        desk: What all parts work with.
        wanted: Whether a hold that was not granted yet is still needed.
        changed: Told of a payment whose step was given up; within a step of the desk.
    """

    def __init__(self, desk: Desk, wanted: Callable[[Pay], bool], changed: Callable[[Pay], None]) -> None:
        self._desk = desk
        self._wanted = wanted
        self._changed = changed
        self._doubts: dict[str, Doubt] = {}
        self._looks: set[str] = set()
        self._waits: deque[tuple[float, str, str]] = deque()
        """(deadline, payment, operation) of what was handed over: all wait equally long."""
        self._watch: Timer | None = None
        self._fetches = 0
        self.failed = 0
        """How many answers were `Unknown`."""

    def sent(self, pay: Pay) -> None:
        """An operation was handed over: its answer is waited for."""
        self._waits.append((self._desk.clock.now_s + self._desk.policy.answer_s, pay.name, step_id(pay)))
        if self._watch is None:
            self._arm()

    def doubts(self, pay: Pay) -> bool:
        """Whether a payment is being looked up."""
        return pay.name in self._doubts

    def failing(self, pay: Pay) -> bool:
        """Whether the provider has said of a payment that it failed."""
        doubt = self._doubts.get(pay.name)
        return doubt is not None and doubt.tries > 0

    def unknown(self, pay: Pay, news: Unknown) -> None:
        """The provider failed: look it up after a while."""
        self.failed += 1
        if pay.step is not None and news.operation == step_id(pay):
            doubt = self._doubt(pay)
            doubt.burnt = doubt.burnt or news.burnt
            if pay.step.purpose is Purpose.ENROL and doubt.burnt:
                self._renew(pay)
            else:
                self._wait(pay, doubt)
        elif (there := self._doubts.get(pay.name)) is not None and there.asked == news.operation:
            self._wait(pay, there)

    def doubt(self, pay: Pay) -> None:
        """Nobody knows what became of the open step: look it up now."""
        self._fetch(pay)

    def look(self, pay: Pay) -> None:
        """Something may have happened to a payment: look it up now."""
        self._fetch(pay)

    def look_later(self, pay: Pay) -> None:
        """The same, once its open step is answered: the answer may tell it."""
        self._looks.add(pay.name)

    def poll(self, pay: Pay) -> None:
        """Something will happen to a payment, and the notice of it may be lost: look it up after a while."""
        self._wait(pay, self._doubt(pay))

    def answered(self, pay: Pay, news: Done | Refused) -> bool:
        """Return whether this is the answer to the latest fetch of a payment, which then waits no more."""
        doubt = self._doubts.get(pay.name)
        if doubt is None or doubt.asked != news.operation:
            return False
        _cancel(doubt)
        if pay.step is None and pay.status is not Status.ACTION:
            del self._doubts[pay.name]
        return True

    def settled(self, pay: Pay) -> None:
        """The open step came to an end: no doubt is left."""
        doubt = self._doubts.pop(pay.name, None)
        if doubt is not None:
            _cancel(doubt)
        if pay.name in self._looks:
            self._looks.discard(pay.name)
            self._desk.after(lambda: self.look(pay))

    def not_done(self, pay: Pay) -> None:
        """A fetch has proved that the open step was not done; within a step of the desk."""
        step, doubt, desk = pay.step, self._doubt(pay), self._desk
        assert step is not None, pay.name
        if step.purpose is Purpose.HOLD and not self._wanted(pay):
            if desk.clock.now_s - pay.step_s < desk.policy.absent_s:
                self._wait(pay, doubt)  # it may still be on its way
                return
            desk.do("never", pay.name)
            self.settled(pay)
            self._changed(pay)
        elif doubt.burnt:
            self._renew(pay)
        else:
            desk.hand_over(pay)

    def _renew(self, pay: Pay) -> None:
        """The open step takes the next number."""
        step = pay.step
        assert step is not None, pay.name
        self.settled(pay)
        with self._desk.step():
            self._desk.decide(pay, step.purpose, step.amount_minor, step.fee_minor)

    def _doubt(self, pay: Pay) -> Doubt:
        doubt = self._doubts.get(pay.name)
        if doubt is None:
            doubt = self._doubts[pay.name] = Doubt()
        return doubt

    def _wait(self, pay: Pay, doubt: Doubt) -> None:
        policy = self._desk.policy
        _cancel(doubt)
        pause_s = min(policy.fetch_first_s * 2.0 ** min(doubt.tries, 40), policy.fetch_most_s)
        doubt.tries += 1
        doubt.timer = self._desk.clock.call_later(pause_s, lambda: self._fetch(pay))

    def _fetch(self, pay: Pay) -> None:
        desk, doubt = self._desk, self._doubt(pay)
        if pay.name not in desk.memory.pays:
            self.settled(pay)
            return
        _cancel(doubt)
        if pay.step is not None and pay.step.purpose is Purpose.ENROL:
            desk.hand_over(pay)
            return
        self._fetches += 1
        question = fetch(pay, desk.memory.runs, self._fetches)
        doubt.asked = question.id
        doubt.timer = desk.clock.call_later(desk.policy.answer_s, lambda: self._fetch(pay))
        desk.ask(question)

    def _arm(self) -> None:
        if self._waits:
            self._watch = self._desk.clock.call_at(self._waits[0][0], self._overdue)

    def _open(self, name: str, operation: str) -> bool:
        """Whether an operation has no outcome yet."""
        pay = self._desk.memory.pays.get(name)
        return pay is not None and pay.step is not None and pay.step.id == operation

    def _overdue(self) -> None:
        """Look up what was handed over long ago, and has no outcome yet."""
        desk, self._watch = self._desk, None
        overdue = []
        while self._waits and self._waits[0][0] <= desk.clock.now_s:
            _, name, operation = self._waits.popleft()
            if self._open(name, operation):
                overdue.append(desk.memory.pays[name])
        while self._waits and not self._open(*self._waits[0][1:]):
            self._waits.popleft()
        self._arm()
        for pay in overdue:
            if self._doubt(pay).timer is None:
                self.doubt(pay)


def _cancel(doubt: Doubt) -> None:
    if doubt.timer is not None:
        doubt.timer.cancel()
        doubt.timer = None
    doubt.asked = ""
