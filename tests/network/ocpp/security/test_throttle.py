"""Pauses after wrong passwords, on the clock of the run."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from twin.network.ocpp.security.throttle import Throttle


class HandClock:
    """Goes on when told."""

    epoch_ns = 0

    def __init__(self) -> None:
        self.now_s = 0.0

    def call_at(self, t_s: float, callback: Callable[[], None], /) -> None:
        """Nothing here has timers."""
        raise AssertionError

    call_later = call_at


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


def test_two_errors_are_free_and_then_the_pause_doubles(clock: HandClock) -> None:
    """Third failure 1 s, fourth 2 s, fifth 4 s."""
    throttle = Throttle(clock)
    pauses = []
    for _ in range(5):
        throttle.failed(("CP1", "a"), "a")
        pauses.append(throttle.wait_s(("CP1", "a"), "a"))
    assert pauses == [0, 0, 1, 2, 4]


def test_the_pause_ends_with_the_clock_and_is_never_longer_than_five_minutes(clock: HandClock) -> None:
    """After 40 failures: 300 s, and nothing 300 s later."""
    throttle = Throttle(clock)
    for _ in range(40):
        throttle.failed("CP1", "a")
    assert throttle.wait_s("CP1", "b") == 300
    clock.now_s = 300
    assert throttle.wait_s("CP1", "b") == 0


def test_who_guesses_elsewhere_does_not_lock_the_station_out(clock: HandClock) -> None:
    """Keys are of station and address."""
    throttle = Throttle(clock)
    for _ in range(9):
        throttle.failed(("CP1", "evil"), "evil")
    assert throttle.wait_s(("CP1", "home"), "home") == 0


def test_a_success_forgets(clock: HandClock) -> None:
    """The next error is the first again."""
    throttle = Throttle(clock)
    for _ in range(4):
        throttle.failed("CP1", "a")
    throttle.succeeded("CP1")
    assert throttle.wait_s("CP1", "a") == 0


def test_one_address_that_tries_many_names_runs_dry(clock: HandClock) -> None:
    """50 failures at once, then one each 0.2 s."""
    throttle = Throttle(clock)
    for n in range(50):
        throttle.failed(f"CP{n}", "evil")
    assert throttle.wait_s("another", "evil") == pytest.approx(0.2)
    clock.now_s = 0.25
    assert throttle.wait_s("another", "evil") == 0
