"""Composition against second-by-second rules, on more than ten thousand random stacks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twin.network.ocpp.profiles.context import Context
from twin.network.ocpp.profiles.model import ChargingProfile
from twin.rng import stream

from .agree import check
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
