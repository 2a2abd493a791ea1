"""Reservations under integers of our own, each with its state; what ends one is told by clock, station or transaction.

OCPP 1.6 5.13 and 5.2, 2.x H01 to H04. A roaming partner's reservation id never goes to a station.

    asked     -> accepted | refused | doubt     the station's answer, or none
    doubt     -> cancelled | expired            the station may hold it: it is cancelled before the EVSE is promised again
    accepted  -> used | cancelled | expired | removed
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, cast

from twin.domain.clock import Timer
from twin.domain.journal import Entry
from twin.network.ocpp.csms.operations.office import Office, OperationsPart
from twin.network.ocpp.csms.parts import Handlers
from twin.network.ocpp.csms.station import Station
from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.errors import CallFailed, CallTimedOut, LinkLost
from twin.network.ocpp.wire.link import Answer, Payload

State: TypeAlias = Literal["asked", "accepted", "refused", "doubt", "used", "cancelled", "expired", "removed"]
HOLDING: frozenset[State] = frozenset({"asked", "accepted", "doubt"})
"""States in which the EVSE may be kept free."""


@dataclass(slots=True)
class Reservation:
    """One reservation."""

    id: int
    station: str
    evse: int
    """Connector (1.6) or EVSE (2.x); 0: any."""
    token: str
    expires_s: float
    state: State = "asked"
    answer: str = ""
    """What the station said: Accepted, Faulted, Occupied, Rejected, Unavailable."""


class Reservations(OperationsPart):
    """Every reservation that was asked for, by id."""

    name = "reservation"

    def __init__(self, office: Office) -> None:
        super().__init__(office)
        self._all: dict[int, Reservation] = {}
        self._timers: dict[int, Timer] = {}

    def get(self, number: int) -> Reservation | None:
        """Return a reservation; None: no such id."""
        return self._all.get(number)

    def held(self, station: str) -> list[Reservation]:
        """Return the reservations that a station holds or may hold."""
        return [one for one in self._all.values() if one.station == station and one.state in HOLDING]

    def handlers(self) -> Handlers:
        """ReservationStatusUpdate (2.x H04)."""
        return {
            (version, "ReservationStatusUpdate"): self._ended_by_station
            for version in (Version.V201, Version.V21)
        }

    async def reserve(
        self,
        station: Station,
        evse: int,
        token: str,
        expires_s: float,
        *,
        token_type: str = "ISO14443",  # noqa: S107 -- the kind of a card, no secret
        group: str = "",
    ) -> Reservation:
        """Ask a station to keep an EVSE free.

        Args:
            station: Who.
            evse: Connector or EVSE; 0: any.
            token: For whom.
            expires_s: Until when.
            token_type: Kind of token, 2.x.
            group: Group (2.x) or parent (1.6) that may use it as well.

        Returns:
            The reservation with what the station said; `doubt` where it said nothing.

        Raises:
            LinkLost: It is not connected; nothing was asked.
        """
        if station.endpoint is None:
            raise LinkLost(f"{station.identity}: not connected")
        one = Reservation(max(self._all, default=0) + 1, station.identity, evse, token, expires_s)
        self._all[one.id] = one
        self._record(one)
        await self.office.commit()
        try:
            answer = await self.office.call(
                station, "ReserveNow", self._request(station, one, token_type, group)
            )
        except CallFailed as error:
            one.answer = error.code
            return self._move(one, "refused")
        except (CallTimedOut, LinkLost):
            return self._move(one, "doubt")
        one.answer = str(answer["status"])
        return self._move(one, "accepted" if one.answer == "Accepted" else "refused")

    async def cancel(self, station: Station, number: int) -> bool:
        """Cancel a reservation.

        Returns:
            Whether the station knew it. Either way it holds none of this id any more.

        Raises:
            LinkLost, CallFailed, CallTimedOut: See `Office.call`; the state stays.
        """
        answer = await self.office.call(station, "CancelReservation", {"reservationId": number})
        one = self._all.get(number)
        if one is not None and one.state in HOLDING:
            self._move(one, "cancelled")
        return bool(answer["status"] == "Accepted")

    def used(self, number: int) -> None:
        """A transaction began on this reservation (reservationId of StartTransaction or TransactionEvent)."""
        one = self._all.get(number)
        if one is not None and one.state in HOLDING:
            self._move(one, "used")

    def restore(self, entry: Entry) -> None:
        """Take back a reservation; one that was never answered is in doubt."""
        one = Reservation(**cast("dict[str, Any]", dict(entry.body)))
        if one.state == "asked":
            one.state = "doubt"
        self._all[one.id] = one
        self._await_end(one)

    def _ended_by_station(self, station: Station, payload: Payload) -> Answer:
        one = self._all.get(payload["reservationId"])
        if one is None or one.station != station.identity:
            self.office.tell(station.identity, "reservation.unknown", payload)
        elif one.state in HOLDING:
            self._move(one, "expired" if payload["reservationUpdateStatus"] == "Expired" else "removed")
        return {}

    def _move(self, one: Reservation, state: State) -> Reservation:
        one.state = state
        self._record(one)
        self._await_end(one)
        return one

    def _await_end(self, one: Reservation) -> None:
        timer = self._timers.pop(one.id, None)
        if timer is not None:
            timer.cancel()
        if one.state in HOLDING:
            self._timers[one.id] = self.office.desk.clock.call_at(one.expires_s, lambda: self._expired(one))

    def _expired(self, one: Reservation) -> None:
        if one.state in HOLDING:
            self._move(one, "expired")

    def _record(self, one: Reservation) -> None:
        body = {name: getattr(one, name) for name in Reservation.__slots__}
        self.office.record(one.station, f"reservation.{one.state}", body)

    def _request(self, station: Station, one: Reservation, token_type: str, group: str) -> Payload:
        expires = self.office.instant(one.expires_s)
        if not station.version.two:
            payload: Payload = {
                "connectorId": one.evse,
                "expiryDate": expires,
                "idTag": one.token,
                "reservationId": one.id,
            }
            return {**payload, "parentIdTag": group} if group else payload
        payload = {
            "id": one.id,
            "expiryDateTime": expires,
            "idToken": {"idToken": one.token, "type": token_type},
        }
        if one.evse:
            payload["evseId"] = one.evse
        return {**payload, "groupIdToken": {"idToken": group, "type": "Central"}} if group else payload
