"""Every metered watt-hour of a session is paid for, or has one reason why it is not; together they are the meter's."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from twin.domain.books import Reason
from twin.domain.money import split
from twin.money.cashier.tab import Phase, Tab


class Explained(NamedTuple):
    """A session's energy by what became of it; `paid_wh` and `reasons_wh` sum to what was metered."""

    paid_wh: int
    reasons_wh: dict[Reason, int]


def explain(tab: Tab, lost_minor: int) -> Explained:
    """Divide a session's energy as its bill was divided: the largest remainder gets the watt-hour that is left.

    Args:
        tab: With its session.
        lost_minor: Of its bill, what disputes took back for good.
    """
    reasons_wh = dict(tab.explained_wh)
    priced_wh = tab.metered_wh - sum(reasons_wh.values())
    shares = _shares(tab, lost_minor)
    if shares.keys() == {None}:
        return Explained(priced_wh, {reason: wh for reason, wh in reasons_wh.items() if wh})
    parts = split(priced_wh, [Decimal(minor) for minor in shares.values()])
    paid_wh = 0
    for reason, part_wh in zip(shares, parts, strict=True):
        if reason is None:
            paid_wh = part_wh
        elif part_wh:
            reasons_wh[reason] = reasons_wh.get(reason, 0) + part_wh
    return Explained(paid_wh, {reason: wh for reason, wh in reasons_wh.items() if wh})


def _shares(tab: Tab, lost_minor: int) -> dict[Reason | None, int]:
    """What became of the bill; None: paid."""
    if tab.phase is not Phase.ENDED:
        return {Reason.OPEN: 1}
    if tab.billed_minor <= 0:
        return {Reason.FREE: 1}
    shares: dict[Reason | None, int] = {reason: max(minor, 0) for reason, minor in tab.written_minor.items()}
    for reason, minor in (
        (Reason.GOODWILL, tab.credited_minor), (Reason.OPEN, max(tab.due_minor, 0)), (Reason.DISPUTE, lost_minor),
    ):  # fmt: skip
        if minor:
            shares[reason] = shares.get(reason, 0) + minor
    shares[None] = max(tab.billed_minor - sum(shares.values()), 0)
    return shares
