"""The summary, with numbers that one can check by hand."""

import json
import math
from datetime import datetime

import numpy as np
import pytest

from tests.results.conftest import session, state
from twin.results.fairness import jain_index
from twin.results.quantities import SUMMARY


def test_a_run_in_which_nothing_happened_has_every_key(bench):
    """Nothing was wanted, so all of it was served; what has no meaning is null, and NaN is nowhere."""
    summary = bench().finish().summary
    assert list(summary) == list(SUMMARY)
    assert (summary["sessions"], summary["served_share"], summary["peak_kw"]) == (0, 1.0, 0.0)
    assert (summary["min_vm_pu"], summary["jain_index"], summary["worst_served_share"]) == (None, None, None)
    assert (summary["revenue"], summary["currency"]) == (0.0, "")
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary


def test_it_is_stored_and_read_back(bench):
    """`summary.json` says the same as `Run.summary`."""
    run = bench().finish()
    assert json.loads((run.path / "summary.json").read_text()) == run.summary


def test_served_share_counts_no_driver_twice(bench):
    """10 kWh of 10 and 12 of 8 and 3 of 6: (10 + 8 + 3) / 24, and 3 kWh are missing."""
    b = bench()
    for name, requested, delivered in (("x", 10.0, 10.0), ("y", 8.0, 12.0), ("z", 6.0, 3.0)):
        used = {"battery_wh": delivered * 1e3, "converter_loss_wh": 0.0, "standby_wh": 0.0}
        b.recorder.row(
            "sessions",
            session(driver=name, requested_wh=requested * 1e3, delivered_wh=delivered * 1e3, **used),
        )
    summary = b.finish().summary
    assert summary["served_share"] == pytest.approx(21 / 24)
    assert (summary["energy_requested_kwh"], summary["energy_delivered_kwh"]) == (24.0, 25.0)
    assert summary["unserved_kwh"] == 3.0
    assert summary["worst_served_share"] == 0.5
    assert summary["jain_index"] == pytest.approx(2.5**2 / (3 * 2.25))


def test_visits_without_a_plug_in_are_missed_energy_but_no_session(bench):
    """Who gave up after 30 minutes counts in what was wanted and in waiting."""
    b = bench()
    b.recorder.row("sessions", session())
    gone = session(session="visit/1", driver="bert", evse="", bus="", outcome="reneged", wait_s=1800.0)
    nothing = dict.fromkeys(
        ("delivered_wh", "metered_wh", "battery_wh", "converter_loss_wh", "standby_wh"), 0.0
    )
    nan = dict.fromkeys(("plugged_s", "finished_s", "unplugged_s"), math.nan)
    b.recorder.row("sessions", gone | nothing | nan)
    summary = b.finish().summary
    assert (summary["visits"], summary["sessions"], summary["drivers"], summary["reneged"]) == (2, 1, 2, 1)
    assert (summary["served_share"], summary["worst_served_share"]) == (0.5, 0.0)
    assert (summary["waiting_mean_min"], summary["waiting_p95_min"]) == (15.0, pytest.approx(28.5))
    assert summary["jain_index"] == 1.0


def test_a_session_cut_off_by_the_end_of_the_run_is_told_apart(bench):
    """Nobody knows whether it would have been served; a car that has all and only stays is served."""
    b = bench()
    b.recorder.row("sessions", session(outcome="open"))
    b.recorder.row(
        "sessions", session(driver="bert", outcome="open", requested_wh=3000.0, finished_s=math.nan)
    )
    summary = b.finish().summary
    assert summary["served_share"] == 0.5
    assert (summary["served_share_finished"], summary["worst_served_share"], summary["unfinished"]) == (
        1.0,
        1.0,
        1,
    )


def test_fairness_between_buses(bench):
    """Bus `lv` gets all of 1 kWh, bus `end` half of 2 kWh."""
    b = bench(grid=True)
    b.recorder.row("sessions", session())
    b.recorder.row("sessions", session(bus="end", requested_wh=2000.0))
    assert b.finish().summary["jain_index_bus"] == pytest.approx(1.5**2 / (2 * 1.25))


def test_revenue_is_exact_in_its_currency(bench):
    """Cents and yen have other decimals; two currencies are never added."""
    euro, yen, both = bench(name="eur"), bench(name="jpy"), bench(name="both")
    for b, money in ((euro, ("EUR", "EUR")), (yen, ("JPY", "JPY")), (both, ("JPY", "EUR"))):
        for currency in money:
            b.recorder.row("sessions", session(cost_minor=1015, currency=currency))
        b.recorder.row("sessions", session(cost_minor=0, currency=""))
    found = [b.finish().summary for b in (euro, yen, both)]
    assert [s["revenue"] for s in found] == [20.30, 2030.0, None]
    assert [s["currency"] for s in found] == ["EUR", "JPY", "EUR JPY"]


