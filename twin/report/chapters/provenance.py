"""What was run, with which assumptions, and whether energy and money balance."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from twin.report.frames import Frames
from twin.report.model import Block, Section, Text, table
from twin.report.words import NONE, count, number

_NAMES = {
    "scenario": "Scenario", "description": "Description", "scenario_hash": "Scenario hash", "seed": "Seed", "mode": "Mode",
    "strategy": "Strategy", "guarded": "Guard", "epoch": "Start", "time_zone": "Civil time", "period_s": "Control tick (s)",
    "horizon_s": "Length (s)", "evses": "EVSEs", "outcome": "Outcome", "error": "Error", "recorded_s": "Recorded until (s)",
    "cpu_s": "Processor time (s)", "wall_s": "Wall time (s)", "solver_s": "of it in power flow (s)",
    "worst_lag_s": "Worst lag (s)", "format": "Format of the folder",
}  # fmt: skip
"""Keys of the manifest as people say them; other keys are shown as they are."""


def flat(value: object, prefix: str = "") -> list[tuple[str, str]]:
    """A nested part of the manifest as dotted names and texts, in its own order."""
    if isinstance(value, Mapping):
        return [
            pair
            for key, inner in value.items()
            for pair in flat(inner, f"{prefix}.{key}" if prefix else str(key))
        ]
    if isinstance(value, list | tuple) and any(isinstance(item, Mapping) for item in value):
        return [pair for k, inner in enumerate(value, 1) for pair in flat(inner, f"{prefix} {k}")]
    return [(prefix, said(value))]


def said(value: object) -> str:
    """One value of the manifest as text."""
    if value is None or value in ("", [], {}):
        return NONE
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return ", ".join(said(item) for item in value)
    return str(value) if not isinstance(value, Mapping) else json.dumps(value)


def audit(frames: Frames) -> Section:
    """The energy audit, in a sentence with its number."""
    error = frames.summary.get("energy_balance_error_kwh")
    look = "Every run checks itself and stops at the first imbalance: it would be a defect of the model, never of the scenario."
    if error is None:
        first = Text(text="This run states no energy balance.", tone="bad")
    else:
        flow = sum(
            float(frames.summary.get(key) or 0.0) for key in ("energy_delivered_kwh", "energy_from_grid_kwh")
        )
        kept = abs(error) <= 1e-6 * max(len(frames.sessions) + flow, 1.0)
        first = Text(
            text=f"Energy {'balances' if kept else 'does not balance'}: over {count(len(frames.sessions), 'visit')} and every power flow "
            f"the errors add up to {error:.1e} kWh. At the chargers: energy in = battery + converter loss + standby; at the "
            "feeder: from the upstream grid = chargers + base load − generation + losses.",
            tone="good" if kept else "bad",
        )  # fmt: skip
    blocks: list[Block] = [first]
    details = frames.manifest.get("audit")
    if details:
        blocks.append(
            table("Totals of the audit", [("What", "left"), ("Value", "right")], flat(details), most=60)
        )
    if len(frames.ticks) and "converged" in frames.ticks:
        solved = frames.ticks["converged"].dropna()
        failed = int((~solved.astype(bool)).sum())
        if len(solved):
            blocks.append(
                Text(
                    text=f"{len(solved):,} power flows were solved, {number(failed) if failed else 'none'} of them without a solution."
                )
            )
    return Section(anchor="audit", title="Audit", look=look, blocks=tuple(blocks))


def chapter(frames: Frames) -> Section:
    """Everything needed to repeat the run or to doubt it."""
    manifest: Mapping[str, Any] = frames.manifest
    left_out = {"audit"}
    shown = {key: value for key, value in manifest.items() if key not in left_out}
    blocks: list[Block] = []
    for title, keys in (
        ("Assumptions and fallbacks", ("assumptions", "fallbacks")),
        ("Feeder model", ("grid",)),
        ("Versions", ("versions",)),
    ):
        part = {key: shown.pop(key) for key in keys if shown.get(key)}
        if part:
            rows = flat(
                next(iter(part.values())) if len(part) == 1 and title != "Assumptions and fallbacks" else part
            )
            blocks.append(
                table(title, [("What", "left"), ("Value", "left")], rows, most=60, whole="manifest.json")
            )
    blocks.insert(
        0, table("Run", [("What", "left"), ("Value", "left")], flat(shown), most=60, whole="manifest.json")
    )
    blocks.append(
        Text(
            text=f"Tables, the resolved scenario and the manifest lie in the run's folder, {frames.name}; each column carries its unit and meaning."
        )
    )
    look = "Look here before you compare two runs: same scenario hash and seed mean the same drivers and the same tables."
    return Section(anchor="what", title="What was run", look=look, blocks=tuple(blocks))
