"""Monitors on variables (2.x N04 to N08): when a value crosses, changes or is due, an event is told.

Pure: the part `monitoring` brings values and time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

MonitorType = Literal["UpperThreshold", "LowerThreshold", "Delta", "Periodic", "PeriodicClockAligned"]
PERIODIC = ("Periodic", "PeriodicClockAligned")
_TRIGGERS = {
    "UpperThreshold": "Alerting", "LowerThreshold": "Alerting", "Delta": "Delta",
    "Periodic": "Periodic", "PeriodicClockAligned": "Periodic",
}  # fmt: skip


class Alert(NamedTuple):
    """What a monitor found."""

    monitor: int
    trigger: str
    """Alerting, Delta, Periodic."""
    text: str
    """The value."""
    cleared: bool
    """An alert that is over."""


@dataclass(slots=True)
class Monitor:
    """One monitor and what it remembers."""

    id: int
    variable: str
    """`Variable.name`."""
    kind: MonitorType
    value: float
    """Threshold, smallest change, or period in seconds."""
    severity: int
    """0 (danger) to 9 (debug)."""
    transaction: bool
    """Only while a transaction runs."""
    alerting: bool = False
    reference: str | None = None
    """Delta: the value that was last told."""

    def see(self, text: str) -> Alert | None:
        """Judge a value; None: nothing to tell."""
        if self.kind == "Delta":
            return self._delta(text)
        if self.kind in PERIODIC:
            return None
        value = float(text)
        over = value > self.value if self.kind == "UpperThreshold" else value < self.value
        if over == self.alerting:
            return None
        self.alerting = over
        return Alert(self.id, _TRIGGERS[self.kind], text, not over)

    def _delta(self, text: str) -> Alert | None:
        """A number that moved by more than `value` since it was last told; of anything else every change."""
        before, self.reference = self.reference, text
        if before is None or before == text:
            return None
        change = _change(before, text)
        if change is not None and change <= self.value:
            self.reference = before
            return None
        return Alert(self.id, "Delta", text, False)

    def due(self, text: str) -> Alert:
        """Tell a periodic value."""
        return Alert(self.id, "Periodic", text, False)


def _change(before: str, after: str) -> float | None:
    try:
        return abs(float(after) - float(before))
    except ValueError:
        return None


@dataclass(slots=True)
class Monitors:
    """The monitors of one station."""

    level: int = 9
    """Events of a higher severity number are not told (N03 SetMonitoringLevel)."""
    by_id: dict[int, Monitor] = field(default_factory=dict)

    def on(self, variable: str) -> list[Monitor]:
        """Return the monitors of a variable."""
        return [monitor for monitor in self.by_id.values() if monitor.variable == variable]

    def twin_of(self, new: Monitor) -> Monitor | None:
        """Return another monitor of the same variable, type and severity: a second one is a duplicate (N04)."""
        for known in self.on(new.variable):
            if known.id != new.id and (known.kind, known.severity) == (new.kind, new.severity):
                return known
        return None

    def put(self, new: Monitor) -> None:
        """Take a monitor, in place of one with its id."""
        self.by_id[new.id] = new

    def tells(self, severity: int) -> bool:
        """Whether an event of a severity is told."""
        return severity <= self.level
