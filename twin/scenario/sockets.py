"""From a scenario's `run.virtual` to stations behind sockets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import simpy

from twin.domain.fleet import Fleet
from twin.network.ocpp.versions import version
from twin.network.virtual.loopback import Loopback, LoopbackStations
from twin.scenario.model import Scenario, Virtual

_UNIX = datetime(1970, 1, 1, tzinfo=UTC)
_US = timedelta(microseconds=1)


def loopback(scenario: Scenario, fleet: Fleet, env: simpy.Environment) -> LoopbackStations:
    """Make the stations of a scenario, connected and served.

    Raises:
        TwinError: They do not come to rest.
    """
    section = scenario.run.virtual
    how = Loopback(
        version=version(section.version),
        epoch_ns=(scenario.start - _UNIX) // _US * 1_000,
        sample_interval_s=section.sample_interval_s or scenario.period_s,
        seed=scenario.seed,
        trace=section.trace,
    )
    stations = LoopbackStations(fleet, env, how, rows=rows_of(section, fleet))
    try:
        stations.start()
    except BaseException:
        stations.close()
        raise
    return stations


def rows_of(section: Virtual, fleet: Fleet) -> list[int] | None:
    """Return the rows of the stations that are named; None: all."""
    if section.stations is None:
        return None
    return [row for row, station in enumerate(fleet.stations) if station in section.stations]
