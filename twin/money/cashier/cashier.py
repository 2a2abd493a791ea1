"""The cashier: authorises, holds, watches, captures and books what sessions cost. The same code in simulation and for real.

It lives on one thread, waits for nothing, and knows the time, the provider, the books and the meters by ports only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from math import isfinite
from typing import Final

from twin.domain.books import Books, Reason
from twin.domain.clock import Clock
from twin.domain.payments import Notice, Outcome, Payments, Status
from twin.money.accounts.audit_facts import AuditedPayment, AuditedSession
from twin.money.billing.model import Bill, Measured
from twin.money.cashier.asking import Asking
from twin.money.cashier.audited import audited_payment, audited_session
from twin.money.cashier.billing import Billing
from twin.money.cashier.charging import Charging
from twin.money.cashier.collect import Collect
from twin.money.cashier.desk import Desk, LiveClock
from twin.money.cashier.keeping import Keeping
from twin.money.cashier.news import News
from twin.money.cashier.policy import Policy
from twin.money.cashier.resolver import Resolver
from twin.money.cashier.rows import Row
from twin.money.cashier.tab import Kind, Pay, Phase, Tab
from twin.money.cashier.unbilled import Unbilled, unbilled
from twin.money.cashier.wish import Decision, Metered, Pricer, Why, Wish

_NOTHING: Final[Mapping[Reason, int]] = {}


class Event(Enum):
    """What may happen to a tab."""

    __hash__ = object.__hash__

    NEWS = "more is known of a payment"
    PATIENCE = "the driver has waited long enough"
    GONE = "the driver left before energy flowed"
    STARTED = "energy flows"
    EXPIRING = "the hold will expire"
    ENDED = "energy flows no more"


class Cashier:
    """Everything that is decided about money while drivers come and go.

    Args:
        policy: What the operator decides.
        clock: Whose time is told.
        payments: The provider; the cashier subscribes to it.
        books: Where money and facts are kept.
        pricers: By name, as wishes name them. One that an open tab names must stay.
        decided: Told the answer to every wish, once; possibly before `ask` returns. After `restore`, those who were
            let in and have not begun, and those who were refused just before, are told again.
        stop: Told that the session at an EVSE must end; the end comes as `ended`.
        meter: Answers how the session at an EVSE stands now; None: not known (the station is offline).
        sink: Takes rows of tables; called within a step, in the order of simulated time.
        provider: Its name in the books.
        keep_facts: Whether what happens is noted for `restore`; False where the books survive nothing.
    """

    def __init__(
        self,
        policy: Policy,
        clock: Clock,
        payments: Payments,
        books: Books,
        pricers: Mapping[str, Pricer],
        *,
        decided: Callable[[Decision], None],
        stop: Callable[[str, Why], None],
        meter: Callable[[str], Metered | None],
        sink: Callable[[Row], None],
        provider: str = "provider",
        keep_facts: bool = True,
    ) -> None:
        self._decided, self._stop, self._meter = decided, stop, meter
        self._new_desk: Callable[[], Desk] = lambda: Desk(
            policy, LiveClock(clock), payments, provider, books, pricers, sink, keep_facts
        )
        self._build()
        payments.subscribe(self._told)

    def _told(self, news: Outcome | Notice) -> None:
        """Take in what the provider says: by whatever parts there are now."""
        self._news.told(news)

    def _build(self) -> None:
        """Make all parts anew, with an empty memory."""
        desk = self._desk = self._new_desk()
        self._resolver = Resolver(desk, self._wanted, self._changed)
        self._keeping = Keeping(desk, self._resolver)
        self._collect = Collect(desk, self._keeping.settled)
        self._accounts = self._collect.accounts
        self._asking = Asking(desk, self._resolver, self._accounts, self._decided)
        self._charging = Charging(desk, self._asking, self._meter, self._stop)
        self._billing = Billing(desk, self._collect)
        self._news = News(desk, self._resolver, self._changed, self._accounts.enrolled)
        asking, charging, go_on = self._asking, self._charging, self._collect.go_on
        self._table: Mapping[tuple[Phase, Event], Callable[[Tab], None]] = {
            (Phase.WAITING, Event.NEWS): asking.judge,
            (Phase.WAITING, Event.PATIENCE): asking.lose_patience,
            (Phase.WAITING, Event.GONE): self._leave,
            (Phase.WAITING, Event.STARTED): charging.follow,
            (Phase.READY, Event.GONE): self._leave,
            (Phase.READY, Event.STARTED): charging.follow,
            (Phase.CHARGING, Event.NEWS): charging.follow,
            (Phase.CHARGING, Event.EXPIRING): charging.renew,
            (Phase.CHARGING, Event.ENDED): go_on,
            (Phase.ENDED, Event.NEWS): go_on,
            (Phase.ENDED, Event.ENDED): go_on,
            (Phase.AWAY, Event.NEWS): go_on,
        }
        """What is done when something happens to a tab; an absent pair changes nothing: it came late, or twice."""
        asking.late = lambda tab: self._happen(tab, Event.PATIENCE, tab.phase)
        charging.expiring = lambda tab: self._happen(tab, Event.EXPIRING, tab.phase)
        desk.on_sent(self._resolver.sent)

    def restore(self) -> None:
        """Rebuild everything from the facts of the books, look up what is in doubt, and go on.

        Also the way back after a step that the books refused (`SettingsError`): nothing of it was kept. What was told
        in it is to be told again.
        """
        self._desk.clock.end()
        self._build()
        desk, memory = self._desk, self._desk.memory
        for t_s, fact in desk.read():
            memory.apply(t_s, fact)
        with desk.step():
            desk.do("restored")
            for tab in list(memory.tabs.values()):
                self._take_up(tab)
            for bill in memory.bills.values():
                if isfinite(bill.next_s):
                    self._accounts.arm(bill)
        for pay in list(memory.pays.values()):
            if pay.step is not None or pay.status in (Status.HELD, Status.ACTION):
                self._resolver.look(pay)

    def ask(self, wish: Wish) -> str:
        """Decide whether a driver may charge: at once, or when the provider has answered. `decided` is told.

        Who asks again while waiting or let in, is told again.

        Returns:
            The name of the driver's tab, unique.

        Raises:
            ValueError: No pricer has the wish's tariff, or a number in it is none.
        """
        self._desk.check()
        before = self._desk.memory.at.get(wish.evse)
        if before is not None and before.phase in (Phase.WAITING, Phase.READY):
            if before.wish.customer.driver == wish.customer.driver:
                if before.phase is Phase.READY:
                    self._asking.tell(before)
                return before.name
            self.gone(wish.evse)
        with self._desk.step():
            tab = self._asking.open(wish)
            self._asking.begin(tab)
        return tab.name

    def gone(self, evse: str) -> None:
        """The driver left before energy flowed: the hold is released. Nothing happens where nobody had asked."""
        tab = self._desk.memory.at.get(evse)
        if tab is not None:
            self._happen(tab, Event.GONE, tab.phase)

    def started(self, evse: str, session: str, wish: Wish | None = None) -> None:
        """A session began at an EVSE, on the tab that was opened there last. Again: nothing changes.

        Args:
            evse: Where.
            session: Names it, unique for ever.
            wish: Who charges, for where nobody had asked (the station let the driver in by itself).

        Raises:
            ValueError: There is no open tab at the EVSE, and no wish either.
        """
        self._desk.check()
        memory = self._desk.memory
        if session in memory.sessions:
            return
        tab = memory.at.get(evse)
        with self._desk.step():
            if tab is None or tab.phase not in (Phase.WAITING, Phase.READY):
                if wish is None:
                    raise ValueError(
                        f"{evse}: session {session} has no open tab, and no wish says who charges"
                    )
                tab = self._asking.open(wish)
            phase = tab.phase
            self._asking.begun(tab)
            self._desk.do("begun", tab.name, session)
            self._happen(tab, Event.STARTED, phase)

    def ended(
        self,
        session: str,
        measured: Measured,
        metered_wh: int,
        explained_wh: Mapping[Reason, int] = _NOTHING,
    ) -> Bill:
        """A session is over: it is priced and booked, and the money is collected. Again: it replaces what was told before.

        Args:
            session: As told to `started`.
            measured: What is priced.
            metered_wh: By the meter, from begin to end.
            explained_wh: Part of it that cannot be charged for (a meter that fell): not in `measured`.

        Returns:
            The bill.

        Raises:
            ValueError: The session is unknown or forgotten, or more is explained than was metered.
            PricingError: What was measured cannot be priced.
        """
        tab = self._session(session)
        if metered_wh < 0 or min(explained_wh.values(), default=0) < 0:
            raise ValueError(
                f"{session}: energy is negative: {metered_wh} Wh metered, {dict(explained_wh)} explained"
            )
        if sum(explained_wh.values()) > metered_wh:
            raise ValueError(f"{session}: more is explained than the {metered_wh} Wh that were metered")
        phase = tab.phase
        with self._desk.step():
            bill = self._billing.end(tab, measured, metered_wh, explained_wh)
            self._charging.ended(tab)
            self._happen(tab, Event.ENDED, phase)
        return bill

    def running_cost(self, session: str) -> Bill | None:
        """Return what a session costs so far; None while its meter cannot be read.

        Raises:
            ValueError: The session is unknown or forgotten.
        """
        tab = self._session(session)
        now = self._meter(tab.wish.evse)
        return None if now is None else self._desk.pricers[tab.wish.tariff].running(now.measured)

    def close_month(self, label: str) -> int:
        """Bill every account for what it owes and is not billed yet.

        Args:
            label: Of the month (`2025-01`), unique for ever; the same again bills nobody twice.

        Returns:
            How many bills were written.
        """
        with self._desk.step():
            return self._accounts.bill_all(label)

    def refund(self, session: str, amount_minor: int, reason: str, name: str = "") -> None:
        """Give back a part of what a driver paid, or owes, for a session: a credit note, and a refund of what was captured.

        Args:
            session: Which.
            amount_minor: > 0, at most what is billed and not given back or written off yet.
            reason: In words, for the credit note.
            name: Of this decision: the same again changes nothing. Empty: a new one.

        Raises:
            ValueError: The session is unknown, open or forgotten, or the amount is more than there is.
        """
        tab = self._session(session)
        if tab.phase is not Phase.ENDED:
            raise ValueError(f"{session}: is not billed yet, nothing can be given back")
        with self._desk.step():
            self._billing.credit(tab, amount_minor, reason, name or f"refund {len(tab.credits) + 1}")
            self._happen(tab, Event.ENDED, tab.phase)

    def refundable_minor(self, session: str, name: str = "") -> int:
        """Return the most that `refund` takes for a session; 0 where nothing, or where that decision was made already."""
        tab = self._desk.memory.sessions.get(session)
        return 0 if tab is None or name in tab.credits else tab.refundable_minor

    def unbilled(self) -> list[Unbilled]:
        """Return the sessions that are neither paid, given up nor free yet, in order of their start; for the office."""
        return unbilled(self._desk.memory)

    def audited(self) -> tuple[list[AuditedPayment], list[AuditedSession]]:
        """Return what `accounts.audit` wants to know of all that is not forgotten: payments, and sessions that are over."""
        desk = self._desk
        payments = [
            found for pay in desk.memory.pays.values() if (found := audited_payment(pay, desk.provider))
        ]
        over = [tab for tab in desk.memory.sessions.values() if tab.phase is Phase.ENDED]
        return payments, [audited_session(desk.memory, tab, desk.policy.platform_pct) for tab in over]

    def wind_up(self) -> None:
        """The run is about to end: release holds of who has not begun, capture what waits for its batch, look at everything.

        What is asked for is answered in time that has still to pass; then `close`.
        """
        memory = self._desk.memory
        for evse in [evse for evse, tab in memory.at.items() if tab.phase in (Phase.WAITING, Phase.READY)]:
            self.gone(evse)
        self._collect.hurry()
        for pay in list(memory.pays.values()):
            if pay.step is None and (pay.captured_minor or pay.status in (Status.HELD, Status.ACTION)):
                self._resolver.look(pay)

    def close(self) -> None:
        """End of the run: what is still open is explained (`Reason.OPEN`), every row is written, nothing more is heard."""
        with self._desk.step():
            self._keeping.close()
        self._desk.clock.end()
        self._desk.closed = True

    def _happen(self, tab: Tab, event: Event, phase: Phase) -> None:
        """Do what the table says."""
        action = self._table.get((phase, event))
        if action is not None:
            with self._desk.step():
                action(tab)

    def _leave(self, tab: Tab) -> None:
        self._asking.leave(tab)
        self._collect.go_on(tab)

    def _changed(self, pay: Pay) -> None:
        """More is known of a payment, or its step came to an end."""
        if pay.kind is Kind.BILL:
            self._accounts.changed(pay)
        else:
            tab = self._desk.memory.tabs[pay.owner]
            self._happen(tab, Event.NEWS, tab.phase)

    def _take_up(self, tab: Tab) -> None:
        """After a restart: wait again for what was waited for."""
        if self._told_lately(tab):
            self._desk.after(lambda: self._asking.tell(tab))
        if tab.phase is Phase.WAITING:
            self._asking.wait(tab)
        elif tab.phase is Phase.CHARGING:
            self._charging.follow(tab)
        elif isfinite(tab.settled_s):
            self._keeping.settled(tab)
        else:
            self._collect.go_on(tab)

    def _told_lately(self, tab: Tab) -> bool:
        """Whether a driver may still wait for an answer that was decided, and perhaps not told."""
        if tab.phase is Phase.AWAY and tab.grounds is not None and not tab.granted:
            return self._desk.clock.now_s - tab.asked_s - tab.latency_s <= self._desk.policy.patience_s
        return tab.phase is Phase.READY

    def _wanted(self, pay: Pay) -> bool:
        """Whether a hold that is in doubt is still needed."""
        tab = self._desk.memory.tabs.get(pay.owner)
        return tab is None or tab.phase is not Phase.AWAY

    def _session(self, session: str) -> Tab:
        self._desk.check()
        tab = self._desk.memory.sessions.get(session)
        if tab is None:
            raise ValueError(f"session {session}: unknown, or over for so long that it is forgotten")
        return tab
