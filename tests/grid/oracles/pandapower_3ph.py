"""Pandapower's own three-phase power flow, asked for an ideal source and no zero-sequence magnetisation."""

from __future__ import annotations

import copy

import numpy as np
import pandapower as pp

from .flow import Flow, loading_pct

_UNITS = ("load", "asymmetric_load", "storage", "sgen", "asymmetric_sgen")
_PHASES = "abc"
_BASE_SHARE = 0.02


def solve(net: pp.pandapowerNet, p_w: np.ndarray, q_var: np.ndarray) -> Flow:
    """Solve each phase; (nb, 3) drawn at each bus. The net is not changed."""
    mine = copy.deepcopy(net, {id(net.get("profiles")): None})
    # it stops at 3e-8 per unit of this, so that a small one makes it exact: 6e-5 pu else on 907 buses
    mine.sn_mva = _BASE_SHARE * float(mine.trafo.sn_mva.sum())
    mine.trafo["mag0_percent"] = 1e9
    mine.ext_grid["s_sc_max_mva"] = 1e9
    mine.ext_grid[["rx_max", "x0x_max", "r0x0_max"]] = [0.1, 1.0, 0.1]
    for table in _UNITS:
        mine[table] = mine[table].iloc[:0]
    drawing = np.flatnonzero(np.any((p_w != 0.0) | (q_var != 0.0), axis=1))
    for b in drawing.tolist():
        powers = {f"p_{phase}_mw": p_w[b, k] / 1e6 for k, phase in enumerate(_PHASES)}
        powers |= {f"q_{phase}_mvar": q_var[b, k] / 1e6 for k, phase in enumerate(_PHASES)}
        pp.create_asymmetric_load(mine, mine.bus.index[b], type="wye", **powers)
    with np.errstate(invalid="ignore"):  # it divides nothing by nothing where a bus is dead
        pp.runpp_3ph(mine, numba=False)
    bus, line, trafo = mine.res_bus_3ph, mine.res_line_3ph, mine.res_trafo_3ph
    line_a = line[[f"i_{phase}_ka" for phase in _PHASES]].to_numpy(dtype=float) * 1e3
    trafo_a = np.stack(
        [trafo[[f"i_{phase}_{side}_ka" for phase in _PHASES]].to_numpy(dtype=float) for side in ("hv", "lv")],
        axis=1,
    )
    dead = ~net.line.in_service.to_numpy(dtype=bool)
    line_a[dead] = np.nan
    trafo_a[~net.trafo.in_service.to_numpy(dtype=bool)] = np.nan
    return Flow(
        bus[[f"vm_{phase}_pu" for phase in _PHASES]].to_numpy(dtype=float),
        bus.unbalance_percent.to_numpy(dtype=float),
        line_a,
        trafo_a * 1e3,
        loading_pct(net, line_a, trafo_a * 1e3),
    )
