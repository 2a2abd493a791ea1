"""A recorded charging session, and the rules by which a row of a file is one.

A row is refused, never repaired: what a charger reported and what we make of it must not be confused.
Every refusal names its line, a reason that can be counted, and the values that led to it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from twin.errors import Problem
from twin.units import SECONDS_PER_HOUR


class Session(NamedTuple):
    """One stay of one car at one connector, as it was recorded."""

    line: int
    """Line in the file it was read from, counted from 1."""
    session: str
    site: str
    evse: str
    """Empty where the record does not say."""
    driver: str
    arrival: datetime
    """UTC."""
    departure: datetime
    """UTC, after `arrival`."""
    energy_kwh: float
    """Delivered at the connector, > 0."""
    vehicle: str = ""
    said_departure: datetime | None = None
    """What the driver told the app; UTC."""
    said_energy_kwh: float | None = None

    @property
    def stay_s(self) -> float:
        """From plug-in to unplug."""
        return (self.departure - self.arrival).total_seconds()

    @property
    def mean_power_kw(self) -> float:
        """Energy over stay: a lower bound of what the charger and the car can do."""
        return self.energy_kwh / (self.stay_s / SECONDS_PER_HOUR)


class Refused(NamedTuple):
    """A row that is not a session."""

    line: int
    reason: str
    """Short and always the same for the same kind of defect: what summaries count."""
    text: str
    """The defect with its values."""


class RowError(Exception):
    """A row that is not a session; `args` are the reason and the text."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(reason, text)
        self.reason = reason
        self.text = text


@dataclass(frozen=True, slots=True)
class Imported:
    """What a file holds: its sessions in the order of their arrival, and every row that was refused."""

    file: str
    format: str
    sessions: tuple[Session, ...]
    refused: tuple[Refused, ...]

    @property
    def by_reason(self) -> dict[str, int]:
        """How many rows were refused for which reason, the most frequent first."""
        counts = Counter(row.reason for row in self.refused)
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))

    @property
    def problems(self) -> list[Problem]:
        """The refusals as problems of the file, for a caller that accepts none."""
        return [Problem(self.file, row.line, "", row.text) for row in self.refused]

    def summary(self) -> str:
        """One paragraph for people: rows read, rows refused, and why."""
        rows = len(self.sessions) + len(self.refused)
        lines = [f"{self.file}: {len(self.sessions)} of {rows} rows are sessions ({self.format})"]
        lines += [f"  refused {count:5d}  {reason}" for reason, count in self.by_reason.items()]
        return "\n".join(lines)


def checked(session: Session, max_power_kw: float) -> Session:
    """Return `session` if it can have happened, else raise RowError.

    Args:
        session: As read.
        max_power_kw: Largest mean power over the stay that is believed.
    """
    if not math.isfinite(session.energy_kwh):
        raise RowError("no energy", f"energy_kwh: {session.energy_kwh} is not a number")
    if session.energy_kwh < 0:
        raise RowError("negative energy", f"energy_kwh: {session.energy_kwh:g} is negative, expected > 0")
    if session.energy_kwh == 0:
        raise RowError("no energy", "energy_kwh: 0, nothing was charged")
    if session.departure < session.arrival:
        raise RowError(
            "departure before arrival",
            f"departure: {_show(session.departure)} is before the arrival {_show(session.arrival)}",
        )
    if session.departure == session.arrival:
        raise RowError("stay of zero length", f"departure: same as the arrival {_show(session.arrival)}")
    if session.mean_power_kw > max_power_kw:
        raise RowError(
            "mean power too high",
            f"energy_kwh: {session.energy_kwh:g} kWh in {session.stay_s / 60:g} min is "
            f"{above(session.mean_power_kw, max_power_kw)} kW, more than {max_power_kw:g} kW",
        )
    return session


def above(value: float, limit: float) -> str:
    """Write a value above a limit with as many digits, one at least, as show that it is above."""
    return next((text for k in range(1, 9) if float(text := f"{value:.{k}f}") > limit), repr(value))


def without_overlaps(sessions: Iterable[Session]) -> tuple[list[Session], list[Refused]]:
    """Split sessions into those that can have happened together, in order of arrival, and the others.

    Of two sessions that overlap on one EVSE, or for one driver, the one that arrived later is refused.
    """
    kept: list[Session] = []
    refused: list[Refused] = []
    last: dict[tuple[str, str, str], Session] = {}
    for session in sorted(sessions, key=lambda s: (s.arrival, s.departure, s.line)):
        keys = [
            (kind, site, name)
            for kind, site, name in (("EVSE", session.site, session.evse), ("driver", "", session.driver))
            if name
        ]
        clash = next(((k, last[k]) for k in keys if k in last and last[k].departure > session.arrival), None)
        if clash:
            (kind, _, name), earlier = clash
            refused.append(
                Refused(
                    session.line,
                    f"overlaps an earlier stay ({kind})",
                    f"arrival: {_show(session.arrival)} is before {_show(earlier.departure)}, when the stay "
                    f"of line {earlier.line} at the same {kind} `{name}` ends",
                )
            )
            continue
        kept.append(session)
        last.update(dict.fromkeys(keys, session))
    return kept, refused


def _show(instant: datetime) -> str:
    return instant.isoformat(timespec="minutes").replace("+00:00", "Z")
