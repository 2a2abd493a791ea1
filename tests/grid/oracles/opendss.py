"""An independent power flow: OpenDSS on its own phase model, fed from pandapower's tables."""

from __future__ import annotations

import numpy as np
import pandapower as pp
from dss import DSS

from .flow import Flow, loading_pct, vuf_pct
from .tables import Line, Tables, Trafo, read

_TOLERANCE_PU = 1e-9
_IDEAL_OHM = 1e-9


def solve(net: pp.pandapowerNet, p_w: np.ndarray, q_var: np.ndarray) -> Flow:
    """Solve each phase; (nb, 3) drawn at each bus."""
    tables = read(net)
    assert not np.any(np.asarray(p_w)[tables.node < 0]), "a dead bus draws"
    DSS.AllowForms = False
    DSS.ClearAll()
    DSS.Text.Commands("\n".join(_commands(tables, np.asarray(p_w), np.asarray(q_var))))
    DSS.ActiveCircuit.Solution.Solve()
    assert DSS.ActiveCircuit.Solution.Converged
    return _flow(net, tables)


def _commands(tables: Tables, p_w: np.ndarray, q_var: np.ndarray) -> list[str]:
    base_kv = tables.base_v / 1e3
    return [
        f"set defaultbasefrequency={tables.f_hz:.17g}",
        (
            f"new circuit.feeder bus1={tables.source} phases=3 basekv={base_kv[tables.source]:.17g} "
            f"pu={tables.source_pu:.17g} angle=0 r1=0 x1={_IDEAL_OHM} r0=0 x0={_IDEAL_OHM}"
        ),
        *(_line(line) for line in tables.lines),
        *(command for trafo in tables.trafos for command in _trafo(trafo)),
        *_loads(tables, p_w, q_var),
        f"set tolerance={_TOLERANCE_PU} maxiterations=1000 mode=snap controlmode=off",
    ]


def _line(line: Line) -> str:
    a, b = line.ends
    return (
        f"new line.{line.row} phases=3 bus1={a} bus2={b} length=1 units=none "
        f"r1={line.z1.real:.17g} x1={line.z1.imag:.17g} c1={line.c1 * 1e9:.17g} "
        f"r0={line.z0.real:.17g} x0={line.z0.imag:.17g} c0={line.c0 * 1e9:.17g}"
    )


def _trafo(trafo: Trafo) -> list[str]:
    """Write a transformer: its windings, the neutral's impedance, and the magnetisation at both ends.

    OpenDSS turns by 30 degrees (`leadlag`) only; the rest of the clock is a rotation of the phases.
    """
    hv, lv = trafo.ends
    lead, nodes = _clock(trafo)
    neutral = (trafo.z0 - trafo.z1) / 3.0 * trafo.vn_v[1] ** 2 / trafo.sn_va
    grounded = abs(neutral) < 1e-12
    kv = [v / 1e3 for v in trafo.vn_v]
    commands = [
        (
            f"new transformer.{trafo.row} phases=3 windings=2 buses=({hv}.1.2.3{'' if trafo.delta else '.0'} "
            f"{lv}.{'.'.join(map(str, nodes))}.{0 if grounded else 4}) "
            f"conns=({'delta' if trafo.delta else 'wye'} wye) kvs=({kv[0]:.17g} {kv[1]:.17g}) "
            f"kvas=({trafo.sn_va / 1e3:.17g} {trafo.sn_va / 1e3:.17g}) "
            f"xhl={trafo.z1.imag * 100.0:.17g} %rs=({trafo.z1.real * 50.0:.17g} {trafo.z1.real * 50.0:.17g}) "
            f"%imag=0 %noloadloss=0 ppm_antifloat=0 leadlag={'lead' if lead else 'lag'}"
        )
    ]
    if not grounded:
        commands.append(
            f"new reactor.neutral{trafo.row} phases=1 bus1={lv}.4 bus2={lv}.0 r={neutral.real:.17g} x={neutral.imag:.17g}"
        )
    if trafo.y_va:
        for end, vn_v in zip(trafo.ends, trafo.vn_v, strict=True):
            # half of it at this end, in delta, where no zero-sequence current flows; z = 3 V^2 / S
            z = 3.0 * vn_v**2 / (trafo.y_va / 2.0)
            commands += [
                f"new reactor.t{trafo.row}e{end}p{k} phases=1 bus1={end}.{k + 1} bus2={end}.{(k + 1) % 3 + 1} "
                f"r={z.real:.17g} x={z.imag:.17g}"
                for k in range(3)
            ]
    return commands


