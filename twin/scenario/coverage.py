"""Whether the run fits its periods, and its base load covers all of it."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

from twin.errors import Problem, ScenarioError
from twin.scenario.document import Document
from twin.scenario.files import read_text
from twin.scenario.grid import CsvLoad, SimbenchLoad
from twin.scenario.instants import find_zone
from twin.scenario.model import Scenario, end_of_run
from twin.scenario.price_file import read_prices
from twin.scenario.tariffs import Tariff
from twin.units import SECONDS_PER_DAY

_SIMBENCH_START = datetime(2015, 12, 31, 23, tzinfo=UTC)
_SIMBENCH_END = datetime(2016, 12, 31, 23, tzinfo=UTC)
_USUAL_PERIOD_S = 300


def coverage_problems(document: Document, scenario: Scenario, base_dir: Path) -> Iterator[Problem]:
    """Yield what does not fit the length of the run."""
    if scenario.duration_s % scenario.period_s:
        yield _length_problem(document, scenario)
    yield from _prices(document, scenario, base_dir)
    profile = None if scenario.grid is None else scenario.grid.profile
    if isinstance(profile, SimbenchLoad):
        yield from _covered(
            document, scenario, "SimBench's profiles", _SIMBENCH_START, _SIMBENCH_END, ("start",)
        )
    elif isinstance(profile, CsvLoad):
        path = base_dir / profile.file
        try:
            begin, end = csv_span(path, profile, scenario.zone)
        except ScenarioError as exc:
            yield from exc.problems
            return
        yield from _covered(document, scenario, str(path), begin, end, ("grid", "base_load", "file"))


def _prices(document: Document, scenario: Scenario, base_dir: Path) -> Iterator[Problem]:
    """Yield what is wrong with files of tariffs, and prices that begin after the run."""
    for name, tariff in scenario.tariffs.items():
        try:
            if tariff.ocpi is not None:
                _currency_of(base_dir / tariff.ocpi)
            if tariff.prices is None:
                continue
            first = read_prices(base_dir / tariff.prices)[0].start
        except ScenarioError as exc:
            yield from exc.problems
            continue
        if first > scenario.start:
            begin, start = (at.astimezone(scenario.zone).isoformat() for at in (first, scenario.start))
            said = f"the first price of {tariff.prices} is of {begin}, the run begins at {start}"
            yield document.problem(("tariffs", name, "prices"), said)
    if scenario.payments is not None:
        used = {scenario.tariff_of(site) for site in scenario.sites} & scenario.tariffs.keys()
        currencies = sorted({_currency(scenario.tariffs[name], base_dir) for name in used} - {""})
        if len(currencies) > 1:
            said = f"holds need one currency, but sites charge in {' and '.join(currencies)}"
            yield document.problem(("payments",), said)


def _currency(tariff: Tariff, base_dir: Path) -> str:
    """Return a tariff's currency; empty: its file cannot be used, which is said already."""
    if tariff.ocpi is None:
        return tariff.currency
    try:
        return _currency_of(base_dir / tariff.ocpi)
    except ScenarioError:
        return ""


def _currency_of(path: Path) -> str:
    """Read a tariff of OCPI.

    Raises:
        ScenarioError: It cannot be used.
    """
    from twin.money.billing.json_text import parse  # noqa: PLC0415 -- few tariffs are files
    from twin.money.billing.ocpi import read_tariff  # noqa: PLC0415 -- as above

    return read_tariff(parse(read_text(path), str(path))).tariff.currency


def _length_problem(document: Document, scenario: Scenario) -> Problem:
    """Blame the period where no whole day has a whole number of it, else the part of a day that `days` has."""
    duration_s, period_s = round(scenario.duration_s), scenario.period_s
    no = f"no whole number of periods of {period_s} s"
    if scenario.days == int(scenario.days) or round(SECONDS_PER_DAY) % period_s:
        near = _USUAL_PERIOD_S if duration_s % _USUAL_PERIOD_S == 0 else _divisor(duration_s, _USUAL_PERIOD_S)
        said = f"{duration_s:,} s, the length of the run, is {no}; take a divisor such as {near}"
        return document.problem(("period_s",), said)
    days, length_s = _nearest_days(scenario)
    divisor = _divisor(duration_s, period_s)
    other = f", or `period_s: {divisor}`" if 2 * divisor >= period_s else ""
    said = f"{scenario.days:g} days are {duration_s:,} s, {no}; take {days:.10g} ({length_s:,} s){other}"
    return document.problem(("days",), said)


def _nearest_days(scenario: Scenario) -> tuple[float, int]:
    """Return the length nearest to that of the scenario that fits: in days, as short as can be, and in s."""
    period_s = scenario.period_s
    length_s = max(round(scenario.duration_s / period_s), 1) * period_s
    exact = scenario.days + (length_s - scenario.duration_s) / SECONDS_PER_DAY
    for digits in range(12):
        days = round(exact, digits)
        end = end_of_run(scenario.start, days, scenario.zone)
        if (end - scenario.start).total_seconds() == length_s:
            return days, length_s
    return exact, length_s


def _divisor(of: int, most: int) -> int:
    """Return the greatest divisor that is not above `most`."""
    return next(k for k in range(most, 0, -1) if of % k == 0)


def _covered(
    document: Document, scenario: Scenario, what: str, begin: datetime, end: datetime, at: tuple[str, ...]
) -> Iterator[Problem]:
    if scenario.start >= begin and scenario.end <= end:
        return
    zone = scenario.zone
    have = f"{begin.astimezone(zone).isoformat()} to {end.astimezone(zone).isoformat()}"
    need = f"{scenario.start.astimezone(zone).isoformat()} to {scenario.end.astimezone(zone).isoformat()}"
    yield document.problem(
        at, f"shorter than the run: {what} cover{'' if what[-1] == 's' else 's'} {have}, the run is {need}"
    )


def csv_span(path: Path, profile: CsvLoad, zone: tzinfo) -> tuple[datetime, datetime]:
    """Return the begin and end of what a profile's rows cover, in UTC, from its first and last rows.

    Every row is checked when the feeder is built.

    Raises:
        ScenarioError: The file cannot be read, has no rows, or a time is none.
    """
    lines = read_text(path).splitlines()
    used = [i for i, line in enumerate(lines) if line.strip(", ")]
    header = next(csv.reader([lines[used[0]]])) if used else []
    if not header or header[0].strip() != "time" or len(header) < 2:
        text = "the first line names the columns: `time`, then one per load, in kW"
        raise ScenarioError([Problem(str(path), used[0] + 1 if used else 0, "", text)])
    if len(used) < 3:
        raise ScenarioError([Problem(str(path), 0, "", "needs two rows at least")])
    named = find_zone(profile.time_zone) if profile.time_zone else zone
    first, last_but_one, last = (_time(path, lines, i, named) for i in (used[1], used[-2], used[-1]))
    step = last - last_but_one if profile.interpolation == "step" else timedelta()
    return first, last + step


def _time(path: Path, lines: list[str], i: int, zone: tzinfo | None) -> datetime:
    cell = next(csv.reader([lines[i]]))[0].strip()
    try:
        found = datetime.fromisoformat(cell)
    except ValueError:
        text = f"`{cell}` is no time; write it as `2016-01-18T00:00:00+01:00`"
        raise ScenarioError([Problem(str(path), i + 1, "time", text)]) from None
    return (found if found.tzinfo is not None else found.replace(tzinfo=zone)).astimezone(UTC)
