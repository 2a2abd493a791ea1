"""Where a net comes from: pandapower's own networks, SimBench, or a file that pandapower wrote."""

from __future__ import annotations

import copy
import difflib
import inspect
import logging
import random  # noqa: TID251 -- pandapower draws from it; its state is kept
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import pandapower as pp
import pandas as pd
from pandapower import networks

from twin.errors import Problem, ScenarioError
from twin.grid.assume import Assume, complete
from twin.grid.feeder import Feeder, index_feeder

_LOG = logging.getLogger(__name__)
_THREE = 3
_WRITERS = {".json": "pp.to_json", ".xlsx": "pp.to_excel"}
_DRAWN = "twin_drawn"
"""Key of a net that says whether making it took random numbers."""


@dataclass(frozen=True, slots=True)
class NetSource:
    """Which net to load.

    Attributes:
        kind: `builtin` (a function of pandapower.networks), `simbench` (a code) or `file`.
        ref: Name, code, or path of a pandapower JSON (`.json`) or Excel file (`.xlsx`).
    """

    kind: Literal["builtin", "simbench", "file"]
    ref: str

    @property
    def name(self) -> str:
        """How results name the net, for example `simbench:1-LV-rural2--0-sw`; of a path its last part."""
        return f"{self.kind}:{Path(self.ref).name if self.kind == 'file' else self.ref}"


def load_feeder(source: NetSource, *, phases: int = 1, assume: Assume | None = None) -> Feeder:
    """Load a net, repair what is known to be lost on the way, and index it.

    Args:
        source: Which net.
        phases: 3 to complete what a power flow of three phases needs.
        assume: What to take for zero-sequence data that the net lacks.

    Raises:
        ScenarioError: The source is unknown or unreadable, or lacks data for which nothing is assumed.
        SolverError: The net is read, but an element of it cannot be used; the message names it.
    """
    read = {"builtin": _builtin, "simbench": _simbench, "file": _file}[source.kind]
    net = read(source.ref)
    notes = (*_drawn(source, net), *_restore_tap_changers(net))
    assumptions = complete(net, assume, source.name) if phases == _THREE else ()
    return index_feeder(net, source.name, notes=notes, assumptions=assumptions)


def _fail(kind: str, text: str) -> ScenarioError:
    return ScenarioError([Problem("scenario", 0, f"grid.net.{kind}", text)])


def _hint(ref: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(ref, list(known), n=1, cutoff=0.5)
    return f", did you mean `{near[0]}`?" if near else ""


def builtin_names() -> tuple[str, ...]:
    """Return the functions of pandapower.networks that make a net without arguments."""
    return tuple(name for name in dir(networks) if _makes_net(getattr(networks, name)))


def _makes_net(thing: Any) -> bool:
    if not inspect.isfunction(thing) or not thing.__module__.startswith("pandapower.networks"):
        return False
    parameters = inspect.signature(thing).parameters.values()
    needed = [
        p
        for p in parameters
        if p.default is p.empty and p.kind in {p.POSITIONAL_OR_KEYWORD, p.POSITIONAL_ONLY}
    ]
    return not thing.__name__.startswith("_") and not needed


def _builtin(ref: str) -> Any:
    names = builtin_names()
    if ref not in names:
        raise _fail("builtin", f"pandapower has no network `{ref}`{_hint(ref, names)}")
    make: Callable[[], Any] = getattr(networks, ref)
    kept = random.getstate()
    random.seed(ref)  # Kerber's nets draw the types of service cables: the same in every process
    drawing = random.getstate()
    try:
        net = make()
        net[_DRAWN] = random.getstate() != drawing
    finally:
        random.setstate(kept)
    return net


def _drawn(source: NetSource, net: Any) -> tuple[str, ...]:
    """Say that parts of a built-in net are random: whoever makes it in pandapower gets others each time."""
    if not net.pop(_DRAWN, False):
        return ()
    return (f"pandapower draws parts of {source.ref} at random: drawn with a seed that is always the same",)


def _simbench(ref: str) -> Any:
    import simbench  # noqa: PLC0415  # 0.5 s, and only SimBench nets need it

    codes = simbench.collect_all_simbench_codes()
    if ref not in codes:
        raise _fail("simbench", f"SimBench has no net `{ref}`{_hint(ref, codes)}")
    return copy.deepcopy(_read_simbench(ref))


@lru_cache(maxsize=1)  # 4 s to read, 12 ms to copy: a sweep runs one net over many seeds
def _read_simbench(ref: str) -> Any:
    import simbench  # noqa: PLC0415  # as above

    return simbench.get_simbench_net(ref)


def _file(ref: str) -> Any:
    path = Path(ref)
    readers: dict[str, Callable[[str], Any]] = {".json": pp.from_json, ".xlsx": pp.from_excel}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise _fail("file", f"{path.name} is neither a pandapower JSON (.json) nor an Excel file (.xlsx)")
    if not path.is_file():
        raise _fail("file", f"{path} does not exist")
    no_net = f"{path.name} holds no pandapower net: expected what `{_WRITERS[path.suffix.lower()]}` writes"
    try:
        net = reader(str(path))
    except OSError as exc:
        raise _fail("file", f"{path} cannot be read: {exc.strerror or 'it is damaged'}") from exc
    except Exception as exc:  # pandapower's readers raise whatever their parsers do
        raise _fail("file", no_net) from exc
    if not isinstance(net, pp.pandapowerNet) or "bus" not in net:
        raise _fail("file", no_net)
    return net


def _restore_tap_changers(net: Any) -> tuple[str, ...]:
    """Give transformers whose tap position would be ignored the kind of tap changer that it needs.

    pandapower >= 3 ignores `tap_pos` where `tap_changer_type` is empty, which it is in every SimBench net
    and in files of older versions: 0.017 pu on 1-MV-urban (e2nIEE/simbench#69).
    """
    notes = []
    for table in ("trafo", "trafo3w"):
        trafos = net[table]
        if trafos.empty or "tap_pos" not in trafos or "tap_step_percent" not in trafos:
            continue
        kind = trafos.get("tap_changer_type", pd.Series(index=trafos.index, dtype=object))
        lost = kind.isna() & trafos.tap_pos.notna() & trafos.tap_step_percent.fillna(0.0).ne(0.0)
        if lost.any():
            trafos["tap_changer_type"] = kind.astype(object).where(~lost, "Ratio")
            notes.append(f"{int(lost.sum())} row(s) of {table} had no tap_changer_type: taken as Ratio")
    return tuple(notes)
