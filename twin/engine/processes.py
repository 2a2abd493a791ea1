"""Tasks in worker processes of our own, which end with us even where nobody could tell them to."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from typing import TypeVar

from twin.errors import SettingsError

Item = TypeVar("Item")


def in_processes(
    task: Callable[[Item], object],
    items: Sequence[Item],
    *,
    workers: int,
    per_worker: int,
    on_done: Callable[[], None],
    what: str,
) -> None:
    """Call `task` for every item in fresh processes; what it returns is not kept.

    Args:
        task: Can be pickled, and leaves its result in a file.
        items: Can be pickled.
        workers: Processes at a time.
        per_worker: A worker is replaced after so many items: libraries keep things alive.
        on_done: Called after each finished item.
        what: The items in words, for people whose worker was killed.

    Raises:
        SettingsError: A worker was killed.
        Exception: Whatever a task raises first; the others are given up.
    """
    # `max_tasks_per_child` of CPython 3.11 waits for ever once every worker has been used up
    # (python/cpython#115634): a fresh pool per batch does the same.
    for batch in _batches(items, workers * per_worker):
        _batch(task, batch, workers, on_done, what)


def in_executor(
    executor: Executor, task: Callable[[Item], object], items: Sequence[Item], on_done: Callable[[], None]
) -> None:
    """Call `task` for every item wherever an executor does; the first error gives up the others."""
    futures = [executor.submit(task, item) for item in items]
    try:
        for future in as_completed(futures):
            future.result()
            on_done()
    except BaseException:
        for future in futures:
            future.cancel()
        raise


def _batches(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _batch(
    task: Callable[[Item], object],
    items: Sequence[Item],
    workers: int,
    on_done: Callable[[], None],
    what: str,
) -> None:
    before = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(
        min(workers, len(items)),
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_as_worker,
    )
    with pool:
        try:
            in_executor(pool, task, items, on_done)
        except BaseException as error:
            for process in set(multiprocessing.active_children()) - before:
                process.terminate()  # nobody waits for what nobody wants any more
            if isinstance(error, BrokenProcessPool):
                raise SettingsError(
                    f"a worker process was killed (is the memory full?); finished {what} are kept: "
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
    """Without this a worker whose parent was killed finishes its task, and then waits for the next one for ever."""
    wait([sentinel])
    os._exit(1)
