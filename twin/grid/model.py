"""The feeder as arrays, taken from pandapower's own solved model: nothing is converted, nothing is lost.

After one power flow pandapower holds the net as a list of nodes (switches joined, dead parts removed) and
of branches with their admittances. Everything here is read from there, so taps, shifts, parallel systems,
open ends and three-winding transformers are pandapower's.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandapower as pp
from pandapower.auxiliary import ControllerNotConverged, NetCalculationNotConverged
from pandapower.pypower.idx_brch import F_BUS, T_BUS
from pandapower.pypower.idx_bus import BASE_KV, BS, GS, PD, QD

from twin.domain.ids import Array, Complexes, Mask, Rows, Vector
from twin.errors import SolverError
from twin.grid.feeder import BRANCH_TABLES, Feeder

_SQRT3 = math.sqrt(3.0)
TOLERANCE_MVA = 1e-9
_UNIT_TABLES = ("load", "asymmetric_load", "storage", "sgen", "asymmetric_sgen")


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """Nodes and branches in per unit of `base_va`. N nodes, M branches, E rated branch ends.

    Attributes:
        base_va: Base power.
        node: (nb,) node of each bus; -1 where it is dead.
        slack: Nodes of fixed voltage.
        pv: Nodes of fixed magnitude and fixed active power.
        v0: (N,) voltages of the unloaded net; those of the slack nodes are the source's.
        y_bus: Sparse (N, N) admittance.
        shunt: (N,) admittance to ground outside branches.
        fixed: (N,) power drawn by what follows no profile (motors, wards).
        branch_from, branch_to: (M,) nodes.
        y: (M, 4) yff, yft, ytf, ytt.
        end_branch, end_side, end_element: (E,) branch, side (0 from, 1 to) and element of a rated end.
        end_pct: (E,) loading in % per unit of current.
        dead_branch: (nl,) True for branches without a loading.
    """

    base_va: float
    node: Rows
    slack: Rows
    pv: Rows
    v0: Complexes
    y_bus: Any
    shunt: Complexes
    fixed: Complexes
    branch_from: Rows
    branch_to: Rows
    y: Complexes
    end_branch: Rows
    end_side: Rows
    end_element: Rows
    end_pct: Vector
    dead_branch: Mask


def working_net(feeder: Feeder) -> tuple[Any, Rows]:
    """Copy the net with one load per living bus in place of its units.

    Returns:
        The copy, and (nb,) the row of the load that stands for each bus, -1 for dead buses.
    """
    profiles = feeder.net.get("profiles")
    net = copy.deepcopy(feeder.net, {id(profiles): None})  # a year of samples need not be copied
    for table in _UNIT_TABLES:
        net[table]["in_service"] = False
    alive = np.flatnonzero(feeder.supplied)
    rows = pp.create_loads(net, net.bus.index.to_numpy()[alive], p_mw=0.0, q_mvar=0.0)
    load = np.full(len(feeder.buses), -1, dtype=np.int64)
    load[alive] = rows
    return net, load


def run(net: Any, *, control: bool = False) -> bool:
    """Solve `net` in place, with its controllers if asked; False where there is no solution."""
    try:
        pp.runpp(
            net,
            tolerance_mva=TOLERANCE_MVA,
            calculate_voltage_angles=True,
            lightsim2grid=False,
            numba=False,  # pandapower compiles for 5 s in every process and saves 4 ms a solve
            run_control=control,
        )
    except (pp.LoadflowNotConverged, ControllerNotConverged, NetCalculationNotConverged):
        return False
    return True


def read_model(feeder: Feeder) -> Model:
    """Solve the unloaded net once and read the model out of it.

    Raises:
        SolverError: pandapower cannot solve the net without any load.
    """
    net, _ = working_net(feeder)
    try:
        solved = run(net)
    except Exception as exc:  # pandapower raises whatever its parts do on tables it cannot use
        raise SolverError(f"pandapower cannot solve {feeder.name}: {type(exc).__name__}: {exc}") from exc
    if not solved:
        raise SolverError(f"pandapower finds no solution for {feeder.name}, not even without load")
    return model_of(net, feeder)


def model_of(net: Any, feeder: Feeder) -> Model:
    """Read the arrays of a net that was just solved."""
    inside = net._ppc["internal"]  # noqa: SLF001  # pandapower offers no public way to its admittances
    bus, branch = inside["bus"], inside["branch"]
    nodes = len(bus)
    lookup = net._pd2ppc_lookups["bus"]  # noqa: SLF001
    node = lookup[net.bus.index.to_numpy()].astype(np.int64)
    node = np.where((node >= 0) & (node < nodes) & feeder.supplied, node, -1)
    ends = _rated_ends(net, np.asarray(inside["branch_is"], dtype=bool), np.abs(bus[:, BASE_KV]))
    base_mva = float(net.sn_mva)
    elements = len(feeder.branches)
    dead = np.ones(elements, dtype=bool)
    dead[ends[2]] = False
    return Model(
        base_va=base_mva * 1e6,
        node=node,
        slack=np.asarray(inside["ref"], dtype=np.int64),
        pv=np.asarray(inside["pv"], dtype=np.int64),
        v0=np.asarray(inside["V"], dtype=complex),
        y_bus=inside["Ybus"].tocsr(),
        shunt=np.asarray((bus[:, GS] + 1j * bus[:, BS]) / base_mva, dtype=complex),
        fixed=np.asarray((bus[:, PD] + 1j * bus[:, QD]) / base_mva, dtype=complex),
        branch_from=np.real(branch[:, F_BUS]).astype(np.int64),
        branch_to=np.real(branch[:, T_BUS]).astype(np.int64),
        y=_admittances(inside),
        end_branch=ends[0],
        end_side=ends[1],
        end_element=ends[2],
        end_pct=ends[3],
        dead_branch=dead,
    )


def _admittances(inside: Any) -> Complexes:
    """(M, 4) yff, yft, ytf, ytt. A branch between joined nodes has its sum in yff and ytf."""
    branch = inside["branch"]
    rows = np.arange(len(branch))
    f, t = (np.real(branch[:, column]).astype(np.int64) for column in (F_BUS, T_BUS))
    y_from, y_to = inside["Yf"].tocsr(), inside["Yt"].tocsr()
    out = np.zeros((len(branch), 4), dtype=complex)
    if len(branch):
        out[:, 0] = np.asarray(y_from[rows, f]).ravel()
        out[:, 1] = np.where(f == t, 0.0, np.asarray(y_from[rows, t]).ravel())
        out[:, 2] = np.asarray(y_to[rows, f]).ravel()
        out[:, 3] = np.where(f == t, 0.0, np.asarray(y_to[rows, t]).ravel())
    return out


def _rated_ends(net: Any, in_service: Mask, base_kv: Vector) -> tuple[Rows, Rows, Rows, Vector]:
    """Every branch end that has a rating: its branch, side, element, and % per unit of current."""
    inside = net._ppc["internal"]  # noqa: SLF001
    internal = np.cumsum(in_service) - 1
    ends = {
        0: np.real(inside["branch"][:, F_BUS]).astype(int),
        1: np.real(inside["branch"][:, T_BUS]).astype(int),
    }
    found: list[tuple[int, int, int, float]] = []
    for row, side, element, pct_per_ka in _ratings(net):
        if in_service[row] and math.isfinite(pct_per_ka):
            branch = int(internal[row])
            ka_per_pu = float(net.sn_mva) / (_SQRT3 * base_kv[ends[side][branch]])
            found.append((branch, side, element, pct_per_ka * ka_per_pu))
    columns: list[Array] = [np.array([f[k] for f in found]) for k in range(4)]
    return (
        columns[0].astype(np.int64),
        columns[1].astype(np.int64),
        columns[2].astype(np.int64),
        columns[3].astype(float),
    )


def _ratings(net: Any) -> list[tuple[int, int, int, float]]:
    """(branch row, side, element, % per kA) of every end, as pandapower defines loading by current."""
    ranges = net._pd2ppc_lookups["branch"]  # noqa: SLF001
    out: list[tuple[int, int, int, float]] = []
    first_element = 0
    for table in BRANCH_TABLES:
        rows = net[table]
        alive = rows.in_service.to_numpy(dtype=bool)
        if len(rows):
            first = ranges[table][0]
            for side, offset, pct in _sides(table, rows):
                out += [
                    (first + offset + k, side, first_element + k, float(pct[k]))
                    for k in np.flatnonzero(alive).tolist()
                ]
        first_element += len(rows)
    return out


def _sides(table: str, rows: Any) -> list[tuple[int, int, Vector]]:
    """(side, offset of the branch row, % per kA) of each rated side of a table's elements."""
    with np.errstate(divide="ignore"):
        if table == "line":
            pct = 100.0 / (rows.max_i_ka * rows.df * rows.parallel).to_numpy(dtype=float)
            return [(0, 0, pct), (1, 0, pct)]
        if table == "trafo":
            per_kv = 100.0 * _SQRT3 / (rows.sn_mva * rows.parallel * rows.df).to_numpy(dtype=float)
            return [(0, 0, per_kv * rows.vn_hv_kv.to_numpy()), (1, 0, per_kv * rows.vn_lv_kv.to_numpy())]
        count = len(rows)
        return [
            (
                side,
                leg * count,
                100.0 * _SQRT3 * rows[f"vn_{s}_kv"].to_numpy() / rows[f"sn_{s}_mva"].to_numpy(),
            )
            for leg, (s, side) in enumerate((("hv", 0), ("mv", 1), ("lv", 1)))
        ]
