"""The journal of a pure simulation: a list."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from twin.domain.journal import Entry


class MemoryJournal:
    """Implements `domain.journal.Journal`; costs nothing, survives nothing.

    Args:
        keep: Whether `entries` can tell what was appended; False keeps nothing.
    """

    def __init__(self, *, keep: bool = False) -> None:
        self._keep = keep
        self._entries: dict[int, Entry] = {}
        self._number = 0

    def append(self, stream: str, kind: str, body: Mapping[str, object], /) -> int:
        """See `Journal.append`."""
        if self._keep:
            self._number += 1
            self._entries[self._number] = Entry(self._number, stream, kind, dict(body))
        return self._number

    def replace(self, numbers: Sequence[int], stream: str, kind: str, body: Mapping[str, object], /) -> None:
        """See `Journal.replace`."""
        if self._keep:
            for number in numbers[1:]:
                self._entries.pop(number, None)
            self._entries[numbers[0]] = Entry(numbers[0], stream, kind, dict(body))

    def commit(self) -> None:
        """Nothing has to be waited for."""

    def entries(self, after: int = 0, /) -> Iterator[Entry]:
        """See `Journal.entries`."""
        return (entry for number, entry in list(self._entries.items()) if number > after)

    def close(self) -> None:
        """Nothing is left to write."""
