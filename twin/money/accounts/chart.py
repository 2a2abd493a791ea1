"""What every event of money books: one template per event, which sums to zero by construction.

    bill            Dr driver          Cr tax, revenue of operator and platform
    hold, raised    Dr hold            Cr held                  reversed when it ends, however it ends
    capture         Dr cash            Cr driver
    provider's fee  Dr fee             Cr cash
    write-off       Dr write-off       Cr driver
    credit note     Dr revenue, tax    Cr driver
    refund          Dr driver          Cr cash
    dispute         Dr disputed        Cr cash                  won: reversed
    dispute lost    Dr write-off       Cr disputed
    payout          Dr paid out        Cr cash

A monthly bill books nothing by itself: every session of the month was billed when it ended, and the capture of the
month's payment settles their sum. Only a debt that is given up is a write-off.

Causes are unique and speak: `capture/PAYMENT`. Where a provider only tells how much it is in all (of a hold, fees,
refunds), the cause ends with that sum, `refund/PAYMENT/1500`, and the entry books what is new: news that come late,
twice or in another order book the same money. What would move nothing has no postings and must not be posted: `moves`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from functools import lru_cache, partial
from typing import Final, NamedTuple

from twin.domain.books import Account, LedgerEntry, Posting, Reason
from twin.domain.money import split

PLATFORM: Final = "platform"
"""Owner of the platform's revenue: no operator may be named so."""


@lru_cache(maxsize=64)
def _ratio(platform_pct: Decimal) -> tuple[int, int]:
    if not 0 <= platform_pct <= 100:
        raise ValueError(f"the platform cannot keep {platform_pct} %: expected 0 to 100")
    share, of = platform_pct.as_integer_ratio()
    return share, 100 * of


BOOKS_ON: Final[Mapping[str, frozenset[str]]] = {
    event: frozenset(account.value for account in accounts)
    for event, accounts in {
        "bill": (Account.DRIVER, Account.TAX, Account.REVENUE),
        "credit": (Account.DRIVER, Account.TAX, Account.REVENUE),
        "hold": (Account.HOLD, Account.HELD),
        "raise": (Account.HOLD, Account.HELD),
        "release": (Account.HOLD, Account.HELD),
        "capture": (Account.CASH, Account.DRIVER),
        "refund": (Account.CASH, Account.DRIVER),
        "refund-failed": (Account.CASH, Account.DRIVER),
        "fee": (Account.FEE, Account.CASH),
        "write-off": (Account.WRITE_OFF, Account.DRIVER),
        "dispute": (Account.DISPUTED, Account.CASH),
        "dispute-end": (Account.DISPUTED, Account.CASH, Account.WRITE_OFF),
        "dispute-fee": (Account.FEE, Account.CASH),
        "payout": (Account.PAID_OUT, Account.CASH),
    }.items()
}
"""What a cause begins with to the kinds of accounts that such an event may touch."""

WHOLE: Final = frozenset(("hold", "release", "capture"))
"""Events whose cause ends with the payment's name: they happen once. Those of others end with a sum or a number."""


class Parts(NamedTuple):
    """An amount by whose it is, minor units; they sum to it."""

    tax_minor: int
    operator_minor: int
    platform_minor: int


