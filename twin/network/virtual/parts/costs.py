"""What it costs, as the station hears it: CostUpdated, 2.1 tariffs, California pricing of 1.6 by DataTransfer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.link import Answer, Payload
from twin.network.virtual.parts.base import EVERY, TWO, Handlers, Host
from twin.network.virtual.parts.plain import PlainPart, status, then
from twin.network.virtual.parts.standard import CURRENCY

TABLE = "tariffs"
PRICING = "org.openchargealliance.costmsg"
"""vendorId of OCPP & California pricing requirements."""
_MESSAGES = {"RunningCost", "FinalCost", "SetUserPrice", "ConnectionTimeOut"}
MOST_ELEMENTS = 50
"""Prices of one tariff."""
_PARTS = ("energy", "chargingTime", "idleTime", "fixedFee", "reservationTime", "reservationFixed")


class Costs(PlainPart):
    """Keeps the running cost of transactions and the default tariffs of EVSEs.

    Args:
        host: The station.
    """

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self.running: dict[str, float] = {}
        """Last cost told, by transaction; in the operator's currency."""
        self.texts: dict[str, str] = {}
        """Last price text told (1.6), by message."""

    def handlers(self) -> Handlers:
        """DataTransfer; CostUpdated; SetDefaultTariff, GetTariffs, ClearTariffs, ChangeTransactionTariff (2.1)."""
        return {
            **{(version, "DataTransfer"): self._data for version in EVERY},
            **{(version, "CostUpdated"): self._cost for version in TWO},
            (Version.V21, "SetDefaultTariff"): self._set_default,
            (Version.V21, "GetTariffs"): self._get,
            (Version.V21, "ClearTariffs"): self._clear,
            (Version.V21, "ChangeTransactionTariff"): self._change,
        }

    def _cost(self, payload: Payload) -> Answer:
        self.running[payload["transactionId"]] = float(payload["totalCost"])
        return {}

    def _data(self, payload: Payload) -> Answer:
        """Unknown vendors and messages have their own status (1.6 4.3, 2.x P01.FR.05 and .06)."""
        if payload["vendorId"] != PRICING:
            return status("UnknownVendorId")
        message = payload.get("messageId", "")
        if message not in _MESSAGES:
            return status("UnknownMessageId")
        told = payload.get("data", {})
        try:
            body = orjson.loads(told) if isinstance(told, str) else told
            if "cost" in body:
                self.running[str(body["transactionId"])] = float(body["cost"])
            self.texts[message] = str(body.get("priceText", ""))
        except (orjson.JSONDecodeError, TypeError, KeyError, ValueError):
            return status("Rejected")
        return status("Accepted")

    @property
    def _defaults(self) -> dict[int, Mapping[str, Any]]:
        """Default tariffs by EVSE; 0: of all that have none of their own."""
        return {int(key): tariff for key, tariff in self.host.store.rows(TABLE)}

    def default(self, evse: int) -> Mapping[str, Any] | None:
        """Return the tariff that a driver without one of their own pays at an EVSE."""
        return self._defaults.get(evse) or self._defaults.get(0)

    def _set_default(self, payload: Payload) -> Answer:
        tariff, evse = payload["tariff"], payload["evseId"]
        if evse not in {0, *(e.number for e in self.host.settings.evses)}:
            return status("Rejected", "UnknownEvse")
        if _elements(tariff) > MOST_ELEMENTS:
            return status("TooManyElements")
        for other, known in self._defaults.items():
            if known["tariffId"] == tariff["tariffId"] and other != evse:
                return status("DuplicateTariffId")
        if evse == 0:
            for other in self._defaults:
                self.host.store.drop(TABLE, str(other))
        self.host.store.put(TABLE, str(evse), tariff)
        return status("Accepted")

    def _change(self, payload: Payload) -> Answer:
        """The driver of a running transaction pays by another tariff from now on, in the same currency."""
        tariff, number = payload["tariff"], payload["transactionId"]
        if _elements(tariff) > MOST_ELEMENTS:
            return status("TooManyElements")
        if tariff["currency"] != self.host.variables.text(CURRENCY):
            return status("NoCurrencyChange")
        if not self.host.tariffs.runs(number):
            return status("TxNotFound")
        return then(status("Accepted"), lambda: self.host.tariffs.change(number, tariff))

    def _get(self, payload: Payload) -> Answer:
        told = [*self._assignments(payload["evseId"]), *self._of_drivers(payload["evseId"])]
        return {"status": "Accepted", "tariffAssignments": told} if told else {"status": "NoTariff"}

    def _assignments(self, asked: int) -> Iterator[Payload]:
        every = [e.number for e in self.host.settings.evses]
        defaults = self._defaults
        for evse, tariff in defaults.items():
            where = [evse] if evse else [n for n in every if n not in defaults]
            where = [n for n in where if asked in {0, n}]
            if where:
                entry: Payload = {
                    "tariffId": tariff["tariffId"],
                    "tariffKind": "DefaultTariff",
                    "evseIds": where,
                }
                if "validFrom" in tariff:
                    entry["validFrom"] = tariff["validFrom"]
                yield entry

    def _of_drivers(self, asked: int) -> Iterator[Payload]:
        for evse, token, tariff in self.host.tariffs.of_drivers():
            if asked in {0, evse}:
                yield {
                    "tariffId": tariff["tariffId"],
                    "tariffKind": "DriverTariff",
                    "evseIds": [evse],
                    "idTokens": [token],
                }

    def _clear(self, payload: Payload) -> Answer:
        """Those of the ids that are named, all where none is; of one EVSE where that is named."""
        wanted, asked = payload.get("tariffIds"), payload.get("evseId", 0)
        results: list[Payload] = []
        for evse, tariff in self._defaults.items():
            number = tariff["tariffId"]
            if (not wanted or number in wanted) and asked in {0, evse}:
                self.host.store.drop(TABLE, str(evse))
                results.append({"tariffId": number, "status": "Accepted"})
        gone = {result["tariffId"] for result in results}
        results += [
            {"tariffId": number, "status": "NoTariff"} for number in wanted or () if number not in gone
        ]
        return {"clearTariffsResult": results or [{"status": "NoTariff"}]}


def _elements(tariff: Mapping[str, Any]) -> int:
    return sum(len(tariff.get(part, {}).get("prices", ())) for part in _PARTS)
