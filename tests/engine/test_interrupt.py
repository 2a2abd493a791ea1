"""Ctrl-C waits for a place where nothing is half done."""

from __future__ import annotations

import signal
import threading

import pytest

from twin.engine.interrupt import between_ticks


@pytest.fixture(autouse=True)
def _python_handles_ctrl_c() -> None:
    """A background job of a shell is born with SIGINT ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_the_first_one_waits_for_the_next_check() -> None:
    """What stands between is done whole."""
    done = []

    def ticks() -> None:
        with between_ticks() as check:
            check()
            signal.raise_signal(signal.SIGINT)
            done.append("rest of the tick")
            check()
            done.append("next tick")

    with pytest.raises(KeyboardInterrupt):
        ticks()
    assert done == ["rest of the tick"]


def test_the_second_one_does_not_wait() -> None:
    """A strategy that hangs can be stopped."""

    def hanging_tick() -> None:
        with between_ticks():
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
            raise AssertionError("it was waited for")

    with pytest.raises(KeyboardInterrupt):
        hanging_tick()


def test_one_behind_the_last_check_is_not_lost() -> None:
    """The run is whole; the sweep it belongs to still ends."""
    done = []

    def last_tick() -> None:
        with between_ticks():
            signal.raise_signal(signal.SIGINT)
            done.append("rest of the tick")

    with pytest.raises(KeyboardInterrupt):
        last_tick()
    assert done == ["rest of the tick"]


def test_afterwards_ctrl_c_is_as_before() -> None:
    """Python's own handler is back."""
    with between_ticks():
        pass
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_handlers_of_others_and_other_threads_are_left_alone() -> None:
    """A host program has its own way to stop; a thread gets no signals and may set none."""
    seen: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _: seen.append(number))
    with between_ticks():
        signal.raise_signal(signal.SIGINT)
    assert seen == [signal.SIGINT]
    ended = []

    def body() -> None:
        with between_ticks() as check:
            check()
        ended.append(True)

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    assert ended == [True]
