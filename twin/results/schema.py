"""Every table of a run: its columns, their units and what they mean.

The unit and meaning travel with each column into the Parquet file. Times are seconds since the start
of the run (`epoch` in the manifest); row k of a dense table describes the interval that ends at `t_s`.
"""

from __future__ import annotations

import pyarrow as pa

_NAME = pa.dictionary(pa.int32(), pa.string())


def column(name: str, kind: pa.DataType, unit: str, doc: str, *, nullable: bool = False) -> pa.Field:
    """A column that carries its unit and meaning into the file."""
    return pa.field(name, kind, nullable=nullable, metadata={"unit": unit, "doc": doc})


_T = column("t_s", pa.float64(), "s", "end of the interval, since the start of the run")

SESSIONS = pa.schema([
    column("session", pa.string(), "", "id: EVSE and count of its transactions; `visit/k` if never plugged in"),
    column("driver", pa.string(), "", "id of the driver"),
    column("archetype", pa.string(), "", "home, work, public or replay"),
    column("vehicle", pa.string(), "", "model in the catalogue"),
    column("site", pa.string(), "", "where the car charged, or first wanted to"),
    column("operator", pa.string(), "", "who runs the site"),
    column("evse", pa.string(), "", "where the car charged; empty if it never did"),
    column("bus", pa.string(), "", "bus of the EVSE; empty without a grid"),
    column("outcome", pa.string(), "",
           "served, unauthorised (station offline), reneged (gave up waiting), balked (left at once), open (run ended first)"),
    column("arrival_s", pa.float64(), "s", "car arrived"),
    column("plugged_s", pa.float64(), "s", "cable connected; NaN if never", nullable=True),
    column("finished_s", pa.float64(), "s", "car had what it wanted; NaN if it left before", nullable=True),
    column("unplugged_s", pa.float64(), "s", "cable taken out, or end of the run", nullable=True),
    column("departure_s", pa.float64(), "s", "the driver's planned departure"),
    column("wait_s", pa.float64(), "s", "from arrival to plug-in or giving up"),
    column("requested_wh", pa.float64(), "Wh", "wanted, at the connector"),
    column("delivered_wh", pa.float64(), "Wh", "truly delivered at the connector"),
    column("metered_wh", pa.float64(), "Wh", "difference of the billing register"),
    column("battery_wh", pa.float64(), "Wh", "into the battery"),
    column("converter_loss_wh", pa.float64(), "Wh", "lost in the car's charger and battery"),
    column("standby_wh", pa.float64(), "Wh", "used by the car's electronics while charging"),
    column("cost_minor", pa.int64(), "minor units", "price of the session, with tax"),
    column("currency", pa.string(), "", "ISO 4217"),
])  # fmt: skip

METER = pa.schema([
    _T,
    column("evse", _NAME, "", "EVSE id; only EVSEs that had a car in the interval, whether control knew it or not"),
    column("power_w", pa.float64(), "W", "mean over the interval; positive draws"),
    column("register_wh", pa.float64(), "Wh", "billing register at the end of the interval"),
])  # fmt: skip

LIMITS = pa.schema([
    _T,
    column("evse", _NAME, "", "EVSE id; only EVSEs with a car"),
    column("wanted_w", pa.float64(), "W", "limit that the strategy wanted for the next interval; no rows at the end of the run"),
    column("limit_w", pa.float64(), "W", "limit in force for the next interval"),
    column("reason", _NAME, "", "element that made the guard lower it; empty if nothing did"),
])  # fmt: skip

BUSES = pa.schema([
    _T,
    column("bus", _NAME, "", "bus name"),
    column("vm_pu", pa.float64(), "pu", "voltage magnitude; NaN without a solution", nullable=True),
])  # fmt: skip

VM_COLUMNS = ("vm_a_pu", "vm_b_pu", "vm_c_pu")
"""Voltage by phase, in the order of `GridState.vm_pu`."""
PHASE_NAMES = ("L1", "L2", "L3")
"""The same phases as people and scenarios call them (IEC 60445)."""
THREE_PHASE_BUSES = pa.schema([
    _T,
    column("bus", _NAME, "", "bus name"),
    column("vm_pu", pa.float64(), "pu", "voltage magnitude, the lowest phase where there are three; NaN without a solution", nullable=True),
    *(
        column(name, pa.float64(), "pu", f"voltage magnitude of {phase}, line to neutral; only in three-phase runs", nullable=True)
        for name, phase in zip(VM_COLUMNS, PHASE_NAMES, strict=True)
    ),
    column("vuf_pct", pa.float64(), "%", "voltage unbalance, negative over positive sequence; only in three-phase runs", nullable=True),
])  # fmt: skip

BRANCHES = pa.schema([
    _T,
    column("branch", _NAME, "", "line or transformer name"),
    column("loading_pct", pa.float64(), "%", "current over rating, the largest of both ends and all phases", nullable=True),
])  # fmt: skip

