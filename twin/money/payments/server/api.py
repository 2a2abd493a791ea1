"""Stripe's HTTP semantics without a socket: authentication, idempotency, routes, errors."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import NamedTuple

import orjson
import stripe

from twin.money.payments.bank import Bank
from twin.money.payments.bank_errors import BankError
from twin.money.payments.bank_keys import Keys
from twin.money.payments.server.forms import Form, parse
from twin.money.payments.server.gallery import Gallery
from twin.money.payments.server.instants import Instants
from twin.money.payments.server.params import read, strings
from twin.money.payments.server.routing import Call, Routes
from twin.money.payments.server.trouble import Fate, Mishap
from twin.money.payments.server.wire import Json

CALM = Fate(Mishap.NONE, 0.0)
_DOCS = "https://docs.stripe.com/error-codes/"


class Request(NamedTuple):
    """As it came over the wire."""

    verb: str
    path: str
    query: str
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes


class Answer(NamedTuple):
    """What goes back."""

    status: int
    body: bytes
    replayed: bool = False


class Api:
    """Answers requests as Stripe does.

    Args:
        bank: Where things happen.
        gallery: Shows them.
        at: Knows the time.
        routes: What may be asked.
        key: The only secret key that is accepted.
    """

    def __init__(self, bank: Bank, gallery: Gallery, at: Instants, routes: Routes, key: str) -> None:
        self._bank = bank
        self._gallery = gallery
        self._at = at
        self._routes = routes
        self._key = key
        self._keys: Keys[Answer] = Keys()
        self._count = 0
        self.under_way = ("", "")
        """Id and idempotency key of the request that is being answered: events name them."""

    def handle(self, request: Request, fate: Fate = CALM) -> tuple[Answer, dict[str, str]]:
        """Return the answer and its headers.

        Args:
            request: What came.
            fate: What goes wrong with it; whether the answer is sent is not decided here.
        """
        self._count += 1
        name = f"req_twin{self._count:010d}"
        key = request.headers.get("idempotency-key", "") if request.verb == "POST" else ""
        self.under_way = (name, key)
        try:
            answer = self._answer(request, fate, key)
        except BankError as error:
            answer = self._refused(error)
        finally:
            self.under_way = ("", "")
        headers = {
            "Content-Type": "application/json",
            "Request-Id": name,
            "Stripe-Version": request.headers.get("stripe-version", stripe.api_version),
        }
        if key and key.isascii() and key.isprintable():
            headers["Idempotency-Key"] = key
            headers["Original-Request"] = name
        if answer.replayed:
            headers["Idempotent-Replayed"] = "true"
        return answer, headers

    def _answer(self, request: Request, fate: Fate, key: str) -> Answer:
        self._authenticate(request.headers)
        if fate.mishap is Mishap.TOO_MANY:
            text = "Request rate limit exceeded."
            raise BankError("rate_limit", text, status=429, ran=False)
        raw = request.query if request.verb != "POST" else request.body.decode("utf-8", "replace")
        form = parse(raw)
        if not key:
            return self._run(request, form, fate)
        kept = self._keys.begin(key, (request.path, orjson.dumps(form)), self._at.now_s)
        if kept is not None:
            return kept._replace(replayed=True)
        try:
            answer = self._run(request, form, fate)
        except BankError as error:
            if not error.ran:
                self._keys.release(key)
                raise
            answer = self._refused(error)
        except BaseException:
            self._keys.release(key)
            raise
        return self._keys.save(key, answer)

    def _run(self, request: Request, form: Form, fate: Fate) -> Answer:
        route, name = self._routes.find(request.verb, request.path)
        params = read(form, route.shape)
        if fate.mishap is Mishap.BROKEN:
            return _broken()
        call = Call(self._bank, self._gallery, self._at, name, params, request.path)
        shown = self._gallery.expanded(route.handler(call), strings(params, "expand"))
        if fate.mishap is Mishap.BROKEN_AFTER:
            return _broken()
        return Answer(200, orjson.dumps(shown))

    def _authenticate(self, headers: Mapping[str, str]) -> None:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and hmac.compare_digest(token.encode(), self._key.encode()):
            return
        text = "Invalid API Key provided." if token else "You did not provide an API key."
        raise BankError("", text, status=401, ran=False)

    def _refused(self, error: BankError) -> Answer:
        body: Json = {"type": error.kind, "message": error.message}
        code = error.wire_code
        if code:
            body |= {"code": code, "doc_url": f"{_DOCS}{code.replace('_', '-')}"}
        if error.param is not None:
            body["param"] = error.param
        if error.decline is not None:
            body["decline_code"] = error.decline
        intent = self._bank.state.intents.get(error.intent or "")
        if intent is not None:
            body["payment_intent"] = self._gallery.show(intent)
            if error.kind == "card_error" and intent.charge:
                body["charge"] = intent.charge
        return Answer(error.status, orjson.dumps({"error": body}))


def _broken() -> Answer:
    body = {"error": {"type": "api_error", "message": "An error occurred on our side."}}
    return Answer(500, orjson.dumps(body))