class Sale(NamedTuple):
    """What one bill charges, and to whom it goes."""

    session: str
    driver: str
    """Pseudonym."""
    operator: str
    authority: str
    """To whom tax is owed: a country, `DE`."""
    currency: str
    incl_minor: int
    """What the driver pays; negative: is paid."""
    tax_minor: int
    """Within `incl_minor`."""
    platform_pct: Decimal = Decimal(0)
    """The platform's share of the total without tax, 0 to 100."""

    @property
    def parts(self) -> Parts:
        """Tax, the operator's and the platform's share; the cent that cannot be divided goes to the larger remainder.

        Of two equal remainders it is the operator's: `split`, in integers, since every session of a year comes by.
        """
        excl_minor = self.incl_minor - self.tax_minor
        share, of = _ratio(self.platform_pct)
        platform_minor = -((of - 2 * abs(excl_minor) * share) // (2 * of))
        if excl_minor < 0:
            platform_minor = -platform_minor
        return Parts(self.tax_minor, excl_minor - platform_minor, platform_minor)

    def parts_of(self, amount_minor: int) -> Parts:
        """Divide a part of the bill as the whole is divided; of a bill of 0, everything is the operator's.

        Args:
            amount_minor: Of what was captured or is given back; the whole bill gives exactly `parts`.
        """
        if amount_minor == self.incl_minor:
            return self.parts
        weights = [Decimal(abs(part)) for part in self.parts]
        return Parts(*split(amount_minor, weights if any(weights) else (Decimal(0), Decimal(1), Decimal(0))))


class Payment(NamedTuple):
    """Whose payment it is, and where: what its entries have in common."""

    name: str
    """Of the payment at our side: `Operation.payment`."""
    provider: str
    driver: str
    """Pseudonym."""
    currency: str
    session: str = ""
    """Empty: of many sessions (a monthly bill)."""


def moves(entry: LedgerEntry) -> bool:
    """Return whether an entry books anything: amounts of zero are left out, and with them what would be empty."""
    return bool(entry.postings)


def bill(sale: Sale, happened_s: float, number: str = "", version: int = 1) -> LedgerEntry:
    """The driver owes the price of a session; tax and shares are owed on.

    Args:
        sale: What is charged.
        happened_s: When the session ended, since the run's epoch.
        number: Of the invoice.
        version: Of the bill: a later one takes the place of one that a credit note took back as a whole.
    """
    cause = f"bill/{sale.session}" if version == 1 else f"bill/{sale.session}/{version}"
    return _entry(cause, happened_s, sale.currency, _owed(sale, sale.parts, 1), sale.session, number)


def credit_note(
    sale: Sale, number: str, amount_minor: int, happened_s: float, why: str, credited_minor: int = 0
) -> LedgerEntry:
    """Take back a part of a bill, or all of it; every party gives back its share.

    Args:
        sale: The bill's.
        number: Of the credit note: unique.
        amount_minor: What the driver need not pay, > 0; all of them together at most the bill.
        happened_s: When, since the run's epoch.
        why: For people.
        credited_minor: Of the bill, by earlier credit notes. Shares are those of the new total less those of the
            old: after the whole bill is credited, not a cent is left anywhere.
    """
    after, before = sale.parts_of(credited_minor + amount_minor), sale.parts_of(credited_minor)
    parts = Parts(*(now - then for now, then in zip(after, before, strict=True)))
    return _entry(f"credit/{number}", happened_s, sale.currency, _owed(sale, parts, -1), sale.session, why)


def hold(payment: Payment, amount_minor: int, happened_s: float) -> LedgerEntry:
    """A provider has blocked an amount on the driver's card."""
    return _of(payment, "hold", happened_s, _held(payment, amount_minor))


def hold_raised(payment: Payment, from_minor: int, to_minor: int, happened_s: float) -> LedgerEntry:
    """A hold is higher now; `to_minor` is the new total and part of the cause."""
    return _of(payment, "raise", happened_s, _held(payment, to_minor - from_minor), str(to_minor))


def hold_ended(payment: Payment, held_minor: int, happened_s: float, how: str) -> LedgerEntry:
    """A hold was captured, cancelled or has expired: nothing is blocked any more. Once per payment.

    Args:
        payment: Whose.
        held_minor: What was blocked at the end.
        happened_s: When.
        how: `captured`, `cancelled` or `expired`.
    """
    return _of(payment, "release", happened_s, _held(payment, -held_minor), memo=how)


def capture(payment: Payment, amount_minor: int, happened_s: float) -> LedgerEntry:
    """The driver has paid: by the capture of a hold, or at once (a monthly bill)."""
    return _of(payment, "capture", happened_s, _paid(payment, amount_minor))


def refund(payment: Payment, from_minor: int, to_minor: int, happened_s: float, why: str = "") -> LedgerEntry:
    """Money went back to the driver; `to_minor` is all that ever did of this payment, and part of the cause.

    A credit note makes that we owe it; without one the driver owes the bill again.
    """
    return _of(payment, "refund", happened_s, _paid(payment, from_minor - to_minor), str(to_minor), why)


def refund_failed(payment: Payment, from_minor: int, to_minor: int, happened_s: float) -> LedgerEntry:
    """A refund that was accepted came back; `to_minor` is all that ever did of this payment, and part of the cause."""
    return _of(payment, "refund-failed", happened_s, _paid(payment, to_minor - from_minor), str(to_minor))


def provider_fee(payment: Payment, from_minor: int, to_minor: int, happened_s: float) -> LedgerEntry:
    """The provider keeps its price; `to_minor` is all that it ever kept of this payment, and part of the cause."""
    return _of(payment, "fee", happened_s, _fee(payment, to_minor - from_minor), str(to_minor))


def write_off(
    session: str,
    driver: str,
    currency: str,
    amount_minor: int,
    happened_s: float,
    reason: Reason,
    nth: int = 1,
) -> LedgerEntry:
    """Give up what a driver owes for a session, for a reason of the closed list; negative: it was paid after all.

    `nth` counts those of a session.
    """
    postings = (
        (Account.WRITE_OFF.of(reason.value), amount_minor),
        (Account.DRIVER.of(driver), -amount_minor),
    )
    cause = f"write-off/{session}/{reason.value}" + (f"/{nth}" if nth > 1 else "")
    return _entry(cause, happened_s, currency, postings, session, reason.value)


def dispute_opened(payment: Payment, amount_minor: int, happened_s: float, nth: int = 1) -> LedgerEntry:
    """The driver's bank took money back, until it is decided; `nth` counts a payment's disputes."""
    return _of(payment, "dispute", happened_s, _disputed(payment, amount_minor), str(nth))


def dispute_won(payment: Payment, amount_minor: int, happened_s: float, nth: int = 1) -> LedgerEntry:
    """It is given back to us. A dispute ends once: won and lost have one cause."""
    return _of(payment, "dispute-end", happened_s, _disputed(payment, -amount_minor), str(nth), "won")


def dispute_lost(payment: Payment, amount_minor: int, happened_s: float, nth: int = 1) -> LedgerEntry:
    """It is gone: given up, as everything that is lost, by reason."""
    postings = (
        (Account.WRITE_OFF.of(Reason.DISPUTE.value), amount_minor),
        (Account.DISPUTED.of(payment.provider), -amount_minor),
    )
    return _of(payment, "dispute-end", happened_s, postings, str(nth), "lost")


def dispute_fee(payment: Payment, amount_minor: int, happened_s: float, nth: int = 1) -> LedgerEntry:
    """What the provider charges for a dispute, apart from `Snapshot.fee_minor`."""
    return _of(payment, "dispute-fee", happened_s, _fee(payment, amount_minor), str(nth))


def payout(
    name: str, provider: str, operator: str, currency: str, amount_minor: int, happened_s: float
) -> LedgerEntry:
    """The provider has paid an operator's money to its bank; `name` is the provider's, unique."""
    postings = (
        (Account.PAID_OUT.of(operator), amount_minor),
        (Account.CASH.of(provider), -amount_minor),
    )
    return _entry(f"payout/{name}", happened_s, currency, postings)


_Amounts = Iterable[tuple[str, int]]
_POSTING: Final[Callable[[tuple[str, int]], Posting]] = partial(tuple.__new__, Posting)
"""A posting of a pair: what `Posting` does, without a call in Python."""


def _owed(sale: Sale, parts: Parts, sign: int) -> _Amounts:
    return (
        (Account.DRIVER.of(sale.driver), sign * sum(parts)),
        (Account.TAX.of(sale.authority), -sign * parts.tax_minor),
        (Account.REVENUE.of(sale.operator), -sign * parts.operator_minor),
        (Account.REVENUE.of(PLATFORM), -sign * parts.platform_minor),
    )


def _held(payment: Payment, amount_minor: int) -> _Amounts:
    return (
        (Account.HOLD.of(payment.provider), amount_minor),
        (Account.HELD.of(payment.driver), -amount_minor),
    )


def _paid(payment: Payment, amount_minor: int) -> _Amounts:
    return (
        (Account.CASH.of(payment.provider), amount_minor),
        (Account.DRIVER.of(payment.driver), -amount_minor),
    )


def _fee(payment: Payment, amount_minor: int) -> _Amounts:
    return (
        (Account.FEE.of(payment.provider), amount_minor),
        (Account.CASH.of(payment.provider), -amount_minor),
    )


def _disputed(payment: Payment, amount_minor: int) -> _Amounts:
    return (
        (Account.DISPUTED.of(payment.provider), amount_minor),
        (Account.CASH.of(payment.provider), -amount_minor),
    )


def _of(
    payment: Payment, event: str, happened_s: float, amounts: _Amounts, part: str = "", memo: str = ""
) -> LedgerEntry:
    cause = f"{event}/{payment.name}/{part}" if part else f"{event}/{payment.name}"
    return _entry(cause, happened_s, payment.currency, amounts, payment.session, memo)


def _entry(
    cause: str, happened_s: float, currency: str, amounts: _Amounts, session: str = "", memo: str = ""
) -> LedgerEntry:
    postings = tuple([_POSTING(amount) for amount in amounts if amount[1]])
    return LedgerEntry(cause, happened_s, currency, postings, session, memo)
