"""Names of grid elements."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.domain.naming import unique_names


def test_unique_names_are_kept() -> None:
    """Nothing changes where every element has a name of its own."""
    assert unique_names(["R1", "R 2"], [7, 9]) == ("R1", "R 2")


def test_doubled_blank_and_numeric_names_become_the_index() -> None:
    """None, NaN, blanks, numbers and doubled names are no address."""
    names = ["a", "a", "", None, float("nan"), 3, "b"]
    assert unique_names(names, [10, 11, 12, 13, 14, 15, 16]) == ("10", "11", "12", "13", "14", "15", "b")


def test_a_name_that_equals_the_index_of_another_gives_way() -> None:
    """`1` would be both the first (by name) and the second (by index); then `0` clashes in turn."""
    assert unique_names(["1", None, "0"], [0, 1, 2]) == ("0", "1", "2")


def test_a_name_that_is_its_own_index_is_kept() -> None:
    """A model that numbers its elements by name and index alike is not touched."""
    assert unique_names(["0", "1"], [0, 1]) == ("0", "1")


def test_doubled_indices_are_refused() -> None:
    """Two elements with one index cannot be told apart."""
    with pytest.raises(ValueError, match="indices are not unique"):
        unique_names(["a", "b"], [1, 1])


@given(st.lists(st.sampled_from(["0", "1", "2", "3", "a", "b", "", None]), max_size=8))
def test_names_are_unique_whatever_the_model_says(names: list[str | None]) -> None:
    """Every element gets a name of its own: its own name or its index."""
    made = unique_names(names, range(len(names)))
    assert len(set(made)) == len(names)
    assert all(new in (old, str(i)) for i, (new, old) in enumerate(zip(made, names, strict=True)))
