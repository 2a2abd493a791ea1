"""A payment provider in simulated time: the bank behind a line that delays, loses and doubles what goes over it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from twin.domain.clock import Clock
from twin.domain.payments import Authorise, Fetch, Means, Notice, Operation, Outcome, Unknown
from twin.money.payments.backoff import Backoff
from twin.money.payments.bank import Bank
from twin.money.payments.bank_terms import DAY_S, Terms
from twin.money.payments.faults import Faults, lognormal
from twin.money.payments.fees import Fees
from twin.money.payments.simulated_desk import Desk, Failure
from twin.money.payments.simulated_issuer import FaultyIssuer
from twin.money.payments.simulated_notices import KINDS, Post
from twin.money.payments.simulated_sequels import Sequels
from twin.money.payments.windows import Windows
from twin.rng import uniform, uniforms

RETENTION_S = 60 * DAY_S
_FLAWLESS = (1.0,) * 8


class SimulatedProvider:
    """Implements `domain.payments.Payments`.

    What is asked is done the moment it reaches the bank; the answer comes later. A 429 is asked again under the same
    id after a back-off, as an adapter does it; nothing else is.

    Args:
        clock: Simulated time.
        seed: The run's.
        faults: What goes wrong; None: the assumed rates.
        terms: The contract; None: the usual one.
        fees: The price list; None: the assumed one.
        backoff: After a 429.
        retention_s: How long a payment that is over is remembered, seconds; then it is not found any more.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        seed: int,
        faults: Faults | None = None,
        terms: Terms | None = None,
        fees: Fees | None = None,
        backoff: Backoff | None = None,
        retention_s: float = RETENTION_S,
    ) -> None:
        self._faults = faults = Faults() if faults is None else faults
        self.bank = Bank(seed=seed, terms=terms, fees=fees, issuer=FaultyIssuer(faults, seed), kinds=KINDS)
        self._clock = clock
        self._seed = seed
        self._backoff = backoff or Backoff()
        self._desk = Desk(self.bank, seed, retention_s)
        self._sinks: list[Callable[[Outcome | Notice], None]] = []
        self._outages = Windows(seed, "outage", faults.outages_per_year, faults.outage_s)
        self._bursts = Windows(seed, "burst", faults.bursts_per_year, faults.burst_s)
        self._post = Post(clock, faults, seed, self._tell, self._outages.until_s)
        sequels = Sequels(self.bank, self._desk, clock, faults, seed, self._happened)
        self.bank.state.listen(sequels.take)
        self.bank.state.listen(self._post.take)
        self._sigma = faults.latency_sigma
        self._line = any((faults.latency_s, faults.request_lost, faults.answer_lost, faults.server_error))
        self._unanswered: dict[str, int] = {}
        self._watched_s = float("inf")

    def submit(self, operation: Operation, /) -> None:
        """See `Payments.submit`."""
        self._ask(operation, self._unanswered.get(operation.id, 0), 1)

    def subscribe(self, sink: Callable[[Outcome | Notice], None], /) -> None:
        """See `Payments.subscribe`."""
        self._sinks.append(sink)

    def publish(self) -> None:
        """Send the notices of what was done at the bank by somebody else: an office, a test."""
        self._happened(self._clock.now_s)

    @property
    def remembered(self) -> int:
        """How many payments are remembered."""
        return len(self._desk)

    def _ask(self, operation: Operation, nth: int, attempt: int) -> None:
        """Send an operation for the `nth` time, at the `attempt`-th try since it was refused by 429."""
        now_s = self._clock.now_s
        if self._outages.until_s(now_s) is not None:
            self._answer(self._unknown(operation, "outage"), self._faults.timeout_s)
            return
        if self._bursts.until_s(now_s) is not None and self._throttled(operation, nth, attempt):
            return
        draws = uniforms(self._seed, f"payments/line/{operation.id}/{nth}") if self._line else _FLAWLESS
        median_s = self._faults.latency_s
        latency_s = lognormal(median_s, self._sigma, draws[0]) if median_s else 0.0
        if draws[1] < self._faults.request_lost:
            self._answer(self._unknown(operation, "request lost"), self._faults.timeout_s)
            return
        outcome = self._do(operation, draws, now_s)
        if draws[4] < self._faults.answer_lost or latency_s > self._faults.timeout_s:
            outcome, latency_s = self._unknown(operation, "no answer"), self._faults.timeout_s
        elif isinstance(outcome, Unknown):
            self._unanswered[operation.id] = nth + 1
        self._answer(outcome, latency_s)
        self._happened(now_s)

    def _do(self, operation: Operation, draws: tuple[float, ...], now_s: float) -> Outcome:
        failure = Failure.NONE
        if draws[2] < self._faults.server_error:
            failure = Failure.AFTER if draws[3] < self._faults.server_error_done else Failure.BEFORE
            if isinstance(operation, Fetch):
                return self._unknown(operation, "server error")
        if isinstance(operation, Authorise):
            self._lose_card(operation, now_s)
        return self._desk.do(operation, now_s, failure)

    def _throttled(self, operation: Operation, nth: int, attempt: int) -> bool:
        draw = uniforms(self._seed, "payments", "429", operation.id, nth, attempt)
        if draw[0] >= self._faults.burst_refused:
            return False
        delay_s = self._backoff.delay_s(attempt, draw[1])
        if delay_s is None:
            self._answer(self._unknown(operation, "too many requests"), 0.0)
        else:
            again = partial(self._ask, operation, nth, attempt + 1)
            self._clock.call_at(self._clock.now_s + delay_s, again)
        return True

    def _unknown(self, operation: Operation, why: str) -> Unknown:
        """Make an outcome of which nothing is known; the next time, other luck is drawn."""
        self._unanswered[operation.id] = self._unanswered.get(operation.id, 0) + 1
        return Unknown(operation.id, operation.payment, self._clock.now_s, why)

    def _answer(self, outcome: Outcome, delay_s: float) -> None:
        if delay_s:
            self._clock.call_at(self._clock.now_s + delay_s, partial(self._tell, outcome))
        else:
            self._tell(outcome)

    def _tell(self, news: Outcome | Notice) -> None:
        for sink in self._sinks:
            sink(news)

    def _lose_card(self, operation: Authorise, now_s: float) -> None:
        """Let the driver of a monthly bill take the card away before it is charged, by the rate."""
        rate, wanted = self._faults.card_removed, operation.instrument
        if not rate or wanted.means is not Means.ACCOUNT:
            return
        if uniform(self._seed, "payments", "card removed", operation.payment) < rate:
            self._desk.remove_card(wanted.customer, now_s)

    def _happened(self, now_s: float) -> None:
        """Send notices of what was done, and be there when the next hold ends."""
        self._post.flush(now_s)
        intents = self.bank.intents
        if intents.soonest_end_s < self._watched_s and (end_s := intents.next_end_s) < self._watched_s:
            self._watched_s = end_s
            self._clock.call_at(end_s, self._expire)

    def _expire(self) -> None:
        now_s = self._clock.now_s
        if now_s >= self._watched_s:
            self._watched_s = float("inf")
        self.bank.intents.advance(now_s)
        self._happened(now_s)
