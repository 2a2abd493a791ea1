"""Providers for tests: the simulated one with given faults, and one that does what the test says."""

from __future__ import annotations

from collections.abc import Callable

from twin.domain.clock import Clock
from twin.domain.payments import (
    Authorise,
    Cancel,
    Capture,
    Done,
    Fetch,
    Notice,
    Operation,
    Outcome,
    Refused,
    Snapshot,
    Status,
    Unknown,
)  # fmt: skip
from twin.money.payments.faults import Faults
from twin.money.payments.simulated import SimulatedProvider


def simulated(faults: Faults, seed: int = 1) -> Callable[[Clock], SimulatedProvider]:
    """A simulated provider with given faults."""
    return lambda clock: SimulatedProvider(clock, seed=seed, faults=faults)


class Scripted:
    """Remembers what it was asked, and answers nothing by itself (but errors, where it is failing)."""

    def __init__(self, clock: Clock) -> None:
        self.asked: list[Operation] = []
        self.failing = False
        self._clock = clock
        self._sink: Callable[[Outcome | Notice], None]

    def submit(self, operation: Operation, /) -> None:
        """See `Payments.submit`."""
        self.asked.append(operation)
        if self.failing:
            self.fail(operation)

    def subscribe(self, sink: Callable[[Outcome | Notice], None], /) -> None:
        """See `Payments.subscribe`."""
        self._sink = sink

    def kinds(self) -> list[str]:
        """What was asked, by kind."""
        return [type(operation).__name__ for operation in self.asked]

    def ids(self, kind: type) -> list[str]:
        """Names of what was asked of one kind."""
        return [operation.id for operation in self.asked if isinstance(operation, kind)]

    def say(self, news: Outcome | Notice) -> None:
        """Tell the cashier."""
        self._sink(news)

    def fail(self, operation: Operation | None = None, *, burnt: bool = False) -> None:
        """Nobody knows what became of an operation; None: of the latest."""
        about = operation or self.asked[-1]
        self.say(Unknown(about.id, about.payment, self._clock.now_s, "no answer", burnt))

    def refuse(self, code: str, snapshot: Snapshot | None = None) -> None:
        """Refuse the latest."""
        self.say(
            Refused(self.asked[-1].id, self.asked[-1].payment, self._clock.now_s, code, snapshot=snapshot)
        )

    def done(self, snapshot: Snapshot) -> None:
        """Do the latest."""
        self.say(Done(self.asked[-1].id, self.asked[-1].payment, self._clock.now_s, snapshot))

    def held(self, amount_minor: int = 6000, before_s: float = 7 * 86_400.0, **more: object) -> Snapshot:
        """How the latest payment looks when it is held."""
        name = self.asked[-1].payment
        held = Snapshot(
            name,
            "pi",
            Status.HELD,
            "EUR",
            amount_minor,
            capture_before_s=before_s,
            capture_limit_minor=amount_minor,
        )
        return held._replace(**more)  # type: ignore[arg-type]

    def grant(self, _after_s: float = 0.0) -> None:
        """Grant the first hold."""
        first = next(operation for operation in self.asked if isinstance(operation, Authorise))
        self.say(Done(first.id, first.payment, self._clock.now_s, self.held(first.amount_minor)))


__all__ = ["Authorise", "Cancel", "Capture", "Fetch", "Scripted", "simulated"]
