"""Runs made by hand: a street of three buses, numbers one can check on paper."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from twin.domain.grid import GridTopology
from twin.report.frames import Frames
from twin.results.schema import TABLES

EPOCH = datetime.fromisoformat("2016-01-18T00:00:00+01:00")


def empty(name: str) -> pd.DataFrame:
    """A table of a run without rows, with the columns and types of the schema."""
    return TABLES[name].empty_table().to_pandas()


def street() -> GridTopology:
    """A transformer from bus `MV` to `A`, a line from `A` to `B`; both low-voltage buses have chargers."""
    return GridTopology(
        name="three-bus",
        buses=("MV", "A", "B"),
        bus_vn_kv=np.array([20.0, 0.4, 0.4]),
        charging_level=np.array([False, True, True]),
        branches=("line A-B", "trafo"),
        is_trafo=np.array([False, True]),
        from_bus=np.array([1, 0]),
        to_bus=np.array([2, 1]),
        bus_xy=np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 1.0]]),
        vm_min_pu=np.array([0.9, 0.9, 0.9]),
        vm_max_pu=np.array([1.1, 1.1, 1.1]),
        max_loading_pct=np.array([100.0, 100.0]),
        head_va_rating=100_000.0,
        phases=1,
        vuf_max_pct=np.full(3, np.inf),
    )


def session(name: str, **values: Any) -> dict[str, Any]:
    """One row of `sessions`: 10 kWh wanted and delivered between 18:00 and 22:00 of the first day."""
    row = {
        "session": name, "driver": "d-1", "archetype": "home", "vehicle": "vw-id3-pro", "site": "street",
        "operator": "stadtwerk", "evse": "e1", "bus": "A", "outcome": "served", "arrival_s": 64_800.0,
        "plugged_s": 64_800.0, "finished_s": 70_000.0, "unplugged_s": 79_200.0, "departure_s": 79_200.0,
        "wait_s": 0.0, "requested_wh": 10_000.0, "delivered_wh": 10_000.0, "metered_wh": 10_000.0,
        "battery_wh": 9_000.0, "converter_loss_wh": 900.0, "standby_wh": 100.0, "cost_minor": 320, "currency": "EUR",
    }  # fmt: skip
    return row | values


def verdict(bus: str, **values: Any) -> dict[str, Any]:
    """One row of `en50160` of a symmetric run: all rules are kept."""
    row = {
        "bus": bus, "ok": True, "voltage_ok": True, "vuf_ok": True, "share": 1.0, "phase": "", "lowest_pu": 0.95,
        "highest_pu": 1.0, "vuf_share": np.nan, "highest_vuf_pct": np.nan, "weeks": 0,
    }  # fmt: skip
    return row | values


def ticks(hours: int) -> pd.DataFrame:
    """Hourly ticks: 20 kW of base load, and 90 kW of charging in the hour that ends at 19:00 of each day."""
    t_s = np.arange(1, hours + 1) * 3600.0
    ev = np.where((np.arange(1, hours + 1) % 24) == 19, 90_000.0, 0.0)
    return pd.DataFrame({
        "t_s": t_s, "plugged": 2, "charging": 1, "ev_w": ev, "ev_grid_w": ev, "wanted_w": 90_000.0, "curtailed_wh": 0.0,
        "limit_w": 90_000.0, "base_w": 20_000.0, "pv_w": 0.0, "pv_curtailed_w": 0.0, "losses_w": 500.0, "slack_w": ev + 20_500.0,
        "converged": True,
    })  # fmt: skip


def two_days() -> dict[str, Any]:
    """Everything of a two-day run in which the transformer is at 112 % in one hour of the first day."""
    t_s = np.arange(1, 49) * 3600.0
    trafo = np.full(48, 20.0)
    trafo[18], trafo[42] = 112.0, 98.0
    low = np.full(48, 0.98)
    low[18] = 0.91
    return {
        "topology": street(),
        "ticks": ticks(48),
        "sessions": pd.DataFrame([
            session("e1#1"),
            session("e2#1", driver="d-2", evse="e2", bus="B", delivered_wh=5_000.0, metered_wh=5_000.0, cost_minor=160),
            session("visit/3", driver="d-3", evse="", bus="", outcome="reneged", delivered_wh=0.0, metered_wh=0.0,
                    plugged_s=np.nan, wait_s=1_800.0, cost_minor=0, arrival_s=72_000.0),
        ]),
        "buses": pd.concat([
            pd.DataFrame({"t_s": t_s, "bus": "A", "vm_pu": 0.99}), pd.DataFrame({"t_s": t_s, "bus": "B", "vm_pu": low}),
        ], ignore_index=True),
        "branches": pd.concat([
            pd.DataFrame({"t_s": t_s, "branch": "line A-B", "loading_pct": 40.0}),
            pd.DataFrame({"t_s": t_s, "branch": "trafo", "loading_pct": trafo}),
        ], ignore_index=True),
        "violations": pd.DataFrame([{
            "element": "trafo", "kind": "transformer loading", "start_s": 64_800.0, "end_s": 68_400.0, "worst": 112.0,
            "limit": 100.0, "without_charging": False, "minutes_by_charging": 60.0, "sessions": "e1#1 e2#1",
            "phase": None, "detail": None,
        }]),
        "invoices": pd.DataFrame([
            {"session": "e1#1", "operator": "stadtwerk", "tariff": "household", "start_s": 64_800.0, "end_s": 79_200.0,
             "energy_wh": 10_000, "dimension": "energy", "volume": "10", "billed": "10", "unit_price": "0.32", "tax_pct": "", "amount_excl": "3.2", "amount": "3.2", "currency": "EUR"},
            {"session": "e2#1", "operator": "stadtwerk", "tariff": "household", "start_s": 64_800.0, "end_s": 79_200.0,
             "energy_wh": 5_000, "dimension": "energy", "volume": "5", "billed": "5", "unit_price": "0.32", "tax_pct": "", "amount_excl": "1.6", "amount": "1.6", "currency": "EUR"},
        ]),
        **{name: empty(name) for name in ("payments", "settlements", "leakage")},
        "limits": pd.DataFrame([
            {"t_s": 64_800.0, "evse": "e1", "wanted_w": 11_000.0, "limit_w": 11_000.0, "reason": ""},
            {"t_s": 64_800.0, "evse": "e2", "wanted_w": 11_000.0, "limit_w": 7_000.0, "reason": "trafo"},
        ]),
        "evses": [{"id": "e1", "bus": "A", "max_w": 11_000.0}, {"id": "e2", "bus": "B", "max_w": 11_000.0}],
        "coincidence": pd.DataFrame({"chargers": [1, 2], "factor": [1.0, 0.75], "low": [1.0, 0.7], "high": [1.0, 0.8]}),
        "en50160": pd.DataFrame([
            verdict("A", lowest_pu=0.99, highest_pu=0.99),
            verdict("B", share=0.97, lowest_pu=0.91, highest_pu=0.98),
        ]),
        "events": pd.DataFrame([
            {"t_s": 64_800.0, "kind": "guard", "subject": "trafo", "detail": "lowered e2 by 4.0 kW", "value": 4_000.0},
        ]),
    }  # fmt: skip


def three_phases(**values: Any) -> dict[str, Any]:
    """The same two days with every phase solved: in the hour of 19:00 L2 is low at `B`, L1 and L3 are high.

    Two cars charge there on L2 alone; the unbalance reaches 2.6 %, 2 % are allowed.
    """
    made = two_days()
    t_s = np.arange(1, 49) * 3600.0
    busy = t_s == 68_400.0
    b = pd.DataFrame({
        "t_s": t_s, "bus": "B", "vm_a_pu": np.where(busy, 1.02, 0.99), "vm_b_pu": np.where(busy, 0.88, 0.98),
        "vm_c_pu": np.where(busy, 1.03, 0.985), "vuf_pct": np.where(busy, 2.6, 0.3),
    })  # fmt: skip
    a = b.assign(
        bus="A",
        vm_a_pu=1.0,
        vm_b_pu=np.where(busy, 0.95, 0.99),
        vm_c_pu=1.0,
        vuf_pct=np.where(busy, 1.1, 0.1),
    )
    mv = b.assign(bus="MV", vm_a_pu=1.02, vm_b_pu=1.02, vm_c_pu=1.02, vuf_pct=0.0)
    buses = pd.concat([mv, a, b], ignore_index=True)
    violation = {
        "element": "B", "kind": "voltage unbalance", "start_s": 64_800.0, "end_s": 68_400.0, "worst": 2.6, "limit": 2.0,
        "without_charging": False, "minutes_by_charging": 60.0, "sessions": "e2#1",
        "phase": None, "detail": None,
    }  # fmt: skip
    low = violation | {"kind": "low voltage", "worst": 0.88, "limit": 0.9, "phase": "L2"}
    return made | {
        "topology": replace(street(), phases=3, vuf_max_pct=np.array([np.inf, 2.0, 2.0])),
        "buses": buses.assign(vm_pu=buses[["vm_a_pu", "vm_b_pu", "vm_c_pu"]].min(axis=1)),
        "violations": pd.DataFrame([violation, low]),
        "en50160": pd.DataFrame([
            verdict("A", phase="L2", vuf_share=1.0, highest_vuf_pct=1.1),
            verdict("B", phase="L2", ok=False, vuf_ok=False, share=0.98, lowest_pu=0.88, vuf_share=0.94, highest_vuf_pct=2.6),
        ]),
    } | values  # fmt: skip


@pytest.fixture(scope="session")
def make_frames() -> Callable[..., Frames]:
    """Build the two-day run, or one with other tables; `manifest` and `summary` are merged."""

    def make(
        *, manifest: dict[str, Any] | None = None, summary: dict[str, Any] | None = None, **tables: Any
    ) -> Frames:
        content = two_days() | tables
        facts: dict[str, Any] = {
            "scenario": "10-street", "description": "A street of households.", "scenario_hash": "abcdef0123456789",
            "seed": 1, "mode": "simulated", "strategy": "uncontrolled", "guarded": False, "epoch": EPOCH.isoformat(),
            "time_zone": "Europe/Berlin", "period_s": 3600.0, "horizon_s": 172_800.0, "evses": 2,
            "grid": {"solver": "pandapower"}, "assumptions": ["The tap changer stays where it is."],
            "versions": {"twin": "0.1.0"}, "outcome": "finished",
        }  # fmt: skip
        figures: dict[str, Any] = {
            "sessions": 3, "energy_requested_kwh": 30.0, "energy_delivered_kwh": 15.0, "served_share": 0.5,
            "peak_kw": 110.5, "ev_peak_kw": 90.0, "violations": 1, "violation_minutes": 60.0, "min_vm_pu": 0.91,
            "max_vm_pu": 0.99, "max_line_loading_pct": 40.0, "max_trafo_loading_pct": 112.0, "revenue": 4.80,
            "currency": "EUR", "jain_index": 0.6, "energy_balance_error_kwh": 1e-9,
        }  # fmt: skip
        return Frames(
            name="10-street-1", path=Path("10-street-1"), manifest=facts | (manifest or {}), summary=figures | (summary or {}),
            epoch=EPOCH, zone=ZoneInfo("Europe/Berlin"), duration_s=172_800.0, period_s=3600.0, **content,
        )  # fmt: skip

    return make
