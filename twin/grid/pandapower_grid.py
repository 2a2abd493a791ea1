"""The plain feeder: one pandapower power flow per solve, the reference, for whatever pandapower can."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.sparse import block_array, diags_array
from scipy.sparse.linalg import splu

from twin.domain.grid import GridState, Sensitivity
from twin.domain.ids import Array, Complexes, Matrix, Rows
from twin.grid.common import Adapter, Setup, Solved, check_power
from twin.grid.feeder import BRANCH_TABLES, Feeder
from twin.grid.model import Model, model_of, run, working_net
from twin.units import mw_from_w, w_from_mw

_LOSSY = (*BRANCH_TABLES, "impedance", "dcline")
_ROUNDS = 50
_ELASTIC_W = 1e-3
"""Voltage-dependent loads are solved when none moves by more than this."""
_DRAWING = ("motor", "ward", "xward", "shunt")


class PandapowerGrid(Adapter):
    """Implements the port `Grid` with `pandapower.runpp`: 20 to 30 ms per solve.

    Every bus has one load that carries the sum of its units and EVSEs. Voltage-dependent loads are solved
    by repetition until their power fits the voltage: pandapower itself averages their shares over all loads
    of a bus, so that an idle EVSE beside a heater would change the heater. Controllers of the net (tap
    changers, for example) run within each solve.
    """

    def __init__(self, setup: Setup, model: Model, provenance: Mapping[str, object]) -> None:
        super().__init__(setup, provenance)
        self._dead_branch = model.dead_branch
        units = setup.feeder.units
        self._net, load = working_net(setup.feeder)
        self._alive = np.flatnonzero(load >= 0)
        self._carriers = load[self._alive]
        self._elastic = np.flatnonzero(units.voltage_dependent)
        self._shares = _shares(setup.feeder, units.index[self._elastic])
        self._control = len(self._net.controller) > 0 and bool(self._net.controller.in_service.any())

    def solve(self, start_s: float, end_s: float, evse_w: Array, /) -> GridState:
        """Solve the mean of [start_s, end_s]; a state without a solution is all NaN.

        Raises:
            ValueError: A power is not finite; names the EVSE.
        """
        check_power(evse_w, self._setup)
        means, base_w, pv_w = self._setup.profile.means(start_s, end_s)
        base = np.ascontiguousarray(means[:, :, 0])
        np.add.at(base[0], self._setup.evse_bus, evse_w)
        np.add.at(base[1], self._setup.evse_bus, evse_w * self._setup.evse_q_per_p)
        ev_w = float(evse_w.sum())
        solved, extra_w = self._run(base, start_s, end_s)
        if not solved:
            return self._unsolved(base_w, pv_w, ev_w)
        net = self._net
        inside = net._ppc["internal"]  # noqa: SLF001  # pandapower offers no public way to its mismatch
        v = np.asarray(inside["V"], dtype=complex)
        injected = np.asarray(inside["Sbus"], dtype=complex)
        gap = (v * np.conj(inside["Ybus"] @ v) - injected)[inside["pq"]]
        loading_pct = np.concatenate(
            [net[f"res_{t}"].loading_percent.to_numpy(dtype=float) for t in BRANCH_TABLES]
        )
        return Solved(
            vm_pu=net.res_bus.vm_pu.to_numpy(dtype=float)[:, None],
            vuf_pct=np.where(net.res_bus.vm_pu.isna(), np.nan, 0.0),
            loading_pct=np.where(self._dead_branch, np.nan, loading_pct),
            slack_w=w_from_mw(self._slack_mw()),
            losses_w=w_from_mw(sum(float(net[f"res_{t}"].pl_mw.sum()) for t in _LOSSY if len(net[t]))),
            base_w=base_w + extra_w + w_from_mw(self._other_mw()),
            pv_w=pv_w + w_from_mw(self._generators_mw()),
            ev_w=ev_w,
            converged=True,
            mismatch_w=w_from_mw(float(np.abs(gap).max(initial=0.0)) * float(net.sn_mva)),
            iterations=int(net._ppc["iterations"]),  # noqa: SLF001
            solution=np.stack([v, -injected])[:, :, None],
        )

    def sensitivity(
        self,
        state: GridState,
        rows: Rows | None = None,
        shares: Matrix | None = None,  # noqa: ARG002 -- symmetric
        /,
    ) -> Sensitivity:
        """Linearise around `state`, the answer of the latest `solve`, by the Jacobian of the power flow.

        Of all EVSEs, or of `rows` in their order. Voltage-dependent loads and tap changers are taken as they stand.

        Raises:
            ValueError: The state has no solution.
        """
        if not isinstance(state, Solved) or not state.converged:
            raise ValueError("only a converged state of this grid can be linearised")
        model = model_of(self._net, self._setup.feeder)
        v = np.ascontiguousarray(state.solution[0, :, 0])
        nodes, column = np.unique(self._nodes(model, rows), return_inverse=True)
        inside = self._net._ppc["internal"]  # noqa: SLF001
        dv = _voltage_answers(inside, v, nodes, complex(1.0, self._setup.evse_q_per_p)) / model.base_va
        unit = np.conj(v) / np.abs(v)
        alive = model.node >= 0
        dvm = np.zeros((len(state.vm_pu), len(nodes)))
        dvm[alive] = (unit[:, None] * dv).real[model.node[alive]]
        dloading = _loading_answers(model, v, dv, len(state.loading_pct))
        return Sensitivity(
            dvm_pu_per_w=dvm[:, None, column],
            dloading_pct_per_w=dloading[:, column],
            dvuf_pct_per_w=np.zeros((len(dvm), len(column))),
        )

    def _nodes(self, model: Model, rows: Rows | None) -> Rows:
        bus = self._setup.evse_bus
        return model.node[bus if rows is None else bus[rows]]

    def _run(self, base: Matrix, start_s: float, end_s: float) -> tuple[bool, float]:
        """Solve with `base` (2, nb) drawn per bus; returns what elastic loads draw beyond their nominal power."""
        bus = self._setup.feeder.units.bus[self._elastic]
        power = (
            self._setup.profile.unit_means(start_s, end_s)[:, self._elastic] if len(bus) else np.zeros((2, 0))
        )
        beyond = np.zeros_like(power)
        for _ in range(_ROUNDS):
            drawn = base.copy()
            for total, extra in zip(drawn, beyond, strict=True):
                np.add.at(total, bus, extra)
            self._net.load.loc[self._carriers, "p_mw"] = mw_from_w(drawn[0, self._alive])
            self._net.load.loc[self._carriers, "q_mvar"] = mw_from_w(drawn[1, self._alive])
            if not run(self._net, control=self._control):
                return False, 0.0
            vm_pu = self._net.res_bus.vm_pu.to_numpy(dtype=float)[bus]
            now = power * (self._shares[0] * (vm_pu - 1.0) + self._shares[1] * (vm_pu**2 - 1.0))
            moved_w = float(np.abs(now - beyond).max(initial=0.0))
            if moved_w <= _ELASTIC_W:
                return True, float(beyond[0].sum())
            beyond = now
        return False, 0.0

    def _slack_mw(self) -> float:
        net = self._net
        slack = net.gen.slack.fillna(value=False).astype(bool) if len(net.gen) else []
        return float(net.res_ext_grid.p_mw.sum()) + (
            float(net.res_gen.p_mw[slack].sum()) if len(net.gen) else 0.0
        )

    def _generators_mw(self) -> float:
        net = self._net
        if not len(net.gen):
            return 0.0
        return float(net.res_gen.p_mw[~net.gen.slack.fillna(value=False).astype(bool)].sum())

    def _other_mw(self) -> float:
        """What motors, wards and shunts draw."""
        net = self._net
        return sum(float(net[f"res_{t}"].p_mw.sum()) for t in _DRAWING if len(net[t]))


def _shares(feeder: Feeder, rows: Rows) -> Array:
    """(2, 2, u) shares of constant current and constant impedance, each of P and Q."""
    load = feeder.net.load.loc[rows]
    columns = [[f"const_{part}_{power}_percent" for power in "pq"] for part in "iz"]
    return np.array([[load[c].to_numpy(dtype=float) / 100.0 for c in pair] for pair in columns])


def _voltage_answers(inside: Any, v: Complexes, nodes: Any, added: complex) -> Complexes:
    """Change of every voltage per unit drawn at `nodes`: Newton's Jacobian, (N, B)."""
    y_bus = inside["Ybus"].tocsc()
    pq = np.asarray(inside["pq"], dtype=np.int64)
    angle = np.concatenate([np.asarray(inside["pv"], dtype=np.int64), pq])
    current = y_bus @ v
    unit = v / np.abs(v)
    by_angle = 1j * diags_array(v) @ (diags_array(current) - y_bus @ diags_array(v)).conj()
    by_size = diags_array(v) @ (y_bus @ diags_array(unit)).conj() + diags_array(current.conj() * unit)
    by_angle, by_size = by_angle.tocsc(), by_size.tocsc()
    jacobian = block_array(
        [
            [by_angle[angle][:, angle].real, by_size[angle][:, pq].real],
            [by_angle[pq][:, angle].imag, by_size[pq][:, pq].imag],
        ]
    ).tocsc()
    drawn = np.zeros((len(v), len(nodes)), dtype=complex)
    drawn[nodes, np.arange(len(nodes))] = added
    answer = splu(jacobian).solve(-np.concatenate([drawn[angle].real, drawn[pq].imag]))
    out = np.zeros((len(v), len(nodes)), dtype=complex)
    out[angle] += 1j * v[angle, None] * answer[: len(angle)]
    out[pq] += unit[pq, None] * answer[len(angle) :]
    return out


def _loading_answers(model: Model, v: Complexes, dv: Complexes, elements: int) -> Matrix:
    """Change of the loading of every element, (nl, B) in %, at its more loaded end."""
    out = np.zeros((elements, dv.shape[1]))
    f, t = model.branch_from[model.end_branch], model.branch_to[model.end_branch]
    pair = model.positive.y[model.end_branch].reshape(-1, 2, 2)[np.arange(len(f)), model.end_side]
    current = pair[:, 0] * v[f] + pair[:, 1] * v[t]
    size = np.abs(current)
    toward = np.divide(np.conj(current), size, out=np.zeros_like(current), where=size > 0.0)
    change = (toward[:, None] * (pair[:, :1] * dv[f] + pair[:, 1:] * dv[t])).real * model.end_pct[:, None]
    for end in np.argsort(model.end_pct * size, kind="stable").tolist():  # the largest comes last and stays
        out[model.end_element[end]] = change[end]
    return out
