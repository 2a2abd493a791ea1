"""Periodic event streams of 2.1: values of a monitor in bunches that nobody answers, in place of NotifyEvent."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.link import Answer, Payload
from twin.network.virtual.parts.base import Handlers, Host, Outcome
from twin.network.virtual.parts.plain import Alarm, PlainPart, status

TABLE = "event-streams"
USUAL_S, USUAL_VALUES = 60, 10
"""What holds where the central system says nothing."""


@dataclass(slots=True)
class Params:
    """When a bunch is sent: after `interval` seconds, or as soon as there are `values`; 0: not for this reason."""

    interval: int
    values: int


class Stream:
    """One stream, of one monitor.

    Args:
        host: The station.
        number: Its id.
        params: When it sends.
    """

    def __init__(self, host: Host, number: int, params: Params) -> None:
        self.number, self.params = number, params
        self.open = False
        """Whether the central system takes it."""
        self._host = host
        self._waiting: list[tuple[float, str]] = []
        self._alarm = Alarm(host)

    def take(self, text: str) -> None:
        """Add a value of now."""
        self._waiting.append((self._host.now_s, text))
        if self.params.values and len(self._waiting) >= self.params.values:
            self.flush()
        elif len(self._waiting) == 1 and self.params.interval:
            self._alarm.after(self.params.interval, self.flush)

    def flush(self) -> None:
        """Send what waits."""
        self._alarm.cancel()
        if not self._waiting or not self.open:
            return
        waiting, self._waiting = self._waiting, []
        begin_s = waiting[0][0]
        data = [{"t": round(t_s - begin_s, 3), "v": text[:2500]} for t_s, text in waiting]
        payload = {"id": self.number, "pending": 0, "basetime": self._host.stamp(begin_s), "data": data}
        self._host.notify("NotifyPeriodicEventStream", payload)

    def stop(self) -> None:
        """Send no more; what waits is lost."""
        self.open = False
        self._alarm.cancel()
        self._waiting.clear()


class Streams(PlainPart):
    """The streams of one station, by the monitor that feeds each.

    Args:
        host: The station.
    """

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self._streams: dict[int, Stream] = {}
        for monitor, row in host.store.rows(TABLE):
            self._streams[int(monitor)] = Stream(host, row["number"], Params(**row["params"]))

    def handlers(self) -> Handlers:
        """GetPeriodicEventStream, AdjustPeriodicEventStream."""
        return {
            (Version.V21, "GetPeriodicEventStream"): self._get,
            (Version.V21, "AdjustPeriodicEventStream"): self._adjust,
        }

    def begin(self, monitor: int, asked: Payload) -> None:
        """Offer a stream for a monitor, in place of one that it has."""
        self.end(monitor)
        params = Params(asked.get("interval", USUAL_S), asked.get("values", USUAL_VALUES))
        stream = self._streams[monitor] = Stream(self.host, self.host.next_id("stream"), params)
        self._keep(monitor, stream)
        self._offer(monitor, stream)

    def end(self, monitor: int) -> None:
        """A monitor is gone, or shall have no stream any more."""
        stream = self._streams.pop(monitor, None)
        if stream is None:
            return
        self.host.store.drop(TABLE, str(monitor))
        if stream.open:
            stream.flush()
            self.host.ask("ClosePeriodicEventStream", {"id": stream.number})
        stream.stop()

    def takes(self, monitor: int, text: str) -> bool:
        """Whether a value of a monitor goes into its stream; otherwise it is an event."""
        stream = self._streams.get(monitor)
        if stream is None or not stream.open:
            return False
        stream.take(text)
        return True

    def connected(self) -> None:
        """Offer the streams anew: this connection knows of none."""
        if self.host.version is Version.V21:
            for monitor, stream in self._streams.items():
                self._offer(monitor, stream)

    def disconnected(self) -> None:
        """A stream ends with its connection."""
        for stream in self._streams.values():
            stream.stop()

    def _offer(self, monitor: int, stream: Stream) -> None:
        payload = {"constantStreamData": _described(monitor, stream)}
        self.host.ask("OpenPeriodicEventStream", payload, partial(self._answered, stream))

    def _answered(self, stream: Stream, outcome: Outcome) -> None:
        stream.open = isinstance(outcome, dict) and outcome.get("status") == "Accepted"

    def _keep(self, monitor: int, stream: Stream) -> None:
        self.host.store.put(TABLE, str(monitor), {"number": stream.number, "params": asdict(stream.params)})

    def _get(self, _payload: Payload) -> Answer:
        told = [_described(monitor, stream) for monitor, stream in self._streams.items() if stream.open]
        return {"constantStreamData": told} if told else {}

    def _adjust(self, payload: Payload) -> Answer:
        for monitor, stream in self._streams.items():
            if stream.number == payload["id"]:
                wanted: dict[str, Any] = payload["params"]
                stream.params.interval = wanted.get("interval", stream.params.interval)
                stream.params.values = wanted.get("values", stream.params.values)
                self._keep(monitor, stream)
                stream.flush()
                return status("Accepted")
        return status("Rejected", "NotFound")


def _described(monitor: int, stream: Stream) -> Payload:
    return {"id": stream.number, "variableMonitoringId": monitor, "params": asdict(stream.params)}
