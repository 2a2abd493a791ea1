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
           "served, refused (no card was accepted), unauthorised (station offline, or no answer), reneged (gave up waiting), balked (left at once), open (run ended first)"),
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
    column("dimension", pa.string(), "", "energy, time, parking time or flat"),
    column("start_s", pa.float64(), "s", "begin of the priced part"),
    column("end_s", pa.float64(), "s", "end of the priced part"),
    column("energy_wh", pa.int64(), "Wh", "metered in this part; 0 where time or the session is priced"),
    column("volume", pa.string(), "kWh, h or 1", "exact decimal, as measured"),
    column("billed", pa.string(), "kWh, h or 1", "exact decimal, after the tariff's step size"),
    column("unit_price", pa.string(), "currency per kWh, h or session", "exact decimal, as the tariff writes it"),
    column("tax_pct", pa.string(), "%", "name and rate of each tax; empty: not applicable"),
    column("amount_excl", pa.string(), "currency", "exact decimal without tax, unrounded"),
    column("amount", pa.string(), "currency", "exact decimal with tax, unrounded; the session rounds once, on its sum"),
    column("currency", pa.string(), "", "ISO 4217"),
])  # fmt: skip

PAYMENTS = pa.schema([
    column("payment", pa.string(), "", "our name of the payment"),
    column("kind", pa.string(), "", "hold, renewal (of a hold that grew old), charge (of what a hold did not cover) or bill (of an account)"),
    column("session", pa.string(), "", "session id; empty: none came of it, or it is an account's bill"),
    column("evse", pa.string(), "", "where; empty for an account's bill"),
    column("operator", pa.string(), "", "who earns it"),
    column("driver", pa.string(), "", "pseudonym of the driver"),
    column("means", pa.string(), "", "terminal, app, wallet or account"),
    column("status", pa.string(), "", "asked, requires action, held, captured, disputed, refused, cancelled, expired or lost (a dispute)"),
    column("reason", pa.string(), "", "the provider's code of a decline; else empty"),
    column("currency", pa.string(), "", "ISO 4217"),
    column("asked_s", pa.float64(), "s", "when the provider was asked"),
    column("latency_s", pa.float64(), "s", "until its answer was known; NaN: never", nullable=True),
    column("held_s", pa.float64(), "s", "from asking to the end of the hold; NaN: it never began, or is open", nullable=True),
    column("authorised_minor", pa.int64(), "minor units", "held, at its highest"),
    column("captured_minor", pa.int64(), "minor units", "taken"),
    column("refunded_minor", pa.int64(), "minor units", "of that, given back"),
    column("disputed_minor", pa.int64(), "minor units", "of that, of a dispute that is open or lost"),
    column("fee_minor", pa.int64(), "minor units", "what the provider keeps"),
    column("unused_minor_hours", pa.float64(), "minor units h", "held and not captured, times the hours for which it was held"),
])  # fmt: skip

SETTLEMENTS = pa.schema([
    column("wish", pa.string(), "", "a driver's wish to charge: EVSE and count of its wishes"),
    column("session", pa.string(), "", "session id; empty: none began"),
    column("evse", pa.string(), "", "where"),
    column("operator", pa.string(), "", "who earns it"),
    column("driver", pa.string(), "", "pseudonym of the driver"),
    column("means", pa.string(), "", "terminal, app, wallet or account"),
    column("asked_s", pa.float64(), "s", "when the card was shown"),
    column("latency_s", pa.float64(), "s", "from then to the answer; NaN: never answered", nullable=True),
    column("granted", pa.bool_(), "", "whether the driver was let in"),
    column("grounds", pa.string(), "", "why: held, account, free, whitelist, hope, free vend, silence, unasked; or declined, blocked, outage, silence, offline"),
    column("reason", pa.string(), "", "the provider's code of a decline; else empty"),
    column("currency", pa.string(), "", "ISO 4217"),
    column("metered_wh", pa.int64(), "Wh", "by the register, from begin to end"),
    column("paid_wh", pa.int64(), "Wh", "of that, paid; the rest stands in `leakage`"),
    column("billed_minor", pa.int64(), "minor units", "the bill, with tax"),
    column("credited_minor", pa.int64(), "minor units", "of that, given back by the office"),
    column("captured_minor", pa.int64(), "minor units", "paid, less what was refunded"),
    column("lost_minor", pa.int64(), "minor units", "of that, taken back by disputes"),
    column("settled_s", pa.float64(), "s", "when nothing was left to be done; NaN: never", nullable=True),
])  # fmt: skip

LEAKAGE = pa.schema([
    column("session", pa.string(), "", "session id"),
    column("operator", pa.string(), "", "who did not get it"),
    column("means", pa.string(), "", "terminal, app, wallet or account"),
    column("reason", pa.string(), "", "free, declined, expired, overrun, offline, free vend, unpaid, meter, dispute, goodwill, lost record, or open (the run ended first)"),
    column("energy_wh", pa.int64(), "Wh", "metered, and not paid for this reason"),
    column("amount_minor", pa.int64(), "minor units", "billed, and not got for this reason"),
    column("currency", pa.string(), "", "ISO 4217"),
    column("asked_s", pa.float64(), "s", "when the card was shown"),
])  # fmt: skip

LEDGER = pa.schema([
    column("entry", pa.int64(), "", "number of the entry, from 1; its rows sum to zero"),
    column("t_s", pa.float64(), "s", "when what it books happened"),
    column("cause", pa.string(), "", "what made it; unique: `capture/PAYMENT`"),
    column("account", pa.string(), "", "kind and owner: `driver:d-17`, `cash:simulated`, `revenue:stadtwerk`; `hold` and `held` are no money yet"),
    column("amount_minor", pa.int64(), "minor units", "debit positive, credit negative"),
    column("currency", pa.string(), "", "ISO 4217"),
    column("session", pa.string(), "", "session id; empty: none, or many"),
    column("memo", pa.string(), "", "number of an invoice, how a hold ended, or in words"),
])  # fmt: skip

EVENTS = pa.schema([
    column("t_s", pa.float64(), "s", "when it happened"),
    column("kind", pa.string(), "",
           "guard, helpless (an element that less charging cannot help), tap (a tap changer moved), fault, recovery, offline, online, reneged, balked, elsewhere, unauthorised, refused, stopped (its hold was reached or expires), unmetered, odd (a fact that fits nowhere)"),
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
    "payments": PAYMENTS,
    "settlements": SETTLEMENTS,
    "leakage": LEAKAGE,
    "ledger": LEDGER,
    "events": EVENTS,
}


def every_column(table: str) -> pa.Schema:
    """The columns that a table has in any run: buses have more of them where each phase is solved."""
    return THREE_PHASE_BUSES if table == "buses" else TABLES[table]
