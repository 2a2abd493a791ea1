"""On-load tap changers in the loop: one compiled feeder per tap position, kept for the next time.

A `DiscreteTapControl` of pandapower holds the voltage of a transformer's bus within a band: outside it the tap
steps by one, and the feeder is solved again, until every controlled voltage is inside its band or its tap at an
end. Stepping the tap changes the model, so each vector of positions has a feeder of its own, compiled and checked
against pandapower when it is first needed (some tenths of a second) and kept.

A band has a memory: which positions are right depends on where the taps stood. Every solve starts from the
positions that were kept last, those of the net's table at first, and changes nothing by itself: probing a plan
moves no tap. Only `keep` does, which the run calls with the solution of each closed interval. Results depend on
the order of intervals alone, so runs repeat.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from pandapower.control import DiscreteTapControl

from twin.domain.grid import GridState, GridTopology, Sensitivity
from twin.domain.ids import Array, Matrix, Rows, Vector
from twin.domain.ports import Grid
from twin.grid.feeder import Feeder

Taps = tuple[int, ...]
HUNTING = "tap changers find no position"


@dataclass(frozen=True, slots=True, kw_only=True)
class TapControls:
    """The tap changers of a net, (c,) each.

    Attributes:
        trafo: Index in the net's table.
        names: Of the transformers, for messages.
        bus: Position of the bus whose voltage is held.
        lower_pu, upper_pu: The band, edges included.
        lowest, highest: Positions.
        up_raises: Whether one position up raises that voltage.
        start: Positions of the net's table.
    """

    trafo: Rows
    names: tuple[str, ...]
    bus: Rows
    lower_pu: Vector
    upper_pu: Vector
    lowest: Rows
    highest: Rows
    up_raises: Array
    start: Taps

    def step(self, vm_pu: Matrix, taps: Taps) -> Taps:
        """Return the positions after one step at the voltages (nb, phases); of three phases their mean counts."""
        seen_pu = vm_pu[self.bus].mean(axis=1)
        now = np.array(taps, dtype=np.int64)
        wanted = np.where(seen_pu < self.lower_pu, 1, 0) - np.where(seen_pu > self.upper_pu, 1, 0)
        moved = now + np.where(self.up_raises, wanted, -wanted)
        return tuple(np.clip(moved, self.lowest, self.highest).tolist())

    def told(self, feeder: Feeder) -> list[dict[str, object]]:
        """Return what the manifest says about each."""
        bands = zip(self.lower_pu.tolist(), self.upper_pu.tolist(), strict=True)
        return [
            {"trafo": name, "bus": feeder.buses[bus], "band_pu": list(band), "start": start}
            for name, bus, band, start in zip(self.names, self.bus.tolist(), bands, self.start, strict=True)
        ]


def tap_controls(feeder: Feeder) -> TapControls | None:
    """Read the tap changers of a net; None where it has none, or controllers that are something else.

    Controllers of several levels, or of three-winding transformers, are something else: they are left to
    pandapower.
    """
    table = feeder.net.controller
    active = table[table.in_service.astype(bool)] if len(table) else table
    if not len(active) or active.level.astype(str).nunique() > 1:
        return None
    kept = {id(feeder.net.get("profiles")): None}
    net = copy.deepcopy(feeder.net, kept)  # reading a controller refreshes it: not in the feeder's own net
    rows: list[tuple[Any, ...]] = []
    for control in net.controller.object.loc[active.index]:
        if type(control) is not DiscreteTapControl or control.element != "trafo":
            return None
        control.initialize_control(net)
        if not control.nothing_to_do(net):
            rows += _rows(control)
    dead = set(net.trafo.index[~net.trafo.in_service.astype(bool)])
    sources = set(net.ext_grid.bus[net.ext_grid.in_service.astype(bool)])
    rows = [row for row in rows if row[0] not in dead and row[1] not in sources]
    trafos = [row[0] for row in rows]
    if not rows or len(set(trafos)) < len(trafos):
        return None
    return _controls(feeder, rows)


def _rows(control: Any) -> list[tuple[Any, ...]]:
    """(trafo, bus, lower, upper, lowest, highest, up raises, position) of each transformer of a controller."""
    trafos = np.atleast_1d(control.element_index)
    columns = (
        control.trafobus,
        control.vm_lower_pu,
        control.vm_upper_pu,
        control.tap_min,
        control.tap_max,
        np.asarray(control.tap_side_coeff) * np.asarray(control.tap_sign) != 1,
        control.tap_pos,
    )
    spread = [np.broadcast_to(np.asarray(c), trafos.shape).tolist() for c in columns]
    return list(zip(trafos.tolist(), *spread, strict=True))


def _controls(feeder: Feeder, rows: Sequence[tuple[Any, ...]]) -> TapControls:
    trafo, bus, lower, upper, lowest, highest, up, start = (list(c) for c in zip(*rows, strict=True))
    place = {index: k for k, index in enumerate(feeder.net.bus.index.tolist())}
    branch = {index: k for k, index in enumerate(feeder.net.trafo.index.tolist())}
    lines = len(feeder.net.line)
    return TapControls(
        trafo=np.array(trafo, dtype=np.int64),
        names=tuple(feeder.branches[lines + branch[index]] for index in trafo),
        bus=np.array([place[index] for index in bus], dtype=np.int64),
        lower_pu=np.array(lower, dtype=float),
        upper_pu=np.array(upper, dtype=float),
        lowest=np.array(lowest, dtype=np.int64),
        highest=np.array(highest, dtype=np.int64),
        up_raises=np.array(up, dtype=bool),
        start=tuple(int(position) for position in start),
    )


def at_taps(feeder: Feeder, controls: TapControls, taps: Taps) -> Feeder:
    """Return the feeder with its taps at these positions and without controllers."""
    kept = {id(feeder.net.get("profiles")): None}
    net = copy.deepcopy(feeder.net, kept)
    net.trafo.loc[controls.trafo, "tap_pos"] = np.array(taps)
    net.controller = net.controller.iloc[:0]
    return replace(feeder, net=net)


class TapGrid:
    """Implements the port `Grid` with tap changers that move within every solve.

    Args:
        feeder: With its controllers.
        controls: Its tap changers.
        make: Makes the feeder of fixed taps.

    Raises:
        ScenarioError, SolverError: As `make`.
    """

    def __init__(self, feeder: Feeder, controls: TapControls, make: Callable[[Feeder], Grid]) -> None:
        self._feeder = feeder
        self._controls = controls
        self._make = make
        self._grids: dict[Taps, Grid] = {}
        self._kept = controls.start
        self.at(controls.start)  # what is wrong with the net is said before the run

    @property
    def topology(self) -> GridTopology:
        """Names, limits and places; constant during a run."""
        return self.at(self._controls.start).topology

    @property
    def provenance(self) -> Mapping[str, object]:
        """What the manifest says about the model: that of the positions in the net's table."""
        inner = self.at(self._controls.start).provenance
        return {**inner, "tap_changers": self._controls.told(self._feeder)}

    @property
    def kept(self) -> Taps:
        """Positions from which every solve starts."""
        return self._kept

    @property
    def compiled(self) -> int:
        """How many vectors of positions were needed so far."""
        return len(self._grids)

    def at(self, taps: Taps) -> Grid:
        """Return the feeder with its taps at these positions.

        Raises:
            SolverError: It cannot be solved there, or differs from pandapower; names the element.
        """
        if taps not in self._grids:
            self._grids[taps] = self._make(at_taps(self._feeder, self._controls, taps))
        return self._grids[taps]

    def solve(self, start_s: float, end_s: float, evse_w: Array, /) -> GridState:
        """Solve the mean of [start_s, end_s], taps included; the state's `tap_pos` says where they came to.

        Taps that come back to positions they had left have no place to stay: there is no solution then.

        Raises:
            ValueError: A power is not finite; names the EVSE.
            SolverError: As `at`.
        """
        taps, visited = self._kept, set[Taps]()
        while True:
            visited.add(taps)
            state = replace(self.at(taps).solve(start_s, end_s, evse_w), tap_pos=taps)
            if not state.converged:
                return state
            stepped = self._controls.step(state.vm_pu, taps)
            if stepped == taps:
                return state
            if stepped in visited:
                return _unsolved(state)
            taps = stepped

    def sensitivity(
        self, state: GridState, rows: Rows | None = None, shares: Matrix | None = None, /
    ) -> Sensitivity:
        """Linearise around `state` with the taps where they are.

        Raises:
            ValueError: The state has no solution.
        """
        if not state.tap_pos:
            raise ValueError("only a state of this grid can be linearised")
        return self.at(state.tap_pos).sensitivity(state, rows, shares)

    def keep(self, state: GridState) -> None:
        """Let every later solve start from the taps of `state`; a state without solution changes nothing."""
        if state.converged:
            self._kept = state.tap_pos

    @property
    def inner(self) -> Grid:
        """The feeder with the taps that are kept."""
        return self.at(self._kept)

    def wrapped(self, wrap: Callable[[Grid], Grid]) -> TapGrid:
        """Return the same tap changers around feeders that `wrap` changes."""
        make = self._make
        return TapGrid(self._feeder, self._controls, lambda feeder: wrap(make(feeder)))


def _unsolved(state: GridState) -> GridState:
    """The state of taps that hunt: no number of it may be used."""
    nan = np.nan
    return replace(
        state,
        vm_pu=np.full_like(state.vm_pu, nan),
        vuf_pct=np.full_like(state.vuf_pct, nan),
        loading_pct=np.full_like(state.loading_pct, nan),
        slack_w=nan,
        losses_w=nan,
        converged=False,
        problem=HUNTING,
    )
