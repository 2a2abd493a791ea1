"""The boot gate: who may be served, and what is refused until then. Also the heartbeat.

    BootNotification            -> accepted | pending | rejected, as the operator's policy says
    first other message         -> accepted, if the station was accepted before and did not reboot
    silence for boot_wait_s     -> BootNotification is triggered (quirk 1), unless the model bears no call (quirk 2)
    silence for 2 x boot_wait_s -> accepted all the same (quirk 1), if the policy accepts

A missing answer to the trigger is no reason to close the connection (quirk 9). Calls before acceptance are refused
with SecurityError in every version: OCPP-J 1.6 errata 5.6, OCPP 2.0.1 B02.FR.09 and B03.FR.07.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from twin.domain.clock import Timer
from twin.domain.events import Booted
from twin.domain.journal import Entry
from twin.network.ocpp.csms.desk import Desk
from twin.network.ocpp.csms.parts import Handlers
from twin.network.ocpp.csms.station import BootState, Station
from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.errors import Code, Refusal, WireError
from twin.network.ocpp.wire.link import Answer, Payload, Then

BOOT = "BootNotification"
REPORTS = frozenset({"NotifyReport"})
"""Allowed while pending: answers to GetBaseReport and GetReport (B02.FR.09)."""
STATES = {
    "accepted": BootState.ACCEPTED,
    "pending": BootState.PENDING,
    "rejected": BootState.REJECTED,
}


class BootGate:
    """Implements `Part`.

    Args:
        desk: Clock, journal, sink.
        accept: Called when a station may be called from now on.
    """

    name = "boot"

    def __init__(self, desk: Desk, accept: Callable[[Station], None]) -> None:
        self._desk = desk
        self._accept = accept
        self._known: set[str] = set()
        self._triggered: dict[str, set[str]] = {}
        self._timers: dict[str, Timer] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def handlers(self) -> Handlers:
        """BootNotification and Heartbeat of every version."""
        table: dict[tuple[Version, str], Any] = {}
        for version in Version:
            table[version, BOOT] = self._boot
            table[version, "Heartbeat"] = self._heartbeat
        return table

    def connected(self, station: Station) -> None:
        """Wait for the station to say who it is."""
        station.boot = BootState.UNKNOWN
        self._triggered.pop(station.identity, None)
        wait_s = station.policy.quirks.boot_wait_s
        self._timer(station, wait_s, self._ask)

    def accepted(self, station: Station) -> None:
        """Nothing more to wait for."""

    def disconnected(self, station: Station) -> None:
        """Nobody is there to be waited for."""
        self._cancel(station)
        station.boot = BootState.UNKNOWN

    def restore(self, entry: Entry) -> None:
        """Take back who was accepted; `Csms` gives the station its boot information."""
        if entry.body["status"] == BootState.ACCEPTED.value:
            self._known.add(entry.stream)
        else:
            self._known.discard(entry.stream)
        station = self._desk.stations[entry.stream]
        info = entry.body["info"]
        station.boot_info = dict(info) if isinstance(info, dict) else {}

    def admit(self, station: Station, action: str) -> None:
        """Let a call pass, or refuse it.

        Raises:
            Refusal: SecurityError; the station is not accepted.
        """
        if action == BOOT:
            return
        if station.boot is BootState.UNKNOWN and station.identity in self._known:
            self._serve(station, rebooted=False)  # a reconnect without a reboot needs no BootNotification
            return
        if station.boot is BootState.PENDING and (
            action in REPORTS or action in self._triggered.get(station.identity, ())
        ):
            return
        raise Refusal(Code.SECURITY_ERROR, f"{action} before BootNotification was accepted")

    def triggered(self, station: Station, message: str) -> None:
        """Remember that a message was asked for: it may come while the station is pending."""
        self._triggered.setdefault(station.identity, set()).add(message)

    def _boot(self, station: Station, payload: Payload) -> Answer | Awaitable[Answer]:
        self._cancel(station)
        policy = station.policy
        info = payload.get("chargingStation")
        station.boot_info = (
            {**info, "reason": payload.get("reason", "")} if isinstance(info, dict) else payload
        )
        state = STATES[policy.boot]
        station.boot = state
        self._desk.journal.append(
            station.identity, "boot.decided", {"status": state.value, "info": station.boot_info}
        )
        answer: Payload = {
            "currentTime": self._desk.wire_now(),
            "interval": policy.interval_s,
            "status": state.value.capitalize(),
        }
        if state is not BootState.ACCEPTED:
            self._known.discard(station.identity)
            return self._desk.safely(answer)
        self._known.add(station.identity)
        endpoint = station.endpoint
        return self._desk.safely(Then(answer, lambda: self._after_boot(station, endpoint)))

    def _after_boot(self, station: Station, endpoint: object) -> None:
        """Go on, once the answer is out, unless the connection was replaced meanwhile."""
        if station.endpoint is endpoint and station.boot is BootState.ACCEPTED:
            self._serve(station, rebooted=True)

    def _heartbeat(self, _station: Station, _payload: Payload) -> Answer:
        return {"currentTime": self._desk.wire_now()}

    def _serve(self, station: Station, *, rebooted: bool) -> None:
        self._cancel(station)
        station.boot = BootState.ACCEPTED
        now_s, info = self._desk.clock.now_s, station.boot_info
        vendor = str(info.get("vendorName") or info.get("chargePointVendor", ""))
        model = str(info.get("model") or info.get("chargePointModel", ""))
        firmware = str(info.get("firmwareVersion", ""))
        self._desk.sink(Booted(now_s, now_s, station.identity, None, rebooted, vendor, model, firmware))
        self._accept(station)

    def _timer(self, station: Station, delay_s: float, then: Callable[[Station], None]) -> None:
        self._cancel(station)
        self._timers[station.identity] = self._desk.clock.call_later(delay_s, lambda: then(station))

    def _cancel(self, station: Station) -> None:
        timer = self._timers.pop(station.identity, None)
        if timer is not None:
            timer.cancel()

    def _ask(self, station: Station) -> None:
        """Nothing was said for a while: ask for the BootNotification."""
        quirks = station.policy.quirks
        self._timer(station, quirks.boot_wait_s, self._back_stop)
        if station.boot is BootState.UNKNOWN and quirks.call_before_boot:
            task = asyncio.get_running_loop().create_task(self._trigger(station))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _trigger(self, station: Station) -> None:
        if station.endpoint is None:
            return
        try:
            await station.endpoint.call("TriggerMessage", {"requestedMessage": BOOT})
        except WireError as error:
            self._desk.note(station, None, "boot-trigger-unanswered", str(error))

    def _back_stop(self, station: Station) -> None:
        """Still nothing: serve it, as its policy allows."""
        self._timers.pop(station.identity, None)
        if station.boot is BootState.UNKNOWN and station.policy.boot == "accepted":
            self._desk.note(station, None, "no-boot-notification", "served without BootNotification")
            self._serve(station, rebooted=False)
