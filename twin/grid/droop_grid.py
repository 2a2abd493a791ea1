"""A feeder whose chargers and inverters answer to their voltage within every power flow.

Reactive power costs no energy at the meter, so Volt-VAR of EVSEs acts within the solve. What an EVSE drew in a
closed interval was metered and no power flow can change it: its Volt-Watt acts ahead, as a limit of the coming
interval (`lower`). Generation is not metered by the twin, so Volt-Watt of inverters acts within the solve: the
state's `pv_w` is what is really generated, `pv_curtailed_w` what was held back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from twin.domain.droop import Droop
from twin.domain.grid import GridState, GridTopology, Sensitivity
from twin.domain.ids import Array, Matrix, Rows, Vector
from twin.domain.ports import Grid
from twin.errors import SolverError
from twin.grid.common import Solved, check_power
from twin.grid.compiled import CompiledGrid
from twin.grid.droop import Group
from twin.grid.plan import Snapshot
from twin.grid.profiles import Profile
from twin.grid.settle import Settled, Settler
from twin.grid.taps import TapGrid

OSCILLATION = "droop oscillation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Droops:
    """The characteristics of a feeder's units; None: they do not answer."""

    evse: Droop | None = None
    pv: Droop | None = None


class DroopGrid:
    """Implements the port `Grid` around a compiled one.

    Attributes:
        oscillations: Power flows without an operating point of the droops so far; their states have no
            solution, with `problem` "droop oscillation".
    """

    def __init__(self, inner: CompiledGrid, droops: Droops) -> None:
        setup = inner.setup
        self._inner = inner
        self._setup = setup
        self._droops = droops
        profile = setup.profile
        phases = setup.topology.phases
        self._q_per_p = setup.q_per_p
        self._generators = np.flatnonzero(profile.units.generates) if droops.pv else np.zeros(0, np.int64)
        self._pv_bus = profile.units.bus[self._generators]
        self._pv_shares = _shares(profile)[:, self._generators]
        self._pv_w = np.maximum(profile.units.rated_va, profile.peak_w)[self._generators]
        ev_bus = setup.evse_bus if droops.evse else np.zeros(0, np.int64)
        at = np.unique(np.concatenate([self._pv_bus, ev_bus]))
        self._settler = Settler(inner.plan.solve, len(setup.topology.buses), phases, at)
        self.oscillations = 0

    @property
    def topology(self) -> GridTopology:
        """Names, limits and places; constant during a run."""
        return self._inner.topology

    @property
    def provenance(self) -> Mapping[str, object]:
        """What the manifest says about the model."""
        return {**self._inner.provenance, "droop": self._told()}

    @property
    def evse_bus(self) -> Rows:
        """(n,) position of each EVSE's bus."""
        return self._setup.evse_bus

    @property
    def lowers(self) -> bool:
        """Whether EVSEs have a Volt-Watt."""
        return self._droops.evse is not None and self._droops.evse.volt_watt is not None

    def solve(self, start_s: float, end_s: float, evse_w: Array, /) -> GridState:
        """Solve the mean of [start_s, end_s] with every unit at its operating point.

        Where droops find none, the state has no solution.

        Raises:
            ValueError: A power is not finite; names the EVSE.
            SolverError: The feeder has no solution without load.
        """
        check_power(evse_w, self._setup)
        volt_var = None if self._droops.evse is None else replace(self._droops.evse, volt_watt=None)
        settled, base_w, pv_w = self._settle(start_s, end_s, evse_w, volt_var)
        held_w = self._held_w(settled, pv_w) if not settled.problem else 0.0
        if settled.problem == OSCILLATION:
            self.oscillations += 1
        found = settled.snapshot
        assert isinstance(found, Snapshot)
        return self._state(found, settled.problem, (base_w, pv_w - held_w, held_w, float(evse_w.sum())))

    def sensitivity(
        self, state: GridState, rows: Rows | None = None, shares: Matrix | None = None, /
    ) -> Sensitivity:
        """Linearise around `state` with every unit's set-points held.

        Volt-VAR weakens what a W does to the voltage: held set-points err towards more curtailment, and
        whoever uses this proves its answer by a solve.

        Raises:
            ValueError: The state has no solution.
        """
        return self._inner.sensitivity(state, rows, shares)

    def lower(self, start_s: float, end_s: float, evse_w: Array, /) -> Vector:
        """Return (n,) grid-side powers at which the Volt-Watt of every EVSE stands, never above `evse_w`.

        Args:
            start_s: Begin of the interval whose base load holds.
            end_s: Its end.
            evse_w: (n,), or (n, 3), that EVSEs would draw without Volt-Watt.

        Returns:
            Unchanged powers where no operating point exists: the power flow will tell.
        """
        wanted_w = evse_w.reshape(len(self._setup.evse_ids), -1).sum(axis=1)
        droop = self._droops.evse
        if droop is None or droop.volt_watt is None:
            return wanted_w
        settled, _, _ = self._settle(start_s, end_s, evse_w, droop)
        return wanted_w if settled.problem else settled.answers[0].p_w

    def _settle(
        self, start_s: float, end_s: float, evse_w: Array, evse: Droop | None
    ) -> tuple[Settled, float, float]:
        """Operating point, base load and undiminished generation in W."""
        base, base_w, pv_w = self._setup.profile.means(start_s, end_s)
        groups = []
        powers = evse_w.reshape(-1, self._inner.plan.phases)
        if evse is None:
            np.add.at(base[0], self._setup.evse_bus, powers)
            np.add.at(base[1], self._setup.evse_bus, powers * self._q_per_p)
        else:
            groups.append(self._charging(evse, powers))
        if self._droops.pv is not None and len(self._generators):
            groups.append(self._generation(self._droops.pv, base, start_s, end_s))
        return self._settler.settle((base[0], base[1]), groups), base_w, pv_w

    def _charging(self, droop: Droop, powers: Matrix) -> Group:
        total_w = powers.sum(axis=1)
        even = np.full_like(powers, 1.0 / powers.shape[1])
        shares = np.divide(powers, total_w[:, None], out=even, where=total_w[:, None] != 0.0)
        return Group(
            droop=droop,
            bus=self._setup.evse_bus,
            shares=shares,
            available_w=total_w,
            own_q_var=powers * self._q_per_p,
            rated_w=self._setup.evse_max_w,
            rated_va=droop.rated_va(self._setup.evse_max_w),
        )

    def _generation(self, droop: Droop, base: Array, start_s: float, end_s: float) -> Group:
        """Take the generators out of `base` and let them answer."""
        power_w, power_var = self._setup.profile.unit_means(start_s, end_s)[:, self._generators]
        shares_w, shares_var = self._pv_shares
        np.add.at(base[0], self._pv_bus, shares_w * power_w[:, None])
        np.add.at(base[1], self._pv_bus, shares_var * power_var[:, None])
        own = np.zeros_like(shares_var) if droop.volt_var is not None else -shares_var * power_var[:, None]
        return Group(
            droop=droop,
            bus=self._pv_bus,
            shares=shares_w,
            available_w=power_w,
            own_q_var=own,
            rated_w=self._pv_w,
            rated_va=droop.rated_va(self._pv_w),
        )

    def _held_w(self, settled: Settled, pv_w: float) -> float:
        """Generation that Volt-Watt held back."""
        if self._droops.pv is None or not len(self._generators):
            return 0.0
        return max(pv_w - float(settled.answers[-1].p_w.sum()), 0.0)

    def _state(self, found: Snapshot, problem: str, powers: tuple[float, float, float, float]) -> Solved:
        base_w, pv_w, held_w, ev_w = powers
        good = not problem
        nan = np.nan
        return Solved(
            vm_pu=found.vm_pu if good else np.full_like(found.vm_pu, nan),
            vuf_pct=found.vuf_pct if good else np.full_like(found.vuf_pct, nan),
            loading_pct=found.loading_pct if good else np.full_like(found.loading_pct, nan),
            slack_w=found.slack_w if good else nan,
            losses_w=found.losses_w if good else nan,
            base_w=base_w + found.other_w if good else base_w,
            pv_w=pv_w,
            pv_curtailed_w=held_w,
            ev_w=ev_w,
            converged=good,
            problem=problem,
            mismatch_w=found.mismatch_w,
            iterations=found.iterations,
            solution=found.solution,
        )

    def _told(self) -> dict[str, object]:
        told: dict[str, object] = {}
        for kind, droop in (("evse", self._droops.evse), ("pv", self._droops.pv)):
            if droop is not None:
                curves = {"volt_var": droop.volt_var, "volt_watt": droop.volt_watt}
                told[kind] = {
                    **{n: [list(p) for p in c.points] for n, c in curves.items() if c is not None},
                    "min_power_factor": droop.min_power_factor,
                }
        return told


