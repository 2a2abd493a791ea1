"""Display messages (2.x block O): what the screen shows, when, and what is told of it."""

from __future__ import annotations

from typing import Any

from twin.network.ocpp.wire.link import Answer, Payload
from twin.network.virtual.parts.base import TWO, Handler, Handlers, Host
from twin.network.virtual.parts.plain import Alarm, PlainPart, status, then
from twin.network.virtual.parts.standard import DISPLAYED

TABLE = "display-messages"
FORMATS = {"ASCII", "UTF8", "URI"}
_PER_PART = 20
_RANKS = {"AlwaysFront": 0, "InFront": 1, "NormalCycle": 2}


class Display(PlainPart):
    """The messages of a station's screen.

    Args:
        host: The station; its variables are defined already.
    """

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self._messages: dict[int, Payload] = {}
        self._alarms: dict[int, Alarm] = {}
        for _, message in host.store.rows(TABLE):
            self._put(message)

    def handlers(self) -> Handlers:
        """SetDisplayMessage, GetDisplayMessages, ClearDisplayMessage."""
        table: dict[str, Handler] = {
            "SetDisplayMessage": self._set,
            "GetDisplayMessages": self._get,
            "ClearDisplayMessage": self._clear,
        }
        return {(version, action): handler for version in TWO for action, handler in table.items()}

    def shown(self, state: str, transaction: str = "") -> list[str]:
        """Return what the screen shows now, the most urgent first.

        Args:
            state: Of the station: `Idle`, `Charging`, `Faulted`, `Unavailable`.
            transaction: Which runs, for messages that belong to one.
        """
        fitting = [m for m in self._messages.values() if self._shows(m, state, transaction)]
        ranked = sorted(fitting, key=lambda m: (_RANKS[m["priority"]], m["id"]))
        return [_text(message) for message in ranked]

    def _shows(self, message: Payload, state: str, transaction: str) -> bool:
        start = message.get("startDateTime")
        if start is not None and self.host.read_stamp(start) > self.host.now_s:
            return False
        return (
            message.get("state", state) == state and message.get("transactionId", transaction) == transaction
        )

    def _set(self, payload: Payload) -> Answer:
        """An id that is known replaces its message (O06); one AlwaysFront at a time (O01)."""
        message = payload["message"]
        contents = message["message"] if isinstance(message["message"], list) else [message["message"]]
        if any(content["format"] not in FORMATS for content in contents):
            return status("NotSupportedMessageFormat")
        end = message.get("endDateTime")
        if end is not None and self.host.read_stamp(end) <= self.host.now_s:
            return status("Rejected", "InvalidValue", "it has ended already")
        if message["id"] not in self._messages and len(self._messages) >= DISPLAYED.high:
            return status("Rejected", "TooManyElements")
        if message["priority"] == "AlwaysFront":
            for other in [m for m in self._messages.values() if m["priority"] == "AlwaysFront"]:
                self._drop(other["id"])
        self._put(message)
        self.host.store.put(TABLE, str(message["id"]), message)
        return status("Accepted")

    def _put(self, message: Payload) -> None:
        self._messages[message["id"]] = message
        alarm = self._alarms.setdefault(message["id"], Alarm(self.host))
        alarm.cancel()
        end = message.get("endDateTime")
        if end is not None:
            alarm.at(self.host.read_stamp(end), lambda: self._drop(message["id"]))
        self._count()

    def _drop(self, number: int) -> None:
        del self._messages[number]
        self._alarms.pop(number).cancel()
        self.host.store.drop(TABLE, str(number))
        self._count()

    def _count(self) -> None:
        self.host.variables.write(DISPLAYED, str(len(self._messages)))

    def ended(self, transaction: str) -> None:
        """Drop the messages of a transaction that ended (O02)."""
        for number in [n for n, m in self._messages.items() if m.get("transactionId") == transaction]:
            self._drop(number)

    def _get(self, payload: Payload) -> Answer:
        picked = [
            m
            for m in self._messages.values()
            if m["id"] in payload.get("id", [m["id"]])
            and m["priority"] == payload.get("priority", m["priority"])
            and m.get("state") == payload.get("state", m.get("state"))
        ]
        if not picked:
            return status("Unknown")
        return then(status("Accepted"), lambda: self._tell(picked, payload["requestId"]))

    def _tell(self, picked: list[Payload], request_id: int) -> None:
        for first in range(0, len(picked), _PER_PART):
            part: dict[str, Any] = {
                "requestId": request_id,
                "messageInfo": picked[first : first + _PER_PART],
                "tbc": first + _PER_PART < len(picked),
            }
            self.host.ask("NotifyDisplayMessages", part)

    def _clear(self, payload: Payload) -> Answer:
        if payload["id"] not in self._messages:
            return status("Unknown")
        self._drop(payload["id"])
        return status("Accepted")


def _text(message: Payload) -> str:
    content = message["message"]
    return str((content[0] if isinstance(content, list) else content)["content"])
