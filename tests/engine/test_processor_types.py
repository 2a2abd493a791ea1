"""The same numbers on another type of processor, as far as one machine can show it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

SCENARIO = Path(__file__).parents[2] / "scenarios" / "11-street-managed.yaml"
_ADVANCED = "AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL AVX512_SPR AVX2 FMA3"
PLAIN = {
    "NUMBA_CPU_NAME": "generic",
    "NUMBA_CPU_FEATURES": "",
    "OPENBLAS_CORETYPE": "Nehalem",
}
"""Code for any x86-64: no AVX, no fused multiply-add."""


def run(out: Path, cache: Path, **environment: str) -> None:
    """Run the managed street for two days in a process of its own."""
    command = [sys.executable, "-m", "twin", "run", str(SCENARIO), "--set", "days=2", "--out", str(out)]
    environment = dict(os.environ) | {"NUMBA_CACHE_DIR": str(cache)} | environment
    subprocess.run(command, env=environment, check=True, capture_output=True)


def dispatched() -> str:
    """What NumPy can switch off here."""
    from numpy._core._multiarray_umath import __cpu_features__ as features

    return " ".join(name for name in _ADVANCED.split() if features.get(name))


@pytest.mark.slow
def test_a_plain_processor_gives_the_same_tables(tmp_path: Path):
    """Three phases, guard, money: equal rows, order and integers, and numbers to 1e-9."""
    run(tmp_path / "here", tmp_path / "cache-here")
    run(tmp_path / "plain", tmp_path / "cache-plain", NPY_DISABLE_CPU_FEATURES=dispatched(), **PLAIN)
    tables = sorted(p.name for p in (tmp_path / "here").iterdir() if p.is_dir())
    assert {"buses", "branches", "meter", "sessions", "ticks", "invoices"} <= set(tables)
    for table in tables:
        mine = pq.read_table(tmp_path / "here" / table).to_pandas()
        theirs = pq.read_table(tmp_path / "plain" / table).to_pandas()
        assert list(mine.columns) == list(theirs.columns)
        for column in mine:
            if mine[column].dtype.kind == "f":
                np.testing.assert_allclose(mine[column], theirs[column], rtol=1e-9, atol=0.0, err_msg=column)
            else:
                assert mine[column].astype(str).equals(theirs[column].astype(str)), (table, column)
