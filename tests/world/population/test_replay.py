"""Recorded sessions in a run: checked against its sites and cars, then replayed to the second."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from twin.domain.specs import EvseSpec, VehicleSpec
from twin.domain.visits import ANY_EVSE, Visits
from twin.errors import ScenarioError
from twin.world.population.demand import DriverGroup, Replay
from twin.world.population.draw import Drawing
from twin.world.population.replay import load
from twin.world.population.sessions import above

Draw = Callable[..., Drawing]
Written = Callable[[str, str], Path]
Loader = Callable[..., Replay]

HEADER = "session,site,evse,driver,arrival,departure,energy_kwh,vehicle\n"
ROWS = (
    "1,street,street-3/1,ann,2026-01-12T17:00:00+01:00,2026-01-13T07:00:00+01:00,14.5,family\n",
    "2,garage,,bob,2026-01-12T18:00:00+01:00,2026-01-13T08:00:00+01:00,30,\n",
    "3,yard,,bob,2026-01-14T18:00:00+01:00,2026-01-15T08:00:00+01:00,90,\n",
    "4,street,,,2026-01-11T20:00:00+01:00,2026-01-12T06:00:00+01:00,55.2,barge\n",
    "5,street,,eve,2027-01-12T18:00:00+01:00,2027-01-12T20:00:00+01:00,5,\n",
)


@pytest.fixture
def loader(
    written: Written,
    cars: dict[str, VehicleSpec],
    mix: dict[str, float],
    evses: Callable[[int], list[EvseSpec]],
) -> Loader:
    def load_rows(*rows: str, **options: str) -> Replay:
        path = written("rec.csv", HEADER + "".join(rows))
        return load(path, sites={"street": range(100)}, evses=evses(100), vehicles=cars, mix=mix, **options)

    return load_rows


@pytest.fixture
def week(loader: Loader, draw_week: Draw, mix: dict[str, float]) -> Visits:
    group = DriverGroup(name="rec", archetype="replay", sites=("street",), demand=loader(*ROWS), vehicles=mix)
    return draw_week(group).visits


def test_sessions_keep_their_time_and_energy(week: Visits) -> None:
    """Ann plugs in on Monday at 17:00 and leaves at 07:00; a session of another year is not of this run."""
    np.testing.assert_allclose(week.arrival_s, [0, 17 * 3600, 18 * 3600, 66 * 3600])
    np.testing.assert_allclose(week.departure_s, [6 * 3600, 31 * 3600, 32 * 3600, 80 * 3600])
    np.testing.assert_allclose(week.energy_wh[1:], [14_500, 30_000, 90_000])


def test_a_session_that_began_before_the_run_keeps_its_rest(week: Visits) -> None:
    """55.2 kWh from 20:00 at 11.04 kW until midnight: 11.04 kWh remain."""
    np.testing.assert_allclose(week.energy_wh[0], 55_200 - 4 * 11_000)


def test_an_evse_is_kept_where_it_was_recorded(week: Visits) -> None:
    """street-3/1 is row 2; the others take any."""
    assert week.evse.tolist() == [ANY_EVSE, 2, ANY_EVSE, ANY_EVSE]


def test_a_station_with_one_evse_may_be_named_instead_of_it(
    written: Written,
    cars: dict[str, VehicleSpec],
    mix: dict[str, float],
    evses: Callable[[int], list[EvseSpec]],
) -> None:
    """ACN-Data names spaces such as `CA-496`; of a station with two EVSEs it is not said which is meant."""
    places = evses(3)
    places[2] = replace(places[2], id="street-1/2", station=places[1].station)
    rows = [f"{n},street,{name},d{n},2026-01-12T17:00:00Z,2026-01-12T19:00:00Z,3,\n" for n, name in enumerate(
        (places[0].station, places[1].id, "street-1/2"))]  # fmt: skip
    sites = {"street": range(3)}
    found = load(written("a.csv", HEADER + "".join(rows)), sites=sites, evses=places, vehicles=cars, mix=mix)
    assert found.rows == (0, 1, 2)
    bad = f"9,street,{places[1].station},d9,2026-01-12T17:00:00Z,2026-01-12T19:00:00Z,3,\n"
    with pytest.raises(ScenarioError, match="is not at these sites, did you mean"):
        load(written("b.csv", HEADER + bad), sites=sites, evses=places, vehicles=cars, mix=mix)


def test_one_driver_keeps_one_car_that_explains_all_sessions(week: Visits) -> None:
    """Bob's 90 kWh fit a barge only, so he has it on Monday too; Ann's car was recorded."""
    model = {week.drivers[d].id: week.vehicles[week.drivers[d].vehicle].model for d in week.driver}
    assert model == {
        "rec/ann/street/family": "family",
        "rec/bob": "barge",
        "rec/session 4/street/barge": "barge",
    }


def test_what_was_said_is_replayed(
    loader: Loader, draw_week: Draw, mix: dict[str, float], written: Written
) -> None:
    """Recorded words stand before the group's rule, where there are any."""
    replay = loader(*ROWS[:2])
    first = replay.sessions[0]._replace(said_energy_kwh=20.0)
    group = DriverGroup(
        name="rec",
        archetype="replay",
        sites=("street",),
        demand=replace(replay, sessions=(first, replay.sessions[1])),
        vehicles=mix,
    )
    np.testing.assert_allclose(draw_week(group).visits.said_energy_wh, [20_000, 30_000])


