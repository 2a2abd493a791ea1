"""What was run, with which assumptions, and whether energy and money balance."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from twin.report.by_phase import three_phase
from twin.report.frames import Frames
from twin.report.model import Block, Row, Section, Table, Text, table
from twin.report.words import NONE, count, known, listed, number

_NAMES = {
    "epoch": "Start",
    "evses": "EVSEs",
    "guarded": "Guard",
    "horizon_s": "Length (s)",
    "period_s": "Control tick (s)",
    "self_check.points": "Self-check at",
    "self_check.max_dvm_pu": "Self-check: largest difference of a voltage (pu)",
    "self_check.max_dloading_pct": "Self-check: largest difference of a loading (%)",
    "self_check.max_dvuf_pct": "Self-check: largest difference of an unbalance (%)",
}
"""Keys of the manifest that people call otherwise."""
_UNITS = {"kwh": "kWh", "wh": "Wh", "s": "s", "pct": "%", "pu": "pu", "w": "W"}


def label(key: str) -> str:
    """`worst_session_error_wh` → `Worst session error (Wh)`."""
    if key in _NAMES:
        return _NAMES[key]
    words = key.replace(".", ": ").split("_")
    unit = f" ({_UNITS[words.pop()]})" if len(words) > 1 and words[-1] in _UNITS else ""
    text = " ".join(words)
    return text[:1].upper() + text[1:] + unit


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
        blocks.append(_pairs("Totals of the audit", details))
    blocks += solver(frames)
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


def solver(frames: Frames) -> list[Text]:
    """What solved the feeder and how far it was from pandapower; nothing where the run does not say it."""
    grid: Mapping[str, Any] = frames.manifest.get("grid") or {}
    told = []
    if grid.get("solver"):
        told.append(f"Power flows: {grid['solver']}.")
    if grid.get("fallback"):
        told.append(f"The compiled feeder was not used: {grid['fallback']}.")
    check = grid.get("self_check")
    if isinstance(check, Mapping):
        differences = [
            f"{float(check[key]):.1e} {unit}"
            for key, unit in (("max_dvm_pu", "pu of a voltage"), ("max_dloading_pct", "% of a loading"), ("max_dvuf_pct", "% of an unbalance"))
            if known(check.get(key)) and (three_phase(frames) or key != "max_dvuf_pct")
        ]  # fmt: skip
        at = "; ".join(str(point) for point in check.get("points") or ())
        points = f" ({at})" if at else ""
        told.append(
            f"Before the run it was compared with pandapower{points}: the largest differences were {listed(differences)}."
        )
    return [Text(text=" ".join(told))] if told else []


def caveats(manifest: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What a reader must know to trust the figures: assumptions, notes and fallbacks of every part."""
    grid = manifest.get("grid") or {}
    found = [("Assumption", said(text)) for text in manifest.get("assumptions") or ()]
    found += [("Assumption of the feeder", said(text)) for text in grid.get("assumptions") or ()]
    found += [("Note on the feeder", said(text)) for text in grid.get("notes") or ()]
    found += [("Fallback", said(text)) for text in manifest.get("fallbacks") or ()]
    return found + ([("Fallback of the feeder", said(grid["fallback"]))] if grid.get("fallback") else [])


def chapter(frames: Frames) -> Section:
    """Everything needed to repeat the run or to doubt it."""
    manifest: Mapping[str, Any] = frames.manifest
    apart = {"audit", "assumptions", "fallbacks", "grid", "versions"}
    plain = {
        key: value for key, value in manifest.items() if key not in apart and value not in (None, "", [], {})
    }
    blocks: list[Block] = []
    rows = caveats(manifest)
    if rows:
        blocks.append(
            table(
                "Assumptions and fallbacks",
                [("Kind", "left"), ("What", "left")],
                rows,
                most=60,
                whole="manifest.json",
            )
        )
    versions = _pairs("Versions", manifest.get("versions") or {}, named=False)
    blocks.append(Row(items=(_pairs("Run", plain), versions)))
    grid = {
        k: v for k, v in (manifest.get("grid") or {}).items() if k not in {"assumptions", "notes", "fallback"}
    }
    if grid:
        blocks.append(_pairs("Feeder model", grid))
    blocks.append(
        Text(
            text=f"Tables, the resolved scenario and the manifest lie in the run's folder, {frames.name}; each column carries its unit and meaning."
        )
    )
    look = "Look here before you compare two runs: same scenario hash and seed mean the same drivers and the same tables."
    return Section(anchor="what", title="What was run", look=look, blocks=tuple(blocks))


def _pairs(title: str, content: Mapping[str, Any], *, named: bool = True) -> Table:
    rows = [(label(key) if named else key, value) for key, value in flat(content)]
    return table(title, [("What", "left"), ("Value", "left")], rows, most=60, whole="manifest.json")
