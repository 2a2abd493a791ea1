"""Metrics for Prometheus: counted as things happen, measured when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from twin.network.ocpp.csms.station import BootState, Station
from twin.network.ocpp.wire.link import Deviation, Record

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_RULES = 100
"""Different rules of deviations that are counted apart; more would be a flood of series."""


class Metrics:
    """What one central system tells Prometheus.

    Args:
        stations: All that are known.
        open_transactions: How many are open.
    """

    def __init__(
        self, stations: Callable[[], Iterable[Station]], open_transactions: Callable[[], int]
    ) -> None:
        self._registry = CollectorRegistry()
        frames = Counter("twin_frames", "OCPP frames.", ["direction"], registry=self._registry)
        self._in, self._out = frames.labels("in"), frames.labels("out")
        self._deviations = Counter(
            "twin_deviations", "Deviations of stations.", ["rule", "tolerated"], registry=self._registry
        )
        self._calls = Counter("twin_api_calls", "Calls over the API.", ["outcome"], registry=self._registry)
        self._rules: set[str] = set()
        self._registry.register(_Stations(stations, open_transactions))

    def record(self, record: Record) -> None:
        """Count a frame: a `Trace`."""
        (self._out if record.outbound else self._in).inc()

    def remark(self, deviation: Deviation) -> None:
        """Count a deviation: a `Remark`."""
        if len(self._rules) < _RULES:
            self._rules.add(deviation.rule)
        rule = deviation.rule if deviation.rule in self._rules else "other"
        self._deviations.labels(rule, str(deviation.tolerated).lower()).inc()

    def called(self, outcome: str) -> None:
        """Count a call over the API: `ok`, or the code of its error."""
        self._calls.labels(outcome).inc()

    def text(self) -> bytes:
        """Return what Prometheus reads."""
        return generate_latest(self._registry)


class _Stations(Collector):
    """Looks at the stations when asked."""

    def __init__(
        self, stations: Callable[[], Iterable[Station]], open_transactions: Callable[[], int]
    ) -> None:
        self._stations, self._open = stations, open_transactions

    def collect(self) -> Iterable[Metric]:
        """Measure."""
        stations = list(self._stations())
        counted = GaugeMetricFamily("twin_stations", "Stations by state.", labels=["state"])
        counted.add_metric(["known"], len(stations))
        counted.add_metric(["online"], sum(station.online for station in stations))
        accepted = sum(station.online and station.boot is BootState.ACCEPTED for station in stations)
        counted.add_metric(["accepted"], accepted)
        yield counted
        yield GaugeMetricFamily("twin_transactions_open", "Open transactions.", value=self._open())
        power = GaugeMetricFamily("twin_power_watts", "Latest import power of all EVSEs in transactions.")
        power.add_metric([], sum(power_w(station) for station in stations))
        yield power


def power_w(station: Station) -> float:
    """Return the latest active import power of the EVSEs of a station that are in a transaction, in W."""
    return sum(
        evse.readings.get(("Power.Active.Import", ""), (0.0, 0.0))[1]
        for evse in station.evses.values()
        if evse.transaction is not None
    )
