"""A client that follows the rules of the port gets everything done, once, whatever the line does to it."""

from __future__ import annotations

import pytest

from tests.money.payments.heap_clock import HeapClock
from twin.domain.payment_life import Payment
from twin.domain.payments import (
    Authorise,
    Capture,
    Done,
    Fetch,
    Instrument,
    Means,
    Notice,
    Operation,
    Outcome,
    Refused,
    Status,
    Unknown,
)
from twin.money.payments.faults import Faults
from twin.money.payments.simulated import SimulatedProvider

DAY_S = 86_400.0
HARSH = Faults(
    declines={"insufficient_funds": 0.1, "expired_card": 0.05},
    request_lost=0.2, answer_lost=0.2, server_error=0.15, outages_per_year=2_000.0, outage_s=600.0,
    bursts_per_year=2_000.0, burst_s=600.0, notice_lost=0.2, notice_late=0.2, notice_doubled=0.3,
    notice_reordered=0.3, dispute=0.2, dispute_days=3.0, dispute_decided_days=3.0, latency_p99_s=40.0,
)  # fmt: skip


class Client:
    """Wants each payment held and 20 EUR of it captured; keeps nothing but what it was told."""

    def __init__(self, clock: HeapClock, provider: SimulatedProvider) -> None:
        self.clock = clock
        self.provider = provider
        self.payments: dict[str, Payment] = {}
        self.wanted: dict[str, Operation] = {}
        """Operations without an outcome, by id."""
        self.fetches = 0
        provider.subscribe(self.hear)

    def begin(self, name: str) -> None:
        """Ask for a hold."""
        self.payments[name] = Payment(name)
        card = Instrument(Means.TERMINAL, f"card-{name}")
        self.ask(Authorise(f"{name}/hold/1", name, 5_000, "EUR", card, "op"))

    def ask(self, operation: Operation) -> None:
        """Write down what is wanted, then submit it."""
        self.wanted[operation.id] = operation
        self.provider.submit(operation)

    def look(self, name: str) -> None:
        """Fetch a payment."""
        self.fetches += 1
        self.ask(Fetch(f"look/{self.fetches}", name))

    def hear(self, news: Outcome | Notice) -> None:
        """Learn, and go on."""
        payment = self.payments[news.payment]
        if isinstance(news, Notice):
            self.look(news.payment)
            return
        if isinstance(news, Done | Refused) and news.snapshot is not None:
            payment.learn(news.snapshot)
        operation = self.wanted.get(news.operation)
        if operation is None:
            return  # answered before
        if not isinstance(news, Unknown):
            del self.wanted[news.operation]
            self.go_on(operation, payment, news)
        elif not news.burnt:
            self.clock.call_later(60.0, lambda: self.again(operation))
        else:  # the key is burnt: what was done decides
            del self.wanted[news.operation]
            self.look(news.payment)

    def again(self, operation: Operation) -> None:
        """Submit the same id, unless it was answered meanwhile."""
        if operation.id in self.wanted:
            self.provider.submit(operation)

    def go_on(self, operation: Operation, payment: Payment, news: Done | Refused) -> None:
        """Capture what is held; ask again for what was never there."""
        waiting = {type(o) for o in self.wanted.values() if o.payment == payment.name} - {Fetch}
        if waiting:
            return
        if payment.status is Status.HELD:
            self.ask(Capture(self.new_id(payment, "take"), payment.name, 2_000, 100))
        elif isinstance(operation, Fetch) and isinstance(news, Refused) and payment.status is Status.ASKED:
            card = Instrument(Means.TERMINAL, f"card-{payment.name}")
            hold = self.new_id(payment, "hold")
            self.ask(Authorise(hold, payment.name, 5_000, "EUR", card, "op"))

    def new_id(self, payment: Payment, what: str) -> str:
        """Return an id that was never used: a burnt one is of no use."""
        self.fetches += 1
        return f"{payment.name}/{what}/{self.fetches}"


@pytest.mark.parametrize("seed", range(25))
def test_everything_is_done_once_and_known_in_the_end(seed: int) -> None:
    """40 payments a seed over ten days: what the client believes is what the bank has; nothing was taken twice."""
    clock = HeapClock()
    provider = SimulatedProvider(clock, seed=seed, faults=HARSH)
    client = Client(clock, provider)
    for k in range(40):
        client.begin(f"p{k}")
        clock.wait(1_800.0)
    clock.wait(60 * DAY_S)
    assert not client.wanted
    for name, payment in client.payments.items():
        intents = [i for i in provider.bank.state.intents.values() if i.metadata["payment"] == name]
        taken = [intent for intent in intents if intent.captured_minor]
        assert len(intents) == 1
        if payment.status is Status.REFUSED:
            assert not taken
            continue
        assert [intent.captured_minor for intent in taken] == [2_000]
        told = provider.bank.snapshot(intents[0], name)
        assert payment.status in {Status.CAPTURED, Status.DISPUTED, Status.LOST}
        assert payment.snapshot is not None
        if not intents[0].disputes:  # of a dispute only notices tell, and those get lost
            assert (payment.status, payment.snapshot) == (told.status, told)


def test_nobody_is_told_of_what_is_not_so() -> None:
    """Every snapshot of every answer has got at most as far as the payment in the end."""
    clock = HeapClock()
    provider = SimulatedProvider(clock, seed=99, faults=HARSH)
    client = Client(clock, provider)
    heard: list[Outcome | Notice] = []
    provider.subscribe(heard.append)
    for k in range(40):
        client.begin(f"p{k}")
    clock.wait(60 * DAY_S)
    for news in heard:
        if isinstance(news, Done) and news.snapshot is not None:
            last = provider.bank.snapshot(provider.bank.state.intents[news.snapshot.reference], news.payment)
            payment = Payment(news.payment)
            payment.learn(last)
            assert not payment.learn(news.snapshot)
