"""A trace of frames as JSON lines: append-only, with secrets masked, as they were on the wire otherwise."""

from __future__ import annotations

import re
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

import orjson

from twin.network.ocpp.versions import version
from twin.network.ocpp.wire.link import Record

MASK: Final = "***"
_SIDES: Final = {True: "central system", False: "station"}
_GUARDED: Final = r"AuthorizationKey|BasicAuthPassword|[A-Za-z0-9_.]*[Pp]assword"
_CARDS: Final = r"idTag|parentIdTag|idToken"

_FIELD = r'("(?:%s)"\s*:\s*")(?:[^"\\]|\\.)*'
"""A field whose name tells that its text is secret."""
_NAMED = r'("(?:key|name)"\s*:\s*"(?:%s)".*?"(?:value|attributeValue)"\s*:\s*")(?:[^"\\]|\\.)*'
"""A key of 1.6 or a variable of 2.x, followed by its value."""
_BEFORE = r'("(?:value|attributeValue)"\s*:\s*")(?:[^"\\]|\\.)*("(?:(?!"(?:value|attributeValue)"\s*:).)*?"(?:key|name)"\s*:\s*"(?:%s)")'
"""The same the other way round: the value stands before the name."""
_CREDENTIALS = r"((?:[a-z][a-z0-9+.-]*)://[^/\s:@\"]*:)[^@/\s\"]+@"
"""A password in the address of an upload or a download."""


class Masker:
    """Replaces secrets in frames by three asterisks.

    Masked are AuthorizationKey, BasicAuthPassword and every other password, wherever they stand, and passwords in
    addresses. What cannot be parsed is masked the same way: it may be half a frame.

    Args:
        tokens: Also mask idTags and idTokens.
    """

    def __init__(self, *, tokens: bool = True) -> None:
        keys = f"{_GUARDED}|{_CARDS}" if tokens else _GUARDED
        self._field = re.compile(_FIELD % keys)
        self._named = re.compile(_NAMED % _GUARDED, re.DOTALL)
        self._before = re.compile(_BEFORE % _GUARDED, re.DOTALL)
        self._address = re.compile(_CREDENTIALS)
        words = ["assword", "AuthorizationKey", "://", *(["dTag", "dToken"] if tokens else [])]
        self._any = re.compile("|".join(words))

    def __call__(self, frame: str) -> str:
        """Return a frame without its secrets."""
        if self._any.search(frame) is None:  # most frames: samples
            return frame
        frame = self._field.sub(rf"\g<1>{MASK}", frame)
        frame = self._named.sub(rf"\g<1>{MASK}", frame)
        frame = self._before.sub(rf"\g<1>{MASK}\g<2>", frame)
        return self._address.sub(rf"\g<1>{MASK}@", frame)


def opening(epoch_ns: int, *, csms_side: bool) -> bytes:
    """Return the line that says what the times and directions of the lines behind it count from.

    Args:
        epoch_ns: The instant of `t_s == 0`, nanoseconds since 1970.
        csms_side: Whether the central system traces; otherwise stations do.
    """
    return orjson.dumps({"epoch_ns": epoch_ns, "side": _SIDES[csms_side]}) + b"\n"


def line(record: Record, mask: Masker) -> bytes:
    """Return one record as a line.

    It holds `t` (s since the epoch), `station`, `version`, `dir` (`out` or `in`, seen from the side that traces),
    `frame` (text) and, where something was wrong, `fault`.
    """
    data: dict[str, object] = {
        "t": round(record.t_s, 6),
        "station": record.station,
        "version": record.version.number,
        "dir": "out" if record.outbound else "in",
        "frame": mask(record.frame),
    }
    if record.fault:
        data["fault"] = mask(record.fault)
    return orjson.dumps(data) + b"\n"


class TraceFile:
    """Implements `link.Trace`: appends each record as a line, behind one that says what times count from.

    What is older than a second of the run's time is with the system: a kill costs no more.

    Args:
        path: Created, or appended to.
        epoch_ns: The instant of `t_s == 0`, nanoseconds since 1970.
        csms_side: Whether the central system traces; otherwise stations do.
        masker: Takes the secrets out.
    """

    def __init__(
        self, path: Path, epoch_ns: int, *, csms_side: bool = True, masker: Masker | None = None
    ) -> None:
        self._file: IO[bytes] = path.open("ab", buffering=65_536)
        self._mask = masker or Masker()
        self._flushed_s = 0.0
        self._file.write(opening(epoch_ns, csms_side=csms_side))

    def __call__(self, record: Record) -> None:
        """Append one record."""
        self._file.write(line(record, self._mask))
        if record.t_s - self._flushed_s >= 1.0:
            self._flushed_s = record.t_s
            self.flush()

    def flush(self) -> None:
        """Hand everything to the system."""
        self._file.flush()

    def close(self) -> None:
        """Flush and close."""
        self._file.close()


class Reading(NamedTuple):
    """A trace that was read."""

    epoch_ns: int
    """What the times of all records count from, though the trace was begun several times."""
    csms_side: bool
    records: tuple[Record, ...]


def read(path: Path) -> Reading:
    """Read a trace; a last line that a crash cut short is left out.

    Raises:
        ValueError: It begins otherwise, or a line before the last is no record; the message names it.
        OSError: It cannot be read.
    """
    records: list[Record] = []
    begun: list[tuple[int, bool]] = []
    lines = path.read_bytes().split(b"\n")
    for number, text in enumerate(lines, 1):
        if not text:
            continue
        try:
            data = orjson.loads(text)
            if "epoch_ns" in data:
                begun.append((int(data["epoch_ns"]), data["side"] == _SIDES[True]))
            else:
                records.append(_record(data, (begun[-1][0] - begun[0][0]) / 1e9))
        except (orjson.JSONDecodeError, IndexError, KeyError, TypeError) as error:
            if number < len(lines) or not begun:
                raise ValueError(f"{path.name}:{number}: no line of a trace ({error})") from error
    if not begun:
        raise ValueError(f"{path.name}: no trace, it is empty")
    return Reading(*begun[0], tuple(records))


def _record(data: dict[str, Any], later_s: float) -> Record:
    return Record(
        data["t"] + later_s,
        data["station"],
        version(data["version"]),
        data["dir"] == "out",
        data["frame"],
        data.get("fault", ""),
    )
