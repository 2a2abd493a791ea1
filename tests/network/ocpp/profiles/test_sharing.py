"""EVSEs share what is allowed for all of them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twin.network.ocpp.profiles.context import Context
from twin.network.ocpp.profiles.model import ChargingProfile, Purpose
from twin.network.ocpp.profiles.sharing import shares

from .build import place, profile


def station(*currents: float | None, **fields: float) -> tuple[Context, list[ChargingProfile]]:
    """EVSEs with a TxProfile of that many A, whose transactions began one after the other; None: no car."""
    parts, stack = [], []
    for k, current in enumerate(currents, 1):
        running = None if current is None else f"t{k}"
        parts.append(place(evse=k, transaction=running, transaction_start_s=float(k), max_a=32.0))
        if current is not None:
            stack.append(profile(k, Purpose.TX, (0, current), evse=k, transaction=running, **fields))
    return place(evse=0, transaction=None, evses=tuple(parts)), stack


def top(current: float) -> ChargingProfile:
    """A ChargingStationMaxProfile."""
    return profile(99, Purpose.STATION_MAX, (0, current))


@pytest.mark.parametrize(
    ("currents", "most", "expected"),
    [
        ((16.0, 16.0), 40.0, (16.0, 16.0)),
        ((16.0, 16.0), 20.0, (10.0, 10.0)),
        ((7.0, 32.0), 20.0, (7.0, 13.0)),
        ((16.0, 16.0), 10.0, (10.0, 0.0)),
        ((16.0, 16.0, 16.0), 13.0, (6.5, 6.5, 0.0)),
        ((16.0, None), 10.0, (10.0, 10.0)),
        ((16.0, 0.0), 10.0, (10.0, 0.0)),
        ((16.0,), 4.0, (4.0,)),
    ],
)
def test_shares_are_even_useful_and_within(
    currents: tuple[float | None, ...], most: float, expected: tuple[float, ...]
) -> None:
    """1.6 3.13.3: together at most the station's maximum; nobody is offered less than 6 A for another's sake."""
    whole, stack = station(*currents)
    got = shares([*stack, top(most)], whole, 10.0)
    assert [a.limit_a for a in got] == pytest.approx(list(expected))
    assert [a.limit_w for a in got] == pytest.approx([690.0 * a for a in expected])


def test_the_least_useful_rate_is_kept() -> None:
    """2.0.1 K01.FR.21: cars that are of no use below 12 A do not share 20 A."""
    whole, stack = station(16.0, 16.0, min_rate=12.0)
    assert [a.limit_a for a in shares([*stack, top(20.0)], whole, 10.0)] == [16.0, 0.0]


def test_without_a_limit_nobody_shares() -> None:
    """No profile of the station: each has its own rating."""
    whole, _ = station(16.0, 16.0)
    assert [a.limit_a for a in shares([], whole, 10.0)] == [32.0, 32.0]


def test_no_rating_and_no_profile_is_no_limit() -> None:
    """Where nothing is known nothing is made up."""
    parts = (place(), place(evse=2, transaction="b"))
    whole = place(evse=0, transaction=None, evses=parts)
    assert [a.limit_w for a in shares([], whole, 10.0)] == [None, None]


def test_unlimited_evses_share_a_limited_station() -> None:
    """Two without any limit of their own have 10 A each of 20 A."""
    parts = tuple(replace(part, max_a=None) for part in station(1.0, 1.0)[0].evses)
    whole = place(evse=0, transaction=None, evses=parts)
    assert [a.limit_a for a in shares([top(20.0)], whole, 10.0)] == [10.0, 10.0]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(0.0, 40.0) | st.none(), min_size=1, max_size=6), st.floats(0.0, 100.0))
def test_together_they_never_exceed_the_station(currents: list[float | None], most: float) -> None:
    """Sum of shares of those that charge <= maximum, each <= its own, and none left over where more was wanted."""
    whole, stack = station(*currents)
    got = shares([*stack, top(most)], whole, 10.0)
    drawn = [a.limit_a or 0.0 for a, c in zip(got, currents, strict=True) if c is not None]
    wanted = [min(c, 32.0) for c in currents if c is not None]
    assert sum(drawn) <= most + 1e-6
    assert all(d <= w + 1e-9 for d, w in zip(drawn, wanted, strict=True))
    if drawn and not any(d == 0.0 < w for d, w in zip(drawn, wanted, strict=True)):
        assert sum(drawn) == pytest.approx(min(most, sum(wanted)), abs=1e-6)
