"""What a car says over ISO 15118 about its needs and its own schedule (2.x K15 to K17), and who plans for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias

from twin.network.ocpp.csms.operations.office import Office, OperationsPart
from twin.network.ocpp.csms.parts import Handlers
from twin.network.ocpp.csms.station import Station
from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.errors import WireError
from twin.network.ocpp.wire.link import Answer, Payload, Then

Plan: TypeAlias = Callable[[Station, int, Payload], Coroutine[Any, Any, None]]
"""(station, EVSE, needs): sends charging profiles for them, after the answer."""
Judge: TypeAlias = Callable[[Station, int, Payload], bool]
"""(station, EVSE, schedule of the car): whether it keeps to the limits."""


class ChargingNeeds(OperationsPart):
    """Keeps needs and schedules of cars.

    Args:
        office: Clock, journal, voice.
        plan: Who sends a schedule; None: needs are rejected, the station charges by the profiles it has (K15.FR.05).
        judge: Who judges the schedule that the car chose; None: it is accepted and recorded.
    """

    name = "needs"

    def __init__(self, office: Office, plan: Plan | None = None, judge: Judge | None = None) -> None:
        super().__init__(office)
        self._plan, self._judge = plan, judge
        self._needs: dict[tuple[str, int], Payload] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def of(self, station: str, evse: int) -> Payload | None:
        """Return the latest needs at an EVSE; None: none were told."""
        return self._needs.get((station, evse))

    def handlers(self) -> Handlers:
        """NotifyEVChargingNeeds and NotifyEVChargingSchedule of 2.x."""
        return {
            (version, action): handler
            for version in (Version.V201, Version.V21)
            for action, handler in {
                "NotifyEVChargingNeeds": self._told,
                "NotifyEVChargingSchedule": self._scheduled,
            }.items()
        }

    def _told(self, station: Station, payload: Payload) -> Answer:
        evse = int(payload["evseId"])
        self._needs[station.identity, evse] = payload
        self.office.record(station.identity, "needs.told", payload)
        plan = self._plan
        if plan is None:
            return {"status": "NoChargingProfile" if station.version is Version.V21 else "Rejected"}
        return Then({"status": "Accepted"}, lambda: self._do(station, plan(station, evse, payload)))

    def _scheduled(self, station: Station, payload: Payload) -> Answer:
        fits = self._judge is None or self._judge(station, int(payload["evseId"]), payload)
        self.office.record(station.identity, "needs.schedule", {**payload, "fits": fits})
        return {"status": "Accepted" if fits else "Rejected"}

    def _do(self, station: Station, job: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(self._planned(station, job))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _planned(self, station: Station, job: Coroutine[Any, Any, None]) -> None:
        try:
            await job
        except WireError as error:
            self.office.record(station.identity, "needs.unplanned", {"why": str(error)})
