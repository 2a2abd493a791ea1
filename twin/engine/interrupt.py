"""Ctrl-C between two ticks: a run that is interrupted ends with whole rows."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def between_ticks() -> Iterator[Callable[[], None]]:
    """Yield what raises the KeyboardInterrupt of a Ctrl-C that came since; call it where nothing is half done.

    Python raises KeyboardInterrupt at any instruction: in the middle of a row, or of a part of a table. Within
    this context the first Ctrl-C waits for the next call, or for the end of the context; the second one is raised
    at once, for code that hangs.
    Other people's handlers, and threads other than the main one, which get no signals, are left alone.
    """
    asked = False

    def ask(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            signal.default_int_handler(number, frame)
        asked = True

    def check() -> None:
        if asked:
            raise KeyboardInterrupt

    ours = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )
    if not ours:
        yield check
        return
    signal.signal(signal.SIGINT, ask)
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    check()
