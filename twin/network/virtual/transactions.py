"""What happens at the EVSEs of a station, and which transactions follow: one flow for all versions.

Every hand, answer and time-out changes a `Bay` and then calls `settle`: the values of TxStartPoint that are
true may begin a transaction, the values of TxStopPoint that became false may end it (2.0.1 part 2, 2.6.6). OCPP
1.6 is the case of start at PowerPathClosed, stop at Authorized.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from twin.network.ocpp.wire.link import Payload
from twin.network.virtual import catalogue as c
from twin.network.virtual.authorise import NOBODY
from twin.network.virtual.bay import CHARGING_STATES, Bay, first, points
from twin.network.virtual.dialect import Message
from twin.network.virtual.parts.base import Grant, Token
from twin.network.virtual.sampling import BEGIN, END
from twin.network.virtual.transaction import Charging, Event, Transaction
from twin.world.stations.simulated import Sample

if TYPE_CHECKING:
    from twin.network.virtual.station import VirtualStation

_START_16, _STOP_16 = frozenset({"PowerPathClosed"}), frozenset({"Authorized"})
TABLE = "transactions"
_LOOK_AGAIN_S = 60.0
"""How often a car that takes nothing is looked at, while it may take a little more."""


class Transactions:
    """The flow of one station.

    Args:
        station: Whose.
    """

    def __init__(self, station: VirtualStation) -> None:
        self._station = station

    # what people do

    def plugged(self, bay: Bay) -> None:
        """A car was connected."""
        bay.plugged, bay.full = True, False
        _stop_timer(bay)
        self.settle(bay, "CablePluggedIn")

    def unplugged(self, bay: Bay) -> None:
        """The cable was taken out; the physics has ended what flowed."""
        bay.plugged = bay.full = bay.running = bay.finishing = False
        bay.asking = None
        if self._station.variables.flag(c.STOP_ON_UNPLUG):
            self._withdraw(bay, "EVDisconnected", None)
        self.settle(bay, "EVCommunicationLost")

    def presented(self, bay: Bay, token: Token) -> None:
        """A token was held to the reader."""
        if bay.asking is not None or not self.open_for(bay, bay.transaction):
            return
        if bay.authorised and token.same(bay.token):
            self.stop(bay, "Local", "StopAuthorized", token)
            return
        bay.asking = token
        self._station.authoriser.decide(token, lambda grant: self._decided(bay, token, grant))

    def open_for(self, bay: Bay, transaction: Transaction | None = None) -> bool:
        """Whether anybody may begin here now; what runs may always be ended."""
        return transaction is not None or (bay.operative and not bay.fault and self._station.serves)

    def _decided(self, bay: Bay, token: Token, grant: Grant) -> None:
        if bay.asking is not token:
            return  # its driver has left: a late answer must not serve the next one
        bay.asking = None
        if not grant.accepted:
            return
        master = self._station.variables.text(c.MASTER_PASS)
        if bay.authorised:
            known = bay.grant.group if bay.grant else ""
            if master and grant.group == master:
                self.stop(bay, "MasterPass", "StopAuthorized", token)
            elif grant.group and grant.group == known:
                self.stop(bay, "Local", "StopAuthorized", token)
        elif not (master and grant.group == master):
            self.allow(bay, token, grant, "Authorized")

    # who may charge

    def allow(
        self, bay: Bay, token: Token, grant: Grant, trigger: str, remote_start: int | None = None
    ) -> bool:
        """Let a token charge; it is taken back when no car comes in time. False: it is kept for another."""
        if not self.open_for(bay, bay.transaction) or bay.authorised:
            return False
        if not self._station.fittings.reservations.admits(bay.number, token, grant.group):
            return False
        bay.token, bay.grant, bay.remote_start = token, grant, remote_start
        if bay.transaction is not None:
            bay.transaction.token, bay.transaction.grant = token, grant
            bay.transaction.tariff = grant.tariff
            bay.transaction.remote_start = remote_start
        wait_s = self._station.variables.number(c.CONNECTION_TIMEOUT)
        if not bay.plugged and wait_s:
            bay.timer = self._station.clock.call_later(wait_s, lambda: self._nobody_came(bay))
        self.settle(bay, trigger)
        return True

    def _nobody_came(self, bay: Bay) -> None:
        bay.timer = None
        self.stop(bay, "Timeout", "EVConnectTimeout")

    def stop(self, bay: Bay, reason: str, trigger: str, by: Token | None = None) -> None:
        """Nobody may charge here any more; whether that ends the transaction is for TxStopPoint to say.

        Args:
            bay: Where.
            reason: stoppedReason of 2.x.
            trigger: triggerReason of 2.x.
            by: The token that stopped it.
        """
        self._withdraw(bay, reason, by)
        self.settle(bay, trigger)

    def end(self, bay: Bay, reason: str, trigger: str, own_s: float | None = None) -> None:
        """End a transaction whatever TxStopPoint says: the station goes down, or the EVSE is taken back."""
        self._withdraw(bay, reason, None)
        if bay.transaction is not None:
            bay.points = points(bay)
            self._contactor(bay)
            self._end(bay, bay.transaction, trigger, own_s)
        self.settle(bay, trigger)

    def refuse(self, bay: Bay) -> None:
        """The central system does not accept the token of a running transaction (1.6 4.8, 2.0.1 C15, E05)."""
        if self._station.variables.flag(c.STOP_ON_INVALID):
            self.stop(bay, "DeAuthorized", "Deauthorized")
        elif bay.transaction is not None:
            self._grace(bay, bay.transaction)

    def _grace(self, bay: Bay, transaction: Transaction) -> None:
        """Withhold energy once MaxEnergyOnInvalidId was taken (1.6 9.1.14), so that the car can be driven off."""
        if bay.transaction is not transaction or bay.held:
            return
        sample = self._station.sample(bay)
        taken_wh = sample.register_wh - transaction.begin.register_wh
        left_wh = self._station.variables.number(c.INVALID_ENERGY) - taken_wh
        if left_wh <= 0.0:
            bay.held = True
            self.settle(bay, "Deauthorized")
            return
        wait_s = max(left_wh / sample.power_w * 3_600.0, 1.0) if sample.power_w else _LOOK_AGAIN_S
        self._station.clock.call_later(wait_s, lambda: self._grace(bay, transaction))

    def _withdraw(self, bay: Bay, reason: str, by: Token | None) -> None:
        _stop_timer(bay)
        if bay.grant is None:
            return
        bay.token = bay.grant = bay.remote_start = None
        bay.held = False
        transaction = bay.transaction
        if transaction is None:
            self._station.limits.forsaken(bay)
        if transaction is not None and not transaction.reason:
            transaction.reason, transaction.stopped_by = reason, by

    def bury(self, name: str, row: Payload) -> None:
        """Tell the end of a transaction that the process did not live to end, as last known."""
        station = self._station
        nothing = Sample(row["register_wh"], 0.0, 0, 0.0, math.nan)
        gone = Transaction(
            name=name, evse=row["evse"], connector=1, token=None, grant=None, started_s=row["t_s"],
            begin=nothing, seq=row["seq"], reason="PowerLoss",
        )  # fmt: skip
        charging = Charging("Idle", 0)
        event = Event(row["t_s"], "AbnormalCondition", charging, True, row["register_wh"], [])
        for message in station.dialect.ended(self._stamp(event), gone, event):
            station.queue.add(message.action, message.payload, name)
        station.store.drop(TABLE, name)

    # what follows

    def settle(self, bay: Bay, trigger: str, own_s: float | None = None) -> None:
        """Work out what follows from what changed: contactor, transaction, limit, status.

        Args:
            bay: Where.
            trigger: triggerReason of 2.x for what changed; `ChargingStateChanged` is told only where it did.
            own_s: When, on the station's own clock; None: now.
        """
        station = self._station
        if not station.up:
            return
        if bay.plugged and not bay.authorised and bay.transaction is None and not bay.finishing:
            self._without_identification(bay)
        for _ in range(3):
            station.limits.refresh(bay)
            self._follow(bay, trigger, own_s)
            trigger = "ChargingStateChanged"
            if not station.limits.refresh(bay):
                break
        station.statuses.changed(bay)

    def _without_identification(self, bay: Bay) -> None:
        if not self._station.variables.flag(c.AUTH) and self.open_for(bay):
            bay.token, bay.grant = NOBODY, Grant(True, "Accepted")

    def _follow(self, bay: Bay, trigger: str, own_s: float | None) -> None:
        if bay.authorised and bay.transaction is None and not self.open_for(bay):
            self._withdraw(bay, "Other", None)
        before, bay.points = bay.points, points(bay)
        bay.spent &= bay.points
        start, stop = self._bounds()
        transaction = bay.transaction
        # Read before energy can flow: in real time some milliseconds pass until the transaction begins.
        begin_wh = self._station.sample(bay).register_wh if transaction is None else 0.0
        self._contactor(bay)
        if transaction is None:
            if self._starts(bay, start):
                self._begin(bay, begin_wh, trigger, own_s)
        elif (before - bay.points) & stop:
            self._end(bay, transaction, trigger, own_s)
        elif trigger != "ChargingStateChanged" or first(CHARGING_STATES, bay) != transaction.state:
            self.tell(bay, transaction, trigger, own_s=own_s)

    def _starts(self, bay: Bay, start: frozenset[str]) -> bool:
        """Whether a start point holds that did not belong to the transaction before; energy needs one anyway."""
        reached = start & bay.points
        return self.open_for(bay) and bool(reached if bay.running else reached - bay.spent)

    def _bounds(self) -> tuple[frozenset[str], frozenset[str]]:
        if not self._station.version.two:
            return _START_16, _STOP_16
        variables = self._station.variables
        return frozenset(variables.names(c.TX_START)), frozenset(variables.names(c.TX_STOP))

    def _contactor(self, bay: Bay) -> None:
        """Let energy flow while a car is there and somebody may charge."""
        station, wanted = self._station, bay.plugged and bay.authorised
        if wanted == bay.running:
            return
        now_s = station.clock.now_s
        bay.running = wanted
        if wanted:
            station.physics.start(now_s, bay.row, bay.token.text if bay.token else "")
        elif bay.plugged:
            reason = bay.transaction.reason if bay.transaction else "Local"
            station.physics.stop(now_s, bay.row, reason or "Local")

    # transactions

    def _begin(self, bay: Bay, begin_wh: float, trigger: str, own_s: float | None) -> None:
        station = self._station
        sample = station.sample(bay)._replace(register_wh=begin_wh)
        number = station.next_id("transaction")
        name = f"{station.settings.identity}/{station.clock.epoch_ns}/{station.settings.seed}/{number}"
        transaction = Transaction(
            name=str(uuid.uuid5(uuid.NAMESPACE_URL, name)),
            evse=bay.number,
            connector=1,
            token=bay.token,
            grant=bay.grant,
            started_s=station.now_s if own_s is None else own_s,
            begin=sample,
            remote_start=bay.remote_start,
            tariff=bay.grant.tariff if bay.grant else None,
        )
        if bay.token is not None:
            group = bay.grant.group if bay.grant else ""
            transaction.reservation = station.fittings.reservations.used(bay.number, bay.token, group)
        bay.transaction, bay.finishing, bay.held = transaction, False, False
        station.limits.began(bay)
        names = station.variables.names(c.SAMPLED_START) if station.version.two else ()
        self._collect(bay, transaction, sample, BEGIN, transaction.started_s)
        values = station.meter(bay).values(sample, names, BEGIN)
        event = self._event(bay, transaction, trigger, sample, values, transaction.started_s, BEGIN)
        if event.signed and self._carrier == "StopTransaction":
            entry = {"timestamp": self._stamp(event), "sampledValue": list(event.signed)}
            transaction.collected.append(entry)
            event = event._replace(signed=())
        self._queue(transaction, event, station.dialect.started(self._stamp(event), transaction, event))
        station.timers.began(bay)

    def _end(self, bay: Bay, transaction: Transaction, trigger: str, own_s: float | None) -> None:
        station = self._station
        station.timers.ended(bay)
        sample = station.sample(bay)
        t_s = station.now_s if own_s is None else own_s
        transaction.reason = transaction.reason or ("EVDisconnected" if not bay.plugged else "Other")
        bay.transaction, bay.finishing = None, bay.plugged
        event = self._event(bay, transaction, trigger, sample, [], t_s, END)
        if event.signed and self._carrier == "MeterValues":
            self._collect(bay, transaction, sample, END, t_s)
        else:
            self._collect(bay, transaction, sample, END, t_s, event.signed)
            event = event._replace(signed=())
        self._queue(transaction, event, station.dialect.ended(self._stamp(event), transaction, event))
        station.store.drop(TABLE, transaction.name)
        self._withdraw(bay, transaction.reason, None)
        bay.points = bay.spent = points(bay)
        self._contactor(bay)
        station.transaction_ended(bay, transaction)

    def tell(
        self,
        bay: Bay,
        transaction: Transaction,
        trigger: str,
        values: list[Payload] | None = None,
        own_s: float | None = None,
        sample: Sample | None = None,
    ) -> None:
        """Tell what changed in a transaction, with values where they were asked for, of `sample` or of now."""
        station = self._station
        sample = station.sample(bay) if sample is None else sample
        t_s = station.now_s if own_s is None else own_s
        event = self._event(bay, transaction, trigger, sample, values or [], t_s, "")
        self._queue(transaction, event, station.dialect.updated(self._stamp(event), transaction, event))

    def collect(self, bay: Bay, transaction: Transaction, names: tuple[str, ...], context: str) -> None:
        """Keep values of this instant for the end of the transaction."""
        station = self._station
        values = station.meter(bay).values(station.sample(bay), names, context)
        if values:
            transaction.collected.append({"timestamp": station.stamp(), "sampledValue": values})

    def _collect(
        self, bay: Bay, transaction: Transaction, sample: Sample, context: str, t_s: float,
        signed: Sequence[Payload] = (),
    ) -> None:  # fmt: skip
        station = self._station
        names = station.variables.names(c.SAMPLED_END)
        values = [*station.meter(bay).values(sample, names, context), *signed]
        if values:
            transaction.collected.append({"timestamp": station.stamp(t_s), "sampledValue": values})

    def _event(
        self, bay: Bay, transaction: Transaction, trigger: str, sample: Sample, values: list[Payload],
        t_s: float, context: str,
    ) -> Event:  # fmt: skip
        station = self._station
        state = first(CHARGING_STATES, bay)
        if state == "Charging":
            if transaction.charging_since_s is None:
                transaction.charging_since_s = t_s
        elif transaction.charging_since_s is not None:
            transaction.charging_s += t_s - transaction.charging_since_s
            transaction.charging_since_s = None
        phases = sample.phases if bay.plugged and bay.spec.dc_max_w is None else 0
        signed = self._signed(bay, transaction, sample, t_s, context)
        offline = not station.online
        return Event(t_s, trigger, Charging(state, phases), offline, sample.register_wh, values, signed)

    def _signed(
        self, bay: Bay, transaction: Transaction, sample: Sample, t_s: float, context: str
    ) -> list[Payload]:
        signer = self._station.fittings.signer
        if signer is None or not context:
            return []
        value = signer.sign(bay.number, transaction.name, transaction.token, t_s, sample.register_wh, context)
        return [] if value is None else [self._station.dialect.signed(value, sample.register_wh, context)]

    @property
    def _carrier(self) -> str:
        """Which messages of 1.6 carry what is signed; the events of 2.x carry it themselves."""
        return "" if self._station.version.two else self._station.variables.text(c.SIGNED_IN)

    def _stamp(self, event: Event) -> str:
        return self._station.stamp(event.t_s)

    def _queue(self, transaction: Transaction, event: Event, messages: Iterable[Message]) -> None:
        station = self._station
        for message in messages:
            station.queue.add(message.action, message.payload, transaction.name)
        row = {
            "evse": transaction.evse,
            "seq": transaction.seq,
            "register_wh": event.register_wh,
            "t_s": event.t_s,
        }
        station.store.put(TABLE, transaction.name, row)


def _stop_timer(bay: Bay) -> None:
    if bay.timer is not None:
        bay.timer.cancel()
        bay.timer = None
