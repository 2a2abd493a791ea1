"""What only a feeder of three phases can use, and what a SimBench net needs for it: known before any net is read."""

from __future__ import annotations

from collections.abc import Iterator

from twin.errors import Problem
from twin.scenario.document import Document, Path
from twin.scenario.grid import Assume, Grid
from twin.scenario.model import Scenario

_EXAMPLES = {
    "vector_group": "Dyn5",
    "r0_r1": "4",
    "x0_x1": "4",
    "c0_c1": "1",
    "vk0_vk": "1",
    "mag0": "100",
    "s_sc_max_mva": "100",
}
"""Values of a low-voltage street; docs/scenarios.md has their sources."""
_WITHOUT = "has no effect with `phases: 1`: it needs `phases: 3`"
_BALANCED = "balanced"


def phase_problems(document: Document, scenario: Scenario) -> Iterator[Problem]:
    """Yield keys that a symmetric feeder would ignore, and zero-sequence data that no SimBench net has."""
    grid = scenario.grid
    if grid is None:
        return
    if grid.phases == 1:
        for path, text in _ignored(grid):
            yield document.problem(("grid", *path), text)
        return
    missing = [key for key in Assume.model_fields if getattr(grid.assume, key) is None]
    if grid.net.simbench is not None and missing:
        keys = ", ".join(f"`{key}`" for key in missing)
        example = ", ".join(f"{key}: {_EXAMPLES[key]}" for key in missing)
        text = f"SimBench's nets have no zero-sequence data; `assume` lacks {keys}: for example `assume: {{{example}}}`"
        yield document.problem(("grid",), text)


def _ignored(grid: Grid) -> Iterator[tuple[Path, str]]:
    """Places below `grid` of what a symmetric feeder would ignore."""
    if any(getattr(grid.assume, key) is not None for key in Assume.model_fields):
        yield ("assume",), _WITHOUT
    rule = getattr(grid.base_load, "phases", _BALANCED)
    if rule != _BALANCED:
        yield ("base_load", "phases"), f"`{rule}` {_WITHOUT}"
    if grid.limits.voltage_unbalance_pct is not None:
        yield ("limits", "voltage_unbalance_pct"), _WITHOUT
