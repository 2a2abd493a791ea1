"""How quirks change what a station sends: meter values, timestamps, ids, in all versions."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from twin.network.ocpp.wire.link import Payload

if TYPE_CHECKING:
    from twin.network.virtual.parts.quirks import VendorQuirks

REGISTER = "Energy.Active.Import.Register"
_STAMPS = ("timestamp", "generatedAt")
_GARBAGE = "\x00\x17\x01RFID"
_ENDS = ("Transaction.Begin", "Transaction.End")


class Rewriter:
    """Rewrites payloads of one station; remembers where each session's register began."""

    def __init__(self) -> None:
        self._begun_wh: dict[object, float] = {}

    def rewrite(self, quirks: VendorQuirks, action: str, payload: Payload) -> Payload:
        """Return what goes over the wire; `payload` itself stays as it is."""
        changed: Payload = copy.deepcopy(payload)
        self._remember(action, payload)
        for sampled in samples(changed):
            self._sample(quirks, sampled, self._begun_wh.get(_session(payload), 0.0))
        if quirks.transaction_id is not None and action in {"StopTransaction", "MeterValues"}:
            changed["transactionId"] = quirks.transaction_id
        if action == "StopTransaction":
            changed["meterStop"] -= quirks.stop_below_start
            if quirks.garbled_tag and "idTag" in changed:
                changed["idTag"] = changed["idTag"].ljust(20, "\x00") + _GARBAGE
        if action == "BootNotification" and quirks.long_serial and "chargePointModel" in changed:
            changed["chargeBoxSerialNumber"] = "0123456789" * 3
        if action == "StatusNotification" and quirks.odd_error and "errorCode" in changed:
            changed["errorCode"] = "Error"
        if quirks.local_time:
            change_stamps(changed, lambda text: text.removesuffix("Z"))
        if quirks.year_2222:
            change_stamps(changed, lambda text: "2222" + text[4:])
        return changed

    def _remember(self, action: str, payload: Payload) -> None:
        if action == "StartTransaction":
            self._begun_wh[payload["connectorId"]] = float(payload["meterStart"])
        if action == "TransactionEvent" and payload["eventType"] == "Started":
            for sampled in samples(payload):
                if sampled.get("measurand", REGISTER) == REGISTER:
                    self._begun_wh[_session(payload)] = float(sampled["value"])
        if action == "TransactionEvent" and payload["eventType"] == "Ended":
            self._begun_wh = {k: v for k, v in self._begun_wh.items() if k != _session(payload)}

    def _sample(self, quirks: VendorQuirks, sampled: Payload, begun_wh: float) -> None:
        if sampled.get("format") == "SignedData":
            return
        if sampled.get("measurand", REGISTER) == REGISTER:
            if quirks.register == "session" and sampled.get("context") not in _ENDS:
                _put(sampled, float(sampled["value"]) - begun_wh)
            if quirks.kwh_as_wh:
                _put(sampled, float(sampled["value"]) / 1000.0)
        if quirks.wrong_phase and "phase" not in sampled:
            sampled["phase"] = "L1"
        if quirks.bare_samples:
            for name in ("unit", "unitOfMeasure", "measurand", "context", "location"):
                sampled.pop(name, None)


def _session(payload: Payload) -> object:
    info = payload.get("transactionInfo")
    return payload.get("connectorId") if info is None else info["transactionId"]


def _put(sampled: Payload, value: float) -> None:
    """1.6 writes numbers as text."""
    sampled["value"] = f"{value:g}" if isinstance(sampled["value"], str) else value


def samples(payload: Payload) -> Iterator[Payload]:
    """Yield every sampled value of a message, to be read or changed."""
    for name in ("meterValue", "transactionData"):
        for value in payload.get(name) or ():
            yield from value["sampledValue"]


def change_stamps(node: Any, change: Callable[[str], str]) -> None:
    """Change every timestamp of a message, in place."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in _STAMPS and isinstance(value, str):
                node[key] = change(value)
            else:
                change_stamps(value, change)
    elif isinstance(node, list):
        for value in node:
            change_stamps(value, change)
