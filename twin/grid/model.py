"""The feeder as arrays, taken from pandapower's own model: nothing is converted, nothing is lost.

Before every power flow pandapower makes a list of nodes (switches joined, dead parts removed) and of branches
with their impedances, one for each sequence of a three-phase power flow. Everything here is read from there,
so taps, shifts, parallel systems, open ends, three-winding transformers and the zero sequence are
pandapower's.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandapower as pp
from pandapower.auxiliary import ControllerNotConverged, NetCalculationNotConverged
from pandapower.build_bus import _add_ext_grid_sc_impedance
from pandapower.pd2ppc import _pd2ppc_recycle
from pandapower.pypower.bustypes import bustypes
from pandapower.pypower.idx_brch import BR_B, BR_B_ASYM, BR_G, BR_G_ASYM, F_BUS, SHIFT, T_BUS
from pandapower.pypower.idx_bus import BASE_KV, BS, GS, PD, QD
from pandapower.pypower.makeYbus import branch_vectors

from twin.domain.ids import Array, Complexes, Mask, Rows, Vector
from twin.errors import SolverError
from twin.grid.feeder import BRANCH_TABLES, Feeder

_SQRT3 = math.sqrt(3.0)
TOLERANCE_MVA = 1e-9
_LOOSE_MVA = 1e-8
"""pandapower's own; metres of cable at 20 kV leave Newton's method no more."""
_UNIT_TABLES = ("load", "asymmetric_load", "storage", "sgen", "asymmetric_sgen")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequence:
    """The admittances of one sequence in per unit: M branches, N nodes.

    Attributes:
        y: (M, 4) yff, yft, ytf, ytt, as in `pandapower.pypower.makeYbus`.
        charging: (M, 2) what of yff (before the tap ratio) and of ytt leads to ground. Of a short line it is
            a billionth of yff and could not be found back from there.
        shunt: (N,) admittance to ground outside branches.
    """

    y: Complexes
    charging: Complexes
    shunt: Complexes


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """Nodes and branches in per unit of `base_va`. N nodes, M branches, E rated branch ends.

    Attributes:
        phases: 1 symmetric, 3 unbalanced.
        base_va: Base power; of each phase in an unbalanced model.
        node: (nb,) node of each bus; -1 where it is dead.
        slack: Nodes of fixed voltage.
        pv: Nodes of fixed magnitude and fixed active power.
        source: Voltages of the slack nodes.
        positive: Admittances of the positive sequence, those of the negative one too.
        zero: Of the zero sequence; None in a symmetric model.
        source_y: (2,) admittance between the slack node and ground in the negative and the zero sequence: the
            upstream grid, whose positive sequence is an ideal source (as in `pandapower.runpp_3ph`).
        fixed: (N,) power drawn by what follows no profile (motors, wards).
        branch_from, branch_to: (M,) nodes.
        shift_rad: (M,) phase shift of the positive sequence from the from side to the to side.
        end_branch, end_side, end_element: (E,) branch, side (0 from, 1 to) and element of a rated end.
        end_pct: (E,) loading in % per unit of current.
        dead_branch: (nl,) True for branches without a loading.
    """

    phases: Literal[1, 3]
    base_va: float
    node: Rows
    slack: Rows
    pv: Rows
    source: Complexes
    positive: Sequence
    zero: Sequence | None
    source_y: Complexes
    fixed: Complexes
    branch_from: Rows
    branch_to: Rows
    shift_rad: Vector
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
    net = bare_net(feeder)
    alive = np.flatnonzero(feeder.supplied)
    rows = pp.create_loads(net, net.bus.index.to_numpy()[alive], p_mw=0.0, q_mvar=0.0)
    load = np.full(len(feeder.buses), -1, dtype=np.int64)
    load[alive] = rows
    return net, load


def bare_net(feeder: Feeder) -> Any:
    """Copy the net with its units out of service."""
    profiles = feeder.net.get("profiles")
    net = copy.deepcopy(feeder.net, {id(profiles): None})  # a year of samples need not be copied
    for table in _UNIT_TABLES:
        net[table]["in_service"] = False
    return net


def run(net: Any, *, control: bool = False) -> bool:
    """Solve `net` in place, with its controllers if asked; False where there is no solution."""
    for tolerance_mva in (TOLERANCE_MVA, _LOOSE_MVA):
        try:
            pp.runpp(
                net,
                tolerance_mva=tolerance_mva,
                calculate_voltage_angles=True,
                lightsim2grid=False,
                numba=False,  # pandapower compiles for 5 s in every process and saves 4 ms a solve
                run_control=control,
            )
        except (pp.LoadflowNotConverged, ControllerNotConverged, NetCalculationNotConverged):
            continue
        return True
    return False


def run_three_phase(net: Any) -> bool:
    """Solve `net` unbalanced in place; False where there is no solution."""
    try:
        with np.errstate(invalid="ignore"):  # it divides nothing by nothing where a bus is dead
            pp.runpp_3ph(net, tolerance_mva=TOLERANCE_MVA, calculate_voltage_angles=True, numba=False)
    except (pp.LoadflowNotConverged, NetCalculationNotConverged):
        return False
    return True


def read_model(feeder: Feeder, phases: Literal[1, 3] = 1) -> Model:
    """Solve the unloaded net once and read the model out of it.

    Raises:
        SolverError: pandapower cannot solve the net without any load, or three phases are asked of elements
            that its unbalanced power flow would ignore.
    """
    if phases == 3:
        _refuse_ignored(feeder)
    net = bare_net(feeder)
    try:
        solved = run(net) if phases == 1 else run_three_phase(net)
    except Exception as exc:  # pandapower raises whatever its parts do on tables it cannot use
        raise SolverError(f"pandapower cannot solve {feeder.name}: {type(exc).__name__}: {exc}") from exc
    if not solved:
        raise SolverError(f"pandapower finds no solution for {feeder.name}, not even without load")
    return model_of(net, feeder) if phases == 1 else _unbalanced(net, feeder)


def _refuse_ignored(feeder: Feeder) -> None:
    """`runpp_3ph` leaves these tables out without a word."""
    net = feeder.net
    found = [t for t in ("motor", "ward", "xward", "gen", "dcline") if t in net and net[t].in_service.any()]
    if found:
        raise SolverError(
            f"{feeder.name}: a three-phase power flow carries no elements of table {', '.join(found)}: take "
            "them out of service, or solve the feeder as symmetric"
        )


def model_of(net: Any, feeder: Feeder) -> Model:
    """Read the arrays of a net that `runpp` just solved."""
    inside = net._ppc["internal"]  # noqa: SLF001  # pandapower offers no public way to its admittances
    bus, branch = inside["bus"], inside["branch"]
    slack = np.asarray(inside["ref"], dtype=np.int64)
    base_mva = float(net.sn_mva)
    return Model(
        phases=1,
        base_va=base_mva * 1e6,
        slack=slack,
        pv=np.asarray(inside["pv"], dtype=np.int64),
        source=np.asarray(inside["V"], dtype=complex)[slack],
        positive=_sequence(bus, branch, base_mva),
        zero=None,
        source_y=np.zeros(2, dtype=complex),
        fixed=np.asarray((bus[:, PD] + 1j * bus[:, QD]) / base_mva, dtype=complex),
        **_places(net, feeder, bus, branch, np.asarray(inside["branch_is"], dtype=bool), phases=1),
    )


def _unbalanced(net: Any, feeder: Feeder) -> Model:
    """Read the sequences of a net that `runpp_3ph` just solved, made again by pandapower's own steps."""
    _, zero = _pd2ppc_recycle(net, 0, None)
    _, negative = _pd2ppc_recycle(net, 2, None)
    y_negative = _source_admittance(net, negative)
    _, positive = _pd2ppc_recycle(net, 1, None)  # last: its tables of names are read below
    bus, branch = positive["bus"], positive["branch"]
    same = zero["branch"].shape == branch.shape and np.array_equal(
        zero["branch"][:, :2].real, branch[:, :2].real
    )
    if not same or len(zero["bus"]) != len(bus):
        raise SolverError(f"{feeder.name}: pandapower numbers the nodes of the zero sequence in another way")
    ref, pv, _ = bustypes(bus, positive["gen"])
    slack = np.asarray(ref, dtype=np.int64)
    base_mva = float(net.sn_mva)
    at_source = zero["bus"][slack]
    y_zero = complex((at_source[:, GS] + 1j * at_source[:, BS]).sum() / base_mva)
    grounded = _sequence(zero["bus"], zero["branch"], base_mva)
    grounded.shunt[slack] = 0.0  # the upstream grid stands in source_y
    angle = np.deg2rad(net.ext_grid.va_degree[net.ext_grid.in_service.astype(bool)].iloc[0])
    vm_pu = float(net.ext_grid.vm_pu[net.ext_grid.in_service.astype(bool)].iloc[0])
    return Model(
        phases=3,
        base_va=base_mva * 1e6,
        slack=slack,
        pv=np.asarray(pv, dtype=np.int64),
        source=np.full(len(slack), vm_pu * np.exp(1j * angle)),
        positive=_sequence(bus, branch, base_mva),
        zero=grounded,
        source_y=np.array([y_negative / base_mva, y_zero]),
        fixed=np.zeros(len(bus), dtype=complex),
        **_places(net, feeder, bus, branch, np.asarray(positive["internal"]["branch_is"], bool), phases=3),
    )


