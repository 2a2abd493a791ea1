"""Numbers, times and lengths as a planner reads them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from twin.domain.money import MINOR_DIGITS

NONE = "–"
"""Stands where there is no value."""
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def known(value: object) -> bool:
    """Whether there is a number: not None and not NaN."""
    return value is not None and not (isinstance(value, float) and math.isnan(value))


def number(value: float | None, digits: int = 0) -> str:
    """`1234.56, 1` → `1,234.6`; no value → a dash; never a negative zero."""
    if value is None or not math.isfinite(value):
        return NONE
    text = f"{value:,.{digits}f}"
    return text[1:] if text.startswith("-") and not text.strip("-0.,") else text.replace("-", "−")


def signed(value: float | None, digits: int = 0) -> str:
    """A difference: with its sign, and `0` without one."""
    if value is None or not math.isfinite(value):
        return NONE
    text = number(value, digits)
    return f"+{text}" if text.strip("0.,") and not text.startswith("−") else text


def percent(share: float | None, digits: int = 1) -> str:
    """`0.968` → `96.8 %`."""
    return NONE if share is None or not math.isfinite(share) else f"{number(share * 100, digits)} %"


def count(n: int, one: str, many: str = "") -> str:
    """`1 session`, `2 sessions`; `many` where it is not `one` and an s."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def length(minutes: float) -> str:
    """`45` → `45 min`, `135` → `2 h 15 min`, `2940` → `2 d 1 h`."""
    if not math.isfinite(minutes):
        return NONE
    if 0 < minutes < 1:
        return "under 1 min"
    whole = round(minutes)
    days, rest = divmod(whole, 1440)
    hours, left = divmod(rest, 60)
    parts = [
        f"{days} d" if days else "",
        f"{hours} h" if hours else "",
        f"{left} min" if left and not days else "",
    ]
    return " ".join(filter(None, parts)) or "0 min"


def money(amount_minor: int, currency: str) -> str:
    """`123456, EUR` → `1,234.56 EUR`: exact, by the currency's own digits."""
    digits = MINOR_DIGITS.get(currency, 2)
    return f"{Decimal(int(amount_minor)).scaleb(-digits):,.{digits}f} {currency}".replace("-", "−")


def moment(t_s: float, epoch: datetime, zone: ZoneInfo) -> datetime:
    """The civil instant `t_s` seconds after the run's start."""
    return (epoch + timedelta(seconds=float(t_s))).astimezone(zone)


def when(instant: datetime) -> str:
    """`Tue 19 Jan 19:35`, in English on every machine."""
    return f"{day(instant)} {instant:%H:%M}"


def day(instant: datetime) -> str:
    """`Tue 19 Jan`."""
    return f"{_DAYS[instant.weekday()]} {instant.day} {_MONTHS[instant.month - 1]}"


def date(instant: datetime) -> str:
    """`18 Jan 2016`."""
    return f"{instant.day} {_MONTHS[instant.month - 1]} {instant.year}"


def span_name(duration_s: float) -> str:
    """What to call the run in a sentence: `the week`, `the day`, `the 36 hours`, `the 28 days`."""
    days = duration_s / 86_400
    if math.isclose(days, 7):
        return "the week"
    if math.isclose(days, 1):
        return "the day"
    if math.isclose(duration_s, 3600):
        return "the hour"
    if math.isclose(days, round(days)):
        return f"the {round(days)} days"
    return f"the {number(duration_s / 3600, 0 if math.isclose(duration_s % 3600, 0) else 1)} hours"


def listed(items: Sequence[str], *, most: int = 5) -> str:
    """`a, b and c`; beyond `most` the rest is counted, not dropped silently."""
    if not items:
        return NONE
    if len(items) > most:
        return f"{', '.join(items[:most])} and {len(items) - most:,} more"
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"
