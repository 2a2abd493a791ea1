"""Connectors and the queue in front of them, as timelines."""

import simpy

from twin.engine.berths import Berths


def test_the_lowest_free_row_is_given_first() -> None:
    """Rows come in ascending order, also after one is returned."""
    berths = Berths(simpy.Environment(), [4, 2, 3])
    assert [berths.take(), berths.take()] == [2, 3]
    berths.give(2)
    assert [berths.take(), berths.take(), berths.take()] == [2, 4, None]


def test_the_queue_is_first_come_first_served() -> None:
    """Two wait; the first gets the connector that comes free."""
    env = simpy.Environment()
    berths = Berths(env, [0])
    berths.take()
    first, second = berths.wait(), berths.wait()
    berths.give(0)
    assert (first.triggered, second.triggered) == (True, False)
    assert first.value == 0
    assert berths.queue == 1


def test_who_insists_on_a_row_lets_others_pass() -> None:
    """Row 1 comes free; the first in the queue wants row 0, so the second gets it."""
    berths = Berths(simpy.Environment(), [0, 1])
    berths.take()
    berths.take()
    insists, any_will_do = berths.wait(0), berths.wait()
    berths.give(1)
    assert (insists.triggered, any_will_do.triggered) == (False, True)


def test_a_taken_row_is_never_given_twice() -> None:
    """A wish for a row that is taken is refused; the heap forgets rows taken by wish."""
    berths = Berths(simpy.Environment(), [0, 1])
    assert berths.take(0) == 0
    assert berths.take(0) is None
    assert [berths.take(), berths.take()] == [1, None]


def test_a_connector_out_of_order_comes_back_to_the_queue() -> None:
    """It breaks while free, somebody waits, it is mended: the waiter gets it."""
    berths = Berths(simpy.Environment(), [0])
    berths.close(0)
    assert berths.take() is None
    waiter = berths.wait()
    berths.open(0)
    assert waiter.triggered


def test_a_car_that_leaves_a_broken_connector_frees_nobody() -> None:
    """It broke with a car in it: after the car leaves it stays closed until mended."""
    berths = Berths(simpy.Environment(), [0])
    berths.take()
    berths.close(0)
    berths.give(0)
    assert berths.free == 0
    berths.open(0)
    assert berths.free == 1


def test_who_gives_up_is_passed_over() -> None:
    """The first leaves the queue; the second gets the connector."""
    berths = Berths(simpy.Environment(), [0])
    berths.take()
    gone, stays = berths.wait(), berths.wait()
    berths.forget(gone)
    berths.give(0)
    assert (gone.triggered, stays.triggered) == (False, True)


def test_two_causes_keep_it_closed_until_both_are_mended() -> None:
    """Two outages overlap: the end of the first changes nothing."""
    berths = Berths(simpy.Environment(), [0])
    berths.close(0)
    berths.close(0)
    berths.open(0)
    assert berths.free == 0
    berths.open(0)
    assert berths.free == 1


def test_a_connector_is_mended_under_a_car() -> None:
    """The car that is in it keeps it; the next gets it when that car leaves."""
    berths = Berths(simpy.Environment(), [0])
    berths.take()
    berths.close(0)
    berths.open(0)
    assert berths.take() is None
    berths.give(0)
    assert berths.take() == 0
