"""Composite schedules drawn by hand."""

from __future__ import annotations

import pytest

from twin.network.ocpp.profiles import compose
from twin.network.ocpp.profiles.model import Kind, Mode, Period, Purpose, Recurrency, Unit
from twin.network.ocpp.versions import Version

from .build import DAY, HOUR, place, profile
from .by_hand import CASES, Case


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_schedules_are_those_drawn_by_hand(case: Case) -> None:
    """Each limit from its second on, and no other period."""
    got = compose.composite(case.profiles, case.place, case.start_s, case.duration_s, case.unit)
    assert [p.start_s for p in got.periods] == pytest.approx([s for s, _ in case.expected])
    for period, (_, limit) in zip(got.periods, case.expected, strict=True):
        assert period.limit == (None if limit is None else pytest.approx(limit))


def test_who_binds_is_told() -> None:
    """16 A of the transaction against 10 A of the station: the station's profile binds, both are in force."""
    stack = [profile(1, Purpose.TX, (0, 16), evse=1), profile(2, Purpose.STATION_MAX, (0, 10))]
    got = compose.limit_at(stack, place(), 0.0)
    assert (got.bound_by, got.in_force) == ((2,), (1, 2))


def test_the_rating_is_no_profile() -> None:
    """A rating of 6 A below 16 A of a profile is bound by no profile."""
    got = compose.limit_at([profile(1, Purpose.TX, (0, 16), evse=1)], place(max_a=6.0), 0.0)
    assert (got.limit_a, got.bound_by) == (6.0, ())


def test_the_least_useful_rate_is_told() -> None:
    """2.0.1 K01.FR.21: 6 A on three phases are 4140 W, and lower no limit."""
    got = compose.limit_at([profile(1, Purpose.TX, (0, 3), min_rate=6.0, evse=1)], place(), 0.0)
    assert (got.min_rate_w, got.limit_a) == (pytest.approx(4_140.0), 3.0)


def test_one_phase_is_chosen() -> None:
    """2.0.1 K01.FR.46: phase 2 with one phase."""
    only = Period(start_s=0.0, limit=16.0, phases=1, phase_to_use=2)
    got = compose.limit_at([profile(1, Purpose.TX, only, evse=1)], place(), 0.0)
    assert (got.phases, got.phase_to_use) == (1, 2)


def v2x(mode: Mode, **fields: float) -> Period:
    """A period of an operation mode."""
    return Period(start_s=0.0, mode=mode, **fields)  # type: ignore[arg-type]


def test_a_set_point_stays_within_its_limits() -> None:
    """2.1 ChargingSchedulePeriodType: -9 kW with a discharge limit of -5 kW is -5 kW."""
    period = v2x(Mode.CENTRAL_SETPOINT, limit=11_000.0, discharge_limit=-5_000.0, setpoint=-9_000.0)
    got = compose.limit_at([profile(1, Purpose.TX, period, unit=Unit.W, evse=1)], place(Version.V21), 0.0)
    assert (got.setpoint_w, got.discharge_limit_w, got.limit_w) == (-5_000.0, -5_000.0, 11_000.0)


def test_a_set_point_obeys_the_station() -> None:
    """9 kW under a maximum of the station of 4 kW is 4 kW."""
    period = v2x(Mode.CENTRAL_SETPOINT, setpoint=9_000.0)
    stack = [
        profile(1, Purpose.TX, period, unit=Unit.W, evse=1),
        profile(2, Purpose.STATION_MAX, (0, 4_000), unit=Unit.W),
    ]
    assert compose.limit_at(stack, place(Version.V21), 0.0).setpoint_w == 4_000.0


def test_set_points_in_a_are_of_all_phases() -> None:
    """2.1: a set-point of 30 A is 30 A x 230 V, not three times that."""
    stack = [profile(1, Purpose.TX, v2x(Mode.CENTRAL_SETPOINT, setpoint=30.0), evse=1)]
    assert compose.limit_at(stack, place(Version.V21), 0.0).setpoint_w == 6_900.0


def test_an_external_set_point_comes_from_outside() -> None:
    """2.1 Q05: ExternalSetpoint follows the constraint's -2 kW, discharging at most 3 kW by the transaction."""
    stack = [
        profile(1, Purpose.TX, v2x(Mode.EXTERNAL_SETPOINT, discharge_limit=-3_000.0), unit=Unit.W, evse=1),
        profile(2, Purpose.EXTERNAL_CONSTRAINTS, v2x(Mode.EXTERNAL_SETPOINT, setpoint=-2_000.0), unit=Unit.W),
    ]
    got = compose.limit_at(stack, place(Version.V21), 0.0)
    assert (got.setpoint_w, got.discharge_limit_w) == (-2_000.0, -3_000.0)


