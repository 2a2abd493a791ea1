"""Reservations: an EVSE, or any one of a station, is kept for a token or its group until an instant."""

from __future__ import annotations

from typing import NamedTuple

from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.link import Answer, Payload
from twin.network.virtual.parts.base import EVERY, TWO, Handlers, Host, Token
from twin.network.virtual.parts.plain import Alarm, PlainPart
from twin.network.virtual.parts.standard import RESERVATIONS

TABLE = "reservations"


class Reservation(NamedTuple):
    """One reservation."""

    id: int
    evse: int
    """0: any EVSE of the station."""
    token: str
    group: str
    expires_s: float
    """On the station's own clock."""


class Reservations(PlainPart):
    """Implements `base.Reservations`.

    Args:
        host: The station.
    """

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self._kept: dict[int, Reservation] = {}
        self._alarms: dict[int, Alarm] = {}
        for _, row in host.store.rows(TABLE):
            self._keep(Reservation(*row))

    def handlers(self) -> Handlers:
        """ReserveNow and CancelReservation."""
        return {
            (Version.V16, "ReserveNow"): self._reserve_16,
            **{(version, "ReserveNow"): self._reserve_2 for version in TWO},
            **{(version, "CancelReservation"): self._cancel for version in EVERY},
        }

    def reserved(self, evse: int, /) -> bool:
        """Whether an EVSE is kept: for itself, or since every free one is needed for those that may use any."""
        if any(one.evse == evse for one in self._kept.values()):
            return True
        anywhere = sum(one.evse == 0 for one in self._kept.values())
        return anywhere > 0 and anywhere >= len(self._free())

    def _free(self) -> list[int]:
        named = {one.evse for one in self._kept.values()}
        numbers = [evse.number for evse in self.host.settings.evses]
        return [n for n in numbers if n not in named and self.host.state_of(n) == "Available"]

    def admits(self, evse: int, token: Token, group: str, /) -> bool:
        """Whether a token may start here (1.6 5.13, 2.x H03)."""
        return not self.reserved(evse) or self._of(evse, token, group) is not None

    def used(self, evse: int, token: Token, group: str, /) -> int | None:
        """See `base.Reservations.used`."""
        one = self._of(evse, token, group)
        if one is None:
            return None
        self._drop(one)
        return one.id

    def _of(self, evse: int, token: Token, group: str) -> Reservation | None:
        fitting = [one for one in self._kept.values() if one.evse in {0, evse} and _for(one, token, group)]
        return max(fitting, key=lambda one: one.evse, default=None)

    def _reserve_16(self, payload: Payload) -> Answer:
        return self._reserve(
            payload["reservationId"], payload["connectorId"], payload["idTag"], payload.get("parentIdTag", ""),
            payload["expiryDate"],
        )  # fmt: skip

    def _reserve_2(self, payload: Payload) -> Answer:
        evse, kind = payload.get("evseId", 0), payload.get("connectorType")
        kinds = {k for e in self.host.settings.evses if evse in {0, e.number} for k in e.connectors}
        if kind is not None and kind not in kinds:
            return {"status": "Rejected"}
        group = (payload.get("groupIdToken") or {}).get("idToken", "")
        token = payload["idToken"]["idToken"]
        return self._reserve(payload["id"], evse, token, group, payload["expiryDateTime"])

    def _reserve(self, number: int, evse: int, token: str, group: str, expiry: str) -> Answer:
        """The same id again replaces its reservation (1.6 5.13, H01)."""
        known = [e.number for e in self.host.settings.evses]
        expires_s = self.host.read_stamp(expiry)
        off = not self.host.variables.flag(RESERVATIONS)
        if off or evse not in {0, *known} or expires_s <= self.host.now_s:
            return {"status": "Rejected"}
        before = self._kept.pop(number, None)
        state = self._state(evse)
        if state != "Available":
            if before is not None:
                self._kept[number] = before
            return {"status": state}
        if before is not None:
            self._drop(before)
        self._keep(Reservation(number, evse, token, group, expires_s))
        self.host.store.put(TABLE, str(number), list(self._kept[number]))
        self.host.status_changed(evse)
        return {"status": "Accepted"}

    def _state(self, evse: int) -> str:
        """Available, or the answer that says why not."""
        if evse == 0:
            states = {self.host.state_of(e.number) for e in self.host.settings.evses}
            waiting = sum(one.evse == 0 for one in self._kept.values())
            if len(self._free()) > waiting:
                return "Available"
            return "Occupied" if states & {"Available", "Occupied"} else min(states)
        return "Occupied" if self.reserved(evse) else self.host.state_of(evse)

    def _keep(self, one: Reservation) -> None:
        self._kept[one.id] = one
        alarm = self._alarms.setdefault(one.id, Alarm(self.host))
        alarm.at(one.expires_s, lambda: self._expire(one))

    def _expire(self, one: Reservation) -> None:
        self._drop(one)
        self._tell(one, "Expired")

    def _drop(self, one: Reservation) -> None:
        self._kept.pop(one.id, None)
        self._alarms.pop(one.id).cancel()
        self.host.store.drop(TABLE, str(one.id))
        self.host.status_changed(one.evse)

    def _tell(self, one: Reservation, why: str) -> None:
        """2.x only: H04; 1.6 tells by the connector's status alone."""
        if self.host.version.two:
            self.host.ask(
                "ReservationStatusUpdate", {"reservationId": one.id, "reservationUpdateStatus": why}
            )

    def _cancel(self, payload: Payload) -> Answer:
        one = self._kept.get(payload["reservationId"])
        if one is None:
            return {"status": "Rejected"}
        self._drop(one)
        return {"status": "Accepted"}

    def withdraw(self, evse: int) -> None:
        """Give up what is kept on an EVSE that cannot be used any more (2.x H01: told as Removed)."""
        for one in [one for one in self._kept.values() if one.evse == evse]:
            self._drop(one)
            self._tell(one, "Removed")


def _for(one: Reservation, token: Token, group: str) -> bool:
    same = one.token.casefold() == token.text.casefold()
    return same or bool(group and one.group.casefold() == group.casefold())
