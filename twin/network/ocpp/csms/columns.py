"""The columns of rows whose stations speak OCPP: what messages told, what was measured, what the driver's app said."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from twin.domain import events as e
from twin.domain.fleet import Fleet
from twin.domain.ids import Rows, Vector
from twin.domain.pilots import pilot_w
from twin.network.ocpp.csms.meter_values import REGISTER, TOTAL, Values

_POWER = ("Power.Active.Import", TOTAL)
_REGISTER = (REGISTER, TOTAL)
_HOUR_S = 3600.0
_SUSPENDED, _CHARGING = "SuspendedEV", "Charging"
"""States of a car that takes nothing although it may, and of one that does take energy. While it may not
(SuspendedEVSE), nobody knows whether it would."""


class Car(NamedTuple):
    """What a driver's app says of the car and the stay; it never crosses the wire."""

    phases: float
    w_per_a: float
    max_w: float
    min_w: float
    step_w: float
    departure_s: float
    """NaN: not said."""
    requested_wh: float
    """NaN: not said."""


class Columns:
    """Writes the rows of one fleet.

    A row is offline until its station is served for the first time. What the app said is shown from the moment
    the cable is known to be in, and forgotten with the cable.

    Args:
        fleet: Whose columns.
        rows: The ones that are written here.
        start_s: When the run begins.
    """

    def __init__(self, fleet: Fleet, rows: tuple[int, ...], start_s: float) -> None:
        self._fleet = fleet
        self._cars: dict[int, Car] = {}
        self._wish_w = np.full(len(fleet), np.nan)
        self._running: set[int] = set()
        self._suspended: set[int] = set()
        self._faulted: set[int] = set()
        for row in rows:
            fleet.offline[row] = 1.0
            fleet.sampled_s[row] = start_s
            fleet.limit_w[row] = 0.0

    def said(self, row: int, car: Car) -> None:
        """Keep what the app said of the car that is being plugged in."""
        self._cars[row] = car
        if self._fleet.plugged[row]:
            self._describe(row)

    def wish(self, row: int, limit_w: float) -> float:
        """Note the limit asked for; return the power in W of the pilot that it means."""
        self._wish_w[row] = limit_w
        self._limit(row)
        return float(self._fleet.limit_w[row])

    def news(self, rows: Rows, limit_w: Vector) -> Rows:
        """Return the places in `rows` whose limit is another one than was asked for before."""
        return np.flatnonzero(self._wish_w[rows] != limit_w)

    def measured(self, row: int, t_s: float, values: Values) -> None:
        """Take a sample; the mean power is that since the sample before."""
        fleet = self._fleet
        register_wh = values.get(_REGISTER)
        if register_wh is not None:
            span_s = t_s - float(fleet.sampled_s[row])
            if span_s > 0.0:
                fleet.power_w[row] = (register_wh - float(fleet.register_wh[row])) / span_s * _HOUR_S
            fleet.register_wh[row] = register_wh
        power_w = values.get(_POWER)
        if power_w is not None:
            fleet.draw_w[row] = power_w
        fleet.sampled_s[row] = t_s

    def learn(self, row: int, fact: e.StationFact) -> bool:
        """Follow one fact, before anybody else is told of it; return whether the car took energy until then and does not any more."""
        before = row in self._suspended
        if isinstance(fact, e.CablePlugged):
            self._plugged(row, fact.happened_s)
        elif isinstance(fact, e.CableUnplugged):
            self._unplugged(row)
        elif isinstance(fact, e.TransactionStarted):
            self._started(row, fact)
        elif isinstance(fact, e.TransactionEnded):
            self._ended(row, fact)
        elif isinstance(fact, e.ChargingSuspended):
            self._suspended.add(row)
            self._fleet.draw_w[row] = 0.0
        elif isinstance(fact, e.TransactionUpdated):
            self._state(row, fact.charging_state)
        elif isinstance(fact, e.StatusReported) and fact.status != _SUSPENDED:  # a fact of its own says that
            self._state(row, fact.status)
        elif isinstance(fact, e.Faulted):
            self._faulted.add(row)
            self._fleet.draw_w[row] = 0.0
        elif isinstance(fact, e.Recovered):
            self._faulted.discard(row)
        elif isinstance(fact, e.WentOffline | e.CameBack):
            self._fleet.offline[row] = float(isinstance(fact, e.WentOffline))
        self._able(row)
        return row in self._suspended and not before

    def running(self, row: int) -> bool:
        """Whether a transaction runs at a row."""
        return row in self._running

    def served(self, row: int) -> None:
        """The row's station may be called for the first time."""
        self._fleet.offline[row] = 0.0

    def _plugged(self, row: int, t_s: float) -> None:
        fleet = self._fleet
        fleet.plugged[row] = 1.0
        self._describe(row)
        fleet.arrived_s[row] = t_s
        fleet.start_wh[row] = fleet.register_wh[row]

    def _describe(self, row: int) -> None:
        car, fleet = self._cars.get(row), self._fleet
        if car is not None:
            fleet.phases[row], fleet.w_per_a[row], fleet.max_w[row] = car.phases, car.w_per_a, car.max_w
            fleet.min_w[row], fleet.step_w[row] = car.min_w, car.step_w
            fleet.departure_s[row], fleet.requested_wh[row] = car.departure_s, car.requested_wh
        self._limit(row)

    def _unplugged(self, row: int) -> None:
        self._cars.pop(row, None)
        self._suspended.discard(row)
        self._fleet.rest(row, self._fleet.specs[row])
        self._fleet.draw_w[row] = 0.0
        self._limit(row)

    def _started(self, row: int, fact: e.TransactionStarted) -> None:
        self._running.add(row)
        self._suspended.discard(row)
        self._register(row, fact.happened_s, fact.register_wh)
        self._fleet.start_wh[row] = self._fleet.register_wh[row]

    def _ended(self, row: int, fact: e.TransactionEnded) -> None:
        self._running.discard(row)
        self._register(row, fact.happened_s, fact.register_wh)
        self._fleet.draw_w[row] = 0.0

    def _register(self, row: int, t_s: float, register_wh: float) -> None:
        fleet = self._fleet
        if math.isfinite(register_wh) and t_s >= fleet.sampled_s[row]:
            fleet.register_wh[row] = register_wh
            fleet.sampled_s[row] = t_s

    def _state(self, row: int, state: str) -> None:
        if state == _CHARGING:
            self._suspended.discard(row)
        elif state == _SUSPENDED:
            self._suspended.add(row)

    def _able(self, row: int) -> None:
        able = row in self._running and row not in self._suspended and row not in self._faulted
        self._fleet.charging[row] = float(able)

    def _limit(self, row: int) -> None:
        """Work out the pilot of the wish; it depends on the phases in use."""
        fleet, wish_w = self._fleet, float(self._wish_w[row])
        if not math.isnan(wish_w):
            fleet.limit_w[row] = pilot_w(fleet.specs[row], float(fleet.w_per_a[row]), wish_w)
