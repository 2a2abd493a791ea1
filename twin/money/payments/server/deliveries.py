"""Webhooks on their way out: signed, tried again for three days, and late, lost, doubled or out of order by `Faults`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
import stripe

from twin.domain.clock import Clock
from twin.money.payments.bank_errors import invalid, missing
from twin.money.payments.bank_records import BankEvent, Intent
from twin.money.payments.faults import Faults, exponential, lognormal
from twin.money.payments.server.gallery import Gallery
from twin.money.payments.server.instants import Instants
from twin.money.payments.server.wire import Json
from twin.rng import uniform, uniforms

RETRIES_S = (
    60.0,
    300.0,
    1_800.0,
    7_200.0,
    18_000.0,
    36_000.0,
    36_000.0,
    36_000.0,
    36_000.0,
    36_000.0,
    36_000.0,
)
"""Waits between tries: three days in all, as Stripe's documentation promises; the steps are an ASSUMPTION."""
KEPT = 100_000
"""Events that can be looked up."""


@dataclass(slots=True)
class Endpoint:
    """Where webhooks go."""

    id: str
    created_s: float
    url: str
    secret: str
    kinds: tuple[str, ...]
    """`*`: all."""

    def wants(self, kind: str) -> bool:
        """Whether it is told of an event."""
        return "*" in self.kinds or kind in self.kinds


@dataclass(frozen=True, slots=True)
class Parcel:
    """One try of one delivery."""

    endpoint: Endpoint
    body: bytes
    signature: str


class Deliveries:
    """Makes events of what the bank tells, and sends them.

    Args:
        clock: When deliveries are due.
        at: Instants on the wire.
        gallery: Shows what an event is about.
        request: Returns id and idempotency key of the request that is under way.
        send: Sends a parcel; it must say later by `answered` how that went.
        faults: Rates.
        seed: The run's.
    """

    def __init__(
        self,
        clock: Clock,
        at: Instants,
        gallery: Gallery,
        request: Callable[[], tuple[str, str]],
        send: Callable[[Parcel, Callable[[int], None]], None],
        *,
        faults: Faults,
        seed: int,
    ) -> None:
        self._clock = clock
        self._at = at
        self._gallery = gallery
        self._request = request
        self._send = send
        self._faults = faults
        self._seed = seed
        self.events: dict[str, Json] = {}
        self.endpoints: dict[str, Endpoint] = {}
        self._pending: dict[str, int] = {}
        self.given_up: list[str] = []
        """Events that no endpoint took in three days."""

    def register(self, url: str, kinds: list[str], secret: str = "") -> Endpoint:
        """Add an endpoint.

        Raises:
            BankError: The address is none.
        """
        if not url.startswith(("http://", "https://")):
            raise invalid("url_invalid", "Not a valid URL.", "url")
        name = f"we_twin{len(self.endpoints) + 1:010d}"
        secret = secret or f"whsec_twin{uniform(self._seed, 'secret', name):.12f}"
        endpoint = Endpoint(name, self._clock.now_s, url, secret, tuple(kinds))
        self.endpoints[name] = endpoint
        return endpoint

    def remove(self, name: str) -> None:
        """Forget an endpoint.

        Raises:
            BankError: There is none.
        """
        if self.endpoints.pop(name, None) is None:
            raise missing("webhook endpoint", name)

    def told(self, event: BankEvent) -> None:
        """Keep an event as it is now, and plan its deliveries."""
        about_charge = isinstance(event.thing, Intent) and event.kind.startswith("charge.")
        shown = (
            self._gallery.charge(event.thing)
            if about_charge and isinstance(event.thing, Intent)
            else self._gallery.show(event.thing)
        )
        wanting = [one for one in self.endpoints.values() if one.wants(event.kind)]
        request, key = self._request()
        self.events[event.id] = {
            "id": event.id,
            "object": "event",
            "api_version": stripe.api_version,
            "created": self._at.unix(event.created_s),
            "data": {"object": shown},
            "livemode": False,
            "pending_webhooks": len(wanting),
            "request": {"id": request or None, "idempotency_key": key or None},
            "type": event.kind,
        }
        if len(self.events) > KEPT:
            del self.events[next(iter(self.events))]
        for endpoint in wanting:
            self._plan(endpoint, event.id)

    def shown(self, name: str) -> Json:
        """Return an event.

        Raises:
            BankError: There is none.
        """
        event = self.events.get(name)
        if event is None:
            raise missing("event", name)
        return event

    def _plan(self, endpoint: Endpoint, name: str) -> None:
        faults = self._faults
        lost, wait, late, how_late, doubled, again, back, how_back = uniforms(
            self._seed, "webhook", endpoint.id, name
        )
        if lost < faults.notice_lost:
            return
        sigma = 0.5
        delay_s = lognormal(faults.notice_s, sigma, wait) if faults.notice_s else 0.0
        if late < faults.notice_late:
            delay_s += exponential(faults.notice_late_s, how_late)
        if back < faults.notice_reordered:
            delay_s += 10 * faults.notice_s + 60 * how_back
        body = orjson.dumps(self.events[name])
        self._clock.call_later(delay_s, lambda: self._try(endpoint, name, body, 0))
        if doubled < faults.notice_doubled:
            second_s = delay_s + 1 + 60 * again
            self._clock.call_later(second_s, lambda: self._try(endpoint, name, body, 0))

    def _try(self, endpoint: Endpoint, name: str, body: bytes, tried: int) -> None:
        stamp = self._at.unix(self._clock.now_s)
        text = body.decode()
        signature = stripe.WebhookSignature.generate_signature_header(text, endpoint.secret, stamp)

        def answered(status: int) -> None:
            if 200 <= status < 300 or endpoint.id not in self.endpoints:
                return
            if tried >= len(RETRIES_S):
                self.given_up.append(name)
                return
            wait_s = RETRIES_S[tried] * (0.9 + 0.2 * uniform(self._seed, "webhook-retry", name, tried))
            self._clock.call_later(wait_s, lambda: self._try(endpoint, name, body, tried + 1))

        self._send(Parcel(endpoint, body, signature), answered)


def endpoint_shown(endpoint: Endpoint, at: Instants, *, secret: bool) -> Json:
    """Return an endpoint as on the wire; its secret is told once, when it is made."""
    shown: dict[str, Any] = {
        "id": endpoint.id,
        "object": "webhook_endpoint",
        "api_version": None,
        "application": None,
        "created": at.unix(endpoint.created_s),
        "description": None,
        "enabled_events": list(endpoint.kinds),
        "livemode": False,
        "metadata": {},
        "status": "enabled",
        "url": endpoint.url,
    }
    return {**shown, "secret": endpoint.secret} if secret else shown
