"""Diagnostics and logs: a file of what the station really did, uploaded to where the central system says."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import orjson

from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.link import Answer, Payload
from twin.network.virtual.parts.base import TWO, Handlers, Host
from twin.network.virtual.parts.plain import Alarm, PlainPart, Triggers, then
from twin.network.virtual.parts.transfer import Transfer

KEPT = 3_000
"""Characters of each log, all in all; the oldest lines give way. Of a thousand stations that is 4 MB."""
LONGEST = 300
"""Characters of a line that are kept."""
_SECRET = {"idTag", "idToken", "csr", "password"}


class Upload(NamedTuple):
    """One file under way."""

    url: str
    name: str
    data: bytes
    pause_s: float
    tell: Callable[[str], None]


class Logs(PlainPart):
    """Keeps a diagnostics log and a security log, and uploads them.

    Args:
        host: The station.
        transfer: How the file goes.
    """

    def __init__(self, host: Host, transfer: Transfer) -> None:
        super().__init__(host)
        self._transfer = transfer
        self._lines: dict[str, list[tuple[float, str]]] = {"DiagnosticsLog": [], "SecurityLog": []}
        self._kept = dict.fromkeys(self._lines, 0)
        """Characters of each."""
        self._upload: Upload | None = None
        self._request_id: int | None = None
        self._alarm = Alarm(host)

    def sent(self, action: str, payload: Payload) -> None:
        """Write a line about a message of the station; tokens and keys stay out of it."""
        log = "SecurityLog" if action == "SecurityEventNotification" else "DiagnosticsLog"
        shown = {key: value for key, value in payload.items() if key not in _SECRET}
        line = f"{action} {orjson.dumps(shown).decode()}"[:LONGEST]
        lines = self._lines[log]
        lines.append((self.host.now_s, line))
        self._kept[log] += len(line)
        while self._kept[log] > KEPT:
            self._kept[log] -= len(lines.pop(0)[1])

    def text(self, log: str, since_s: float, until_s: float) -> str:
        """Return the lines of a log within an interval, the earliest first."""
        lines = [f"{self.host.stamp(t)} {line}" for t, line in self._lines[log] if since_s <= t <= until_s]
        return "\n".join([f"{self.host.settings.identity} {log}", *lines, ""])

    def handlers(self) -> Handlers:
        """GetDiagnostics of 1.6; GetLog of the security extension and of 2.x."""
        return {
            (Version.V16, "GetDiagnostics"): self._diagnostics,
            (Version.V16, "GetLog"): self._log,
            **{(version, "GetLog"): self._log for version in TWO},
        }

    def triggers(self) -> Triggers:
        """DiagnosticsStatusNotification, LogStatusNotification."""
        return {
            (Version.V16, "DiagnosticsStatusNotification"): lambda _: self._tell_16(self._state),
            **{
                (v, "LogStatusNotification"): lambda _: self._tell(self._request_id, self._state)
                for v in Version
            },
        }

    @property
    def _state(self) -> str:
        return "Idle" if self._upload is None else "Uploading"

    def _data(self, log: str, since: str | None, until: str | None) -> bytes:
        stamp = self.host.read_stamp
        since_s = float("-inf") if since is None else stamp(since)
        until_s = float("inf") if until is None else stamp(until)
        return self.text(log, since_s, until_s).encode()

    def _name(self, log: str) -> str:
        return f"{self.host.settings.identity}-{log}-{self.host.next_id('log')}.log"

    def _diagnostics(self, payload: Payload) -> Answer:
        name = self._name("diagnostics")
        data = self._data("DiagnosticsLog", payload.get("startTime"), payload.get("stopTime"))
        upload = Upload(payload["location"], name, data, payload.get("retryInterval", 30), self._tell_16)
        return then({"fileName": name}, lambda: self._start(upload, payload.get("retries", 0)))

    def _log(self, payload: Payload) -> Answer:
        log, request_id = payload["log"], payload["requestId"]
        if payload["logType"] not in self._lines:
            return {"status": "Rejected"}
        name = self._name(payload["logType"])
        data = self._data(payload["logType"], log.get("oldestTimestamp"), log.get("latestTimestamp"))
        tell = partial(self._tell, request_id)
        upload = Upload(log["remoteLocation"], name, data, payload.get("retryInterval", 30), tell)
        status = "Accepted" if self._upload is None else "AcceptedCanceled"
        return then(
            {"status": status, "filename": name}, lambda: self._start(upload, payload.get("retries", 0))
        )

    def _start(self, upload: Upload, tries: int) -> None:
        """A second request takes the place of the one under way, which is told as cancelled (N01.FR.12)."""
        if self._upload is not None and self.host.version.two:
            self._upload.tell("AcceptedCanceled")
        self._alarm.cancel()
        self._upload = upload
        self._try(upload, tries)

    def _try(self, upload: Upload, tries: int) -> None:
        upload.tell("Uploading")
        self._transfer.upload(
            upload.url, upload.name, upload.data, lambda why: self._done(upload, tries, why)
        )

    def _done(self, upload: Upload, tries: int, why: str) -> None:
        if upload is not self._upload:
            return
        if why and tries > 0:
            self._alarm.after(upload.pause_s, lambda: self._try(upload, tries - 1))
            return
        self._upload = None
        upload.tell("failed" if why else "Uploaded")

    def _tell_16(self, status: str) -> None:
        said = "UploadFailed" if status == "failed" else status
        self.host.ask("DiagnosticsStatusNotification", {"status": said})

    def _tell(self, request_id: int | None, status: str) -> None:
        self._request_id = request_id
        payload: Payload = {"status": "UploadFailure" if status == "failed" else status}
        if request_id is not None and status != "Idle":
            payload["requestId"] = request_id
        self.host.ask("LogStatusNotification", payload)