def _clock(trafo: Trafo) -> tuple[bool, list[int]]:
    """Return whether the low voltage leads, and the node (1 to 3) on which each of its windings lies."""
    lead = trafo.delta and trafo.clock % 4 == 3
    turned, rest = divmod((trafo.clock - (0 if not trafo.delta else 11 if lead else 1)) % 12, 4)
    assert rest == 0, f"clock {trafo.clock} does not fit the windings"
    return lead, [(k - turned) % 3 + 1 for k in range(3)]


def _loads(tables: Tables, p_w: np.ndarray, q_var: np.ndarray) -> list[str]:
    total = np.zeros((len(tables.base_v), 3), dtype=complex)
    alive = tables.node >= 0
    np.add.at(total, tables.node[alive], (p_w + 1j * q_var)[alive])
    return [
        f"new load.{node}p{phase} phases=1 bus1={node}.{phase + 1} kv={tables.base_v[node] / 3**0.5 / 1e3:.17g} "
        f"kw={total[node, phase].real / 1e3:.17g} kvar={total[node, phase].imag / 1e3:.17g} "
        "model=1 vminpu=0.01 vmaxpu=10 vlowpu=0.005"
        for node, phase in np.argwhere(total != 0.0).tolist()
    ]


def _flow(net: pp.pandapowerNet, tables: Tables) -> Flow:
    circuit = DSS.ActiveCircuit
    volts = dict(zip(circuit.YNodeOrder, _complex(circuit.YNodeVarray), strict=True))
    v = np.array([[volts[f"{n}.{k}"] for k in (1, 2, 3)] for n in range(len(tables.base_v))])
    line_a = np.full((len(net.line), 3), np.nan)
    for line in tables.lines:
        line_a[line.row] = np.abs(_ends(f"line.{line.row}")).max(axis=0)
    trafo_a = np.full((len(net.trafo), 2, 3), np.nan)
    for trafo in tables.trafos:
        trafo_a[trafo.row] = np.abs(_trafo_a(trafo))
    vm_pu = np.abs(v) / (tables.base_v[:, None] / np.sqrt(3.0))
    alive = tables.node >= 0
    return Flow(
        np.where(alive[:, None], vm_pu[tables.node], np.nan),
        np.where(alive, vuf_pct(v)[tables.node], np.nan),
        line_a,
        trafo_a,
        loading_pct(net, line_a, trafo_a),
    )


def _trafo_a(trafo: Trafo) -> np.ndarray:
    """(2, 3) complex current into both ends of a transformer, its magnetisation included."""
    high, low = _ends(f"transformer.{trafo.row}")
    into = np.zeros((2, 3), dtype=complex)
    into[0] = high[:3]
    into[1, np.array(_clock(trafo)[1]) - 1] = low[:3]
    for end in trafo.ends if trafo.y_va else ():
        for k in range(3):
            current = _ends(f"reactor.t{trafo.row}e{end}p{k}")[0, 0]
            into[trafo.ends.index(end), k] += current
            into[trafo.ends.index(end), (k + 1) % 3] -= current
    return into


def _complex(pairs: np.ndarray) -> np.ndarray:
    return np.array(pairs, dtype=float).view(complex)


def _ends(element: str) -> np.ndarray:
    """(2, conductors) complex current into both ends of an element."""
    DSS.ActiveCircuit.SetActiveElement(element)
    return _complex(DSS.ActiveCircuit.ActiveCktElement.Currents).reshape(2, -1)
