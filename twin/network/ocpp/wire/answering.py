"""The peer's calls: each is answered once, by our handler or with a CALLERROR; none blocks the next."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import structlog

from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire import frames, schemas
from twin.network.ocpp.wire.errors import Code, NoAnswer, Refusal
from twin.network.ocpp.wire.heard import Heard, Seen
from twin.network.ocpp.wire.link import Answer, Handle, Payload, Then
from twin.network.ocpp.wire.recorder import Recorder
from twin.network.ocpp.wire.schemas import Schema, check
from twin.network.ocpp.wire.understand import understand, unknown

_log = structlog.get_logger(__name__)


class Answering:
    """Answers CALLs and takes SENDs.

    Args:
        handle: Our handler.
        identity: Of the station, for the log.
        version: Of the connection.
        put: Sends a frame, unless the connection is gone.
        recorder: Told of frames and deviations.
        remembered: Ids whose answers are kept.
        at_once: Calls that may be in our hands at the same time.
        loop: Runs handlers that wait.
    """

    def __init__(
        self,
        handle: Handle,
        identity: str,
        version: Version,
        put: Callable[[str], None],
        recorder: Recorder,
        *,
        remembered: int,
        at_once: int,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.strict = False
        self._handle, self._identity, self._version = handle, identity, version
        self._put, self._recorder, self._loop, self._at_once = put, recorder, loop, at_once
        self._schemas = schemas.requests(version)
        self._answers = schemas.responses(version)
        self._heard = Heard(remembered)
        self.earlier: frozenset[str] = frozenset()
        """Ids that the peer used on its last connection, where its version forbids to use them again."""
        self._tasks: set[asyncio.Future[Answer]] = set()

    @property
    def ids(self) -> frozenset[str]:
        """The last ids of the peer's calls."""
        return self._heard.ids

    def call(self, frame: list[Any], data: str | bytes) -> None:
        """Take a CALL."""
        if len(frame) < 4 or type(frame[1]) is not str or type(frame[2]) is not str:
            self._incomplete(frame, data)
            return
        message_id, action, payload = frame[1], frame[2], frame[3]
        seen = self._heard.see(message_id, data)
        if seen is Seen.REPEATED:
            self._repeat(message_id, action, data)
            return
        if message_id in self.earlier:
            self._used_before(message_id, action)
        fault = ""
        if seen is Seen.REUSED or len(frame) > 4 or not 0 < len(message_id) <= frames.ID_LENGTH:
            fault = self._odd(frame, seen)
            if self.strict:
                self._recorder.came(data, fault)
                self._refuse(message_id, Refusal(Code.RPC_FRAMEWORK_ERROR, fault))
                return
        try:
            schema = self._schemas[action]
        except KeyError:
            self._recorder.came(data, "unknown-action")
            self._refuse(message_id, unknown(action, payload, self._version, self._recorder, message_id))
            return
        if schema.valid(payload):
            self._recorder.came(data, fault)
        else:
            payload, refusal = self._understand(schema, action, message_id, payload, data)
            if refusal is not None:
                self._refuse(message_id, refusal)
                return
        self._dispatch(message_id, action, payload)

    def send(self, frame: list[Any], data: str | bytes) -> None:
        """Take a SEND; whatever is wrong with it, it is never answered (2.1 part 4, 4.2.5)."""
        message_id = frames.id_of(frame)
        if len(frame) < 4 or message_id is None or frame[2] not in schemas.unconfirmed(self._version):
            self._recorder.came(data, "bad-send")
            self._recorder.deviates("bad-send", "no SEND of this version", message_id=message_id or "")
            return
        action, payload = frame[2], frame[3]
        schema = self._schemas[action]
        if schema.valid(payload):
            self._recorder.came(data)
        else:
            payload, refusal = self._understand(schema, action, message_id, payload, data)
            if refusal is not None:
                return
        try:
            answer = self._handle(action, payload)
            if not isinstance(answer, dict | Then):
                self._later(asyncio.ensure_future(answer, loop=self._loop), self._sent(message_id, action))
        except Exception as error:  # noqa: BLE001  told and not answered
            self._send_failed(message_id, action, error)

    def _understand(
        self, schema: Schema, action: str, message_id: str, payload: Any, data: str | bytes
    ) -> tuple[Payload, Refusal | None]:
        understood = understand(
            schema,
            payload,
            version=self._version,
            strict=self.strict,
            recorder=self._recorder,
            action=action,
            message_id=message_id,
        )
        self._recorder.came(data, understood.fault)
        return understood.payload, understood.refusal

    # what is odd about a frame

    def _repeat(self, message_id: str, action: str, data: str | bytes) -> None:
        """The same call again: 1.6 and 2.1 allow it, and it must not act twice in any version."""
        self._recorder.came(data, "duplicate-id")
        self._recorder.deviates(
            "duplicate-id", "the same call again", action=action, message_id=message_id, tolerated=True
        )
        answer = self._heard.answer(message_id)
        if answer is not None:  # else it is in our hands still, and will be answered once
            self._put(answer)

    def _used_before(self, message_id: str, action: str) -> None:
        """Tell it once per connection: a station that counts from 1 again does it with every call."""
        self.earlier = frozenset()
        self._recorder.deviates(
            "id-of-earlier-connection",
            "an id of the last connection is used again (2.0.1 part 4, 4.1.4)",
            action=action,
            message_id=message_id,
            tolerated=True,
        )

    def _odd(self, frame: list[Any], seen: Seen) -> str:
        if seen is Seen.REUSED:
            rule, detail = "duplicate-id", "another call under a used id"
        elif len(frame) > 4:
            rule, detail = "extra-elements", f"{len(frame)} elements in a call"
        else:
            rule, detail = "message-id", f"an id of {len(frame[1])} characters"
        self._recorder.deviates(rule, detail, action=frame[2], message_id=frame[1], tolerated=not self.strict)
        return rule

    def _incomplete(self, frame: list[Any], data: str | bytes) -> None:
        message_id = frames.id_of(frame)
        self._recorder.came(data, "incomplete-call")
        self._recorder.deviates("incomplete-call", f"{len(frame)} elements", message_id=message_id or "")
        refusal = Refusal(Code.RPC_FRAMEWORK_ERROR, "a call is [2, id, action, payload]")
        if self._version is not Version.V16:
            self._put(frames.error(message_id or frames.NO_ID, refusal, self._version))
        elif message_id is not None:
            self._refuse(message_id, Refusal(Code.PROTOCOL_ERROR, refusal.description))

    # what we do about it

    def _dispatch(self, message_id: str, action: str, payload: Payload) -> None:
        if len(self._tasks) >= self._at_once:
            self._recorder.deviates(
                "too-many-calls", f"{len(self._tasks)} unanswered", action=action, message_id=message_id
            )
            self._refuse(message_id, Refusal(Code.GENERIC_ERROR, "too many calls at once"))
            return
        try:
            answer = self._handle(action, payload)
        except Exception as error:  # noqa: BLE001  becomes a CALLERROR
            self._failed(action, message_id, error)
            return
        if isinstance(answer, dict):
            self._answer(message_id, action, answer)
        elif isinstance(answer, Then):
            self._answer_then(message_id, action, answer)
        else:
            task = asyncio.ensure_future(answer, loop=self._loop)
            self._later(task, lambda done: self._finish(message_id, action, done))

    def _later(self, task: asyncio.Future[Answer], then: Callable[[asyncio.Future[Answer]], None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(then)

    def _finish(self, message_id: str, action: str, task: asyncio.Future[Answer]) -> None:
        if task.cancelled():
            self._refuse(message_id, Refusal(Code.INTERNAL_ERROR, "cancelled"))
            return
        error = task.exception()
        if error is not None:
            self._failed(action, message_id, error)
            return
        answer = task.result()
        if isinstance(answer, Then):
            self._answer_then(message_id, action, answer)
        else:
            self._answer(message_id, action, answer)

    def _sent(self, message_id: str, action: str) -> Callable[[asyncio.Future[Answer]], None]:
        def done(task: asyncio.Future[Answer]) -> None:
            error = None if task.cancelled() else task.exception()
            if error is not None:
                self._send_failed(message_id, action, error)

        return done

    def _send_failed(self, message_id: str, action: str, error: BaseException) -> None:
        refusal = self._as_refusal(action, message_id, error)
        self._recorder.deviates("send-refused", str(refusal), action=action, message_id=message_id)

    def _answer_then(self, message_id: str, action: str, answer: Then) -> None:
        self._answer(message_id, action, answer.payload)
        try:
            answer.after()
        except Exception:  # noqa: BLE001  the answer is out; what follows it harms no one else
            _log.exception("follow-up failed", station=self._identity, action=action, message_id=message_id)

    def _answer(self, message_id: str, action: str, payload: Payload) -> None:
        schema = self._answers[action]
        if schema.valid(payload):
            self._reply(message_id, frames.result(message_id, payload))
            return
        why = check(schema, payload)
        _log.error("our answer does not fit", station=self._identity, action=action, why=why)
        self._refuse(message_id, Refusal(Code.INTERNAL_ERROR, "no valid answer was made"))

    def _refuse(self, message_id: str, refusal: Refusal) -> None:
        self._reply(message_id, frames.error(message_id, refusal, self._version))

    def _reply(self, message_id: str, frame: str) -> None:
        self._heard.answered(message_id, frame)
        self._put(frame)

    def _failed(self, action: str, message_id: str, error: BaseException) -> None:
        if isinstance(error, NoAnswer):
            self._heard.forget(message_id)
            self._recorder.deviates(
                "not-answered", str(error), action=action, message_id=message_id, tolerated=True
            )
            return
        self._refuse(message_id, self._as_refusal(action, message_id, error))

    def _as_refusal(self, action: str, message_id: str, error: BaseException) -> Refusal:
        if isinstance(error, Refusal):
            return error
        _log.error(
            "handler failed", station=self._identity, action=action, message_id=message_id, exc_info=error
        )
        return Refusal(Code.INTERNAL_ERROR, "the call could not be processed")
