"""Recorded sessions from files: our own CSV, ACN-Data's JSON, the Norwegian residential CSV.

Formats:
    twin: UTF-8 CSV with a header: session, site, evse, driver, arrival, departure, energy_kwh, vehicle, and
        optionally said_departure, said_energy_kwh. Times are ISO 8601 with offset; evse and vehicle may be empty.
    acn: the JSON of ACN-Data's API (Lee, Li, Low, "ACN-Data: Analysis and Applications of an Open EV Charging
        Dataset", e-Energy 2019, doi:10.1145/3307772.3328313): `_items` with times in RFC 1123, GMT.
        `doneChargingTime` is not read: when a car is done is what the twin computes.
    residential-norway: Sørensen et al., Data in Brief 36 (2021) 107105, doi:10.1016/j.dib.2021.107105: `;`,
        decimal comma, civil time of Europe/Oslo without offset.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from twin.errors import Problem, ScenarioError
from twin.units import SECONDS_PER_HOUR
from twin.world.population.civil import instants
from twin.world.population.sessions import Imported, Refused, RowError, Session, checked, without_overlaps

COLUMNS = ("session", "site", "evse", "driver", "arrival", "departure", "energy_kwh", "vehicle")
SAID = ("said_departure", "said_energy_kwh")
NORWAY = (
    "session_ID",
    "Garage_ID",
    "User_ID",
    "User_type",
    "Start_plugin",
    "End_plugout",
    "El_kWh",
    "Duration_hours",
)

MAX_POWER_KW = {"twin": 400.0, "acn": 50.0, "residential-norway": 7.4}
"""Largest mean power that is believed: the fastest public DC outlets; the fastest at ACN's sites; the largest
charge point of the residential set (32 A on one phase, as its authors state)."""

SHARED = "+shared"
"""Follows the name of a user of the residential set who charged at a shared place."""

_MISSING = frozenset({"", "na", "nan", "null", "none"})
_FAR_S = 180.0  # the residential set cuts times to minutes but logs its durations to the second

Row = tuple[int, Mapping[str, Any]]
Parser = Callable[[int, Mapping[str, Any], "tzinfo | None"], Session]


def read_sessions(
    path: Path | str,
    format: str = "auto",  # noqa: A002 -- the word a scenario uses
    *,
    time_zone: str | None = None,
    max_power_kw: float | None = None,
) -> Imported:
    """Read recorded sessions; rows that are none are returned beside them, with line and reason.

    Args:
        path: The file.
        format: twin, acn or residential-norway; auto looks at the beginning of the file.
        time_zone: Where civil times without an offset belong (twin: then they are refused without it).
        max_power_kw: Largest mean power that is believed; None: `MAX_POWER_KW` of the format.

    Raises:
        ScenarioError: The file as a whole cannot be read.
    """
    path = Path(path)
    text = _text(path)
    kind = _detect(path, text) if format == "auto" else format
    if kind not in MAX_POWER_KW:
        raise _unusable(path, f"unknown format `{kind}`, expected auto, {', '.join(MAX_POWER_KW)}")
    rows, parse = _PARSERS[kind]
    zone = _zone(path, time_zone)
    limit_kw = MAX_POWER_KW[kind] if max_power_kw is None else max_power_kw
    found: list[Session] = []
    refused: list[Refused] = []
    seen: dict[str, int] = {}
    for line, row in rows(path, text):
        try:
            session = checked(parse(line, row, zone), limit_kw)
            _only_once(session, seen)
            found.append(session)
        except RowError as exc:
            refused.append(Refused(line, exc.reason, exc.text))
    kept, overlapping = without_overlaps(found)
    return Imported(path.name, kind, tuple(kept), tuple(sorted(refused + overlapping)))


def _zone(path: Path, name: str | None) -> tzinfo | None:
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError):
        raise _unusable(path, f"time zone `{name}` is unknown, expected for example Europe/Berlin") from None


def _only_once(session: Session, seen: dict[str, int]) -> None:
    first = seen.setdefault(session.session, session.line)
    if first != session.line:
        raise RowError("session twice", f"session: `{session.session}` is already on line {first}")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as exc:
        raise _unusable(path, f"cannot be read: {exc.strerror or exc}") from None
    except UnicodeDecodeError as exc:
        raise _unusable(path, f"is not UTF-8 text (byte {exc.start})") from None


def _unusable(path: Path, text: str, line: int = 0) -> ScenarioError:
    return ScenarioError([Problem(path.name, line, "", text)])


def _detect(path: Path, text: str) -> str:
    head = text.lstrip()[:2000]
    if head.startswith(("{", "[")):
        return "acn"
    first = head.splitlines()[0] if head else ""
    if {"Start_plugin", "El_kWh"} <= set(first.split(";")):
        return "residential-norway"
    if "arrival" in first.split(",") and "energy_kwh" in first.split(","):
        return "twin"
    raise _unusable(
        path,
        f"neither a sessions CSV (columns {', '.join(COLUMNS)}) nor ACN-Data JSON nor the residential CSV",
    )


def _csv_rows(path: Path, text: str, delimiter: str, needed: Sequence[str]) -> Iterator[Row]:
    reader = csv.reader(text.splitlines(keepends=True), delimiter=delimiter)
    header = [name.strip() for name in next(reader, [])]
    missing = [name for name in needed if name not in header]
    if missing:
        raise _unusable(path, f"no column {', '.join(missing)}; found {', '.join(header) or 'nothing'}", 1)
    for cells in reader:
        if cells:
            yield reader.line_num, {"": len(cells) - len(header), **dict(zip(header, cells, strict=False))}


def _twin_rows(path: Path, text: str) -> Iterator[Row]:
    return _csv_rows(path, text, ",", COLUMNS)


def _norway_rows(path: Path, text: str) -> Iterator[Row]:
    return _csv_rows(path, text, ";", NORWAY)


def _acn_rows(path: Path, text: str) -> Iterator[Row]:
    """Step through `_items` one object at a time, because `json` does not tell on which line one begins."""
    start = text.find('"_items"')
    at = text.find("[", max(start, 0))
    if at < 0 or (start < 0 and not text.lstrip().startswith("[")):
        raise _unusable(path, "no `_items`: not the JSON of ACN-Data")
    decoder = json.JSONDecoder()
    line, counted, at = 1, 0, at + 1
    while True:
        while at < len(text) and text[at] in " \t\r\n,":
            at += 1
        line, counted = line + text.count("\n", counted, at), at
        if at < len(text) and text[at] == "]":
            return
        try:
            item, at = decoder.raw_decode(text, at)
        except json.JSONDecodeError as exc:
            raise _unusable(path, f"broken JSON: {exc.msg} (column {exc.colno})", exc.lineno) from None
        yield line, item if isinstance(item, dict) else {}


def _twin(line: int, row: Mapping[str, Any], zone: tzinfo | None) -> Session:
    _no_extra_cells(row)
    said_s, said_kwh = row.get("said_departure", ""), row.get("said_energy_kwh", "")
    return Session(
        line=line,
        session=_name(row, "session") or f"line-{line}",
        site=_name(row, "site"),
        evse=_name(row, "evse"),
        driver=_name(row, "driver"),
        arrival=_iso("arrival", row.get("arrival"), zone, "no start"),
        departure=_iso("departure", row.get("departure"), zone, "no end"),
        energy_kwh=_number("energy_kwh", row.get("energy_kwh")),
        vehicle=_name(row, "vehicle"),
        said_departure=None if _is_missing(said_s) else _iso("said_departure", said_s, zone, ""),
        said_energy_kwh=None if _is_missing(said_kwh) else _number("said_energy_kwh", said_kwh),
    )


def _acn(line: int, row: Mapping[str, Any], _: tzinfo | None) -> Session:
    inputs = row.get("userInputs") or []
    said = inputs[-1] if isinstance(inputs, list) and inputs and isinstance(inputs[-1], dict) else {}
    leaves, wants = said.get("requestedDeparture"), said.get("kWhRequested")
    return Session(
        line=line,
        session=_name(row, "sessionID") or _name(row, "_id") or f"line-{line}",
        site=_name(row, "siteID"),
        evse=_name(row, "spaceID") or _name(row, "stationID"),
        driver=_name(row, "userID"),
        arrival=_rfc1123("connectionTime", row.get("connectionTime"), "no start"),
        departure=_rfc1123("disconnectTime", row.get("disconnectTime"), "no end"),
        energy_kwh=_number("kWhDelivered", row.get("kWhDelivered")),
        said_departure=None if _is_missing(leaves) else _rfc1123("requestedDeparture", leaves, ""),
        said_energy_kwh=None if _is_missing(wants) else _number("kWhRequested", wants),
    )


def _norway(line: int, row: Mapping[str, Any], zone: tzinfo | None) -> Session:
    _no_extra_cells(row)
    zone = zone or ZoneInfo("Europe/Oslo")
    starts = _civil("Start_plugin", row.get("Start_plugin"), zone, "no start")
    ends = _civil("End_plugout", row.get("End_plugout"), zone, "no end")
    logged = row.get("Duration_hours")
    arrival, departure = starts[0], ends[0]
    if len(starts) * len(ends) > 1:
        # An hour that the clock showed twice: the duration, logged to the second, tells which one it was.
        stay_s = (
            float("nan") if _is_missing(logged) else _number("Duration_hours", logged, ",") * SECONDS_PER_HOUR
        )
        miss_s, arrival, departure = min(
            (abs((end - start).total_seconds() - stay_s), start, end) for start in starts for end in ends
        )
        if not miss_s < _FAR_S:
            raise RowError(
                "ambiguous time",
                f"{row['Start_plugin']} to {row['End_plugout']}: the clock showed this hour twice, and "
                "Duration_hours does not tell which is meant",
            )
    return Session(
        line=line,
        session=_name(row, "session_ID") or f"line-{line}",
        site=_name(row, "Garage_ID"),
        evse="",
        # Eleven users have a place of their own and also use a shared one, at times both at once: two cars.
        driver=_name(row, "User_ID") + (SHARED if _name(row, "User_type") == "Shared" else ""),
        arrival=arrival,
        departure=departure,
        energy_kwh=_number("El_kWh", row.get("El_kWh"), ","),
    )


_PARSERS: dict[str, tuple[Callable[[Path, str], Iterator[Row]], Parser]] = {
    "twin": (_twin_rows, _twin),
    "acn": (_acn_rows, _acn),
    "residential-norway": (_norway_rows, _norway),
}


def _is_missing(value: object) -> bool:
    return value is None or str(value).strip().lower() in _MISSING


def _name(row: Mapping[str, Any], key: str) -> str:
    value = row.get(key)
    return "" if _is_missing(value) else str(value).strip()


def _no_extra_cells(row: Mapping[str, Any]) -> None:
    if row[""] != 0:
        raise RowError(
            "wrong number of columns", f"{abs(row[''])} cells too {'many' if row[''] > 0 else 'few'}"
        )


def _number(name: str, value: object, decimal: str = ".") -> float:
    if _is_missing(value):
        raise RowError("no energy", f"{name}: no value")
    try:
        return float(str(value).strip().replace(decimal, "."))
    except ValueError:
        raise RowError("not a number", f"{name}: `{value}` is not a number") from None


def _iso(name: str, value: object, zone: tzinfo | None, missing: str) -> datetime:
    if _is_missing(value):
        raise RowError(missing, f"{name}: no value")
    try:
        instant = datetime.fromisoformat(str(value).strip())
    except ValueError:
        raise RowError("unreadable time", f"{name}: `{value}` is not an ISO 8601 time") from None
    if instant.tzinfo is not None:
        return instant.astimezone(UTC)
    if zone is None:
        raise RowError(
            "time without offset", f"{name}: `{value}` has no offset, expected for example {value}+01:00"
        )
    return _only(name, str(value), instants(instant, zone), zone)


def _only(name: str, shown: str, found: tuple[datetime, ...], zone: tzinfo) -> datetime:
    if len(found) > 1:
        raise RowError("ambiguous time", f"{name}: `{shown}` happened twice in {zone}; write the offset")
    return _existing(name, shown, found, zone)[0]


def _existing(name: str, shown: str, found: tuple[datetime, ...], zone: tzinfo) -> tuple[datetime, ...]:
    if not found:
        raise RowError(
            "time does not exist", f"{name}: `{shown}` does not exist in {zone}: the clocks skipped that hour"
        )
    return found


def _civil(name: str, value: object, zone: tzinfo, missing: str) -> tuple[datetime, ...]:
    if _is_missing(value):
        raise RowError(missing, f"{name}: no value")
    try:
        wall = datetime.strptime(str(value).strip(), "%d.%m.%Y %H:%M")  # noqa: DTZ007 -- a wall clock's
    except ValueError:
        raise RowError("unreadable time", f"{name}: `{value}` is not dd.mm.yyyy hh:mm") from None
    return _existing(name, str(value), instants(wall, zone), zone)


def _rfc1123(name: str, value: object, missing: str) -> datetime:
    if _is_missing(value):
        raise RowError(missing, f"{name}: no value")
    try:
        instant = parsedate_to_datetime(str(value))
    except ValueError:
        raise RowError("unreadable time", f"{name}: `{value}` is not an RFC 1123 time") from None
    if instant.tzinfo is None:
        raise RowError("time without offset", f"{name}: `{value}` has no zone, expected GMT")
    return instant.astimezone(UTC)
