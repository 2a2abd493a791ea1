"""The loopback server as a whole: a bank, its HTTP face and its webhooks, on one loop in a thread of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

import httpx

from twin.domain.clock import Clock
from twin.errors import SettingsError
from twin.money.payments.bank import Bank
from twin.money.payments.faults import Faults
from twin.money.payments.server import on_events, on_intents, on_money, on_people
from twin.money.payments.server.api import Answer, Api, Request
from twin.money.payments.server.deliveries import Deliveries, Parcel
from twin.money.payments.server.gallery import Gallery
from twin.money.payments.server.hand_clock import HandClock
from twin.money.payments.server.instants import Instants
from twin.money.payments.server.routing import Routes
from twin.money.payments.server.trouble import Mishap, Trouble

KEY: Final = "sk_test_twin_loopback"
"""No secret: it opens a server on this machine that knows test cards only."""
_SEND_TIMEOUT_S = 10.0


class Loopback:
    """Everything of the server that lives on its loop.

    Args:
        clock: Its time.
        bank: Where things happen; None: a new one.
        faults: What goes wrong on the wire; None: nothing.
        seed: Of what goes wrong.
        key: The secret key that is accepted.
        sleep: Whether the latency of an answer is waited for, in real time; simulated time wants none.
        transport: Carries webhooks; None: the network.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        bank: Bank | None = None,
        faults: Faults | None = None,
        seed: int = 0,
        key: str = KEY,
        sleep: bool = False,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        faults = faults or Faults.none()
        self.clock = clock
        self.bank = bank or Bank(seed=seed)
        at = Instants(clock)
        gallery = Gallery(self.bank, at)
        self.trouble = Trouble(faults, seed)
        self.deliveries = Deliveries(
            clock, at, gallery, lambda: self.api.under_way, self._send, faults=faults, seed=seed
        )
        self.bank.state.listen(self.deliveries.told)
        routes = Routes(
            [
                *on_intents.ROUTES,
                *on_people.ROUTES,
                *on_money.ROUTES,
                *on_events.routes(self.deliveries),
                *on_events.TWIN_ROUTES,
            ]
        )
        self.routes = routes
        self.api = Api(self.bank, gallery, at, routes, key)
        self.requests = 0
        self._sleep = sleep
        self._transport = transport
        self._sending: set[asyncio.Task[None]] = set()
        self._client: httpx.AsyncClient | None = None

    async def answer(self, request: Request) -> tuple[Answer, Mapping[str, str]] | None:
        """Answer a request; None: the connection breaks."""
        self.requests += 1
        fate = self.trouble.next(self.clock.now_s)
        if self._sleep and fate.latency_s:
            await asyncio.sleep(fate.latency_s)
        if fate.mishap is Mishap.UNHEARD:
            return None
        self.bank.intents.advance(self.clock.now_s)
        answered = self.api.handle(request, fate)
        return None if fate.mishap is Mishap.UNANSWERED else answered

    async def settle(self) -> None:
        """Wait until every webhook that is under way was answered."""
        while self._sending:
            await asyncio.gather(*self._sending)

    async def advance(self, t_s: float) -> None:
        """Move a clock that stands: what is due by then happens, in order, each webhook answered before the next.

        Raises:
            SettingsError: The clock moves by itself.
        """
        if not isinstance(self.clock, HandClock):
            raise SettingsError("the clock of this server moves by itself: it cannot be set")
        while True:
            due_s = min(self.bank.intents.next_end_s, t_s)
            stepped = self.clock.step(due_s)
            self.bank.intents.advance(self.clock.now_s)
            await self.settle()
            if not stepped and due_s >= t_s:
                return

    async def close(self) -> None:
        """Give up what is under way."""
        for task in self._sending:
            task.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)
        if self._client is not None:
            await self._client.aclose()

    def _send(self, parcel: Parcel, answered: Callable[[int], None]) -> None:
        task = asyncio.get_running_loop().create_task(self._post(parcel, answered))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _post(self, parcel: Parcel, answered: Callable[[int], None]) -> None:
        if self._client is None:
            self._client = httpx.AsyncClient(
                timeout=_SEND_TIMEOUT_S, trust_env=False, transport=self._transport
            )
        headers = {"Content-Type": "application/json", "Stripe-Signature": parcel.signature}
        try:
            reply = await self._client.post(parcel.endpoint.url, content=parcel.body, headers=headers)
        except httpx.HTTPError:
            answered(0)
            return
        answered(reply.status_code)
