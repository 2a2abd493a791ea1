"""The cashier's memory as a fold over its facts: what happens live and what is read after a restart is the same code.

A fact is (kind, arguments), plain JSON. Enumerations come as members or as their values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import inf, isnan
from typing import Any, Final

from twin.domain.books import Reason
from twin.domain.payments import Instrument, Means, Snapshot, Status, Word
from twin.money.cashier.tab import AccountBill, DriverAccount, Kind, Pay, Phase, Purpose, Step, Tab
from twin.money.cashier.wish import Customer, Grounds, Wish

ENDED = frozenset((Status.CAPTURED, Status.CANCELLED, Status.EXPIRED, Status.DISPUTED, Status.LOST))
"""A hold that ended."""


class Memory:
    """Everything that is not finished yet, by name.

    Args:
        whitelist_size: How many accounts stations know while they are offline.
    """

    def __init__(self, whitelist_size: int) -> None:
        self.whitelist_size = whitelist_size
        self.now_s = 0.0
        """Of the last fact."""
        self.runs = 0
        """How often it was restored: makes the names of fetches new."""
        self.tabs: dict[str, Tab] = {}
        self.at: dict[str, Tab] = {}
        """The tab that was opened last at an EVSE, while energy may still flow on it."""
        self.sessions: dict[str, Tab] = {}
        self.pays: dict[str, Pay] = {}
        self.bills: dict[str, AccountBill] = {}
        self.accounts: dict[str, DriverAccount] = {}
        self.whitelist: dict[str, None] = {}
        """Accounts in the order in which they were granted, the latest last."""
        self.asked: dict[str, int] = {}
        """How many tabs an EVSE had."""

    def apply(self, t_s: float, fact: Sequence[Any]) -> None:
        """Take in one fact."""
        self.now_s = t_s
        FOLD[fact[0]](self, *fact[1:])


def _restored(m: Memory) -> None:
    m.runs += 1


def _asked(m: Memory, name: str, wish: Sequence[Any], currency: str) -> None:
    if not isinstance(wish, Wish):
        evse, operator, (driver, (means, reference, customer)), *rest = wish
        who = Customer(driver, Instrument(Means(means), reference, customer))
        wish = Wish(evse, operator, who, *rest)
    tab = Tab(name, wish, currency, m.now_s, touched_s=m.now_s)
    m.tabs[name] = m.at[wish.evse] = tab
    m.asked[wish.evse] = m.asked.get(wish.evse, 0) + 1


def _decided(m: Memory, name: str, granted: bool, grounds: str, code: str) -> None:
    tab = m.tabs[name]
    tab.granted, tab.grounds, tab.code = granted, Grounds(grounds), code
    tab.latency_s = m.now_s - tab.asked_s
    tab.touched_s = m.now_s
    if tab.phase is Phase.WAITING:
        tab.phase = Phase.READY if granted else Phase.AWAY
    if granted and tab.wish.customer.instrument.means is Means.ACCOUNT:
        m.whitelist.pop(tab.wish.customer.driver, None)
        m.whitelist[tab.wish.customer.driver] = None
        while len(m.whitelist) > m.whitelist_size:
            del m.whitelist[next(iter(m.whitelist))]
    if not granted:
        _leave(m, tab)


def _gone(m: Memory, name: str) -> None:
    tab = m.tabs[name]
    tab.phase = Phase.AWAY
    tab.touched_s = m.now_s
    _leave(m, tab)


def _begun(m: Memory, name: str, session: str) -> None:
    tab = m.tabs[name]
    tab.phase, tab.session, tab.begun_s, tab.touched_s = Phase.CHARGING, session, m.now_s, m.now_s
    m.sessions[session] = tab
    for pay in tab.pays:
        pay.session = session


def _ended(
    m: Memory,
    session: str,
    metered_wh: int,
    explained_wh: Mapping[Any, int],
    billed_minor: int,
    tax_minor: int,
) -> None:
    tab = m.sessions[session]
    if tab.phase is not Phase.ENDED:
        tab.phase, tab.ended_s = Phase.ENDED, m.now_s
        _leave(m, tab)
    tab.metered_wh = metered_wh
    tab.explained_wh = {Reason(reason): wh for reason, wh in explained_wh.items()}
    tab.bills += 1
    tab.billed_minor, tab.tax_minor, tab.credited_minor = billed_minor, tax_minor, 0
    tab.booked_bills += tab.moves
    tab.settled_s, tab.touched_s = float("nan"), m.now_s


def _due(m: Memory, session: str) -> None:
    """The driver's account owes it from now on."""
    tab = m.sessions[session]
    m.accounts[tab.wish.customer.driver].due[tab.name] = None


