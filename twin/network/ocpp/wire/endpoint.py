"""One end of an OCPP-J connection: frames in, frames out, on the clock port. No I/O of its own.

`receive` takes what came, never raises, and sees to it that every frame is answered where its version says so and
otherwise recorded. `call` sends a CALL when the one before is answered, and waits for what comes back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

import orjson
import structlog

from twin.domain.clock import Activity, Clock, NoActivity
from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire import codes, schemas
from twin.network.ocpp.wire.calls import Call, Calls, fail
from twin.network.ocpp.wire.errors import CallFailed, Code, LinkLost, Refusal
from twin.network.ocpp.wire.flight import Flight
from twin.network.ocpp.wire.heard import Heard, Seen
from twin.network.ocpp.wire.link import Answer, Deviation, Handle, Link, Payload, Record, Remark, Then, Trace
from twin.network.ocpp.wire.schemas import Schema
from twin.network.ocpp.wire.tolerant import Fate, Finding, inspect, repair

_log = structlog.get_logger(__name__)

CALL, CALLRESULT, CALLERROR, CALLRESULTERROR, SEND = 2, 3, 4, 5, 6
"""Message types of OCPP-J; the last two are of 2.1."""
_ID_LENGTH = 36
_NO_ID = "-1"
"""Id of a CALLERROR to a frame whose id could not be read (2.x part 4, 4.2.3)."""
_DESCRIPTION_LENGTH = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one connection may cost."""

    call_timeout_s: float = 30.0
    """How long an answer is waited for."""
    queued_calls: int = 100
    """Calls of ours that wait for their turn; one more is refused at once."""
    frame_bytes: int = 1_048_576
    """Longer frames are recorded and refused."""
    remembered_ids: int = 50
    """Ids of the peer's calls whose answers are kept, to repeat them."""


