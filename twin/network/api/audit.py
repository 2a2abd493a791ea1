"""Who did what, when, and what came of it: appended to the journal before it is done and after; never changed."""

from __future__ import annotations

from collections import deque
from typing import Any

import orjson
import structlog

from twin.domain.journal import Entry
from twin.network.api.errors import ApiError
from twin.network.clock import to_wire
from twin.network.ocpp.csms.operations.office import Office, OperationsPart
from twin.network.ocpp.wire.trace import Masker

STREAM = "audit"
KEPT = 10_000
"""Lines that are shown; the journal has all."""
_mask = Masker(tokens=False)
_log = structlog.get_logger("twin.audit")


class Audit(OperationsPart):
    """The audit log; a part only so that it is restored.

    Args:
        office: Clock and journal.
    """

    name = "audit"

    def __init__(self, office: Office) -> None:
        super().__init__(office)
        self._clock, self._journal = office.desk.clock, office.desk.journal
        self._lines: deque[dict[str, object]] = deque(maxlen=KEPT)
        self._number = 0

    async def asked(self, who: str, what: str, body: object) -> int:
        """Record that somebody is about to do something; return its number once that is on the disk.

        Raises:
            ApiError: See `masked`; nothing was recorded.
        """
        hidden = masked(body)
        self._number += 1
        number = self._number  # others may ask while this one is written
        line = {
            "number": number,
            "at": to_wire(self._clock.epoch_ns, self._clock.now_s),
            "who": who,
            "what": what,
            "body": hidden,
        }
        self._lines.append({**line, "outcome": None})
        self._journal.append(STREAM, "audit.asked", line)
        committed = self._journal.commit()
        if committed is not None:
            await committed
        return number

    def done(self, number: int, outcome: str) -> None:
        """Record what came of it."""
        at = to_wire(self._clock.epoch_ns, self._clock.now_s)
        self._journal.append(STREAM, "audit.done", {"number": number, "at": at, "outcome": outcome})
        line = self._find(number)
        if line is not None:
            line["outcome"] = outcome
            _log.info("audit", **line)

    def after(self, number: int, limit: int) -> list[dict[str, object]]:
        """Return lines behind `number`; `outcome` is null while it is under way, or where a crash hid it."""
        return [dict(line) for line in self._lines if int(str(line["number"])) > number][:limit]

    def restore(self, entry: Entry) -> None:
        """Take back a line."""
        number = int(str(entry.body["number"]))
        self._number = max(self._number, number)
        if entry.kind == "audit.asked":
            self._lines.append({**entry.body, "outcome": None})
            return
        line = self._find(number)
        if line is not None:
            line["outcome"] = entry.body["outcome"]

    def _find(self, number: int) -> dict[str, object] | None:
        return next((line for line in reversed(self._lines) if line["number"] == number), None)


def masked(body: object) -> Any:
    """Return JSON with passwords and keys hidden, wherever they stand.

    Raises:
        ApiError: 422, a half character or a number of more than 64 bits stands in it: it cannot be sent either.
    """
    try:
        text = orjson.dumps(body).decode()
    except orjson.JSONEncodeError as error:
        raise ApiError(422, "invalid-request", f"the body cannot be written as JSON: {error}") from None
    return orjson.loads(_mask(text))
