"""The run: one SimPy environment, one tick process with ordered phases, one process per visit.

SimPy breaks ties of one instant by order of creation, so timers on the same grid would race. One
process, one order: integrate and meter, solve, plan and guard, send, record.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import simpy
from simpy.events import EventPriority

from twin.control.controller import Controller, Decision, divides
from twin.control.guard import Guard
from twin.control.volt_watt import VoltWatt
from twin.domain.fleet import Fleet
from twin.domain.grid import GridState, broken
from twin.domain.ids import Array, Matrix, SiteId
from twin.domain.interval import Interval
from twin.domain.ports import Auditor, Chooser, Grid, Physics, Recorder
from twin.domain.site_limits import SiteLimits
from twin.domain.specs import FaultSpec, SiteSpec
from twin.domain.views import Strategy
from twin.domain.visits import Visits
from twin.engine.berths import Berths
from twin.engine.bookkeeper import Bookkeeper
from twin.engine.flow import Flow
from twin.engine.money import Money
from twin.engine.tariffs import SiteTariff
from twin.engine.till import Till
from twin.engine.visits import Arrivals, Place

Process = Generator[simpy.Event, object, None]
_LAST = EventPriority(2)
"""A priority behind SimPy's URGENT (0) and NORMAL (1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Everything a simulated run is made of; the composition root picks the adapters."""

    fleet: Fleet
    stations: Physics
    sites: Mapping[SiteId, SiteSpec]
    limits: SiteLimits
    strategy: Strategy
    guard: Guard | None
    grid: Grid | None
    visits: Visits
    minds: Sequence[Chooser]
    tariffs: Mapping[SiteId, SiteTariff]
    """Of the sites that charge money."""
    faults: Sequence[FaultSpec]
    period_s: float
    ticks: int
    """The run ends after this many periods."""
    power_flow_every: int
    plan_on_arrival: bool
    """Divide power anew whenever a car has been plugged in, not only at ticks."""
    notes: tuple[str, ...]
    """Sentences that a reader of the results must know, for the manifest."""
    release: Callable[[], None]
    """Lets go of what would outlive the run."""
    money: Money | None = None
    """How drivers pay; None: everybody is let in at once, and nothing is collected."""
    volt_watt: VoltWatt | None = None
    """Droop of the EVSEs' active power."""
    on_solved: Callable[[GridState], None] | None = None
    """Told the solution of every closed interval: what a feeder remembers from one to the next."""
    env: simpy.Environment = field(default_factory=simpy.Environment)
    """Whose time passes; protocol timers of stations behind sockets share it."""
    strict: bool = True
    """Whether a fact that cannot follow what is known is a defect; over a wire it is written down."""
    keep: Callable[[Path], None] = lambda _folder: None
    """Told the run's folder before the first tick: where to leave files of its own."""


