"""One feeder and its random loads, given alike to everything that `bench_power_flow.py` compares.

Kerber's village (116 buses, 57 loads): every load, or every phase of it, draws 0.2 to 1.0 times its nominal
power at random. A fifth of the nominal power is base load, the rest an EVSE's, as the loop has it.
"""

from __future__ import annotations

import copy
from functools import cache
from typing import Any, Literal

import numpy as np
import pandapower as pp
import pandas as pd
from pandapower.control import ConstControl
from pandapower.timeseries import DFData, OutputWriter, run_timeseries

from twin.domain.ids import Array, Matrix
from twin.grid.assume import Assume
from twin.grid.batch import BatchLimits
from twin.grid.common import Setup
from twin.grid.compile import compile_net
from twin.grid.compiled import CompiledGrid
from twin.grid.feeder import Feeder
from twin.grid.nets import NetSource, load_feeder
from twin.grid.plan import Plan
from twin.grid.profiles import constant
from twin.grid.topology import Limits, make_topology
from twin.rng import stream

Phases = Literal[1, 3]
SEED = 1
LOWEST = 0.2
"""Share of the nominal power that is always drawn."""
VILLAGE = NetSource("builtin", "create_kerber_dorfnetz")
ASSUME = Assume(vector_group="Dyn", r0_r1=4.0, x0_x1=4.0, c0_c1=1.0, vk0_vk=1.0, mag0=1e7, s_sc_max_mva=1e9)
"""What a net lacks for three phases. The source and the transformer's magnetisation are as good as ideal:
only such ones does power-grid-model know, too."""


@cache
def _load(source: NetSource, phases: Phases) -> Feeder:
    """Load a feeder; the village with its zero sequence in any case, for the peers' models."""
    return load_feeder(source, phases=3 if source == VILLAGE else phases, assume=ASSUME)


class Case:
    """A feeder, `steps` instants of its loads, and the compiled plan of it."""

    def __init__(self, phases: Phases, steps: int, source: NetSource = VILLAGE) -> None:
        """Load, compile and draw the powers."""
        self.phases = phases
        self.steps = steps
        self.feeder = _load(source, phases)
        units = self.feeder.units
        self.bus = units.bus
        self.sign = np.where(units.generates, -1.0, 1.0)
        self.plan: Plan = compile_net(self.feeder, phases=phases, loaded=np.unique(units.bus), check=False)
        draws = stream(SEED, "bench", "power flow", phases)
        self.factor = draws.uniform(LOWEST, 1.0, (steps, len(units), phases))
        """(T, u, P) of the nominal power of each phase."""
        self.limits = BatchLimits.of(make_topology(self.feeder, self.bus, Limits(), phases))

    def unit_powers(self, first: int = 0, after: int | None = None) -> tuple[Array, Array]:
        """(T, u, P) W and var that each unit draws."""
        factor = self.factor[first:after] * self.sign[:, None] / self.phases
        units = self.feeder.units
        return factor * units.p_w[:, None], factor * units.q_var[:, None]

    def bus_powers(self) -> tuple[Array, Array]:
        """(T, nb, P) W and var drawn at each bus."""
        out = np.zeros((2, self.steps, len(self.feeder.buses), self.phases))
        for k, unit in enumerate(self.unit_powers()):
            for u, bus in enumerate(self.bus.tolist()):
                out[k, :, bus] += unit[:, u]
        return out[0], out[1]

    def setup(self) -> Setup:
        """What an adapter needs: a charger at each load, and a fifth of the load beside it."""
        units = self.feeder.units
        shares = np.full((len(units), 3), 1.0 / 3.0) if self.phases == 3 else None
        return Setup(
            feeder=self.feeder,
            profile=constant(self.feeder, LOWEST, shares),
            topology=make_topology(self.feeder, self.bus, Limits(), self.phases),
            evse_ids=units.names,
            evse_bus=self.bus,
            evse_max_w=(1.0 - LOWEST) * units.p_w,
            evse_q_per_p=0.0,
        )

    def grid(self) -> CompiledGrid:
        """The plan as the engine has it."""
        return CompiledGrid(self.setup(), self.plan, {})

    def evse_powers(self) -> Array:
        """(T, n) W, or (T, n, 3): what the chargers add to the base load."""
        units = self.feeder.units
        power = (self.factor - LOWEST) * units.p_w[:, None] / self.phases
        return power if self.phases == 3 else power[:, :, 0]


class Pandapower:
    """The same feeder in pandapower."""

    def __init__(self, case: Case) -> None:
        """Copy the net; loads per phase become asymmetric ones."""
        self.net: Any = copy.deepcopy(case.feeder.net)
        self._three = case.phases == 3
        self._p, self._q = (power / 1e6 for power in case.unit_powers(0, 2_000))
        if self._three:
            buses = self.net.load.bus.tolist()
            self.net.load = self.net.load.iloc[:0]
            for bus in buses:
                pp.create_asymmetric_load(self.net, bus)

    def draw(self, step: int) -> None:
        """Write the loads of a step."""
        if not self._three:
            self.net.load["p_mw"], self.net.load["q_mvar"] = self._p[step, :, 0], self._q[step, :, 0]
            return
        for k, phase in enumerate("abc"):
            self.net.asymmetric_load[f"p_{phase}_mw"] = self._p[step, :, k]
            self.net.asymmetric_load[f"q_{phase}_mvar"] = self._q[step, :, k]

    def solve(self) -> None:
        """As a user would: with the defaults."""
        if self._three:
            pp.runpp_3ph(self.net)
        else:
            pp.runpp(self.net)

    def vm_pu(self) -> Matrix:
        """(nb, P) of the last solution."""
        if not self._three:
            return self.net.res_bus[["vm_pu"]].to_numpy()
        return self.net.res_bus_3ph[[f"vm_{phase}_pu" for phase in "abc"]].to_numpy()

    def series(self, steps: int) -> Matrix:
        """(T, nb) voltages of the first steps, by `run_timeseries` as fast as it goes.

        That is: only active powers change (the village draws no other), everything is recycled, and only
        voltages and loadings are logged, which are then read at once behind the last step.
        """
        net = copy.deepcopy(self.net)
        loads = net.load.index
        data = DFData(pd.DataFrame(self._p[:steps, :, 0]))
        ConstControl(net, "load", "p_mw", loads, profile_name=np.arange(len(loads)), data_source=data)
        log = [("res_bus", "vm_pu"), ("res_line", "loading_percent"), ("res_trafo", "loading_percent")]
        writer = OutputWriter(net, time_steps=range(steps), output_path=None, log_variables=log)
        run_timeseries(net, time_steps=range(steps), verbose=False)
        return np.asarray(writer.output["res_bus.vm_pu"].to_numpy(dtype=float))
