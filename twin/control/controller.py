"""The one brain: follows facts, authorises, plans, and sends limits. No clock, no I/O.

The same object drives simulated, virtual and real stations: it sees only facts and measured columns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import count
from typing import Any, TypeAlias

import numpy as np

from twin.control.guard import Guard, Guarded
from twin.control.sessions import EvseBooks, OnOdd, Session
from twin.control.volt_watt import VoltWatt
from twin.domain import events as e
from twin.domain.commands import Authorise, Command, Stop
from twin.domain.fleet import Fleet
from twin.domain.ids import EvseId, Rows, Vector
from twin.domain.ports import Stations
from twin.domain.records import Authorisation
from twin.domain.site_limits import SiteLimits
from twin.domain.views import FleetView, Plan, Strategy
from twin.errors import StrategyError

_NO_REASONS: Mapping[int, str] = {}
_CLOSED_W = np.zeros(1)
_SLACK_W = 1e-3
"""Rounding that a strategy may commit."""


class Decision:
    """What one tick decided.

    Attributes:
        wanted_w: (n,) what the strategy wanted.
        reasons: Element that made the guard lower a row's limit, or the bus whose voltage made the station
            do so, by row.
        guarded: The guard's whole answer; None without a guard or without sessions.
    """

    __slots__ = ("guarded", "reasons", "wanted_w")

    def __init__(self, wanted_w: Vector, reasons: Mapping[int, str], guarded: Guarded | None) -> None:
        self.wanted_w = wanted_w
        self.reasons = reasons
        self.guarded = guarded


Judge: TypeAlias = Callable[[e.TokenPresented], None]
"""Told of a token; the answer, now or later, is `Controller.decide`."""
OnFlow: TypeAlias = Callable[[e.ChargingSuspended | e.Faulted | e.Recovered], None]
OnAnswer: TypeAlias = Callable[[e.CommandAnswered, Command], None]


def divides(strategy: Strategy, guard: Guard | None, volt_watt: VoltWatt | None) -> bool:
    """Whether anybody is ever limited; False: every car may draw all that it can."""
    return guard is not None or volt_watt is not None or bool(getattr(strategy, "keeps_limits", True))


class Controller:
    """Follows the facts of every station and divides power once per tick.

    A car that is plugged in between two ticks waits for the next one, unless nothing limits anybody:
    power may only be handed out that a plan has accounted for.

    Args:
        fleet: The measured columns.
        stations: Where commands and limits go.
        strategy: Who plans.
        limits: Of the sites.
        guard: Keeps the feeder within its limits.
        volt_watt: What stations do on their own.
        judge: Decides who may charge; None: everybody, at once.
        on_start: Told of each transaction that begins.
        on_end: Told of each that has ended.
        on_flow: Told of what stops and lets flow energy.
        on_answer: Told how commands came out that `decide` and `stop` sent.
        on_odd: Told of facts that cannot follow what is known; None: such a fact is a defect.
    """

    def __init__(
        self,
        fleet: Fleet,
        stations: Stations,
        strategy: Strategy,
        limits: SiteLimits,
        *,
        guard: Guard | None = None,
        volt_watt: VoltWatt | None = None,
        judge: Judge | None = None,
        on_start: Callable[[Session], None],
        on_end: Callable[[Session], None],
        on_flow: OnFlow | None = None,
        on_answer: OnAnswer | None = None,
        on_odd: OnOdd | None = None,
    ) -> None:
        self._fleet = fleet
        self._stations = stations
        self._strategy = strategy
        self._limits = limits
        self._guard = guard
        self._volt_watt = volt_watt
        self._on_start = on_start
        self._on_end = on_end
        self._judge = judge
        self._on_flow = on_flow
        self._on_answer = on_answer
        self._on_odd = on_odd
        self._state: Any = None
        self._commands = count(1)
        self._sent: dict[int, Command] = {}
        """Commands without an answer."""
        self._all: Rows = np.arange(len(fleet), dtype=np.int64)
        self._zeros: Vector = np.zeros(len(fleet))
        self._free = not divides(strategy, guard, volt_watt)
        self.books = tuple(EvseBooks(evse, row, on_odd) for row, evse in enumerate(fleet.ids))
        self._handlers: dict[type, Callable[[Any, EvseBooks], None]] = {
            e.CablePlugged: lambda event, books: books.occupy(event),
            e.CableUnplugged: self._unplugged,
            e.TokenPresented: self._presented,
            e.CommandAnswered: self._answered,
            e.TransactionStarted: self._started,
            e.ChargingSuspended: self._suspended,
            e.TransactionEnded: self._ended,
            e.Faulted: self._broken,
            e.Recovered: self._broken,
            e.WentOffline: _nothing,  # the OFFLINE column says it, and the physics keeps the last limit
            e.CameBack: _nothing,
            e.LimitNotObeyed: _nothing,  # what is counted against headroom says it
        }
        stations.subscribe(self.learn)

    def open(self) -> None:
        """Set the limits before anything happens: everything where nothing limits, else nothing."""
        start = np.full(len(self._fleet), np.inf) if self._free else self._zeros
        self._stations.set_limits(self._all, start)

    def learn(self, event: e.StationEvent) -> None:
        """Follow one fact.

        Raises:
            IllegalTransition: the fact cannot follow what is known of the EVSE.
        """
        self._handlers[type(event)](event, self.books[self._fleet.row[event.evse]])

    def decide(self, evse: EvseId, token: str, *, granted: bool) -> None:
        """Answer a token that the judge was told of."""
        self._send(Authorise(next(self._commands), evse, token, granted=granted))

    def stop(self, evse: EvseId) -> None:
        """End the transaction at an EVSE; the car stays."""
        self._send(Stop(next(self._commands), evse))

    def read(self, t_s: float, rows: Rows, register_wh: Vector) -> None:
        """Note the registers (len(rows),) of running sessions: the price, or what the car does, changes."""
        for row, register in zip(rows.tolist(), register_wh.tolist(), strict=True):
            session = self.books[row].session
            if session is not None:
                session.readings.append(e.MeterReading(t_s, t_s, register, "Clock"))

    def plan(self, now_s: float, period_s: float) -> Decision:
        """Divide power for [now, now + period] and send the limits."""
        fleet = self._fleet
        rows = fleet.charging.nonzero()[0]
        if self._free:
            return Decision(fleet.max_w * fleet.charging, _NO_REASONS, None)
        if not len(rows):
            self._stations.set_limits(self._all, self._zeros)
            return Decision(self._zeros, _NO_REASONS, None)
        view = FleetView(now_s, period_s, rows, fleet.data, self._limits)
        plan = self._asked(view)
        self._state = plan.state
        wanted_w = np.zeros(len(fleet))
        wanted_w[rows] = plan.limit_w
        limit_w, reasons = wanted_w, _NO_REASONS
        if self._volt_watt is not None:  # stations do so on their own; the guard plans with what is left
            limit_w, reasons = self._volt_watt.lower(now_s, period_s, wanted_w)
        if self._guard is None:
            self._stations.set_limits(self._all, limit_w)
            return Decision(wanted_w, reasons, None)
        order = None if plan.order is None else rows[plan.order]
        guarded = self._guard.protect(now_s, period_s, limit_w, order=order)
        self._stations.set_limits(self._all, guarded.limit_w)
        return Decision(wanted_w, {**reasons, **guarded.reasons}, guarded)

    def _asked(self, view: FleetView) -> Plan:
        """Ask the strategy, and take no answer that cannot be used: strategies are other people's code."""
        name = type(self._strategy).__name__
        try:
            plan = self._strategy.plan(view, self._state)
            limit_w = plan.limit_w
            fits = limit_w.shape == view.rows.shape and bool(
                limit_w.min() >= 0.0 and (limit_w - view.max_w).max() <= _SLACK_W
            )
        except Exception as error:
            text = f"{name}: plan() raised {type(error).__name__} at t={view.now_s:.0f} s: {error}"
            raise StrategyError(text) from error
        if not fits:
            raise StrategyError(
                f"{name}: plan() at t={view.now_s:.0f} s must return {len(view)} limits from 0 W to the view's max_w, "
                f"got {_short(limit_w)} where max_w is {_short(view.max_w)}"
            )
        return plan

    def _presented(self, event: e.TokenPresented, books: EvseBooks) -> None:
        books.authorise(event)
        if self._judge is None:
            self.decide(event.evse, event.token, granted=True)
        else:
            self._judge(event)

    def _send(self, command: Command) -> None:
        self._sent[command.id] = command  # before it is sent: an answer may come at once
        self._stations.send(command)

    def _answered(self, event: e.CommandAnswered, books: EvseBooks) -> None:
        command = self._sent.pop(event.command)
        if isinstance(command, Authorise) and books.authorisation is Authorisation.ASKED:
            if event.accepted and command.granted:
                books.authorise(event)
            else:
                books.refused()
        if self._on_answer is not None:
            self._on_answer(event, command)

    def _suspended(self, event: e.ChargingSuspended, books: EvseBooks) -> None:
        books.transfer_energy(event)
        if self._on_flow is not None:
            self._on_flow(event)

    def _broken(self, event: e.Faulted | e.Recovered, books: EvseBooks) -> None:
        books.occupy(event)
        if self._on_flow is not None:
            self._on_flow(event)

    def _started(self, event: e.TransactionStarted, books: EvseBooks) -> None:
        if self._judge is not None and event.token and books.authorisation is Authorisation.NONE:
            books.trusted()
        books.authorise(event)
        books.transfer_energy(event)
        if books.session is not None and self._on_odd is not None:  # its end is lost: closed by what is known
            self._on_end(books.abandon(event))
        self._on_start(books.start(event, event.token, event.register_wh))

    def _ended(self, event: e.TransactionEnded, books: EvseBooks) -> None:
        books.transfer_energy(event)
        books.authorise(event)
        session = books.end(event, event.register_wh)
        if session is not None:
            self._on_end(session)

    def _unplugged(self, event: e.CableUnplugged, books: EvseBooks) -> None:
        books.occupy(event)
        if books.authorisation is Authorisation.ASKED:
            books.authorise(event)
        if not self._free:  # the next car waits for a plan of its own
            self._stations.set_limits(self._all[books.row : books.row + 1], _CLOSED_W)


def _short(values: Vector) -> str:
    return np.array2string(np.asarray(values), precision=0, threshold=6, edgeitems=3)


def _nothing(_event: e.StationEvent, _books: EvseBooks) -> None:
    """Columns carry this fact."""
