"""Notices on their way: late, twice, the wrong way round, or never."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from twin.domain.clock import Clock
from twin.domain.payments import Notice
from twin.money.payments.bank_records import BankEvent
from twin.money.payments.faults import Faults, exponential, lognormal
from twin.money.payments.simulated_issuer import OPERATION, PAYMENT
from twin.rng import uniforms

KINDS = frozenset({
    "payment_intent.requires_action",
    "payment_intent.payment_failed",
    "payment_intent.amount_capturable_updated",
    "payment_intent.succeeded",
    "payment_intent.canceled",
    "refund.created",
    "refund.failed",
    "charge.dispute.created",
    "charge.dispute.closed",
})  # fmt: skip
"""What we asked to be told."""

_SIGMA = 0.8
"""Of the logarithm of a notice's usual delay: the slowest hundredth takes six times the median."""
_OVERTAKEN_S = 60.0
"""How long at most a reordered notice is kept back on top."""
_AGAIN_S = 300.0
"""Mean time to the second copy."""


class Post:
    """Sends notices.

    Args:
        clock: Where what is under way waits.
        faults: The rates.
        seed: The run's.
        tell: Gets each notice.
        closed_until_s: When an outage ends that is open at an instant, None if there is none: nothing is sent then.
    """

    def __init__(
        self,
        clock: Clock,
        faults: Faults,
        seed: int,
        tell: Callable[[Notice], None],
        closed_until_s: Callable[[float], float | None],
    ) -> None:
        self._clock = clock
        self._faults = faults
        self._seed = seed
        self._tell = tell
        self._closed_until_s = closed_until_s
        self._taken: list[BankEvent] = []
        f = faults
        self._at_once = not any(
            (f.notice_s, f.notice_lost, f.notice_late, f.notice_doubled, f.notice_reordered)
        )

    def take(self, event: BankEvent) -> None:
        """Accept an event; it leaves with the next `flush`, when its operation has been answered."""
        self._taken.append(event)

    def flush(self, now_s: float) -> None:
        """Send what was taken."""
        while self._taken:
            taken, self._taken = self._taken, []
            for event in taken:
                self._send(event, now_s)

    def _send(self, event: BankEvent, now_s: float) -> None:
        intent = event.intent
        if intent is None:
            return
        payment = intent.metadata.get(PAYMENT, intent.id)
        notice = Notice(event.id, payment, event.created_s, event.kind)
        if self._at_once:
            self._tell(notice)
            return
        # Named by what happened, and the how-manieth of its kind it is: in no order of other payments.
        nth = intent.increments + intent.attempts + len(intent.refunds) + len(intent.disputes)
        asked = intent.metadata.get(OPERATION, intent.id)
        draws = uniforms(self._seed, f"payments/notice/{asked}/{event.kind}/{nth}")
        if draws[0] < self._faults.notice_lost:
            return
        due_s = (self._closed_until_s(now_s) or now_s) + self._delay_s(draws)
        self._clock.call_at(due_s, partial(self._tell, notice))
        if draws[6] < self._faults.notice_doubled:
            self._clock.call_at(due_s + exponential(_AGAIN_S, draws[7]), partial(self._tell, notice))

    def _delay_s(self, draws: tuple[float, ...]) -> float:
        faults = self._faults
        delay_s = lognormal(faults.notice_s, _SIGMA, draws[1]) if faults.notice_s else 0.0
        if draws[2] < faults.notice_late:
            delay_s += exponential(faults.notice_late_s, draws[3])
        if draws[4] < faults.notice_reordered:
            delay_s += _OVERTAKEN_S * draws[5]
        return delay_s
