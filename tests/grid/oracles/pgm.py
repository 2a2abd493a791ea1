"""An independent power flow: power-grid-model, fed from pandapower's tables, not from its equations."""

from __future__ import annotations

import numpy as np
import pandapower as pp
from power_grid_model import (
    CalculationMethod,
    ComponentType,
    DatasetType,
    LoadGenType,
    PowerGridModel,
    WindingType,
    initialize_array,
)
from power_grid_model.errors import IterationDiverge, SparseMatrixError

from .flow import Flow, loading_pct, vuf_pct
from .tables import Tables, read

_IDEAL_VA = 1e20
"""Short-circuit power of the source: pandapower's is ideal."""
_TOLERANCE_PU = 1e-9


class NoSolution(Exception):
    """Newton's method finds no voltage at which this power can be drawn."""


def solve(net: pp.pandapowerNet, p_w: np.ndarray, q_var: np.ndarray) -> Flow:
    """Solve each phase; (nb, 3) drawn at each bus."""
    return _solve(net, p_w, q_var, symmetric=False)


def solve_symmetric(net: pp.pandapowerNet, p_w: np.ndarray, q_var: np.ndarray) -> Flow:
    """Solve three equal phases; (nb,) drawn at each bus."""
    return _solve(net, p_w, q_var, symmetric=True)


def _solve(net: pp.pandapowerNet, p_w: np.ndarray, q_var: np.ndarray, *, symmetric: bool) -> Flow:
    tables = read(net)
    kind = ComponentType.sym_load if symmetric else ComponentType.asym_load
    model = PowerGridModel(
        {
            ComponentType.node: _nodes(tables),
            ComponentType.source: _source(tables),
            ComponentType.line: _lines(tables),
            ComponentType.transformer: _trafos(tables),
            ComponentType.shunt: _magnetisation(tables),
            kind: _loads(tables, kind, p_w, q_var),
        },
        system_frequency=tables.f_hz,
    )
    try:
        out = model.calculate_power_flow(
            symmetric=symmetric,
            calculation_method=CalculationMethod.newton_raphson,
            error_tolerance=_TOLERANCE_PU,
        )
    except (IterationDiverge, SparseMatrixError) as exc:
        raise NoSolution from exc
    return _flow(net, tables, out)


def _flow(net: pp.pandapowerNet, tables: Tables, out: dict) -> Flow:
    def phases(values: np.ndarray) -> np.ndarray:
        return values.reshape(len(values), -1)

    node, lines = out[ComponentType.node], out[ComponentType.line]
    u_pu = phases(node["u_pu"])
    width = u_pu.shape[1]
    vuf = vuf_pct(u_pu * np.exp(1j * phases(node["u_angle"]))) if width == 3 else np.zeros(len(u_pu))
    alive = (tables.node >= 0)[:, None]
    line_a = np.full((len(net.line), width), np.nan)
    line_a[[line.row for line in tables.lines]] = phases(np.maximum(lines["i_from"], lines["i_to"]))
    trafo_a = np.full((len(net.trafo), 2, width), np.nan)
    if tables.trafos:
        trafo_a[[trafo.row for trafo in tables.trafos]] = _trafo_a(tables, out)
    return Flow(
        np.where(alive, u_pu[tables.node], np.nan),
        np.where(alive[:, 0], vuf[tables.node], np.nan),
        line_a,
        trafo_a,
        loading_pct(net, line_a, trafo_a),
    )


def _trafo_a(tables: Tables, out: dict) -> np.ndarray:
    """(n, 2, phases) current into both ends of the transformers, their magnetisation included."""
    node, trafo, shunt = (
        out[t] for t in (ComponentType.node, ComponentType.transformer, ComponentType.shunt)
    )
    count = len(trafo)
    sides = []
    for k, side in enumerate(("from", "to")):
        half = shunt[k * count : (k + 1) * count]
        power = trafo[f"p_{side}"] + half["p"] + 1j * (trafo[f"q_{side}"] + half["q"])
        u = node["u"][[t.ends[k] for t in tables.trafos]]
        current = np.abs(power) / u / (np.sqrt(3.0) if u.ndim == 1 else 1.0)
        sides.append(current.reshape(count, -1))
    return np.stack(sides, axis=1)


