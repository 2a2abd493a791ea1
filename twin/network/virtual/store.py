"""What a station keeps where a power cut cannot reach it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol, TextIO


class Store(Protocol):
    """Facts by (table, key), in the order in which their keys were first put."""

    def put(self, table: str, key: str, value: Any, /) -> None:
        """Keep plain JSON under a key, in place of what was there."""

    def drop(self, table: str, key: str, /) -> None:
        """Forget a key; harmless where it is unknown."""

    def rows(self, table: str, /) -> Iterator[tuple[str, Any]]:
        """All of a table, oldest key first."""
        ...


class MemoryStore:
    """Implements `Store`; survives a simulated power cut, not the end of the process."""

    def __init__(self) -> None:
        self._tables: dict[str, dict[str, Any]] = {}

    def put(self, table: str, key: str, value: Any, /) -> None:
        """See `Store.put`."""
        self._tables.setdefault(table, {})[key] = value

    def drop(self, table: str, key: str, /) -> None:
        """See `Store.drop`."""
        self._tables.get(table, {}).pop(key, None)

    def rows(self, table: str, /) -> Iterator[tuple[str, Any]]:
        """See `Store.rows`."""
        return iter(list(self._tables.get(table, {}).items()))


_SLACK = 10_000
"""Lines a file may have beyond four per row before it is written anew."""


class FileStore(MemoryStore):
    """Implements `Store` on a file of JSON lines: one line per change, written anew when it grows too long.

    Args:
        path: The file; made where it is missing. A last line that was cut off is left out.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        if path.exists():
            self._read(path)
        self._file = self._written_anew()

    def put(self, table: str, key: str, value: Any, /) -> None:
        """See `Store.put`."""
        super().put(table, key, value)
        self._append(_line(table, key, value))

    def drop(self, table: str, key: str, /) -> None:
        """See `Store.drop`."""
        super().drop(table, key)
        self._append(json.dumps([table, key]) + "\n")

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def _append(self, line: str) -> None:
        self._file.write(line)
        self._file.flush()
        self._lines += 1
        if self._lines > _SLACK + 4 * sum(map(len, self._tables.values())):
            self._file.close()
            self._file = self._written_anew()

    def _written_anew(self) -> TextIO:
        """Write the rows aside, put them in place, and go on behind them."""
        aside = self._path.with_name(self._path.name + ".new")
        with aside.open("w", encoding="utf-8") as file:
            for table, rows in self._tables.items():
                file.writelines(_line(table, key, value) for key, value in rows.items())
        aside.replace(self._path)
        self._lines = sum(map(len, self._tables.values()))
        return self._path.open("a", encoding="utf-8")

    def _read(self, path: Path) -> None:
        for text in path.read_text(encoding="utf-8").splitlines(keepends=True):
            if not text.endswith("\n"):
                return
            table, key, *value = json.loads(text)
            if value:
                super().put(table, key, value[0])
            else:
                super().drop(table, key)


def _line(table: str, key: str, value: Any) -> str:
    return json.dumps([table, key, value]) + "\n"
