"""The vehicle catalogue: real models as data, checked when it is read.

Neither numba nor pandas: `twin validate` reads it too. Sources and the way tapers were found: docs/vehicles.md.
"""

from __future__ import annotations

import csv
import difflib
import io
import math
import re
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from twin.domain.specs import VehicleSpec
from twin.errors import Problem, ScenarioError
from twin.units import w_from_kw, wh_from_kwh

FILE = "vehicles.csv"

DEFAULT_MIX: dict[str, float] = {
    "tesla-model-y-lr": 9, "tesla-model-3-lr": 8, "renault-zoe-ze50": 8, "vw-id3-pro": 7, "vw-id4-pro": 6,
    "peugeot-e-208": 6, "fiat-500e-42": 6, "hyundai-kona-64": 5, "nissan-leaf-40": 5, "skoda-enyaq-80": 5,
    "dacia-spring": 4, "bmw-i3-120": 4, "kia-niro-ev": 4, "mg4-64": 4, "vw-golf-gte": 4, "audi-q4-e-tron": 3,
    "kia-ev6-lr": 3, "hyundai-ioniq-5-lr": 3, "mini-cooper-se": 3, "vw-e-golf": 3, "renault-megane-e-tech-60": 3,
    "polestar-2-lr": 2, "mercedes-eqa": 2, "volvo-ex30": 2, "smart-eq-fortwo": 2, "byd-atto-3": 1,
}  # fmt: skip
"""Cars at European homes, as weights: an assumption, roughly by registrations of 2019 to 2023."""

TAPER_ENDS = (0.15, 0.12, 0.10, 0.08, 0.05)
"""Powers at 100 % over the peak that `fit_taper` tries, in this order."""

_RANGES: dict[str, tuple[float, float]] = {
    "usable_kwh": (5.0, 150.0),
    "ac_phases": (1.0, 3.0),
    "ac_kw": (2.0, 43.0),
    "dc_peak_kw": (2.0, 400.0),
    "dc_kw": (2.0, 400.0),
    "taper_soc": (0.0, 1.0),
    "taper_end": (0.02, 1.0),
    "dc_from_pct": (0.0, 30.0),
    "dc_to_pct": (60.0, 100.0),
    "dc_minutes": (8.0, 120.0),
}
_PUBLISHED = ("dc_peak_kw", "dc_from_pct", "dc_to_pct", "dc_minutes")
"""Empty for cars without a DC inlet."""


class Entry(NamedTuple):
    """One row of the catalogue: the model as simulated, and what was published about it."""

    spec: VehicleSpec
    name: str
    dc_peak_kw: float
    """Published peak; NaN without a DC inlet. `spec.dc_max_w` is lower where it lasts for seconds only."""
    dc_from_pct: float
    dc_to_pct: float
    dc_minutes: float
    """Published time from `dc_from_pct` to `dc_to_pct` at a charger that does not limit; NaN without DC."""
    source: str
    source_date: str
    """Year of the publication, or of the model year that it describes."""
    checked_against: str
    """Second source of capacity and powers."""


def catalogue() -> dict[str, VehicleSpec]:
    """Return every model of the catalogue by its id, in the order of the file."""
    return {model: entry.spec for model, entry in entries().items()}


@cache
def entries() -> dict[str, Entry]:
    """Return the rows of the catalogue by model, with their sources.

    Raises:
        ScenarioError: The file is damaged; every problem with its line.
    """
    return parse(files(__package__).joinpath(FILE).read_text(encoding="utf-8"))


def vehicle(model: str) -> VehicleSpec:
    """Return one model.

    Raises:
        ScenarioError: Not in the catalogue; names the nearest models.
    """
    known = entries()
    if model in known:
        return known[model].spec
    near = difflib.get_close_matches(model, known, n=3, cutoff=0.6)
    hint = f"did you mean {' or '.join(f'`{m}`' for m in near)}?" if near else "see docs/vehicles.md"
    raise ScenarioError([Problem("vehicles", 0, model, f"not in the catalogue, {hint}")])


def parse(text: str, file: str = FILE) -> dict[str, Entry]:
    """Read a catalogue from CSV text.

    Raises:
        ScenarioError: Every value out of range, every model listed twice, every row without a source.
    """
    reader = csv.DictReader(io.StringIO(text), strict=True)
    out: dict[str, Entry] = {}
    problems: list[Problem] = []
    for row in reader:
        found = _problems(row, reader.line_num, file)
        if row["model"] in out:
            found.append(Problem(file, reader.line_num, "model", f"{row['model']} is listed twice"))
        if not found:
            out[row["model"]] = _entry(row)
        problems += found
    if problems:
        raise ScenarioError(problems)
    return out


