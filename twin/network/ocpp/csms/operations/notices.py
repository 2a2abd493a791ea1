"""What stations only tell: it is kept, the latest of each kind is remembered, and it is answered with nothing.

Firmware (1.6 4.5, security whitepaper L01; 2.x L01 to L03), diagnostics and logs (1.6 4.4, N01), security events (A04),
limits from elsewhere (K12, K13), monitored events (N07), and the notices of 2.1 on DER control, payment and batteries.
"""

from __future__ import annotations

from collections.abc import Awaitable

from twin.domain.journal import Entry
from twin.network.ocpp.csms.operations.office import Office, OperationsPart
from twin.network.ocpp.csms.parts import Handler, Handlers
from twin.network.ocpp.csms.station import Station
from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.link import Answer, Payload

V16, V201, V21 = Version.V16, Version.V201, Version.V21
_ALL, _TWO = (V16, V201, V21), (V201, V21)
KINDS: dict[str, tuple[str, tuple[Version, ...]]] = {
    "FirmwareStatusNotification": ("firmware", _ALL),
    "SignedFirmwareStatusNotification": ("firmware", (V16,)),
    "PublishFirmwareStatusNotification": ("publish", _TWO),
    "DiagnosticsStatusNotification": ("diagnostics", (V16,)),
    "LogStatusNotification": ("log", _ALL),
    "SecurityEventNotification": ("security", _ALL),
    "NotifyEvent": ("monitored", _TWO),
    "NotifyChargingLimit": ("charging-limit", _TWO),
    "ClearedChargingLimit": ("charging-limit", _TWO),
    "NotifyPriorityCharging": ("priority-charging", (V21,)),
    "NotifyDERAlarm": ("der-alarm", (V21,)),
    "NotifyDERStartStop": ("der-control", (V21,)),
    "NotifySettlement": ("settlement", (V21,)),
    "NotifyWebPaymentStarted": ("web-payment", (V21,)),
    "BatterySwap": ("battery-swap", (V21,)),
    "NotifyPeriodicEventStream": ("stream", (V21,)),
    "ClosePeriodicEventStream": ("stream-closed", (V21,)),
}
"""Action: what it is of, and in which versions. The journal's kind is `notice.<of>`."""


class Notices(OperationsPart):
    """Keeps what is only told."""

    name = "notice"

    def __init__(self, office: Office) -> None:
        super().__init__(office)
        self._latest: dict[tuple[str, str], Payload] = {}

    def latest(self, station: str, of: str) -> Payload | None:
        """Return the last notice of a station on `firmware`, `log`, …; None: there was none."""
        return self._latest.get((station, of))

    def handlers(self) -> Handlers:
        """All of `KINDS`; in 2.1 also the offer of an event stream, and the request for an update of a dynamic profile.

        That one is rejected: no profile of kind Dynamic is ever sent from here (K28.FR.04).
        """
        table: dict[tuple[Version, str], Handler] = {
            (version, action): self._keeper(of)
            for action, (of, versions) in KINDS.items()
            for version in versions
        }
        table[V21, "OpenPeriodicEventStream"] = self._keeper("stream-opened", {"status": "Accepted"})
        table[V21, "PullDynamicScheduleUpdate"] = self._keeper("dynamic-update", {"status": "Rejected"})
        return table

    def restore(self, entry: Entry) -> None:
        """Remember the latest again."""
        self._latest[entry.stream, entry.kind.partition(".")[2]] = dict(entry.body)

    def _keeper(self, of: str, answer: Payload | None = None) -> Handler:
        def keep(station: Station, payload: Payload) -> Answer | Awaitable[Answer]:
            self._latest[station.identity, of] = payload
            return self.office.recorded(station.identity, f"notice.{of}", payload, dict(answer or {}))

        return keep