def _source_admittance(net: Any, negative: Any) -> complex:
    g, b = _add_ext_grid_sc_impedance(net, negative)
    return complex(np.sum(g), np.sum(b))


def _sequence(bus: Array, branch: Array, base_mva: float) -> Sequence:
    ytt, yff, yft, ytf = branch_vectors(branch, len(branch)) if len(branch) else (np.zeros(0),) * 4
    shunt = branch[:, BR_G] + 1j * branch[:, BR_B]
    uneven = branch[:, BR_G_ASYM] + 1j * branch[:, BR_B_ASYM]
    return Sequence(
        y=np.ascontiguousarray(np.stack([yff, yft, ytf, ytt], axis=1), dtype=complex),
        charging=np.stack([shunt / 2.0, (shunt + uneven) / 2.0], axis=1).astype(complex),
        shunt=np.asarray((bus[:, GS] + 1j * bus[:, BS]) / base_mva, dtype=complex),
    )


def _places(
    net: Any, feeder: Feeder, bus: Array, branch: Array, alive: Mask, *, phases: int
) -> dict[str, Any]:
    """Where buses, branches and ratings of the net are in the arrays."""
    nodes = len(bus)
    lookup = net._pd2ppc_lookups["bus"]  # noqa: SLF001
    node = lookup[net.bus.index.to_numpy()].astype(np.int64)
    ends = {side: np.real(branch[:, column]).astype(np.int64) for side, column in ((0, F_BUS), (1, T_BUS))}
    rated = _rated_ends(net, alive, ends, np.abs(np.real(bus[:, BASE_KV])), phases)
    dead = np.ones(len(feeder.branches), dtype=bool)
    dead[rated[2]] = False
    return {
        "node": np.where((node >= 0) & (node < nodes) & feeder.supplied, node, -1),
        "branch_from": ends[0],
        "branch_to": ends[1],
        "shift_rad": np.deg2rad(np.real(branch[:, SHIFT])),
        "end_branch": rated[0],
        "end_side": rated[1],
        "end_element": rated[2],
        "end_pct": rated[3],
        "dead_branch": dead,
    }


def _rated_ends(
    net: Any, in_service: Mask, ends: dict[int, Rows], base_kv: Vector, phases: int
) -> tuple[Rows, Rows, Rows, Vector]:
    """Every branch end that has a rating: its branch, side, element, and % per unit of current."""
    internal = np.cumsum(in_service) - 1
    found: list[tuple[int, int, int, float]] = []
    for row, side, element, pct_per_ka in _ratings(net):
        if in_service[row] and math.isfinite(pct_per_ka):
            branch = int(internal[row])
            # the base power of an unbalanced model is that of each phase
            ka_per_pu = phases * float(net.sn_mva) / (_SQRT3 * base_kv[ends[side][branch]])
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
