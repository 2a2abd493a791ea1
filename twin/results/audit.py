"""Does it balance? Energy in every interval, session and power flow, the register, and what was billed.

A difference is never the user's fault: it is a defect of the twin, and stops the run at once.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow.compute as pc
from numba import njit

from twin.domain import interval as v
from twin.domain.fleet import Fleet
from twin.domain.grid import GridState
from twin.domain.ids import Matrix, Vector
from twin.domain.interval import Interval
from twin.domain.ports import SessionTruth
from twin.errors import AuditError
from twin.results.read import Run
from twin.units import SECONDS_PER_HOUR, kwh_from_wh

SESSION_TOLERANCE_WH = 1e-3
"""1e-6 kWh: what a session's energies may differ by."""
FEEDER_TOLERANCE = 1e-6
"""Of the largest power involved: what a power flow's balance may miss."""
SAME = 1e-9
"""Of two numbers that were summed in another order: what they may differ by."""
_ROUNDING_WH = 1e-6
_LEAST_W = 1.0
"""Below this power a relative error means nothing."""

_PER_W, _STANDBY_W, _ENERGY_WH, _GRID_WH = range(4)


@njit(cache=True)
def _add(interval: Matrix, rows: Matrix, hours: float) -> int:
    """Add an interval to the totals of each EVSE, and compare both sides of its converter.

    Args:
        interval: (COLUMNS, n) of the interval.
        rows: (4, n) grid-side W per W, standby, energy at the connector, energy from the grid since the
            latest power flow; the last two are brought up to date.
        hours: Length of the interval.

    Returns:
        The first row whose powers do not agree; -1: they all do.
    """
    for i in range(interval.shape[1]):
        power_w, grid_w, powered = interval[v.POWER_W, i], interval[v.GRID_W, i], interval[v.POWERED, i]
        needed_w = power_w * rows[_PER_W, i] + rows[_STANDBY_W, i] * powered
        # Written so that NaN is never in order.
        if not (abs(grid_w - needed_w) <= SAME * max(abs(needed_w), _LEAST_W) and 0.0 <= powered <= 1.0):
            return i
        rows[_ENERGY_WH, i] += power_w * hours
        rows[_GRID_WH, i] += grid_w * hours
    return -1