def test_the_peak_without_a_grid_is_that_of_the_chargers_over_a_quarter_of_an_hour(bench):
    """9 kW for five minutes and 3 kW for ten are 5 kW; two chargers of 11 kW: 22.08 kW rated."""
    b = bench()
    for power_w in (9000.0, 3000.0, 3000.0, 4000.0):
        b.tick(power_w, 0.0)
    summary = b.finish().summary
    assert (summary["peak_kw"], summary["ev_peak_kw"]) == (pytest.approx(5.0), pytest.approx(5.0))
    assert summary["coincidence_factor"] == pytest.approx(5.0 / 22.08)


def test_quarter_hours_are_those_of_the_clock(bench):
    """From 00:10 on, 00:10 to 00:15 is no whole quarter, so that its 9 kW are in none."""
    b = bench(epoch=datetime.fromisoformat("2016-01-18T00:10:00+01:00"))
    for power_w in (9000.0, 3000.0, 3000.0, 6000.0):
        b.tick(power_w, 0.0)
    assert b.finish().summary["peak_kw"] == pytest.approx(4.0)


def test_a_run_shorter_than_a_quarter_of_an_hour_has_the_peak_of_its_ticks(bench):
    """There is nothing else to say."""
    b = bench()
    b.tick(9000.0, 0.0)
    assert b.finish().summary["peak_kw"] == 9.0


def test_the_feeder_s_energies_and_its_peak(bench):
    """An hour at 12 kW from above (10 EVSE + 4 base - 3 PV + 1 losses), and one fed back at 2 kW."""
    b = bench(grid=True, period_s=3600.0)
    draw = {"base_w": 4000.0, "pv_w": 3000.0, "losses_w": 1000.0}
    b.tick(10_000.0, 0.0, solved=state(slack_w=12_000.0, ev_w=10_000.0, **draw))
    b.tick(0.0, 0.0, solved=state(slack_w=-2_000.0, base_w=1000.0, pv_w=4000.0, losses_w=1000.0))
    summary = b.finish().summary
    assert summary["peak_kw"] == pytest.approx(12.0)
    assert (summary["energy_from_grid_kwh"], summary["energy_fed_back_kwh"]) == (12.0, 2.0)
    assert (summary["base_load_kwh"], summary["pv_kwh"], summary["losses_kwh"]) == (5.0, 7.0, 2.0)
    assert summary["energy_balance_error_kwh"] == pytest.approx(0.0, abs=1e-9)


def test_what_inverters_held_back_is_not_generation(bench):
    """An hour with 3 of 5 kW let through, one with all 4: the balance holds with what was let through."""
    b = bench(
        grid=True, period_s=3600.0, provenance={"droop": {"pv": {"volt_watt": [[1.06, 1], [1.1, 0.2]]}}}
    )
    held = state(slack_w=-2_000.0, base_w=1000.0, pv_w=3000.0, pv_curtailed_w=2000.0)
    b.tick(0.0, 0.0, solved=held)
    b.tick(0.0, 0.0, solved=state(slack_w=-3_000.0, base_w=1000.0, pv_w=4000.0))
    run = b.finish()
    assert run.ticks.to_pandas()["pv_curtailed_w"].tolist() == [2000.0, 0.0]
    assert (run.summary["pv_kwh"], run.summary["pv_curtailed_kwh"]) == (7.0, 2.0)
    assert run.summary["energy_balance_error_kwh"] == pytest.approx(0.0, abs=1e-9)


def test_without_a_volt_watt_nothing_could_be_held_back(bench):
    """That is not the same as 0 kWh."""
    b = bench(grid=True)
    b.tick(0.0, 0.0, solved=state())
    assert b.finish().summary["pv_curtailed_kwh"] is None


def test_a_power_flow_at_every_second_tick_stands_for_both(bench):
    """2 kW and 4 kW are 3 kW on average; 0.5 kWh are missing, all minutes count."""
    b = bench(grid=True, period_s=1800.0)
    b.tick(2000.0, 0.0)
    low = np.array([1.0, 1.0, 0.89])
    b.tick(4000.0, 0.0, solved=state(slack_w=3500.0, ev_w=3000.0, vm_pu=low), without=state())
    summary = b.finish().summary
    assert summary["energy_from_grid_kwh"] == 3.5
    assert summary["energy_balance_error_kwh"] == pytest.approx(0.5)
    assert summary["violation_minutes"] == 60.0


def test_violation_minutes_are_a_union_over_elements(bench):
    """Two elements are outside at once in the first of three intervals, one in the second."""
    b = bench(grid=True)
    low, full = np.array([1.0, 1.0, 0.89]), np.array([40.0, 120.0])
    b.tick(1.0, 0.0, solved=state(vm_pu=low, loading_pct=full, ev_w=1.0), without=state(vm_pu=low))
    b.tick(1.0, 0.0, solved=state(vm_pu=low, ev_w=1.0), without=state(vm_pu=low))
    b.tick(1.0, 0.0, solved=state(ev_w=1.0))
    summary = b.finish().summary
    assert (summary["violations"], summary["violation_minutes"]) == (2, 10.0)
    assert summary["violation_minutes_by_charging"] == 5.0


