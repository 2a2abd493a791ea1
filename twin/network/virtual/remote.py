"""Remote start and stop, unlock, and the state of a transaction (1.6 5.11, 5.12, 5.18; 2.x F01 to F05, E14)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.link import Answer, Payload, Then
from twin.network.virtual import catalogue as c
from twin.network.virtual.bay import Bay
from twin.network.virtual.boot import State
from twin.network.virtual.parts.base import Grant, Handlers, Token
from twin.network.virtual.parts.plain import PlainPart

if TYPE_CHECKING:
    from twin.network.virtual.station import VirtualStation

_ACCEPTED, _REJECTED = {"status": "Accepted"}, {"status": "Rejected"}


class Remote(PlainPart):
    """What the central system may do in place of a driver.

    Args:
        station: Whose.
    """

    def __init__(self, station: VirtualStation) -> None:
        super().__init__(station)
        self._station = station

    def handlers(self) -> Handlers:
        """See `StationPart.handlers`."""
        return {
            (Version.V16, "RemoteStartTransaction"): self._start_16,
            (Version.V16, "RemoteStopTransaction"): self._stop,
            (Version.V16, "UnlockConnector"): self._unlock_16,
            **{
                key: handler
                for version in (Version.V201, Version.V21)
                for key, handler in {
                    (version, "RequestStartTransaction"): self._start_2,
                    (version, "RequestStopTransaction"): self._stop,
                    (version, "UnlockConnector"): self._unlock_2,
                    (version, "GetTransactionStatus"): self._status,
                }.items()
            },
        }

    def _start_16(self, request: Payload) -> Answer:
        profile = request.get("chargingProfile")
        bay = self._free(request.get("connectorId"))
        token = Token(request["idTag"])
        if bay is None or not self._may_start(bay, token) or not self._takes(bay, profile):
            return dict(_REJECTED)
        return Then(dict(_ACCEPTED), partial(self._begin, bay, token, None, profile))

    def _start_2(self, request: Payload) -> Answer:
        profile = request.get("chargingProfile")
        bay = self._free(request.get("evseId"))
        raw = request["idToken"]
        token = Token(raw["idToken"], raw["type"])
        if bay is None or not self._may_start(bay, token) or not self._takes(bay, profile):
            return dict(_REJECTED)
        answer = dict(_ACCEPTED)
        if bay.transaction is not None:  # the cable was there first (2.0.1 F01.FR.13)
            answer["transactionId"] = bay.transaction.name
        return Then(answer, partial(self._begin, bay, token, request["remoteStartId"], profile))

    def _free(self, number: int | None) -> Bay | None:
        """The EVSE that is named; without a name one where a car waits, else any that is free."""
        bays = self._station.bays
        if number is not None:
            return bays.get(number)
        free = [
            bay for bay in bays.values() if not bay.authorised and self._station.transactions.open_for(bay)
        ]
        return next((bay for bay in free if bay.plugged), free[0] if free else None)

    def _may_start(self, bay: Bay, token: Token) -> bool:
        station = self._station
        admitted = station.fittings.reservations.admits(bay.number, token, "")
        return (
            station.boot.state is State.ACCEPTED
            and station.transactions.open_for(bay)
            and not bay.authorised
            and admitted
        )

    def _takes(self, bay: Bay, profile: Payload | None) -> bool:
        return profile is None or self._station.profiles.starting(bay, profile) is not None

    def _begin(self, bay: Bay, token: Token, number: int | None, profile: Payload | None) -> None:
        station = self._station
        if profile is not None:
            read = station.profiles.starting(bay, profile)
            if read is not None:
                station.limits.install(read)
        if station.variables.flag(c.AUTHORIZE_REMOTE):
            station.authoriser.decide(token, lambda grant: self._decided(bay, token, number, grant))
        else:
            self._decided(bay, token, number, Grant(True, "Accepted"))

    def _decided(self, bay: Bay, token: Token, number: int | None, grant: Grant) -> None:
        if grant.accepted:
            self._station.transactions.allow(bay, token, grant, "RemoteStart", number)
        elif not bay.authorised:
            self._station.limits.forsaken(bay)

    def _stop(self, request: Payload) -> Answer:
        station = self._station
        bay = station.running(str(request["transactionId"]))
        if bay is None or station.boot.state is not State.ACCEPTED:
            return dict(_REJECTED)
        transactions = station.transactions
        return Then(dict(_ACCEPTED), lambda: transactions.stop(bay, "Remote", "RemoteStop"))

    def _unlock_16(self, request: Payload) -> Answer:
        bay = self._station.bays.get(request["connectorId"])
        if bay is None:
            return {"status": "NotSupported"}
        transactions = self._station.transactions
        return Then({"status": "Unlocked"}, lambda: transactions.stop(bay, "UnlockCommand", "UnlockCommand"))

    def _unlock_2(self, request: Payload) -> Answer:
        bay = self._station.bays.get(request["evseId"])
        if bay is None or not 1 <= request["connectorId"] <= len(bay.connectors):
            return {"status": "UnknownConnector"}
        if bay.transaction is not None and bay.authorised:  # 2.0.1 F05.FR.02
            return {"status": "OngoingAuthorizedTransaction"}
        return {"status": "Unlocked"}

    def _status(self, request: Payload) -> Answer:
        """See 2.0.1 E14: whether it runs, and whether messages of it wait."""
        station = self._station
        name = request.get("transactionId")
        if name is None:
            return {"messagesInQueue": len(station.queue) > 0}
        ongoing = station.running(name) is not None
        return {"ongoingIndicator": ongoing, "messagesInQueue": station.queue.waits_for(name)}
