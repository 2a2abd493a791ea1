"""A charging station in software: simulated physics behind an OCPP client, in 1.6, 2.0.1 and 2.1.

It decides nothing about the wire and nothing about the physics; it says what a real station would say of what
happens, and does what it is told. Each concern has its own file; here they are put together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from twin.domain.clock import Clock, Timer
from twin.domain.fleet import Fleet
from twin.network.clock import from_wire, to_wire
from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.endpoint import Caller
from twin.network.ocpp.wire.errors import Code, LinkLost, Refusal, WireError
from twin.network.ocpp.wire.link import Answer, Payload
from twin.network.virtual import catalogue as c
from twin.network.virtual import transactions as flow
from twin.network.virtual.answers import IDS, Answers
from twin.network.virtual.authorise import Authoriser
from twin.network.virtual.availability import Availability
from twin.network.virtual.bay import STATES_2, Bay, first
from twin.network.virtual.boot import Boot, State
from twin.network.virtual.dialect import Dialect
from twin.network.virtual.limits import Limits
from twin.network.virtual.parts.base import Fit, Fittings, Handler, StationPart, Then, no_parts
from twin.network.virtual.power import Power
from twin.network.virtual.profiles import Profiles
from twin.network.virtual.queue import TransactionQueue
from twin.network.virtual.reconnect import Reconnect
from twin.network.virtual.remote import Remote
from twin.network.virtual.resets import Resets
from twin.network.virtual.sampling import Meter
from twin.network.virtual.settings import StationSettings, core_variables
from twin.network.virtual.statuses import Statuses
from twin.network.virtual.store import Store
from twin.network.virtual.tariffs import RunningTariffs
from twin.network.virtual.timers import SampleTimers
from twin.network.virtual.transaction import Transaction
from twin.network.virtual.triggers import Triggers
from twin.network.virtual.unsupported import WHY_NOT
from twin.network.virtual.v2 import Dialect2
from twin.network.virtual.v16 import Dialect16
from twin.network.virtual.variables import Variable, Variables
from twin.world.stations.simulated import Sample, SimulatedStations

_TOLERANCE_S = 1.0
"""A clock that deviates less is not set: the wire's milliseconds would make it jump about."""
_VARIABLES, _COUNTS = "variables", "counts"
_KEYS: dict[tuple[Version, str], tuple[Version, str]] = {}
"""One object for each version and action: a thousand stations have the same."""