def test_extremes_are_those_of_the_charging_level(bench):
    """1.08 pu at medium voltage is somebody else's; lines and transformers have their own maxima."""
    b = bench(grid=True, part_s=300.0)
    b.tick(1.0, 0.0, solved=state(vm_pu=np.array([1.08, 1.01, 0.97]), loading_pct=np.array([20.0, 30.0])))
    b.tick(1.0, 0.0, solved=state(vm_pu=np.array([1.08, 1.00, 0.92]), loading_pct=np.array([70.0, 10.0])))
    summary = b.finish().summary
    assert (summary["min_vm_pu"], summary["max_vm_pu"]) == (0.92, 1.01)
    assert (summary["max_line_loading_pct"], summary["max_trafo_loading_pct"]) == (70.0, 30.0)
    assert summary["en50160_ok"] is True


def test_time_without_a_solution_is_told(bench):
    """Five minutes; extremes and energies are those of the rest."""
    b = bench(grid=True)
    nothing = np.full(3, np.nan)
    lost = state(vm_pu=nothing, loading_pct=nothing[:2], slack_w=np.nan, losses_w=np.nan, converged=False)
    b.tick(0.0, 0.0, solved=lost, without=lost)
    b.tick(0.0, 0.0, solved=state())
    summary = b.finish().summary
    assert (summary["unsolved_minutes"], summary["violation_minutes"], summary["violations"]) == (5.0, 5.0, 1)
    assert (summary["min_vm_pu"], summary["energy_from_grid_kwh"]) == (0.95, 0.0)
    assert summary["en50160_ok"] is False


def test_a_feeder_that_never_has_a_solution_has_no_peak_and_no_energies(bench):
    """It collapsed: what it would draw is unknown, not 0; what the cars got is known."""
    b = bench(grid=True)
    nothing = np.full(3, np.nan)
    lost = state(vm_pu=nothing, loading_pct=nothing[:2], slack_w=np.nan, losses_w=np.nan, converged=False)
    b.tick(9000.0, 0.0, solved=lost, without=lost)
    summary = b.finish().summary
    unknown = [
        "peak_kw",
        "energy_from_grid_kwh",
        "energy_fed_back_kwh",
        "base_load_kwh",
        "pv_kwh",
        "losses_kwh",
        "min_vm_pu",
    ]
    assert {key: summary[key] for key in unknown} == dict.fromkeys(unknown)
    assert (summary["ev_peak_kw"], summary["unsolved_minutes"]) == (9.0, 5.0)


def test_what_the_guard_did(bench):
    """A limit 6 kW below what was wanted for the next five minutes: 0.5 kWh; the other's own rounding is not."""
    b = bench(guarded=True)
    b.fleet.limit_w[:] = [5_000.0, 10_000.0]
    b.tick(1.0, 1.0, wanted_w=11_000.0, reasons={0: "trafo"})
    b.tick(1.0, 1.0, wanted_w=None)
    b.recorder.row(
        "events", {"t_s": 300.0, "kind": "guard", "subject": "trafo", "detail": "", "value": 6000.0}
    )
    b.recorder.row("events", {"t_s": 300.0, "kind": "fault", "subject": "a/1", "detail": ""})
    summary = b.finish().summary
    assert (summary["guard_interventions"], summary["curtailed_kwh"]) == (1, 0.5)


def test_utilisation_and_speed(bench):
    """One of two EVSEs is taken for half of an hour; 2 EVSEs for 1/24 of a day in 2 CPU-seconds."""
    b = bench(period_s=3600.0)
    b.tick(1.0, 0.0)
    b.recorder.row("sessions", session(plugged_s=0.0, unplugged_s=1800.0))
    summary = b.finish(cpu_s=2.0).summary
    assert summary["utilisation"] == 0.25
    assert (summary["cpu_s"], summary["evse_days_per_cpu_s"]) == (2.0, pytest.approx(1 / 24))


def test_energy_that_a_session_cannot_explain_is_in_the_balance(bench):
    """1,000 Wh were delivered, 990 explained."""
    b = bench()
    b.recorder.row("sessions", session(standby_wh=0.0))
    assert b.finish().summary["energy_balance_error_kwh"] == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("shares", "index"), [([1.0, 1.0, 1.0], 1.0), ([1.0, 0.0, 0.0], 1 / 3), ([0.0, 0.0], 1.0), ([], None)]
)
def test_jain_s_index_at_its_ends(shares, index):
    """All equal, one for all, nothing for anybody, nobody."""
    found = jain_index(np.array(shares))
    assert found == (index if index is None else pytest.approx(index))