def _nodes(tables: Tables) -> np.ndarray:
    node = initialize_array(DatasetType.input, ComponentType.node, len(tables.base_v))
    node["id"], node["u_rated"] = np.arange(len(node)), tables.base_v
    return node


def _source(tables: Tables) -> np.ndarray:
    source = initialize_array(DatasetType.input, ComponentType.source, 1)
    source["id"], source["node"], source["status"] = 1_000_000, tables.source, 1
    source["u_ref"], source["sk"] = tables.source_pu, _IDEAL_VA
    return source


def _loads(tables: Tables, kind: ComponentType, p_w: np.ndarray, q_var: np.ndarray) -> np.ndarray:
    assert not np.any(np.asarray(p_w)[tables.node < 0]), "a dead bus draws"
    alive = np.flatnonzero(tables.node >= 0)
    load = initialize_array(DatasetType.input, kind, len(alive))
    load["id"], load["node"], load["status"] = 2_000_000 + alive, tables.node[alive], 1
    load["type"] = LoadGenType.const_power
    load["p_specified"], load["q_specified"] = p_w[alive], q_var[alive]
    return load


def _branches(kind: ComponentType, branches: list, first: int) -> np.ndarray:
    rows = initialize_array(DatasetType.input, kind, len(branches))
    rows["id"] = first + np.arange(len(branches))
    rows["from_node"] = [branch.ends[0] for branch in branches]
    rows["to_node"] = [branch.ends[1] for branch in branches]
    rows["from_status"] = rows["to_status"] = 1
    return rows


def _lines(tables: Tables) -> np.ndarray:
    rows = _branches(ComponentType.line, tables.lines, 3_000_000)
    for sequence in (1, 0):
        z = np.array([line[3 - sequence] for line in tables.lines])
        rows[f"r{sequence}"], rows[f"x{sequence}"] = z.real, z.imag
        rows[f"c{sequence}"] = [line[5 - sequence] for line in tables.lines]
        rows[f"tan{sequence}"] = 0.0
    rows["i_n"] = 1.0
    return rows


def _trafos(tables: Tables) -> np.ndarray:
    rows = _branches(ComponentType.transformer, tables.trafos, 4_000_000)
    for row, trafo in zip(rows, tables.trafos, strict=True):
        row["u1"], row["u2"] = trafo.vn_v
        row["sn"], row["uk"], row["pk"] = trafo.sn_va, abs(trafo.z1), trafo.z1.real * trafo.sn_va
        row["i0"] = row["p0"] = 0.0  # shunts of their own: here they would carry zero sequence
        row["clock"] = trafo.clock
        row["winding_from"] = WindingType.delta if trafo.delta else WindingType.wye_n
        row["winding_to"] = WindingType.wye_n
        row["tap_side"], row["tap_pos"], row["tap_min"], row["tap_max"], row["tap_size"] = 0, 0, 0, 0, 0.0
        # three times what is in the neutral adds to the zero-sequence impedance
        neutral = (trafo.z0 - trafo.z1) / 3.0 * trafo.vn_v[1] ** 2 / trafo.sn_va
        row["r_grounding_to"], row["x_grounding_to"] = neutral.real, neutral.imag
    return rows


def _magnetisation(tables: Tables) -> np.ndarray:
    """Half of each transformer's magnetisation at its high, then half at its low voltage side."""
    halves = [(t.ends[k], t.y_va / 2.0 / t.vn_v[k] ** 2) for k in (0, 1) for t in tables.trafos]
    rows = initialize_array(DatasetType.input, ComponentType.shunt, len(halves))
    rows["id"] = 5_000_000 + np.arange(len(rows))
    rows["node"], rows["status"] = [node for node, _ in halves], 1
    rows["g1"], rows["b1"] = [y.real for _, y in halves], [y.imag for _, y in halves]
    rows["g0"] = rows["b0"] = 0.0
    return rows
