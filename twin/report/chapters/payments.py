"""What was collected, from whom, and what was not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from twin.domain.money import digits
from twin.report.figures import payments as draw
from twin.report.frames import Frames
from twin.report.model import Block, Picture, Row, Section, Table, Text, picture, table
from twin.report.words import NONE, count, listed, money, number, percent

if TYPE_CHECKING:
    import pandas as pd

LOOK = (
    "Look at what was billed and not got: each reason is a decision of the operator or a fault of somebody, and each has "
    "its own cure. Then at the wait for an answer: it is spent at the station."
)
_HOLDS = ("hold", "renewal")
_GONE = ("disputed", "lost")
"""Status of payments whose money is not with us: undecided, or for good."""


def chapter(frames: Frames) -> Section | None:
    """Payments; None where nobody was charged."""
    if "payments" not in frames.manifest:
        return None
    settled = frames.settlements
    blocks: list[Block] = []
    if settled.empty:
        blocks.append(Text(text="Nobody wanted to charge."))
    for currency in sorted(settled["currency"].astype(str).unique()):
        blocks += _in_currency(frames, currency)
    if len(settled):
        blocks += _decided(frames)
        blocks.append(by_status(frames.payments))
    told = [str(one) for one in frames.manifest.get("assumptions", ()) if "assumption" in str(one)]
    if told:
        blocks.append(Text(text=f"Assumed: {'; '.join(told)}."))
    return Section(anchor="payments", title="Payments", look=LOOK, blocks=tuple(blocks))


def _in_currency(frames: Frames, currency: str) -> list[Block]:
    """Everything that is an amount, of one currency."""
    settled, payments, lost = (
        frame[frame["currency"].astype(str) == currency]
        for frame in (frames.settlements, frames.payments, frames.leakage)
    )
    blocks: list[Block] = [
        Text(text=said(settled, payments, currency)),
        by_operator(settled, payments, currency),
        Text(
            text=unpaid(settled, lost, currency),
            tone="plain" if _unexplained_wh(settled, lost) == 0 else "bad",
        ),
    ]
    if len(lost):
        blocks += [by_reason(lost, currency)]
    pictures = _pictures(frames, lost, payments, currency)
    if pictures:
        blocks.append(Row(items=pictures))
    blocks.append(Text(text=held(payments, currency)))
    return blocks


def said(settled: pd.DataFrame, payments: pd.DataFrame, currency: str) -> str:
    """Billed, captured, fees, and what is left, in a sentence."""
    billed, captured = _billed(settled), int(settled["captured_minor"].sum())
    fees = int(payments["fee_minor"].sum())
    share = percent(captured / billed) if billed > 0 else NONE
    return (
        f"{money(billed, currency)} were billed with tax, and {money(captured, currency)} ({share}) were got. The provider kept "
        f"{money(fees, currency)}, so that {money(captured - fees - _disputed(payments), currency)} stay after fees and disputes. "
        f"{_disputes(payments, currency)}"
    )


def _billed(settled: pd.DataFrame) -> int:
    """Minor units, less what was credited."""
    return int(settled["billed_minor"].sum() - settled["credited_minor"].sum())


def _disputed(payments: pd.DataFrame) -> int:
    """What drivers' banks have taken back and did not return."""
    return int(payments.loc[payments["status"].isin(_GONE), "disputed_minor"].sum())


def _disputes(payments: pd.DataFrame, currency: str) -> str:
    disputed = payments[payments["disputed_minor"] > 0]
    if disputed.empty:
        return "No payment was disputed."
    states = listed(
        [f"{n:,} {status}" for status, n in disputed["status"].astype(str).value_counts().items()]
    )
    return f"{count(len(disputed), 'payment')} over {money(int(disputed['disputed_minor'].sum()), currency)} {'was' if len(disputed) == 1 else 'were'} disputed: {states}."


def by_operator(settled: pd.DataFrame, payments: pd.DataFrame, currency: str) -> Table:
    """Money of each operator, from what was billed to what is left."""
    rows = []
    for operator, these in settled.groupby("operator", observed=True):
        paid = payments[payments["operator"].astype(str) == str(operator)]
        captured, refunded = int(paid["captured_minor"].sum()), int(paid["refunded_minor"].sum())
        fees, disputed = int(paid["fee_minor"].sum()), _disputed(paid)
        amounts = (_billed(these), captured, refunded, disputed, fees, captured - refunded - disputed - fees)
        rows.append(
            (str(operator), f"{int(these['granted'].sum()):,}", *(money(a, currency) for a in amounts))
        )
    names = ["Granted", "Billed, with tax", "Captured", "Refunded", "Disputed", "Provider's fees", "Net"]
    return table(
        "Money by operator", [("Operator", "left"), *((name, "right") for name in names)], rows, whole="settlements/"
    )  # fmt: skip


def unpaid(settled: pd.DataFrame, lost: pd.DataFrame, currency: str) -> str:
    """How much energy was not paid for, and that every Wh of it has a reason."""
    metered_kwh, unpaid_kwh = settled["metered_wh"].sum() / 1e3, lost["energy_wh"].sum() / 1e3
    left_kwh = _unexplained_wh(settled, lost) / 1e3
    share = percent(unpaid_kwh / metered_kwh) if metered_kwh > 0 else NONE
    return (
        f"{number(unpaid_kwh, 1)} of {number(metered_kwh, 1)} kWh ({share}) were not paid for; "
        f"{money(int(lost['amount_minor'].sum()), currency)} were billed and not got. Unexplained: {number(left_kwh, 3)} kWh."
    )


