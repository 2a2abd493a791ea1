"""What is known of EVSEs when it is decided what to send them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, isinf

from twin.network.ocpp.csms import lane_journal, verify
from twin.network.ocpp.csms.capabilities import Capabilities
from twin.network.ocpp.csms.desk import Desk
from twin.network.ocpp.csms.ladder import Circumstances
from twin.network.ocpp.csms.lanes import Conduct, Lane
from twin.network.ocpp.csms.limits import Grammar
from twin.network.ocpp.csms.station import BootState, Evse, Station
from twin.network.ocpp.csms.wanted import chosen
from twin.network.ocpp.profiles.model import Purpose, Unit
from twin.network.ocpp.versions import Version

ASSUMED = Capabilities()


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What control knows of an EVSE."""

    rating_w: float = inf
    phases: int = 0
    """Of its supply; 0: as the station says."""
    voltage_v: float = 230.0
    """Phase to neutral."""


class Sight:
    """The lanes of all EVSEs, and what surrounds them.

    Args:
        desk: Clock, journal, stations.
        capabilities: What is known of a station; None: it is being found out.
        conduct: How limits are insisted on.
    """

    def __init__(
        self, desk: Desk, capabilities: Callable[[str], Capabilities | None], conduct: Conduct
    ) -> None:
        self.desk, self.capabilities, self.conduct = desk, capabilities, conduct
        self.lanes: dict[tuple[str, int], Lane] = {}
        self.of: dict[str, list[Lane]] = {}
        self.declared: dict[tuple[str, int], Declared] = {}
        self.told: dict[tuple[str, int], str | None] = {}
        """Transactions whose ids their stations know."""
        self.begun_s: dict[tuple[str, int], float] = {}
        """When the running transaction was told."""
        self.ended_s: dict[tuple[str, int], float] = {}
        """When the last transaction ended."""

    def lane(self, identity: str, evse: int) -> Lane:
        """Return an EVSE's lane, there from now on."""
        lane = self.lanes.get((identity, evse))
        if lane is None:
            lane = self.lanes[identity, evse] = Lane(identity, evse)
            self.of.setdefault(identity, []).append(lane)
        return lane

    def callable(self, station: Station) -> bool:
        """Whether profiles can be sent: it is connected, accepted, and known."""
        return (
            station.online
            and station.boot is BootState.ACCEPTED
            and self.capabilities(station.identity) is not None
        )

    def untold(self, lane: Lane, station: Station) -> bool:
        """Whether a transaction begins whose id a 1.6 station does not know yet: what is wished waits for it."""
        evse = station.evses.get(lane.evse)
        transaction = None if evse is None else evse.transaction
        told = station.version.two or self.told.get((lane.identity, lane.evse)) == transaction
        if transaction is not None and not told:
            return True
        self.look(lane, station)
        return False

    def hear(self, identity: str, evse: Evse) -> None:
        """Note that a station knows the id of its transaction, or that one ended."""
        key = (identity, evse.number)
        if evse.transaction != self.told.get(key):
            when = self.ended_s if evse.transaction is None else self.begun_s
            when[key] = self.desk.clock.now_s
        self.told[key] = evse.transaction

    def look(self, lane: Lane, station: Station) -> bool:
        """Follow the EVSE's transaction; return whether it is another one."""
        known = station.evses.get(lane.evse)
        transaction = None if known is None else known.transaction
        if transaction == lane.transaction:
            return False
        began_s = self.begun_s.get((lane.identity, lane.evse), self.desk.clock.now_s)
        lane.change_transaction(transaction, self.desk.clock.now_s if transaction is None else began_s)
        self.desk.journal.append(
            lane.identity,
            lane_journal.TRANSACTION,
            {"evse": lane.evse, "id": transaction, "since_s": lane.transaction_s},
        )
        return True

    def circumstances(self, lane: Lane) -> Circumstances:
        """Return what a decision about a lane rests on."""
        station = self.desk.stations.get(lane.identity)
        known = self.capabilities(lane.identity) or ASSUMED
        declared = self.declared.get((lane.identity, lane.evse), Declared())
        evse = None if station is None else station.evses.get(lane.evse)
        seen = verify.draw({} if evse is None else evse.readings)
        policy = Station(lane.identity).policy if station is None else station.policy
        lane.phases = _used(lane, seen) or lane.phases
        switched = lane.wish.phases if known.phase_switching else 0
        grammar = Grammar(
            unit=known.unit(policy.quirks),
            phases=switched or lane.phases or declared.phases or policy.choices.phases or known.phases,
            voltage_v=declared.voltage_v,
            relative=policy.quirks.relative_profiles,
            operation_modes=station is not None and station.version is Version.V21 and known.bidirectional,
        )
        return Circumstances(
            now_s=self.desk.clock.now_s,
            capabilities=known,
            quirks=policy.quirks,
            conduct=chosen(self.conduct, policy.choices),
            grammar=grammar,
            rating_w=self.rating_w(lane.identity, lane.evse),
            token="" if evse is None else evse.token,
            too_much=_above(seen, grammar, lane.asked_w),
            shared=any(
                one is not lane and any(purpose is Purpose.STATION_MAX for purpose, _ in one.installed)
                for one in self.of.get(lane.identity, ())
            ),
            station_w=sum(one.asked_w for one in self.of.get(lane.identity, ())),
        )

    def rating_w(self, identity: str, evse: int) -> float:
        """Return the most an EVSE can draw: as declared, as the station says, or as is assumed of all."""
        declared = self.declared.get((identity, evse))
        if declared is not None and not isinf(declared.rating_w):
            return declared.rating_w
        known = self.capabilities(identity) or ASSUMED
        return known.rating_w.get(evse, self.conduct.rating_w)


def _above(seen: verify.Draw, grammar: Grammar, allows_w: float) -> bool:
    """Whether more is drawn than is wished; what was not measured is not held against the station."""
    limit_a = allows_w / (grammar.voltage_v * grammar.phases) if grammar.unit is Unit.A else None
    return verify.obeys(seen, allows_w, limit_a, grammar.voltage_v, grammar.phases) is False


def _used(lane: Lane, seen: verify.Draw) -> int:
    """Return the phases that the car of the running transaction was measured on; 0: not known."""
    return seen.phases if lane.transaction is not None and seen.t_s >= lane.transaction_s else 0
