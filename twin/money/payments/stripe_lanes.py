"""Worker threads that keep the order of each payment: blocking calls run here, never where time is kept."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable


class Lanes:
    """Jobs of one lane run one after the other, in order; lanes run side by side.

    Args:
        workers: Threads.
        leave: Called in each thread when it ends.
    """

    def __init__(self, workers: int, leave: Callable[[], None]) -> None:
        self._leave = leave
        self._jobs: dict[str, deque[Callable[[], None]]] = {}
        self._ready: deque[str] = deque()
        self._change = threading.Condition()
        self._closed = False
        self._threads = [
            threading.Thread(target=self._work, name=f"payments-{k}", daemon=True) for k in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    def put(self, lane: str, job: Callable[[], None]) -> None:
        """Add a job; it must not raise.

        Raises:
            RuntimeError: The lanes are closed.
        """
        with self._change:
            if self._closed:
                raise RuntimeError(f"{lane}: no more payments are taken")
            waiting = self._jobs.get(lane)
            if waiting is None:
                self._jobs[lane] = deque((job,))
                self._ready.append(lane)
                self._change.notify()
            else:
                waiting.append(job)

    def close(self) -> None:
        """End when the jobs that run are done; those that wait are dropped: they are in the books."""
        with self._change:
            self._closed = True
            self._ready.clear()
            self._change.notify_all()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while (taken := self._take()) is not None:
            lane, job = taken
            try:
                job()
            finally:
                self._done(lane)
        self._leave()

    def _take(self) -> tuple[str, Callable[[], None]] | None:
        with self._change:
            while not self._ready and not self._closed:
                self._change.wait()
            if self._closed:
                return None
            lane = self._ready.popleft()
            return lane, self._jobs[lane].popleft()

    def _done(self, lane: str) -> None:
        with self._change:
            if not self._jobs[lane]:
                del self._jobs[lane]
            elif not self._closed:
                self._ready.append(lane)
                self._change.notify()
