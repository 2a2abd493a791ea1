"""Cars that come to virtual stations."""

import itertools

import pytest
import simpy

from twin.domain.ports import PlugIn
from twin.engine.lockstep import LockStep
from twin.network.virtual.guests import CARD_S, Guest, Guests, default_evses, endless, token_of
from twin.world.stations.catalogue import catalogue, vehicle


class Stations:
    """Writes down what hands did."""

    def __init__(self, rows):
        self.fleet, self.done = range(rows), []

    def plug(self, t_s, row, car):
        self.done.append((t_s, "plug", row))

    def present(self, t_s, row, token):
        self.done.append((t_s, token, row))

    def unplug(self, t_s, row):
        self.done.append((t_s, "unplug", row))


CAR = PlugIn(vehicle("vw-id3-pro"), 10_000.0, 10_000.0, 0.0, 0.0)


@pytest.fixture
def env():
    """Simulated time."""
    return simpy.Environment()


@pytest.fixture
def clock(env):
    """Its clock."""
    step = LockStep(env, 0)
    yield step.clock
    step.close()


@pytest.fixture
def run(env, clock):
    """Let guests come until an instant; return who did what when, and the guests."""

    def go(guests, until_s, rows=1):
        stations = Stations(rows)
        made = Guests(stations, clock, guests)
        made.start()
        env.run(until=until_s)
        return stations.done, made

    return go


def guest(arrival_s, stay_s=100.0, patience_s=0.0, rows=(0,), token="A"):
    return Guest(arrival_s, rows, stay_s, patience_s, CAR, token)


def test_a_guest_plugs_shows_a_card_and_leaves(run):
    """At 10 s the plug, 5 s later the card, at 110 s the cable is out."""
    done, guests = run([guest(10.0)], 200.0)
    assert done == [(10.0, "plug", 0), (10.0 + CARD_S, "A", 0), (110.0, "unplug", 0)]
    assert (guests.came, guests.went) == (1, 1)


def test_who_finds_no_place_waits_or_goes(run):
    """The first stays until 110 s; the patient one follows him, the impatient one is turned away."""
    done, guests = run([guest(10.0), guest(20.0, patience_s=200.0, token="B"), guest(30.0)], 116.0)
    assert [what for _, what, _ in done] == ["plug", "A", "unplug", "plug", "B"]
    assert (guests.came, guests.turned_away) == (2, 1)


def test_patience_ends(run):
    """50 s are too few where the place is free after 90."""
    done, guests = run([guest(10.0), guest(20.0, patience_s=50.0)], 300.0)
    assert (len(done), guests.turned_away) == (3, 1)


def test_the_second_place_is_taken_where_the_first_is(run):
    """Two guests at a site of two EVSEs charge beside each other."""
    done, _ = run([guest(10.0, rows=(0, 1)), guest(20.0, rows=(0, 1))], 30.0, rows=2)
    assert [row for _, what, row in done if what == "plug"] == [0, 1]


def test_hands_may_unplug_a_guest_before(env, clock):
    """Unplugged at 50 s by hand: the guest's own end does nothing to the next car."""
    stations = Stations(1)
    guests = Guests(stations, clock, [guest(10.0), guest(60.0, token="B")])
    guests.start()
    env.run(until=50.0)
    guests.leave(0)
    env.run(until=200.0)
    assert [(t, what) for t, what, _ in stations.done if what == "unplug"] == [
        (50.0, "unplug"),
        (160.0, "unplug"),
    ]


def test_cars_come_as_often_as_asked():
    """20 EVSEs, 1 car per hour each: about 200 in ten hours, in order, one at a time at each."""
    evses = default_evses(20)
    come = endless(evses, list(catalogue().values()), per_hour=1.0, seed=1)
    guests = list(itertools.takewhile(lambda g: g.arrival_s < 36_000.0, come))
    assert 150 < len(guests) < 250
    assert [g.arrival_s for g in guests] == sorted(g.arrival_s for g in guests)
    own = [g for g in guests if g.rows == (3,)]
    assert all(a.arrival_s + a.stay_s <= b.arrival_s for a, b in itertools.pairwise(own))
    assert {g.token for g in own} == {"TWIN-4"}


def test_a_long_name_becomes_a_token_that_fits():
    """20 characters pass, 21 become 16 of a digest."""
    assert token_of("x" * 20) == "x" * 20
    assert len(token_of("x" * 21)) == 16


def test_cars_that_stay_as_long_as_asked_keep_every_evse_busy():
    """With 60 cars an hour that stay 10 minutes each, all come within a minute after the begin, and the next at once."""
    evses = default_evses(20)
    come = endless(evses, list(catalogue().values()), per_hour=60.0, seed=1, stay_s=600.0, begin_s=45.0)
    guests = [next(come) for _ in range(40)]
    first = {guest.rows[0]: guest for guest in guests[:20]}
    assert len(first) == 20
    assert all(45.0 <= guest.arrival_s < 45.0 + 60.0 + 15.0 for guest in first.values())
    gaps = [guest.arrival_s - first[guest.rows[0]].arrival_s - 600.0 for guest in guests[20:]]
    assert all(0.0 <= gap < 15.0 for gap in gaps)
    assert {guest.stay_s for guest in guests} == {600.0}
