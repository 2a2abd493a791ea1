"""The audit: what balances passes in silence, what does not stops the run with its numbers."""

from dataclasses import dataclass

import numpy as np
import pytest

from tests.results.conftest import make_fleet, session, state
from twin.domain.fleet import Fleet
from twin.domain.interval import COLUMNS, Interval
from twin.domain.specs import EvseSpec
from twin.errors import AuditError
from twin.results.audit import Audit, audit_tables


@dataclass
class Truth:
    delivered_wh: float = 1000.4
    battery_wh: float = 900.4
    converter_loss_wh: float = 90.0
    standby_wh: float = 10.0
    unmetered_wh: float = 0.0
    finished_s: float = 600.0


INVOICE = {
    "session": "a/1#1", "operator": "op", "tariff": "t", "start_s": 0.0, "end_s": 600.0, "energy_wh": 1000,
    "dimension": "energy", "volume": "1", "billed": "1", "unit_price": "0.3", "tax_pct": "", "amount_excl": "0.3", "amount": "0.3", "currency": "EUR",
}  # fmt: skip


def _closed(*power_w, grid_w=None, powered=1.0):
    """An interval of EVSEs that lose nothing, unless `grid_w` says otherwise."""
    interval = Interval(np.zeros((COLUMNS, len(power_w))))
    interval.power_w[:] = power_w
    interval.grid_w[:] = power_w if grid_w is None else grid_w
    interval.powered[:] = powered
    return interval


def _after_an_hour(*power_w):
    """An audit of EVSEs that drew for one hour."""
    fleet = make_fleet(*[None] * len(power_w))
    audit = Audit(fleet)
    audit.interval(0.0, 3600.0, _closed(*power_w))
    return audit


def _refusal(check, *values):
    with pytest.raises(AuditError) as raised:
        check(*values)
    return str(raised.value)


def test_a_session_that_balances_is_counted():
    """1,000.4 Wh delivered, 1,000 on a register of whole watt-hours, all billed."""
    audit = _after_an_hour(1000.4)
    audit._fleet.register_wh[0] = 1000.0
    audit.session("a/1#1", Truth(), 1000.0, 1000)
    totals = audit.close()
    assert (totals["sessions"], totals["metered_kwh"], totals["unbilled_kwh"]) == (1, 1.0, 0.0)
    assert totals["energy_balance_error_kwh"] == pytest.approx(0.0, abs=1e-9)


def test_energy_that_vanishes_in_the_car_is_an_error():
    """2 mWh are above the tolerance of 1 mWh."""
    message = _refusal(Audit(make_fleet(None)).session, "a/1#1", Truth(battery_wh=900.398), 1000.0, 1000)
    assert message == (
        "a/1#1: 1000.400000 Wh were delivered, but battery 900.398000 + loss 90.000000 + standby 10.000000 are "
        "1000.398000 Wh"
    )


def test_a_meter_that_misses_more_than_its_resolution_is_an_error_unless_a_fault_explains_it():
    """2.4 Wh are missing: with a stuck meter that missed 2 Wh the rest is rounding."""
    audit = Audit(make_fleet(None))
    assert _refusal(audit.session, "a/1#1", Truth(), 998.0, 998) == (
        "a/1#1: 1000.400 Wh were delivered, but 998.000 metered and 0.000 not metered leave 2.400 Wh"
    )
    audit.session("a/1#1", Truth(unmetered_wh=2.0), 998.0, 998)


def test_what_is_metered_is_billed_once():
    """Not twice, and not in part; a site without a price bills nothing."""
    audit = _after_an_hour(1000.4)
    assert _refusal(audit.session, "a/1#1", Truth(), 1000.0, 2000) == (
        "a/1#1: 1000.000 Wh were metered, but 2000 Wh billed"
    )
    audit.session("a/1#1", Truth(), 1000.0, None)
    audit._fleet.register_wh[0] = 1000.0
    assert audit.close()["unbilled_kwh"] == 1.0


