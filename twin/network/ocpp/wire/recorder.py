"""What is told of a connection: its frames to a trace, the peer's deviations to who keeps them."""

from __future__ import annotations

from twin.domain.clock import Clock
from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.link import Deviation, Record, Remark, Trace


class Recorder:
    """Tells of one connection.

    Args:
        identity: Of the station.
        version: What is spoken.
        clock: Stamps.
        trace: Told of frames; None: nobody.
        remark: Told of deviations; None: nobody.
    """

    def __init__(
        self, identity: str, version: Version, clock: Clock, trace: Trace | None, remark: Remark | None
    ) -> None:
        self._identity, self._version, self._clock = identity, version, clock
        self._trace, self._remark = trace, remark

    def left(self, frame: str) -> None:
        """A frame of ours."""
        if self._trace is not None:
            self._trace(Record(self._clock.now_s, self._identity, self._version, True, frame, ""))

    def came(self, data: str | bytes, fault: str = "") -> None:
        """A frame of the peer; bytes that are no UTF-8 are shown escaped."""
        if self._trace is not None:
            text = data if isinstance(data, str) else data.decode("utf-8", "backslashreplace")
            self._trace(Record(self._clock.now_s, self._identity, self._version, False, text, fault))

    def deviates(
        self, rule: str, detail: str, *, action: str = "", message_id: str = "", tolerated: bool = False
    ) -> None:
        """Something that the version forbids."""
        if self._remark is not None:
            now_s = self._clock.now_s
            self._remark(Deviation(now_s, self._identity, action, message_id, rule, detail, tolerated))
