"""Reports that come in parts, put together under their request id.

2.x: NotifyReport (B07, B08), NotifyMonitoringReport (N02), NotifyCustomerInformation (N09), NotifyDisplayMessages (O03),
ReportChargingProfiles (K09); 2.1: ReportDERControl (R04). Parts may come out of order and even before the answer to the request; only
those that carry a sequence number can be checked for gaps.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import NamedTuple, Self

from twin.domain.clock import Clock
from twin.domain.journal import Entry
from twin.network.ocpp.csms.parts import Handler, Handlers, Part
from twin.network.ocpp.csms.station import Station
from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.link import Answer, Payload


class Kind(NamedTuple):
    """How one kind of report travels."""

    carried_by: str
    """The action of its parts."""
    items: str
    """The key of what they carry: a list, or a text that was cut (customer information)."""
    versions: tuple[Version, ...]


_TWO = (Version.V201, Version.V21)
KINDS = {
    "GetBaseReport": Kind("NotifyReport", "reportData", _TWO),
    "GetReport": Kind("NotifyReport", "reportData", _TWO),
    "GetMonitoringReport": Kind("NotifyMonitoringReport", "monitor", _TWO),
    "CustomerInformation": Kind("NotifyCustomerInformation", "data", _TWO),
    "GetDisplayMessages": Kind("NotifyDisplayMessages", "messageInfo", _TWO),
    "GetChargingProfiles": Kind("ReportChargingProfiles", "chargingProfile", _TWO),
    "GetDERControl": Kind("ReportDERControl", "", (Version.V21,)),
}
"""By the action that asks for it."""
CARRIERS = {kind.carried_by: kind for kind in KINDS.values()}
_NO_PARTS = {"Rejected", "NotSupported", "EmptyResultSet", "NoProfiles", "Unknown", "Invalid", "NotFound"}
"""Answers to the request after which no part will come."""
MOST_PARTS = 10_000
"""A report with more is given up: no station has as many variables."""


class _Overheard:
    """A part whose reports are heard by two."""

    def __init__(self, part: Part, reports: Reports) -> None:
        self._part, self._reports = part, reports
        self.name = part.name
        self.connected, self.accepted = part.connected, part.accepted
        self.disconnected, self.restore = part.disconnected, part.restore

    def handlers(self) -> Handlers:
        """Those of the part; reports are heard before they are answered."""
        return {key: self._both(key[1], handler) for key, handler in self._part.handlers().items()}

    def _both(self, action: str, handler: Handler) -> Handler:
        if action not in CARRIERS:
            return handler

        def both(station: Station, payload: Payload) -> Answer | Awaitable[Answer]:
            self._reports.heard(station.identity, action, payload)
            return handler(station, payload)

        return both


@dataclass(slots=True)
class _Open:
    parts: list[Payload] = field(default_factory=list)
    done: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def complete(self) -> bool:
        """Whether the last part is there, and all before it where they are numbered."""
        last = [part for part in self.parts if not part.get("tbc", False)]
        if not last:
            return False
        return "seqNo" not in last[0] or len({part["seqNo"] for part in self.parts}) > last[0]["seqNo"]


class Reports:
    """Puts parts together. Itself a part, to be given through `overhear` like those whose reports it shall hear.

    Args:
        clock: Whose seconds a report may take.
    """

    name = "report"

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._open: dict[tuple[str, str, int], _Open] = {}

    def heard(self, station: str, action: str, payload: Payload) -> None:
        """Take a message; those that carry no report that somebody waits for pass by."""
        if action not in CARRIERS:
            return
        report = self._open.get((station, action, payload["requestId"]))
        if report is None:
            return
        report.parts.append(payload)
        if report.complete or len(report.parts) >= MOST_PARTS:
            report.done.set()

    def handlers(self) -> Handlers:
        """The reports that nobody else takes: whoever asked for one reads it here."""
        return {
            (version, action): self._taken
            for action in (
                "NotifyMonitoringReport",
                "NotifyCustomerInformation",
                "NotifyDisplayMessages",
                "ReportDERControl",
            )
            for version in CARRIERS[action].versions
        }

    def connected(self, station: Station) -> None:
        """Nothing to do."""

    def accepted(self, station: Station) -> None:
        """Nothing to do."""

    def disconnected(self, station: Station) -> None:
        """Nothing to do: a station may go on with a report after a reconnect."""

    def restore(self, entry: Entry) -> None:
        """Reports are not kept."""

    def overhear(self, part: Part) -> Part:
        """Return a part that answers as `part` does and lets this one hear the reports that come to it."""
        return _Overheard(part, self) if any(action in CARRIERS for _, action in part.handlers()) else part

    def _taken(self, _station: Station, _payload: Payload) -> Answer:
        return {}

    def expect(self, station: str, action: str, request_id: int) -> Waiting:
        """Begin to listen, before the request leaves: some stations send the first part before their answer.

        Args:
            station: Who is asked.
            action: The request, a key of `KINDS`.
            request_id: Its `requestId`.
        """
        return Waiting(
            self._clock, self._open, (station, KINDS[action].carried_by, request_id), KINDS[action]
        )


class Waiting:
    """A report on its way. Use it as a context: it stops listening at its end.

    Args:
        clock: Whose seconds are waited.
        table: Where open reports are found.
        key: Station, carrying action and request id.
        kind: How it travels.
    """

    def __init__(
        self, clock: Clock, table: dict[tuple[str, str, int], _Open], key: tuple[str, str, int], kind: Kind
    ) -> None:
        self._clock, self._table, self._key, self._kind = clock, table, key, kind
        self._report = _Open()

    def __enter__(self) -> Self:
        self._table[self._key] = self._report
        return self

    def __exit__(self, *_: object) -> None:
        if self._table.get(self._key) is self._report:
            del self._table[self._key]

    async def collected(self, answer: Payload, timeout_s: float) -> Payload:
        """Return the answer to the request with the whole report beside it.

        Args:
            answer: What the station answered to the request.
            timeout_s: How long the rest is waited for.

        Returns:
            The answer with `report` = `{"parts": count, "complete": bool, <items>: …}`; without it where the answer says
            that no part will come.
        """
        if answer.get("status") in _NO_PARTS:
            return answer
        timer = self._clock.call_later(timeout_s, self._report.done.set)
        try:
            await self._report.done.wait()
        finally:
            timer.cancel()
        return {**answer, "report": self._put_together()}

    def _put_together(self) -> Payload:
        parts = sorted(self._report.parts, key=lambda part: part.get("seqNo", 0))
        unique = [
            part
            for n, part in enumerate(parts)
            if "seqNo" not in part or part["seqNo"] != parts[n - 1].get("seqNo") or n == 0
        ]
        whole: Payload = {"parts": len(unique), "complete": self._report.complete}
        if self._kind.items == "data":
            return {**whole, "data": "".join(part["data"] for part in unique)}
        if self._kind.items == "chargingProfile":
            return {
                **whole,
                "chargingProfile": [
                    _placed(part, profile) for part in unique for profile in part["chargingProfile"]
                ],
            }
        if self._kind.items:
            return {
                **whole,
                self._kind.items: [item for part in unique for item in part.get(self._kind.items) or ()],
            }
        return {**whole, **_merged(unique)}


def _placed(part: Payload, profile: Payload) -> Payload:
    """A reported profile with what only its part says: where it holds and whose limit it is."""
    return {"evseId": part["evseId"], "chargingLimitSource": part["chargingLimitSource"], **profile}


def _merged(parts: list[Payload]) -> Payload:
    merged: dict[str, list[object]] = {}
    for part in parts:
        for key, value in part.items():
            if isinstance(value, list):
                merged.setdefault(key, []).extend(value)
    return dict(merged)
