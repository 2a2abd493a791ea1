"""Which EVSEs load an element."""

from dataclasses import replace

import numpy as np

from tests.results.conftest import FEEDER
from twin.results.wiring import Wiring

# mv -trafo- bar; bar -l1- a1 -l2- a2; bar -l3- b1; and l4 that may close the ring a2 - b1.
STREET = replace(
    FEEDER,
    buses=("mv", "bar", "a1", "a2", "b1"),
    bus_vn_kv=np.array([20.0, 0.4, 0.4, 0.4, 0.4]),
    branches=("l1", "l2", "l3", "l4", "trafo"),
    is_trafo=np.array([False, False, False, False, True]),
    from_bus=np.array([1, 2, 1, 3, 0]),
    to_bus=np.array([2, 3, 4, 4, 1]),
)
EVSES = ["a1", "a2", "b1", None]


def _behind(element, *, ring=False):
    in_service = np.array([True, True, True, ring, True])
    return Wiring(STREET, in_service, EVSES).behind(element).tolist()


def test_a_line_is_loaded_by_what_lies_behind_it():
    """The second line of branch a feeds only its end."""
    assert _behind("l1") == [True, True, False, False]
    assert _behind("l2") == [False, True, False, False]


def test_a_bus_is_lowered_by_the_cars_on_its_own_branch():
    """Branch b shares no line with branch a."""
    assert _behind("a2") == [True, True, False, False]
    assert _behind("b1") == [False, False, True, False]


def test_the_transformer_the_busbar_and_the_feeder_have_every_evse_behind_them():
    """But not the EVSE that is on no bus."""
    for element in ("trafo", "bar", "mv", "three-buses"):
        assert _behind(element) == [True, True, True, False]


def test_in_a_ring_nothing_is_told_apart():
    """With l4 closed a car anywhere loads every line of the ring."""
    for element in ("l1", "l2", "l3", "l4", "a2"):
        assert _behind(element, ring=True) == [True, True, True, False]
    assert _behind("trafo", ring=True) == [True, True, True, False]
