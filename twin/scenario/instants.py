"""Times and time zones: an offset must be the one that the zone's clocks show at that instant."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from twin.errors import Problem
from twin.scenario.document import Document, Path
from twin.scenario.fields import YEARS
from twin.scenario.nearest import hint


def zone_of(document: Document) -> tzinfo | None:
    """Return the document's time zone, or None where it names none that exists."""
    return find_zone(document.value.get("time_zone", "UTC"))


def find_zone(name: Any) -> tzinfo | None:
    """Return the zone called `name`, or None."""
    return _zone(name) if isinstance(name, str) and name else None


@cache
def _zone(name: str) -> tzinfo | None:
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):  # KeyError: ZoneInfoNotFoundError; OSError: a folder of zones
        return None


def instant_problems(document: Document) -> Iterator[Problem]:
    """Yield what is wrong with the time zones and times of a document; ill-formed times are left out."""
    zones: tuple[Path, ...] = (("time_zone",), ("grid", "base_load", "time_zone"))
    for path in zones:
        name = document.get(path)
        if isinstance(name, str) and find_zone(name) is None:
            near = hint(name, available_timezones())
            text = f"no time zone is called `{name}`{near or '; write an IANA name such as `Europe/Berlin`'}"
            yield document.problem(path, text)
    zone = zone_of(document)
    if zone is None:
        return
    for path in _paths(document):
        text = contradiction(document.get(path), zone)
        if text:
            yield document.problem(path, text)


def _paths(document: Document) -> Iterator[Path]:
    yield ("start",)
    switching = document.get(("grid", "switching"))
    for i in range(len(switching) if isinstance(switching, list) else 0):
        yield ("grid", "switching", i, "at")
    faults = document.get(("faults",))
    for i in range(len(faults) if isinstance(faults, list) else 0):
        yield ("faults", i, "from")
        yield ("faults", i, "until")


def without_offset(civil: datetime, zone: tzinfo | None) -> str:
    """Say what is missing from a time without an offset."""
    if zone is None:
        return f"`{civil.isoformat()}` has no UTC offset; append one, such as `+01:00`, or `Z` for UTC"
    if _missing(civil, zone):
        return f"`{civil.isoformat()}` has no UTC offset; {_gap(civil, zone)}"
    either = dict.fromkeys(civil.replace(tzinfo=zone, fold=fold).isoformat() for fold in (0, 1))
    return f"`{civil.isoformat()}` has no UTC offset; write {' or '.join(f'`{t}`' for t in either)}"


def contradiction(text: Any, zone: tzinfo) -> str:
    """Say how a time contradicts the clocks of `zone`; empty where it does not, or is no time."""
    if not isinstance(text, str) or text.endswith(("Z", "z")):
        return ""  # Z names an instant, whatever the clocks show
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return ""
    if instant.tzinfo is None or instant.year not in YEARS:
        return ""
    there = instant.astimezone(zone)
    if there.utcoffset() == instant.utcoffset():
        return ""
    civil = instant.replace(tzinfo=None)
    if _missing(civil, zone):
        return f"`{text}`: {_gap(civil, zone)}; this instant is `{there.isoformat()}`"
    right = civil.replace(tzinfo=zone)
    advice = f"write `{right.isoformat()}`"
    if str(zone) == "UTC":
        advice = f"name the `time_zone`, or write `{there.isoformat()}`"
    return f"`{text}`: {zone} is not at {_offset(instant)} then but at {_offset(right)}; {advice}"


def _missing(civil: datetime, zone: tzinfo) -> bool:
    """Whether the clocks of `zone` skip a civil time."""
    back = civil.replace(tzinfo=zone).astimezone(UTC).astimezone(zone)
    return back.replace(tzinfo=None) != civil


def _gap(civil: datetime, zone: tzinfo) -> str:
    """Name the hour that is skipped."""
    first = civil.replace(tzinfo=zone, fold=1).utcoffset() or timedelta()
    second = civil.replace(tzinfo=zone, fold=0).utcoffset() or timedelta()
    # Inside a gap fold=0 has the offset from before it, fold=1 the one from after it.
    utc = (civil - second).replace(tzinfo=UTC)
    low, high = utc - timedelta(hours=3), utc + timedelta(hours=3)
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        low, high = (middle, high) if middle.astimezone(zone).utcoffset() == second else (low, middle)
    switch = high.replace(microsecond=0)
    before = (switch + second).strftime("%H:%M")
    after = (switch + first).strftime("%H:%M")
    return f"{civil:%H:%M} does not exist on {civil:%Y-%m-%d} in {zone}: clocks go from {before} to {after}"


def _offset(time: datetime) -> str:
    return time.isoformat()[-6:]
