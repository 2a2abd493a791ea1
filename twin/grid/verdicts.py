"""Self-checks that were passed before, kept on disk: the same feeder need not be proved at every start.

A verdict belongs to everything that it rests on: the net's tables, the arrays read from pandapower, the
chargers of the heaviest point, the versions of the programs and the source of this package. Whatever changes
makes another key, and the check runs again.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path

import numpy as np

from twin.domain.ids import Array
from twin.grid.common import Setup
from twin.grid.plan import Plan

_LOG = logging.getLogger(__name__)
_PROGRAMS = ("pandapower", "numpy", "scipy", "numba")


@dataclass(frozen=True, slots=True)
class Check:
    """How far the compiled feeder was from pandapower at the points where both have a solution."""

    points: tuple[str, ...]
    max_dvm_pu: float
    max_dloading_pct: float
    max_dvuf_pct: float
    refused: str
    """Why the compiled feeder cannot be used; empty if it can."""


def folder() -> Path:
    """Where verdicts are kept: `TWIN_CACHE`, else `twin` in the user's cache folder."""
    named = os.environ.get("TWIN_CACHE")
    if named:
        return Path(named) / "self-checks"
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "twin" / "self-checks"


def key(setup: Setup, plan: Plan) -> str:
    """Return what a verdict on this feeder rests on, as 32 hexadecimal digits."""
    digest = hashlib.sha256(f"{plan.fingerprint} {_programs()} {setup.evse_q_per_p}".encode())
    model, zero = plan.model, plan.model.zero
    arrays: list[Array] = [*plan.net[2:], model.source, model.source_y, model.node]
    for sequence in (model.positive,) if zero is None else (model.positive, zero):
        arrays += [sequence.y, sequence.charging, sequence.shunt]
    arrays += [setup.evse_bus, setup.evse_max_w, setup.heaviest_w, setup.q_per_p]
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:32]


@cache
def _programs() -> str:
    """Versions of the programs that take part, and the source of this package."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return " ".join([*(version(name) for name in _PROGRAMS), digest.hexdigest()])


def recall(name: str) -> Check | None:
    """Return the verdict of this key; None if there is none, or none that can be read."""
    path = folder() / f"{name}.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return Check(**(found | {"points": tuple(found["points"])}))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        _LOG.warning("%s cannot be read (%s): the feeder is checked again", path, error)
        return None


def remember(name: str, check: Check) -> None:
    """Keep a verdict that lets the compiled feeder be used; where nothing can be written, nothing is kept."""
    if check.refused:
        return
    path = folder() / f"{name}.json"
    aside = path.with_suffix(f".{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        aside.write_text(json.dumps(asdict(check)), encoding="utf-8")
        aside.replace(path)
    except OSError as error:
        _LOG.info("the self-check is not kept: %s", error)
        with suppress(OSError):
            aside.unlink(missing_ok=True)
