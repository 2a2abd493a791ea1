"""Figures of what was collected: from the tables `payments`, `settlements` and `leakage`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from twin.domain.money import digits
from twin.results.read import Run
from twin.units import kwh_from_wh

_NOTHING: dict[str, Any] = dict.fromkeys((
    "captured", "provider_fees", "leaked", "leaked_by_reason", "unpaid_kwh", "unpaid_kwh_by_reason",
    "authorisation_p50_s", "authorisation_p95_s", "authorisation_p99_s", "hold_unused_hours", "refused",
    "stopped_at_hold", "disputes",
))  # fmt: skip
_TAKEN = ("captured_minor", "refunded_minor", "disputed_minor")


def payment_figures(run: Run) -> dict[str, Any]:
    """Keys of the summary about payments; all null where nothing was collected."""
    if "payments" not in run.manifest:
        return dict(_NOTHING)
    columns = ["currency", "fee_minor", "unused_minor_hours", *_TAKEN]
    payments = run.payments.to_arrow(columns)
    settlements = run.settlements.to_arrow(["currency", "latency_s"])
    leakage = run.leakage.to_arrow(["reason", "energy_wh", "amount_minor"])
    currencies = sorted(set(pc.unique(settlements["currency"]).to_pylist()))
    unit = None if len(currencies) > 1 else 10 ** digits(currencies[0] if currencies else "EUR")
    captured = _sum(payments, "captured_minor") - _sum(payments, "refunded_minor")
    by_reason = _by_reason(leakage)
    return {
        "captured": _money(captured, unit),
        "provider_fees": _money(_sum(payments, "fee_minor"), unit),
        "leaked": _money(_sum(leakage, "amount_minor"), unit),
        "leaked_by_reason": {reason: _money(minor, unit) for reason, (_, minor) in by_reason.items()},
        "unpaid_kwh": kwh_from_wh(_sum(leakage, "energy_wh")),
        "unpaid_kwh_by_reason": {reason: kwh_from_wh(wh) for reason, (wh, _) in by_reason.items()},
        **_latency(settlements),
        "hold_unused_hours": _money(float(pc.sum(payments["unused_minor_hours"]).as_py() or 0.0), unit),
        "refused": _count(run.sessions.to_arrow(["outcome"])["outcome"], "refused"),
        "stopped_at_hold": _count(run.events.to_arrow(["kind"])["kind"], "stopped"),
        "disputes": int(pc.sum(pc.greater(payments["disputed_minor"], 0)).as_py() or 0),
    }


def _by_reason(leakage: pa.Table) -> dict[str, tuple[int, int]]:
    """Energy in Wh and minor units by reason, in the order of their names."""
    groups = leakage.group_by("reason", use_threads=False).aggregate(
        [("energy_wh", "sum"), ("amount_minor", "sum")]
    )
    columns = (groups[name].to_pylist() for name in ("reason", "energy_wh_sum", "amount_minor_sum"))
    return {reason: (wh, minor) for reason, wh, minor in sorted(zip(*columns, strict=True))}


def _latency(settlements: pa.Table) -> dict[str, float | None]:
    latency_s = np.asarray(settlements["latency_s"].to_numpy(), dtype=float)
    known = latency_s[~np.isnan(latency_s)]
    return {
        f"authorisation_p{percent}_s": float(np.quantile(known, percent / 100)) if len(known) else None
        for percent in (50, 95, 99)
    }


def _sum(table: pa.Table, column: str) -> int:
    return int(pc.sum(table[column]).as_py() or 0)


def _money(minor: float, unit: int | None) -> float | None:
    return None if unit is None else minor / unit


def _count(column: pa.ChunkedArray, value: str) -> int:
    return int(pc.sum(pc.equal(column, value)).as_py() or 0)