class Simulation:
    """Moves the parts. `run()` ends when the last tick is recorded and every session is closed."""

    def __init__(
        self,
        parts: Parts,
        recorder: Recorder,
        auditor: Auditor | None,
        on_tick: Callable[[float, Bookkeeper], None] | None = None,
    ) -> None:
        self._parts = parts
        self._recorder = recorder
        self._auditor = auditor
        self._on_tick = on_tick
        self._env = env = parts.env
        self._flow = Flow(
            parts.fleet,
            parts.stations,
            parts.tariffs,
            divides=divides(parts.strategy, parts.guard, parts.volt_watt),
        )
        self._till = till = self._make_till(recorder)
        self.money_audit: dict[str, object] | None = None
        """What the audit of money counted, after the run; None: nothing was collected."""
        self.books = Bookkeeper(
            parts.fleet, parts.stations, parts.sites, parts.tariffs, recorder, auditor, self._flow, till
        )
        self.controller = Controller(
            parts.fleet,
            parts.stations,
            parts.strategy,
            parts.limits,
            guard=parts.guard,
            volt_watt=parts.volt_watt,
            judge=None if till is None else till.judge,
            on_start=self.books.started,
            on_end=self.books.ended,
            on_flow=self._flow.learn,
            on_answer=None if till is None else till.answered,
            on_odd=None if parts.strict else lambda event, why: self.books.odd(env.now, event.evse, why),
        )
        self._places = {site: self._place(spec) for site, spec in parts.sites.items()}
        if till is not None:
            till.join(self.controller, self.books, self._plugged)
        self._arrivals = Arrivals(
            env, parts.visits, parts.minds, self._places, self.books, recorder, self._plugged, parts.money
        )
        self._offline: Counter[int] = Counter()
        self._helpless: frozenset[str] = frozenset()
        phases = 1 if parts.grid is None else parts.grid.topology.phases
        self._unsolved_w: Matrix = np.zeros((phases, len(parts.fleet)))
        self._solved_s = 0.0

    def run(self) -> None:
        """Simulate from 0 to the horizon.

        Raises:
            AuditError: energy or money does not balance.
        """
        env, parts = self._env, self._parts
        self.controller.open()
        env.process(self._arrivals.run(parts.ticks * parts.period_s))
        for site, tariff in parts.tariffs.items():
            env.process(self._price_changes(self._places[site].berths.rows, tariff))
        if self._till is not None:
            self._till.open()
        for fault in parts.faults:
            env.process(self._fault(fault))
        with _frozen():
            env.run(until=env.process(self._ticks()))
        for row in sorted(self._offline.elements()):  # what stations have not told yet, they tell now
            parts.stations.fault(env.now, row, "offline", False)
        self.books.close(env.now)
        self._arrivals.close(env.now)
        if self._till is not None:
            self.money_audit = self._till.close(env.now)

    def _make_till(self, recorder: Recorder) -> Till | None:
        parts = self._parts
        if parts.money is None:
            return None
        vehicles, env = parts.visits.vehicles, self._env
        return Till(
            parts.money, parts.fleet, parts.stations, parts.sites, vehicles, recorder, self._flow,
            lambda: env.now,
        )  # fmt: skip

    def _place(self, spec: SiteSpec) -> Place:
        fleet = self._parts.fleet
        rows = [row for row, evse in enumerate(fleet.specs) if evse.site == spec.id]
        tariff = self._parts.tariffs.get(spec.id)
        return Place(
            spec=spec,
            berths=Berths(self._env, rows),
            power_w=max((fleet.specs[row].max_w for row in rows), default=0.0),
            price=(lambda t_s: float(tariff.at(t_s))) if tariff is not None else (lambda _: 0.0),
        )

    def _ticks(self) -> Process:
        """Run every phase once per period, always in this order."""
        env, parts = self._env, self._parts
        interval = parts.stations.interval()
        started_s = 0.0
        for k in range(parts.ticks + 1):
            yield _after_all(env, k * parts.period_s)  # k * period: no drift from summing floats
            now_s = env.now
            parts.stations.advance(now_s)
            if k > 0 and self._auditor is not None:
                self._auditor.interval(started_s, now_s, interval)
            if k > 0 and parts.grid is not None:
                self._solve(k, now_s, interval, parts.grid)
            # Behind the end of the run there is nothing to plan.
            decision = self._plan(now_s, parts.period_s) if k < parts.ticks else None
            self._flow.tick(now_s)
            if self._till is not None:
                self._till.tick()
            if k > 0:
                planned = (None, {}) if decision is None else (decision.wanted_w, decision.reasons)
                self._recorder.tick(now_s, parts.fleet, interval, *planned)
            started_s = now_s
            if self._on_tick is not None:
                self._on_tick(now_s, self.books)

    def _solve(self, k: int, now_s: float, interval: Interval, grid: Grid) -> None:
        """Power flow with the mean power, per phase if the feeder has three, of the intervals since the last one."""
        every = self._parts.power_flow_every
        self._unsolved_w += interval.grid_w if len(self._unsolved_w) == 1 else interval.phase_w
        if k % every and k != self._parts.ticks:
            return
        solved = k % every or every
        state = grid.solve(self._solved_s, now_s, _per_evse(self._unsolved_w / solved))
        if self._auditor is not None:
            self._auditor.feeder(self._solved_s, now_s, state)
        if self._parts.on_solved is not None:
            self._parts.on_solved(state)
        self._recorder.grid(now_s, interval, state, self._without_evs(grid, now_s, state))
        self._unsolved_w[:] = 0.0
        self._solved_s = now_s

    def _without_evs(self, grid: Grid, now_s: float, state: GridState) -> GridState | None:
        """The same interval with every EVSE at zero, where a limit is broken: is charging the cause?"""
        if not broken(grid.topology, state):
            return None
        return grid.solve(self._solved_s, now_s, _per_evse(np.zeros_like(self._unsolved_w)))

    def _plugged(self, now_s: float) -> None:
        """A car is there: give it its share until the next tick. At a tick, the tick does it."""
        rest_s = -now_s % self._parts.period_s
        if self._parts.plan_on_arrival and rest_s:
            self._plan(now_s, rest_s)

    def _plan(self, now_s: float, span_s: float) -> Decision:
        """Divide power for [now, now + span], and write down what came of it."""
        decision = self.controller.plan(now_s, span_s)
        self._flow.look(now_s)
        self._recorder.plan(now_s, self._parts.fleet, decision.wanted_w, decision.reasons)
        self._note(now_s, decision)
        return decision

    def _note(self, now_s: float, decision: Decision) -> None:
        """Write down what the guard did and why, and where it could do nothing."""
        if decision.guarded is None:
            return
        for intervention in decision.guarded.interventions:
            self._recorder.row("events", {"t_s": now_s, **intervention.event()})
        helpless = frozenset(decision.guarded.helpless)
        for element in sorted(helpless - self._helpless):
            detail = "outside its limits whatever charging does"
            event = {"t_s": now_s, "kind": "helpless", "subject": element, "detail": detail, "value": None}
            self._recorder.row("events", event)
        self._helpless = helpless

    def _price_changes(self, rows: Sequence[int], tariff: SiteTariff) -> Process:
        """Read the registers of running sessions whenever the price changes."""
        env, index = self._env, np.asarray(rows, dtype=np.int64)
        for t_s in tariff.changes_s:
            yield env.timeout(t_s - env.now)
            self.controller.read(t_s, index, self._parts.stations.read_register(t_s, index))

    def _fault(self, fault: FaultSpec) -> Process:
        """Break something, and mend it."""
        env, parts = self._env, self._parts
        rows = [parts.fleet.row[evse] for evse in fault.evses]
        for at_s, on in ((fault.start_s, True), (fault.end_s, False)):
            yield env.timeout(max(at_s - env.now, 0.0))
            for row in rows:
                parts.stations.fault(env.now, row, fault.kind, on)
                self.books.fault(env.now, row, fault.kind, on=on)
                if fault.kind == "outage":
                    self._out_of_order(row, on=on)
                elif fault.kind == "offline":
                    self._offline[row] += 1 if on else -1

    def _out_of_order(self, row: int, *, on: bool) -> None:
        berths = self._places[self._parts.fleet.specs[row].site].berths
        if on:
            berths.close(row)
        else:
            berths.open(row)


def _per_evse(power_w: Matrix) -> Array:
    """Turn (phases, n) into what the port `Grid` takes: (n,) of a symmetric feeder, else (n, 3)."""
    return power_w[0] if len(power_w) == 1 else np.ascontiguousarray(power_w.T)


@contextmanager
def _frozen() -> Iterator[None]:
    """Keep the garbage collector from walking what lives as long as the run: a tenth of the time at 1,000 EVSEs."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _after_all(env: simpy.Environment, at_s: float) -> simpy.Event:
    """Return an event at `at_s` that comes after everything else of that instant.

    SimPy orders one instant by priority, then by creation: a car that arrives exactly on a tick must be
    there when the tick plans, whichever was scheduled first.
    """
    event = env.event()
    event._ok, event._value = True, None  # noqa: SLF001 -- as simpy.Timeout does; there is no public way
    env.schedule(event, priority=_LAST, delay=at_s - env.now)
    return event