BAD = (
    "6,street,streat-3/1,fay,2026-01-12T17:00:00+01:00,2026-01-13T07:00:00+01:00,14.5,\n",
    "7,street,,gus,2026-01-12T17:00:00+01:00,2026-01-13T07:00:00+01:00,14.5,famly\n",
    "8,street,,hal,2026-01-12T17:00:00+01:00,2026-01-13T07:00:00+01:00,25,town\n",
    "9,street,,ivy,2026-01-12T17:00:00+01:00,2026-01-13T07:00:00+01:00,125,\n",
    "10,street,,jon,2026-01-12T17:00:00+01:00,2026-01-12T18:00:00+01:00,13,\n",
    "11,street,,kim,2026-01-12T17:00:00+01:00,2026-01-12T16:00:00+01:00,13,\n",
)
WHERE = "of the largest EVSE of these sites"
MESSAGES = [
    "rec.csv:2: evse: `streat-3/1` is not at these sites, did you mean `street-3/1`?",
    "rec.csv:3: vehicle: `famly` is not in the catalogue, did you mean `family`?",
    "rec.csv:4: energy_kwh: 25 kWh is more than the battery of `town` can take",
    "rec.csv:5: energy_kwh: 125 kWh is more than the battery of any car of the mix can take",
    f"rec.csv:6: energy_kwh: 13 kWh in 60 min is 13.0 kW, more than 1.1 times the 11.04 kW {WHERE}",
    "rec.csv:7: departure: 2026-01-12T15:00Z is before the arrival 2026-01-12T16:00Z",
]


def test_all_problems_of_a_recording_are_named_at_once(loader: Loader) -> None:
    """Each with its line, and with a near match where there is one."""
    with pytest.raises(ScenarioError) as raised:
        loader(*BAD)
    assert str(raised.value).splitlines() == MESSAGES


@pytest.mark.parametrize(
    ("value", "limit", "text"),
    [
        (13.0, 11.04, "13.0"),
        (7.44, 7.4, "7.44"),
        (7.4001, 7.4, "7.4001"),
        (7.4 + 1e-12, 7.4, repr(7.4 + 1e-12)),
    ],
)
def test_what_is_above_a_limit_is_written_above_it(value: float, limit: float, text: str) -> None:
    """`7.4 kW, more than 7.4 kW` says nothing."""
    assert above(value, limit) == text


def test_bad_rows_may_be_skipped(loader: Loader) -> None:
    """The scenario has to say so."""
    assert [s.session for s in loader(*BAD, ROWS[0], on_bad_row="skip").sessions] == ["1"]


def test_a_recording_of_which_nothing_remains_is_a_problem(loader: Loader) -> None:
    """Skipping everything is not a run."""
    with pytest.raises(ScenarioError, match=r"^rec\.csv: no row is a session that this scenario can replay$"):
        loader(*BAD, on_bad_row="skip")
