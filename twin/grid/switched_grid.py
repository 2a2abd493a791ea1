"""A feeder that is switched on schedule: one grid per switch state, all made and checked before the run.

A return to a state compiles nothing: its grid is still there. With tap changers every state has its own cache of
tap positions, and the positions themselves are carried over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields

from twin.domain.grid import GridState, GridTopology, Sensitivity
from twin.domain.ids import Array, Matrix, Rows, Vector
from twin.domain.ports import Grid
from twin.errors import SolverError
from twin.grid.common import Solved
from twin.grid.droop_grid import DroopGrid, TapDroop, lowers
from twin.grid.feeder import Feeder
from twin.grid.switching import Schedule, State, switched
from twin.grid.taps import TapGrid

_SOLVED = tuple(field.name for field in fields(Solved))
_TOLD = ("fingerprint", "self_check", "solver", "fallback")


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchedState(Solved):
    """A state that knows with which switches it was solved.

    Attributes:
        closed: The switch state, as in `Schedule`.
    """

    closed: State


class SwitchedGrid:
    """Implements the port `Grid`: an interval is solved with the state in force at its beginning.

    Args:
        feeder: As loaded.
        schedule: Its states.
        make: Makes the feeder of one state, in service as it is.

    Raises:
        ScenarioError, SolverError: As `make`; or the states differ in their tap changers.
    """

    def __init__(self, feeder: Feeder, schedule: Schedule, make: Callable[[Feeder], Grid]) -> None:
        self._schedule = schedule
        self._instants = schedule.in_force()
        self._grids = {state: make(switched(feeder, schedule.elements, state)) for state in self._instants}
        self._first = next(iter(self._grids.values()))
        self._refuse_lost_taps(feeder)

    @property
    def topology(self) -> GridTopology:
        """Names, limits and places; constant during a run. Ratings of the head are those of the first state."""
        return self._first.topology

    @property
    def provenance(self) -> Mapping[str, object]:
        """What the manifest says about the model: that of the first state, then what differs in each."""
        told = [self._told(state, instants) for state, instants in self._instants.items()]
        fallback = next((t["fallback"] for t in told if t.get("fallback")), "")
        return {**self._first.provenance, "fallback": fallback, "switch_states": told}

    @property
    def tap_grids(self) -> tuple[TapGrid, ...]:
        """The feeders of all states where they have tap changers; empty where they have none."""
        return tuple(grid for grid in self._grids.values() if isinstance(grid, TapGrid))

    def at(self, t_s: float) -> Grid:
        """Return the feeder in force at `t_s`."""
        return self._grids[self._schedule.at(t_s)]

    def solve(self, start_s: float, end_s: float, evse_w: Array, /) -> GridState:
        """Solve the mean of [start_s, end_s] with the state in force at `start_s`.

        Raises:
            ValueError: A power is not finite; names the EVSE.
            SolverError: As `TapGrid.solve`.
        """
        return self.solve_in(start_s, start_s, end_s, evse_w)

    def solve_in(self, t_s: float, start_s: float, end_s: float, evse_w: Array) -> GridState:
        """As `solve`, with the state in force at `t_s`."""
        closed = self._schedule.at(t_s)
        state = self._grids[closed].solve(start_s, end_s, evse_w)
        if not isinstance(state, Solved):
            return state  # nothing that could be linearised
        return SwitchedState(closed=closed, **{name: getattr(state, name) for name in _SOLVED})

    def sensitivity(
        self, state: GridState, rows: Rows | None = None, shares: Matrix | None = None, /
    ) -> Sensitivity:
        """Linearise around `state` with the switches that it was solved with.

        Raises:
            ValueError: The state has no solution, or is not of this grid.
        """
        if isinstance(state, SwitchedState) and state.closed in self._grids:
            return self._grids[state.closed].sensitivity(state, rows, shares)
        if not isinstance(state, Solved):
            return self._first.sensitivity(state, rows, shares)  # it says why not
        raise ValueError("only a converged state of this grid can be linearised")

    def keep(self, state: GridState) -> None:
        """Let every later solve start from the taps of `state`, whatever the switches."""
        for grid in self.tap_grids:
            grid.keep(state)

    def _told(self, state: State, instants: list[str]) -> dict[str, object]:
        elements = self._schedule.elements
        inner = self._grids[state].provenance
        return {
            "from": instants,
            "open": [e.name for e, closed in zip(elements, state, strict=True) if not closed],
            "closed": [e.name for e, closed in zip(elements, state, strict=True) if closed],
            **{key: inner[key] for key in _TOLD if key in inner},
        }

    def _refuse_lost_taps(self, feeder: Feeder) -> None:
        """Tap changers keep their positions over a switching: all states must have the same ones, of our own."""
        found = {_tap_changers(grid) for grid in self._grids.values()}
        if len(found) > 1:
            everywhere = frozenset[str].intersection(*map(frozenset, found))
            names = sorted(frozenset[str]().union(*found) - everywhere)
            raise SolverError(
                f"{feeder.name}: the tap changer of `{names[0]}` does not work in every switch state of "
                "`grid.switching`: take its controller out of service, or leave the transformer closed"
            )
        table = feeder.net.controller
        if len(table) and table.in_service.astype(bool).any() and not all(found):
            raise SolverError(
                f"{feeder.name}: `grid.switching` cannot carry the positions of its controllers from one switch "
                "state to the next: only `DiscreteTapControl` of two-winding transformers, all of one level; take "
                "others out of service"
            )


def _tap_changers(grid: Grid) -> tuple[str, ...]:
    told = grid.provenance.get("tap_changers", [])
    assert isinstance(told, list)
    return tuple(str(each["trafo"]) for each in told)


class ComingGrid:
    """A switched feeder for whoever takes a closed interval as forecast of the coming one.

    Base load is that of the interval asked for, switches are those in force at its *end*, where the coming one
    begins. Otherwise as the feeder itself.
    """

    def __init__(self, grid: SwitchedGrid) -> None:
        self._grid = grid

    @property
    def topology(self) -> GridTopology:
        """Names, limits and places."""
        return self._grid.topology

    @property
    def provenance(self) -> Mapping[str, object]:
        """What the manifest says about the model."""
        return self._grid.provenance

    def solve(self, start_s: float, end_s: float, evse_w: Array, /) -> GridState:
        """Solve the mean of [start_s, end_s] with the state in force at `end_s`; raises as the feeder's own."""
        return self._grid.solve_in(end_s, start_s, end_s, evse_w)

    def sensitivity(
        self, state: GridState, rows: Rows | None = None, shares: Matrix | None = None, /
    ) -> Sensitivity:
        """As `SwitchedGrid.sensitivity`."""
        return self._grid.sensitivity(state, rows, shares)


class SwitchedDroop:
    """The Volt-Watt of EVSEs on a switched feeder: with the state in force when the interval begins."""

    def __init__(self, grid: SwitchedGrid) -> None:
        self._grid = grid

    @property
    def topology(self) -> GridTopology:
        """Names, limits and places."""
        return self._grid.topology

    @property
    def evse_bus(self) -> Rows:
        """(n,) position of each EVSE's bus."""
        return self._at(0.0).evse_bus

    def lower(self, start_s: float, end_s: float, evse_w: Array, /) -> Vector:
        """As `DroopGrid.lower`."""
        return self._at(start_s).lower(start_s, end_s, evse_w)

    def _at(self, t_s: float) -> DroopGrid | TapDroop:
        found = lowers(self._grid.at(t_s))
        assert found is not None
        return found


def switched_lowers(grid: SwitchedGrid) -> SwitchedDroop | None:
    """As `droop_grid.lowers`: the feeder as its stations' Volt-Watt sees it; None where they have none."""
    return None if lowers(grid.at(0.0)) is None else SwitchedDroop(grid)