def _credited(m: Memory, session: str, name: str, amount_minor: int) -> None:
    tab = m.sessions[session]
    tab.credited_minor += amount_minor
    tab.credits[name] = amount_minor
    tab.settled_s, tab.touched_s = float("nan"), m.now_s


def _written(m: Memory, session: str, reason: str, amount_minor: int) -> None:
    tab = m.sessions[session]
    why = Reason(reason)
    tab.written_minor[why] = tab.written_minor.get(why, 0) + amount_minor
    if not tab.written_minor[why]:
        del tab.written_minor[why]
    tab.write_offs += 1
    tab.touched_s = m.now_s


def _settled(m: Memory, name: str) -> None:
    tab = m.tabs[name]
    tab.settled_s = tab.touched_s = m.now_s


def _forgotten(m: Memory, name: str) -> None:
    tab = m.tabs.pop(name)
    m.sessions.pop(tab.session, None)
    _leave(m, tab)
    for pay in tab.pays:
        m.pays.pop(pay.name, None)


def _opened(
    m: Memory,
    name: str,
    kind: str,
    owner: str,
    driver: str,
    operator: str,
    currency: str,
    incremental: bool = False,
) -> None:
    """A payment is begun, on a tab or for a bill."""
    what = Kind(kind)
    if what is Kind.BILL:
        instrument, session = m.accounts[driver].instrument, ""
        pays = m.bills[owner].pays
    else:
        tab = m.tabs[owner]
        instrument, session, pays = tab.wish.customer.instrument, tab.session, tab.pays
    pay = Pay(name, what, owner, driver, instrument, operator, currency, m.now_s, incremental, session)
    m.pays[name] = pay
    pays.append(pay)


def _step(m: Memory, name: str, purpose: str, amount_minor: int, fee_minor: int) -> None:
    pay = m.pays[name]
    pay.steps += 1
    what = Purpose(purpose)
    pay.step = Step(what, pay.steps, amount_minor, fee_minor, f"{name}/{what._value_}/{pay.steps}")
    pay.step_s = m.now_s


def _learned(m: Memory, name: str, snapshot: Sequence[Any]) -> None:
    pay = m.pays[name]
    if not isinstance(snapshot, Snapshot):
        payment, reference, status, *rest = snapshot
        rest[6] = inf if rest[6] is None else rest[6]
        snapshot = Snapshot(payment, reference, Status(status), *rest)
    pay.learn(snapshot)
    if snapshot.refund_failed_minor:
        pay.barred.add(Purpose.REFUND)
    _mark(m, pay)


def _done(m: Memory, name: str) -> None:
    """The outcome of the step is known."""
    m.pays[name].step = None


def _refused(m: Memory, name: str, code: str) -> None:
    pay = m.pays[name]
    step, pay.step, pay.code = pay.step, None, code
    if step is None:
        return
    if step.purpose in (Purpose.HOLD, Purpose.CHARGE):
        pay.learn(Word.HOLD_REFUSED)
    else:
        pay.barred.add(step.purpose)
    _mark(m, pay)


def _never(m: Memory, name: str) -> None:
    """The provider never heard of it, and nobody needs it."""
    pay = m.pays[name]
    pay.step = None
    pay.learn(Word.HOLD_CANCELLED)
    _mark(m, pay)


def _disputed(m: Memory, name: str) -> None:
    m.pays[name].disputes += 1


