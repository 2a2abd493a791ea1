"""Two endpoints on a pipe, a clock that goes on when told, and everything they tell."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.endpoint import Endpoint
from twin.network.ocpp.wire.link import Answer, Deviation, Payload, Record
from twin.network.ocpp.wire.pipe import counter, pipe


class HandTimer:
    def __init__(self, t_s: float, callback: Callable[[], None]) -> None:
        self.t_s, self.callback = t_s, callback
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class HandClock:
    epoch_ns = 1_767_225_600 * 1_000_000_000  # 1 January 2026

    def __init__(self) -> None:
        self.now_s = 0.0
        self.timers: list[HandTimer] = []

    def call_at(self, t_s: float, callback: Callable[[], None], /) -> HandTimer:
        self.timers.append(HandTimer(t_s, callback))
        return self.timers[-1]

    def call_later(self, delay_s: float, callback: Callable[[], None], /) -> HandTimer:
        return self.call_at(self.now_s + delay_s, callback)

    def go_to(self, t_s: float) -> None:
        self.now_s = t_s
        due = [timer for timer in self.timers if timer.t_s <= t_s and not timer.cancelled]
        self.timers = [timer for timer in self.timers if timer.t_s > t_s]
        for timer in due:
            timer.callback()


async def turns(number: int = 20) -> None:
    """Let the loop do all that is ready."""
    for _ in range(number):
        await asyncio.sleep(0)


class Pair:
    """A station and a central system; the central system's handler and records are what is looked at."""

    def __init__(self, version: Version, **options: Any) -> None:
        self.clock = HandClock()
        self.asked: list[tuple[str, Payload]] = []
        self.answers: dict[str, Any] = {}
        self.remarks: list[Deviation] = []
        self.records: list[Record] = []
        self.late: list[tuple[str, Payload]] = []
        self.station_link, self.csms_link = pipe(version, "CP1")
        common = {"clock": self.clock, "activity": options.pop("activity", None)}
        common = {key: value for key, value in common.items() if value is not None}
        self.station_asked: list[tuple[str, Payload]] = []
        self.station = Endpoint(
            self.station_link, self._station_handle, station_side=True, new_id=counter("s"), **common
        )
        self.csms = Endpoint(
            self.csms_link,
            self._handle,
            station_side=False,
            new_id=counter("c"),
            trace=self.records.append,
            remark=self.remarks.append,
            on_late=lambda *late: self.late.append(late),
            **common,
            **options,
        )
        self.station_link.join(self.station)
        self.csms_link.join(self.csms)

    def _handle(self, action: str, payload: Payload) -> Answer:
        self.asked.append((action, payload))
        answer = self.answers.get(action, {})
        if isinstance(answer, Exception):
            raise answer
        return answer() if callable(answer) else answer

    def _station_handle(self, action: str, payload: Payload) -> Answer:
        self.station_asked.append((action, payload))
        answer = self.answers.get(f"station {action}", {})
        if isinstance(answer, Exception):
            raise answer
        return answer() if callable(answer) else answer

    def feed(self, frame: Any) -> list[Any]:
        """Give the central system a frame of the station's; return what it sends at once."""
        before = len(self.csms_link.sent)
        self.csms_link.feed(frame if isinstance(frame, str | bytes) else json.dumps(frame))
        return [json.loads(text) for text in self.csms_link.sent[before:]]

    @property
    def rules(self) -> list[str]:
        """Names of the rules that were broken so far."""
        return [remark.rule for remark in self.remarks]


METER_16 = {
    "connectorId": 1,
    "meterValue": [{"timestamp": "2026-01-01T00:00:00.000Z", "sampledValue": [{"value": "1"}]}],
}
BOOT_16 = {"chargePointVendor": "V", "chargePointModel": "M"}
BOOT_2 = {"reason": "PowerUp", "chargingStation": {"model": "M", "vendorName": "V"}}
ACCEPTED = {"status": "Accepted", "currentTime": "2026-01-01T00:00:00.000Z", "interval": 300}
"""Answers a BootNotification in every version."""