def test_nan_never_passes():
    """A comparison with NaN is false: the rule is written so that this is a refusal."""
    assert "nan" in _refusal(
        Audit(make_fleet(None)).session, "a/1#1", Truth(battery_wh=float("nan")), 1000.0, None
    )
    nan = float("nan")
    assert "nan" in _refusal(_after_an_hour(0.0).feeder, 0.0, 3600.0, state(slack_w=nan))
    assert "nan" in _refusal(_after_an_hour(0.0).feeder, 0.0, 3600.0, state(ev_w=nan))
    assert "nan" in _refusal(Audit(make_fleet(None)).interval, 0.0, 300.0, _closed(nan))
    assert "nan" in _refusal(Audit(make_fleet(None)).interval, 0.0, 300.0, _closed(1.0, grid_w=[nan]))
    assert "nan" in _refusal(Audit(make_fleet(None)).interval, 0.0, 300.0, _closed(1.0, powered=nan))


def test_a_power_flow_that_balances_passes():
    """12 kW = 10 EVSE + 4 base - 3 PV + 1 losses, 1 mW apart; one without a solution says nothing."""
    audit = _after_an_hour(6000.0, 4000.0)
    audit.feeder(
        0.0, 3600.0, state(slack_w=12_000.001, ev_w=10_000.0, base_w=4000.0, pv_w=3000.0, losses_w=1000.0)
    )
    audit.interval(3600.0, 7200.0, _closed(0.0, 0.0))
    audit.feeder(3600.0, 7200.0, state(slack_w=float("nan"), ev_w=float("nan"), converged=False))
    audit._delivered_wh[:] = [6000.0, 4000.0]
    totals = audit.close()
    assert totals["power_flows"] == 1
    assert totals["energy_balance_error_kwh"] == pytest.approx(1e-6)


def test_a_power_flow_that_does_not_balance_is_an_error():
    """100 mW of 12 kW are more than 1e-6."""
    solved = state(slack_w=12_000.1, ev_w=10_000.0, base_w=4000.0, pv_w=3000.0, losses_w=1000.0)
    assert _refusal(_after_an_hour(10_000.0).feeder, 0.0, 3600.0, solved) == (
        "power flow at t=3600 s: the upstream grid gives 12000.100 W, but EVSEs 10000.000 + base load 4000.000 - "
        "generation 3000.000 + losses 1000.000 need 12000.000 W"
    )


def test_a_register_that_moves_without_a_session_is_an_error():
    """500 Wh that nobody answers for."""
    audit = _after_an_hour(1000.4)
    audit._fleet.register_wh[0] = 1500.0
    audit.session("a/1#1", Truth(), 1000.0, 1000)
    assert _refusal(audit.close) == (
        "a/1: its register moved by 1500.000 Wh, but its sessions add up to 1000.000 Wh"
    )


def test_what_an_evse_takes_from_the_grid_is_what_the_car_gets_and_what_it_uses_itself():
    """47 kW at 94 % are 50 kW; 100 W of standby for half of the interval are 50 W more, and 1 mW is too much."""
    audit = Audit(
        Fleet([EvseSpec(id="a/1", station="a", site="s", bus=None, efficiency=0.94, standby_w=100.0)])
    )
    audit.interval(0.0, 300.0, _closed(47_000.0, grid_w=[50_050.0], powered=0.5))
    assert _refusal(audit.interval, 300.0, 600.0, _closed(47_000.0, grid_w=[50_050.001], powered=0.5)) == (
        "a/1: from t=300 to 600 s it took 50050.001000 W from the grid, but gave 47000.000000 W to the car at an "
        "efficiency of 0.94, with 100 W standby for 0.500000 of the time"
    )


