"""Simulated stations: the port behind which columns in memory play chargers and cars."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from twin.domain.commands import Authorise, Command, Stop
from twin.domain.events import (
    CablePlugged,
    CableUnplugged,
    CameBack,
    ChargingSuspended,
    CommandAnswered,
    Faulted,
    Recovered,
    StationEvent,
    TokenPresented,
    TransactionEnded,
    TransactionStarted,
    WentOffline,
)
from twin.domain.fleet import Fleet
from twin.domain.ids import Matrix, Rows, Vector
from twin.domain.interval import COLUMNS, GRID_W, PHASE_W, POWERED, Interval
from twin.domain.phases import PhaseShares
from twin.domain.ports import PlugIn
from twin.domain.specs import VehicleSpec
from twin.world.stations import kernel as k
from twin.world.stations.equipment import connection, initial_state, kinds, levels_matrix

FAULTS = {"outage": k.OUTAGE, "offline": k.OFFLINE, "stuck-meter": k.STUCK}
"""What can break, and the column that counts how many causes break it."""


class SessionTruth(NamedTuple):
    """What really happened to the car at an EVSE, or to the last one that was there.

    All energies in Wh since it was plugged in, as of the last instant the row was integrated.
    """

    delivered_wh: float
    """Through the connector."""
    battery_wh: float
    """Gained by the battery: the difference of its state."""
    converter_loss_wh: float
    """Lost between connector and battery: converted power, integrated."""
    standby_wh: float
    """Used by the car's electronics while energy was transferred."""
    unmetered_wh: float
    """Part of `delivered_wh` that passed while the meter stood still."""
    finished_s: float
    """When the car had what it wanted, or was full; NaN if it had not."""
    soc: float
    """State of charge, 0..1."""

    @property
    def imbalance_wh(self) -> float:
        """What the audit holds against zero: delivered less battery, losses and standby."""
        return self.delivered_wh - self.battery_wh - self.converter_loss_wh - self.standby_wh


class Sample(NamedTuple):
    """What the meter of an EVSE shows at an instant."""

    register_wh: float
    """Billing register."""
    power_w: float
    """At the connector; 0 where nothing flows."""
    phases: int
    """In use by the car, or those of the empty EVSE."""
    limit_w: float
    """In force, after rounding to a pilot."""
    soc: float
    """State of charge, 0..1; NaN before the first car."""


