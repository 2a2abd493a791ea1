"""Instants as stations tell them: bounded, and corrected by the skew that is measured on each station.

A station's clock is compared whenever it tells of something that happens now. Delays only make a message older, so
the smallest of the latest differences is the skew. An instant with an offset inside the bounds is believed; one
without an offset is local time of an unknown zone, corrected by the skew (quirk 15); one outside the bounds is
corrected by the skew, and where that does not help replaced by the time of receipt (quirk 16).
"""

from __future__ import annotations

from twin.network.clock import from_wire
from twin.network.ocpp.csms.desk import Desk
from twin.network.ocpp.csms.station import Station

PAST_S = 400.0 * 86_400.0
"""Older than that is nonsense: no station keeps transactions for over a year."""
FUTURE_S = 86_400.0
"""Further in the future is nonsense."""
TOLERANCE_S = 60.0
"""A skew below this is taken for a delay: nothing is corrected."""
KEPT = 8
"""How many differences the skew is found from."""


class Instants:
    """Reads the instants of all stations.

    Args:
        desk: The clock; what is mended is noted there once per station and rule.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._epoch_ns = desk.clock.epoch_ns
        self._clock = desk.clock
        self._late: dict[str, list[float]] = {}
        self._noted: set[tuple[str, str]] = set()
        self._stale: set[str] = set()

    def skew_s(self, identity: str) -> float:
        """How far a station's clock is behind ours in s (negative: ahead); 0 where nothing was measured."""
        late = self._late.get(identity)
        if not late:
            return 0.0
        skew_s = min(late)
        return skew_s if abs(skew_s) > TOLERANCE_S else 0.0

    def read(self, station: Station, text: str, *, live: bool = False) -> float:
        """Return the instant in s against the epoch.

        Args:
            station: Whose clock it is.
            text: As it stood on the wire.
            live: The message tells of something that happens now: the clock can be compared.
        """
        try:
            at = from_wire(self._epoch_ns, text)
        except ValueError:
            return self._mended(station, self._clock.now_s, "clock-nonsense", text)
        now_s = self._clock.now_s
        late_s = now_s - at.t_s
        if live:
            self._compare(station.identity, late_s)
        if not at.offset_missing and -FUTURE_S < late_s < PAST_S:
            return at.t_s
        skew_s = self.skew_s(station.identity)
        corrected_s = at.t_s + skew_s
        if not -FUTURE_S < now_s - corrected_s < PAST_S:
            return self._mended(station, now_s, "clock-nonsense", text)
        if skew_s == 0.0:
            return self._mended(station, at.t_s, "no-offset", text)
        return self._mended(station, corrected_s, "clock-skew", text)

    def told(self, identity: str) -> None:
        """The station has just been told the time: what was measured holds until the next comparison only."""
        self._stale.add(identity)

    def _compare(self, identity: str, late_s: float) -> None:
        late = self._late.get(identity)
        if late is None:
            late = self._late[identity] = []
        if identity in self._stale:
            self._stale.discard(identity)
            late.clear()
        late.append(late_s)
        del late[:-KEPT]

    def _mended(self, station: Station, t_s: float, rule: str, text: str) -> float:
        key = (station.identity, rule)
        if key not in self._noted:
            self._noted.add(key)
            self._desk.note(station, None, rule, f"{text} is taken as {t_s:.3f} s")
        return t_s
