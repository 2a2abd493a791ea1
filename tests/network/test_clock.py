"""Instants on the wire, and real time on a loop."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.network.clock import LoopClock, from_wire, to_wire

EPOCH_NS = 1_767_225_600 * 1_000_000_000  # 1 January 2026


@pytest.mark.parametrize(
    ("t_s", "text"),
    [
        (0.0, "2026-01-01T00:00:00.000Z"),
        (0.0004, "2026-01-01T00:00:00.000Z"),
        (59.9996, "2026-01-01T00:01:00.000Z"),
        (86_400.5, "2026-01-02T00:00:00.500Z"),
        (-0.001, "2025-12-31T23:59:59.999Z"),
        (59 * 86_400, "2026-03-01T00:00:00.000Z"),
    ],
)
def test_an_instant_is_written_in_utc_with_milliseconds(t_s: float, text: str) -> None:
    """Rounded to the nearest."""
    assert to_wire(EPOCH_NS, t_s) == text


@pytest.mark.parametrize(
    ("text", "t_s", "missing"),
    [
        ("2026-01-01T00:00:00.000Z", 0.0, False),
        ("2026-01-01T00:00:01Z", 1.0, False),
        ("2026-01-01t00:00:01z", 1.0, False),
        ("2026-01-01T02:00:00+02:00", 0.0, False),
        ("2025-12-31T19:30:00.250-04:30", 0.25, False),
        ("2026-01-01T00:00:00.1234567Z", 0.123456, False),
        ("2026-01-01T00:00:05", 5.0, True),
        ("2025-12-31T23:59:60Z", 0.0, False),
    ],
)
def test_instants_of_rfc_3339_are_read(text: str, t_s: float, missing: bool) -> None:
    """Any offset, any number of decimals, a leap second; without offset it is UTC and flagged."""
    assert from_wire(EPOCH_NS, text) == (pytest.approx(t_s, abs=1e-9), missing)


@pytest.mark.parametrize(
    "text", ["yesterday", "", "2026-01-01", "2026-13-01T00:00:00Z", "2026-01-01T25:00:00Z"]
)
def test_what_is_no_instant_is_a_value_error(text: str) -> None:
    """A date alone is none."""
    with pytest.raises(ValueError):  # noqa: PT011  whichever words Python has for it
        from_wire(EPOCH_NS, text)


@given(ms=st.integers(-(10**12), 10**13))
def test_what_is_written_is_read_back(ms: int) -> None:
    """To the millisecond, before and after the epoch."""
    instant = from_wire(EPOCH_NS, to_wire(EPOCH_NS, ms / 1000))
    assert round(instant.t_s * 1000) == ms


def test_a_fast_clock_calls_back_in_order() -> None:
    """A thousand times as fast: 3 s are 3 ms; equal instants keep the order of creation."""

    async def main() -> None:
        clock = LoopClock(asyncio.get_running_loop(), EPOCH_NS, speed=1000.0)
        called: list[str] = []
        done = asyncio.Event()
        clock.call_later(3.0, done.set)
        clock.call_at(1.0, lambda: called.append("a"))
        clock.call_at(1.0, lambda: called.append("b"))
        clock.call_at(0.5, lambda: called.append("never")).cancel()
        await done.wait()
        assert called == ["a", "b"]
        assert clock.now_s >= 3.0

    asyncio.run(main())


def test_a_cancelled_instant_can_be_used_again() -> None:
    """Cancelling all timers of an instant takes nothing from one that is made for it afterwards."""

    async def main() -> None:
        clock = LoopClock(asyncio.get_running_loop(), EPOCH_NS, speed=1000.0)
        done = asyncio.Event()
        first = clock.call_at(1.0, lambda: None)
        first.cancel()
        first.cancel()
        clock.call_at(1.0, done.set)
        await done.wait()

    asyncio.run(main())


def test_a_clock_of_a_later_process_counts_from_the_same_epoch() -> None:
    """It begins 1,000 s behind the epoch; a timer for the past is due at once."""

    async def story() -> tuple[float, bool]:
        clock = LoopClock(asyncio.get_running_loop(), 0, now_s=1_000.0)
        called = asyncio.Event()
        clock.call_at(10.0, called.set)
        await called.wait()
        return clock.now_s, called.is_set()

    now_s, called = asyncio.run(story())
    assert 1_000.0 <= now_s < 1_060.0
    assert called
