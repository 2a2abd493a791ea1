"""A bill in sentences that a driver can follow and check with pencil and paper."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from itertools import accumulate, pairwise
from zoneinfo import ZoneInfo

from twin.domain.money import digits, from_minor
from twin.money.billing.civil import instant
from twin.money.billing.model import Bill, Dimension, Line, Reservation, Tariff

_MOST_DECIMALS = 6
"""Amounts that do not end before are told to so many, still adding up."""
_CONTEXT = Context(prec=60, rounding=ROUND_HALF_UP)


def explain(bill: Bill, tariff: Tariff, time_zone: str) -> list[str]:
    """Tell how a bill came about, one sentence per step of the calculation.

    Amounts are told with as many decimals as they have, at most six; amounts that never end are rounded so that the
    lines still add up to the sum that is told. The only other rounding is the last one, to the amount due.

    Args:
        bill: What is explained.
        tariff: Its tariff.
        time_zone: IANA name of the location's zone, in which times are told.
    """
    words = _Words(bill, tariff, ZoneInfo(time_zone))
    return [*words.day(), *words.lines(), *words.sums(), *words.bounded(), words.due(), *bill.warnings]


def plain(number: Decimal, least: int = 0) -> str:
    """Write a number with all its decimals and no exponent, and at least so many decimals."""
    text = f"{number:f}"
    whole, _, decimals = text.partition(".")
    decimals = decimals.rstrip("0").ljust(least, "0")
    return f"{whole}.{decimals}" if decimals else whole


def adding_up(amounts: Sequence[Decimal], decimals: int) -> list[Decimal]:
    """Round amounts so that their sum is the rounded sum: each is a difference of rounded running totals."""
    unit = Decimal(1).scaleb(-decimals)
    totals = [
        a.quantize(unit, context=_CONTEXT) for a in accumulate(amounts, _CONTEXT.add, initial=Decimal(0))
    ]
    return [after - before for before, after in pairwise(totals)]


def lasting(ms: Decimal) -> str:
    """Write a time of some milliseconds: `1 h 58 min 23 s`."""
    seconds = ms / 1000
    hours, rest = divmod(seconds, 3600)
    minutes, left = divmod(rest, 60)
    parts = [f"{int(hours)} h"] if hours else []
    parts += [f"{int(minutes)} min"] if minutes else []
    return " ".join([*parts, f"{plain(left)} s"] if left or not parts else parts)


class _Words:
    """The sentences of one bill."""

    def __init__(self, bill: Bill, tariff: Tariff, zone: ZoneInfo) -> None:
        self._bill = bill
        self._tariff = tariff
        self._zone = zone
        taxed = tariff.tax_included
        amounts = [line.incl if taxed else line.excl for line in bill.lines]
        needed = max((len(plain(a).partition(".")[2]) for a in amounts), default=0)
        self._decimals = max(bill.digits, min(needed, _MOST_DECIMALS))
        self._amounts = adding_up(amounts, self._decimals)
        self._sum = sum(self._amounts, Decimal(0))
        times = [self._civil(ms) for line in bill.lines for ms in (line.start_ms, line.end_ms)]
        self._one_day = len({at.date() for at in times}) <= 1
        self._one_offset = len({at.utcoffset() for at in times}) <= 1
        self._alike = len({line.taxes for line in bill.lines}) <= 1

    def _civil(self, at_ms: int) -> datetime:
        return instant(at_ms, self._zone)

    def _money(self, amount: Decimal) -> str:
        return f"{plain(amount, self._bill.digits)} {self._bill.currency}"

    def _time(self, at_ms: int) -> str:
        """Time of day, with the date where there are several, and the offset where the clock was changed."""
        at = self._civil(at_ms)
        text = f"{at:%H:%M:%S}" if at.second else f"{at:%H:%M}"
        if not self._one_day:
            text = f"{at.date().isoformat()} {text}"
        return text if self._one_offset else f"{text} (UTC{_offset(at)})"

    def day(self) -> list[str]:
        """Say when and in which zone."""
        if not self._bill.lines:
            return []
        day = (
            f"On {self._civil(self._bill.lines[0].start_ms).date().isoformat()}, t" if self._one_day else "T"
        )
        return [f"{day}imes in {self._zone.key}:"]

    def lines(self) -> list[str]:
        """Tell every line with its amount."""
        told = []
        for line, amount in zip(self._bill.lines, self._amounts, strict=True):
            tax = "" if self._alike else f" ({_tax_words(line)})"
            told.append(f"{self._line(line)}: {self._money(amount)}{tax}.{self._step(line)}")
        return told

    def _line(self, line: Line) -> str:
        price = self._money(line.price)
        if line.dimension is Dimension.FLAT:
            return _FEES[line.reservation]
        during = f"From {self._time(line.start_ms)} to {self._time(line.end_ms)}"
        if line.dimension is Dimension.ENERGY:
            return (
                f"{during} you took {_kwh(line.billed)} at {price} per kWh"
                if line.billed == line.volume
                else (
                    f"{during} you took {_kwh(line.volume)}, billed as {_kwh(line.billed)} at {price} per kWh"
                )
            )
        billed = "" if line.billed == line.volume else f", billed as {_hours(line.billed)}"
        doing = _DOING[line.dimension] if line.reservation is None else _RESERVED[line.reservation]
        return f"{during} {doing} for {_hours(line.volume)}{billed}, at {price} per hour"

    def _step(self, line: Line) -> str:
        """Tell the rounding that made a line longer."""
        if line.billed == line.volume:
            return ""
        component = next(
            c for c in self._tariff.elements[line.element].components if c.dimension is line.dimension
        )
        alike = [
            x
            for x in self._bill.lines
            if x.dimension is line.dimension and (x.reservation is None) == (line.reservation is None)
        ]
        taken = sum((x.volume for x in alike), Decimal(0))
        billed = sum((x.billed for x in alike), Decimal(0))
        if line.dimension is Dimension.ENERGY:
            step, totals = f"{component.step_size} Wh", f"{_kwh(taken)} to {_kwh(billed)}"
        else:
            step = lasting(Decimal(component.step_size * 1000))
            totals = f"{_hours(taken)} to {_hours(billed)}"
        return f" The total is billed in steps of {step}: from {totals}."

    def sums(self) -> list[str]:
        """Tell the sum and the taxes in it or on it."""
        bill = self._bill
        if not bill.lines:
            return []
        together = f"Together {self._money(self._sum)}"
        if not bill.taxes:
            return [f"{together}."]
        exact = sum((line.excl for line in bill.lines), Decimal(0))
        net, *amounts = adding_up([exact, *(tax.amount for tax in bill.taxes)], _MOST_DECIMALS)
        taxes = ", ".join(
            f"{tax.name} {plain(tax.pct)} % {self._money(amount)}"
            for tax, amount in zip(bill.taxes, amounts, strict=True)
        )
        if self._tariff.tax_included:
            return [f"{together}, with tax. In it: {taxes}."]
        total = self._money(sum(amounts, net))
        return [f"{together} without tax. On it: {taxes}. With tax {total}."]

    def _told(self, amount: Decimal) -> Decimal:
        return amount.quantize(Decimal(1).scaleb(-_MOST_DECIMALS), context=_CONTEXT)

    def bounded(self) -> list[str]:
        """Tell that a least or highest price was in force."""
        bill = self._bill
        if not bill.bound:
            return []
        what = "at least" if bill.bound == "min" else "at most"
        amounts = (
            f"{self._money(self._told(bill.excl))} without tax, {self._money(self._told(bill.incl))} with tax"
        )
        if bill.excl == bill.incl:
            amounts = self._money(self._told(bill.incl))
        return [f"By this tariff a session costs {what} so much: {amounts}."]

    def due(self) -> str:
        """Tell what is paid."""
        bill = self._bill
        due = from_minor(bill.amount_minor, bill.currency)
        rounded = "" if due == bill.incl else f", rounded to {digits(bill.currency)} decimals"
        return f"You pay {due:f} {bill.currency}{rounded}."


_FEES = {
    None: "Fee for the session",
    Reservation.USED: "Fee for the reservation",
    Reservation.EXPIRED: "Fee because the reservation was not used",
}
_DOING = {
    Dimension.TIME: "the car charged",
    Dimension.PARKING_TIME: "it stayed without charging",
}
_RESERVED = {
    Reservation.USED: "the place was reserved",
    Reservation.EXPIRED: "the place was reserved and not used",
}


def _kwh(volume: Decimal) -> str:
    return f"{plain(volume.quantize(Decimal('1e-6'), context=_CONTEXT))} kWh"


def _hours(volume: Decimal) -> str:
    return lasting((volume * 3_600_000).to_integral_value())


def _tax_words(line: Line) -> str:
    return ", ".join(f"{t.name} {plain(t.pct)} %" for t in line.taxes) or "no tax"


def _offset(at: datetime) -> str:
    offset = at.utcoffset() or timedelta()
    minutes = abs(offset) // timedelta(minutes=1)
    return f"{'-' if offset < timedelta() else '+'}{minutes // 60}:{minutes % 60:02}"
