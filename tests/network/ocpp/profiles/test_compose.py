"""Composition against second-by-second rules, on more than ten thousand random stacks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twin.network.ocpp.profiles import compose
from twin.network.ocpp.profiles.context import Context
from twin.network.ocpp.profiles.model import ChargingProfile, Purpose
from twin.rng import stream

from .agree import check
from .build import place, profile
from .drawn import stack, window_start

STACKS_PER_SEED = 1_000


@st.composite
def stacks(draw: st.DrawFn) -> tuple[Context, list[ChargingProfile], int]:
    """A place, profiles and a second, which hypothesis can make smaller."""

    def pick(choices: Sequence[Any]) -> Any:
        return draw(st.sampled_from(choices))

    context, profiles = stack(pick)
    return context, profiles, window_start(pick)


@settings(max_examples=300, deadline=None)
@given(stacks())
def test_small_stacks_agree(case: tuple[Context, list[ChargingProfile], int]) -> None:
    """Every second of the window has the naive answer; a failure is shrunk to its smallest stack."""
    context, profiles, start_s = case
    check(profiles, context, start_s)


@pytest.mark.parametrize("seed", range(10))
def test_random_stacks_agree(seed: int) -> None:
    """The same on a thousand stacks for each of ten seeds."""
    chance = stream(seed, "stacks of profiles")

    def pick(choices: Sequence[Any]) -> Any:
        return choices[int(chance.random() * len(choices))]

    for _ in range(STACKS_PER_SEED):
        context, profiles = stack(pick)
        check(profiles, context, window_start(pick))


@settings(deadline=None)
@given(st.integers(0, 999), st.integers(1, 10**7), st.integers(0, 10**6))
def test_milliseconds_count_in_real_time(start_ms: int, step_ms: int, later_ms: int) -> None:
    """Half a century after the epoch too, a period begins at its millisecond and not one before."""
    start_s = 1.8e9 + start_ms / 1000
    stack = [profile(1, Purpose.TX_DEFAULT, (0, 16), (step_ms / 1000, 10), start_s=start_s)]
    change_s = compose.next_change_s(stack, place(), start_s)
    assert change_s == pytest.approx(start_s + step_ms / 1000, abs=1e-6)
    limits = [
        compose.limit_at(stack, place(), t).limit_a for t in (change_s - 0.001, change_s, change_s + later_ms)
    ]
    assert limits == [16, 10, 10]
    assert compose.next_change_s(stack, place(), change_s) == float("inf")
