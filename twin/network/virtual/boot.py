"""The way of a station to be served, and its heartbeat (1.6 4.2, 4.6; 2.0.1 B01 to B03, G02).

Before its boot is accepted a station says nothing but BootNotification and what it is asked for by triggers.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from twin.domain.clock import Timer
from twin.network.ocpp.wire.errors import LinkLost
from twin.network.ocpp.wire.link import Payload
from twin.network.virtual import catalogue as c
from twin.network.virtual.parts.base import Outcome

if TYPE_CHECKING:
    from twin.network.virtual.station import VirtualStation


class State(Enum):
    """How the central system answered the last BootNotification since the start."""

    UNKNOWN = "Unknown"
    ACCEPTED = "Accepted"
    PENDING = "Pending"
    REJECTED = "Rejected"


class Boot:
    """The boot gate of one station.

    Args:
        station: Whose.
    """

    def __init__(self, station: VirtualStation) -> None:
        self._station = station
        self.state = State.UNKNOWN
        self.reason = "PowerUp"
        """Why it started, as BootReason of 2.x."""
        self._timer: Timer | None = None
        self._asking = False

    def started(self, reason: str) -> None:
        """The station has started anew: nobody has accepted it yet."""
        self.state, self.reason = State.UNKNOWN, reason

    def link_up(self) -> None:
        """Say BootNotification where nobody accepted this start yet; else go on."""
        again = self._station.variables.flag(c.BOOT_ON_CONNECT)
        if self.state is State.ACCEPTED and not again:
            self._serve()
        else:
            self.send()

    def link_down(self) -> None:
        """Stop asking and beating."""
        self._stop()
        self._asking = False

    def send(self) -> None:
        """Say BootNotification now."""
        if self._asking:
            return
        self._stop()
        self._asking = True
        message = self._station.dialect.boot(self.reason)
        self._station.call(message.action, message.payload, self._answered)

    def _answered(self, outcome: Outcome) -> None:
        self._asking = False
        if isinstance(outcome, LinkLost):
            return
        if not isinstance(outcome, dict):
            self._timer = self._station.clock.call_later(self._pause_s(0), self.send)
            return
        self._station.hear_time(outcome.get("currentTime", ""))
        self.state = State(outcome["status"])
        if self.state is State.ACCEPTED:
            if outcome["interval"] > 0:
                self._station.variables.write(c.HEARTBEAT, str(outcome["interval"]))
            self._serve()
        else:
            self._timer = self._station.clock.call_later(self._pause_s(outcome["interval"]), self.send)

    def _pause_s(self, interval_s: int) -> float:
        return interval_s or self._station.variables.number(c.RETRY_INTERVAL) or 1.0

    def _serve(self) -> None:
        self._beat_later()
        self._station.accepted()

    # heartbeat

    def interval_changed(self) -> None:
        """The heartbeat's interval was written: count anew."""
        if self._station.online:
            self._beat_later()

    def _beat_later(self) -> None:
        self._stop()
        interval_s = self._station.variables.number(c.HEARTBEAT)
        self._timer = self._station.clock.call_later(interval_s, self._beat)

    def _beat(self) -> None:
        self._beat_later()
        self.beat({})

    def beat(self, _request: Payload) -> None:
        """Say Heartbeat now and take the time from its answer."""
        self._station.call("Heartbeat", {}, self._beaten)

    def _beaten(self, outcome: Outcome) -> None:
        if isinstance(outcome, dict):
            self._station.hear_time(outcome.get("currentTime", ""))

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
