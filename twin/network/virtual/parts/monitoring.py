"""Monitoring over the wire: set, clear, base, level, report, and the events themselves (2.x block N)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.errors import Code, Refusal
from twin.network.ocpp.wire.link import Answer, Payload
from twin.network.virtual.parts.base import TWO, Handler, Handlers, Host
from twin.network.virtual.parts.device_model import component_of, find, variable_of
from twin.network.virtual.parts.inventory import ITEMS_PER_PART, matches
from twin.network.virtual.parts.monitors import PERIODIC, Alert, Monitor, Monitors
from twin.network.virtual.parts.plain import Alarm, PlainPart, status, then
from twin.network.virtual.parts.standard import (
    ACTIVE_BASE,
    ACTIVE_LEVEL,
    MAX_KEYS,
    MONITORING,
    QUEUED_SEVERITY,
)
from twin.network.virtual.parts.streams import Streams
from twin.network.virtual.variables import Kind, Variable

TABLE = "monitors"
_NUMBERS = (Kind.INTEGER, Kind.NUMBER)
_THRESHOLDS = ("UpperThreshold", "LowerThreshold")
_CRITERIA = {
    "ThresholdMonitoring": _THRESHOLDS,
    "DeltaMonitoring": ("Delta",),
    "PeriodicMonitoring": PERIODIC,
}
_QUEUED = 100
"""Events that are kept while the station is offline; the oldest give way."""


class Monitoring(PlainPart):
    """Implements `base.Observer` too: what the core measures becomes values of variables, and events.

    Args:
        host: The station; its variables are defined already.
        streams: Take the values of monitors that have one (2.1).
    """

    def __init__(self, host: Host, streams: Streams) -> None:
        super().__init__(host)
        self.monitors = Monitors()
        self._streams = streams
        self._alarms: dict[int, Alarm] = {}
        self._waiting: list[Payload] = []
        for _, row in host.store.rows(TABLE):
            self._start(Monitor(**row))
        host.variables.watch(self._see)

    def handlers(self) -> Handlers:
        """All messages of monitoring that a station answers."""
        table: dict[str, Handler] = {
            "SetVariableMonitoring": self._set,
            "ClearVariableMonitoring": self._clear,
            "SetMonitoringBase": self._base,
            "SetMonitoringLevel": self._level,
            "GetMonitoringReport": self._report,
        }
        return {(version, action): handler for version in TWO for action, handler in table.items()}

    def observe(self, evse: int, variable: str, text: str, /) -> None:
        """See `base.Observer.observe`: a value of an EVSE (its connectors share its state), or of the station."""
        component = "EVSE" if evse else "ChargingStation"
        names = [Variable(component=component, variable=variable, evse=evse).name]
        if evse and variable == "AvailabilityState":
            names.append(Variable(component="Connector", variable=variable, evse=evse, connector=1).name)
        for name in names:
            known = self.host.variables.by_name(name)
            if known is not None and self.host.variables.text(known) != text:
                self.host.variables.write(known, text)

    def _see(self, variable: Variable) -> None:
        text = self.host.variables.text(variable)
        for monitor in self.monitors.on(variable.name):
            if monitor.transaction and not self.host.charging():
                continue
            alert = monitor.see(text)
            if alert is not None:
                self._tell(monitor, alert)

    def _set(self, payload: Payload) -> Answer:
        items = payload["setMonitoringData"]
        _fits(items, "SetVariableMonitoring")
        results = [self._set_one(item) for item in items]
        wanted = [
            (result["id"], item["periodicEventStream"])
            for item, result in zip(items, results, strict=True)
            if result["status"] == "Accepted" and "periodicEventStream" in item
        ]
        steps = [partial(self._streams.begin, number, asked) for number, asked in wanted]
        return then({"setMonitoringResult": results}, *steps)

    def _set_one(self, item: Payload) -> Payload:
        """Answer one item (N04); the id is given by the station unless the item replaces a monitor."""
        result: Payload = {key: item[key] for key in ("type", "severity", "component", "variable")}
        found = find(self.host.variables, item)
        if isinstance(found, str):
            return {"status": found, **result}
        why = self._unfit(found, item)
        if why:
            return {"status": why, **result}
        number = item.get("id") or self.host.next_id("monitor")
        new = Monitor(
            number,
            found.name,
            item["type"],
            float(item["value"]),
            item["severity"],
            item.get("transaction", False),
        )
        if self.monitors.twin_of(new) is not None:
            return {"status": "Duplicate", **result}
        self._start(new)
        self.host.store.put(TABLE, str(number), asdict(new))
        self._see(found)
        return {"status": "Accepted", "id": number, **result}

    def _unfit(self, variable: Variable, item: Payload) -> str:
        kind, value = item["type"], item["value"]
        if not variable.monitored or (kind in _THRESHOLDS and variable.kind not in _NUMBERS):
            return "UnsupportedMonitorType"
        if "id" in item:
            before = self.monitors.by_id.get(item["id"])
            if before is None or before.variable != variable.name:
                return "Rejected"  # N04
        if (kind in PERIODIC and value <= 0) or (kind == "Delta" and value < 0):
            return "Rejected"
        if kind in _THRESHOLDS and not variable.low <= value <= variable.high:
            return "Rejected"
        return ""

    def _start(self, monitor: Monitor) -> None:
        self.monitors.put(monitor)
        alarm = self._alarms.setdefault(monitor.id, Alarm(self.host))
        alarm.cancel()
        if monitor.kind in PERIODIC:
            self._next(monitor, alarm)

    def _next(self, monitor: Monitor, alarm: Alarm) -> None:
        """Periodic: counted from now. Clock aligned: from midnight UTC, as the epoch of the clock tells."""
        now_s = self.host.now_s
        if monitor.kind == "Periodic":
            alarm.at(now_s + monitor.value, partial(self._due, monitor, alarm))
            return
        epoch_s = self.host.clock.epoch_ns / 1e9
        steps = (epoch_s + now_s) // monitor.value + 1
        alarm.at(steps * monitor.value - epoch_s, partial(self._due, monitor, alarm))

    def _due(self, monitor: Monitor, alarm: Alarm) -> None:
        variable = self.host.variables.by_name(monitor.variable)
        if variable is not None and (not monitor.transaction or self.host.charging()):
            self._tell(monitor, monitor.due(self.host.variables.text(variable)))
        self._next(monitor, alarm)

    def _tell(self, monitor: Monitor, alert: Alert) -> None:
        variable = self.host.variables.by_name(monitor.variable)
        on = self.host.variables.flag(MONITORING)
        if variable is None or not on or not self.monitors.tells(monitor.severity):
            return
        if self._streams.takes(monitor.id, alert.text):
            return
        event: Payload = {
            "eventId": self.host.next_id("event"), "timestamp": self.host.stamp(), "trigger": alert.trigger,
            "actualValue": alert.text, "component": component_of(variable), "variable": variable_of(variable),
            "variableMonitoringId": monitor.id, "eventNotificationType": "CustomMonitor",
        }  # fmt: skip
        if alert.cleared:
            event["cleared"] = True
        if self.host.online:
            self._send([event])
        elif monitor.severity <= self.host.variables.integer(QUEUED_SEVERITY):
            self._waiting = [*self._waiting, event][-_QUEUED:]

    def _send(self, events: Sequence[Payload]) -> None:
        self.host.ask(
            "NotifyEvent",
            {"generatedAt": self.host.stamp(), "seqNo": 0, "tbc": False, "eventData": list(events)},
        )

    def connected(self) -> None:
        """Tell what happened offline and was severe enough (N07)."""
        if self._waiting and self.host.version.two:
            self._send(self._waiting)
            self._waiting = []

    def _clear(self, payload: Payload) -> Answer:
        _fits(payload["id"], "ClearVariableMonitoring")
        return {"clearMonitoringResult": [self._clear_one(number) for number in payload["id"]]}

    def _clear_one(self, number: int) -> Payload:
        if self.monitors.by_id.pop(number, None) is None:
            return {"id": number, "status": "NotFound"}
        self._alarms.pop(number).cancel()
        self._streams.end(number)
        self.host.store.drop(TABLE, str(number))
        return {"id": number, "status": "Accepted"}

    def _base(self, payload: Payload) -> Answer:
        """There are no monitors of the factory and none in hardware: their bases clear the custom ones
        (N03).
        """
        self.host.variables.write(ACTIVE_BASE, payload["monitoringBase"])
        if payload["monitoringBase"] != "All":
            for number in list(self.monitors.by_id):
                self._clear_one(number)
        return {"status": "Accepted"}

    def _level(self, payload: Payload) -> Answer:
        if not 0 <= payload["severity"] <= 9:
            return status("Rejected", "ValueOutOfRange")
        self.monitors.level = payload["severity"]
        self.host.variables.write(ACTIVE_LEVEL, str(payload["severity"]))
        return {"status": "Accepted"}

    def _report(self, payload: Payload) -> Answer:
        named: Sequence[Any] = payload.get("componentVariable") or ()
        criteria: Sequence[str] = payload.get("monitoringCriteria") or ()
        kinds = {kind for one in criteria for kind in _CRITERIA[one]}
        picked: dict[str, list[Monitor]] = {}
        for monitor in self.monitors.by_id.values():
            variable = self.host.variables.by_name(monitor.variable)
            if variable is None or (kinds and monitor.kind not in kinds):
                continue
            if not named or any(matches(variable, one) for one in named):
                picked.setdefault(monitor.variable, []).append(monitor)
        if not picked:
            return status("EmptyResultSet")
        return then(status("Accepted"), lambda: self._send_report(picked, payload["requestId"]))

    def _send_report(self, picked: dict[str, list[Monitor]], request_id: int) -> None:
        names = list(picked)
        for number, first in enumerate(range(0, len(names), ITEMS_PER_PART)):
            part: Payload = {
                "requestId": request_id, "seqNo": number, "generatedAt": self.host.stamp(),
                "tbc": first + ITEMS_PER_PART < len(names),
                "monitor": [self._described(n, picked[n]) for n in names[first : first + ITEMS_PER_PART]],
            }  # fmt: skip
            self.host.ask("NotifyMonitoringReport", part)

    def _described(self, name: str, monitors: Sequence[Monitor]) -> Payload:
        variable = self.host.variables.by_name(name)
        assert variable is not None
        described = []
        for m in monitors:
            entry: Payload = {
                "id": m.id,
                "transaction": m.transaction,
                "value": m.value,
                "type": m.kind,
                "severity": m.severity,
            }
            if self.host.version is Version.V21:
                entry["eventNotificationType"] = "CustomMonitor"
            described.append(entry)
        return {
            "component": component_of(variable),
            "variable": variable_of(variable),
            "variableMonitoring": described,
        }


def _fits(items: Sequence[object], message: str) -> None:
    if len(items) > MAX_KEYS:
        raise Refusal(
            Code.OCCURRENCE_CONSTRAINT_VIOLATION, f"{len(items)} items, {message} takes at most {MAX_KEYS}"
        )
