"""Transactions of all versions as one part: one ledger behind the messages of each."""

from __future__ import annotations

from twin.domain.journal import Entry
from twin.network.ocpp.csms.authorisation import Authorisation
from twin.network.ocpp.csms.desk import Desk
from twin.network.ocpp.csms.instants import Instants
from twin.network.ocpp.csms.ledger import Ledger
from twin.network.ocpp.csms.parts import Handlers
from twin.network.ocpp.csms.samples import OnSample, Samples
from twin.network.ocpp.csms.station import Station
from twin.network.ocpp.csms.transactions2 import Cost, Transactions2
from twin.network.ocpp.csms.transactions16 import Transactions16


class Transactions:
    """Implements `Part`.

    Args:
        desk: Clock, journal, sink.
        authorisation: Who judges tokens; told by the ledger which of them are in use.
        instants: Reads timestamps.
        on_sample: Told every sample.
        cost: Tells what a transaction costs.
    """

    name = "transaction"

    def __init__(
        self,
        desk: Desk,
        authorisation: Authorisation,
        instants: Instants,
        on_sample: OnSample | None = None,
        cost: Cost | None = None,
    ) -> None:
        self.ledger = Ledger(desk)
        self.samples = Samples(desk, instants, on_sample)
        authorisation.in_use = self.ledger.in_use
        self.of_16 = Transactions16(desk, self.ledger, authorisation, self.samples, instants)
        self.of_2 = Transactions2(desk, self.ledger, authorisation, self.samples, instants, cost)

    def handlers(self) -> Handlers:
        """StartTransaction, StopTransaction, MeterValues; TransactionEvent."""
        return {**self.of_16.handlers(), **self.of_2.handlers()}

    def connected(self, station: Station) -> None:
        """Nothing depends on the connection."""

    def accepted(self, station: Station) -> None:
        """Nothing depends on the boot."""

    def disconnected(self, station: Station) -> None:
        """Transactions go on."""

    def restore(self, entry: Entry) -> None:
        """Take back one message."""
        self.ledger.restore(entry)
        self.of_16.restore(entry)
