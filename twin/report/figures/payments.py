"""Payments: what was not got and why, how long drivers wait for an answer, what is held against what is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from twin.report.style import BASE, EV, INK, MUTED, PV

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from twin.domain.ids import Vector

_PERCENTS = (50, 95, 99)


def leakage(money: Mapping[str, float], energy_kwh: Mapping[str, float], *, ax: Axes, currency: str) -> Axes:
    """Draw two bars per reason: money on the lower scale, energy on the upper one, each in the colour of its scale.

    Args:
        money: Amount by reason, in `currency`.
        energy_kwh: Energy by the same reasons.
        ax: Where to draw.
        currency: Of the amounts.
    """
    reasons = list(money)
    y = np.arange(len(reasons))[::-1]
    above = ax.twiny()
    for axes, sums, offset, colour in ((ax, money, 0.2, PV), (above, energy_kwh, -0.2, EV)):
        axes.barh(y + offset, [sums[reason] for reason in reasons], height=0.36, color=colour)
        low, high = min([0.0, *sums.values()]), max([0.0, *sums.values()])
        axes.set_xlim(low * 1.08, high * 1.08 if high > 0 else max(1.0, -low))
        axes.tick_params(axis="x", colors=colour)
        axes.grid(visible=False)
    ax.set_yticks(y, reasons)
    ax.set_ylim(min(-0.5, len(reasons) - 2.5), len(reasons) - 0.5)
    ax.set_xlabel(f"Billed and not got ({currency}), upper bars", color=PV)
    above.set_xlabel("Energy not paid for (kWh), lower bars", color=EV)
    above.spines["top"].set_visible(True)
    return ax


def latency(seconds: Vector, *, ax: Axes) -> Axes:
    """Draw for which share of the drivers the answer was there after so many seconds, with three percentiles.

    Args:
        seconds: (n,) From asking to the answer, of every wish that was answered; 0 where nobody was asked, one above 0
            at least. The curve begins at the share of zeros.
        ax: Where to draw; the time gets a logarithmic scale.
    """
    ranked = np.sort(seconds)
    asked = ranked > 0
    share = np.arange(1, len(ranked) + 1) / len(ranked) * 100
    ax.step(ranked[asked], share[asked], where="post", color=EV)
    for k, percent in enumerate(_PERCENTS):
        at_s = float(np.quantile(ranked, percent / 100))
        if at_s <= 0:
            continue
        ax.plot([at_s], [percent], marker="o", markersize=4, color=INK, zorder=4)
        ax.annotate(
            f"p{percent}: {at_s:.2g} s", (at_s, percent), xytext=(6, -11 if k else -4), textcoords="offset points",
            ha="left", va="center", fontsize=8.5, color=INK, annotation_clip=False,
        )  # fmt: skip
    ax.set_xscale("log")
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    ax.set(xlabel="Seconds until the answer", ylabel="Drivers with an answer (%)", ylim=(0, 103))
    ax.set_xlim(float(ranked[asked][0]) * 0.9, float(ranked[-1]) * 2.2)
    return ax


def held_and_spent(held: Sequence[float], spent: Sequence[float], *, ax: Axes, currency: str) -> Axes:
    """Draw one dot per hold: what was blocked on the card over what was taken; below the line it was too little.

    Args:
        held: Amounts, in `currency`.
        spent: What was captured of each.
        ax: Where to draw.
        currency: Of the amounts.
    """
    top = max([1.0, *held, *spent]) * 1.06
    ax.plot([0, top], [0, top], color=BASE, linewidth=1.0)
    ax.annotate(
        "all of it spent", (0.62 * top, 0.62 * top), xytext=(4, -4), textcoords="offset points", ha="left", va="top",
        fontsize=8.5, color=MUTED,
    )  # fmt: skip
    ax.scatter(spent, held, s=14, color=EV, alpha=0.45, linewidths=0, clip_on=False)
    ax.set(
        xlabel=f"Captured ({currency})", ylabel=f"Held on the card ({currency})", xlim=(0, top), ylim=(0, top)
    )
    return ax
