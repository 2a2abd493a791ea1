from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from twin.report.layout import positions, roots, tree


def test_a_fork_is_drawn_with_its_stem_between_its_ends() -> None:
    """0 - 1, then 1 - 2 and 1 - 3: depths 0, 1, 2, 2; the ends are one row apart, the stem in the middle."""
    xy = tree(4, np.array([0, 1, 1]), np.array([1, 2, 3]), [0])
    np.testing.assert_allclose(xy, [[0, -0.5], [1, -0.5], [2, 0], [2, -1]])


def test_the_feeder_begins_at_the_high_voltage_side_of_its_transformer() -> None:
    """The transformer is the second branch and feeds bus 1 from bus 3."""
    assert roots(np.array([1, 3]), np.array([2, 1]), np.array([False, True])) == [3]


def test_coordinates_are_used_when_there_are_any() -> None:
    """Three places, three buses: a map, not a scheme."""
    xy = np.array([[0.0, 0.0], [1.0, 2.0], [3.0, 1.0]])
    places, scheme = positions(xy, np.array([0, 1]), np.array([1, 2]), np.array([False, False]))
    assert not scheme
    np.testing.assert_array_equal(places, xy)


def test_missing_or_equal_coordinates_become_a_tree() -> None:
    """A bus without a place, or all buses at one place, say nothing about the feeder."""
    branches = np.array([0, 1]), np.array([1, 2]), np.array([False, False])
    for xy in (np.array([[0.0, 0.0], [np.nan, np.nan], [1.0, 1.0]]), np.zeros((3, 2))):
        places, scheme = positions(xy, *branches)
        assert scheme
        np.testing.assert_array_equal(places[:, 0], [0, 1, 2])


@given(st.data())
def test_every_bus_has_a_place_of_its_own_whatever_the_net(data: st.DataObject) -> None:
    """Meshes and islands too: all places are finite, and no two buses share one."""
    n = data.draw(st.integers(1, 30))
    ends = data.draw(st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), max_size=60))
    from_bus, to_bus = (np.array([pair[k] for pair in ends], dtype=int) for k in (0, 1))
    xy = tree(n, from_bus, to_bus, [0])
    assert np.isfinite(xy).all()
    assert len(np.unique(xy, axis=0)) == n
