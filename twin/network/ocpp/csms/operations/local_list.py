"""The local authorisation list of a station: sent in full or as a difference, its version never taken twice.

OCPP 1.6 5.15 and 5.16, 2.x D01 and D02. After a refusal for its version, or when a station's list is in doubt, the list is sent in full
once. Long lists are cut: the first message is full, those behind it are differences with versions of their own
(2.0.1 D01.FR.12 limits both the items of a message and its bytes).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast

from twin.domain.journal import Entry
from twin.network.ocpp.csms.operations.office import Office, OperationsPart
from twin.network.ocpp.csms.station import Station
from twin.network.ocpp.wire.link import Payload


class ListEntry(NamedTuple):
    """One token on the list."""

    token: str
    token_type: str = "ISO14443"  # noqa: S105 -- the kind of a card, no secret
    """2.x only."""
    status: str = "Accepted"
    group: str = ""
    """Group in 2.x, parent in 1.6."""
    expiry: str = ""
    """RFC 3339; empty: none."""


@dataclass(slots=True)
class _Kept:
    version: int = 0
    """The last one that was sent, whatever came of it."""
    confirmed: int = -1
    """The last one that the station took; -1: what it holds is not known."""


class LocalLists(OperationsPart):
    """What lists the stations hold, as far as they said."""

    name = "list"

    def __init__(self, office: Office) -> None:
        super().__init__(office)
        self._kept: dict[str, _Kept] = {}

    def version(self, station: str) -> int | None:
        """Return the version that the station is known to hold; None: not known."""
        kept = self._kept.get(station)
        return kept.confirmed if kept and kept.confirmed >= 0 else None

    async def send(
        self, station: Station, entries: Sequence[ListEntry], *, removed: Sequence[ListEntry] = ()
    ) -> str:
        """Replace the list of a station, or change it where `removed` is given.

        Args:
            station: Whose list.
            entries: What shall be on it, all of it.
            removed: Entries that leave; with it `entries` are those that are new or changed.

        Returns:
            The last answer: Accepted, Failed, NotSupported (1.6) or VersionMismatch.

        Raises:
            LinkLost, CallFailed, CallTimedOut: See `Office.call`; the list is in doubt then, the next one is sent in full.
            ValueError: A difference, but nobody knows what the station holds.
        """
        if removed and self.version(station.identity) is None:
            raise ValueError(f"{station.identity}: a difference to a list that is not known; send all of it")
        changes = [_written(station, entry) for entry in entries] + [
            _named(station, entry) for entry in removed
        ]
        batches = _batches(station, changes)
        kinds = ["Differential" if removed or n else "Full" for n in range(len(batches))]
        status = "Accepted"
        for kind, batch in zip(kinds, batches, strict=True):
            status = await self._send(station, kind, batch)
            if status != "Accepted":
                break
        return status

    async def read_version(self, station: Station) -> int:
        """Ask which version the station holds, and believe it. -1: lists are not supported (1.6 5.10)."""
        answer = await self.office.call(station, "GetLocalListVersion", {})
        number = int(answer["versionNumber" if station.version.two else "listVersion"])
        kept = self._of(station.identity)
        if number != kept.confirmed:
            self._confirmed(station.identity, number)
        return number

    def restore(self, entry: Entry) -> None:
        """Take back versions; one that was sent and not answered leaves the list in doubt."""
        kept, number = self._of(entry.stream), cast("int", entry.body["version"])
        kept.version = max(kept.version, number)
        kept.confirmed = number if entry.kind == "list.confirmed" else -1

    async def _send(self, station: Station, kind: str, batch: list[Payload]) -> str:
        kept = self._of(station.identity)
        number = max(kept.version, kept.confirmed, 0) + 1
        kept.version, before = number, kept.confirmed
        kept.confirmed = -1
        self.office.record(
            station.identity, "list.sent", {"version": number, "type": kind, "items": len(batch)}
        )
        await self.office.commit()
        key = "versionNumber" if station.version.two else "listVersion"
        payload: Payload = {key: number, "updateType": kind}
        if batch:
            payload["localAuthorizationList"] = batch
        status = str((await self.office.call(station, "SendLocalList", payload))["status"])
        if status == "Accepted":
            self._confirmed(station.identity, number)
        elif status == "Failed" and before >= 0:  # the list it had is the list it has (D01.FR.05)
            self._confirmed(station.identity, before)
        return status

    def _confirmed(self, station: str, number: int) -> None:
        self._of(station).confirmed = number
        self.office.record(station, "list.confirmed", {"version": number})

    def _of(self, station: str) -> _Kept:
        return self._kept.setdefault(station, _Kept())


def _batches(station: Station, entries: list[Payload]) -> list[list[Payload]]:
    size = station.policy.items_per_message.get("SendLocalList", 0) or max(len(entries), 1)
    return [entries[n : n + size] for n in range(0, len(entries), size)] or [[]]


def _named(station: Station, entry: ListEntry) -> Payload:
    """Return an entry with its token only: on a difference it removes the token (1.6 5.15, 2.x D01.FR.16)."""
    if station.version.two:
        return {"idToken": {"idToken": entry.token, "type": entry.token_type}}
    return {"idTag": entry.token}


def _written(station: Station, entry: ListEntry) -> Payload:
    """Return an entry as the version of the station has it."""
    info: Payload = {"status": entry.status}
    if entry.expiry:
        info["cacheExpiryDateTime" if station.version.two else "expiryDate"] = entry.expiry
    if entry.group:
        if station.version.two:
            info["groupIdToken"] = {"idToken": entry.group, "type": "Central"}
        else:
            info["parentIdTag"] = entry.group
    return {**_named(station, entry), ("idTokenInfo" if station.version.two else "idTagInfo"): info}
