"""What parts have in common: nothing to answer, nothing to trigger, nothing to do when the link comes or goes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from twin.domain.clock import Timer
from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.link import Answer, Payload
from twin.network.ocpp.wire.link import Then as AndThen
from twin.network.virtual.parts.base import Handlers, Host, Trigger

Triggers: TypeAlias = Mapping[tuple[Version, str], Trigger]


class PlainPart:
    """A part of a station that needs nothing told; each concern overrides what it cares for.

    Args:
        host: The station.
    """

    def __init__(self, host: Host) -> None:
        self.host = host

    def handlers(self) -> Handlers:
        """See `StationPart.handlers`."""
        return {}

    def triggers(self) -> Triggers:
        """See `StationPart.triggers`."""
        return {}

    def connected(self) -> None:
        """See `StationPart.connected`."""

    def disconnected(self) -> None:
        """See `StationPart.disconnected`."""

    def booted(self) -> None:
        """See `StationPart.booted`."""


def status(value: str, reason: str = "", detail: str = "") -> Payload:
    """Return an answer that is a status, in 2.x with its reason."""
    answer: Payload = {"status": value}
    if reason:
        answer["statusInfo"] = {"reasonCode": reason[:20]}
        if detail:
            answer["statusInfo"]["additionalInfo"] = detail[:512]
    return answer


def then(payload: Payload, *steps: Callable[[], None]) -> Answer:
    """Answer, then do what follows from it, in order."""

    def after() -> None:
        for step in steps:
            step()

    return AndThen(payload, after)


class Alarm:
    """A timer that is set anew, and cancelled, as often as one likes.

    Args:
        host: Whose own clock it goes by.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self._timer: Timer | None = None

    def at(self, own_s: float, callback: Callable[[], None]) -> None:
        """Call back at an instant of the station's own clock, and not at an earlier one that was set."""
        self.cancel()
        self._timer = self._host.call_at(own_s, callback)  # type: ignore[assignment]

    def after(self, delay_s: float, callback: Callable[[], None]) -> None:
        """Call back after a while."""
        self.at(self._host.now_s + delay_s, callback)

    def cancel(self) -> None:
        """Forget it."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
