"""A cashier in a process of its own that is killed for real; street, bank and time live on in the parent.

The parent sends one message at a time and serves the child's questions until the child has done it. Both clocks step to
whatever is due first on either side, so that the child may be killed at any instruction and simulated time stands still.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable, Mapping
from itertools import count
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from tests.money.cashier.bench import PRICERS
from tests.money.cashier.crashing import ledger_of
from tests.money.cashier.street import DAY_S, Street, drawn_visits
from tests.money.payments.heap_clock import HeapClock
from twin.domain.payments import Notice, Operation, Outcome
from twin.money.accounts.audit import audit_money
from twin.money.accounts.audit_facts import Finding, MoneyFacts
from twin.money.cashier.cashier import Cashier
from twin.money.cashier.policy import Policy
from twin.money.cashier.wish import Metered
from twin.money.ledger.sql import SqlBooks
from twin.money.payments.faults import Faults
from twin.money.payments.simulated import SimulatedProvider
from twin.rng import stream

_FORK = get_context("fork")
_PATIENCE_S = 30.0
"""Real time for one message."""


class SteppedClock(HeapClock):
    """Tells when it has something to do."""

    @property
    def next_s(self) -> float:
        """When the next callback is due; infinite: never."""
        return self._heap[0][0] if self._heap else float("inf")


class Pipe:
    """The child's side: a provider, and whoever else is asked."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.sink: Callable[[Outcome | Notice], None] = lambda _news: None

    def tell(self, kind: str, *what: object) -> Any:
        """Say something to the parent and wait for its answer."""
        self._connection.send((kind, what))
        return self._connection.recv()

    def submit(self, operation: Operation, /) -> None:
        """See `Payments.submit`."""
        self.tell("submit", operation)

    def subscribe(self, sink: Callable[[Outcome | Notice], None], /) -> None:
        """See `Payments.subscribe`."""
        self.sink = sink


def child(connection: Connection, database: str, policy: Policy, now_s: float, again: bool) -> None:
    """Live as a cashier until somebody hangs up."""
    pipe, clock = Pipe(connection), SteppedClock(now_s)
    books = SqlBooks(f"sqlite:///{database}")
    cashier = Cashier(
        policy, clock, pipe, books, PRICERS,
        decided=lambda decision: pipe.tell("decided", decision),
        stop=lambda evse, why: pipe.tell("stop", evse, why),
        meter=lambda evse: pipe.tell("meter", evse),
        sink=lambda _row: None,
    )  # fmt: skip
    if again:
        cashier.restore()
    verbs: Mapping[str, Callable[..., Any]] = {
        "time": lambda t_s: clock.wait(max(t_s - clock.now_s, 0.0)),
        "news": pipe.sink,
        "call": lambda name, *args: getattr(cashier, name)(*args),
        "audited": cashier.audited,
        "close": books.close,
    }
    connection.send(("ready", clock.next_s))
    while True:
        verb, args = connection.recv()
        answer = verbs[verb](*args)
        connection.send(("done", (answer, clock.next_s)))


class Killed(Exception):
    """The child is gone."""


class Parent:
    """Runs a street against a cashier that is killed now and then.

    Args:
        seed: Of the street, the faults and the kills.
        database: Path of a SQLite file that is not there yet.
        policy: Of the cashier.
        faults: Of the provider.
        kill_every: About how many messages there are between two kills; 0: none.
    """

    def __init__(self, seed: int, database: Path, policy: Policy, faults: Faults, kill_every: int) -> None:
        self.clock = SteppedClock()
        self.provider = SimulatedProvider(self.clock, seed=seed, faults=faults, retention_s=400 * DAY_S)
        self._inbox: list[Outcome | Notice] = []
        self.provider.subscribe(self._inbox.append)
        self.street = Street(self.clock, drawn_visits(seed, 5, 1.0))
        self.street.cashier = Remote(self)  # type: ignore[assignment]
        self._database, self._policy = database, policy
        self._rng: np.random.Generator = stream(seed, "kills")
        self._kill_every = kill_every
        self._next_s = float("inf")
        self._numbers = count()
        self.kills = 0
        self._start(again=False)

    def run(self) -> None:
        """To the end, whatever is killed."""
        until_s = self.street.end_s + 8 * DAY_S
        while True:
            t_s = min(self.clock.next_s, self._next_s, until_s)
            self.clock.wait(max(t_s - self.clock.now_s, 0.0))
            self.talk("time", t_s)
            while self._inbox:
                self.talk("news", self._inbox.pop(0))
            if t_s >= until_s:
                return

    def talk(self, verb: str, *args: object) -> Any:
        """Have the child do something; if it dies of it, its successor does it again."""
        while True:
            try:
                return self._talk(verb, args)
            except (Killed, EOFError, ConnectionError):
                self._process.join()
                self._connection.close()
                self.kills += 1
                self._start(again=True)

    def _talk(self, verb: str, args: tuple[object, ...]) -> Any:
        doomed = self._kill_every and self._rng.integers(self._kill_every) == 0
        self._connection.send((verb, args))
        if doomed:
            self._kill_within(float(self._rng.exponential(0.002)))
        return self._serve("done")

    def _kill_within(self, delay_s: float) -> None:
        """Kill the child after some real time of work, wherever it is; serve what it asks until then."""
        while self._connection.poll(delay_s):
            kind, what = self._connection.recv()
            if kind == "done" or self._rng.integers(3) == 0:
                break
            self._connection.send(self._answer(kind, what))
        os.kill(self._process.pid or 0, signal.SIGKILL)
        raise Killed

    def _serve(self, last: str) -> Any:
        """Answer questions until the child has done what it was told."""
        while True:
            if not self._connection.poll(_PATIENCE_S):
                raise AssertionError(f"the child has been silent for {_PATIENCE_S} s")
            kind, what = self._connection.recv()
            if kind == last:
                break
            self._connection.send(self._answer(kind, what))
        if last == "ready":
            self._next_s = what
            return None
        answer, self._next_s = what
        return answer

    def _answer(self, kind: str, what: tuple[Any, ...]) -> Metered | None:
        if kind == "submit":
            self.provider.submit(what[0])
        elif kind == "decided":
            self.street.decided(what[0])
        elif kind == "stop":
            self.street.stop(*what)
        else:
            return self.street.meter(what[0])
        return None

    def _start(self, *, again: bool) -> None:
        self._connection, theirs = _FORK.Pipe()
        self._process = _FORK.Process(
            target=child,
            args=(theirs, str(self._database), self._policy, self.clock.now_s, again),
            daemon=True,
        )
        self._process.start()
        theirs.close()
        self._serve("ready")

    def end(self) -> tuple[Counter[tuple[str, str, str, str, int]], list[Finding]]:
        """Let the child go, and return what is in the books, and what does not add up."""
        payments, sessions = self.talk("audited")
        self.talk("close")
        os.kill(self._process.pid or 0, signal.SIGKILL)
        self._process.join()
        self._connection.close()
        books = SqlBooks(f"sqlite:///{self._database}")
        found = audit_money(
            MoneyFacts(
                entries=books.entries(),
                payments=payments,
                sessions=sessions,
                balances=books.balances(),
                complete=False,
            )
        )
        ledger = ledger_of(books)
        books.close()
        return ledger, found


class Remote:
    """A cashier as the street sees it."""

    def __init__(self, parent: Parent) -> None:
        self._parent = parent

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda *args: self._parent.talk("call", name, *args)
