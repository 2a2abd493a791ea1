"""How stations move files: firmware down, logs up; and how they only pretend to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

from twin.domain.clock import Clock

Uploaded: TypeAlias = Callable[[str], None]
"""Told why it failed; empty: it did not."""
Downloaded: TypeAlias = Callable[[bytes, str], None]
"""Told the file, and why there is none; empty: there is."""


class Transfer(Protocol):
    """How a station moves files."""

    def upload(self, url: str, name: str, data: bytes, done: Uploaded, /) -> None:
        """Send a file under a name to where `url` points."""

    def download(self, url: str, done: Downloaded, /) -> None:
        """Fetch the file that `url` names."""


class PretendedTransfer:
    """Implements `Transfer` on the clock: nothing leaves the machine, every file takes its time.

    Args:
        clock: Of the station.
        seconds: How long a file takes.
    """

    def __init__(self, clock: Clock, seconds: float = 10.0) -> None:
        self._clock, self._seconds = clock, seconds
        self.uploads: list[tuple[str, str, bytes]] = []
        """(url, name, data) of what would have been sent, the latest ten."""

    def upload(self, url: str, name: str, data: bytes, done: Uploaded, /) -> None:
        """See `Transfer.upload`."""
        self.uploads = [*self.uploads[-9:], (url, name, data)]
        self._clock.call_later(self._seconds, lambda: done(""))

    def download(self, url: str, done: Downloaded, /) -> None:
        """See `Transfer.download`."""
        self._clock.call_later(self._seconds, lambda: done(url.encode(), ""))
