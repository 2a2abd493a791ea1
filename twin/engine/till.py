"""Between the reader and the cashier: who shows a card is asked for, what is decided goes to the station."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import isnan
from typing import TYPE_CHECKING

import numpy as np

from twin.control.controller import Controller
from twin.control.sessions import Session
from twin.domain import events as e
from twin.domain.commands import Command, Stop
from twin.domain.fleet import Fleet
from twin.domain.ids import EvseId, SessionId, SiteId
from twin.domain.ports import Physics, Recorder
from twin.domain.specs import SiteSpec, VehicleSpec
from twin.engine.flow import Flow
from twin.engine.money import Money
from twin.engine.money_rows import MoneyRows
from twin.engine.stays import Stay
from twin.engine.tariffs import Counted, SiteTariff
from twin.money.billing.model import Bill
from twin.money.cashier.cashier import Cashier
from twin.money.cashier.wish import Customer, Decision, Metered, Why, Wish

if TYPE_CHECKING:
    from collections.abc import Mapping

    from twin.engine.bookkeeper import Bookkeeper

_NAMED = {
    "declined": "card declined", "blocked": "account blocked", "outage": "provider fails",
    "silence": "provider does not answer", "offline": "station offline",
}  # fmt: skip


class Till:
    """Asks the cashier for drivers, and does at the stations what it decides.

    Args:
        money: How drivers pay.
        fleet: The measured columns.
        stations: Whose meters are read.
        sites: Who runs them.
        vehicles: As visits number them.
        recorder: Where rows go.
        flow: What cars do.
        now: The time.
    """

    def __init__(
        self,
        money: Money,
        fleet: Fleet,
        stations: Physics,
        sites: Mapping[SiteId, SiteSpec],
        vehicles: Sequence[VehicleSpec],
        recorder: Recorder,
        flow: Flow,
        now: Callable[[], float],
    ) -> None:
        self.money = money
        self._fleet = fleet
        self._stations = stations
        self._sites = sites
        self._vehicles = vehicles
        self._recorder = recorder
        self._flow = flow
        self._now = now
        self._rows = MoneyRows(recorder, fleet, money)
        self._known: set[SessionId] = set()
        self._asking = False
        self._alone = False
        self._shown: dict[int, str] = {}
        """Row to the token that waits for an answer."""
        pricers = {f"{site}": tariff.pricer for site, tariff in money.tariffs.items()}
        self._cashier = Cashier(
            money.policy, money.clock, money.payments, money.books, pricers,
            decided=self._decided, stop=self._stop, meter=self._meter, sink=self._rows.take,
            provider=money.provider,
        )  # fmt: skip

    def join(self, controller: Controller, books: Bookkeeper, on_late: Callable[[float], None]) -> None:
        """Say who sends commands, who knows the visits, and who is told when a session begins after the plug-in."""
        self._controller = controller
        self._books = books
        self._on_late = on_late

    def open(self) -> None:
        """Before the run: set the dates of monthly bills."""
        for at_s, label in self.money.months:
            self.money.clock.call_at(at_s, partial(self._close_month, label))

    def _close_month(self, label: str) -> None:
        self._cashier.close_month(label)

    def tariff(self, site: SiteId) -> SiteTariff:
        """What a site charges, if only nothing."""
        return self.money.tariffs[site]

    def judge(self, event: e.TokenPresented) -> None:
        """A card is held to the reader: ask whether its driver may charge."""
        row = self._fleet.row[event.evse]
        stay = self._books.stay(row)
        if stay is None or stay.token != event.token:  # over a wire: told after the car had left
            self._answer(row, event.token, granted=False)
            return
        self._shown[row] = event.token
        self._ask(row, stay, offline=False)

    def offline(self, t_s: float, row: int, stay: Stay) -> None:
        """A card is shown to a station that cannot ask: it lets the driver charge by itself, or not."""
        if self.money.alone is None:
            return
        self._alone = False
        self._shown.pop(row, None)
        self._ask(row, stay, offline=True)
        if self._alone:
            stay.alone = True
            self.money.alone.start(t_s, row, stay.token)

    def answered(self, event: e.CommandAnswered, command: Command) -> None:
        """A command came out; what a station refused is written down."""
        if isinstance(command, Stop) and not event.accepted:
            self._event("odd", event.evse, "did not stop when it should")

    def started(self, session: Session, stay: Stay) -> None:
        """A transaction began."""
        self._known.add(session.id)
        self._shown.pop(session.row, None)
        evse = self._fleet.ids[session.row]
        if stay.alone and self._books.stay(session.row) is not stay:
            self._cashier.gone(evse)  # the next driver's tab is not this one's
        self._cashier.started(evse, session.id, stay.wish)

    def knows(self, session: Session) -> bool:
        """Whether the cashier was told of a session."""
        return session.id in self._known

    def ended(self, session: Session, counted: Counted) -> Bill:
        """A transaction is over: price, book and collect."""
        self._known.discard(session.id)
        if counted.fell:
            self._event("odd", session.id, "the register fell: nothing is charged for that part")
        return self._cashier.ended(session.id, counted.measured, counted.metered_wh)

    def gone(self, row: int) -> None:
        """A driver left before energy flowed."""
        self._shown.pop(row, None)
        self._cashier.gone(self._fleet.ids[row])

    def tick(self) -> None:
        """Hand out what was booked."""
        self._rows.flush()

    def close(self, t_s: float) -> dict[str, object]:
        """End of the run, all sessions are over: collect what can be, explain the rest, and audit it.

        Returns:
            What the audit counted, for the manifest.

        Raises:
            AuditError: Money does not add up.
        """
        money, cashier = self.money, self._cashier
        if money.last_month:
            cashier.close_month(money.last_month)
        cashier.wind_up()
        money.clock.run_out(t_s + money.settle_s)
        cashier.close()
        return self._rows.close()

    def _ask(self, row: int, stay: Stay, *, offline: bool) -> None:
        fleet, now_s = self._fleet, self._now()
        spec = fleet.specs[row]
        said_s = float(fleet.departure_s[row])
        stay.refused = ""
        stay.wish = Wish(
            evse=spec.id,
            operator=self._sites[spec.site].operator,
            customer=Customer(stay.driver.id, stay.cards[stay.card]),
            tariff=spec.site,
            max_w=float(fleet.max_w[row]),
            battery_wh=self._vehicles[stay.driver.vehicle].usable_wh,
            stay_s=None if isnan(said_s) else max(said_s - now_s, 0.0),
            offline=offline,
            authority=self.money.authority,
        )
        self._asking = True
        try:
            self._cashier.ask(stay.wish)
        finally:
            self._asking = False

    def _decided(self, decision: Decision) -> None:
        """The cashier's answer; within `_ask`, or when the provider has answered."""
        row = self._fleet.row[decision.evse]
        stay = self._books.stay(row)
        token = self._shown.pop(row, None)
        if stay is None or stay.session is not None:
            return
        if stay.wish is not None and stay.wish.offline:
            self._alone = decision.granted
            return
        if token is None:
            return
        if not decision.granted:
            why = _NAMED.get(decision.grounds.value, decision.grounds.value)
            stay.refused = f"{why}: {decision.code}" if decision.code else why
        self._answer(row, token, granted=decision.granted)
        if not decision.granted and stay.told is not None and not stay.told.triggered:
            stay.told.succeed()
        elif decision.granted and not self._asking:
            self._on_late(self._now())

    def _answer(self, row: int, token: str, *, granted: bool) -> None:
        self._here(row)
        self._controller.decide(self._fleet.ids[row], token, granted=granted)

    def _stop(self, evse: EvseId, why: Why) -> None:
        row = self._fleet.row[evse]
        session = self._controller.books[row].session
        if session is None:
            return
        self._event("stopped", session.id, why.value)
        self._here(row)
        self._controller.stop(evse)

    def _meter(self, evse: EvseId) -> Metered | None:
        row = self._fleet.row[evse]
        session = self._controller.books[row].session
        if session is None or self._fleet.offline[row]:
            return None
        now_s = self._now()
        register_wh = self._here(row)
        spec = self._fleet.specs[row]
        readings = [*session.readings, e.MeterReading(now_s, now_s, register_wh, "End")]
        counted = self.tariff(spec.site).count(readings, self._flow.turns(session), spec)
        return Metered(now_s, register_wh, counted.measured)

    def _here(self, row: int) -> float:
        """Bring a station up to now, and read its register: what is sent then happens now."""
        return float(self._stations.read_register(self._now(), np.array([row]))[0])

    def _event(self, kind: str, subject: str, detail: str) -> None:
        event = {"t_s": self._now(), "kind": kind, "subject": subject, "detail": detail, "value": None}
        self._recorder.row("events", event)
