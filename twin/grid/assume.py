"""Zero-sequence data that a net lacks: completed by what somebody assumes, said aloud, or refused.

A power flow of three phases needs to know how current returns: through the neutral conductor of the
lines, the neutral of transformers, the source. Symmetric nets do not say. Nothing is assumed silently:
what is missing must be given, and every completion is a sentence for the manifest and the report.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from twin.domain.ids import Mask
from twin.errors import Problem, ScenarioError, SolverError

VECTOR_GROUPS = ("Dyn", "YNyn", "Yzn", "Yy", "Yd", "Dy", "Dd")
"""What pandapower's `runpp_3ph` carries; the last four let no zero-sequence current pass."""
_MAG0_RX = 0.0
_SI0_HV_PARTIAL = 0.9
"""Share of the high-voltage side in the zero-sequence leakage: pandapower's example for its column."""
_SOURCE = {"rx_max": 0.1, "x0x_max": 1.0, "r0x0_max": 0.1}
"""R/X = 0.1 where nothing is known: IEC 60909-0, network feeders; the same of zero sequence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assume:
    """What to take where a net says nothing; None: nothing is assumed.

    Attributes:
        vector_group: Of transformers, with or without its clock number: `Dyn` or `Dyn5`.
        r0_r1: Zero- over positive-sequence resistance of lines.
        x0_x1: Zero- over positive-sequence reactance of lines.
        c0_c1: Zero- over positive-sequence capacitance of lines.
        vk0_vk: Zero- over positive-sequence short-circuit voltage of transformers, its real part too.
        mag0: Zero-sequence magnetising over short-circuit impedance of transformers.
        s_sc_max_mva: Short-circuit power of the source.
    """

    vector_group: str | None = None
    r0_r1: float | None = None
    x0_x1: float | None = None
    c0_c1: float | None = None
    vk0_vk: float | None = None
    mag0: float | None = None
    s_sc_max_mva: float | None = None


class _Gap(NamedTuple):
    """A column that a net may lack, and how an assumption fills it."""

    table: str
    column: str
    key: str
    """Of `Assume`."""
    base: str
    """Column that the assumption is a factor on; empty: the assumption is the value."""
    factor: float
    example: str
    """A value for messages, and where it comes from."""


_FOUR_CORE = "4 for a four-core cable whose fourth conductor alone carries the return"
_GAPS = (
    _Gap("line", "r0_ohm_per_km", "r0_r1", "r_ohm_per_km", 1.0, _FOUR_CORE),
    _Gap("line", "x0_ohm_per_km", "x0_x1", "x_ohm_per_km", 1.0, _FOUR_CORE),
    _Gap("line", "c0_nf_per_km", "c0_c1", "c_nf_per_km", 1.0, "1: at low voltage it hardly matters"),
    _Gap("trafo", "vk0_percent", "vk0_vk", "vk_percent", 1.0, "1 for Dyn; 0.85 to 1 with three limbs"),
    _Gap("trafo", "vkr0_percent", "vk0_vk", "vkr_percent", 1.0, "1 for Dyn; 0.85 to 1 with three limbs"),
    _Gap("trafo", "mag0_percent", "mag0", "", 100.0, "100 for shell-type cores, 10 for three limbs"),
    _Gap("ext_grid", "s_sc_max_mva", "s_sc_max_mva", "", 1.0, "100 to 500 at 10 to 20 kV"),
)
_FIXED = (
    ("trafo", "mag0_rx", _MAG0_RX),
    ("trafo", "si0_hv_partial", _SI0_HV_PARTIAL),
    *(("ext_grid", column, value) for column, value in _SOURCE.items()),
)
_KINDS = {
    "line": ("line", "lines"),
    "trafo": ("transformer", "transformers"),
    "ext_grid": ("external grid", "external grids"),
}


def complete(net: Any, assume: Assume | None, name: str) -> tuple[str, ...]:
    """Fill missing zero-sequence data of a pandapower net in place, before it is solved in three phases.

    What the net's own standard types say comes first. Vector groups lose their clock number, which
    `shift_degree` repeats.

    Args:
        net: The net.
        assume: What to take where data is missing.
        name: Of the net, for messages.

    Returns:
        A sentence per assumption, with its value and the number of elements.

    Raises:
        ScenarioError: Data is missing and no assumption is given for it: one problem per key.
        SolverError: A vector group that no three-phase power flow carries, or one whose clock number
            contradicts the transformer's phase shift; names the transformer.
    """
    _from_standard_types(net)
    given = assume or Assume()
    missing = [gap for gap in _GAPS if _lacks(net, gap.table, gap.column).any()]
    groups = _unnamed_groups(net)
    problems = list(_problems(net, given, missing, groups, name))
    if problems:
        raise ScenarioError(problems)
    said = [_group(net, given, groups)] if groups.any() else []
    _split_clock_numbers(net, name)
    said += [_fill(net, gap, getattr(given, gap.key)) for gap in missing]
    for table, column, value in _FIXED:
        rows = _lacks(net, table, column)
        if rows.any():
            _write(net[table], column, rows, np.full(len(rows), value))
            said.append(f"{column} = {value:g} of {_count(table, rows)} (fixed)")
    return tuple(said)


def split_vector_group(text: str) -> tuple[str, int | None]:
    """Return the group as pandapower knows it and its clock number: `dyn5` is (`Dyn`, 5).

    Raises:
        ValueError: It is none of `VECTOR_GROUPS`.
    """
    found = re.fullmatch(r"([A-Za-z]+?)(\d{1,2})?", text.strip())
    known = {group.lower(): group for group in VECTOR_GROUPS}
    if found is None or found[1].lower() not in known or int(found[2] or 0) > 11:
        raise ValueError(
            f"`{text}` is no vector group that a three-phase power flow carries: expected "
            f"{', '.join(VECTOR_GROUPS)}, with or without a clock number from 0 to 11"
        )
    return known[found[1].lower()], None if found[2] is None else int(found[2])


def _problems(net: Any, given: Assume, missing: list[_Gap], groups: Mask, name: str) -> Iterator[Problem]:
    if groups.any() and given.vector_group is None:
        text = f"{_count('trafo', groups)} of {name} without vector_group: give one, for example Dyn5"
        yield Problem("scenario", 0, "grid.assume.vector_group", text)
    told: set[str] = set()
    for gap in missing:
        if getattr(given, gap.key) is not None or gap.key in told:
            continue
        told.add(gap.key)
        rows = _lacks(net, gap.table, gap.column)
        what = f"its ratio to {gap.base}" if gap.base else "Zm0/Zk0" if gap.key == "mag0" else "a value"
        text = f"{_count(gap.table, rows)} of {name} without {gap.column}: give {what}, for example {gap.example}"
        yield Problem("scenario", 0, f"grid.assume.{gap.key}", text)


def _lacks(net: Any, table: str, column: str) -> Mask:
    rows = net[table]
    if column not in rows:
        return np.ones(len(rows), dtype=bool)
    values = pd.to_numeric(rows[column], errors="coerce").to_numpy(dtype=float)
    return np.asarray(~np.isfinite(values))


def _unnamed_groups(net: Any) -> Mask:
    if "vector_group" not in net.trafo:
        return np.ones(len(net.trafo), dtype=bool)
    return np.array([not _named(text) for text in net.trafo.vector_group], dtype=bool)


def _named(text: object) -> bool:
    return isinstance(text, str) and bool(text.strip())


def _from_standard_types(net: Any) -> None:
    """Take what the net's own standard types say about its lines and transformers."""
    columns = {(gap.table, gap.column) for gap in _GAPS} | {(table, column) for table, column, _ in _FIXED}
    for table, column in sorted(columns | {("trafo", "vector_group")}):
        kinds = net.std_types.get(table, {})
        if "std_type" not in net[table]:
            continue
        says = [kinds.get(kind, {}).get(column) for kind in net[table].std_type]
        if column == "vector_group":
            rows = _unnamed_groups(net) & np.array([_named(value) for value in says], dtype=bool)
            if rows.any():
                _write_groups(net, rows, says)
            continue
        values = pd.to_numeric(pd.Series(says, dtype=object), errors="coerce").to_numpy(dtype=float)
        rows = _lacks(net, table, column) & np.isfinite(values)
        if rows.any():
            _write(net[table], column, rows, values)