def _unexplained_wh(settled: pd.DataFrame, lost: pd.DataFrame) -> int:
    """Metered less paid less what has a reason: 0, or the run would have failed its audit."""
    return int(settled["metered_wh"].sum() - settled["paid_wh"].sum() - lost["energy_wh"].sum())


def by_reason(lost: pd.DataFrame, currency: str) -> Table:
    """Sessions, money and energy by reason, the dearest first."""
    sums = _sums(lost)
    rows = [
        (reason, f"{int(row['sessions']):,}", money(int(row["amount_minor"]), currency), number(row["energy_wh"] / 1e3, 1))
        for reason, row in sums.iterrows()
    ]  # fmt: skip
    return table(
        "Not got, by reason",
        [("Reason", "left"), ("Sessions", "right"), ("Money", "right"), ("Energy (kWh)", "right")],
        [(str(reason), *rest) for reason, *rest in rows], whole="leakage/",
    )  # fmt: skip


def _sums(lost: pd.DataFrame) -> pd.DataFrame:
    """Index: reason, dearest first; `sessions`, `amount_minor`, `energy_wh`."""
    groups = lost.groupby(lost["reason"].astype(str), observed=True)
    sums = groups.agg(
        sessions=("session", "size"), amount_minor=("amount_minor", "sum"), energy_wh=("energy_wh", "sum")
    )
    return sums.sort_values(["amount_minor", "energy_wh"], ascending=False, kind="stable")


def _pictures(
    frames: Frames, lost: pd.DataFrame, payments: pd.DataFrame, currency: str
) -> tuple[Picture, ...]:
    unit = 10 ** digits(currency)
    made: list[Picture] = []
    if len(lost):
        sums = _sums(lost)
        amounts = {str(reason): float(minor) / unit for reason, minor in sums["amount_minor"].items()}
        energy = {str(reason): float(wh) / 1e3 for reason, wh in sums["energy_wh"].items()}
        made.append(picture(
            lambda ax: draw.leakage(amounts, energy, ax=ax, currency=currency), title="What was not got, and why",
            alt="Two bars per reason: money billed and not got, and energy not paid for.", stamp=frames.stamp,
        ))  # fmt: skip
    holds = payments[payments["kind"].isin(_HOLDS) & (payments["authorised_minor"] > 0)]
    if len(holds):
        held_of, spent = ((holds[name] / unit).tolist() for name in ("authorised_minor", "captured_minor"))
        made.append(picture(
            lambda ax: draw.held_and_spent(held_of, spent, ax=ax, currency=currency), title="Held on cards against spent",
            alt="One dot per hold: the amount that was blocked over the amount that was taken.", stamp=frames.stamp,
        ))  # fmt: skip
    return tuple(made)


def held(payments: pd.DataFrame, currency: str) -> str:
    """How much of what was blocked on cards was not used, and for how long."""
    holds = payments[payments["kind"].isin(_HOLDS) & (payments["authorised_minor"] > 0)]
    if holds.empty:
        return "Nothing was held on cards."
    blocked, taken = int(holds["authorised_minor"].sum()), int(holds["captured_minor"].sum())
    burden = float(holds["unused_minor_hours"].sum()) / 10 ** digits(currency)
    median_h = float(holds["held_s"].median()) / 3600
    return (
        f"{count(len(holds), 'hold')} blocked {money(blocked, currency)} on cards, of which {percent(taken / blocked)} were spent; half of "
        f"them lasted {number(median_h, 1)} h or less. The burden on drivers is {number(burden)} {currency}·h: what was blocked "
        "and not spent, times the hours."
    )


def _decided(frames: Frames) -> list[Block]:
    """How wishes were decided, and how long it took."""
    settled = frames.settlements
    waits = settled["latency_s"].dropna().to_numpy(dtype=float)
    rows = [
        (
            str(means),
            "granted" if granted else "refused",
            str(grounds),
            str(reason) or NONE,
            f"{len(these):,}",
        )
        for (means, granted, grounds, reason), these in settled.groupby(
            ["means", "granted", "grounds", "reason"], observed=True
        )
    ]
    refused = int((~settled["granted"]).sum())
    summary = f"{count(len(settled), 'wish', 'wishes')} to charge were decided, {refused:,} of them refused ({percent(refused / len(settled))})."
    decisions = table(
        "Grounds of decisions by means of payment",
        [("Means", "left"), ("Decision", "left"), ("Grounds", "left"), ("Provider's reason", "left"), ("Wishes", "right")],
        sorted(rows), most=40, whole="settlements/",
    )  # fmt: skip
    if not (waits > 0).any():
        return [Text(text=f"{summary} Nobody had to be asked."), decisions]
    p50, p95, p99 = np.quantile(waits, [0.5, 0.95, 0.99])
    text = (
        f"{summary} The answer took {number(p50, 1)} s in the median, {number(p95, 1)} s at the 95th percentile and {number(p99, 1)} s "
        f"at the 99th, over all wishes; those for which nobody had to be asked ({int((waits == 0).sum()):,}) count with 0 s."
    )
    figure = picture(
        lambda ax: draw.latency(waits, ax=ax), title="Wait for an authorisation",
        alt="Share of drivers over the seconds until the answer, on a logarithmic scale.", stamp=frames.stamp,
    )  # fmt: skip
    return [Text(text=text), Row(items=(figure, decisions))]


def by_status(payments: pd.DataFrame) -> Table:
    """How payments ended, by means and kind."""
    rows = [
        (str(means), str(kind), str(status), f"{len(these):,}")
        for (means, kind, status), these in payments.groupby(["means", "kind", "status"], observed=True)
    ]
    return table(
        "Status of payments by means",
        [("Means", "left"), ("Kind", "left"), ("Status", "left"), ("Payments", "right")],
        sorted(rows), most=40, whole="payments/",
    )  # fmt: skip
