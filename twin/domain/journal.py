"""What must survive a crash crosses this port: facts in order, answered only once they are safe."""

from __future__ import annotations

from collections.abc import Awaitable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol


class Entry(NamedTuple):
    """One fact of a journal."""

    number: int
    """Ascending within a store; there are gaps where facts were replaced."""
    stream: str
    """Whose: the identity of a station, `tokens`, `tariffs`, …"""
    kind: str
    """What, as `part.event`: `transaction.started`, `profile.sent`; the part before the dot owns it."""
    body: Mapping[str, object]
    """Plain JSON."""


class Journal(Protocol):
    """Append, then answer: `append` orders, `commit` makes durable, `entries` tells it all again after a restart."""

    def append(self, stream: str, kind: str, body: Mapping[str, object], /) -> int:
        """Put a fact behind all others. Not durable before the next `commit`.

        Returns:
            Its number, for `replace`; 0: nothing is kept.
        """
        ...

    def replace(self, numbers: Sequence[int], stream: str, kind: str, body: Mapping[str, object], /) -> None:
        """Put one fact in the place of several, under the number of the first of them: all of it or nothing.

        Facts that were appended before become durable before that, or together with it.
        """

    def commit(self) -> Awaitable[None] | None:
        """Make everything appended so far durable.

        Returns:
            None where nothing has to be waited for (memory); else what is done once it is on the disk.
            Commits of many callers at once become one transaction. It raises SettingsError where the store
            refuses: then the message must not be answered, and the station asks again.
        """
        ...

    def entries(self, after: int = 0, /) -> Iterator[Entry]:
        """Every durable fact behind number `after`, in order."""
        ...

    def close(self) -> None:
        """Write what is left, let go of the store."""
