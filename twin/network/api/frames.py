"""Frames with secrets masked: the latest of each station for `/v1/trace`, all of them for a file."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Self

import orjson

from twin.domain.clock import Clock
from twin.errors import SettingsError
from twin.network.api.audit import masked
from twin.network.clock import to_wire
from twin.network.ocpp.wire.link import Record

PER_STATION = 200
STATIONS = 2_000
LONGEST = 20_000
"""Characters of a frame that are kept."""


class Frames:
    """Remembers frames.

    Args:
        clock: For the epoch.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._of: dict[str, deque[Record]] = {}

    def record(self, record: Record) -> None:
        """Remember a frame: a `Trace`."""
        frames = self._of.get(record.station)
        if frames is None:
            if len(self._of) >= STATIONS:
                del self._of[next(iter(self._of))]
            frames = self._of[record.station] = deque(maxlen=PER_STATION)
        frames.append(record)

    def of(self, station: str, limit: int) -> list[dict[str, object]]:
        """Return the last frames of a station, oldest first."""
        frames = list(self._of.get(station, ()))[-limit:]
        return [shown(self._clock.epoch_ns, record) for record in frames]


class FrameFile:
    """Appends frames to a file as JSON lines: a `Trace`, and a context that closes the file.

    Args:
        path: The file; what is in it stays.
        epoch_ns: Of the clock whose seconds the records have.

    Raises:
        SettingsError: The file cannot be written.
    """

    def __init__(self, path: Path, epoch_ns: int) -> None:
        self._path, self._epoch_ns = path, epoch_ns
        try:
            self._file = path.open("ab", buffering=1 << 16)
        except OSError as error:
            raise SettingsError(f"{path}: frames cannot be written here ({error.strerror})") from None

    def __call__(self, record: Record) -> None:
        """Append a frame."""
        line = {"station": record.station, **shown(self._epoch_ns, record)}
        self._file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def shown(epoch_ns: int, record: Record) -> dict[str, object]:
    """Return a frame as JSON: parsed and masked, or as the text that could not be parsed."""
    head: dict[str, object] = {
        "at": to_wire(epoch_ns, record.t_s),
        "direction": "out" if record.outbound else "in",
        "version": record.version.number,
        "fault": record.fault,
    }
    try:
        return {**head, "frame": masked(orjson.loads(record.frame))}
    except orjson.JSONDecodeError:
        return {**head, "text": record.frame[:LONGEST]}
