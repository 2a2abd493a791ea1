"""The feeder's tables as ohms, farads and volts: what the oracles are fed from.

Read from pandapower's documentation of its tables, not from its code, and not from its admittances. Knows
lines, two-winding transformers (Dyn and YNyn), bus-bus, line-end and transformer switches, one source.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pandapower as pp
import pandas as pd


class Line(NamedTuple):
    """A line between two nodes; impedances in ohm, capacitances in farad, of all systems together."""

    row: int
    ends: tuple[int, int]
    z1: complex
    z0: complex
    c1: float
    c0: float


class Trafo(NamedTuple):
    """A transformer between two nodes; its magnetisation is split in halves at both ends (pi).

    `y_va` is what the magnetisation takes at nominal voltage in S = P - jQ, `z1` and `z0` are per unit of
    `sn_va`, `vn_v` are the voltages of both windings at the tap position.
    """

    row: int
    ends: tuple[int, int]
    sn_va: float
    vn_v: tuple[float, float]
    z1: complex
    z0: complex
    y_va: complex
    clock: int
    delta: bool


class Tables(NamedTuple):
    """A feeder. `node` is (nb,), -1 where no source reaches; `base_v` is (n,), line to line."""

    node: np.ndarray
    base_v: np.ndarray
    lines: list[Line]
    trafos: list[Trafo]
    source: int
    source_pu: float
    f_hz: float


def read(net: pp.pandapowerNet) -> Tables:
    """Read a net; zero-sequence columns must be there.

    An open switch at the end of a branch ends that branch at a node of its own.
    """
    _refuse_the_unknown(net)
    names = _Nodes(net)
    lines = _lines(net, names)
    trafos = _trafos(net, names)
    grid = net.ext_grid[net.ext_grid.in_service.astype(bool)].iloc[0]
    source = names.of[grid.bus]
    alive = _reached(source, [branch.ends for branch in (*lines, *trafos)])
    new = {old: i for i, old in enumerate(sorted(alive))}

    def kept(branches):
        return [
            branch._replace(ends=tuple(new[end] for end in branch.ends))
            for branch in branches
            if branch.ends[0] in alive
        ]

    return Tables(
        node=np.array([new.get(names.of.get(bus, -1), -1) for bus in net.bus.index]),
        base_v=np.array([names.base_v[old] for old in sorted(alive)]),
        lines=kept(lines),
        trafos=kept(trafos),
        source=new[source],
        source_pu=float(grid.vm_pu),
        f_hz=float(net.f_hz),
    )


def _refuse_the_unknown(net: pp.pandapowerNet) -> None:
    for table in ("trafo3w", "shunt", "ward", "xward", "impedance", "gen", "dcline", "motor"):
        assert net[table].empty, table
    assert net.ext_grid.in_service.sum() == 1
    assert not net.line.g_us_per_km.any()
    assert not net.switch.z_ohm.any()
    assert net.switch.et.isin(["b", "l", "t"]).all()


class _Nodes:
    """Buses joined by closed switches, and the nodes at open ends."""

    def __init__(self, net: pp.pandapowerNet) -> None:
        alive = net.bus.index[net.bus.in_service.astype(bool)]
        self.of = {bus: i for i, bus in enumerate(alive)}
        self.base_v = (net.bus.vn_kv[alive] * 1e3).tolist()
        couplers = net.switch[(net.switch.et == "b") & net.switch.closed.astype(bool)]
        for a, b in zip(couplers.bus, couplers.element, strict=True):
            if a in self.of and b in self.of:
                joined, gone = self.of[a], self.of[b]
                self.of = {bus: joined if node == gone else node for bus, node in self.of.items()}
        opened = net.switch[(net.switch.et != "b") & ~net.switch.closed.astype(bool)]
        self._open = set(zip(opened.et, opened.element, opened.bus, strict=True))

    def end(self, kind: str, element: int, bus: int) -> int:
        """Return the node of a branch's end: the bus's, or a new one behind an open switch."""
        if (kind, element, bus) not in self._open:
            return self.of[bus]
        self.base_v.append(self.base_v[self.of[bus]])
        return len(self.base_v) - 1


def _reached(source: int, ends: list[tuple[int, int]]) -> set[int]:
    neighbours: dict[int, list[int]] = {}
    for a, b in ends:
        neighbours.setdefault(a, []).append(b)
        neighbours.setdefault(b, []).append(a)
    found, front = {source}, [source]
    while front:
        for node in neighbours.get(front.pop(), []):
            if node not in found:
                found.add(node)
                front.append(node)
    return found


def _lines(net: pp.pandapowerNet, names: _Nodes) -> list[Line]:
    out = []
    for row, (index, line) in enumerate(net.line.iterrows()):
        if not line.in_service:
            continue
        series, across = line.length_km / line.parallel, line.length_km * line.parallel * 1e-9
        out.append(
            Line(
                row,
                (names.end("l", index, line.from_bus), names.end("l", index, line.to_bus)),
                complex(line.r_ohm_per_km, line.x_ohm_per_km) * series,
                complex(line.r0_ohm_per_km, line.x0_ohm_per_km) * series,
                line.c_nf_per_km * across,
                line.c0_nf_per_km * across,
            )
        )
    return out


def _trafos(net: pp.pandapowerNet, names: _Nodes) -> list[Trafo]:
    out = []
    for row, (index, trafo) in enumerate(net.trafo.iterrows()):
        if not trafo.in_service:
            continue
        group = {"dyn": True, "ynyn": False}
        assert trafo.mag0_percent >= 1e6, "only an infinite zero-sequence magnetising impedance is known"
        sn_va = trafo.sn_mva * 1e6 * trafo.parallel
        z1 = _impedance(trafo.vk_percent, trafo.vkr_percent)
        z1_pi, y_va = _pi_of_t(z1, trafo, sn_va)
        out.append(
            Trafo(
                row,
                (names.end("t", index, trafo.hv_bus), names.end("t", index, trafo.lv_bus)),
                sn_va,
                _windings(trafo),
                z1_pi,
                _impedance(trafo.vk0_percent, trafo.vkr0_percent),
                y_va,
                round(trafo.shift_degree / 30.0) % 12,
                group[trafo.vector_group.lower()],
            )
        )
    return out


def _impedance(vk_percent: float, vkr_percent: float) -> complex:
    return complex(vkr_percent, math.sqrt(vk_percent**2 - vkr_percent**2)) / 100.0


def _windings(trafo: pd.Series) -> tuple[float, float]:
    """Voltages of both windings: a ratio tap changer adds its steps to the winding it sits on."""
    vn_v = {"hv": trafo.vn_hv_kv * 1e3, "lv": trafo.vn_lv_kv * 1e3}
    steps = trafo.tap_pos - trafo.tap_neutral
    if not math.isnan(steps) and steps != 0:
        assert trafo.tap_changer_type == "Ratio"
        assert not trafo.tap_step_degree > 0.0
        vn_v[trafo.tap_side] *= 1.0 + steps * trafo.tap_step_percent / 100.0
    return vn_v["hv"], vn_v["lv"]


def _pi_of_t(z: complex, trafo: pd.Series, sn_va: float) -> tuple[complex, complex]:
    """Turn the T of pandapower (half the impedance on each side of the magnetisation) into a pi.

    The oracles know only the pi; taken as it stands it would differ by 1e-6 pu.
    """
    active = trafo.pfe_kw * 1e3 * trafo.parallel
    apparent = trafo.i0_percent / 100.0 * sn_va
    y = complex(active, -math.sqrt(max(apparent**2 - active**2, 0.0))) / sn_va
    bend = 1.0 + z * y / 4.0
    return z * bend, y / bend * sn_va