class Audit:
    """Checks while the run goes on; implements `ports.Auditor`.

    Args:
        fleet: Whose registers are billed; they are what the sessions' readings must add up to.
    """

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._rows: Matrix = np.zeros((4, len(fleet)))
        self._rows[_PER_W] = [1.0 / spec.efficiency for spec in fleet.specs]
        self._rows[_STANDBY_W] = [spec.standby_w for spec in fleet.specs]
        self._now_s = 0.0
        self._solved_s = 0.0
        self._delivered_wh: Vector = np.zeros(len(fleet))
        self._begin_wh: Vector = fleet.register_wh.copy()
        self._metered_wh: Vector = np.zeros(len(fleet))
        self._resolution_wh = [max(spec.meter_resolution_wh, 0.0) for spec in fleet.specs]
        self._sessions = 0
        self._power_flows = 0
        self._unmetered_wh = 0.0
        self._unbilled_wh = 0.0
        self._worst_session_wh = 0.0
        self._session_error_wh = 0.0
        self._worst_feeder = 0.0
        self._feeder_error_wh = 0.0

    def interval(self, start_s: float, end_s: float, interval: Interval, /) -> None:
        """Check one closed interval: from the grid comes what cars and stations used.

        Raises:
            AuditError: names the EVSE, the interval and the numbers; or a gap between intervals.
        """
        if start_s != self._now_s:
            raise AuditError(
                f"an interval begins at t={start_s:.3f} s, but the last one ended at t={self._now_s:.3f} s"
            )
        self._now_s = end_s
        row = _add(interval.data, self._rows, (end_s - start_s) / SECONDS_PER_HOUR)
        if row >= 0:
            spec, share = self._fleet.specs[row], interval.powered[row]
            raise AuditError(
                f"{spec.id}: from t={start_s:.0f} to {end_s:.0f} s it took {interval.grid_w[row]:.6f} W from the grid, "
                f"but gave {interval.power_w[row]:.6f} W to the car at an efficiency of {spec.efficiency:g}, with "
                f"{spec.standby_w:g} W standby for {share:.6f} of the time"
            )

    def session(self, session: str, truth: SessionTruth, metered_wh: float, billed_wh: int | None, /) -> None:
        """Check one session that has ended.

        Args:
            session: Id: the EVSE and the count of its transactions.
            truth: What physics knows.
            metered_wh: Difference of the billing register.
            billed_wh: Sum over the parts of its bill; None where nothing is charged.

        Raises:
            AuditError: names the session, the rule and the numbers.
        """
        row = self._fleet.row[session.rpartition("#")[0]]
        delivered_wh = truth.delivered_wh
        used_wh = truth.battery_wh + truth.converter_loss_wh + truth.standby_wh
        error_wh = abs(delivered_wh - used_wh)
        if not error_wh <= SESSION_TOLERANCE_WH:
            raise AuditError(
                f"{session}: {delivered_wh:.6f} Wh were delivered, but battery {truth.battery_wh:.6f} + loss "
                f"{truth.converter_loss_wh:.6f} + standby {truth.standby_wh:.6f} are {used_wh:.6f} Wh"
            )
        gap_wh = delivered_wh - metered_wh - truth.unmetered_wh
        # Two readings of a register that shows whole steps are each up to one step late.
        if not abs(gap_wh) <= self._resolution_wh[row] + SESSION_TOLERANCE_WH:
            raise AuditError(
                f"{session}: {delivered_wh:.3f} Wh were delivered, but {metered_wh:.3f} metered and "
                f"{truth.unmetered_wh:.3f} not metered leave {gap_wh:.3f} Wh"
            )
        if billed_wh is not None and not abs(billed_wh - metered_wh) <= 0.5 + _ROUNDING_WH:
            raise AuditError(f"{session}: {metered_wh:.3f} Wh were metered, but {billed_wh} Wh billed")
        self._sessions += 1
        self._delivered_wh[row] += delivered_wh
        self._metered_wh[row] += metered_wh
        self._unmetered_wh += truth.unmetered_wh
        self._unbilled_wh += metered_wh if billed_wh is None else 0.0
        self._session_error_wh += error_wh
        self._worst_session_wh = max(self._worst_session_wh, error_wh)

    def feeder(self, start_s: float, end_s: float, state: GridState, /) -> None:
        """Check one power flow: slack = EVSEs + base load - generation + losses.

        Its EVSEs are those of the intervals since the last one, each by its mean power from the grid.

        Raises:
            AuditError: names the instant and the numbers.
        """
        self._charging(start_s, end_s, state)
        if not state.converged:
            return
        needed_w = state.ev_w + state.base_w - state.pv_w + state.losses_w
        error_w = abs(state.slack_w - needed_w)
        size_w = max(abs(state.slack_w), abs(state.ev_w), abs(state.base_w), abs(state.pv_w), _LEAST_W)
        if not error_w <= FEEDER_TOLERANCE * size_w:
            raise AuditError(
                f"power flow at t={end_s:.0f} s: the upstream grid gives {state.slack_w:.3f} W, but EVSEs "
                f"{state.ev_w:.3f} + base load {state.base_w:.3f} - generation {state.pv_w:.3f} + losses "
                f"{state.losses_w:.3f} need {needed_w:.3f} W"
            )
        self._power_flows += 1
        self._feeder_error_wh += error_w * (end_s - start_s) / SECONDS_PER_HOUR
        self._worst_feeder = max(self._worst_feeder, error_w / size_w)

    def _charging(self, start_s: float, end_s: float, state: GridState) -> None:
        """Compare the EVSEs of a power flow with the intervals that it stands for."""
        if (start_s, end_s) != (self._solved_s, self._now_s):
            raise AuditError(
                f"power flow at t={end_s:.0f} s: it stands for [{start_s:.3f}, {end_s:.3f}] s, but since the one "
                f"before intervals span [{self._solved_s:.3f}, {self._now_s:.3f}] s"
            )
        grid_wh = self._rows[_GRID_WH]
        mean_w = float(grid_wh.sum()) * SECONDS_PER_HOUR / (end_s - start_s)
        if state.converged and not abs(state.ev_w - mean_w) <= SAME * max(abs(mean_w), _LEAST_W):
            raise AuditError(
                f"power flow at t={end_s:.0f} s: it was solved with {state.ev_w:.6f} W of EVSEs, but since "
                f"t={start_s:.0f} s they took {mean_w:.6f} W"
            )
        grid_wh[:] = 0.0
        self._solved_s = end_s

    def close(self) -> dict[str, Any]:
        """Check energies and registers once every session has ended; return the totals for the manifest.

        Raises:
            AuditError: names an EVSE whose intervals or whose register hold more or less than its sessions.
        """
        energy_wh = self._rows[_ENERGY_WH]
        excess = np.abs(energy_wh - self._delivered_wh) - 1e-6 * np.abs(self._delivered_wh)
        if excess.size and not excess.max() <= SESSION_TOLERANCE_WH:
            row = int(excess.argmax())
            raise AuditError(
                f"{self._fleet.ids[row]}: its intervals add up to {energy_wh[row]:.6f} Wh, but its sessions were "
                f"delivered {self._delivered_wh[row]:.6f} Wh"
            )
        moved_wh = self._fleet.register_wh - self._begin_wh
        gap_wh = np.abs(moved_wh - self._metered_wh)
        if gap_wh.size and not gap_wh.max() <= SESSION_TOLERANCE_WH:
            row = int(gap_wh.argmax())
            raise AuditError(
                f"{self._fleet.ids[row]}: its register moved by {moved_wh[row]:.3f} Wh, but its sessions add up "
                f"to {self._metered_wh[row]:.3f} Wh"
            )
        return {
            "sessions": self._sessions,
            "power_flows": self._power_flows,
            "energy_balance_error_kwh": kwh_from_wh(self._session_error_wh + self._feeder_error_wh),
            "worst_session_error_wh": self._worst_session_wh,
            "worst_feeder_error_relative": self._worst_feeder,
            "metered_kwh": kwh_from_wh(float(self._metered_wh.sum())),
            "unmetered_kwh": kwh_from_wh(self._unmetered_wh),
            "unbilled_kwh": kwh_from_wh(self._unbilled_wh),
        }


