"""Drivers choose: from what they know and see, without chance and without leaving a trace."""

from __future__ import annotations

import gc
import subprocess
import sys
import weakref
from collections.abc import Iterator

import numpy as np
import pytest

from twin.domain.offers import Offer
from twin.domain.specs import DriverSpec, VehicleSpec
from twin.domain.visits import Visits
from twin.world.population.agents import Driver, Population


def visits(cars: dict[str, VehicleSpec], *drivers: DriverSpec) -> Visits:
    """One visit per driver: 20 kWh in two hours."""
    n = len(drivers)
    column = np.ones(n)
    return Visits(
        arrival_s=column * 0,
        departure_s=column * 7200,
        energy_wh=column * 20_000,
        arrival_wh=column * 10_000,
        said_departure_s=column * 7200,
        said_energy_wh=column * 20_000,
        patience_s=column * 600,
        driver=np.arange(n),
        evse=np.full(n, -1),
        drivers=drivers,
        vehicles=(cars["family"],),
    )


def who(archetype: str = "work", if_full: str = "wait", sites: tuple[str, ...] = ("a", "b")) -> DriverSpec:
    return DriverSpec(id="d", archetype=archetype, vehicle=0, sites=sites, if_full=if_full)


@pytest.fixture
def driver(cars: dict[str, VehicleSpec]) -> Iterator[type]:
    """Make drivers; each belongs to a population that is closed at the end."""
    opened: list[Population] = []

    def make(spec: DriverSpec) -> Driver:
        opened.append(Population(visits(cars, spec)))
        made = opened[-1].of(0)
        made.come(0, [])
        return made

    yield make  # type: ignore[misc]
    for population in opened:
        population.close()


def offer(
    site: str, free: int = 1, *, price: float = 0.4, km: float = 0.0, queue: int = 0, kw: float = 11
) -> Offer:
    return Offer(site, "op", price, km, free, queue, kw * 1000)


class TestChoose:
    def test_staff_prefer_their_first_site(self, driver: type) -> None:
        """Even where the second one is cheaper."""
        assert driver(who()).choose([offer("b", price=0.1), offer("a")]).site == "a"

    def test_who_waits_waits_at_the_first_site(self, driver: type) -> None:
        """Its queue does not send away who would rather wait."""
        assert driver(who()).choose([offer("a", 0, queue=3), offer("b")]).site == "a"

    def test_who_goes_elsewhere_takes_the_free_connector(self, driver: type) -> None:
        """The second site is free, the first is not."""
        assert driver(who(if_full="elsewhere")).choose([offer("a", 0), offer("b")]).site == "b"

    def test_where_all_is_taken_the_order_of_preference_is_back(self, driver: type) -> None:
        """Nothing is free anywhere."""
        assert driver(who(if_full="elsewhere")).choose([offer("b", 0), offer("a", 0)]).site == "a"

    def test_passers_by_take_the_cheaper_site(self, driver: type) -> None:
        """20 kWh at 0.40 or at 0.60: 4.00 more than a detour of 2 x 5 km at 0.25."""
        near_dear, far_cheap = offer("a", price=0.6), offer("b", price=0.4, km=5)
        assert driver(who("public")).choose([near_dear, far_cheap]).site == "b"

    def test_passers_by_do_not_drive_far_for_little(self, driver: type) -> None:
        """2 x 10 km cost 5.00."""
        near_dear, far_cheap = offer("a", price=0.6), offer("b", price=0.4, km=10)
        assert driver(who("public")).choose([near_dear, far_cheap]).site == "a"

    def test_passers_by_avoid_connectors_too_slow_for_their_stay(self, driver: type) -> None:
        """3.7 kW deliver 7.4 of 20 kWh in two hours."""
        slow, fast = offer("a", price=0.3, kw=3.7), offer("b", price=0.5, kw=50)
        assert driver(who("public")).choose([slow, fast]).site == "b"

    def test_of_equal_sites_the_shorter_queue_wins(self, driver: type) -> None:
        """Both are full."""
        assert driver(who("public")).choose([offer("a", 0, queue=2), offer("b", 0, queue=1)]).site == "b"

    def test_a_price_that_is_not_shown_does_not_count(self, driver: type) -> None:
        """NaN is cheaper than any price: the driver learns it from the bill."""
        assert driver(who("public")).choose([offer("a"), offer("b", price=float("nan"))]).site == "b"

    def test_unknown_sites_are_not_chosen(self, driver: type) -> None:
        """Nobody drives to a site he does not know."""
        assert driver(who()).choose([offer("c")]) is None


class TestCome:
    def test_a_driver_comes_where_a_known_site_is_offered(self, driver: type) -> None:
        """Full or not, who waits comes."""
        assert driver(who()).come(0, [offer("a", 0)])
        assert not driver(who()).come(0, [offer("c")])

    def test_who_would_leave_a_full_site_does_not_set_out(self, driver: type) -> None:
        """The app shows that everything is taken."""
        assert not driver(who(if_full="leave")).come(0, [offer("a", 0), offer("b", 0)])
        assert driver(who(if_full="leave")).come(0, [offer("a", 0), offer("b", 1)])


class TestWhenFull:
    def test_each_policy_does_what_it_says(self, driver: type) -> None:
        """Ten minutes of patience."""
        assert driver(who(if_full="wait")).when_full(offer("a", 0), [], 600) == "wait"
        assert driver(who(if_full="leave")).when_full(offer("a", 0), [], 600) == "leave"
        assert driver(who(if_full="elsewhere")).when_full(offer("a", 0), [offer("b")], 600) == "elsewhere"

    def test_elsewhere_needs_a_free_connector_at_another_known_site(self, driver: type) -> None:
        """Else patience decides."""
        full = [offer("a", 0), offer("b", 0), offer("c", 5)]
        assert driver(who(if_full="elsewhere")).when_full(full[0], full, 600) == "wait"
        assert driver(who(if_full="elsewhere")).when_full(full[0], full, 0) == "leave"

    def test_no_patience_is_no_waiting(self, driver: type) -> None:
        """Zero seconds."""
        assert driver(who(if_full="wait")).when_full(offer("a", 0), [], 0) == "leave"


def test_a_closed_population_is_forgotten(cars: dict[str, VehicleSpec]) -> None:
    """Mesa keeps a counter per model in a class attribute; closing removes it."""
    with Population(visits(cars, who(), who())) as population:
        assert len(population.drivers) == 2
        gone = weakref.ref(population)
    del population
    gc.collect()
    assert gone() is None


def test_importing_agents_leaves_the_start_method_of_processes_alone() -> None:
    """Mesa would set it to spawn for the whole process."""
    code = "import multiprocessing as m; import twin.world.population.agents; print(m.get_start_method(allow_none=True))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "None"


def test_drawing_needs_no_mesa() -> None:
    """Only agents do, so a scenario is checked without it."""
    code = "import sys; import twin.world.population.draw, twin.world.population.replay; print('mesa' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
