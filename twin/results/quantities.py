"""The key figures of a run: one name, one unit, one meaning each. The order is that of `summary.json`."""

from __future__ import annotations

from typing import NamedTuple


class Quantity(NamedTuple):
    """What a key of the summary means."""

    unit: str
    doc: str


SUMMARY: dict[str, Quantity] = {
    # What was simulated
    "evses": Quantity("", "EVSEs of the run"),
    "days": Quantity("d", "simulated and recorded, days of 24 hours"),
    "drivers": Quantity("", "drivers who came at least once"),
    "visits": Quantity("", "cars that came, charged or not: rows of the table `sessions`"),
    "sessions": Quantity("", "visits that were plugged in"),
    # Energy
    "energy_requested_kwh": Quantity("kWh", "wanted at the connector, over all visits"),
    "energy_delivered_kwh": Quantity("kWh", "delivered at the connector, over all visits"),
    "served_share": Quantity("", "sum of min(delivered, requested) over sum of requested, over all visits; 1 if nothing was wanted"),
    "served_share_finished": Quantity("", "the same without unfinished visits"),
    "worst_served_share": Quantity("", "smallest served share of a driver, over all but unfinished visits; null without any"),
    "unserved_kwh": Quantity("kWh", "sum of max(requested - delivered, 0)"),
    # Power
    "peak_kw": Quantity("kW", "highest 15-minute mean at the feeder's head; without a grid that of the chargers; null if no power flow has a solution"),
    "ev_peak_kw": Quantity("kW", "highest 15-minute mean of all chargers, from the grid, with their own losses"),
    "coincidence_factor": Quantity("", "highest 15-minute mean of all chargers at their connectors over the sum of their ratings"),
    "utilisation": Quantity("", "share of all EVSE hours with a car connected"),
    # Limits
    "violations": Quantity("", "maximal intervals outside a limit, per (element, kind): rows of the table `violations`"),
    "violation_minutes": Quantity("min", "time with at least one element outside a limit: the union over elements"),
    "violation_minutes_by_charging": Quantity("min", "time with at least one element outside a limit that it would keep with every EVSE at zero"),
    "low_voltage_minutes": Quantity("min", "time with at least one bus below its limit, on any phase; like the following, null without a grid"),
    "high_voltage_minutes": Quantity("min", "time with at least one bus above its limit, on any phase"),
    "unbalance_minutes": Quantity("min", "time with at least one bus beyond its limit of the voltage unbalance; null where the feeder is taken as symmetric"),
    "line_overload_minutes": Quantity("min", "time with at least one line above its limit"),
    "trafo_overload_minutes": Quantity("min", "time with at least one transformer above its limit"),
    "min_vm_pu": Quantity("pu", "lowest voltage, over the buses of the charging level and all phases; null without a grid"),
    "max_vm_pu": Quantity("pu", "highest voltage, over the buses of the charging level and all phases; null without a grid"),
    "max_vuf_pct": Quantity("%", "highest voltage unbalance, negative over positive sequence, over the buses of the charging level; null without a grid and where the feeder is taken as symmetric"),
    "max_line_loading_pct": Quantity("%", "highest loading of a line; null without one"),
    "max_trafo_loading_pct": Quantity("%", "highest loading of a transformer; null without one"),
    "max_hot_spot_c": Quantity("°C", "highest hot-spot temperature of a transformer by IEC 60076-7, at 20 °C around it; null without a transformer, or where a power flow has no solution"),
    "loss_of_life_h": Quantity("h", "life that the transformer used that aged most, by IEC 60076-7 for non-upgraded paper; null like `max_hot_spot_c`"),
    "en50160_ok": Quantity("", "EN 50160 at every low-voltage bus of the charging level: 10-minute means of every phase within Un ± 10 % for 95 % of each week, and within Un + 10 / - 15 % always, and `en50160_vuf_ok`; null without such a bus"),
    "en50160_vuf_ok": Quantity("", "EN 50160's rule of the unbalance at the same buses: 10-minute means within 2 % for 95 % of each week; null where the feeder is taken as symmetric"),
    "unsolved_minutes": Quantity("min", "time for which the power flow has no solution"),
    # Feeder
    "energy_from_grid_kwh": Quantity("kWh", "from the upstream grid, as far as the power flow has a solution; null without any"),
    "energy_fed_back_kwh": Quantity("kWh", "into the upstream grid, as far as the power flow has a solution; null without any"),
    "base_load_kwh": Quantity("kWh", "base load of the feeder, as far as the power flow has a solution; null without any"),
    "pv_kwh": Quantity("kWh", "generation on the feeder, as far as the power flow has a solution; null without any"),
    "pv_curtailed_kwh": Quantity("kWh", "generation that inverters held back at high voltage, not in `pv_kwh`, as far as the power flow has a solution; null without any, and where inverters have no Volt-Watt"),
    "losses_kwh": Quantity("kWh", "lost in lines and transformers, as far as the power flow has a solution; null without any"),
    # Guard
    "guard_interventions": Quantity("", "events of kind `guard`"),
    "curtailed_kwh": Quantity("kWh", "by how much the guard lowered limits below what the strategy wanted, times the time until the next plan; a car need not have used it"),
    # Fairness and waiting
    "jain_index": Quantity("", "Jain's index over the served share of each session: 1 is equal, 1/n is one for all; null without sessions"),
    "jain_index_bus": Quantity("", "the same over the served share of each bus; null without a grid"),
    "waiting_mean_min": Quantity("min", "from arrival to plug-in or giving up, mean over all visits"),
    "waiting_p95_min": Quantity("min", "the same, 95th percentile"),
    "reneged": Quantity("", "visits that gave up waiting"),
    "balked": Quantity("", "visits that left at once"),
    "unfinished": Quantity("", "visits that the end of the run cut off before the car had what it wanted"),
    # Money
    "revenue": Quantity("currency", "sum of the prices of all sessions, with tax; null with several currencies"),
    "currency": Quantity("", "ISO 4217; empty without prices, several separated by spaces"),
    "captured": Quantity("currency", "what drivers paid, less refunds; like all below null where nothing was collected, and amounts null with several currencies"),
    "provider_fees": Quantity("currency", "what the payment provider kept"),
    "leaked": Quantity("currency", "billed and not got, for whatever reason, with what is still open when the run ends"),
    "leaked_by_reason": Quantity("currency", "the same by reason, as in the table `leakage`"),
    "unpaid_kwh": Quantity("kWh", "metered and not paid for, with what was free and what is still open"),
    "unpaid_kwh_by_reason": Quantity("kWh", "the same by reason"),
    "authorisation_p50_s": Quantity("s", "from the card at the reader to the answer, median over all wishes that were answered; null without any"),
    "authorisation_p95_s": Quantity("s", "the same, 95th percentile"),
    "authorisation_p99_s": Quantity("s", "the same, 99th percentile"),
    "hold_unused_hours": Quantity("currency h", "held and not captured, times the hours for which it was held: the burden on drivers"),
    "refused": Quantity("", "visits that ended since no card was accepted"),
    "stopped_at_hold": Quantity("", "sessions that were stopped since their hold was reached or would expire"),
    "disputes": Quantity("", "payments with a dispute that is open or lost when the run ends"),
    # Audit and cost of computing
    "energy_balance_error_kwh": Quantity("kWh", "sum of the absolute errors of the energy balance of every session and of every power flow"),
    "cpu_s": Quantity("s", "processor time of the run, all threads; null for a run that was cut off"),
    "evse_days_per_cpu_s": Quantity("1/s", "simulated EVSE-days per second of processor time; null for a run that was cut off"),
}  # fmt: skip
"""Meaning of every key of `Run.summary`. Only `cpu_s` and `evse_days_per_cpu_s` differ between equal runs."""
