"""The driver's bank: who grants, declines, and asks for 3-D Secure."""

from __future__ import annotations

from typing import Protocol

from twin.money.payments.bank_records import Intent, Method


class Issuer(Protocol):
    """Decides about a card. Its answer to the same question is always the same."""

    def charge(self, intent: Intent, method: Method, /) -> str:
        """Return "" to grant, `action` to ask for 3-D Secure, else a code of decline.

        `intent.off_session` says that nobody is there to confirm: 3-D Secure is a decline then.
        """
        ...

    def confirmed(self, intent: Intent, method: Method, /) -> str:
        """Return the answer after 3-D Secure went well: "" or a code of decline."""
        ...

    def window_s(self, intent: Intent, usual_s: float, /) -> float:
        """Return how long it keeps a hold; `usual_s` by the contract."""
        ...

    def increment(self, intent: Intent, method: Method, /) -> str:
        """Return "" to let a hold be raised, else a code of decline; the hold stays as it was."""
        ...

    def save(self, method: Method, /) -> str:
        """Return "" to let a card be saved, `action` to ask for 3-D Secure, else a code of decline."""
        ...


ACTION = "action"
"""An issuer's answer: the driver must confirm first."""


class CardIssuer:
    """Implements `Issuer` by what each test card does."""

    def charge(self, intent: Intent, method: Method, /) -> str:
        """See `Issuer.charge`."""
        behaviour = method.behaviour
        if behaviour.decline:
            return behaviour.decline
        if not behaviour.action or (behaviour.action_until_saved and method.confirmed):
            return ""
        return "authentication_required" if intent.off_session else ACTION

    def confirmed(self, _intent: Intent, _method: Method, /) -> str:
        """See `Issuer.confirmed`: whoever confirms, pays."""
        return ""

    def window_s(self, _intent: Intent, usual_s: float, /) -> float:
        """See `Issuer.window_s`: as the contract says."""
        return usual_s

    def increment(self, _intent: Intent, method: Method, /) -> str:
        """See `Issuer.increment`."""
        return method.behaviour.decline

    def save(self, method: Method, /) -> str:
        """See `Issuer.save`."""
        return method.behaviour.attach_decline or (ACTION if method.behaviour.action else "")
