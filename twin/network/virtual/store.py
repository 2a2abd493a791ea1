"""What a station keeps where a power cut cannot reach it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol


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


class FileStore(MemoryStore):
    """Implements `Store` on a file of JSON lines: one line per change, written anew when it is opened.

    Args:
        path: The file; made where it is missing. A last line that was cut off is left out.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        if path.exists():
            self._read(path)
        aside = path.with_name(path.name + ".new")
        with aside.open("w", encoding="utf-8") as file:
            for table, rows in self._tables.items():
                file.writelines(_line(table, key, value) for key, value in rows.items())
        aside.replace(path)
        self._file = path.open("a", encoding="utf-8")

    def put(self, table: str, key: str, value: Any, /) -> None:
        """See `Store.put`."""
        super().put(table, key, value)
        self._file.write(_line(table, key, value))
        self._file.flush()

    def drop(self, table: str, key: str, /) -> None:
        """See `Store.drop`."""
        super().drop(table, key)
        self._file.write(json.dumps([table, key]) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

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
