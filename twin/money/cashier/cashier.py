"""The cashier: authorises, holds, watches, captures and books what sessions cost. The same code in simulation and for real.

It lives on one thread, waits for nothing, and knows the time, the provider, the books and the meters by ports only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from twin.domain.books import Books, Reason
from twin.domain.clock import Clock
from twin.domain.payments import Authorise, Cancel, Capture, Done, Notice, Outcome, Payments, Refused
from twin.money.billing.model import Bill, Measured
from twin.money.cashier.policy import Policy
from twin.money.cashier.rows import Row
from twin.money.cashier.wish import Decision, Grounds, Metered, Pricer, Why, Wish

_NOTHING: Final[Mapping[Reason, int]] = {}


class Tab:
    """The money of one wish, from asking to the end."""

    def __init__(self, name: str, wish: Wish, asked_s: float) -> None:
        self.name = name
        self.wish = wish
        self.asked_s = asked_s
        self.session = ""
        self.held_minor = 0


class Cashier:
    """Everything that is decided about money while drivers come and go.

    Args:
        policy: What the operator decides.
        clock: Whose time is told.
        payments: The provider; the cashier subscribes to it.
        books: Where money and facts are kept.
        pricers: By name, as wishes name them. One that an open tab names must stay.
        decided: Told the answer to every wish, once; possibly before `ask` returns.
        stop: Told that the session at an EVSE must end; the end comes as `ended`.
        meter: Answers how the session at an EVSE stands now; None: not known (the station is offline).
        sink: Takes rows of tables; called within a step, in the order of simulated time.
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
    ) -> None:
        self._policy = policy
        self._clock = clock
        self._payments = payments
        self._books = books
        self._pricers = pricers
        self._decided = decided
        self._stop = stop
        self._meter = meter
        self._sink = sink
        self._at: dict[str, Tab] = {}
        self._tabs: dict[str, Tab] = {}
        self._by_session: dict[str, Tab] = {}
        payments.subscribe(self._told)

    def restore(self) -> None:
        """Rebuild everything from the facts of the books, look up what is in doubt, and go on.

        Also the way back after a step that the books refused (`SettingsError`): nothing of it was kept.
        """

    def ask(self, wish: Wish) -> str:
        """Decide whether a driver may charge: at once, or when the provider has answered. `decided` is told.

        Returns:
            The name of the driver's tab, new and unique.

        Raises:
            ValueError: No pricer has the wish's tariff.
        """
        tab = Tab(f"{wish.evse}#{len(self._tabs) + 1}", wish, self._clock.now_s)
        self._tabs[tab.name] = self._at[wish.evse] = tab
        amount_minor = self._policy.hold_minor
        currency = self._pricers[wish.tariff].tariff.currency
        self._payments.submit(
            Authorise(
                f"{tab.name}/hold/1",
                tab.name,
                amount_minor,
                currency,
                wish.customer.instrument,
                wish.operator,
            )
        )
        return tab.name

    def gone(self, evse: str) -> None:
        """The driver left before energy flowed: the hold is released. Nothing happens where nobody had asked."""
        tab = self._at.pop(evse, None)
        if tab is not None and tab.held_minor:
            self._payments.submit(Cancel(f"{tab.name}/cancel/2", tab.name))

    def started(self, evse: str, session: str, wish: Wish | None = None) -> None:
        """A session began at an EVSE, on the tab that was opened there last.

        Args:
            evse: Where.
            session: Names it, unique for ever.
            wish: Who charges, where nobody had asked (the station let the driver in by itself); needed then.

        Raises:
            ValueError: There is no open tab at the EVSE, and no wish either.
        """
        tab = self._at.get(evse)
        if tab is None:
            if wish is None:
                raise ValueError(f"{evse}: session {session} has no open tab, and no wish says who charges")
            tab = self._at[evse] = self._tabs[session] = Tab(session, wish, self._clock.now_s)
        tab.session = session
        self._by_session[session] = tab

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
            ValueError: The session is unknown, or more is explained than was metered.
        """
        tab = self._by_session[session]
        if sum(explained_wh.values()) > metered_wh:
            raise ValueError(f"{session}: more is explained than the {metered_wh} Wh that were metered")
        bill = self._pricers[tab.wish.tariff].price(measured)
        amount_minor = min(bill.amount_minor, tab.held_minor)
        self._payments.submit(Capture(f"{tab.name}/capture/2", tab.name, amount_minor, 0))
        return bill

    def running_cost(self, session: str) -> Bill | None:
        """Return what a session would cost if it ended now; None while its meter cannot be read."""
        tab = self._by_session[session]
        now = self._meter(tab.wish.evse)
        return None if now is None else self._pricers[tab.wish.tariff].price(now.measured)

    def close_month(self, label: str) -> int:
        """Bill every account for what it owes and is not billed yet.

        Args:
            label: Of the month (`2025-01`), unique for ever; the same again bills nobody twice.

        Returns:
            How many bills were written.
        """
        raise NotImplementedError

    def refund(self, session: str, amount_minor: int, reason: str) -> None:
        """Give back a part of what a driver paid, or owes, for a session: a credit note, and a refund of what was captured.

        Args:
            session: Which.
            amount_minor: > 0, at most what is billed and not given back yet.
            reason: In words, for the credit note.

        Raises:
            ValueError: The session is unknown or forgotten, or the amount is more than there is.
        """
        raise NotImplementedError

    def unbilled(self) -> list[tuple[str, str]]:
        """Return the sessions that are not paid, written off or free yet, each with what it waits for; for the office."""
        raise NotImplementedError

    def close(self) -> None:
        """End of the run: holds are released, what is still open is explained (`Reason.OPEN`), every row is written."""
        raise NotImplementedError

    def _told(self, news: Outcome | Notice) -> None:
        match news:
            case Done(payment=name, snapshot=snapshot) if name in self._tabs and snapshot is not None:
                tab = self._tabs[name]
                if not tab.held_minor:
                    tab.held_minor = snapshot.authorised_minor
                    self._decide(tab, Grounds.HELD, "")
            case Refused(payment=name, code=code) if name in self._tabs:
                self._decide(self._tabs[name], Grounds.DECLINED, code)

    def _decide(self, tab: Tab, grounds: Grounds, code: str) -> None:
        latency_s = self._clock.now_s - tab.asked_s
        granted = grounds is Grounds.HELD
        self._decided(Decision(tab.name, tab.wish.evse, granted, grounds, code, latency_s))