def test_power_from_the_grid_that_is_counted_twice_names_the_evse():
    """Only the second one is wrong."""
    wrong = _closed(11_000.0, 3_680.0, grid_w=[11_000.0, 7_360.0])
    assert _refusal(Audit(make_fleet(None, None)).interval, 0.0, 300.0, wrong).startswith(
        "b/1: from t=0 to 300 s it took 7360.000000 W from the grid, but gave 3680.000000 W"
    )


@pytest.mark.parametrize("powered", [-0.1, 1.1])
def test_a_share_of_time_lies_between_nothing_and_all(powered):
    """Standby for more than the interval, or for less than none of it, even of 0 W."""
    assert f"for {powered:f} of the time" in _refusal(
        Audit(make_fleet(None)).interval, 0.0, 300.0, _closed(0.0, powered=powered)
    )


def test_no_time_is_left_out_between_intervals():
    """The second one begins a minute late."""
    assert _refusal(_after_an_hour(0.0).interval, 3660.0, 3900.0, _closed(0.0)) == (
        "an interval begins at t=3660.000 s, but the last one ended at t=3600.000 s"
    )


def test_the_evses_of_a_power_flow_are_those_of_all_intervals_since_the_last_one():
    """6 kW for 300 s and 3 kW for 600 s are 4 kW on average; 5 mW more is an error, as is another span."""
    audit = Audit(make_fleet(None, None))
    audit.interval(0.0, 300.0, _closed(2_000.0, 4_000.0))
    audit.interval(300.0, 900.0, _closed(3_000.0, 0.0))
    assert _refusal(audit.feeder, 0.0, 900.0, state(ev_w=4_000.005, slack_w=4_000.005)) == (
        "power flow at t=900 s: it was solved with 4000.005000 W of EVSEs, but since t=0 s they took 4000.000000 W"
    )
    assert _refusal(audit.feeder, 300.0, 900.0, state(ev_w=4_000.0, slack_w=4_000.0)) == (
        "power flow at t=900 s: it stands for [300.000, 900.000] s, but since the one before intervals span "
        "[0.000, 900.000] s"
    )
    audit.feeder(0.0, 900.0, state(ev_w=4_000.0, slack_w=4_000.0))
    audit.interval(900.0, 1200.0, _closed(1_000.0, 0.0))
    audit.feeder(900.0, 1200.0, state(ev_w=1_000.0, slack_w=1_000.0))


def test_intervals_and_sessions_of_an_evse_hold_the_same_energy():
    """1,002.5 Wh flowed in the hour, 1,000.4 Wh are those of a session: 2.1 Wh are nobody's."""
    audit = _after_an_hour(0.0, 1002.5)
    audit.session("b/1#1", Truth(), 1000.0, 1000)
    audit._fleet.register_wh[1] = 1000.0
    assert _refusal(audit.close) == (
        "b/1: its intervals add up to 1002.500000 Wh, but its sessions were delivered 1000.400000 Wh"
    )


def test_the_tables_of_a_run_agree(bench):
    """Sessions, meter and invoices tell the same kilowatt-hour."""
    b = bench()
    b.tick(12_000.0, 0.0)
    b.recorder.row("sessions", session())
    b.recorder.row("invoices", INVOICE)
    assert audit_tables(b.finish()) == {"sessions_wh": 1000.0, "meter_wh": 1000.0, "invoices_wh": 1000}


def test_tables_that_do_not_agree_are_an_error(bench):
    """A meter that shows half, and a session that was billed by half."""
    b = bench(name="meter")
    b.tick(6_000.0, 0.0)
    b.recorder.row("sessions", session())
    assert _refusal(audit_tables, b.finish()) == (
        "a/1: its sessions add up to 1000.000 Wh, the table of its meter to 500.000 Wh"
    )
    b = bench(name="bill")
    b.tick(12_000.0, 0.0)
    b.recorder.row("sessions", session())
    b.recorder.row("invoices", INVOICE | {"energy_wh": 500})
    assert _refusal(audit_tables, b.finish()) == "a/1#1: 1000.000 Wh were metered, 500 Wh billed"
