"""What goes wrong with a provider, as rates. Every default is an ASSUMPTION: no public source has real figures.

They are there to be swept. Each rate is compared with a draw of its own, so changing one moves no other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import exp, log
from statistics import NormalDist

CARD_DECLINES = ("expired_card", "lost_card", "fraudulent")
"""Of the card: drawn once per payment, so asking again is in vain."""
CHANCE_DECLINES = ("insufficient_funds", "do_not_honor", "processing_error")
"""Of the moment: drawn at every try."""
OFF_SESSION_DECLINE = "authentication_required"
"""Where nobody is there to confirm: of a monthly bill only."""
DECLINES = (*CARD_DECLINES, *CHANCE_DECLINES, OFF_SESSION_DECLINE)

_Z99 = NormalDist().inv_cdf(0.99)
_normal = NormalDist().inv_cdf
_LEAST = 2.0**-33
"""Instead of a draw of 0: half a step."""


def _declines() -> dict[str, float]:
    return {
        "insufficient_funds": 0.02,
        "do_not_honor": 0.01,
        "processing_error": 0.002,
        "expired_card": 0.005,
        "lost_card": 0.001,
        "fraudulent": 0.002,
        "authentication_required": 0.01,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """Rates are shares of what they happen to, within 0 to 1.

    Raises:
        ValueError: Something is out of range; the message names every one.
    """

    declines: Mapping[str, float] = field(default_factory=_declines)
    """Code (of `DECLINES`) to the share of authorisations it refuses."""
    increment_declined: float = 0.03
    """Of requests to raise a hold."""
    action: float = 0.15
    """3-D Secure, of cards in an app. Terminals and wallets have confirmed already."""
    action_completed: float = 0.9
    """Drivers who confirm; the others give up."""
    action_s: float = 25.0
    """Median time they take; the longest hundredth takes four times as long."""

    latency_s: float = 0.6
    """Median of an answer; 0: at once."""
    latency_p99_s: float = 3.0
    timeout_s: float = 30.0
    """After that, nobody waits for an answer any more."""
    request_lost: float = 0.0005
    """Before the provider did anything."""
    answer_lost: float = 0.0005
    """After it did."""
    server_error: float = 0.0003
    """A server error that is kept under the key."""
    server_error_done: float = 0.5
    """Of those: it was done all the same."""
    outages_per_year: float = 4.0
    outage_s: float = 1_800.0
    """Mean length."""
    bursts_per_year: float = 24.0
    """Times in which requests are refused by 429."""
    burst_s: float = 120.0
    """Mean length."""
    burst_refused: float = 0.8
    """Of requests in a burst."""

    notice_s: float = 2.0
    """Median delay of a notice; 0: at once."""
    notice_lost: float = 0.001
    """Never comes: three days of retries were in vain."""
    notice_late: float = 0.005
    notice_late_s: float = 4 * 3_600.0
    """Mean delay of those that are late."""
    notice_doubled: float = 0.02
    notice_reordered: float = 0.02
    """Kept back long enough for later ones to overtake."""

    hold_short: float = 0.0
    """Holds that the issuer ends early."""
    hold_short_s: float = 2 * 3_600.0
    """How long those last."""
    dispute: float = 0.0005
    """Of captured payments."""
    dispute_days: float = 30.0
    """Mean days from capture to dispute."""
    dispute_won: float = 0.3
    dispute_decided_days: float = 60.0
    """Mean days from dispute to decision."""
    refund_failed: float = 0.01
    refund_failed_days: float = 5.0
    """Days until a refund comes back."""
    card_removed: float = 0.01
    """Of monthly bills: the driver took the saved card away before."""

    def __post_init__(self) -> None:
        wrong = list(self._wrong())
        if wrong:
            raise ValueError("faults of a provider: " + "; ".join(wrong))

    @classmethod
    def none(cls) -> Faults:
        """Return a provider that does everything right, at once."""
        return cls(declines={}, **dict.fromkeys(_OCCUR, 0.0))

    @property
    def latency_sigma(self) -> float:
        """Of the logarithm of the latency, by its median and 99th percentile."""
        return log(self.latency_p99_s / self.latency_s) / _Z99 if self.latency_s else 0.0

    def _wrong(self) -> Iterator[str]:
        for name in _RATES:
            if not 0 <= (rate := getattr(self, name)) <= 1:
                yield f"{name} is {rate}, and must be within 0 to 1"
        for code, rate in self.declines.items():
            if code not in DECLINES:
                yield f"declines: {code} is unknown, and must be one of {', '.join(DECLINES)}"
            elif not 0 <= rate <= 1:
                yield f"declines: {code} is {rate}, and must be within 0 to 1"
        for name in _POSITIVE:
            if not 0 < (value := getattr(self, name)) < float("inf"):
                yield f"{name} is {value}, and must be above 0"
        for name in ("latency_s", "notice_s", "outages_per_year", "bursts_per_year"):
            if not 0 <= (value := getattr(self, name)) < float("inf"):
                yield f"{name} is {value}, and must not be negative"
        if self.latency_s and not self.latency_s <= self.latency_p99_s < float("inf"):
            yield f"latency_p99_s is {self.latency_p99_s}, and must be at least the median of {self.latency_s}"


_POSITIVE = (
    "action_s", "timeout_s", "outage_s", "burst_s", "notice_late_s", "hold_short_s", "dispute_days",
    "dispute_decided_days", "refund_failed_days",
)  # fmt: skip
_OCCUR = (
    "increment_declined", "action", "latency_s", "request_lost", "answer_lost", "server_error", "outages_per_year",
    "bursts_per_year", "notice_s", "notice_lost", "notice_late", "notice_doubled", "notice_reordered", "hold_short",
    "dispute", "refund_failed", "card_removed",
)  # fmt: skip
"""What there is none of at a provider without faults; the others say how it goes when it happens."""
_RATES = (
    "increment_declined", "action", "action_completed", "request_lost", "answer_lost", "server_error",
    "server_error_done", "burst_refused", "notice_lost", "notice_late", "notice_doubled", "notice_reordered",
    "hold_short", "dispute", "dispute_won", "refund_failed", "card_removed",
)  # fmt: skip


def lognormal(median: float, sigma: float, draw: float) -> float:
    """Return a log-normal value from a uniform draw within [0, 1)."""
    return median * exp(sigma * _normal(draw or _LEAST))


def exponential(mean: float, draw: float) -> float:
    """Return an exponential value from a uniform draw within [0, 1)."""
    return -mean * log(1.0 - draw)