def test_charging_only_never_discharges() -> None:
    """2.1 OperationModeEnumType: a constraint's discharge limit allows nothing to a car that only charges."""
    stack = [
        profile(1, Purpose.TX, (0, 16), evse=1),
        profile(2, Purpose.EXTERNAL_CONSTRAINTS, v2x(Mode.EXTERNAL_LIMITS, discharge_limit=-3_000.0)),
    ]
    got = compose.limit_at(stack, place(Version.V21), 0.0)
    assert (got.discharge_limit_w, got.setpoint_w) == (0.0, None)


def test_discharging_is_bound_by_the_rating() -> None:
    """Without a discharge limit a car may give what the EVSE is rated for."""
    stack = [profile(1, Purpose.TX, v2x(Mode.LOCAL_LOAD_BALANCING), evse=1)]
    got = compose.limit_at(stack, place(Version.V21, max_w=11_000.0), 0.0)
    assert (got.discharge_limit_w, got.limit_w) == (-11_000.0, 11_000.0)


def test_idle_neither_charges_nor_discharges() -> None:
    """2.1 OperationModeEnumType."""
    stack = [profile(1, Purpose.TX, v2x(Mode.IDLE, setpoint=-5.0), evse=1)]
    got = compose.limit_at(stack, place(Version.V21), 0.0)
    assert (got.limit_w, got.discharge_limit_w, got.setpoint_w) == (0.0, 0.0, None)


def test_a_course_with_set_points_is_reported_in_a() -> None:
    """-2300 W of all phases are -10 A of all phases, and its mode stands beside it."""
    period = v2x(Mode.CENTRAL_SETPOINT, limit=6_900.0, discharge_limit=-4_600.0, setpoint=-2_300.0)
    stack = [profile(1, Purpose.TX, period, unit=Unit.W, evse=1)]
    (got,) = compose.composite(stack, place(Version.V21), 0.0, 60.0, Unit.A).periods
    assert (got.limit, got.discharge_limit, got.setpoint) == pytest.approx((10.0, -20.0, -10.0))
    assert got.mode is Mode.CENTRAL_SETPOINT


def test_the_next_change_is_told() -> None:
    """From 100 s on: the second period at 600 s, then the end at 900 s, then nothing."""
    stack = [profile(1, Purpose.TX_DEFAULT, (0, 10), (600, 12), duration_s=900.0)]
    assert [compose.next_change_s(stack, place(), t) for t in (100.0, 600.0, 900.0)] == [
        600.0,
        900.0,
        float("inf"),
    ]


def test_the_next_change_of_other_evses_is_none() -> None:
    """A profile of EVSE 2 changes nothing at EVSE 1, but at the station."""
    stack = [profile(1, Purpose.TX_DEFAULT, (0, 10), (600, 12), evse=2)]
    whole = place(evse=0, evses=(place(), place(evse=2)))
    assert compose.next_change_s(stack, place(), 0.0) == float("inf")
    assert compose.next_change_s(stack, whole, 0.0) == 600.0


def test_what_a_recurrence_cuts_off_is_no_change() -> None:
    """1.6 errata 3.44: a period 60 s past the 24 hours is never reached, the next change is the second day's 3 h."""
    stack = [
        profile(
            1, Purpose.TX_DEFAULT, (0, 10), (3 * HOUR, 12), (DAY + 60, 99), kind=Kind.RECURRING,
            recurrency=Recurrency.DAILY, duration_s=2 * DAY,
        )
    ]  # fmt: skip
    assert compose.next_change_s(stack, place(), DAY + 10.0) == DAY + 3 * HOUR


def test_a_station_may_discharge_what_its_evses_may() -> None:
    """-3 kW and -4 kW are -7 kW."""
    whole = place(Version.V21, evse=0, evses=(place(Version.V21), place(Version.V21, evse=2)))
    stack = [
        profile(
            n,
            Purpose.TX_DEFAULT,
            v2x(Mode.CENTRAL_SETPOINT, discharge_limit=w, setpoint=0.0),
            unit=Unit.W,
            evse=n,
        )
        for n, w in ((1, -3_000.0), (2, -4_000.0))
    ]
    assert compose.limit_at(stack, whole, 0.0).discharge_limit_w == -7_000.0
