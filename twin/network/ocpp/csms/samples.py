"""Where measured values go: the latest of each on the EVSE, the register readings into evidence, all to a listener."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from twin.domain.events import MeterReading
from twin.network.ocpp.csms.desk import Desk
from twin.network.ocpp.csms.instants import Instants
from twin.network.ocpp.csms.meter_values import REGISTER, TOTAL, Sample, Values
from twin.network.ocpp.csms.registers import AS_IT_IS, Mend
from twin.network.ocpp.csms.station import Station

_REGISTER = (REGISTER, TOTAL)
OnSample: TypeAlias = Callable[[Station, int, float, Values], None]
"""(station, EVSE, t_s, values): called for every sample that is not older than the last one of its EVSE."""


class Samples:
    """Takes samples of all stations.

    Args:
        desk: The clock; what cannot be read is noted there.
        instants: Reads timestamps.
        on_sample: The listener, if there is one.
    """

    def __init__(self, desk: Desk, instants: Instants, on_sample: OnSample | None = None) -> None:
        self._desk = desk
        self._instants = instants
        self.on_sample = on_sample

    def take(
        self,
        station: Station,
        number: int,
        samples: Sequence[Sample],
        default_s: float | None = None,
        mend: Mend = AS_IT_IS,
    ) -> tuple[MeterReading, ...]:
        """Enter samples of an EVSE (0: of the station as a whole).

        Args:
            station: Who measured.
            number: Connector (1.6) or EVSE (2.x).
            samples: As `meter_values` read them.
            default_s: The instant of samples without timestamp; None: now.
            mend: How the register is published; evidence keeps it as it came.

        Returns:
            The readings of the billing register among them.
        """
        now_s = self._desk.clock.now_s
        evse = station.evses.get(number) or station.evse(number)
        latest = evse.readings
        evidence: list[MeterReading] = []
        for sample in samples:
            if sample.timestamp:
                t_s = self._instants.read(station, sample.timestamp)
            else:
                t_s = now_s if default_s is None else default_s
            if sample.odd:
                self._desk.note(station, number, "unreadable-value", sample.odd)
            if mend is not AS_IT_IS and _REGISTER in sample.values:
                sample.values[_REGISTER] = mend.lifetime(sample.values[_REGISTER])
            newest = False
            for key, value in sample.values.items():
                before = latest.get(key)
                if before is None or before[0] <= t_s:  # an older reading never overwrites a newer one
                    latest[key] = (t_s, value)
                    newest = True
            if newest and self.on_sample is not None:
                self.on_sample(station, number, t_s, sample.values)
            if newest and number:
                for watcher in self._desk.watchers:
                    watcher.measured(station, evse)
            evidence += [MeterReading(t_s, now_s, *register) for register in sample.registers]
        return tuple(evidence)
