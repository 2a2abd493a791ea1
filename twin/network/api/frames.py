"""The latest frames of each station, with passwords masked: what `/v1/trace` shows."""

from __future__ import annotations

import orjson

from twin.domain.clock import Clock
from twin.network.clock import to_wire
from twin.network.ocpp.wire.link import Record
from twin.network.ocpp.wire.trace import Masker

PER_STATION = 20
STATIONS = 2_000
TOTAL_BYTES = 4_000_000
"""Of all stations together, in equal parts: where there are many, each has fewer frames, but the latest."""
_RECORD_BYTES = 300
"""Of a frame, beside its text."""
LONGEST = 4_000
"""Characters of a frame that are kept."""


class Frames:
    """Remembers frames.

    Args:
        clock: For the epoch.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._of: dict[str, list[Record]] = {}
        self._mask = Masker(tokens=False)

    def record(self, record: Record) -> None:
        """Remember a frame: a `Trace`."""
        frames = self._of.get(record.station)
        if frames is None:
            if len(self._of) >= STATIONS:
                del self._of[next(iter(self._of))]
            frames = self._of[record.station] = []
        if len(record.frame) > LONGEST:
            record = record._replace(frame=record.frame[:LONGEST])
        frames.append(record)
        del frames[:-PER_STATION]
        too_many = sum(len(kept.frame) + _RECORD_BYTES for kept in frames) - TOTAL_BYTES // len(self._of)
        while too_many > 0 and len(frames) > 1:
            too_many -= len(frames.pop(0).frame) + _RECORD_BYTES

    def of(self, station: str, limit: int) -> list[dict[str, object]]:
        """Return the last frames of a station, oldest first."""
        return [self._shown(record) for record in self._of.get(station, [])[-limit:]]

    def _shown(self, record: Record) -> dict[str, object]:
        head: dict[str, object] = {
            "at": to_wire(self._clock.epoch_ns, record.t_s),
            "direction": "out" if record.outbound else "in",
            "version": record.version.number,
            "fault": self._mask(record.fault),
        }
        text = self._mask(record.frame)
        try:
            return {**head, "frame": orjson.loads(text)}
        except orjson.JSONDecodeError:
            return {**head, "text": text}