def _mark(m: Memory, pay: Pay) -> None:
    """Keep when it was first known that the hold was granted, refused, ended."""
    status = pay.status
    tab = m.tabs.get(pay.owner)
    if tab is not None:
        tab.touched_s = m.now_s
    if status in (Status.ASKED, Status.ACTION):
        return
    if isnan(pay.answered_s):
        pay.answered_s = m.now_s
    if status is Status.REFUSED:
        return
    if isnan(pay.held_s):
        pay.held_s = m.now_s
    if status in ENDED and isnan(pay.ended_s):
        pay.ended_s = m.now_s


def _account(m: Memory, driver: str, means: str, reference: str, customer: str) -> None:
    """An account was seen for the first time, or its saved card is known now."""
    instrument = Instrument(Means(means), reference, customer)
    account = m.accounts.get(driver)
    if account is None:
        m.accounts[driver] = DriverAccount(driver, instrument)
    else:
        account.instrument = instrument


def _enrolling(m: Memory, driver: str) -> None:
    """The saving of a card: a payment of the driver's own name, as the port wants it."""
    account = m.accounts[driver]
    account.enrolling = True
    m.pays[driver] = Pay(driver, Kind.BILL, "", driver, account.instrument, "", "", m.now_s)


def _enrolled(m: Memory, driver: str) -> None:
    del m.pays[driver]


def _blocked(m: Memory, driver: str) -> None:
    m.accounts[driver].blocked = True


def _billed(m: Memory, name: str, driver: str, currency: str, amounts_minor: Mapping[str, int]) -> None:
    tabs, amounts = list(amounts_minor), list(amounts_minor.values())
    m.bills[name] = AccountBill(name, driver, currency, tabs, amounts, sum(amounts))
    for tab in tabs:
        m.accounts[driver].due.pop(tab, None)
        m.tabs[tab].bill, m.tabs[tab].touched_s = name, m.now_s


def _tried(m: Memory, name: str) -> None:
    bill = m.bills[name]
    bill.tries += 1
    bill.next_s = inf


def _later(m: Memory, name: str, t_s: float) -> None:
    m.bills[name].next_s = t_s


def _for(m: Memory, pay: str, tab: str) -> None:
    """A refund of a bill's payment is one tab's."""
    m.pays[pay].refund_for = tab


def _brought(m: Memory, tab: str, amount_minor: int) -> None:
    """What a bill's payment brought more, or less, for one of its tabs."""
    found = m.tabs[tab]
    found.by_bill_minor += amount_minor
    found.touched_s = m.now_s


def _closed(m: Memory, name: str) -> None:
    """Nothing more is tried for a bill."""
    bill = m.bills[name]
    bill.done, bill.next_s = True, inf


def _released(m: Memory, name: str) -> None:
    """A bill's tabs go on the next one."""
    bill = m.bills[name]
    for tab in map(m.tabs.__getitem__, bill.tabs):
        tab.bill = ""
        m.accounts[bill.driver].due[tab.name] = None


def _bill_forgotten(m: Memory, name: str) -> None:
    for pay in m.bills.pop(name).pays:
        m.pays.pop(pay.name, None)


def _leave(m: Memory, tab: Tab) -> None:
    if m.at.get(tab.wish.evse) is tab:
        del m.at[tab.wish.evse]


FOLD: Final[Mapping[str, Callable[..., None]]] = {
    "restored": _restored,
    "asked": _asked,
    "decided": _decided,
    "gone": _gone,
    "begun": _begun,
    "ended": _ended,
    "due": _due,
    "credited": _credited,
    "written": _written,
    "settled": _settled,
    "forgotten": _forgotten,
    "opened": _opened,
    "step": _step,
    "learned": _learned,
    "done": _done,
    "refused": _refused,
    "never": _never,
    "disputed": _disputed,
    "account": _account,
    "enrolling": _enrolling,
    "enrolled": _enrolled,
    "blocked": _blocked,
    "billed": _billed,
    "tried": _tried,
    "later": _later,
    "for": _for,
    "brought": _brought,
    "closed": _closed,
    "released": _released,
    "bill forgotten": _bill_forgotten,
}
"""Kind of a fact to what it changes."""
