"""A whole central system from its parts: what `twin csms` serves and what tests talk to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from twin.domain.clock import Clock
from twin.domain.events import StationFact, TransactionStarted
from twin.domain.journal import Journal
from twin.network.api.access import Access
from twin.network.api.audit import Audit
from twin.network.api.events import EventLog
from twin.network.api.files import FileService
from twin.network.api.frames import Frames
from twin.network.api.metrics import Metrics
from twin.network.ocpp.csms.core import Core
from twin.network.ocpp.csms.csms import Csms
from twin.network.ocpp.csms.lanes import Conduct
from twin.network.ocpp.csms.operations.certificates import Certificates
from twin.network.ocpp.csms.operations.charging_needs import ChargingNeeds
from twin.network.ocpp.csms.operations.commands import Commands
from twin.network.ocpp.csms.operations.cost import Costs
from twin.network.ocpp.csms.operations.data_transfer import DataTransfer
from twin.network.ocpp.csms.operations.local_list import LocalLists
from twin.network.ocpp.csms.operations.notices import Notices
from twin.network.ocpp.csms.operations.office import Office
from twin.network.ocpp.csms.operations.reports import Reports
from twin.network.ocpp.csms.operations.reservation import Reservations
from twin.network.ocpp.csms.parts import Part
from twin.network.ocpp.csms.pricing import Prices
from twin.network.ocpp.csms.pricing_overheard import WithPrices
from twin.network.ocpp.csms.pricing_telling import EVERY_S
from twin.network.ocpp.csms.provisioning import Provisioning
from twin.network.ocpp.csms.quirk_profiles import QuirkBook
from twin.network.ocpp.csms.quirk_table import QuirkProfile
from twin.network.ocpp.csms.smart_charging import SmartCharging
from twin.network.ocpp.csms.station import Station, StationPolicy
from twin.network.ocpp.csms.summary import Compaction
from twin.network.ocpp.csms.transaction import Transaction
from twin.network.ocpp.csms.wanted import Wanted
from twin.network.ocpp.security.gate import StationGate
from twin.network.ocpp.wire.endpoint import Limits
from twin.network.ocpp.wire.link import Deviation, Record, Trace

if TYPE_CHECKING:
    from twin.network.api.ftp import FtpService  # pyftpdlib is loaded where it serves
    from twin.network.ocpp.security.authority import Authority  # and cryptography where it signs


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What an operator decides about the whole."""

    accept: Literal["known", "any"] = "known"
    """Whether stations that nobody registered may connect."""
    tokens: Literal["accept", "refuse"] = "refuse"
    """What a token that is in no table gets."""
    min_security_profile: int = 0
    """Asked of every station."""
    authority: Authority | None = None
    """Who signs what stations ask for."""
    time_zone: str = "UTC"
    """IANA name of the zone in which the hours and days of tariffs are meant."""
    cost_every_s: float = EVERY_S
    """Between two times at which stations are told what runs; 0: only when a car does something else."""
    quirks: tuple[QuirkProfile, ...] = ()
    """Flags of models, beside those that are known."""
    wanted: Wanted = Wanted()  # noqa: RUF009 -- frozen
    """What stations are set to; PUT /v1/stations/ID decides otherwise for one."""
    conduct: Conduct = Conduct()  # noqa: RUF009 -- frozen
    """How limits are insisted on; likewise."""
    limits: Limits = Limits()  # noqa: RUF009 -- frozen


