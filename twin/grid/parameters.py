"""Numbers of a net that no solver could use, all at once: with table, element, column, value and remedy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from twin.domain.ids import Mask, Vector
from twin.errors import SolverError

_PHASE_POWER = tuple(
    f"{power}_{phase}_{unit}" for power, unit in (("p", "mw"), ("q", "mvar")) for phase in "abc"
)
_POSITIVE = {
    "bus": ("vn_kv",),
    "ext_grid": ("vm_pu",),
    "line": ("length_km", "parallel", "df"),
    "trafo": ("sn_mva", "vn_hv_kv", "vn_lv_kv", "vk_percent", "parallel"),
    "trafo3w": ("sn_hv_mva", "sn_mv_mva", "sn_lv_mva", "vn_hv_kv", "vn_mv_kv", "vn_lv_kv"),
}
_FINITE = {
    "line": ("r_ohm_per_km", "x_ohm_per_km", "c_nf_per_km"),
    "trafo": ("vkr_percent", "i0_percent", "pfe_kw", "shift_degree"),
    "load": ("p_mw", "q_mvar", "scaling"),
    "sgen": ("p_mw", "q_mvar", "scaling"),
    "storage": ("p_mw", "q_mvar", "scaling"),
    "asymmetric_load": (*_PHASE_POWER, "scaling"),
    "asymmetric_sgen": (*_PHASE_POWER, "scaling"),
}
_ENDS = {
    "line": ("from_bus", "to_bus"),
    "trafo": ("hv_bus", "lv_bus"),
    "trafo3w": ("hv_bus", "mv_bus", "lv_bus"),
    **dict.fromkeys(("load", "sgen", "storage", "asymmetric_load", "asymmetric_sgen", "ext_grid"), ("bus",)),
}
_NO_NEGATIVE = tuple(
    f"{x}{s}_{unit}"
    for x, unit in (("r", "ohm_per_km"), ("x", "ohm_per_km"), ("c", "nf_per_km"))
    for s in ("", "0")
)
_ZERO_POSITIVE = ("vk0_percent", "mag0_percent")
_HIGH_KV = 60.0
"""From here negative values are real: series capacitors, compensated lines, reduced parts of a net."""


def check_parameters(net: Any, name: str) -> tuple[str, ...]:
    """Refuse numbers of elements in service that no solver could use.

    Zero-sequence data may be absent (NaN): `twin.grid.assume` asks for it where it is needed.

    Args:
        net: pandapowerNet.
        name: Of the net, for messages.

    Returns:
        What results cannot tell, as sentences: lines without a rating.

    Raises:
        SolverError: A line per table and column: the first element, its value, how many more, the remedy.
    """
    cells = _Cells(net)
    problems = [f"{name}: {text}" for text in _problems(cells)]
    if problems:
        raise SolverError("\n".join(problems))
    unrated = cells.count("line", "max_i_ka", np.isnan)
    if not unrated:
        return ()
    have = "1 line has" if unrated == 1 else f"{unrated} lines have"
    return (f"{have} no max_i_ka: a loading is not known there and never a violation",)


def _problems(cells: _Cells) -> Iterator[str]:
    for table, columns in _POSITIVE.items():
        for column in columns:
            yield from cells.wrong(table, column, _not_positive, "is not positive; give a value above 0")
    for table, columns in _FINITE.items():
        for column in columns:
            remedy = "give a number, 0 where there is none"
            yield from cells.wrong(table, column, _not_finite, f"is not a finite number; {remedy}")
    yield from _lines(cells)
    for column in _ZERO_POSITIVE:
        remedy = "give a value above 0, or none for an assumption"
        yield from cells.wrong("trafo", column, _given(_not_positive), f"is not positive; {remedy}")
    for part, whole in (("vkr_percent", "vk_percent"), ("vkr0_percent", "vk0_percent")):
        most = cells.values("trafo", whole)
        if most is not None:
            text = f"is more than {whole}, of which it is the real part; mend one of them"
            yield from cells.wrong("trafo", part, _above(most), text)
    yield from cells.wrong(
        "trafo", "vkr0_percent", _given(_negative), "is negative or infinite; give 0 or more"
    )
    buses = cells.net.bus.index
    for table, columns in _ENDS.items():
        for column in columns:
            text = "is no bus of the net; give the index of one, or remove the element"
            yield from cells.wrong(table, column, lambda bus: ~np.isin(bus, buses), text)


def _lines(cells: _Cells) -> Iterator[str]:
    rated = "is no rating; give the current that the line carries for long, in kA"
    yield from cells.wrong("line", "max_i_ka", lambda value: value <= 0.0, rated)
    for column in (column for column in _NO_NEGATIVE if column not in _FINITE["line"]):
        yield from cells.wrong("line", column, np.isinf, "is infinite; give a number")
    kv = cells.net.bus.vn_kv.reindex(cells.alive("line").from_bus).to_numpy(dtype=float)
    for column in _NO_NEGATIVE:
        text = f"is negative, as only lines of {_HIGH_KV:g} kV and more may be; give 0 or more"
        yield from cells.wrong("line", column, lambda value: (value < 0.0) & (kv < _HIGH_KV), text)


class _Cells:
    """Columns of a net's tables, of the elements in service."""

    def __init__(self, net: Any) -> None:
        self.net = net

    def alive(self, table: str) -> pd.DataFrame:
        """Rows in service."""
        rows: pd.DataFrame = self.net[table]
        return rows[rows.in_service.astype(bool)] if len(rows) else rows

    def values(self, table: str, column: str) -> Vector | None:
        """Numbers, NaN for what is none; None where there is no such column."""
        rows = self.alive(table)
        if column not in rows:
            return None
        return np.asarray(pd.to_numeric(rows[column], errors="coerce"), dtype=float)

    def count(self, table: str, column: str, which: Callable[[Vector], Mask]) -> int:
        """Number of rows that are so."""
        values = self.values(table, column)
        return 0 if values is None else int(which(values).sum())

    def wrong(self, table: str, column: str, which: Callable[[Vector], Mask], text: str) -> Iterator[str]:
        """Say what is wrong with the first row that is so, and how many more are."""
        values = self.values(table, column)
        bad = np.zeros(0, dtype=bool) if values is None else which(values)
        if not bad.any():
            return
        rows = self.alive(table)[bad]
        row = rows.iloc[0]
        label = row["name"] if isinstance(row.get("name"), str) else rows.index[0]
        more = f" (and {len(rows) - 1} more)" if len(rows) > 1 else ""
        yield f"{table} `{label}`: {column} {row[column]} {text}{more}"


def _not_positive(values: Vector) -> Mask:
    return np.asarray(~(np.isfinite(values) & (values > 0.0)))


def _not_finite(values: Vector) -> Mask:
    return np.asarray(~np.isfinite(values))


def _negative(values: Vector) -> Mask:
    return np.asarray((values < 0.0) | np.isinf(values))


def _given(which: Callable[[Vector], Mask]) -> Callable[[Vector], Mask]:
    """The same of what is not absent."""
    return lambda values: np.asarray(which(values) & ~np.isnan(values))


def _above(most: Vector) -> Callable[[Vector], Mask]:
    return lambda values: np.asarray((values > most) & (most > 0.0))