def audit_tables(run: Run) -> dict[str, float]:
    """Check the tables of a finished run against each other; for tests and for runs of other people.

    Returns:
        Metered energy of the sessions in Wh, by table: sessions, meter, invoices.

    Raises:
        AuditError: the tables do not agree; names the EVSE or session and the numbers.
    """
    sessions = run.sessions.to_arrow(["session", "evse", "metered_wh", "currency"])
    by_evse = _sums(sessions, "evse", "metered_wh")
    registers = _last_registers(run)
    for evse, metered_wh in by_evse.items():
        if evse and not abs(metered_wh - registers.get(evse, 0.0)) <= SESSION_TOLERANCE_WH:
            raise AuditError(
                f"{evse}: its sessions add up to {metered_wh:.3f} Wh, the table of its meter to "
                f"{registers.get(evse, 0.0):.3f} Wh"
            )
    billed = _sums(run.invoices.to_arrow(["session", "energy_wh"]), "session", "energy_wh")
    priced = sessions.filter(
        pc.and_(pc.not_equal(sessions["currency"], ""), pc.not_equal(sessions["evse"], ""))
    )
    metered = _sums(priced, "session", "metered_wh")
    for session in sorted(metered.keys() | billed.keys()):
        if not abs(metered.get(session, 0.0) - billed.get(session, 0.0)) <= 0.5 + _ROUNDING_WH:
            raise AuditError(
                f"{session}: {metered.get(session, 0.0):.3f} Wh were metered, {billed.get(session, 0.0):.0f} Wh billed"
            )
    return {
        "sessions_wh": sum(by_evse.values()),
        "meter_wh": sum(registers.values()),
        "invoices_wh": sum(billed.values()),
    }


def _last_registers(run: Run) -> dict[str, float]:
    """Register of each EVSE at the end of the run; registers begin at zero."""
    last: dict[str, float] = {}
    for part in run.meter.parts(["evse", "register_wh"]):
        last |= dict(zip(part["evse"].to_pylist(), part["register_wh"].to_pylist(), strict=True))
    return last


def _sums(table: Any, key: str, value: str) -> dict[str, float]:
    groups = table.select([key, value]).group_by(key, use_threads=False).aggregate([(value, "sum")])
    return dict(zip(groups[key].to_pylist(), groups[f"{value}_sum"].to_pylist(), strict=True))
