"""Writes `docs/nomenclature.md` from what the code knows: `python -m twin.results.nomenclature > FILE`."""

from __future__ import annotations

import sys

from twin.results.quantities import SUMMARY
from twin.results.schema import TABLES, every_column

_HEAD = """\
# Nomenclature

One name per quantity, in code, tables, summary and report. The suffix is the unit:

| suffix | unit | suffix | unit |
|---|---|---|---|
| `_s` | seconds; `t_s`: since the start of the run | `_w`, `_kw` | active power, positive draws from the grid |
| `_wh`, `_kwh` | energy | `_a`, `_v` | current and voltage, rms |
| `_pu` | per unit of the nominal voltage | `_pct` | percent |
| `_min`, `_minutes` | minutes | `_minor` | minor units of a currency (cent) |

This page is written by `python -m twin.results.nomenclature`; change `twin/results/quantities.py` or
`twin/results/schema.py` instead.
"""

_SUMMARY = """\
## Summary

Keys of `summary.json`, of `Run.summary` and of `twin run --json`. Only `cpu_s` and `evse_days_per_cpu_s` differ
between two runs of the same scenario and seed.
"""

_TABLES = """\
## Tables

Row k of a dense table (`meter`, `limits`, `ticks`, `buses`, `branches`) describes the interval that ends at its `t_s`.
Unit and meaning are in the metadata of every column of the Parquet files, too.
"""


def nomenclature() -> str:
    """The whole page."""
    blocks = [_HEAD, _SUMMARY, _table("key", [(key, q.unit, q.doc) for key, q in SUMMARY.items()]), _TABLES]
    for name in TABLES:
        schema = every_column(name)
        rows = [(f.name, f.metadata[b"unit"].decode(), f.metadata[b"doc"].decode()) for f in schema]
        blocks += [f"### `{name}`\n", _table("column", rows)]
    return "\n".join(blocks)


def _table(head: str, rows: list[tuple[str, str, str]]) -> str:
    lines = [f"| {head} | unit | meaning |", "|---|---|---|"]
    lines += [f"| `{name}` | {unit} | {doc} |" for name, unit, doc in rows]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(nomenclature())
