"""Wishes as they are written, and judged."""

from __future__ import annotations

from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.network.ocpp.csms.limits import Grammar, Limit, profile, profile_id
from twin.network.ocpp.csms.verify import Draw, differences, draw, obeys
from twin.network.ocpp.profiles.context import CompositeSchedule, Context
from twin.network.ocpp.profiles.model import Kind, Period, Purpose, Unit
from twin.network.ocpp.versions import Version

AMPERES = Grammar(unit=Unit.A)
WATTS = Grammar(unit=Unit.W)


@given(power_w=st.floats(0, 1e6), phases=st.sampled_from([1, 2, 3]), unit=st.sampled_from(list(Unit)))
def test_what_is_written_is_never_more_and_at_most_a_step_less(
    power_w: float, phases: int, unit: Unit
) -> None:
    """A limit loses less than a tenth of its unit, and never gains."""
    grammar = Grammar(unit=unit, phases=phases)
    step_w = grammar.watts(0.1)
    back_w = grammar.watts(grammar.written(power_w))
    assert power_w - step_w * (1 + 1e-6) <= back_w <= power_w + step_w * 1e-6 + 1e-9


@pytest.mark.parametrize(
    ("power_w", "grammar", "written"),
    [
        (11040.0, AMPERES, 16.0),
        (7000.0, AMPERES, 10.1),
        (3680.0, Grammar(unit=Unit.A, phases=1), 16.0),
        (7000.04, WATTS, 7000.0),
        (-5000.0, WATTS, -5000.0),
        (0.0, AMPERES, 0.0),
    ],
)
def test_numbers_on_the_wire(power_w: float, grammar: Grammar, written: float) -> None:
    """W as they are, A by 230 V and the phases in use."""
    assert grammar.written(power_w) == written


def test_every_place_has_an_id_of_its_own() -> None:
    """20 EVSEs, all purposes and levels up to 98: no id twice."""
    places = [(evse, purpose, level) for evse in range(20) for purpose in Purpose for level in range(99)]
    assert len({profile_id(*place) for place in places}) == len(places)


def test_a_relative_profile_ends_by_validity_only() -> None:
    """Its duration would count from the begin of the transaction, which may be long ago."""
    made = profile(
        Limit(limit_w=6900.0),
        Grammar(unit=Unit.A, relative=True),
        evse=1,
        purpose=Purpose.TX,
        level=0,
        now_s=1000.0,
        expires_s=1900.0,
        transaction="7",
    )
    assert (made.kind, made.schedule.start_s, made.schedule.duration_s) == (Kind.RELATIVE, None, None)
    assert made.valid_to_s == 1900.0


def test_an_absolute_profile_begins_a_minute_ago() -> None:
    """A station whose clock is 30 s late obeys it at once; duration and validity end together."""
    made = profile(
        Limit(limit_w=6900.0),
        AMPERES,
        evse=1,
        purpose=Purpose.TX_DEFAULT,
        level=3,
        now_s=1000.0,
        expires_s=1900.0,
    )
    assert (made.schedule.start_s, made.schedule.duration_s, made.valid_to_s) == (940.0, 960.0, 1900.0)


@pytest.mark.parametrize("wrong", [{"limit_w": -1.0}, {"limit_w": nan}, {"discharge_w": -1.0}, {"phases": 4}])
def test_limits_that_no_station_could_obey_are_refused(wrong: dict[str, float]) -> None:
    """Negative powers, no numbers and four phases."""
    with pytest.raises(ValueError, match=r"phases|limits are not negative"):
        Limit(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("seen", "limit_a", "verdict"),
    [
        (Draw(0.0, nan, 10.7, 3), 10.0, True),  # 10 A + 3 % + 0.5 A = 10.8 A
        (Draw(0.0, nan, 10.9, 3), 10.0, False),
        (Draw(0.0, 7900.0, nan, 0), 10.0, True),  # 6,900 W + 13 % + 150 W = 7,947 W: the voltage may be high
        (Draw(0.0, 8000.0, nan, 0), 10.0, False),
        (Draw(0.0, 7250.0, nan, 0), None, True),  # 6,900 W + 3 % + 150 W = 7,257 W
        (Draw(0.0, 7260.0, nan, 0), None, False),
        (Draw(nan, nan, nan, 0), 10.0, None),
    ],
)
def test_a_draw_is_judged_with_a_meters_tolerance(
    seen: Draw, limit_a: float | None, verdict: bool | None
) -> None:
    """Limits in A are held against current where it is measured, else against power."""
    assert obeys(seen, 6900.0, limit_a, 230.0, 3) is verdict


def test_the_newer_of_power_and_current_tells_the_draw() -> None:
    """A current of a minute ago says nothing about now; phases count only where current flows."""
    readings = {
        ("Power.Active.Import", ""): (60.0, 3680.0),
        ("Current.Import", ""): (0.0, 32.0),
        ("Current.Import", "L1"): (0.0, 32.0),
    }
    seen = draw(readings)
    assert (seen.t_s, seen.power_w, seen.phases) == (60.0, 3680.0, 0)
    readings[("Current.Import", "")] = readings[("Current.Import", "L1")] = (60.0, 16.0)
    seen = draw({**readings, ("Current.Import", "L2"): (60.0, 0.0)})
    assert (seen.current_a, seen.phases) == (16.0, 1)


def _reported(*periods: tuple[float, float]) -> CompositeSchedule:
    return CompositeSchedule(
        evse=1,
        start_s=0.0,
        duration_s=600.0,
        unit=Unit.A,
        periods=tuple(Period(start_s=start_s, limit=limit) for start_s, limit in periods),
    )


def test_a_composite_schedule_above_ours_is_a_difference() -> None:
    """16 A from 300 s on where 10 A hold; less than ours, or more for a moment, is none."""
    ours = profile(Limit(limit_w=6900.0), AMPERES, evse=1, purpose=Purpose.TX_DEFAULT, level=0, now_s=0.0)
    context = Context(version=Version.V16, evse=1)
    found = differences(_reported((0.0, 10.0), (300.0, 16.0)), [ours], context)
    assert [(one.after_s, one.expected, one.reported) for one in found] == [(300.0, 10.0, 16.0)]
    assert differences(_reported((0.0, 6.0)), [ours], context) == []
    assert differences(_reported((0.0, 16.0), (3.0, 10.0)), [ours], context) == []


def test_no_limit_allows_everything() -> None:
    """A wish without limit lets anything be drawn; a set-point below it counts."""
    assert Limit().charge_w == inf
    assert Limit(limit_w=11000.0, setpoint_w=5000.0).charge_w == 5000.0
    assert Limit(setpoint_w=-5000.0).charge_w == 0.0
