"""The audit: what balances passes in silence, what does not stops the run with its numbers."""

from dataclasses import dataclass

import pytest

from tests.results.conftest import make_fleet, session, state
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
    "price_per_kwh": "0.3", "amount": "0.3", "currency": "EUR",
}  # fmt: skip


def _refusal(check, *values):
    with pytest.raises(AuditError) as raised:
        check(*values)
    return str(raised.value)


def test_a_session_that_balances_is_counted():
    """1,000.4 Wh delivered, 1,000 on a register of whole watt-hours, all billed."""
    fleet = make_fleet(None)
    audit = Audit(fleet)
    fleet.register_wh[0] = 1000.0
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
    audit = Audit(make_fleet(None))
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
    assert "nan" in _refusal(Audit(make_fleet(None)).feeder, 0.0, 300.0, state(slack_w=float("nan")))


def test_a_power_flow_that_balances_passes():
    """12 kW = 10 EVSE + 4 base - 3 PV + 1 losses, 1 mW apart; one without a solution says nothing."""
    audit = Audit(make_fleet(None))
    audit.feeder(
        0.0, 3600.0, state(slack_w=12_000.001, ev_w=10_000.0, base_w=4000.0, pv_w=3000.0, losses_w=1000.0)
    )
    audit.feeder(3600.0, 7200.0, state(slack_w=float("nan"), converged=False))
    totals = audit.close()
    assert totals["power_flows"] == 1
    assert totals["energy_balance_error_kwh"] == pytest.approx(1e-6)


def test_a_power_flow_that_does_not_balance_is_an_error():
    """100 mW of 12 kW are more than 1e-6."""
    solved = state(slack_w=12_000.1, ev_w=10_000.0, base_w=4000.0, pv_w=3000.0, losses_w=1000.0)
    assert _refusal(Audit(make_fleet(None)).feeder, 0.0, 300.0, solved) == (
        "power flow at t=300 s: the upstream grid gives 12000.100 W, but EVSEs 10000.000 + base load 4000.000 - "
        "generation 3000.000 + losses 1000.000 need 12000.000 W"
    )


def test_a_register_that_moves_without_a_session_is_an_error():
    """500 Wh that nobody answers for."""
    fleet = make_fleet(None)
    audit = Audit(fleet)
    fleet.register_wh[0] = 1500.0
    audit.session("a/1#1", Truth(), 1000.0, 1000)
    assert _refusal(audit.close) == (
        "a/1: its register moved by 1500.000 Wh, but its sessions add up to 1000.000 Wh"
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


def test_an_evse_that_was_offline_to_the_end_told_its_register_after_the_last_tick(bench):
    """Its session is billed by the late reading, which no tick saw."""
    b = bench()
    b.recorder.row("sessions", session(currency=""))
    b.recorder.row("events", {"t_s": 1.0, "kind": "offline", "subject": "a/1", "detail": "offline"})
    assert audit_tables(b.finish())["meter_wh"] == 0.0
