"""Means over windows, against sums that are done the long way."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from twin.results.series import WindowMeans


def _means(width_s, t_s, values, *, origin_s=0.0, cut=None):
    series = WindowMeans(width_s, 1, origin_s=origin_s)
    t_s, values = np.array(t_s), np.array(values, dtype=float)[:, None]
    cut = len(t_s) if cut is None else cut
    blocks = [series.feed(t_s[:cut], values[:cut]), series.feed(t_s[cut:], values[cut:])]
    return np.vstack(blocks)[:, 0].tolist()


def test_ticks_that_divide_the_window_are_averaged():
    """Three ticks of 300 s make a quarter of an hour; the fourth waits for its own."""
    assert _means(900.0, [300, 600, 900, 1200], [3, 6, 9, 99]) == [6.0]


def test_a_tick_that_reaches_into_two_windows_counts_in_each_with_its_share():
    """Ticks of 600 s: the second lies half in either quarter of an hour."""
    assert _means(900.0, [600, 1200, 1800], [3, 6, 9]) == [4.0, 8.0]


def test_a_tick_longer_than_the_window_fills_several():
    """An hour is four quarters."""
    assert _means(900.0, [3600], [5]) == [5.0] * 4


def test_windows_are_those_of_the_clock():
    """A run that begins at 00:05 has its first whole quarter of an hour from 00:15 on."""
    assert _means(900.0, [600, 1500], [100, 7], origin_s=-300.0) == [7.0]


def test_a_run_shorter_than_a_window_has_none():
    """Nothing is guessed."""
    assert _means(900.0, [600], [1]) == []


@given(
    steps=st.lists(st.integers(1, 2000), min_size=1, max_size=40),
    width=st.integers(1, 1500),
    origin=st.integers(-1500, 0),
    data=st.data(),
)
def test_the_means_equal_a_sum_over_seconds(steps, width, origin, data):
    """Whatever the ticks, the windows and where the parts are cut."""
    t_s = np.cumsum(steps).astype(float)
    values = data.draw(st.lists(st.integers(-50, 50), min_size=len(steps), max_size=len(steps)))
    cut = data.draw(st.integers(0, len(steps)))
    per_second = np.repeat(values, steps).astype(float)
    first = int(np.ceil(-origin / width)) * width + origin
    whole = (len(per_second) - first) // width if first <= len(per_second) else 0
    expected = [per_second[first + i * width : first + (i + 1) * width].mean() for i in range(max(whole, 0))]
    found = _means(float(width), t_s, values, origin_s=float(origin), cut=cut)
    np.testing.assert_allclose(found, expected, atol=1e-9)
