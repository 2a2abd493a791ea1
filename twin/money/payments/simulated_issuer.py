"""A driver's bank with faults: declines, 3-D Secure and short holds by rate."""

from __future__ import annotations

from twin.domain.payments import Means
from twin.money.payments.bank_issuer import ACTION, CardIssuer
from twin.money.payments.bank_records import Intent, Method
from twin.money.payments.faults import CARD_DECLINES, CHANCE_DECLINES, OFF_SESSION_DECLINE, Faults
from twin.rng import uniforms

PAYMENT = "payment"
OPERATION = "operation"
"""Keys of an intent's metadata: our name of the payment, and of what asked for it."""


class FaultyIssuer(CardIssuer):
    """Implements `Issuer`: what a test card does comes first, then what the rates say.

    Draws are named by the payment (its card) and by the operation (the moment), so they depend on no order.

    Args:
        faults: The rates.
        seed: The run's.
    """

    def __init__(self, faults: Faults, seed: int) -> None:
        self._faults = faults
        self._seed = seed
        rates = faults.declines
        self._of_card = [(code, rates.get(code, 0.0)) for code in CARD_DECLINES]
        self._of_moment = [(code, rates.get(code, 0.0)) for code in CHANCE_DECLINES]
        self._off_session = rates.get(OFF_SESSION_DECLINE, 0.0)
        self._never = not any(rates.values()) and not faults.action

    def charge(self, intent: Intent, method: Method, /) -> str:
        """See `Issuer.charge`."""
        known = super().charge(intent, method)
        if known or self._never:
            return known
        card = self._card(intent)
        for draw, (code, rate) in zip(card, self._of_card, strict=False):
            if draw < rate:
                return code
        moment = uniforms(self._seed, f"payments/moment/{intent.metadata.get(OPERATION, intent.id)}")
        for draw, (code, rate) in zip(moment, self._of_moment, strict=False):
            if draw < rate:
                return code
        if intent.means is Means.ACCOUNT:
            return OFF_SESSION_DECLINE if card[3] < self._off_session else ""
        return ACTION if intent.means is Means.APP and card[4] < self._faults.action else ""

    def window_s(self, intent: Intent, usual_s: float, /) -> float:
        """See `Issuer.window_s`."""
        rate = self._faults.hold_short
        if rate and self._card(intent)[5] < rate:
            return min(self._faults.hold_short_s, usual_s)
        return usual_s

    def increment(self, intent: Intent, method: Method, /) -> str:
        """See `Issuer.increment`."""
        known = super().increment(intent, method)
        rate = self._faults.increment_declined
        if known or not rate:
            return known
        draw = uniforms(self._seed, "payments", "increment", self._payment(intent), intent.amount_minor)[0]
        return CHANCE_DECLINES[0] if draw < rate else ""

    def _card(self, intent: Intent) -> tuple[float, ...]:
        return uniforms(self._seed, f"payments/card/{self._payment(intent)}")

    @staticmethod
    def _payment(intent: Intent) -> str:
        return intent.metadata.get(PAYMENT, intent.id)
