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
from twin.network.ocpp.wire import codes, frames, schemas
from twin.network.ocpp.wire.answering import Answering
from twin.network.ocpp.wire.calls import Call, Calls, fail
from twin.network.ocpp.wire.errors import CallFailed, Code, LinkLost, Refusal
from twin.network.ocpp.wire.flight import Flight
from twin.network.ocpp.wire.link import Handle, Link, Payload, Remark, Trace
from twin.network.ocpp.wire.recorder import Recorder
from twin.network.ocpp.wire.schemas import Schema, check
from twin.network.ocpp.wire.understand import understand

_log = structlog.get_logger(__name__)


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
    calls_at_once: int = 100
    """Calls of the peer that may be in our hands at the same time; one more is refused."""


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
        self.link = link
        self.identity, self.version = link.identity, link.version
        self._clock, self._limits, self._on_late, self._new_id = clock, limits, on_late, new_id
        self._loop = asyncio.get_running_loop()
        self._flight = Flight(activity, link.connection, station_side=station_side, loop=self._loop)
        self._requests, self._responses = schemas.requests(self.version), schemas.responses(self.version)
        self._recorder = Recorder(self.identity, self.version, clock, trace, remark)
        self._who = "central system" if station_side else self.identity
        self._calls = Calls(self._who, clock, self._put, limits.queued_calls)
        self._answering = Answering(
            handle,
            self.identity,
            self.version,
            self._put,
            self._recorder,
            remembered=limits.remembered_ids,
            at_once=limits.calls_at_once,
            loop=self._loop,
        )
        self.strict = strict
        self._gone = False

    @property
    def ids(self) -> frozenset[str]:
        """The last ids of the peer's calls: what `after` of its next connection wants to know."""
        return self._answering.ids

    def after(self, ids: frozenset[str]) -> None:
        """Say which ids the peer used on its last connection; in 2.0.1 one that comes again is a deviation."""
        if self.version is Version.V201:
            self._answering.earlier = ids

    @property
    def strict(self) -> bool:
        """Whether deviations are refused; may be changed, the next frame obeys it."""
        return self._answering.strict

    @strict.setter
    def strict(self, strict: bool) -> None:
        self._answering.strict = strict

    # ours

    def call(
        self, action: str, payload: Payload, *, timeout_s: float | None = None, validate: bool = True
    ) -> asyncio.Future[Payload]:
        """See `Caller.call`; the frame is sent, or queued, before this returns."""
        if validate:
            self._fits(action, payload)
        future: asyncio.Future[Payload] = self._loop.create_future()
        if self._gone:
            future.set_exception(LinkLost(f"{self._who}: {action} not sent, the connection is gone"))
            return future
        message_id = self._new_id()
        frame = frames.call(message_id, action, payload)
        timeout_s = self._limits.call_timeout_s if timeout_s is None else timeout_s
        self._calls.add(Call(message_id, action, frame, timeout_s, future))
        return future

    def send(self, action: str, payload: Payload) -> None:
        """See `Caller.send`.

        Raises:
            ValueError: The version knows no such SEND, or the payload does not fit its schema.
        """
        if action not in schemas.unconfirmed(self.version):
            raise ValueError(f"{action}: cannot be sent unconfirmed in {self.version.number}")
        self._fits(action, payload)
        self._put(frames.send(self._new_id(), action, payload))

    def close(self, code: int = 1000, reason: str = "") -> None:
        """See `Caller.close`."""
        if not self._gone:
            self._flight.closing()
            self.link.close(code, reason)

    def drop(self) -> None:
        """See `Caller.drop`."""
        if not self._gone:
            self._flight.closing()
            self.link.drop()

    def lost(self) -> None:
        """The transport is gone: every call that waits raises LinkLost. Idempotent."""
        if not self._gone:
            self._gone = True
            self._flight.lost()
            self._calls.lost()

    def _fits(self, action: str, payload: Payload) -> None:
        try:
            schema = self._requests[action]
        except KeyError:
            raise ValueError(f"{action}: no action of {self.version.number}") from None
        if not schema.valid(payload):
            raise ValueError(f"{action}: {check(schema, payload)}")

    def _put(self, frame: str) -> None:
        if self._gone:
            return
        self._recorder.left(frame)
        if self._flight.counts:
            self._flight.sent()
        self.link.send(frame)

    # theirs

    def receive(self, data: str | bytes) -> None:
        """Take a frame: answer it, match it, or record it. Never raises."""
        try:
            if not self._gone:
                self._receive(data)
        except Exception:  # noqa: BLE001  one frame must never cost the connection, whatever is wrong with us
            _log.exception("frame not handled", station=self.identity, version=self.version.number)
        finally:
            if self._flight.counts:
                self._flight.received()

    def _receive(self, data: str | bytes) -> None:
        if len(data) > self._limits.frame_bytes:
            self._unreadable(data[:200], "oversize", f"{len(data)} bytes")
            return
        try:
            frame = orjson.loads(data)
        except orjson.JSONDecodeError as error:
            self._unreadable(data, "not-json", str(error))
            return
        if type(frame) is not list or not frame:
            self._unreadable(data, "not-an-array", "a message is an array that begins with its type")
            return
        kind = frame[0]
        if kind == frames.CALL:
            self._answering.call(frame, data)
        elif kind == frames.CALLRESULT:
            self._result(frame, data)
        elif kind == frames.CALLERROR:
            self._error(frame, data)
        elif self.version is Version.V21 and kind == frames.SEND:
            self._answering.send(frame, data)
        elif self.version is Version.V21 and kind == frames.CALLRESULTERROR:
            self._result_error(frame, data)
        else:
            self._unknown_type(frame, data)

    def _result(self, frame: list[Any], data: str | bytes) -> None:
        call = self._match(frame, data)
        if call is None:
            return
        payload, refusal, fault = frame[2], None, ""
        schema = self._answer_schema(call.action)
        if schema is None:
            if not isinstance(payload, dict):
                refusal = Refusal(Code.TYPE_CONSTRAINT_VIOLATION, "a payload is an object")
        elif not schema.valid(payload):
            payload, refusal, fault = understand(
                schema,
                payload,
                version=self.version,
                strict=self.strict,
                recorder=self._recorder,
                action=call.action,
                message_id=call.message_id,
                response=True,
            )
        self._recorder.came(data, fault)
        if refusal is not None:
            self._refuse_result(call, refusal)
        elif not call.future.done():
            call.future.set_result(payload)
        self._calls.next()

    def _answer_schema(self, action: str) -> Schema | None:
        try:
            return self._responses[action]
        except KeyError:  # a call that was sent without validation
            return None

    def _refuse_result(self, call: Call, refusal: Refusal) -> None:
        """Fail the call; only 2.1 has a word for it on the wire."""
        if self.version is Version.V21:
            self._put(frames.error(call.message_id, refusal, self.version, frames.CALLRESULTERROR))
        description = f"its answer was refused: {refusal.description}"
        code = codes.spell(refusal.code, self.version)
        fail(call, CallFailed(self._who, call.action, code, description, refusal.details))

    def _error(self, frame: list[Any], data: str | bytes) -> None:
        call = self._match(frame, data)
        if call is None:
            return
        code = codes.read(frame[2]) if isinstance(frame[2], str) else None
        fault = "" if code is not None and len(frame) == 5 else "malformed-callerror"
        self._recorder.came(data, fault)
        if fault:
            detail = f"{len(frame)} elements, code {str(frame[2])[:60]}"
            self._recorder.deviates(
                fault, detail, action=call.action, message_id=call.message_id, tolerated=True
            )
        spelt = code.value if code is not None else str(frame[2])
        description = str(frame[3] or "") if len(frame) > 3 else ""
        details = frame[4] if len(frame) > 4 and isinstance(frame[4], dict) else {}
        fail(call, CallFailed(self._who, call.action, spelt, description, details))
        self._calls.next()

    def _result_error(self, frame: list[Any], data: str | bytes) -> None:
        self._recorder.came(data)
        _log.error(
            "our answer was refused", station=self.identity, message_id=frames.id_of(frame), why=frame[2:]
        )

    def _match(self, frame: list[Any], data: str | bytes) -> Call | None:
        message_id = frames.id_of(frame)
        if len(frame) < 3 or message_id is None:
            self._ignored(frame, data, "malformed-answer", f"{len(frame)} elements")
            return None
        call = self._calls.take(message_id)
        if call is not None:
            return call
        action = self._calls.late(message_id)
        if action is None:
            self._ignored(frame, data, "unknown-id", "an answer to no call of ours")
            return None
        self._recorder.came(data, "late-answer")
        self._recorder.deviates(
            "late-answer", "came after its time-out", action=action, message_id=message_id, tolerated=True
        )
        if self._on_late is not None and frame[0] == frames.CALLRESULT and isinstance(frame[2], dict):
            self._on_late(message_id, frame[2])
        return None

    # what cannot be taken

    def _unknown_type(self, frame: list[Any], data: str | bytes) -> None:
        self._ignored(frame, data, "message-type", f"type {str(frame[0])[:40]}")
        # 2.0.1 part 4 says ignore in 4.1.3 and answer in 4.4; an answer tells the peer more. 1.6 and 2.1: ignore
        if self.version is Version.V201:
            refusal = Refusal(Code.MESSAGE_TYPE_NOT_SUPPORTED, "known are 2, 3 and 4")
            self._put(frames.error(frames.id_of(frame) or frames.NO_ID, refusal, self.version))

    def _ignored(self, frame: list[Any], data: str | bytes, rule: str, detail: str) -> None:
        self._recorder.came(data, rule)
        self._recorder.deviates(rule, detail, message_id=frames.id_of(frame) or "")

    def _unreadable(self, data: str | bytes, rule: str, detail: str) -> None:
        self._recorder.came(data, rule)
        self._recorder.deviates(rule, detail)
        if self.version.two:  # 1.6 has no answer without an id
            refusal = Refusal(Code.RPC_FRAMEWORK_ERROR, detail)
            self._put(frames.error(frames.NO_ID, refusal, self.version))
