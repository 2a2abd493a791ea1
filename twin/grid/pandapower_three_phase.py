"""The plain unbalanced feeder: one `pandapower.runpp_3ph` per solve, the reference of the compiled one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandapower as pp
import pandas as pd

from twin.domain.grid import GridState, Sensitivity
from twin.domain.ids import Array, Matrix, Rows
from twin.errors import SolverError
from twin.grid.common import Adapter, Setup, check_power
from twin.grid.feeder import BRANCH_TABLES
from twin.grid.model import Model, bare_net, run_three_phase
from twin.units import mw_from_w, w_from_mw

_PHASES = ("a", "b", "c")
_BASE_SHARE = 0.02
_DEFAULT_MVA = 0.5
"""Of a net without transformers."""


class PandapowerThreePhase(Adapter):
    """Implements the port `Grid` with `pandapower.runpp_3ph`: 50 to 200 ms per solve.

    Every bus has one asymmetric load that carries the sum of its units and EVSEs.
    """

    def __init__(self, setup: Setup, model: Model, provenance: Mapping[str, object]) -> None:
        super().__init__(setup, provenance)
        self._dead_branch = model.dead_branch
        self._at_source = np.isin(model.node, model.slack)
        self._net = bare_net(setup.feeder)
        # it stops at 3e-8 per unit of this base, whatever that is: 6e-5 pu of voltage on 907 buses at 100 MVA
        self._net.sn_mva = _BASE_SHARE * (float(self._net.trafo.sn_mva.sum()) or _DEFAULT_MVA)
        self._alive = np.flatnonzero(setup.feeder.supplied)
        self._carriers = _add_loads(self._net, self._net.bus.index[self._alive].to_numpy())

    def solve(self, start_s: float, end_s: float, evse_w: Array, /) -> GridState:
        """Solve the mean of [start_s, end_s]; a state without a solution is all NaN.

        Raises:
            ValueError: A power is not finite; names the EVSE.
        """
        check_power(evse_w, self._setup)
        base, base_w, pv_w = self._setup.profile.means(start_s, end_s)
        np.add.at(base[0], self._setup.evse_bus, evse_w)
        np.add.at(base[1], self._setup.evse_bus, evse_w * self._setup.q_per_p)
        net, drawn = self._net, mw_from_w(base[:, self._alive])
        for power, column in zip(drawn, ("p_{}_mw", "q_{}_mvar"), strict=True):
            for phase, values in zip(_PHASES, power.T, strict=True):
                net.asymmetric_load.loc[self._carriers, column.format(phase)] = values
        if not run_three_phase(net):
            return self._unsolved(base_w, pv_w, float(evse_w.sum()))
        drawn_w = float(base[0, self._alive].sum())
        # it leaves out what is drawn at the source's own bus
        slack_w = w_from_mw(_total(net.res_ext_grid_3ph, "p_{}_mw")) + float(base[0, self._at_source].sum())
        losses_w = w_from_mw(
            sum(_total(net[f"res_{t}_3ph"], "pl_{}_mw") for t in BRANCH_TABLES if len(net[t]))
        )
        return GridState(
            vm_pu=net.res_bus_3ph[[f"vm_{p}_pu" for p in _PHASES]].to_numpy(dtype=float),
            vuf_pct=net.res_bus_3ph.unbalance_percent.to_numpy(dtype=float),
            loading_pct=np.where(self._dead_branch, np.nan, self._loading()),
            slack_w=slack_w,
            losses_w=losses_w,
            # it tells in no table what shunts draw
            base_w=base_w + (slack_w - losses_w - drawn_w if len(net.shunt) else 0.0),
            pv_w=pv_w,
            ev_w=float(evse_w.sum()),
            converged=True,
            mismatch_w=np.nan,  # it tells neither
            iterations=0,
        )

    def sensitivity(
        self,
        state: GridState,  # noqa: ARG002 -- all that the port has
        rows: Rows | None = None,  # noqa: ARG002
        shares: Matrix | None = None,  # noqa: ARG002
        /,
    ) -> Sensitivity:
        """Refuse: a difference quotient would take two power flows of 0.1 s per EVSE.

        Raises:
            SolverError: Always.
        """
        raise SolverError(
            f"{self.topology.name} could not be compiled, and three-phase sensitivities need a compiled "
            "feeder: run without guard, or solve the feeder as symmetric"
        )

    def _loading(self) -> Array:
        net = self._net
        return np.concatenate(
            [
                net[f"res_{t}_3ph"].loading_percent.to_numpy(dtype=float) if len(net[t]) else np.zeros(0)
                for t in BRANCH_TABLES
            ]
        )


def _total(table: Any, column: str) -> float:
    return float(table[[column.format(p) for p in _PHASES]].to_numpy(dtype=float).sum())


def _add_loads(net: Any, buses: Rows) -> Rows:
    """Append one idle asymmetric load per bus; pandapower itself makes them one by one, 3 ms each."""
    first = pp.create_asymmetric_load(net, int(buses[0]))
    row = net.asymmetric_load.loc[[first]]
    rows = pd.concat([row] * len(buses), ignore_index=True)
    rows.index = np.arange(first, first + len(buses))
    rows["bus"] = buses.astype(np.uint32)
    net.asymmetric_load = pd.concat([net.asymmetric_load.drop(first), rows]).astype(row.dtypes.to_dict())
    return rows.index.to_numpy(dtype=np.int64)