def _shares(profile: Profile) -> Array:
    """(2, u, phases) share of each phase in the active, then the reactive power of every unit."""
    units = profile.units
    if profile.shares is None:
        return np.ones((2, len(units), 1))
    total = np.stack([units.p_w, units.q_var])[:, :, None]
    given = np.divide(units.phase_power, total, out=np.zeros_like(units.phase_power), where=total != 0.0)
    return np.where(np.isnan(units.phase_power), profile.shares, given)


class TapDroop:
    """The Volt-Watt of EVSEs on a feeder with tap changers: at the positions that are kept."""

    def __init__(self, grid: TapGrid) -> None:
        self._grid = grid

    @property
    def topology(self) -> GridTopology:
        """Names, limits and places."""
        return self._grid.topology

    @property
    def evse_bus(self) -> Rows:
        """(n,) position of each EVSE's bus."""
        return _drooping(self._grid.inner).evse_bus

    def lower(self, start_s: float, end_s: float, evse_w: Array, /) -> Vector:
        """As `DroopGrid.lower`: stations answer within seconds, tap changers after."""
        return _drooping(self._grid.inner).lower(start_s, end_s, evse_w)


def lowers(grid: Grid) -> DroopGrid | TapDroop | None:
    """Return the feeder as its stations' Volt-Watt sees it; None where they have none."""
    inner = grid.inner if isinstance(grid, TapGrid) else grid
    if not isinstance(inner, DroopGrid) or not inner.lowers:
        return None
    return TapDroop(grid) if isinstance(grid, TapGrid) else inner


def _drooping(grid: Grid) -> DroopGrid:
    assert isinstance(grid, DroopGrid)
    return grid


def add_droop(grid: Grid, droops: Droops) -> Grid:
    """Let the units of a feeder answer to their voltage, at every position of its tap changers.

    Raises:
        SolverError: The feeder is not compiled; names what the compiled power flow does not carry.
    """
    if isinstance(grid, TapGrid):
        return grid.wrapped(lambda inner: add_droop(inner, droops))
    if not isinstance(grid, CompiledGrid):
        reason = grid.provenance.get("fallback", "")
        raise SolverError(
            f"{grid.topology.name}: `grid.droop` needs the compiled power flow, which does not carry "
            f"this net: {reason}"
        )
    return DroopGrid(grid, droops)
