"""What makes two nets the same to a power flow, as one short text."""

from __future__ import annotations

import hashlib
from importlib.metadata import version

import pandas as pd

from twin.grid.feeder import Feeder

_IDLE = (
    "profiles",
    "measurement",
    "poly_cost",
    "pwl_cost",
    "characteristic",
    "controller",
    "group",
    "geodata",
)
"""Tables, or parts of their names, that no power flow reads."""
_PLACES = ("geo", "coords", "name", "zone", "subnet", "voltLvl")
_FORMAT = 1
"""Raised whenever the kernel computes something else."""


def fingerprint(feeder: Feeder, phases: int) -> str:
    """Return 16 hexadecimal digits for the tables, taps and switches of a net.

    Powers of loads and generators count, too: they are points of the self-check.
    """
    digest = hashlib.sha256(f"{_FORMAT} {phases} {version('pandapower')} {version('numba')}".encode())
    net = feeder.net
    for name in sorted(net.keys()):
        table = net[name]
        if not isinstance(table, pd.DataFrame) or table.empty or name.startswith(("res_", "_")):
            continue
        if any(part in name for part in _IDLE):
            continue
        kept = table[[c for c in sorted(table.columns, key=str) if c not in _PLACES]]
        digest.update(f"{name} {list(kept.columns)}".encode())
        digest.update(kept.to_csv(float_format="%.17g").encode())
    digest.update(f"{net.sn_mva} {net.f_hz}".encode())
    return digest.hexdigest()[:16]
