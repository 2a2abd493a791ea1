"""Violations: maximal intervals, their cause and the sessions behind them."""

from dataclasses import replace

import numpy as np
import pytest

from tests.results.conftest import FEEDER, state
from twin.results.violations import ViolationTracker

LOW = state(vm_pu=np.array([1.0, 0.95, 0.88]), ev_w=3000.0)
LOWER = state(vm_pu=np.array([1.0, 0.95, 0.85]), ev_w=3000.0)
FULL = state(loading_pct=np.array([40.0, 110.0]), ev_w=3000.0)
FINE = state(ev_w=3000.0)
EASY = state()


def _track(*solves):
    """Rows of a script of (state, without_evs) at ticks of 300 s; two EVSEs draw 200 and 100 Wh in each."""
    tracker = ViolationTracker(FEEDER, ["lv", "end"])
    tracker.session_of_row(0, "a/1#1")
    tracker.session_of_row(1, "b/1#1")
    rows = []
    for k, (solved, without) in enumerate(solves, start=1):
        ended, _, _ = tracker.solved(300.0 * k, solved, without, np.array([200.0, 100.0]))
        rows += ended
    return rows + tracker.close()


def test_consecutive_broken_instants_are_one_interval_with_the_worst_value():
    """Two of four instants are low: one row from the begin of the first to the end of the second."""
    (row,) = _track((FINE, None), (LOW, EASY), (LOWER, EASY), (FINE, None))
    assert (row["element"], row["kind"]) == ("end", "low voltage")
    assert (row["start_s"], row["end_s"]) == (300.0, 900.0)
    assert (row["worst"], row["limit"]) == (0.85, 0.9)
    assert row["minutes_by_charging"] == 10.0
    assert row["without_charging"] is False


def test_a_gap_makes_two_intervals():
    """Low, fine, low."""
    rows = _track((LOW, EASY), (FINE, None), (LOW, EASY))
    assert [(r["start_s"], r["end_s"]) for r in rows] == [(0.0, 300.0), (600.0, 900.0)]


def test_a_violation_cut_off_by_the_end_of_the_run_is_a_row():
    """The last instant is still outside."""
    (row,) = _track((FINE, None), (FULL, EASY))
    assert (row["element"], row["kind"], row["end_s"]) == ("trafo", "transformer loading", 600.0)


def test_minutes_without_charging_do_not_count_as_charging():
    """In the second instant the voltage is low even with every EVSE at zero."""
    (row,) = _track((LOW, EASY), (LOW, state(vm_pu=LOW.vm_pu)))
    assert row["without_charging"] is True
    assert row["minutes_by_charging"] == 5.0


def test_without_evs_drawing_a_violation_is_never_put_down_to_charging():
    """Nothing was solved a second time, for nothing was drawn."""
    (row,) = _track((state(vm_pu=LOW.vm_pu, ev_w=0.0), None))
    assert row["without_charging"] is True
    assert row["minutes_by_charging"] == 0.0


def test_the_sessions_behind_a_transformer_are_all_that_drew_largest_first():
    """200 Wh come before 100 Wh."""
    (row,) = _track((FULL, EASY))
    assert row["sessions"] == "a/1#1 b/1#1"


def test_the_sessions_behind_a_low_bus_are_those_that_share_a_line_with_it():
    """The EVSE at the busbar does not load the line to the end."""
    (row,) = _track((LOW, EASY))
    assert row["sessions"] == "b/1#1"


def test_nobody_who_draws_stands_behind_a_voltage_that_is_too_high():
    """Charging lowers it; the same cars stand behind the transformer that is overloaded at the same time."""
    high = state(vm_pu=np.array([1.0, 1.05, 1.12]), loading_pct=FULL.loading_pct, ev_w=3000.0)
    rows = {row["kind"]: row["sessions"] for row in _track((high, EASY))}
    assert rows == {"high voltage": "", "transformer loading": "a/1#1 b/1#1"}


