"""Key figures of the summary as people call them, with money kept in its own currency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from twin.domain.money import MINOR_DIGITS
from twin.report.words import NONE, known, money, number, signed

if TYPE_CHECKING:
    from twin.report.frames import Frames


class Figure(NamedTuple):
    """A key figure of the summary: its name for people, its unit, how many digits matter, its scale."""

    key: str
    name: str
    unit: str
    digits: int = 1
    scale: float = 1.0


FIGURES = (
    Figure("violation_minutes", "Outside limits", "min", 0),
    Figure("violation_minutes_by_charging", "of this caused by charging", "min", 0),
    Figure("violations", "Violations", "", 0),
    Figure("max_trafo_loading_pct", "Transformer, highest loading", "%"),
    Figure("max_line_loading_pct", "Line, highest loading", "%"),
    Figure("min_vm_pu", "Lowest voltage", "pu", 3),
    Figure("max_vm_pu", "Highest voltage", "pu", 3),
    Figure("max_vuf_pct", "Highest voltage unbalance", "%", 2),
    Figure("unbalance_minutes", "Beyond the limit of the unbalance", "min", 0),
    Figure("max_hot_spot_c", "Transformer, hottest spot", "°C"),
    Figure("loss_of_life_h", "Transformer, life used", "h", 2),
    Figure("peak_kw", "Peak at the feeder's head, 15 min", "kW"),
    Figure("ev_peak_kw", "Peak of the chargers, 15 min", "kW"),
    Figure("sessions", "Sessions", "", 0),
    Figure("unfinished", "Cut off by the end of the run", "", 0),
    Figure("energy_requested_kwh", "Energy wanted", "kWh", 0),
    Figure("energy_delivered_kwh", "Energy delivered", "kWh", 0),
    Figure("served_share", "Served share, all sessions", "%", 1, 100.0),
    Figure("served_share_finished", "Served share without those cut off", "%", 1, 100.0),
    Figure("worst_served_share", "Worst-served driver without sessions cut off", "%", 1, 100.0),
    Figure("waiting_mean_min", "Mean wait", "min"),
    Figure("pv_curtailed_kwh", "Generation held back at high voltage", "kWh"),
    Figure("curtailed_kwh", "Held back by the guard", "kWh"),
    Figure("jain_index", "Fairness (Jain), all that plugged in", "", 3),
    Figure("revenue", "Revenue", "", 2),
    Figure("captured", "Captured", "", 2),
    Figure("leaked", "Billed and not got", "", 2),
    Figure("unpaid_kwh", "Energy not paid for", "kWh"),
    Figure("refused", "Refused", "", 0),
    Figure("stopped_at_hold", "Stopped at the hold", "", 0),
    Figure("authorisation_p95_s", "Authorisation, 95th percentile", "s"),
)

MONEY = frozenset(("revenue", "captured", "leaked"))
"""Key figures that are amounts."""


def value(summary: Mapping[str, Any], figure: Figure) -> float | None:
    """A key figure of one run in the unit it is shown in; None where it has no meaning."""
    found = summary.get(figure.key)
    return float(found) * figure.scale if isinstance(found, int | float) and known(found) else None


def one_currency(summaries: Sequence[Mapping[str, Any]]) -> str | None:
    """The currency that all runs with prices share; empty without prices, None where amounts may not be compared."""
    found = {str(summary.get("currency") or "") for summary in summaries} - {""}
    if len(found) > 1 or any(" " in currency for currency in found):
        return None
    return found.pop() if found else ""


def row(all_frames: Sequence[Frames], figure: Figure) -> tuple[str, ...] | None:
    """Name, value of the first run, then value and difference of each other; None where no run has the figure."""
    summaries = [frames.summary for frames in all_frames]
    currency = one_currency(summaries) if figure.key in MONEY else ""
    if currency is None and figure.key != "revenue":
        return None
    if currency is None:
        first, *others = (amounts(frames) for frames in all_frames)
        return (figure.name, first, *(cell for other in others for cell in (other, NONE)))
    values = [value(summary, figure) for summary in summaries]
    if all(each is None for each in values):
        return None
    cells = [number(values[0], figure.digits)]
    for each in values[1:]:
        difference = None if each is None or values[0] is None else each - values[0]
        cells += [number(each, figure.digits), signed(difference, figure.digits)]
    return titled(figure, currency), *cells


def amounts(frames: Frames) -> str:
    """The revenue of one run in each of its currencies: `12.50 EUR`, `3.00 EUR + 4.00 USD`."""
    priced = frames.sessions[frames.sessions["currency"].astype(str) != ""]
    sums = priced.groupby("currency", observed=True)["cost_minor"].sum()
    return " + ".join(money(int(minor), str(currency)) for currency, minor in sums.items()) or NONE


def amount(revenue: float, currency: str) -> str:
    """A mean or single amount with its currency: `12.50 EUR`."""
    return f"{number(revenue, MINOR_DIGITS.get(currency, 2))} {currency}"


def titled(figure: Figure, currency: str = "") -> str:
    """Name and unit of a key figure; money in its currency, where there is one."""
    unit = currency if figure.key in MONEY else figure.unit
    return f"{figure.name} ({unit})" if unit else figure.name
