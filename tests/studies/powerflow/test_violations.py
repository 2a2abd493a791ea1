"""Intervals of consecutive steps beyond a limit, against a reading step by step."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from twin.studies.powerflow.violations import Watch


def by_hand(values: np.ndarray, limit: float, *, below: bool) -> list[tuple[int, int, int, float, int]]:
    """Element, first step, step after the last, worst value, step of the worst; one step after the other."""
    found = []
    for element, column in enumerate(values.T):
        begin = None
        for step, value in enumerate([*column, np.nan]):
            beyond = value < limit if below else value > limit
            if beyond and begin is None:
                begin = step
            if not beyond and begin is not None:
                part = column[begin:step]
                worst = int(part.argmin() if below else part.argmax())
                found.append((element, begin, step, float(part[worst]), begin + worst))
                begin = None
    return found


def taken(values: np.ndarray, limit: float, cuts: list[int], *, below: bool) -> list[tuple]:
    """What a watch finds that is given the steps in pieces."""
    watch = Watch(np.full(values.shape[1], limit), below=below)
    bounds = [0, *sorted(cuts), len(values)]
    for a, b in pairwise(bounds):
        watch.take(values[a:b], a)
    return [tuple(row) for row in zip(*(column.tolist() for column in watch.intervals()), strict=True)]


@given(
    values=hnp.arrays(
        float, st.tuples(st.integers(1, 12), st.integers(1, 4)), elements=st.sampled_from([0.0, 1.0, 2.0, 3.0, np.nan])
    ),
    cuts=st.lists(st.integers(0, 12), max_size=3),
    below=st.booleans(),
)  # fmt: skip
def test_intervals_are_those_read_step_by_step_whatever_the_pieces(
    values: np.ndarray, cuts: list[int], below: bool
) -> None:
    """The limit lies between the values; NaN breaks none and ends an interval."""
    cuts = [min(cut, len(values)) for cut in cuts]
    assert taken(values, 1.5, cuts, below=below) == by_hand(values, 1.5, below=below)


def test_a_value_that_equals_its_limit_keeps_it() -> None:
    """As everywhere in the twin."""
    watch = Watch(np.array([0.9]), below=True)
    watch.take(np.array([[0.9], [0.8999]]), 0)
    assert watch.steps.tolist() == [1]


def test_the_worst_is_the_first_of_equals_even_over_a_seam() -> None:
    """Two pieces of one interval have the same worst value."""
    watch = Watch(np.array([1.0]), below=False)
    watch.take(np.array([[1.5], [2.0]]), 0)
    watch.take(np.array([[2.0], [1.2], [0.5]]), 2)
    found = watch.intervals()
    assert (found.first.tolist(), found.after.tolist()) == ([0], [4])
    assert (found.worst.tolist(), found.worst_step.tolist()) == ([2.0], [1])


def test_each_element_has_its_own_limit() -> None:
    """Two lines at 90 %, one of them rated for less."""
    watch = Watch(np.array([100.0, 80.0]), below=False)
    watch.take(np.array([[90.0, 90.0]]), 0)
    assert watch.intervals().element.tolist() == pytest.approx([1])