def dc_minutes(spec: VehicleSpec, from_pct: float = 10.0, to_pct: float = 80.0) -> float:
    """Minutes of charging between two states of charge at a DC charger that does not limit.

    Constant power up to the knee, then the exponential whose power falls linearly with state of charge.
    """
    start, end, knee = from_pct / 100.0, to_pct / 100.0, spec.taper_soc
    hours_per_soc = spec.usable_wh / spec.dc_max_w
    hours = max(min(end, knee) - start, 0.0) * hours_per_soc
    if end > knee:
        fall = (1.0 - spec.taper_end) / (1.0 - knee)
        first, last = (1.0 - fall * (max(soc, knee) - knee) for soc in (start, end))
        hours += hours_per_soc * (math.log(first / last) / fall if fall else end - max(start, knee))
    return 60.0 * hours


def fit_taper(spec: VehicleSpec, from_pct: float, to_pct: float, minutes: float) -> tuple[float, float]:
    """Find (taper_soc, taper_end), to 0.01, that reproduce a published charging time best.

    Two numbers for one time: the end is the first of TAPER_ENDS with which the knee lies at 5 % or more
    (0 for the last), the knee is then the one that fits.
    """
    best = (math.inf, 0.0, TAPER_ENDS[0])
    for end in TAPER_ENDS:
        lowest = 0 if end == TAPER_ENDS[-1] else 5
        for knee in range(lowest, 100):
            trial = VehicleSpec(
                model=spec.model, usable_wh=spec.usable_wh, ac_phases=spec.ac_phases, ac_max_w=spec.ac_max_w,
                dc_max_w=spec.dc_max_w, taper_soc=knee / 100.0, taper_end=end,
            )  # fmt: skip
            best = min(best, (abs(dc_minutes(trial, from_pct, to_pct) - minutes), knee / 100.0, end))
        if best[0] < 0.02 * minutes:
            break
    return best[1], best[2]


def _problems(row: dict[str, str], line: int, file: str) -> list[Problem]:
    """Return what is wrong with one row."""
    out = []
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", row["model"] or ""):
        out.append(Problem(file, line, "model", f"{row['model']!r} is no id: lower case, digits, dashes"))
    dc = bool(row["dc_peak_kw"])
    for column, (low, high) in _RANGES.items():
        if column in _PUBLISHED and not dc:
            continue
        value = _number(row[column])
        if not low <= value <= high:
            out.append(Problem(file, line, column, f"{row[column]!r} is not within {low:g} to {high:g}"))
    if not out and _number(row["ac_kw"]) / (_number(row["ac_phases"]) * 0.23) > 63.0:
        out.append(Problem(file, line, "ac_kw", f"{row['ac_kw']} kW is more than 63 A per phase"))
    if not out and dc and _number(row["dc_kw"]) > _number(row["dc_peak_kw"]):
        out.append(Problem(file, line, "dc_kw", f"{row['dc_kw']} kW is above the published peak"))
    if not re.fullmatch(r"20\d\d", row["source_date"] or ""):
        out.append(Problem(file, line, "source_date", f"{row['source_date']!r} is no year"))
    out += [
        Problem(file, line, column, "is missing")
        for column in ("name", "source", "checked_against")
        if not row[column]
    ]
    return out


def _number(text: str | None) -> float:
    """Return the number, or NaN, which lies in no range."""
    try:
        return float(text or "nan")
    except ValueError:
        return math.nan


def _entry(row: dict[str, str]) -> Entry:
    spec = VehicleSpec(
        model=row["model"],
        usable_wh=wh_from_kwh(float(row["usable_kwh"])),
        ac_phases=int(row["ac_phases"]),
        ac_max_w=w_from_kw(float(row["ac_kw"])),
        dc_max_w=w_from_kw(float(row["dc_kw"])),
        taper_soc=float(row["taper_soc"]),
        taper_end=float(row["taper_end"]),
        dc=bool(row["dc_peak_kw"]),
    )
    return Entry(
        spec=spec,
        name=row["name"],
        dc_peak_kw=_number(row["dc_peak_kw"]),
        dc_from_pct=_number(row["dc_from_pct"]),
        dc_to_pct=_number(row["dc_to_pct"]),
        dc_minutes=_number(row["dc_minutes"]),
        source=row["source"],
        source_date=row["source_date"],
        checked_against=row["checked_against"],
    )
