"""Other programs on the feeder of `bench_case.py`: power-grid-model's batch and single calls, OpenDSS.

Both read pandapower's tables as the oracles of the tests do.
"""
# ruff: noqa: SLF001 -- the oracles' builders of models are as good here as there

from __future__ import annotations

from typing import Any

import numpy as np
from power_grid_model import ComponentType, DatasetType, PowerGridModel, initialize_array

from tests.grid.oracles import opendss, pgm
from tests.grid.oracles.tables import read
from tools.bench_case import Case
from twin.domain.ids import Matrix

_ITERATIVE = {"calculation_method": "iterative_current", "error_tolerance": 1e-8, "threading": -1}


class PowerGridModelPeer:
    """The feeder in power-grid-model; one load per bus with load, constant power."""

    def __init__(self, case: Case, steps: int) -> None:
        """Build the model and the updates of the first `steps` instants."""
        net = case.feeder.net
        self._symmetric = case.phases == 1
        kind = ComponentType.sym_load if self._symmetric else ComponentType.asym_load
        self._tables = tables = read(net)
        self._bus = case.bus
        loads = self._loads(kind, np.ones(len(case.bus)))
        self._model = PowerGridModel(
            {
                ComponentType.node: pgm._nodes(tables),
                ComponentType.source: pgm._source(tables),
                ComponentType.line: pgm._lines(tables),
                ComponentType.transformer: pgm._trafos(tables),
                ComponentType.shunt: pgm._magnetisation(tables),
                kind: loads,
            },
            system_frequency=tables.f_hz,
        )
        p_w, q_var = case.unit_powers(0, steps)
        update = initialize_array(DatasetType.update, kind, (steps, len(case.bus)))
        update["id"] = loads["id"]
        shape = (steps, len(case.bus)) if self._symmetric else p_w.shape
        update["p_specified"], update["q_specified"] = p_w.reshape(shape), q_var.reshape(shape)
        self.steps = steps
        self._update = {kind: update}
        self._one = [{kind: update[k]} for k in range(min(steps, 200))]

    def _loads(self, kind: ComponentType, power: Any) -> Any:
        rows = initialize_array(DatasetType.input, kind, len(self._bus))
        rows["id"] = 2_000_000 + np.arange(len(rows))
        rows["node"], rows["status"], rows["type"] = self._tables.node[self._bus], 1, 0
        rows["p_specified"] = power if self._symmetric else power[:, None]
        rows["q_specified"] = 0.0
        return rows

    def voltages(self) -> Matrix:
        """(T, nb, P) of the batch by iterative current, voltages only."""
        out = self._model.calculate_power_flow(
            symmetric=self._symmetric,
            update_data=self._update,
            output_component_types={ComponentType.node: ["u_pu"]},
            **_ITERATIVE,
        )
        u_pu = out[ComponentType.node]["u_pu"]
        return u_pu.reshape(self.steps, u_pu.shape[1], -1)[:, self._tables.node]

    def everything(self) -> None:
        """Solve the same batch with all that it can tell."""
        self._model.calculate_power_flow(symmetric=self._symmetric, update_data=self._update, **_ITERATIVE)

    def one(self, step: int) -> None:
        """Solve one instant: an update and a call, Newton's method as by default."""
        self._model.update(update_data=self._one[step])
        self._model.calculate_power_flow(symmetric=self._symmetric)


class OpenDssPeer:
    """The feeder in OpenDSS, every phase of every load of its own; powers set, solved, voltages read."""

    def __init__(self, case: Case, steps: int) -> None:
        """Build the circuit."""
        self._p, self._q = case.unit_powers(0, steps)
        net = case.feeder.net
        p_w, q_var = np.zeros((2, len(net.bus), 3))
        p_w[case.bus], q_var[case.bus] = self._p[0], self._q[0]
        opendss.solve(net, p_w, q_var)
        opendss.DSS.Text.Command = "set tolerance=1e-8"
        node = read(net).node[case.bus]
        self._place = {f"{n}p{k}": (u, k) for u, n in enumerate(node.tolist()) for k in range(3)}

    def solve(self, step: int) -> None:
        """Set all loads, solve, read all voltages."""
        circuit = opendss.DSS.ActiveCircuit
        loads = circuit.Loads
        more = loads.First
        while more:
            u, k = self._place[loads.Name]
            loads.kW, loads.kvar = self._p[step, u, k] / 1e3, self._q[step, u, k] / 1e3
            more = loads.Next
        circuit.Solution.Solve()
        circuit.YNodeVarray  # noqa: B018 -- reading is the point