class VirtualStation:
    """One station. Implements `parts.base.Host`.

    Args:
        settings: Who it is.
        physics: What its EVSEs and cars do; rows as `settings.evses` say.
        fleet: The columns of that physics.
        clock: Counts all its timers. Callbacks run inside the loop of the connections.
        store: What survives a power cut.
        dial: Begins to connect; it ends in `link_up` or `link_failed`.
        fit: Makes its parts.
    """

    def __init__(
        self,
        settings: StationSettings,
        physics: SimulatedStations,
        fleet: Fleet,
        clock: Clock,
        store: Store,
        *,
        dial: Callable[[], None],
        fit: Fit = no_parts,
    ) -> None:
        self.settings, self.physics, self.clock, self.store = settings, physics, clock, store
        self.variables = Variables(dict(store.rows(_VARIABLES)), partial(store.put, _VARIABLES))
        core_variables(settings, self.variables)
        self.version = settings.versions[0]
        self.dialect: Dialect = self._dialect()
        self.bays = {e.number: Bay(e, fleet.specs[e.row]) for e in settings.evses}
        self.unsaid = 0
        """Messages of transactions that were lost because another generation of OCPP was negotiated."""
        self.power = Power(self)
        self.caller: Caller | None = None
        """The present connection."""
        self._offset_s = settings.clock_error_s
        self._lost_s: float | None = None
        self._triggered = False
        self._meters: dict[int, Meter] = {}
        self._counts = dict(store.rows(_COUNTS))
        self._waiting: list[Callable[[], None]] = []
        self.boot = Boot(self)
        self.statuses = Statuses(self)
        self.authoriser = Authoriser(self)
        self.transactions = flow.Transactions(self)
        self.timers = SampleTimers(self)
        self.reconnect = Reconnect(settings, self.variables, clock, dial)
        answers = Answers(self)
        self.queue = TransactionQueue(
            clock, store, self.call,
            attempts=partial(self.variables.integer, c.ATTEMPTS),
            interval_s=partial(self.variables.number, c.RETRY_INTERVAL),
            answered=answers.take, prepare=answers.prepare,
        )  # fmt: skip
        self.limits = Limits(self)
        self.availability = Availability(self)
        self.profiles = Profiles(self)
        self.tariffs = RunningTariffs(self)
        own: tuple[StationPart, ...] = (
            self.availability, Remote(self), Resets(self), Triggers(self), self.profiles,
        )  # fmt: skip
        self.fittings: Fittings = fit(self)
        self.parts: tuple[StationPart, ...] = (*own, *self.fittings.parts)
        self._handlers: Mapping[tuple[Version, str], Handler] = self.fittings.wrap(
            {
                _KEYS.setdefault(key, key): handler
                for part in self.parts
                for key, handler in part.handlers().items()
                if key[0] in settings.versions
            }
        )
        self.variables.watch(self._written)

    # what it is

    @property
    def online(self) -> bool:
        """Whether it is connected and its boot was accepted."""
        return self.caller is not None and self.boot.state is State.ACCEPTED

    @property
    def may_say(self) -> bool:
        """Whether it may call now: online, or asked for it while its boot is pending."""
        return self.online or (self._triggered and self.caller is not None)

    @property
    def serves(self) -> bool:
        """Whether transactions may begin (2.0.1 B01.FR.09, B02)."""
        accepted = self.boot.state is State.ACCEPTED
        return self.up and not self.power.leaving and (accepted or self.variables.flag(c.BEFORE_ACCEPTED))

    @property
    def operative(self) -> bool:
        """Whether the station as a whole is in service."""
        return self.availability.station_operative

    @property
    def now_s(self) -> float:
        """What the station's own clock shows."""
        return self.clock.now_s + self._offset_s

    def stamp(self, t_s: float | None = None, /) -> str:
        """Write an instant of the station's own clock for the wire; None: now."""
        return to_wire(self.clock.epoch_ns, self.now_s if t_s is None else t_s)

    def read_stamp(self, text: str, /) -> float:
        """Read an instant of the wire against the station's own clock; raises ValueError."""
        return from_wire(self.clock.epoch_ns, text).t_s

    def call_at(self, own_s: float, callback: Callable[[], None], /) -> Timer:
        """Call back when the station's own clock shows `own_s`."""
        return self.clock.call_at(own_s - self._offset_s, callback)

    def hear_time(self, text: str) -> None:
        """Set the own clock by currentTime, where it deviates noticeably."""
        if not self.settings.hears_time:
            return
        try:
            heard_s = self.read_stamp(text) - self.clock.now_s
        except ValueError:
            return  # the endpoint has recorded it
        if abs(heard_s - self._offset_s) >= _TOLERANCE_S:
            self._offset_s = heard_s
            self.timers.start()
            self.limits.changed()

    def next_id(self, what: str, /) -> int:
        """Count `what`, from 1; survives a power cut."""
        self._counts[what] = self._counts.get(what, 0) + 1
        self.store.put(_COUNTS, what, self._counts[what])
        return int(self._counts[what])

    def meter(self, bay: Bay) -> Meter:
        """Return the meter of an EVSE, in the present version."""
        meter = self._meters.get(bay.number)
        if meter is None:
            meter = self._meters[bay.number] = Meter(bay.spec, self.settings, self.version)
        return meter

    def sample(self, bay: Bay) -> Sample:
        """Read the meter of an EVSE now."""
        return self.physics.sample(self.clock.now_s, bay.row)

    def wire_name(self, transaction: Transaction) -> str:
        """Return a transaction's id as profiles name it; 1.6: the station's own while it was not answered."""
        if isinstance(self.dialect, Dialect16):
            number = self.dialect.ids.get(transaction.name)
            return transaction.name if number is None else str(number)
        return transaction.name

    def running(self, name: str) -> Bay | None:
        """Return where the transaction of that id on the wire runs; None: nowhere."""
        for bay in self.bays.values():
            if bay.transaction is not None and self.wire_name(bay.transaction) == name:
                return bay
        return None

    def charging(self) -> bool:
        """Whether any transaction runs."""
        return any(bay.transaction is not None for bay in self.bays.values())

    def state_of(self, evse: int, /) -> str:
        """Return the status of an EVSE in 2.x, whatever is reserved; 0: of the station."""
        if not evse:
            return "Available" if self.operative else "Unavailable"
        state = first(STATES_2, self.bays[evse])
        return "Available" if state == "Reserved" else state

    def observe(self, evse: int, variable: str, text: str) -> None:
        """Tell the device model what was found at an EVSE."""
        if self.fittings.observer is not None:
            self.fittings.observer.observe(evse, variable, text)

    def idle(self, callback: Callable[[], None], /) -> None:
        """Call back once no transaction runs; at once where none does."""
        if self.charging():
            self._waiting.append(callback)
        else:
            callback()

    def block(self, why: str, on: bool, /) -> None:
        """Take the whole station out of service for a reason, or back."""
        self.availability.block(why, on)

    def status_changed(self, evse: int = 0, /) -> None:
        """Work the status of an EVSE out anew and tell it where it changed; 0: of all."""
        for bay in self.bays.values():
            if evse in {0, bay.number}:
                bay.reserved = self.fittings.reservations.reserved(bay.number)
                self.statuses.changed(bay)
        self.statuses.station_changed()

    # calls

    def ask(self, action: str, payload: Payload, then: Then | None = None, /) -> None:
        """Send a CALL where the station may; `then` is told the outcome."""
        if self.may_say:
            self.call(action, payload, then)
        elif then is not None:
            then(LinkLost(f"{self.settings.identity}: {action} not sent, not online"))

    def call(self, action: str, payload: Payload, then: Then | None = None) -> None:
        """Send a CALL on whatever connection there is."""
        if self.caller is None:
            if then is not None:
                then(LinkLost(f"{self.settings.identity}: {action} not sent, not connected"))
            return
        if self.fittings.rewrite is not None:
            payload = self.fittings.rewrite.outgoing(action, payload)
        timeout_s = self.variables.number(c.MESSAGE_TIMEOUT)
        answer = asyncio.ensure_future(self.caller.call(action, payload, timeout_s=timeout_s))
        answer.add_done_callback(partial(_tell, then))

    def notify(self, action: str, payload: Payload, /) -> None:
        """Send a message that is not answered (SEND of 2.1); offline it is lost."""
        if self.online and self.caller is not None:
            self.caller.send(action, payload)

    def refused(self, event: str, info: str, /) -> None:
        """Report a security event (A04; security extension of 1.6)."""
        payload: Payload = {"type": event[:50], "timestamp": self.stamp()}
        if info:
            payload["techInfo"] = info[:255]
        self.ask("SecurityEventNotification", payload)

    def handle(self, action: str, payload: Payload) -> Answer | Awaitable[Answer]:
        """Answer a call of the central system; raises `Refusal`. What an `Endpoint` is given as `handle`."""
        handler = self._handlers.get((self.version, action))
        if handler is None:
            raise Refusal(Code.NOT_SUPPORTED, WHY_NOT.get(action, f"{action} is not supported"))
        if self._unbooted:
            return self._once_booted(handler, payload)
        return handler(payload)

    @property
    def _unbooted(self) -> bool:
        return self.boot.state in {State.UNKNOWN, State.REJECTED} and self.version.two

    async def _once_booted(self, handler: Handler, payload: Payload) -> Answer:
        """Look again in the next turn of the loop: a call may follow the answer to the boot in one segment."""
        await asyncio.sleep(0)
        if self._unbooted:
            raise Refusal(Code.SECURITY_ERROR, "no boot was accepted")  # 2.0.1 B03.FR.08
        answer = handler(payload)
        return await answer if isinstance(answer, Awaitable) else answer

    def trigger(self, send: Callable[[], None]) -> None:
        """Let `send` call although the boot is pending (1.6 4.2, 2.0.1 B02.FR.02)."""
        self._triggered = True
        try:
            send()
        finally:
            self._triggered = False

    def late(self, message_id: str, payload: Payload) -> None:
        """Take an answer that came after its time-out. What an `Endpoint` is given as `on_late`."""
        self.queue.late(message_id, payload)

    # the connection

    def link_up(self, caller: Caller, version: Version | None = None) -> None:
        """A connection was opened."""
        self.caller = caller
        if version is not None and version is not self.version:
            if version.two is not self.version.two:
                self.unsaid += self.queue.discard()
            self.version = version
            self.dialect = self._dialect()
            self._meters.clear()
            self.limits.version_changed()
        self.reconnect.up()
        self.boot.link_up()

    def link_down(self) -> None:
        """The connection is gone, whoever ended it."""
        if self.caller is None:
            return
        self.caller = None
        self._lost_s = self.clock.now_s
        self.queue.pause()
        self.boot.link_down()
        for part in self.parts:
            part.disconnected()
        if self.up:
            self.limits.went_offline()
            self.power.dial_again()

    def link_failed(self) -> None:
        """An attempt to connect failed."""
        self.power.dial_again()

    def accepted(self) -> None:
        """The station is online: tell what it missed to tell."""
        away_s = float("inf") if self._lost_s is None else self.clock.now_s - self._lost_s
        self.statuses.online(away_s > self.variables.number(c.OFFLINE_THRESHOLD))
        self._lost_s = self.clock.now_s
        self.limits.came_back()
        self.queue.resume()
        for part in self.parts:
            part.connected()
        for bay in self.bays.values():
            self.transactions.settle(bay, "ChargingStateChanged")

    # power

    @property
    def up(self) -> bool:
        """Whether it runs: it has power and has started."""
        return self.power.up

    def start(self, reason: str = "PowerUp") -> None:
        """Start now; `reason` is BootReason of 2.x."""
        self._lost_s = None
        self.power.start(reason)

    def reboot(self, reason: str, /, stopped: str = "Reboot") -> None:
        """End what runs for the reason `stopped`, tell it if possible, and start anew."""
        self.power.reboot(reason, stopped)

    def down(self) -> None:
        """Stop: the connection is closed, nothing is due any more."""
        self.power.down()

    def power_cut(self) -> None:
        """Mains are gone."""
        self.power.cut()

    def power_back(self) -> None:
        """Mains are back."""
        self.power.back()

    def isolate(self, cut: bool) -> None:
        """Cut the station off from the network, or let it back."""
        self.power.isolate(cut)

    # what happens to it

    def plugged(self, evse: int) -> None:
        """A car was connected."""
        bay = self.bays[evse]
        bay.phases = self.sample(bay).phases
        self.transactions.plugged(bay)

    def unplugged(self, evse: int) -> None:
        """The cable was taken out."""
        self.transactions.unplugged(self.bays[evse])

    def full(self, evse: int, on: bool) -> None:
        """The car takes no more energy, or takes it again."""
        bay = self.bays[evse]
        if bay.full != on:
            bay.full = on
            self.transactions.settle(bay, "ChargingStateChanged")

    def faulted(self, evse: int, what: str) -> None:
        """Something broke at an EVSE; empty: it is mended."""
        if self.power.cut_s is None:
            bay = self.bays[evse]
            bay.fault = what
            self.transactions.settle(bay, "AbnormalCondition" if what else "ChargingStateChanged")

    def transaction_ended(self, bay: Bay, transaction: Transaction) -> None:
        """Clean up behind a transaction."""
        self.limits.ended(bay, transaction)
        self.availability.transaction_ended(bay)
        if not self.charging():
            waiting, self._waiting = self._waiting, []
            for callback in waiting:
                callback()

    def _written(self, variable: Variable) -> None:
        if variable is c.HEARTBEAT:
            self.boot.interval_changed()
        else:
            self.timers.written(variable)

    def _dialect(self) -> Dialect:
        if self.version.two:
            return Dialect2(self.settings, self.version)
        dialect = Dialect16(self.settings)
        dialect.ids.update(dict(self.store.rows(IDS)))
        return dialect


def _tell(then: Then | None, answer: asyncio.Future[Payload]) -> None:
    """Hand an outcome on. A payload that fits no schema is a fault of ours, not of the peer."""
    if answer.cancelled():
        return
    error = answer.exception()
    if error is not None and not isinstance(error, WireError):
        raise error
    if then is not None:
        then(answer.result() if error is None else error)
