"""Whether a station runs: its start, its resets, power cuts, and being cut off from the network."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.endpoint import Caller
from twin.network.virtual import catalogue as c
from twin.network.virtual import transactions as flow

if TYPE_CHECKING:
    from twin.network.virtual.station import VirtualStation

_STEP_DOWN_S = 1.0
"""From the end of what runs to the end of the connection, in a reset."""


class Power:
    """The power of one station.

    Args:
        station: Whose.
    """

    def __init__(self, station: VirtualStation) -> None:
        self._station = station
        self.up = False
        """Whether it has power and has started."""
        self.leaving = False
        """A reset is under way: nothing new begins."""
        self.cut_s: float | None = None
        """When mains were lost, on its own clock; None: they are there."""
        self._isolated = False

    def start(self, reason: str) -> None:
        """Start now: what was kept is there again, and the first attempt to connect begins."""
        station = self._station
        self.up, self.leaving = True, False
        station.variables.rebooted()
        station.boot.started(reason)
        station.statuses.forget()
        self._left_over()
        for part in station.parts:
            part.booted()
        station.timers.start()
        for bay in station.bays.values():
            station.transactions.settle(bay, "ChargingStateChanged")
        if not self._isolated:
            station.reconnect.now(station.settings.connect_on_boot_s)

    def reboot(self, reason: str, stopped: str) -> None:
        """End what runs for the reason `stopped`, tell it if possible, and start anew."""
        if self.leaving or not self.up:
            return
        self.leaving = True
        station = self._station
        for bay in station.bays.values():
            if bay.authorised or bay.transaction is not None:
                station.transactions.end(bay, stopped, "ResetCommand")
        station.clock.call_later(_STEP_DOWN_S, partial(self._go_down, reason))

    def _go_down(self, reason: str) -> None:
        if self.up:
            self.down()
            self._station.clock.call_later(self._station.settings.boot_s, partial(self._start_again, reason))

    def _start_again(self, reason: str) -> None:
        if not self.up and self.cut_s is None:
            self.start(reason)

    def down(self) -> None:
        """Stop: the connection is closed, nothing is due any more."""
        caller = self._stop()
        if caller is not None:
            caller.close(1001, "going down")

    def cut(self) -> None:
        """Mains are gone: the connection dies without a word, energy stops, memory is what is in the store."""
        if self.cut_s is not None:
            return
        station = self._station
        self.cut_s = station.now_s
        for bay in station.bays.values():
            station.physics.fault(station.clock.now_s, bay.row, "outage", True)
        caller = self._stop()
        if caller is not None:
            caller.drop()

    def back(self) -> None:
        """Mains are back: the station starts, and transactions go on or end with PowerLoss."""
        if self.cut_s is not None:
            self._station.clock.call_later(self._station.settings.boot_s, self._powered)

    def isolate(self, cut: bool) -> None:
        """Cut the station off from the network, or let it back; it notices a broken connection at once."""
        station, self._isolated = self._station, cut
        if cut:
            station.reconnect.stop()
            caller = station.caller
            station.link_down()
            if caller is not None:
                caller.drop()
        elif self.up and station.caller is None:
            station.reconnect.now()

    def dial_again(self) -> None:
        """Try to connect again, where that makes sense."""
        if self.up and not self._isolated:
            self._station.reconnect.again()

    def _stop(self) -> Caller | None:
        station, self.up = self._station, False
        station.timers.stop()
        station.reconnect.stop()
        caller = station.caller
        station.link_down()
        return caller

    def _powered(self) -> None:
        station, cut_s = self._station, self.cut_s
        if cut_s is None:
            return
        self.cut_s = None
        for bay in station.bays.values():
            station.physics.fault(station.clock.now_s, bay.row, "outage", False)
        self.up = True
        for bay in station.bays.values():
            resumed = station.variables.flag(c.RESUME) and bay.plugged
            if bay.transaction is not None and not resumed:
                station.transactions.end(bay, "PowerLoss", "AbnormalCondition", cut_s)
        self.start("PowerUp")
        for bay in station.bays.values():
            if bay.transaction is not None:
                station.timers.began(bay)
                if station.version is Version.V21:  # 2.0.1 has no word for it
                    station.transactions.tell(bay, bay.transaction, "TxResumed")

    def _left_over(self) -> None:
        """Transactions of a process that ended without a word: tell their end as last known."""
        station = self._station
        alive = {bay.transaction.name for bay in station.bays.values() if bay.transaction is not None}
        for name, row in station.store.rows(flow.TABLE):
            if name not in alive:
                station.transactions.bury(name, row)