def _write(rows: pd.DataFrame, column: str, where: Mask, values: np.ndarray) -> None:
    kept = (
        pd.to_numeric(rows[column], errors="coerce").to_numpy(dtype=float)
        if column in rows
        else np.full(len(rows), math.nan)
    )
    rows[column] = np.where(where, values, kept)


def _write_groups(net: Any, where: Mask, groups: list[Any]) -> None:
    own = net.trafo.vector_group.tolist() if "vector_group" in net.trafo else [None] * len(where)
    net.trafo["vector_group"] = pd.Series(
        [new if take else old for take, new, old in zip(where, groups, own, strict=True)],
        index=net.trafo.index,
        dtype=object,
    )


def _group(net: Any, given: Assume, rows: Mask) -> str:
    _write_groups(net, rows, [given.vector_group] * len(rows))
    return f"vector group {given.vector_group} of {_count('trafo', rows)} (grid.assume.vector_group)"


def _split_clock_numbers(net: Any, name: str) -> None:
    """Leave the group alone in the table, as pandapower wants it, where the clock number fits the shift."""
    if net.trafo.empty:
        return
    groups = []
    for index, row in net.trafo.iterrows():
        label = row["name"] if _named(row["name"]) else index
        try:
            group, clock = split_vector_group(row.vector_group)
        except ValueError as exc:
            raise SolverError(f"{name}: trafo `{label}`: {exc}") from None
        shift = float(row.shift_degree)
        if clock is not None and (shift - 30.0 * clock) % 360.0 != 0.0:
            raise SolverError(
                f"{name}: trafo `{label}`: vector group {row.vector_group} shifts by {30 * clock} degrees, "
                f"shift_degree says {shift:g}; leave out the clock number, or mend the net"
            )
        groups.append(group)
    net.trafo["vector_group"] = pd.Series(groups, index=net.trafo.index, dtype=object)


def _fill(net: Any, gap: _Gap, value: float) -> str:
    rows = net[gap.table]
    where = _lacks(net, gap.table, gap.column)
    base = rows[gap.base].to_numpy(dtype=float) if gap.base else np.ones(len(rows))
    _write(rows, gap.column, where, value * gap.factor * base)
    times = f"{value:g} x {gap.base}" if gap.base else f"{value * gap.factor:g}"
    return f"{gap.column} = {times} of {_count(gap.table, where)} (grid.assume.{gap.key})"


def _count(table: str, rows: Mask) -> str:
    number = int(rows.sum())
    return f"{number} {_KINDS[table][number != 1]}"
