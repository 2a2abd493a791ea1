"""The parts that every central system has, joined: tokens, authorisation, transactions, statuses."""

from __future__ import annotations

from typing import Literal

from twin.domain.clock import Clock
from twin.domain.events import Booted, StationFact
from twin.domain.journal import Journal
from twin.network.ocpp.csms.authorisation import Authorisation, Authoriser
from twin.network.ocpp.csms.desk import Desk, Sink
from twin.network.ocpp.csms.instants import Instants
from twin.network.ocpp.csms.ledger import Ledger
from twin.network.ocpp.csms.parts import Part
from twin.network.ocpp.csms.samples import OnSample
from twin.network.ocpp.csms.status import Statuses
from twin.network.ocpp.csms.tokens import Tokens
from twin.network.ocpp.csms.transaction import Transaction
from twin.network.ocpp.csms.transactions import Transactions
from twin.network.ocpp.csms.transactions2 import Cost


class Core:
    """Makes the parts and says in which order facts leave: the car comes before its transaction.

    Args:
        clock: The only source of time.
        journal: What survives a restart.
        sink: Told every fact.
        authoriser: Control, where it decides about tokens.
        unknown_tokens: What a token that is in no table gets.
        on_sample: Told every sample of measured values.
        cost: Tells what a transaction costs.
    """

    def __init__(
        self,
        clock: Clock,
        journal: Journal,
        sink: Sink,
        *,
        authoriser: Authoriser | None = None,
        unknown_tokens: Literal["accept", "refuse"] = "refuse",
        on_sample: OnSample | None = None,
        cost: Cost | None = None,
    ) -> None:
        self._sink = sink
        self.desk = Desk(clock, journal, self._tell)
        self.instants = Instants(self.desk)
        self.tokens = Tokens(self.desk, unknown_tokens)
        self.authorisation = Authorisation(self.desk, self.tokens, authoriser)
        self.transactions = Transactions(self.desk, self.authorisation, self.instants, on_sample, cost)
        self.statuses = Statuses(self.desk, self.instants, self.ledger)
        self.ledger.on_ended.append(self._freed)

    @property
    def ledger(self) -> Ledger:
        """The books of transactions."""
        return self.transactions.ledger

    @property
    def parts(self) -> tuple[Part, ...]:
        """For `Csms(parts=...)`, before those of others."""
        return self.authorisation, self.transactions, self.statuses

    def _tell(self, fact: StationFact) -> None:
        if isinstance(fact, Booted) and fact.rebooted:
            self.instants.told(fact.station)
        for implied in self.statuses.before(fact):
            self._sink(implied)
        self._sink(fact)

    def _freed(self, transaction: Transaction) -> None:
        self.statuses.freed(self.desk.stations[transaction.station], transaction.evse)
