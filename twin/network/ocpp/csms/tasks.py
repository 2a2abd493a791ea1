"""Work that goes on by itself: started from handlers, timers, or from outside a running loop."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


class Tasks:
    """Keeps what it started until it is done; a failure goes to the loop's exception handler.

    Args:
        loop: Where to start things that are asked for from outside (lock step); None: the running one.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self._loop = loop
        self._running: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._running)

    def __bool__(self) -> bool:
        """One with nothing under way is one all the same: `tasks or Tasks()` must not replace it."""
        return True

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Start `work`; it runs until its first wait when the loop comes to it."""
        task = (self._loop or asyncio.get_running_loop()).create_task(work)
        self._running.add(task)
        task.add_done_callback(self._done)

    def cancel(self) -> None:
        """Stop everything that is under way."""
        for task in tuple(self._running):
            task.cancel()

    def _done(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            task.get_loop().call_exception_handler(
                {"message": "work of the central system failed", "exception": error, "task": task}
            )