class System:
    """A central system with everything that belongs to it.

    Args:
        clock: The only source of time.
        journal: What survives a restart.
        options: What the operator decided.
        sink: Told every fact, beside the event log.
        trace: Told every frame, beside the metrics and `/v1/trace`.
        files: Where stations load firmware from and bring logs to; None: nowhere.
        ftp: The same over FTP.
    """

    def __init__(
        self,
        clock: Clock,
        journal: Journal,
        options: Options,
        *,
        sink: Callable[[StationFact], None] | None = None,
        trace: Trace | None = None,
        files: FileService | None = None,
        ftp: FtpService | None = None,
    ) -> None:
        self.clock, self.journal, self.files, self.ftp = clock, journal, files, ftp
        self._sink, self._trace = sink, trace
        self.stopping = False
        """Streams of events end."""
        self.access = Access()
        self.events = EventLog(clock)
        self.frames = Frames(clock)
        self.core = Core(clock, journal, self._fact, unknown_tokens=options.tokens)
        self.office = Office(self.core.desk, self.events.tell)
        self.commands = Commands(self.office)
        self.audit = Audit(self.office)
        self.reports = Reports(clock)
        self.notices = Notices(self.office)
        self.transfer = DataTransfer(self.office)
        self.lists = LocalLists(self.office)
        self.reservations = Reservations(self.office)
        self.certificates = Certificates(self.office, options.authority)
        self.costs = Costs(self.office, self.transfer)
        self.prices = Prices(
            self.office, self.core.ledger, self.costs, options.time_zone, options.cost_every_s
        )
        self.core.transactions.of_2.cost = self.prices.total
        self.needs = ChargingNeeds(self.office)
        self.provisioning = Provisioning(
            self.office, self.reports, QuirkBook(options.quirks), options.wanted, ready=self._ready
        )
        self.charging = SmartCharging(self.office, self.provisioning.capabilities, options.conduct)
        own: tuple[Part, ...] = (
            self.office, self.audit, self.reports, self.notices, self.transfer, self.lists, self.reservations,
            self.certificates, self.costs, self.prices, self.needs, self.provisioning, self.charging,
        )  # fmt: skip
        parts = [WithPrices(self.reports.overhear(part), self.prices) for part in (*self.core.parts, *own)]
        self.csms = Csms(
            clock,
            journal,
            parts,
            self._fact,
            accept=options.accept,
            trace=self.record,
            remark=self.remark,
            limits=options.limits,
            desk=self.core.desk,
        )
        self.compaction = Compaction(self.core.ledger, journal, clock)
        self.gate = StationGate(self.csms, options.min_security_profile)
        self.metrics = Metrics(self.csms.stations.values, lambda: len(self.core.ledger.running()))

    def restore(self) -> int:
        """Take back what the journal holds; return how many facts there were."""
        facts = self.csms.restore()
        self.compaction.start()
        return facts

    def decide(self, station: Station | None, policy: StationPolicy) -> StationPolicy:
        """Return a policy with the quirks of the station's model and the operator's flags, as far as it is known."""
        if policy.by_model:
            match = self.provisioning.quirks.match({} if station is None else station.boot_info)
            policy.quirks = replace(match.quirks, **policy.flags)
        return policy

    def decided(self, station: Station) -> None:
        """Have what an operator decided about a station followed at once."""
        self.provisioning.decided(station)
        self.charging.ready(station.identity)

    def record(self, record: Record) -> None:
        """Take a frame."""
        self.metrics.record(record)
        self.frames.record(record)
        if self._trace is not None:
            self._trace(record)

    def remark(self, deviation: Deviation) -> None:
        """Take a deviation of a station, or of somebody who was not let in."""
        self.metrics.remark(deviation)
        self.events.remark(deviation)

    def transactions(self, station: str = "") -> list[Transaction]:
        """Return the transactions in memory: all open ones and the latest that ended, of one station or all."""
        stations = [station] if station else list(self.csms.stations)
        return [one for identity in stations for one in self.core.ledger.of(identity)]

    def _fact(self, fact: StationFact) -> None:
        if isinstance(fact, TransactionStarted):
            begun = self.core.ledger.find(fact.station, fact.transaction)
            if begun is not None and begun.reservation_id is not None:
                self.reservations.used(begun.reservation_id)
        self.prices.fact(fact)
        self.events.fact(fact)
        if self._sink is not None:
            self._sink(fact)

    def _ready(self, identity: str) -> None:
        self.charging.ready(identity)
