"""The adapter on the official SDK against the loopback server, with webhooks and inbox, on one loop that the test turns."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from types import MappingProxyType

import httpx
from fastapi import FastAPI
from pydantic import SecretStr

from twin.domain.payments import Payments
from twin.money.ledger.memory import MemoryBooks
from twin.money.payments.backoff import Backoff
from twin.money.payments.bank import Bank
from twin.money.payments.bank_issuer import Issuer
from twin.money.payments.bank_records import BankEvent, Setup
from twin.money.payments.bank_terms import Terms
from twin.money.payments.faults import Faults
from twin.money.payments.inbox import Inbox
from twin.money.payments.server import sockets
from twin.money.payments.server.hand_clock import HandClock
from twin.money.payments.server.loopback import KEY, Loopback
from twin.money.payments.simulated_notices import KINDS
from twin.money.payments.stripe_adapter import StripeAdapter
from twin.money.payments.stripe_settings import StripeSettings
from twin.money.payments.webhooks import PATH, router

EPOCH_NS = 1_767_225_600_000_000_000
"""2026-01-01T00:00:00Z."""
SECRET = "whsec_twin_tests"
CALM = Faults.none()


class Busy:
    """Implements `domain.clock.Activity`: counts what is under way."""

    def __init__(self) -> None:
        self.count = 0

    def begin(self, key: str, /) -> None:
        self.count += 1

    def end(self, key: str, /) -> None:
        self.count -= 1

    def forget(self, key: str, /) -> None:
        raise AssertionError(key)


class StripeLine:
    """Implements `payments_rigs.Line`. Nothing moves but in `settle` and `wait`."""

    def __init__(
        self,
        *,
        terms: Terms | None = None,
        faults: Faults = CALM,
        seed: int = 1,
        operators: tuple[str, ...] = ("stadtwerk",),
        books: MemoryBooks | None = None,
        issuer: Issuer | None = None,
        settings: Mapping[str, object] = MappingProxyType({}),
        wait: Callable[[float], None] = lambda _s: None,
    ) -> None:
        self.loop = asyncio.new_event_loop()
        self.clock = HandClock(EPOCH_NS)
        self.clock.now_s = 1_000.0
        self.bank = Bank(seed=seed, terms=terms, issuer=issuer)
        self.books = books or MemoryBooks()
        self.busy = Busy()
        self.app = FastAPI()
        self.server = Loopback(
            self.clock,
            bank=self.bank,
            faults=faults,
            seed=seed,
            transport=httpx.ASGITransport(self.app),
        )
        self._serving: set[asyncio.Task[None]] = set()
        self._listening = self._run(asyncio.start_server(self._connected, "127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listening.sockets[0].getsockname()[1]}"
        accounts = {name: self.bank.wallets.create_account(0.0, name=f"acct_{name}").id for name in operators}
        self.settings = StripeSettings(
            SecretStr(KEY), SecretStr(SECRET), self.address, **{"network_retries": 0, **settings}
        )
        self.adapter = StripeAdapter(
            self.settings,
            self.clock,
            self.loop.call_soon_threadsafe,
            accounts=accounts,
            backoff=Backoff(),
            seed=seed,
            activity=self.busy,
            wait=wait,
        )
        self.payments: Payments = self.adapter
        self.inbox = Inbox(self.books, self.clock, self.settings.webhook_secrets, self.adapter)
        self.app.include_router(router(self.inbox))
        self.server.deliveries.register(f"http://webhooks.test{PATH}", sorted(KINDS), SECRET)
        self._setups: list[str] = []
        self.bank.state.listen(self._saving)

    @property
    def now_s(self) -> float:
        return self.clock.now_s

    def settle(self) -> None:
        self._run(self._quiet())

    def wait(self, delay_s: float) -> None:
        self._run(self._pass(self.clock.now_s + delay_s))

    def publish(self) -> None:
        """The server sends by itself."""

    def close(self) -> None:
        self._run(self._end())
        self.loop.close()

    def _run(self, work):
        return self.loop.run_until_complete(work)

    async def _quiet(self) -> None:
        while self.busy.count or self._setups:
            while self._setups:
                self.bank.wallets.authenticate_setup(self._setups.pop(), self.clock.now_s, success=True)
            await asyncio.sleep(0.0005)
        await self.server.settle()

    async def _pass(self, until_s: float) -> None:
        await self._quiet()
        while self.clock.now_s < until_s:
            next_s = min(self.clock.next_s, self.bank.intents.next_end_s, until_s)
            await self.server.advance(max(next_s, self.clock.now_s))
            await self._quiet()
        await self.server.advance(until_s)
        await self._quiet()

    def _saving(self, event: BankEvent) -> None:
        """Whoever saves a card is there, and confirms."""
        if event.kind == "setup_intent.requires_action":
            assert isinstance(event.thing, Setup)
            self._setups.append(event.thing.id)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        await sockets.serve(reader, writer, self.server.answer)

    async def _end(self) -> None:
        await asyncio.to_thread(self.adapter.close)
        self._listening.close()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        await self.server.close()
        await self.loop.shutdown_default_executor()
