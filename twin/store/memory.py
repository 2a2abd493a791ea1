"""The journal of a pure simulation: a list."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from twin.domain.journal import Entry


class MemoryJournal:
    """Implements `domain.journal.Journal`; costs nothing, survives nothing.

    Args:
        keep: Whether `entries` can tell what was appended; False keeps nothing.
    """

    def __init__(self, *, keep: bool = False) -> None:
        self._keep = keep
        self._entries: list[Entry] = []

    def append(self, stream: str, kind: str, body: Mapping[str, object], /) -> None:
        """See `Journal.append`."""
        if self._keep:
            self._entries.append(Entry(len(self._entries) + 1, stream, kind, dict(body)))

    def commit(self) -> None:
        """Nothing has to be waited for."""

    def entries(self, after: int = 0, /) -> Iterator[Entry]:
        """See `Journal.entries`."""
        return iter(self._entries[after:])

    def close(self) -> None:
        """Nothing is left to write."""