TICKS = pa.schema([
    _T,
    column("plugged", pa.int32(), "", "cars connected"),
    column("charging", pa.int32(), "", "sessions that drew power"),
    column("ev_w", pa.float64(), "W", "mean power of all EVSEs at their connectors"),
    column("ev_grid_w", pa.float64(), "W", "mean power of all EVSEs from the grid, with their own losses"),
    column("wanted_w", pa.float64(), "W", "sum of what the strategy wanted for the next interval; null at the end of the run",
           nullable=True),
    column("limit_w", pa.float64(), "W", "sum of limits in force for the next interval; null at the end of the run",
           nullable=True),
    column("curtailed_wh", pa.float64(), "Wh",
           "by how much the guard had lowered limits within the interval, times the time until the next plan"),
    column("base_w", pa.float64(), "W", "base load of the feeder; like all below, mean since the last power flow",
           nullable=True),
    column("pv_w", pa.float64(), "W", "generation on the feeder", nullable=True),
    column("pv_curtailed_w", pa.float64(), "W", "generation that inverters held back at high voltage; not in `pv_w`",
           nullable=True),
    column("losses_w", pa.float64(), "W", "losses of the feeder", nullable=True),
    column("slack_w", pa.float64(), "W", "from the upstream grid", nullable=True),
    column("converged", pa.bool_(), "", "whether the power flow has a solution; null where none was run",
           nullable=True),
    column("violated", pa.int32(), "", "elements outside a limit; null where no power flow was run", nullable=True),
    column("violated_by_charging", pa.int32(), "",
           "of these, elements that would be within it with every EVSE at zero", nullable=True),
])  # fmt: skip

VIOLATIONS = pa.schema([
    column("element", pa.string(), "", "bus, line, transformer, or `site/limit`"),
    column("kind", pa.string(), "", "low voltage, high voltage, voltage unbalance, line loading, transformer loading, no solution, site current, site power"),
    column("start_s", pa.float64(), "s", "begin of the first interval outside the limit"),
    column("end_s", pa.float64(), "s", "end of the last one"),
    column("worst", pa.float64(), "pu, %, A or W", "farthest value; NaN for no solution", nullable=True),
    column("limit", pa.float64(), "pu, %, A or W", "the limit", nullable=True),
    column("phase", pa.string(), "", "L1, L2 or L3: the phase of a low or high voltage at its worst; null for other kinds and in symmetric runs",
           nullable=True),
    column("detail", pa.string(), "", "why there is no solution: droop oscillation, or tap changers find no position; null where the load is too large, and for other kinds",
           nullable=True),
    column("without_charging", pa.bool_(), "",
           "whether some interval breaks the limit with every EVSE at zero: charging is not its cause"),
    column("minutes_by_charging", pa.float64(), "min", "minutes that would be within the limit with every EVSE at zero"),
    column("sessions", pa.string(), "", "sessions behind it, largest draw first, separated by spaces; behind a voltage, what raised the deviation counts: nothing evenly drawn raises a high voltage or an unbalance"),
])  # fmt: skip

INVOICES = pa.schema([
    column("session", pa.string(), "", "session id"),
    column("operator", pa.string(), "", "who earns it"),
    column("tariff", pa.string(), "", "tariff id"),
    column("start_s", pa.float64(), "s", "begin of the priced part"),
    column("end_s", pa.float64(), "s", "end of the priced part"),
    column("energy_wh", pa.int64(), "Wh", "metered in this part"),
    column("price_per_kwh", pa.string(), "currency/kWh", "exact decimal"),
    column("amount", pa.string(), "currency", "exact decimal, unrounded; the session rounds once, on its sum"),
    column("currency", pa.string(), "", "ISO 4217"),
])  # fmt: skip

EVENTS = pa.schema([
    column("t_s", pa.float64(), "s", "when it happened"),
    column("kind", pa.string(), "",
           "guard, helpless (an element that less charging cannot help), tap (a tap changer moved), fault, recovery, offline, online, reneged, balked, elsewhere, unauthorised, unmetered"),
    column("subject", pa.string(), "", "EVSE, element, transformer or driver"),
    column("detail", pa.string(), "", "one sentence for people"),
    column("value", pa.float64(), "", "amount where the kind has one (guard: W curtailed; tap: position; unmetered: Wh)", nullable=True),
])  # fmt: skip

TABLES: dict[str, pa.Schema] = {
    "sessions": SESSIONS,
    "meter": METER,
    "limits": LIMITS,
    "ticks": TICKS,
    "buses": BUSES,
    "branches": BRANCHES,
    "violations": VIOLATIONS,
    "invoices": INVOICES,
    "events": EVENTS,
}


def every_column(table: str) -> pa.Schema:
    """The columns that a table has in any run: buses have more of them where each phase is solved."""
    return THREE_PHASE_BUSES if table == "buses" else TABLES[table]