class SimulatedStations:
    """Implements the ports `Stations` and `Hands` for every row of a fleet; exact between ticks.

    Times never go back: each call that takes one brings the rows it concerns up to it. `send` and
    `set_limits` act at the latest time the port was told, so call them from a sink or after `advance`.
    Until the first `set_limits` every limit is 0.

    A station that is offline queues its facts and tells them when it is back; it keeps its pilot. A card
    that was shown meanwhile is asked about when it is back, if its car is still there.

    Args:
        fleet: The columns to write. Their limits belong to this port.
        start_s: When the first interval begins.
    """

    def __init__(self, fleet: Fleet, start_s: float = 0.0) -> None:
        self._fleet, self._data = fleet, fleet.data
        self._start_s = self._now_s = start_s
        self._sinks: list[Callable[[StationEvent], None]] = []
        self._queues: dict[int, list[StationEvent]] = {}
        self._tokens: dict[int, str] = {}
        self._presented_s: dict[int, float] = {}
        self._connections: dict[tuple[int, int], tuple[VehicleSpec, Vector]] = {}
        self._asleep: dict[int, float] = {}
        self._kinds = kinds(fleet.specs)
        self._levels = levels_matrix(fleet.specs)
        self._shares = PhaseShares(fleet.specs).table
        self._state = initial_state(fleet, self._shares, start_s)
        self._rest: Matrix = self._state[:, : k.STEP_W + 1].copy()
        self._dense: Matrix = np.zeros((k.DENSE, len(fleet)))
        self._dense[GRID_W] = self._state[:, k.EVSE_STANDBY_W]
        self._dense[PHASE_W : PHASE_W + 3] = self._shares[0].T * self._dense[GRID_W]
        self._dense[POWERED] = 1.0
        self._interval = Interval(self._dense[:COLUMNS])
        fleet.limit_w[:] = 0.0
        fleet.sampled_s[:] = start_s

    def subscribe(self, sink: Callable[[StationEvent], None], /) -> None:
        """Call `sink` for every fact, in the order in which facts became known."""
        self._sinks.append(sink)

    def advance(self, t_s: float, /) -> None:
        """Close the interval at `t_s`: write measured columns and say which cars had enough.

        Raises:
            ValueError: `t_s` lies before the latest time the port was told.
        """
        self._at(t_s)
        if (t_s - self._start_s) / k.HOUR_S <= 0.0:  # also where the division underflows
            return
        found = k.close(self._data, self._state, self._dense, t_s, self._start_s)
        self._start_s = t_s
        if found:
            rows = self._dense[k.FOUND, :found].astype(np.int64).tolist()
            for at_s, row in sorted((float(self._state[r, k.FINISHED_S]), r) for r in rows):
                self._suspend(row, at_s, t_s)

    def set_limits(self, rows: Rows, limit_w: Vector, /) -> None:
        """Signal limits: `limit_w` (len(rows),) in W, rounded down to a pilot; below `min_a` is a pause."""
        k.set_limits(self._data, self._state, self._dense, self._levels, rows, limit_w, self._now_s)

    def send(self, command: Command, /) -> None:
        """Obey `Stop`, and `Authorise`: a grant starts the transaction of the car that is there.

        The answer is a refusal where nobody there showed that token (a late answer must not start the
        next driver's session), a transaction runs already, or the station is offline.
        """
        row = self._fleet.row[command.evse]
        if isinstance(command, Stop):
            self._stop(row, command)
        else:
            self._authorise(row, command)

    def _authorise(self, row: int, command: Authorise) -> None:
        accepted = row not in self._queues and self._tokens.get(row) == command.token
        accepted = accepted and self._state[row, k.RUNNING] == 0.0
        self._answer(row, command.id, accepted)
        if accepted and command.granted:
            self.start(self._now_s, row, command.token)

    def _stop(self, row: int, command: Stop) -> None:
        accepted = row not in self._queues and self._state[row, k.RUNNING] != 0.0
        self._answer(row, command.id, accepted)
        if accepted:
            self.stop(self._now_s, row, "Remote")

    def _answer(self, row: int, command: int, accepted: bool) -> None:
        now_s = self._now_s
        station, evse = self._fleet.stations[row], self._fleet.ids[row]
        self._tell(CommandAnswered(now_s, now_s, station, evse, command, accepted))

    def plug(self, t_s: float, row: int, car: PlugIn, /) -> None:
        """Connect a car to a free EVSE.

        Raises:
            ValueError: A car is there already, the car cannot charge at DC, or its energies are
                impossible.
        """
        self._at(t_s)
        state = self._state
        vehicle = car.vehicle
        if state[row, k.CAR] != 0.0:
            raise ValueError(f"{self._fleet.ids[row]} at t={t_s:.0f} s: a car is plugged in already")
        if not (car.energy_wh > 0.0 and 0.0 <= car.arrival_wh <= vehicle.usable_wh):
            raise ValueError(
                f"{self._fleet.ids[row]} at t={t_s:.0f} s: {vehicle.model} with {car.arrival_wh:g} Wh of "
                f"{vehicle.usable_wh:g} Wh wants {car.energy_wh:g} Wh"
            )
        kept = self._connections.get((id(vehicle), self._kinds[row]))
        if kept is None:
            kept = (vehicle, connection(vehicle, self._fleet.specs[row]))  # keeps its id alive
            self._connections[id(vehicle), self._kinds[row]] = kept
        k.connect(
            self._data, state, self._dense, row, t_s, self._start_s, kept[1],
            self._shares, car.arrival_wh, car.energy_wh, car.said_departure_s, car.said_energy_wh,
        )  # fmt: skip
        self._report(row, CablePlugged(t_s, t_s, self._fleet.stations[row], self._fleet.ids[row]))

    def present(self, t_s: float, row: int, token: str, /) -> None:
        """Hold a card to the reader; the sink may answer with `send` at once.

        Raises:
            ValueError: No car is plugged in.
        """
        self._at(t_s)
        if self._state[row, k.CAR] == 0.0:
            raise ValueError(f"{self._fleet.ids[row]} at t={t_s:.0f} s: no car is plugged in")
        self._tokens[row] = token
        self._presented_s[row] = t_s
        if row not in self._queues:
            self._tell(TokenPresented(t_s, t_s, self._fleet.stations[row], self._fleet.ids[row], token))

    def unplug(self, t_s: float, row: int, /) -> None:
        """Take the cable out; a running transaction ends with its register.

        Raises:
            ValueError: No car is plugged in.
        """
        self._at(t_s)
        if self._state[row, k.CAR] == 0.0:
            raise ValueError(f"{self._fleet.ids[row]} at t={t_s:.0f} s: no car is plugged in")
        self._tokens.pop(row, None)
        self._asleep.pop(row, None)
        station, evse = self._fleet.stations[row], self._fleet.ids[row]
        register_wh, running, finished_s = k.disconnect(
            self._data, self._state, self._dense, row, t_s, self._start_s, self._rest
        )
        if finished_s == finished_s:  # noqa: PLR0124 (not NaN)
            self._suspend(row, finished_s, t_s)
        if running:
            self._report(row, TransactionEnded(t_s, t_s, station, evse, register_wh, "EVDisconnected"))
        self._report(row, CableUnplugged(t_s, t_s, station, evse))

    def start(self, t_s: float, row: int, token: str, /) -> float:
        """Begin a transaction on the station's own authority; return the register.

        Raises:
            ValueError: No car is plugged in, or a transaction runs.
        """
        self._at(t_s)
        state, evse = self._state, self._fleet.ids[row]
        if state[row, k.CAR] == 0.0 or state[row, k.RUNNING] != 0.0:
            what = "a transaction runs already" if state[row, k.CAR] else "no car is plugged in"
            raise ValueError(f"{evse} at t={t_s:.0f} s: {what}")
        register_wh = k.begin(self._data, state, self._dense, row, t_s, self._start_s)
        self._report(row, TransactionStarted(t_s, t_s, self._fleet.stations[row], evse, token, register_wh))
        return register_wh

    def stop(self, t_s: float, row: int, reason: str, /) -> float:
        """End a transaction while the car stays; return the register.

        Args:
            t_s: When.
            row: Which EVSE.
            reason: As in OCPP: Remote, Local, DeAuthorized, …

        Raises:
            ValueError: No transaction runs.
        """
        self._at(t_s)
        evse = self._fleet.ids[row]
        if self._state[row, k.RUNNING] == 0.0:
            raise ValueError(f"{evse} at t={t_s:.0f} s: no transaction runs")
        register_wh, finished_s = k.halt(self._data, self._state, self._dense, row, t_s, self._start_s)
        if not math.isnan(finished_s):
            self._suspend(row, finished_s, t_s)
        station = self._fleet.stations[row]
        self._report(row, TransactionEnded(t_s, t_s, station, evse, register_wh, reason))
        return register_wh

    def sample(self, t_s: float, row: int, /) -> Sample:
        """Read the meter of one EVSE at `t_s` without closing the interval."""
        self._at(t_s)
        register, power, phases, limit, soc = k.sample(self._state, self._dense, row, t_s)
        return Sample(register, power, int(phases), limit, soc)

    def ready(self, t_s: float, row: int, on: bool, /) -> None:
        """Let the connected car take energy, or refuse it for a while (`on` False) although it has not enough.

        Raises:
            ValueError: No car is plugged in.
        """
        self._at(t_s)
        if self._state[row, k.CAR] == 0.0:
            raise ValueError(f"{self._fleet.ids[row]} at t={t_s:.0f} s: no car is plugged in")
        if on == (row not in self._asleep):
            return
        cap_w = self._asleep.pop(row) if on else 0.0
        before = k.cap(self._data, self._state, self._dense, row, cap_w, t_s, self._start_s)
        if not on:
            self._asleep[row] = before

    def use_phases(self, t_s: float, row: int, phases: int, /) -> None:
        """Let the connected car use other phases of an AC EVSE than it does; its pilot stays.

        Raises:
            ValueError: No car is plugged in, it is one for DC, or the EVSE has not as many phases.
        """
        self._at(t_s)
        state = self._state
        most = self._fleet.specs[row].connection.phases
        if state[row, k.CAR] == 0.0 or state[row, k.DC] != 0.0 or not 1 <= phases <= most:
            raise ValueError(f"{self._fleet.ids[row]} at t={t_s:.0f} s: cannot use {phases} phases")
        if state[row, k.PHASES] != phases:
            k.switch(self._data, state, self._dense, row, phases, self._shares, t_s, self._start_s)
            if row in self._asleep:
                self._asleep[row] *= phases / state[row, k.PHASES]

    def fault(self, t_s: float, row: int, kind: str, on: bool, /) -> None:
        """Let something break, or mend. Faults of one kind may overlap: the last to end mends it.

        Args:
            t_s: When.
            row: Which EVSE.
            kind: `outage` (no power; the car and its transaction stay), `offline` (no communication: the
                pilot stays, columns grow old) or `stuck-meter` (the register stands still, unnoticed).
            on: True: breaks. False: mends.

        Raises:
            ValueError: An unknown kind, or the end of a fault that never began.
        """
        if kind not in FAULTS:
            raise ValueError(f"{kind}: unknown fault, expected one of {', '.join(FAULTS)}")
        self._at(t_s)
        state, station, evse = self._state, self._fleet.stations[row], self._fleet.ids[row]
        before = state[row, FAULTS[kind]]
        if not on and before == 0.0:
            raise ValueError(f"{evse} at t={t_s:.0f} s: {kind} ends but never began")
        k.touch(state, self._dense, row, t_s, self._start_s)
        state[row, FAULTS[kind]] += 1.0 if on else -1.0
        k.refresh(self._data, state, row)
        if before and state[row, FAULTS[kind]]:
            return
        if kind == "outage":
            self._report(
                row,
                Faulted(t_s, t_s, station, evse, kind) if on else Recovered(t_s, t_s, station, evse),
            )
        elif kind == "offline" and on:
            self._queues[row] = []
            self._tell(WentOffline(t_s, t_s, station, evse))
        elif kind == "offline":
            queue = self._queues.pop(row)
            self._tell(CameBack(t_s, t_s, station, evse))
            for event in queue:
                self._tell(event._replace(received_s=t_s))
            self._ask_again(row, t_s)

    def _ask_again(self, row: int, t_s: float) -> None:
        """A car waits for somebody who can authorise: its card counts now, those of cars that left do not."""
        token = self._tokens.get(row)
        if token is not None and self._state[row, k.RUNNING] == 0.0:
            station, evse = self._fleet.stations[row], self._fleet.ids[row]
            self._tell(TokenPresented(self._presented_s[row], t_s, station, evse, token))

    def read_register(self, t_s: float, rows: Rows, /) -> Vector:
        """Read the billing registers of `rows` at `t_s` without closing the interval.

        Returns:
            (len(rows),) in Wh, as the stations would sign them; also of stations that are offline.
        """
        self._at(t_s)
        return k.read_registers(self._state, self._dense, rows, t_s)

    def interval(self) -> Interval:
        """What really happened in the last closed interval; overwritten by the next `advance`."""
        return self._interval

    def session_truth(self, row: int) -> SessionTruth:
        """The car at `row`, or the last that was there, until the next is plugged in."""
        s = self._state[row].tolist()
        return SessionTruth(
            delivered_wh=s[k.DELIVERED_WH],
            battery_wh=s[k.BATTERY_WH] - s[k.ARRIVAL_WH],
            converter_loss_wh=s[k.LOSS_WH],
            standby_wh=s[k.STANDBY_WH],
            unmetered_wh=s[k.UNMETERED_WH],
            finished_s=s[k.FINISHED_S],
            soc=s[k.BATTERY_WH] / s[k.USABLE_WH] if s[k.USABLE_WH] else math.nan,
        )

    def _at(self, t_s: float) -> None:
        if t_s < self._now_s:
            raise ValueError(f"t={t_s} s lies before t={self._now_s} s, which stations have seen")
        self._now_s = t_s

    def _suspend(self, row: int, at_s: float, t_s: float) -> None:
        self._report(row, ChargingSuspended(at_s, t_s, self._fleet.stations[row], self._fleet.ids[row]))

    def _report(self, row: int, event: StationEvent) -> None:
        if row in self._queues:
            self._queues[row].append(event)
        else:
            self._tell(event)

    def _tell(self, event: StationEvent) -> None:
        for sink in self._sinks:
            sink(event)
