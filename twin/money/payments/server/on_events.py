"""Requests about events and webhook endpoints; and the twin's own, under `/_twin`, that no provider has."""

from __future__ import annotations

from twin.money.payments.server.deliveries import Deliveries, endpoint_shown
from twin.money.payments.server.params import EXPAND, PAGE, need, strings, text
from twin.money.payments.server.routing import Call, Route, page
from twin.money.payments.server.wire import Json, listed

_ENDPOINT = {
    **EXPAND,
    "url": "str",
    "enabled_events": "strings",
    "description": "str",
    "metadata": "metadata",
}


def routes(deliveries: Deliveries) -> tuple[Route, ...]:
    """Return the routes about what a server sends of itself."""

    def create(call: Call) -> Json:
        need(call.params, "url", "enabled_events")
        made = deliveries.register(text(call.params, "url"), strings(call.params, "enabled_events"))
        return endpoint_shown(made, call.at, secret=True)

    def endpoints(call: Call) -> Json:
        shown = [endpoint_shown(one, call.at, secret=False) for one in deliveries.endpoints.values()]
        return listed(call.path, shown)

    def remove(call: Call) -> Json:
        deliveries.remove(call.name)
        return {"id": call.name, "object": "webhook_endpoint", "deleted": True}

    def events(call: Call) -> Json:
        call.bank.intents.advance(call.t_s)
        kind = text(call.params, "type")
        found = [one for one in reversed(deliveries.events.values()) if not kind or one["type"] == kind]
        return page(call, found)

    def event(call: Call) -> Json:
        return deliveries.shown(call.name)

    base = "/v1/webhook_endpoints"
    return (
        Route("POST", base, create, _ENDPOINT),
        Route("GET", base, endpoints, {**EXPAND, **PAGE}),
        Route("DELETE", f"{base}/{{id}}", remove, {}),
        Route("GET", "/v1/events", events, {**EXPAND, **PAGE, "type": "str"}),
        Route("GET", "/v1/events/{id}", event, EXPAND),
    )


def _confirm_by_driver(call: Call) -> Json:
    success = text(call.params, "outcome", "success") == "success"
    if call.name.startswith("seti_"):
        return call.gallery.show(call.bank.wallets.authenticate_setup(call.name, call.t_s, success=success))
    return call.gallery.show(call.bank.intents.authenticate(call.name, call.t_s, success=success))


def _dispute(call: Call) -> Json:
    reason = text(call.params, "reason", "fraudulent")
    return call.gallery.show(call.bank.claims.open_dispute(call.name, call.t_s, reason=reason))


def _decide(call: Call) -> Json:
    won = text(call.params, "outcome", "lost") == "won"
    return call.gallery.show(call.bank.claims.close_dispute(call.name, call.t_s, won=won))


def _fail_refund(call: Call) -> Json:
    return call.gallery.show(call.bank.claims.fail_refund(call.name, call.t_s))


TWIN_ROUTES = (
    Route("POST", "/_twin/authenticate/{id}", _confirm_by_driver, {"outcome": "str"}),
    Route("POST", "/_twin/dispute/{id}", _dispute, {"reason": "str"}),
    Route("POST", "/_twin/decide/{id}", _decide, {"outcome": "str"}),
    Route("POST", "/_twin/fail_refund/{id}", _fail_refund, {}),
)
"""What drivers and their banks do: 3-D Secure (`outcome`: success or failure), disputes, refunds that come back."""
