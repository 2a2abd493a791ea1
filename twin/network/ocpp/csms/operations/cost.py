"""What a session costs, told to the station: each version has its way, the prices come from elsewhere.

2.x CostUpdated (I02), 2.1 tariffs on the station (SetDefaultTariff, ClearTariffs: I07 to I10), 1.6 the messages of the California
pricing paper in DataTransfer.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias, cast

from twin.domain.journal import Entry
from twin.network.ocpp.csms.operations.data_transfer import DataTransfer
from twin.network.ocpp.csms.operations.office import Office, OperationsPart
from twin.network.ocpp.csms.station import Station
from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire import schemas
from twin.network.ocpp.wire.errors import CallFailed, WireError
from twin.network.ocpp.wire.link import Payload

CALIFORNIA = "org.openchargealliance.costmsg"
EVERYWHERE = 0
"""EVSE 0: the tariff is that of every EVSE of the station (2.1 I07)."""


class CostNow(NamedTuple):
    """What a transaction costs up to now."""

    total: float
    """In the currency of its tariff, taxes included."""
    meter_wh: float
    """The register it was calculated from."""
    charging: bool = True
    """False: idle."""
    price_per_kwh: float = 0.0
    price_per_hour: float = 0.0
    idle_per_hour: float = 0.0
    final: bool = False
    text: str = ""
    """For people; with the final cost only."""


Cost: TypeAlias = Callable[[str, str], CostNow | None]
"""(station, transaction) to what it costs; None: it is free or not known."""
Check: TypeAlias = Callable[[Payload], object]
"""Raises ValueError where a tariff cannot be priced."""


class Costs(OperationsPart):
    """Tells costs and keeps the tariffs of stations.

    Args:
        office: Clock, journal, voice.
        transfer: For 1.6.
        cost: Who knows what a transaction costs.
    """

    name = "tariff"

    def __init__(self, office: Office, transfer: DataTransfer, cost: Cost | None = None) -> None:
        super().__init__(office)
        self._transfer = transfer
        self.cost = cost
        self.check: Check | None = None
        """Whoever prices refuses what it cannot price."""
        self._tariffs: dict[tuple[str, int], Payload] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def tariffs(self) -> dict[tuple[str, int], Payload]:
        """Return (station or empty for all, EVSE) to the tariff in 2.1's words."""
        return dict(self._tariffs)

    async def tell(self, station: Station, transaction: str) -> bool:
        """Tell a station what a transaction costs up to now.

        Returns:
            Whether there was anything to tell, and the station took it.

        Raises:
            LinkLost, CallFailed, CallTimedOut: See `Office.call`.
        """
        cost = self.cost(station.identity, transaction) if self.cost is not None else None
        if cost is None:
            return False
        if station.version.two:
            payload: Payload = {"totalCost": round(cost.total, 4), "transactionId": transaction}
            await self.office.call(station, "CostUpdated", payload)
        else:
            message, data = (
                ("FinalCost", _final(cost)) if cost.final else ("RunningCost", self._running(cost))
            )
            body = json.dumps({"transactionId": int(transaction), **data})
            answer = await self._transfer.send(station, CALIFORNIA, message, body)
            if answer["status"] != "Accepted":
                return False
        self.office.record(station.identity, "cost.told", {"transaction": transaction, "total": cost.total})
        return True

    def set_tariff(self, station: str, evse: int, tariff: Payload) -> None:
        """Keep a tariff (2.1 TariffType) for a station, or for all where `station` is empty; sent at their next acceptance.

        Raises:
            ValueError: It does not fit the schema of 2.1, or cannot be priced.
        """
        request = {"evseId": evse, "tariff": tariff}
        if not schemas.requests(Version.V21)["SetDefaultTariff"].valid(request):
            raise ValueError("the tariff does not fit TariffType of OCPP 2.1")
        if self.check is not None:
            self.check(tariff)
        self._tariffs[station, evse] = tariff
        self.office.record("tariffs", "tariff.set", {"station": station, "evse": evse, "tariff": tariff})

    def tariffs_at(self, station: str, evse: int) -> list[Payload]:
        """Return the tariffs of an EVSE: its own before the one of every EVSE."""
        if not self._tariffs:
            return []
        of_station = self._of(station)
        return [of_station[number] for number in dict.fromkeys((evse, EVERYWHERE)) if number in of_station]

    def accepted(self, station: Station) -> None:
        """Bring its tariffs up to date."""
        if station.version is Version.V21 and self._of(station.identity):
            task = asyncio.get_running_loop().create_task(self._quietly(station))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def install(self, station: Station) -> dict[int, str]:
        """Send a station its tariffs.

        Returns:
            EVSE to what the station said; a version below 2.1 holds no tariffs: empty.

        Raises:
            LinkLost, CallTimedOut: See `Office.call`.
        """
        said: dict[int, str] = {}
        if station.version is not Version.V21:
            return said
        for evse, tariff in self._of(station.identity).items():
            try:
                answer = await self.office.call(
                    station, "SetDefaultTariff", {"evseId": evse, "tariff": tariff}
                )
                said[evse] = str(answer["status"])
            except CallFailed as error:
                said[evse] = error.code
            self.office.record(
                station.identity,
                "tariff.sent",
                {"evse": evse, "tariff_id": tariff["tariffId"], "status": said[evse]},
            )
        return said

    def restore(self, entry: Entry) -> None:
        """Take back the tariffs."""
        if entry.kind == "tariff.set":
            body = cast("dict[str, Any]", entry.body)
            self._tariffs[body["station"], body["evse"]] = body["tariff"]

    def _of(self, station: str) -> dict[int, Payload]:
        """Tariffs by EVSE; those of the station itself win."""
        found = {evse: tariff for (whose, evse), tariff in self._tariffs.items() if not whose}
        return found | {evse: tariff for (whose, evse), tariff in self._tariffs.items() if whose == station}

    async def _quietly(self, station: Station) -> None:
        try:
            await self.install(station)
        except WireError as error:
            self.office.tell(station.identity, "tariff.unsent", {"why": str(error)})

    def _running(self, cost: CostNow) -> Payload:
        return {
            "timestamp": self.office.desk.wire_now(),
            "meterValue": round(cost.meter_wh),
            "cost": round(cost.total, 4),
            "state": "Charging" if cost.charging else "Idle",
            "chargingPrice": {"kWhPrice": cost.price_per_kwh, "hourPrice": cost.price_per_hour},
            "idlePrice": {"hourPrice": cost.idle_per_hour},
        }


def _final(cost: CostNow) -> Payload:
    return {"cost": round(cost.total, 4), "priceText": cost.text}
