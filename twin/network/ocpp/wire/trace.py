"""A trace of frames as JSON lines: append-only, with secrets masked, as they were on the wire otherwise."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

import orjson

from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.link import Record

MASK: Final = "***"
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


class TraceFile:
    """Implements `link.Trace`: appends each record as a line.

    A line holds `t` (s since the epoch of the run), `station`, `version`, `dir` (`out` or `in`, seen from the side
    that traces), `frame` (text) and, where something was wrong, `fault`.

    Args:
        path: Created, or appended to.
        masker: Takes the secrets out.
    """

    def __init__(self, path: Path, masker: Masker | None = None) -> None:
        self._file: IO[bytes] = path.open("ab", buffering=65_536)
        self._mask = masker or Masker()

    def __call__(self, record: Record) -> None:
        """Append one record; the system writes it when its buffer is full, or at `flush`."""
        line: dict[str, object] = {
            "t": round(record.t_s, 6),
            "station": record.station,
            "version": record.version.number,
            "dir": "out" if record.outbound else "in",
            "frame": self._mask(record.frame),
        }
        if record.fault:
            line["fault"] = self._mask(record.fault)
        self._file.write(orjson.dumps(line) + b"\n")

    def flush(self) -> None:
        """Hand everything to the system."""
        self._file.flush()

    def close(self) -> None:
        """Flush and close."""
        self._file.close()


def read(path: Path) -> Iterator[Record]:
    """Yield the records of a trace; a last line that a crash cut short is left out.

    Raises:
        ValueError: A line before the last is no record; the message names it.
    """
    versions = {version.number: version for version in Version}
    lines = path.read_bytes().split(b"\n")
    for number, line in enumerate(lines, 1):
        if not line:
            continue
        try:
            data = orjson.loads(line)
            yield Record(
                data["t"],
                data["station"],
                versions[data["version"]],
                data["dir"] == "out",
                data["frame"],
                data.get("fault", ""),
            )
        except (orjson.JSONDecodeError, KeyError, TypeError) as error:
            if number == len(lines):
                return
            raise ValueError(f"{path.name}:{number}: no record of a trace ({error})") from error