class Caller(Protocol):
    """What the parts of a station or of the central system see of an endpoint."""

    def call(
        self, action: str, payload: Payload, *, timeout_s: float | None = None, validate: bool = True
    ) -> Awaitable[Payload]:
        """Send a CALL and wait for the payload of its CALLRESULT.

        Args:
            action: As in the version of the connection.
            payload: As it shall stand on the wire.
            timeout_s: By default `Limits.call_timeout_s`; counted from the moment it is sent.
            validate: False sends a payload that its schema refuses: for tests of other people's systems.

        Raises:
            CallFailed, CallTimedOut, LinkLost, QueueFull: see `wire.errors`.
            ValueError: The payload does not fit its schema and `validate` is True; nothing was sent.
        """
        ...

    def send(self, action: str, payload: Payload) -> None:
        """Send an unconfirmed SEND (2.1)."""

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the connection; calls that wait raise LinkLost."""

    def drop(self) -> None:
        """Cut the TCP connection without a word."""


OnLate = Callable[[str, Payload], None]
"""(message id, payload) of an answer that came after its time-out."""


class Endpoint:
    """Implements `Caller`, and answers the peer's calls.

    Args:
        link: The connection; its owner calls `receive` for every frame and `lost` once.
        handle: Answers calls.
        clock: Counts time-outs.
        limits: What this connection may cost.
        strict: Refuse whatever deviates from the schemas; otherwise it is taken where it can be understood.
        station_side: Whether this end is the charging station's.
        trace: Told of every frame in either direction.
        remark: Told of every deviation of the peer.
        activity: Counts what is under way, in lock step.
        on_late: Told of answers after their time-out.
        new_id: Makes message ids.
    """

    def __init__(
        self,
        link: Link,
        handle: Handle,
        *,
        clock: Clock,
        limits: Limits = Limits(),
        strict: bool = False,
        station_side: bool,
        trace: Trace | None = None,
        remark: Remark | None = None,
        activity: Activity = NoActivity(),  # noqa: B008  has no state
        on_late: OnLate | None = None,
        new_id: Callable[[], str],
    ) -> None:
        self.link, self.strict = link, strict
        self.identity, self.version = link.identity, link.version
        self._handle, self._clock, self._limits = handle, clock, limits
        self._trace, self._remark, self._on_late, self._new_id = trace, remark, on_late, new_id
        self._loop = asyncio.get_running_loop()
        self._flight = Flight(activity, link.connection, station_side=station_side, loop=self._loop)
        self._requests, self._responses = schemas.requests(self.version), schemas.responses(self.version)
        who = "central system" if station_side else self.identity
        self._who = who
        self._calls = Calls(who, clock, self._put, limits.queued_calls)
        self._heard = Heard(limits.remembered_ids)
        self._tasks: set[asyncio.Future[Answer]] = set()
        self._gone = False

    # ours

    def call(
        self, action: str, payload: Payload, *, timeout_s: float | None = None, validate: bool = True
    ) -> asyncio.Future[Payload]:
        """See `Caller.call`; the frame is sent, or queued, before this returns."""
        if validate:
            self._check_ours(self._requests, action, payload)
        future: asyncio.Future[Payload] = self._loop.create_future()
        if self._gone:
            future.set_exception(LinkLost(f"{self._who}: {action} not sent, the connection is gone"))
            return future
        message_id = self._new_id()
        frame = orjson.dumps([CALL, message_id, action, payload])
        timeout_s = self._limits.call_timeout_s if timeout_s is None else timeout_s
        self._calls.add(Call(message_id, action, frame, timeout_s, future))
        return future

    def send(self, action: str, payload: Payload) -> None:
        """See `Caller.send`.

        Raises:
            ValueError: The version knows no SEND, or the payload does not fit its schema.
        """
        if action not in schemas.unconfirmed(self.version):
            raise ValueError(f"{action}: cannot be sent unconfirmed in {self.version.value}")
        self._check_ours(self._requests, action, payload)
        if not self._gone:
            self._put(orjson.dumps([SEND, self._new_id(), action, payload]))

    def close(self, code: int = 1000, reason: str = "") -> None:
        """See `Caller.close`."""
        self._flight.closing()
        self.link.close(code, reason)

    def drop(self) -> None:
        """See `Caller.drop`."""
        self._flight.closing()
        self.link.drop()

    def lost(self) -> None:
        """The transport is gone: every call that waits raises LinkLost. Idempotent."""
        if not self._gone:
            self._gone = True
            self._flight.lost()
            self._calls.lost()

    def _check_ours(self, kind: schemas.Schemas, action: str, payload: Payload) -> None:
        try:
            schema = kind[action]
        except KeyError:
            raise ValueError(f"{action}: no action of {self.version.value}") from None
        if not schema.valid(payload):
            findings = "; ".join(f"{f.path}: {f.detail}" for f in inspect(schema, payload))
            raise ValueError(f"{action}: {findings or 'holds a number that JSON cannot write'}")

    def _put(self, frame: bytes) -> None:
        text = frame.decode()
        if self._trace is not None:
            self._trace(Record(self._clock.now_s, self.identity, self.version, True, text, ""))
        if self._flight.counts:
            self._flight.sent()
        self.link.send(text)

    # theirs

    def receive(self, data: str | bytes) -> None:
        """Take a frame: answer it, match it, or record it. Never raises."""
        try:
            if not self._gone:
                self._receive(data)
        except Exception:  # noqa: BLE001  one frame must never cost the connection, whatever is wrong with us
            _log.exception("frame not handled", station=self.identity, version=self.version.value)
        finally:
            if self._flight.counts:
                self._flight.received()

    def _receive(self, data: str | bytes) -> None:
        if len(data) > self._limits.frame_bytes:
            self._unreadable(data[:_DESCRIPTION_LENGTH], "oversize", f"{len(data)} bytes")
            return
        try:
            frame = orjson.loads(data)
        except orjson.JSONDecodeError as error:
            self._unreadable(data, "not-json", str(error))
            return
        if type(frame) is not list or not frame:
            self._unreadable(data, "not-an-array", "a message is an array with at least its type")
            return
        kind = frame[0]
        if kind == CALL:
            self._on_call(frame, data)
        elif kind == CALLRESULT:
            self._on_result(frame, data)
        elif kind == CALLERROR:
            self._on_error(frame, data)
        elif self.version is Version.V21 and kind == SEND:
            self._on_send(frame, data)
        elif self.version is Version.V21 and kind == CALLRESULTERROR:
            self._on_result_error(frame, data)
        else:
            self._on_unknown_type(frame, data)

    def _on_call(self, frame: list[Any], data: str | bytes) -> None:
        if len(frame) < 4 or type(frame[1]) is not str or type(frame[2]) is not str:
            self._bad_call(frame, data)
            return
        message_id, action, payload = frame[1], frame[2], frame[3]
        seen = self._heard.see(message_id, data)
        problem = self._bad_id(message_id, action, seen) or ("" if len(frame) == 4 else "extra elements")
        if seen is Seen.REPEATED:
            self._traced(data, "duplicate-id")
            answer = self._heard.answer(message_id)
            if answer is not None:
                self._put(answer)
            return
        if problem and self.strict:
            self._traced(data, problem)
            self._refuse(message_id, Refusal(Code.RPC_FRAMEWORK_ERROR, problem))
            return
        try:
            schema = self._requests[action]
        except KeyError:
            self._traced(data, "unknown-action")
            self._deviates(action, message_id, "unknown-action", action[:_ID_LENGTH], tolerated=False)
            self._refuse(message_id, Refusal(Code.NOT_IMPLEMENTED, f"unknown action in {self.version.value}"))
            return
        if schema.valid(payload):
            self._traced(data, problem)
        else:
            payload, refusal = self._understand(schema, action, message_id, payload, data)
            if refusal is not None:
                self._refuse(message_id, refusal)
                return
        self._dispatch(message_id, action, payload)

    def _dispatch(self, message_id: str, action: str, payload: Payload) -> None:
        try:
            answer = self._handle(action, payload)
        except Exception as error:  # noqa: BLE001  becomes a CALLERROR
            self._refuse(message_id, self._as_refusal(action, message_id, error))
            return
        if isinstance(answer, dict):
            self._answer(message_id, action, answer)
        elif isinstance(answer, Then):
            self._answer_then(message_id, action, answer)
        else:
            task = asyncio.ensure_future(answer, loop=self._loop)
            self._tasks.add(task)
            task.add_done_callback(lambda done: self._finish(message_id, action, done))

    def _finish(self, message_id: str, action: str, task: asyncio.Future[Answer]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            self._refuse(message_id, Refusal(Code.INTERNAL_ERROR, "cancelled"))
            return
        error = task.exception()
        if error is not None:
            self._refuse(message_id, self._as_refusal(action, message_id, error))
            return
        answer = task.result()
        if isinstance(answer, Then):
            self._answer_then(message_id, action, answer)
        else:
            self._answer(message_id, action, answer)

    def _answer_then(self, message_id: str, action: str, answer: Then) -> None:
        self._answer(message_id, action, answer.payload)
        try:
            answer.after()
        except Exception:  # noqa: BLE001  the answer is out; what follows it harms no one else
            _log.exception("follow-up failed", station=self.identity, action=action, message_id=message_id)

    def _answer(self, message_id: str, action: str, payload: Payload) -> None:
        try:
            self._check_ours(self._responses, action, payload)
        except ValueError as error:
            _log.error("answer refused by its schema", station=self.identity, action=action, why=str(error))
            self._refuse(message_id, Refusal(Code.INTERNAL_ERROR, "no valid answer was made"))
            return
        self._reply(message_id, orjson.dumps([CALLRESULT, message_id, payload]))

    def _refuse(self, message_id: str, refusal: Refusal) -> None:
        code = codes.spell(refusal.code, self.version)
        text = refusal.description[:_DESCRIPTION_LENGTH]
        self._reply(message_id, orjson.dumps([CALLERROR, message_id, code, text, refusal.details]))

    def _reply(self, message_id: str, frame: bytes) -> None:
        if not self._gone:
            self._heard.answered(message_id, frame)
            self._put(frame)

    def _as_refusal(self, action: str, message_id: str, error: BaseException) -> Refusal:
        if isinstance(error, Refusal):
            return error
        _log.error(
            "handler failed", station=self.identity, action=action, message_id=message_id, exc_info=error
        )
        return Refusal(Code.INTERNAL_ERROR, "the call could not be processed")

    def _on_send(self, frame: list[Any], data: str | bytes) -> None:
        if len(frame) < 4 or type(frame[1]) is not str or frame[2] not in schemas.unconfirmed(self.version):
            self._ignored(frame, data, "bad-send", "no SEND of this version")
            return
        message_id, action, payload = frame[1], frame[2], frame[3]
        schema = self._requests[action]
        if schema.valid(payload):
            self._traced(data, "")
        else:
            payload, refusal = self._understand(schema, action, message_id, payload, data)
            if refusal is not None:
                return
        try:
            answer = self._handle(action, payload)
        except Refusal as error:
            self._deviates(action, message_id, "send-refused", str(error), tolerated=False)
            return
        if not isinstance(answer, dict | Then):
            task = asyncio.ensure_future(answer, loop=self._loop)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    # answers to our calls

    def _on_result(self, frame: list[Any], data: str | bytes) -> None:
        call = self._match(frame, data, shortest=3)
        if call is None:
            return
        payload = frame[2]
        schema = self._responses.get(call.action) or self._response_schema(call.action)
        if schema is None or schema.valid(payload):
            self._traced(data, "")
            refusal = None
        else:
            payload, refusal = self._understand(schema, call.action, call.message_id, payload, data)
        if refusal is None:
            if not call.future.done():
                call.future.set_result(payload)
        else:
            self._bad_result(call, refusal)
        self._calls.next()

    def _response_schema(self, action: str) -> Schema | None:
        try:
            return self._responses[action]
        except KeyError:  # a call that was sent without validation
            return None

    def _bad_result(self, call: Call, refusal: Refusal) -> None:
        spelt = codes.spell(refusal.code, self.version)
        if self.version is Version.V21:
            text = refusal.description[:_DESCRIPTION_LENGTH]
            self._put(orjson.dumps([CALLRESULTERROR, call.message_id, spelt, text, refusal.details]))
        description = f"its answer was refused: {refusal.description}"
        fail(call, CallFailed(self._who, call.action, spelt, description, refusal.details))

    def _on_error(self, frame: list[Any], data: str | bytes) -> None:
        call = self._match(frame, data, shortest=3)
        if call is None:
            return
        code, description = frame[2], frame[3] if len(frame) > 3 else ""
        details = frame[4] if len(frame) > 4 else {}
        known = codes.read(code) if isinstance(code, str) else None
        fault = "" if known is not None and len(frame) == 5 else "malformed-callerror"
        self._traced(data, fault)
        if fault:
            self._deviates(
                call.action,
                call.message_id,
                fault,
                f"{len(frame)} elements, code {code!r}"[:120],
                tolerated=True,
            )
        spelt = known.value if known is not None else str(code)
        details = details if isinstance(details, dict) else {}
        fail(call, CallFailed(self._who, call.action, spelt, str(description or ""), details))
        self._calls.next()

    def _on_result_error(self, frame: list[Any], data: str | bytes) -> None:
        message_id = frame[1] if len(frame) > 1 and isinstance(frame[1], str) else ""
        self._traced(data, "")
        _log.error("our answer was refused", station=self.identity, message_id=message_id, error=frame[2:])

    def _match(self, frame: list[Any], data: str | bytes, shortest: int) -> Call | None:
        if len(frame) < shortest or type(frame[1]) is not str:
            self._ignored(frame, data, "malformed-answer", f"{len(frame)} elements")
            return None
        message_id = frame[1]
        call = self._calls.take(message_id)
        if call is not None:
            return call
        action = self._calls.late(message_id)
        if action is None:
            self._ignored(frame, data, "unknown-id", "an answer to no call of ours")
            return None
        self._traced(data, "late-answer")
        self._deviates(action, message_id, "late-answer", "came after its time-out", tolerated=True)
        if self._on_late is not None and frame[0] == CALLRESULT and isinstance(frame[2], dict):
            self._on_late(message_id, frame[2])
        return None

    # what is wrong

    def _understand(
        self, schema: Schema, action: str, message_id: str, payload: Any, data: str | bytes
    ) -> tuple[Payload, Refusal | None]:
        if payload is None and schema.valid({}):  # 1.6J 4.2.1 allows null where nothing is to be said
            self._traced(data, "")
            return {}, None
        usable = isinstance(payload, dict) and not self.strict
        findings = repair(schema, payload) if usable else inspect(schema, payload)
        standing = [finding for finding in findings if finding.fate is Fate.STANDS]
        for finding in findings:
            detail = f"{finding.path}: {finding.detail}"
            rule = _RULES.get(finding.keyword, "schema")
            self._deviates(action, message_id, rule, detail, tolerated=not standing)
        self._traced(data, "; ".join(f"{f.path}: {f.detail}" for f in findings))
        return payload, self._refusal(standing) if standing else None

    def _refusal(self, standing: list[Finding]) -> Refusal:
        first = standing[0]
        details = {"path": first.path, "violations": len(standing)}
        return Refusal(codes.of_keyword(first.keyword, self.version), first.detail, details)

    def _bad_id(self, message_id: str, action: str, seen: Seen) -> str:
        if seen is not Seen.NEW:
            detail = "the same call again" if seen is Seen.REPEATED else "another call under a used id"
            self._deviates(action, message_id, "duplicate-id", detail, tolerated=not self.strict)
            return "duplicate-id"
        if not 0 < len(message_id) <= _ID_LENGTH:
            detail = f"{len(message_id)} characters"
            self._deviates(action, message_id, "message-id", detail, tolerated=not self.strict)
            return "message-id"
        return ""

    def _bad_call(self, frame: list[Any], data: str | bytes) -> None:
        readable = len(frame) > 1 and isinstance(frame[1], str)
        if not readable:
            self._unreadable(data, "message-id", "the id of a call cannot be read")
            return
        self._traced(data, "incomplete-call")
        self._deviates("", frame[1], "incomplete-call", f"{len(frame)} elements", tolerated=False)
        code = Code.PROTOCOL_ERROR if self.version is Version.V16 else Code.RPC_FRAMEWORK_ERROR
        self._refuse(frame[1], Refusal(code, "a call is [2, id, action, payload]"))

    def _on_unknown_type(self, frame: list[Any], data: str | bytes) -> None:
        self._ignored(frame, data, "message-type", f"type {frame[0]!r}"[:_ID_LENGTH])
        # 2.0.1 part 4 says ignore in 4.1.3 and answer in 4.4; an answer tells the peer more. 1.6 and 2.1: ignore
        if self.version is Version.V201:
            readable = len(frame) > 1 and isinstance(frame[1], str)
            refusal = Refusal(Code.MESSAGE_TYPE_NOT_SUPPORTED, "known are 2, 3 and 4")
            self._refuse(frame[1] if readable else _NO_ID, refusal)

    def _ignored(self, frame: list[Any], data: str | bytes, rule: str, detail: str) -> None:
        message_id = frame[1] if len(frame) > 1 and isinstance(frame[1], str) else ""
        self._traced(data, rule)
        self._deviates("", message_id, rule, detail, tolerated=False)

    def _unreadable(self, data: str | bytes, rule: str, detail: str) -> None:
        self._traced(data, rule)
        self._deviates("", "", rule, detail, tolerated=False)
        if self.version.two:
            self._refuse(_NO_ID, Refusal(Code.RPC_FRAMEWORK_ERROR, detail))

    def _deviates(self, action: str, message_id: str, rule: str, detail: str, *, tolerated: bool) -> None:
        if self._remark is not None:
            self._remark(
                Deviation(self._clock.now_s, self.identity, action, message_id, rule, detail, tolerated)
            )

    def _traced(self, data: str | bytes, fault: str) -> None:
        if self._trace is not None:
            text = data if isinstance(data, str) else data.decode("utf-8", "backslashreplace")
            self._trace(Record(self._clock.now_s, self.identity, self.version, False, text, fault))


_RULES = {"format": "date-time"}
"""Rules of deviations that are named by more than `schema`."""
