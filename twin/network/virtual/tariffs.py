"""The tariffs of drivers in running transactions (2.1): which there are, and that they change on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twin.network.ocpp.wire.link import Payload
from twin.network.virtual.parts.base import DriverTariff

if TYPE_CHECKING:
    from twin.network.virtual.station import VirtualStation


class RunningTariffs:
    """Implements `base.Tariffs` over the transactions of one station.

    Args:
        station: Whose.
    """

    def __init__(self, station: VirtualStation) -> None:
        self._station = station

    def of_drivers(self) -> list[DriverTariff]:
        """See `base.Tariffs.of_drivers`."""
        running = [bay.transaction for bay in self._station.bays.values() if bay.transaction is not None]
        return [DriverTariff(t.evse, t.token.text if t.token else "", t.tariff) for t in running if t.tariff]

    def runs(self, transaction: str, /) -> bool:
        """See `base.Tariffs.runs`."""
        return self._station.running(transaction) is not None

    def change(self, transaction: str, tariff: Payload, /) -> None:
        """See `base.Tariffs.change`."""
        bay = self._station.running(transaction)
        if bay is not None and bay.transaction is not None:
            bay.transaction.tariff = tariff
            self._station.transactions.tell(bay, bay.transaction, "TariffChanged")
