"""When meters are read: during transactions every so often, and at round times of the clock.

Instants are k intervals after their origin (the start of the transaction; midnight UTC), never the last one and
an interval more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from twin.domain.clock import Timer
from twin.network.virtual import catalogue as c
from twin.network.virtual.bay import Bay
from twin.network.virtual.sampling import CLOCK, PERIODIC, TRIGGER, next_aligned_s
from twin.network.virtual.variables import Variable

if TYPE_CHECKING:
    from twin.network.virtual.station import VirtualStation


class Every:
    """Calls back at origin + k * interval on the clock of the run.

    Args:
        station: Whose clock.
        interval: Holds the interval; 0 stops.
        call: What is due.
    """

    def __init__(self, station: VirtualStation, interval: Variable, call: Callable[[], None]) -> None:
        self._station, self._interval, self._call = station, interval, call
        self._timer: Timer | None = None
        self._origin_s = 0.0

    def start(self) -> None:
        """Count from now."""
        self.stop()
        self._origin_s = self._station.clock.now_s
        self._arm()

    def stop(self) -> None:
        """Nothing is due any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        interval_s = self._station.variables.number(self._interval)
        if interval_s <= 0.0:
            return
        clock = self._station.clock
        step = int((clock.now_s - self._origin_s) / interval_s + 1e-9) + 1
        self._timer = clock.call_at(self._origin_s + step * interval_s, self._due)

    def _due(self) -> None:
        self._arm()
        self._call()


class Aligned:
    """Calls back at every interval after midnight UTC, on the station's own clock.

    Args:
        station: Whose clock.
        interval: Holds the interval; 0 stops.
        call: What is due.
    """

    def __init__(self, station: VirtualStation, interval: Variable, call: Callable[[], None]) -> None:
        self._station, self._interval, self._call = station, interval, call
        self._timer: Timer | None = None

    def start(self) -> None:
        """Wait for the next instant; also after the station's clock was set."""
        self.stop()
        interval_s = self._station.variables.number(self._interval)
        if interval_s > 0.0:
            due_s = next_aligned_s(self._station.now_s, self._station.clock.epoch_ns, interval_s)
            self._timer = self._station.call_at(due_s, self._due)

    def stop(self) -> None:
        """Nothing is due any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _due(self) -> None:
        self.start()
        self._call()


class SampleTimers:
    """All readings of one station that nobody triggers.

    Args:
        station: Whose.
    """

    def __init__(self, station: VirtualStation) -> None:
        self._station = station
        self._sampled: dict[int, tuple[Every, Every]] = {}
        self._aligned = Aligned(station, c.ALIGNED_INTERVAL, self._clock_due)
        self._aligned_end = Aligned(station, c.ALIGNED_END_INTERVAL, self._clock_end_due)

    def start(self) -> None:
        """The station runs, or its clock was set."""
        self._aligned.start()
        self._aligned_end.start()

    def stop(self) -> None:
        """The station is down."""
        self._aligned.stop()
        self._aligned_end.stop()
        for pair in self._sampled.values():
            for timer in pair:
                timer.stop()

    def began(self, bay: Bay) -> None:
        """A transaction began: count from now."""
        pair = self._sampled.get(bay.number)
        if pair is None:
            pair = self._sampled[bay.number] = (
                Every(self._station, c.SAMPLE_INTERVAL, lambda: self._sample(bay)),
                Every(self._station, c.SAMPLED_END_INTERVAL, lambda: self._sample_end(bay)),
            )
        for timer in pair:
            timer.start()

    def ended(self, bay: Bay) -> None:
        """The transaction ended."""
        for timer in self._sampled.get(bay.number, ()):
            timer.stop()

    def written(self, variable: Variable) -> None:
        """An interval was written: count anew from now, or from midnight."""
        if variable in {c.ALIGNED_INTERVAL, c.ALIGNED_END_INTERVAL}:
            self.start()
        elif variable in {c.SAMPLE_INTERVAL, c.SAMPLED_END_INTERVAL}:
            for bay in self._station.bays.values():
                if bay.transaction is not None:
                    self.began(bay)

    def trigger(self, bay: Bay) -> None:
        """Read a meter because somebody asked (context Trigger)."""
        station = self._station
        names = station.variables.names(c.SAMPLED if bay.transaction is not None else c.ALIGNED)
        self._report(bay, names, TRIGGER, "Trigger")

    def _sample(self, bay: Bay) -> None:
        self._report(bay, self._station.variables.names(c.SAMPLED), PERIODIC, "MeterValuePeriodic")

    def _sample_end(self, bay: Bay) -> None:
        if bay.transaction is not None:
            names = self._station.variables.names(c.SAMPLED_END)
            self._station.transactions.collect(bay, bay.transaction, names, PERIODIC)

    def _clock_due(self) -> None:
        station = self._station
        idle_only = station.variables.flag(c.ALIGNED_IDLE_ONLY)
        for bay in station.bays.values():
            if bay.transaction is None or not idle_only:
                self._report(bay, station.variables.names(c.ALIGNED), CLOCK, "MeterValueClock")
        if not station.version.two:
            self._clock_end_due()

    def _clock_end_due(self) -> None:
        station = self._station
        names = station.variables.names(c.ALIGNED_END)
        for bay in station.bays.values():
            if bay.transaction is not None and names:
                station.transactions.collect(bay, bay.transaction, names, CLOCK)

    def _report(self, bay: Bay, names: tuple[str, ...], context: str, trigger: str) -> None:
        station = self._station
        sample = station.sample(bay)
        station.observe(bay.number, "Power", f"{sample.power_w:.1f}")
        values = station.meter(bay).values(sample, names, context)
        if not values:
            return
        if bay.transaction is not None:
            station.transactions.tell(bay, bay.transaction, trigger, values, sample=sample)
        elif station.may_say:  # offline it is lost, as QueueAllMessages says
            message = station.dialect.meter_values(station.stamp(), bay.number, values)
            station.call(message.action, message.payload)
