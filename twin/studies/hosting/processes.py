"""Draws in worker processes, which end with us even where nobody could tell them to."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait

from twin.errors import SettingsError

DRAWS_PER_WORKER = 500
"""A worker is replaced after this many draws: libraries keep things alive. Each has to read the net anew."""


def in_processes(
    task: Callable[[int], None],
    numbers: Sequence[int],
    workers: int,
    on_done: Callable[[], None],
) -> None:
    """Call `task` for every number, in processes of our own; it can be pickled and returns nothing.

    Raises:
        SettingsError: A worker was killed.
        Exception: Whatever a task raises first; the others are given up.
    """
    # A fresh pool per batch instead of `max_tasks_per_child`, which waits for ever (python/cpython#115634).
    for batch in _batches(numbers, workers * DRAWS_PER_WORKER):
        _batch(task, batch, workers, on_done)


def _batches(numbers: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    for start in range(0, len(numbers), size):
        yield numbers[start : start + size]


def _batch(
    task: Callable[[int], None], numbers: Sequence[int], workers: int, on_done: Callable[[], None]
) -> None:
    before = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(
        min(workers, len(numbers)),
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_as_worker,
    )
    with pool:
        futures = [pool.submit(task, number) for number in numbers]
        try:
            for future in as_completed(futures):
                future.result()
                on_done()
        except BaseException as error:
            for future in futures:
                future.cancel()
            for process in set(multiprocessing.active_children()) - before:
                process.terminate()
            if isinstance(error, BrokenProcessPool):
                raise SettingsError(
                    "a worker process was killed (is the memory full?); finished draws are kept: "
                    "start the same command again, perhaps with fewer --workers"
                ) from None
            raise


def _as_worker() -> None:
    """Control-C reaches every process of a terminal, and only one shall speak; and nobody outlives the parent."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    """Without this a worker whose parent was killed waits for its next task for ever."""
    wait([sentinel])
    os._exit(1)
