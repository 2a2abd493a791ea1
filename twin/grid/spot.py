"""Every so many steps of a long batch, the same step by pandapower: what is proved at the start stays proved."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from twin.domain.grid import GridState
from twin.domain.ids import Array
from twin.domain.ports import Grid
from twin.grid.batch import BatchLimits, run_batch
from twin.grid.common import Setup
from twin.grid.plan import Plan
from twin.grid.profiles import Profile
from twin.grid.self_check import Tolerance, agree, reference_of
from twin.grid.topology import Limits, make_topology


class Given(Profile):
    """Powers of buses as they are told, whatever the time: (2, nb, P) in W and var."""

    def __init__(self, plan: Plan) -> None:
        self.phases = plan.phases
        self.buses = len(plan.feeder.buses)
        self.units = plan.feeder.units
        self.shares = None
        self.powers: Array = np.zeros((2, self.buses, self.phases))

    def means(self, start_s: float, end_s: float) -> tuple[Array, float, float]:  # noqa: ARG002 -- any time
        """Return the powers told last."""
        return self.powers.copy(), float(self.powers[0].sum()), 0.0


class Spots:
    """Looks over the shoulder of a batch.

    Attributes:
        steps: Numbers of the steps that were compared so far.
    """

    def __init__(self, plan: Plan, every: int) -> None:
        """Compare step `every` - 1, twice `every` - 1 and so on."""
        self._plan = plan
        self._every = every
        self._reference: Grid | None = None
        self._given = Given(plan)
        self.steps: list[int] = []

    def watch(self, chunks: Iterable[tuple[Array, Array]]) -> Iterator[tuple[Array, Array]]:
        """Hand chunks on, each compared before it is solved.

        Raises:
            SolverError: A voltage, a loading or an unbalance differs; names element and step.
        """
        first = 0
        for p_w, q_var in chunks:
            for step in range(self._every - 1 - first % self._every, len(p_w), self._every):
                self._compare(first + step, np.asarray(p_w)[step], np.asarray(q_var)[step])
            yield p_w, q_var
            first += len(p_w)

    def _compare(self, step: int, p_w: Array, q_var: Array) -> None:
        plan, pandapower = self._plan, self._pandapower()
        self._plan.check(p_w)
        self._plan.check(q_var)
        found = run_batch(
            plan,
            [(p_w[None], q_var[None])],
            limits=BatchLimits.of(pandapower.topology),
            threads=1,
            keep=("vm_pu", "vuf_pct", "loading_pct"),
            quantiles=False,
        )
        self._given.powers = np.stack([p_w, q_var]).astype(float)
        theirs = pandapower.solve(0.0, 0.0, np.zeros(0 if plan.phases == 1 else (0, plan.phases)))
        if len(found.unsolved) or not theirs.converged:
            return  # nothing to compare; the batch tells such steps itself
        agree(pandapower.topology, _state(found.kept), theirs, f"step {step}", Tolerance())
        self.steps.append(step)

    def _pandapower(self) -> Grid:
        if self._reference is None:
            feeder, nothing = self._plan.feeder, np.zeros(0, dtype=np.int64)
            setup = Setup(
                feeder=feeder,
                profile=self._given,
                topology=make_topology(feeder, nothing, Limits(), self._plan.phases),
                evse_ids=(),
                evse_bus=nothing,
                evse_max_w=np.zeros(0),
                evse_q_per_p=0.0,
            )
            self._reference = reference_of(setup, self._plan)
        return self._reference


def _state(kept: Mapping[str, Array]) -> GridState:
    return GridState(
        vm_pu=kept["vm_pu"][0],
        vuf_pct=kept["vuf_pct"][0],
        loading_pct=kept["loading_pct"][0],
        slack_w=np.nan,
        losses_w=np.nan,
        base_w=np.nan,
        pv_w=np.nan,
        ev_w=np.nan,
        converged=True,
        mismatch_w=np.nan,
        iterations=0,
    )
