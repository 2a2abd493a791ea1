"""The summary of a run, from what was recorded, one part of a table at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from twin.domain.ids import Matrix, Vector
from twin.domain.money import MINOR_DIGITS
from twin.results.ageing import transformer_ageing
from twin.results.fairness import jain_index
from twin.results.feeder import loadings, voltages
from twin.results.folder import SUMMARY as SUMMARY_FILE
from twin.results.folder import write_json
from twin.results.payments import payment_figures
from twin.results.quantities import SUMMARY
from twin.results.read import Run
from twin.results.ticks import tick_figures
from twin.results.voltage import VoltageQuality
from twin.units import SECONDS_PER_DAY, kwh_from_wh

_SECONDS_PER_MINUTE = 60.0

Figures = dict[str, Any]


def write_summary(run: Run) -> Figures:
    """Compute the summary of a run that is over and store it in its folder.

    Raises:
        SettingsError: The folder cannot be written.
    """
    summary = summarise(run)
    write_json(run.path / SUMMARY_FILE, summary)
    run.__dict__["summary"] = summary
    return summary


def summarise(run: Run) -> Figures:
    """Every key of `quantities.SUMMARY`, in its order; null (None) where a figure has no meaning."""
    figures: Figures = {"evses": len(run.evses), "days": run.recorded_s / SECONDS_PER_DAY}
    figures |= _demand(run)
    figures |= tick_figures(run)
    figures |= _limits(run)
    figures |= _guard(run)
    figures |= payment_figures(run)
    figures["energy_balance_error_kwh"] += figures.pop("session_error_kwh")
    figures |= _computing(run)
    return {key: figures[key] for key in SUMMARY}


def _demand(run: Run) -> Figures:
    """What drivers wanted, got and paid."""
    table = run.sessions.to_arrow()
    requested, delivered = _numbers(table, "requested_wh"), _numbers(table, "delivered_wh")
    served = np.minimum(delivered, requested)
    outcome = table["outcome"]
    plugged = _mask(pc.not_equal(table["evse"], ""))
    # A car that is still there but has all it wanted is served: only the others are undecided.
    whole = _mask(pc.not_equal(outcome, "open")) | ~np.isnan(_numbers(table, "finished_s"))
    wanted = plugged & (requested > 0.0)
    used = (
        _numbers(table, "battery_wh") + _numbers(table, "converter_loss_wh") + _numbers(table, "standby_wh")
    )
    stay_s = _numbers(table, "unplugged_s") - _numbers(table, "plugged_s")
    by_driver = _shares(table["driver"], served, requested, whole)
    by_bus = _shares(table["bus"], served, requested, wanted & _mask(pc.not_equal(table["bus"], "")))
    wait_min = _numbers(table, "wait_s") / _SECONDS_PER_MINUTE
    evse_s = len(run.evses) * run.recorded_s
    return {
        "drivers": pc.count_distinct(table["driver"]).as_py(),
        "visits": len(table),
        "sessions": int(plugged.sum()),
        "energy_requested_kwh": kwh_from_wh(float(requested.sum())),
        "energy_delivered_kwh": kwh_from_wh(float(delivered.sum())),
        "served_share": _ratio(served, requested),
        "served_share_finished": _ratio(served[whole], requested[whole]),
        "worst_served_share": float(by_driver.min()) if len(by_driver) else None,
        "unserved_kwh": kwh_from_wh(float((requested - served).sum())),
        "utilisation": float(np.nansum(stay_s)) / evse_s if evse_s else 0.0,
        "jain_index": jain_index(served[wanted] / requested[wanted]),
        "jain_index_bus": jain_index(by_bus),
        "waiting_mean_min": float(wait_min.mean()) if len(wait_min) else 0.0,
        "waiting_p95_min": float(np.quantile(wait_min, 0.95)) if len(wait_min) else 0.0,
        "reneged": _count(outcome, "reneged"),
        "balked": _count(outcome, "balked"),
        "unfinished": int((~whole).sum()),
        "session_error_kwh": kwh_from_wh(float(np.abs(delivered - used).sum())),
        **_money(table),
    }


def _money(table: pa.Table) -> Figures:
    """Sum of prices in the one currency; none where currencies would have to be added."""
    priced = table.filter(pc.not_equal(table["currency"], ""))
    currencies = sorted(pc.unique(priced["currency"]).to_pylist())
    minor = pc.sum(priced["cost_minor"]).as_py() or 0
    revenue = minor / 10 ** MINOR_DIGITS.get(currencies[0] if currencies else "", 2)
    return {"revenue": revenue if len(currencies) < 2 else None, "currency": " ".join(currencies)}


def _limits(run: Run) -> Figures:
    """Violations, voltages and loadings."""
    figures: Figures = {
        "violations": len(run.violations),
        "min_vm_pu": None,
        "max_vm_pu": None,
        "max_vuf_pct": None,
        "max_line_loading_pct": None,
        "max_trafo_loading_pct": None,
        "max_hot_spot_c": None,
        "loss_of_life_h": None,
        "en50160_ok": None,
        "en50160_vuf_ok": None,
    }
    topology = run.topology
    if topology is None:
        return figures
    quality = VoltageQuality(topology)
    low, high, uneven = (np.full(len(topology.buses), np.nan) for _ in range(3))
    for t_s, vm_pu, vuf_pct in voltages(run):
        quality.feed(t_s, vm_pu, vuf_pct)
        low = np.fmin(low, np.fmin.reduce(vm_pu, axis=(0, 2)))
        high = np.fmax(high, np.fmax.reduce(vm_pu, axis=(0, 2)))
        uneven = np.fmax(uneven, np.fmax.reduce(vuf_pct, axis=0))
    peak = np.full(len(topology.branches), np.nan)
    for _, loading_pct in loadings(run):
        peak = np.fmax(peak, np.fmax.reduce(loading_pct, axis=0))
    verdicts = quality.verdicts()
    three_phase = topology.phases == 3
    return figures | {
        "min_vm_pu": _extreme(np.fmin, low[topology.charging_level]),
        "max_vm_pu": _extreme(np.fmax, high[topology.charging_level]),
        "max_vuf_pct": _extreme(np.fmax, uneven[topology.charging_level]) if three_phase else None,
        "max_line_loading_pct": _extreme(np.fmax, peak[~topology.is_trafo]),
        "max_trafo_loading_pct": _extreme(np.fmax, peak[topology.is_trafo]),
        "en50160_ok": all(verdict.ok for verdict in verdicts) if verdicts else None,
        "en50160_vuf_ok": all(v.vuf_ok for v in verdicts) if verdicts and three_phase else None,
        **_ageing(run),
    }


def _ageing(run: Run) -> Figures:
    """The hottest transformer and the one that aged most; null where a step of one has no solution."""
    aged = [each.thermal for each in transformer_ageing(run)]
    known = [found for found in aged if found is not None]
    if not known or len(known) < len(aged):
        return {"max_hot_spot_c": None, "loss_of_life_h": None}
    return {
        "max_hot_spot_c": max(found.hot_spot_max_c for found in known),
        "loss_of_life_h": max(found.loss_of_life_h for found in known),
    }


def _guard(run: Run) -> Figures:
    """How often the guard acted; what it held back is in the ticks."""
    if not run.manifest["guarded"]:
        return {"guard_interventions": 0}
    return {"guard_interventions": _count(run.events.to_arrow(["kind"])["kind"], "guard")}


def _computing(run: Run) -> Figures:
    cpu_s = run.manifest.get("cpu_s")
    if not cpu_s:
        return {"cpu_s": None, "evse_days_per_cpu_s": None}
    evse_days = len(run.evses) * run.recorded_s / SECONDS_PER_DAY
    return {"cpu_s": cpu_s, "evse_days_per_cpu_s": evse_days / cpu_s}


def _numbers(table: pa.Table, column: str) -> Vector:
    return np.asarray(table[column].to_numpy(), dtype=float)


def _mask(column: pa.ChunkedArray) -> Any:
    return np.asarray(column.to_numpy(), dtype=np.bool_)


def _count(column: pa.ChunkedArray, value: str) -> int:
    return int(pc.sum(pc.equal(column, value)).as_py() or 0)


def _ratio(served: Vector, requested: Vector) -> float:
    wanted = float(requested.sum())
    return float(served.sum()) / wanted if wanted > 0.0 else 1.0


def _shares(owner: pa.ChunkedArray, served: Vector, requested: Vector, of: Any) -> Vector:
    """Served share of each owner (driver or bus) over the rows `of`; owners who wanted nothing have none."""
    codes = owner.combine_chunks().dictionary_encode().indices.to_numpy()[of]
    if not len(codes):
        return np.empty(0)
    wanted = np.bincount(codes, weights=requested[of])
    got = np.bincount(codes, weights=served[of])
    some = wanted > 0.0
    return np.asarray(got[some] / wanted[some])


def _extreme(of: np.ufunc, values: Vector | Matrix) -> float | None:
    if not values.size:
        return None
    found = float(of.reduce(values))
    return None if np.isnan(found) else found
