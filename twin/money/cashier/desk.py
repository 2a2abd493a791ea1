"""What every part of the cashier works with: time, books, provider, memory; and the step that keeps them together.

A step is one block of the books: facts, entries, then, once the block is safe, what was decided to ask of the provider.
A step that fails leaves the books as they were, but not the memory: nothing more is done until it is restored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from types import TracebackType
from typing import Any, Final

from twin.domain.books import Books, LedgerEntry
from twin.domain.clock import Clock, Timer
from twin.domain.journal import Entry
from twin.domain.payments import Operation, Payments
from twin.errors import SettingsError
from twin.money.accounts.chart import moves
from twin.money.cashier.fold import FOLD, Memory
from twin.money.cashier.operations import operation
from twin.money.cashier.policy import Policy
from twin.money.cashier.rows import OddRow, Row
from twin.money.cashier.tab import Pay, Purpose
from twin.money.cashier.wish import Pricer

STREAM: Final = "cashier"
KIND: Final = "money.step"


class LiveClock:
    """A clock whose timers all end at once: those of parts that were built anew.

    Args:
        clock: The time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._live = True

    @property
    def now_s(self) -> float:
        """See `Clock.now_s`."""
        return self._clock.now_s

    @property
    def epoch_ns(self) -> int:
        """See `Clock.epoch_ns`."""
        return self._clock.epoch_ns

    def call_at(self, t_s: float, callback: Callable[[], None], /) -> Timer:
        """See `Clock.call_at`."""
        return self._clock.call_at(t_s, lambda: self._fire(callback))

    def call_later(self, delay_s: float, callback: Callable[[], None], /) -> Timer:
        """See `Clock.call_later`."""
        return self._clock.call_later(delay_s, lambda: self._fire(callback))

    def end(self) -> None:
        """Call nobody back any more."""
        self._live = False

    def _fire(self, callback: Callable[[], None]) -> None:
        if self._live:
            callback()


class Desk:
    """Shared by all parts.

    Args:
        policy: What the operator decides.
        clock: Whose time is told.
        payments: The provider.
        provider: Its name in the books.
        books: Where money and facts are kept.
        pricers: By tariff.
        sink: Takes rows.
        keep_facts: Whether facts are noted.
    """

    def __init__(
        self,
        policy: Policy,
        clock: LiveClock,
        payments: Payments,
        provider: str,
        books: Books,
        pricers: Mapping[str, Pricer],
        sink: Callable[[Row], None],
        keep_facts: bool,
    ) -> None:
        self.policy = policy
        self.clock = clock
        self.provider = provider
        self.books = books
        self.pricers = pricers
        self.sink = sink
        self.memory = Memory(policy.whitelist_size)
        self.broken = False
        self.closed = False
        self._payments = payments
        self._keep_facts = keep_facts
        self._block: AbstractContextManager[None] = nullcontext()
        self._depth = 0
        self._facts: list[Any] = []
        self._done = False
        """Whether this step let anything be so."""
        self._after: list[Callable[[], None]] = []
        self._sent: Callable[[Pay], None] = _nobody

    def on_sent(self, sent: Callable[[Pay], None]) -> None:
        """Tell somebody of every operation that is handed over."""
        self._sent = sent

    def step(self) -> Desk:
        """One step, in `with`; inner ones belong to the outermost.

        Raises:
            SettingsError: The books refuse, now or before; `restore` is the way back.
        """
        return self

    def check(self) -> None:
        """Accept to be used: the memory is what the books say.

        Raises:
            SettingsError: A step was not kept.
        """
        if self.broken and not self._depth:
            raise SettingsError("the cashier's last step was not kept: restore it from its books first")

    def __enter__(self) -> None:
        if not self._depth:
            self.check()
            self._block = self.books.atomic()
            self._block.__enter__()
            self.broken = True
            self.memory.now_s = self.clock.now_s
        self._depth += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._depth -= 1
        if self._depth:
            return
        done, self._done = self._done, False
        after, self._after = self._after, []
        if self._facts:
            facts, self._facts = self._facts, []
            if error is None:
                self._note(facts)
        self._block.__exit__(kind, error, trace)
        self.broken = done and error is not None
        if error is None:
            for call in after:
                call()

    def _note(self, facts: list[Any]) -> None:
        try:
            self.books.note(STREAM, KIND, {"t": self.memory.now_s, "do": _plain(facts)})
        except BaseException as failure:
            self._block.__exit__(type(failure), failure, failure.__traceback__)
            raise

    def do(self, kind: str, *arguments: Any) -> None:
        """Let something be so, within a step and at its instant: in memory now, in the books with the step."""
        self._done = True
        FOLD[kind](self.memory, *arguments)
        if self._keep_facts:
            self._facts.append((kind, *arguments))

    def post(self, entry: LedgerEntry) -> None:
        """Book an entry, if it moves anything."""
        if moves(entry):
            self.books.post(entry)

    def after(self, call: Callable[[], None]) -> None:
        """Do something once the step is safe; now, outside of every step."""
        if self._depth:
            self._after.append(call)
        else:
            call()

    def decide(self, pay: Pay, purpose: Purpose, amount_minor: int = 0, fee_minor: int = 0) -> None:
        """Decide an operation: written down with the step, handed over after it."""
        self.do("step", pay.name, purpose, amount_minor, fee_minor)
        self.hand_over(pay)

    def hand_over(self, pay: Pay) -> None:
        """Ask the provider for a payment's open step, once this step is safe; again is the same operation."""
        step = pay.step
        self.after(lambda: self._submit(pay) if pay.step is step else None)

    def _submit(self, pay: Pay) -> None:
        self._sent(pay)
        self._payments.submit(operation(pay))

    def ask(self, question: Operation) -> None:
        """Ask the provider what changes nothing."""
        self._payments.submit(question)

    def unix_ms(self) -> int:
        """Return now as Unix time in milliseconds."""
        return (self.clock.epoch_ns + round(self.clock.now_s * 1e9)) // 1_000_000

    def odd(self, subject: str, why: str) -> None:
        """Count something that fits nowhere."""
        self.sink(OddRow(self.clock.now_s, subject, why))

    def read(self) -> Iterator[tuple[float, Any]]:
        """Every fact of the books, with its time."""
        for entry in self.books.facts():
            if entry.kind == KIND and entry.stream == STREAM:
                yield from _of(entry)


def _of(entry: Entry) -> Iterator[tuple[float, Any]]:
    body: Mapping[str, Any] = entry.body
    for fact in body["do"]:
        yield body["t"], fact


def _plain(part: Any) -> Any:
    """JSON knows no named tuples."""
    return [_plain(inner) for inner in part] if isinstance(part, tuple | list) else part


def _nobody(_pay: Pay) -> None:
    """Nobody listens yet."""
