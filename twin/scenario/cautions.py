"""What is no error but hardly meant: a run in which something that was written down never happens."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime

import numpy as np

from twin.domain.site_limits import SiteLimits, loads
from twin.domain.specs import EvseSpec
from twin.domain.visits import Visits
from twin.scenario.drivers import ReplayDrivers
from twin.scenario.model import Scenario
from twin.world.population.demand import DriverGroup, Replay

WARNING = "warning: "
"""How a note begins that whoever starts the run should see at once."""
_TOLERANCE = 1e-6
"""Of amperes and watts: 6 A are not below 6 A."""


def cautions(
    scenario: Scenario,
    groups: Sequence[DriverGroup],
    visits: Visits,
    limits: SiteLimits,
    evses: Sequence[EvseSpec],
) -> tuple[str, ...]:
    """Return one sentence each about recordings, faults, limits and demand that have no effect."""
    recordings = list(_recordings(scenario, groups))
    nobody = [] if recordings or len(visits.arrival_s) else ["no visit falls into the run: nobody charges"]
    found = (*recordings, *nobody, *_limits(limits, visits, evses), *_faults(scenario))
    return tuple(WARNING + text for text in found)


def _recordings(scenario: Scenario, groups: Sequence[DriverGroup]) -> Iterator[str]:
    for group in groups:
        section = scenario.drivers[group.name]
        if not isinstance(group.demand, Replay) or not isinstance(section, ReplayDrivers):
            continue
        sessions = group.demand.sessions
        if any(s.departure > scenario.start and s.arrival < scenario.end for s in sessions):
            continue
        first = _civil(scenario, min(s.arrival for s in sessions))
        last = _civil(scenario, max(s.departure for s in sessions))
        yield (
            f"drivers.{group.name}: no session of {section.file} falls into the run, which is {_span(scenario)}: "
            f"the recording is {first} to {last}"
        )


def _faults(scenario: Scenario) -> Iterator[str]:
    for i, fault in enumerate(scenario.faults):
        if fault.until <= scenario.start or fault.from_ >= scenario.end:
            span = f"{_civil(scenario, fault.from_)} to {_civil(scenario, fault.until)}"
            yield f"faults.{i}: the {fault.kind} is {span}, outside the run, which is {_span(scenario)}"


def _limits(limits: SiteLimits, visits: Visits, evses: Sequence[EvseSpec]) -> Iterator[str]:
    """Groups whose limit is below the smallest pilot of an EVSE, for the cars of the run."""
    car_phases = {vehicle.ac_phases for vehicle in visits.vehicles}
    known: dict[tuple[object, ...], dict[int, set[int]]] = {}
    blocked: Counter[int] = Counter()
    phases_of: dict[int, set[int]] = {}
    open_to_some: set[int] = set()
    for row, evse in enumerate(evses):
        used = {min(phases, evse.connection.phases) for phases in car_phases}
        if evse.dc_max_w is not None or not used or limits.leaf[row] < 0:
            continue
        kind = (int(limits.leaf[row]), evse.floor_a, evse.connection, evse.voltage_v, evse.efficiency)
        if kind not in known:
            known[kind] = _below(limits, row, evse, used)
        for group, phases in known[kind].items():
            blocked[group] += 1
            phases_of.setdefault(group, set()).update(phases)
            if phases != used:
                open_to_some.add(group)
    for group, number in sorted(blocked.items()):
        counts = "/".join(map(str, sorted(phases_of[group])))
        whom = (
            f"no car on {counts} phase{'' if counts == '1' else 's'}" if group in open_to_some else "no car"
        )
        yield (
            f"the limit of {limits.names[group]} is below the smallest pilot of {number} of its EVSEs: "
            f"a strategy that keeps it lets {whom} charge there"
        )


def _below(limits: SiteLimits, row: int, evse: EvseSpec, used: set[int]) -> dict[int, set[int]]:
    """Groups that one car at its smallest pilot overloads, with the numbers of phases at which it does."""
    found: dict[int, set[int]] = {}
    for phases in used:
        least_w = phases * evse.floor_a * evse.voltage_v
        amps, watts = loads(limits, np.array([row]), np.array([float(phases)]), np.array([least_w]))
        over = (amps.max(axis=1) > limits.limit_a + _TOLERANCE) | (watts > limits.limit_w + _TOLERANCE)
        for group in np.flatnonzero(over).tolist():
            found.setdefault(group, set()).add(phases)
    return found


def _civil(scenario: Scenario, instant: datetime) -> str:
    return instant.astimezone(scenario.zone).isoformat(timespec="minutes")


def _span(scenario: Scenario) -> str:
    return f"{_civil(scenario, scenario.start)} to {_civil(scenario, scenario.end)}"
