"""A whole run with a roof whose inverter holds back at high voltage: what tables, summary and page say of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandapower as pp
import pytest

import twin
from twin.report.page import write_report
from twin.results.audit import audit_tables
from twin.results.read import Run

ROOF_W = 60_000.0
SCENARIO = """\
start: 2016-06-20T00:00:00+02:00
days: 1
time_zone: Europe/Berlin
period_s: 3600
seed: 1
grid:
  net: {file: roof.json}
  base_load: {source: constant}
  droop: {pv: {volt_watt: ieee-1547, min_power_factor: 0}}
sites:
  house: {stations: {list: {a: {bus: B, max_a: 16}}}}
drivers:
  household: {archetype: home}
"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """60 kW of sun behind 0.3 + j0.2 ohm, all day; a car charges."""
    monkeypatch.chdir(tmp_path)
    net = pp.create_empty_network()
    a, b = pp.create_bus(net, 0.4, name="A"), pp.create_bus(net, 0.4, name="B")
    pp.create_ext_grid(net, a)
    pp.create_line_from_parameters(net, a, b, 1.0, 0.3, 0.2, 0.0, 1.0, name="L")
    pp.create_load(net, b, 0.001, name="house")
    pp.create_sgen(net, b, ROOF_W / 1e6, sn_mva=ROOF_W / 1e6, name="roof")
    pp.to_json(net, "roof.json")
    Path("roof.yaml").write_text(SCENARIO)
    return twin.run(twin.load("roof.yaml"), out="roof")


def test_what_is_held_back_follows_the_curve_and_every_balance_holds(run: Run) -> None:
    """At each tick generation and voltage meet on the line from (1.06, 100 %) to (1.10, 20 %)."""
    ticks = run.ticks.to_pandas()
    buses = run.buses.to_pandas()
    vm_pu = buses[buses["bus"] == "B"]["vm_pu"].to_numpy()
    np.testing.assert_allclose(ticks["pv_w"], ROOF_W * (1.0 - 0.8 * (vm_pu - 1.06) / 0.04), rtol=1e-4)
    np.testing.assert_allclose(ticks["pv_w"] + ticks["pv_curtailed_w"], ROOF_W, rtol=1e-9)
    needed_w = ticks["ev_grid_w"] + ticks["base_w"] - ticks["pv_w"] + ticks["losses_w"]
    np.testing.assert_allclose(ticks["slack_w"], needed_w, atol=1e-3)
    assert run.summary["pv_kwh"] + run.summary["pv_curtailed_kwh"] == pytest.approx(24 * ROOF_W / 1e3)
    assert run.summary["energy_balance_error_kwh"] < 1e-6
    audit_tables(run)


def test_the_page_tells_what_inverters_held_back(run: Run) -> None:
    """In the chapter of the feeder, with its share."""
    held_kwh = run.summary["pv_curtailed_kwh"]
    assert held_kwh > 100.0
    sentence = (
        f"At high voltage inverters held back {held_kwh:.1f} of the 1,440.0 kWh that they could have "
        f"generated ({held_kwh / 14.4:.1f} %)."
    )
    assert sentence in write_report(run).read_text(encoding="utf-8")
