"""Frames of OCPP-J as they stand on the wire (1.6J 4.2, 2.x part 4, 4.2).

Text, not bytes: the buffer of what `orjson` returns is kilobytes larger than a short answer, and answers are kept.
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire import codes
from twin.network.ocpp.wire.errors import Refusal
from twin.network.ocpp.wire.link import Payload

CALL, CALLRESULT, CALLERROR, CALLRESULTERROR, SEND = 2, 3, 4, 5, 6
"""Message types; the last two are of 2.1."""
ID_LENGTH: Final = 36
NO_ID: Final = "-1"
"""Id of a CALLERROR to a frame whose id could not be read (2.x part 4, 4.2.3)."""
_DESCRIPTION_LENGTH: Final = 255


def call(message_id: str, action: str, payload: Payload) -> str:
    """Return a CALL."""
    return orjson.dumps([CALL, message_id, action, payload]).decode()


def send(message_id: str, action: str, payload: Payload) -> str:
    """Return a SEND."""
    return orjson.dumps([SEND, message_id, action, payload]).decode()


def result(message_id: str, payload: Payload) -> str:
    """Return a CALLRESULT."""
    return orjson.dumps([CALLRESULT, message_id, payload]).decode()


def error(message_id: str, refusal: Refusal, version: Version, kind: int = CALLERROR) -> str:
    """Return a CALLERROR, or a CALLRESULTERROR, in the spelling of a version."""
    code, text = codes.spell(refusal.code, version), refusal.description[:_DESCRIPTION_LENGTH]
    return orjson.dumps([kind, message_id, code, text, refusal.details]).decode()


def id_of(frame: list[Any]) -> str | None:
    """Return the message id, None if it cannot be read."""
    return frame[1] if len(frame) > 1 and isinstance(frame[1], str) else None