def test_who_injects_stands_behind_a_voltage_that_is_too_high():
    """One car gives 100 Wh, its neighbour takes 200."""
    tracker = ViolationTracker(FEEDER, ["end", "end"])
    tracker.session_of_row(0, "a/1#1")
    tracker.session_of_row(1, "b/1#1")
    high = state(vm_pu=np.array([1.0, 1.05, 1.12]), ev_w=1000.0)
    tracker.solved(300.0, high, EASY, np.array([200.0, -100.0]))
    (row,) = tracker.close()
    assert (row["kind"], row["sessions"]) == ("high voltage", "b/1#1")


def test_a_session_that_gave_way_to_another_is_still_named():
    """At one EVSE two sessions drew while the transformer was overloaded: 1 kWh, then 3 kWh."""
    tracker = ViolationTracker(FEEDER, ["lv"])
    tracker.session_of_row(0, "a/1#1")
    tracker.solved(3600.0, FULL, EASY, np.array([1000.0]))
    tracker.session_of_row(0, None)
    tracker.session_of_row(0, "a/1#2")
    tracker.solved(7200.0, FULL, EASY, np.array([3000.0]))
    (row,) = tracker.close()
    assert row["sessions"] == "a/1#2 a/1#1"


def test_no_solution_is_a_violation_of_the_feeder_as_a_whole():
    """There is no value to name; every car that drew stands behind it."""
    nothing = np.full(3, np.nan)
    lost = state(vm_pu=nothing, loading_pct=nothing[:2], ev_w=np.nan, converged=False)
    (row,) = _track((lost, EASY))
    assert (row["element"], row["kind"]) == ("three-buses", "no solution")
    assert np.isnan(row["worst"])
    assert row["minutes_by_charging"] == 5.0
    assert row["sessions"] == "a/1#1 b/1#1"


def test_why_there_is_no_solution_is_told_once():
    """Twice the droops find no operating point, then the taps find none; that there is none at all adds nothing."""
    lost = state(vm_pu=np.full(3, np.nan), loading_pct=np.full(2, np.nan), ev_w=np.nan, converged=False)
    reasons = ("droop oscillation", "no solution", "droop oscillation", "tap changers find no position", "")
    (row,) = _track(*((replace(lost, problem=reason), EASY) for reason in reasons))
    assert row["kind"] == "no solution"
    assert row["detail"] == "droop oscillation; tap changers find no position"


def test_a_load_that_is_too_large_needs_no_reason():
    """Nor does any other kind."""
    lost = state(vm_pu=np.full(3, np.nan), loading_pct=np.full(2, np.nan), ev_w=np.nan, converged=False)
    assert [row["detail"] for row in _track((lost, EASY), (LOW, EASY))] == [None, None]


def test_no_solution_even_without_charging_is_not_charging_s_fault():
    """The base load alone is too much."""
    lost = state(vm_pu=np.full(3, np.nan), loading_pct=np.full(2, np.nan), ev_w=np.nan, converged=False)
    (row,) = _track((lost, lost))
    assert row["without_charging"] is True


def test_now_counts_the_elements_outside_and_those_by_charging():
    """A low bus that stays low without charging, and a transformer that would recover."""
    both = state(vm_pu=LOW.vm_pu, loading_pct=FULL.loading_pct, ev_w=3000.0)
    tracker = ViolationTracker(FEEDER, ["lv"])
    _, violated, by_charging = tracker.solved(300.0, both, state(vm_pu=LOW.vm_pu), np.array([250.0]))
    assert (violated, by_charging) == (2, 1)
    assert tracker.begun == 2


@pytest.mark.parametrize("value", [0.9, 1.1])
def test_a_value_that_equals_its_limit_keeps_it(value):
    """The limit is the last value that is allowed."""
    assert _track((state(vm_pu=np.array([1.0, 1.0, value])), None)) == []


def test_after_a_switching_the_wires_of_that_moment_count():
    """With its line open nobody else hangs on the end of the street; before, its own EVSE did."""
    cut = state(vm_pu=LOW.vm_pu, ev_w=3000.0, loading_pct=np.array([np.nan, 130.0]))
    tracker = ViolationTracker(FEEDER, ("lv", "end"))
    assert tracker._behind("trafo", FULL).tolist() == [True, True]
    assert tracker._behind("trafo", cut).tolist() == [True, False]
    assert tracker._behind("trafo", FULL).tolist() == [True, True]
