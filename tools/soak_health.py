"""What a process must not have more of, the longer it runs; and what it says of itself."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
from collections import Counter
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import structlog

_MIB = 1 << 20


class Vitals(NamedTuple):
    """What was counted at an instant."""

    at_s: float
    memory_mib: float
    files: int
    tasks: int
    timers: int
    """Of the loop, those that were cancelled left out."""


def vitals(loop: asyncio.AbstractEventLoop) -> Vitals:
    """Count now."""
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    scheduled = loop._scheduled  # type: ignore[attr-defined]  # noqa: SLF001  nothing else knows
    return Vitals(
        loop.time(),
        resident / _MIB,
        len(os.listdir("/proc/self/fd")),  # noqa: PTH208  one number
        len(asyncio.all_tasks(loop)),
        sum(not timer.cancelled() for timer in scheduled),
    )


def slope_per_minute(series: list[Vitals], what: str) -> float:
    """Return by how much something grew per minute, over the second half of a run."""
    half = series[len(series) // 2 :]
    if len(half) < 3:
        return 0.0
    minutes = np.array([one.at_s for one in half]) / 60.0
    return float(np.polyfit(minutes - minutes[0], [getattr(one, what) for one in half], 1)[0])


def settled(loop: asyncio.AbstractEventLoop) -> Vitals:
    """Count after the garbage was taken out."""
    gc.collect()
    return vitals(loop)


class Sayings:
    """Collects every line that is logged, by structlog or logging, and what a loop complains of."""

    def __init__(self) -> None:
        self.lines: Counter[str] = Counter()
        self.examples: dict[str, str] = {}

    def listen(self, loop: asyncio.AbstractEventLoop) -> None:
        """Take all there is to hear in this process."""

        def heard(_logger: Any, method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
            if event.pop("exc_info", None):
                event["error"] = repr(sys.exc_info()[1])
            self._note(f"{method}: {event.pop('event')}", str(dict(event)))
            raise structlog.DropEvent

        structlog.configure(processors=[heard], cache_logger_on_first_use=False)
        note = self._note

        class Handler(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                note(f"{record.levelname.lower()}: {record.name}: {record.msg}", record.getMessage())

        logging.getLogger().addHandler(Handler())
        logging.captureWarnings(capture=True)
        loop.set_exception_handler(
            lambda _loop, context: note(f"loop: {context['message']}", repr(context.get("exception")))
        )

    def _note(self, kind: str, example: str) -> None:
        self.lines[kind] += 1
        self.examples.setdefault(kind, example[:2000])
