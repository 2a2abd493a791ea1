"""What every car does while its session runs: charge, park, or wait for us. Only where a tariff asks for it.

Parking begins when the car says that it has enough (SuspendedEV); waiting is what we cause: a limit of 0 or below the
smallest pilot, or an EVSE without power (SuspendedEVSE). At every turn the register is read.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Mapping, Sequence
from operator import attrgetter

import numpy as np

from twin.control.sessions import Session
from twin.domain import events as e
from twin.domain.fleet import Fleet
from twin.domain.ids import Rows, SiteId
from twin.domain.ports import Physics
from twin.engine.tariffs import SiteTariff, Turn
from twin.money.billing.model import Doing

_HAPPENED = attrgetter("happened_s")


class Flow:
    """Follows the sessions of EVSEs whose tariff asks what cars do, or with how much power.

    Args:
        fleet: The measured columns.
        stations: Whose registers are read.
        tariffs: Of the sites that charge money.
        divides: Whether anybody is ever limited; else only broken EVSEs keep cars waiting.
    """

    def __init__(
        self, fleet: Fleet, stations: Physics, tariffs: Mapping[SiteId, SiteTariff], *, divides: bool
    ) -> None:
        self._fleet = fleet
        self._stations = stations
        self._divides = divides
        of_row = [tariffs.get(spec.site) for spec in fleet.specs]
        self._by_doing = np.array([t is not None and t.by_doing for t in of_row])
        self._by_power = np.array([t is not None and t.by_power for t in of_row])
        self._asked = bool(self._by_doing.any())
        self._paced = bool(self._by_power.any())
        self._sessions: dict[int, Session] = {}
        self._turns: dict[str, list[Turn]] = {}
        self._running = np.zeros(len(fleet), dtype=bool)
        """Rows of sessions that may turn between charging and waiting."""
        self._waits = np.zeros(len(fleet), dtype=bool)
        self._broken = np.zeros(len(fleet), dtype=bool)

    def began(self, session: Session) -> None:
        """A session began."""
        row = session.row
        if self._by_doing[row] or self._by_power[row]:
            self._sessions[row] = session
        if self._by_doing[row]:
            waits = self._waiting(np.array([row]))[0]
            self._running[row], self._waits[row] = True, waits
            self._turns[session.id] = [Turn(session.readings[0].happened_s, _doing(waits))]

    def ended(self, session: Session) -> Sequence[Turn]:
        """A session ended: return what its car did, from when on."""
        if self._sessions.get(session.row) is session:
            del self._sessions[session.row]
            self._running[session.row] = False
        return self._turns.pop(session.id, ())

    def turns(self, session: Session) -> Sequence[Turn]:
        """What the car of a running session did so far."""
        return self._turns.get(session.id, ())

    def learn(self, event: e.ChargingSuspended | e.Faulted | e.Recovered) -> None:
        """A car has enough, or an EVSE breaks or works again."""
        if not self._asked:
            return
        row = self._fleet.row[event.evse]
        if isinstance(event, e.ChargingSuspended):
            self._parks(row, event)
        else:
            self._broken[row] = isinstance(event, e.Faulted)
            self.look(event.received_s)

    def look(self, t_s: float) -> None:
        """Limits were set at `t_s`: who has to wait now, and who no more?"""
        if not self._asked:
            return
        rows = self._running.nonzero()[0]
        if len(rows):
            waits = self._waiting(rows)
            turned = waits != self._waits[rows]
            if turned.any():
                self._turn(t_s, rows[turned], waits[turned].tolist())

    def tick(self, t_s: float) -> None:
        """A tick: note the registers of sessions whose tariff asks for power or current."""
        if self._paced:
            rows = np.array([row for row in self._sessions if self._by_power[row]], dtype=np.int64)
            self._read(t_s, rows, "Periodic")

    def _waiting(self, rows: Rows) -> np.ndarray:
        """(len(rows),) whether our limit, or a broken EVSE, keeps a car from charging."""
        broken = self._broken[rows]
        return broken | (self._fleet.limit_w[rows] <= 0.0) if self._divides else broken

    def _turn(self, t_s: float, rows: Rows, waits: Sequence[bool]) -> None:
        self._waits[rows] = waits
        self._read(t_s, rows, "Turn")
        for row, waiting in zip(rows.tolist(), waits, strict=True):
            self._turns[self._sessions[row].id].append(Turn(t_s, _doing(waiting)))

    def _read(self, t_s: float, rows: Rows, context: str) -> None:
        if not len(rows):
            return
        registers = self._stations.read_register(t_s, rows).tolist()
        for row, register_wh in zip(rows.tolist(), registers, strict=True):
            self._sessions[row].readings.append(e.MeterReading(t_s, t_s, register_wh, context))

    def _parks(self, row: int, event: e.ChargingSuspended) -> None:
        """The car has enough since `happened_s`: from then on its register stands still."""
        session = self._sessions.get(row)
        if session is None or not self._running[row]:
            return
        self._running[row] = False
        at_s = event.happened_s
        register_wh = float(self._stations.read_register(event.received_s, np.array([row]))[0])
        reading = e.MeterReading(at_s, event.received_s, register_wh, "Turn")
        insort(session.readings, reading, key=_HAPPENED)
        turns = self._turns[session.id]
        while turns and turns[-1].t_s > at_s:  # told late: what came after does not count
            turns.pop()
        turns.append(Turn(at_s, Doing.PARKING))


def _doing(waits: bool) -> Doing:
    return Doing.HELD if waits else Doing.CHARGING
