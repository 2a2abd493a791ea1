"""When a station is told what its transactions cost: at intervals where the amount is another one, and when asked to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from twin.errors import SettingsError
from twin.money.billing.model import Bill
from twin.network.ocpp.csms.operations.cost import Costs
from twin.network.ocpp.csms.operations.office import Office
from twin.network.ocpp.csms.pricing_session import Priced
from twin.network.ocpp.csms.station import Station
from twin.network.ocpp.wire.errors import CallFailed, WireError

EVERY_S = 60.0
"""How often a station is told the cost of what runs, by default."""


class Teller:
    """Brings costs to stations, one message after the other for each transaction; what fails is an event.

    Args:
        office: Clock, journal, voice.
        costs: Knows the words of each version.
        bill: Returns what a transaction costs now; None: that cannot be told.
        every_s: Between two times at which what runs is looked at; 0: it is not.
    """

    def __init__(
        self, office: Office, costs: Costs, bill: Callable[[Priced], Bill | None], every_s: float
    ) -> None:
        self._office, self._costs, self._bill, self._every_s = office, costs, bill, every_s
        self._deaf: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def connected(self, station: Station) -> None:
        """Whether it understands costs may be another matter on a new connection."""
        self._deaf.discard(station.identity)

    def follow(self, priced: Priced) -> None:
        """Look at a transaction every so often, as long as it runs and its station is there."""
        if not priced.ticking and self._every_s > 0.0:
            priced.ticking = True
            self._office.desk.clock.call_later(self._every_s, lambda: self._tick(priced))

    def due(self, priced: Priced) -> None:
        """Have the station told, if it is there and understands."""
        station = self._office.desk.stations[priced.station]
        if not station.online or priced.station in self._deaf:
            return
        priced.due = True
        if not priced.telling:
            priced.telling = True
            task = asyncio.get_running_loop().create_task(self._bring(station, priced))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _tick(self, priced: Priced) -> None:
        priced.ticking = False
        if priced.end is not None or not self._office.desk.stations[priced.station].online:
            return
        bill = self._bill(priced)
        if bill is not None and bill.amount_minor != priced.told_minor:
            self.due(priced)
        self.follow(priced)

    async def _bring(self, station: Station, priced: Priced) -> None:
        try:
            await self._office.commit()
            while priced.due:
                priced.due = False
                bill = self._bill(priced)
                if bill is None:
                    return
                if not await self._costs.tell(station, priced.id):
                    self._unheard(station, "it does not understand costs", for_good=True)
                    return
                priced.told_minor = bill.amount_minor
        except WireError as error:
            self._unheard(station, str(error), for_good=isinstance(error, CallFailed))
        except SettingsError as error:
            self._unheard(station, str(error), for_good=False)
        finally:
            priced.telling = False

    def _unheard(self, station: Station, why: str, *, for_good: bool) -> None:
        """Say that a station was not told; one that refuses is not asked again on this connection."""
        if for_good:
            self._deaf.add(station.identity)
        self._office.tell(station.identity, "cost.untold", {"why": why})
