"""What `twin powerflow` prints: tables on stdout; progress, notes and paths on stderr."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from twin.report.words import count, number
from twin.studies.powerflow.words import at, verdict, violation_cells, violation_columns

if TYPE_CHECKING:
    import pandas as pd

    from twin.studies.powerflow.result import PowerFlow

_WIDTH = 120
"""Of tables that go to a file or a pipe."""
_BUSIEST = 5
_MOST_VIOLATIONS = 20


class Steps:
    """Told how many steps are solved; knows how long that took."""

    def __init__(self, bar: Progress, net: str) -> None:
        self._bar = bar
        self._task = bar.add_task(f"loading {net}", total=None)
        self._begin_s: float | None = None
        self.seconds = math.nan
        """Wall time of solving, without loading."""

    def __call__(self, solved: int, steps: int) -> None:
        """Take news."""
        now_s = time.perf_counter()
        if self._begin_s is None:
            self._begin_s = now_s
        self.seconds = now_s - self._begin_s
        self._bar.update(self._task, description="solving", completed=solved, total=steps)


@contextmanager
def progress(net: str) -> Iterator[Steps]:
    """A bar where somebody looks at it."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        yield Steps(bar, net)


def refuse(out: Path, *, replace: bool) -> None:
    """Raise SettingsError where the output could not be written."""
    from twin.studies.powerflow.files import make_sure

    make_sure(out, replace=replace)


def show(study: PowerFlow) -> None:
    """Print the tables: extremes, busiest elements, violations."""
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console = Console(highlight=False, markup=False, width=_WIDTH)
    console.print(_headline(study))
    console.print(verdict(study).text)
    if study.summary["unsolved_steps"] < study.summary["steps"]:
        console.print(_voltages(study))
        console.print(_loadings(study))
        console.print(_losses(study))
    if len(study.violations):
        console.print(_violations(study))


def notes(study: PowerFlow, *, seconds: float) -> None:
    """Say how long it took, and what was taken for granted."""
    found = study.summary
    steps = count(found["steps"], "power flow")
    _say(f"{steps} in {seconds:.2f} s ({found['solver']})")
    if found["fallback"]:
        _say(f"pandapower solved every step by itself, since the net has {found['fallback']}")
    for text in found["assumptions"]:
        _say(f"assumed: {text}")


def write(study: PowerFlow, out: Path, *, replace: bool) -> None:
    """Write the folder and say where the page is."""
    files = {path.name: path for path in study.write(out, replace=replace)}
    for what, name in (("tables", ""), ("map", "map.svg"), ("report", "report.html")):
        _say(f"{what}: {files[name] if name else out}")


def _headline(study: PowerFlow) -> str:
    found = study.summary
    kind = "three-phase" if found["phases"] > 1 else "symmetric"
    period = f", {at(found['from'])} to {at(found['to'])}" if study.is_series else ""
    return f"{found['net']}: {count(found['steps'], f'{kind} power flow')} with {found['loads']}{period}"


def _table(title: str, study: PowerFlow, names: tuple[str, ...], numeric: tuple[str, ...]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    for name in (*names, *numeric):
        table.add_column(name, justify="right" if name in numeric else "left", no_wrap=name in numeric)
    if study.is_series:
        table.add_column("when", no_wrap=True)
    return table


def _voltages(study: PowerFlow) -> Table:
    found = study.summary
    table = _table("Voltages", study, ("", "bus"), ("value",))
    for name in ("lowest", "highest"):
        _extreme(table, study, name, found["voltage_pu"][name], 4, "pu")
    _extreme(table, study, "unbalance", found["unbalance_pct"], 2, "%")
    return table


def _loadings(study: PowerFlow) -> Table:
    table = _table("Highest loadings", study, ("", "element"), ("value", "limit"))
    branches = study.branches.dropna(subset="loading_max_pct")
    branches = branches.assign(share=branches["loading_max_pct"] / branches["limit_pct"])
    for kind in ("transformer", "line"):
        busiest = branches[branches["kind"] == kind].nlargest(_BUSIEST, "share", keep="first")
        for _, row in busiest.iterrows():
            _busy(table, study, kind, row)
    return table


def _busy(table: Table, study: PowerFlow, kind: str, row: pd.Series[Any]) -> None:
    cells = [
        kind,
        row["branch"],
        f"{number(row['loading_max_pct'], 1)} %",
        f"{number(row['limit_pct'], 1)} %",
    ]
    if study.is_series:
        cells.append(at(row["loading_max_at"].isoformat()))
    table.add_row(*cells)


def _extreme(
    table: Table, study: PowerFlow, name: str, extreme: dict[str, Any] | None, digits: int, unit: str
) -> None:
    if extreme is None:
        return
    cells = [name, extreme["element"], f"{number(extreme['value'], digits)} {unit}"]
    table.add_row(*cells, *((at(extreme["at"]),) if study.is_series else ()))


def _losses(study: PowerFlow) -> str:
    found = study.summary
    if not study.is_series:
        return f"From upstream {number(found['head_kw'], 1)} kW, losses {number(found['losses_kw'], 2)} kW"
    return (
        f"From upstream {number(found['energy_kwh'])} kWh, losses {number(found['losses_kwh'])} kWh; "
        f"peak {number(found['head_kw'], 1)} kW on {at(found['head_at'])}"
    )


def _violations(study: PowerFlow) -> Table:
    rows = study.by_element()
    more = f", the first {_MOST_VIOLATIONS} of {len(rows):,}" if len(rows) > _MOST_VIOLATIONS else ""
    table = Table(title=f"Limits broken, by element{more}", title_justify="left", title_style="bold")
    for name, align in violation_columns(study):
        table.add_column(name.lower(), justify=align, no_wrap=align == "right")
    for _, row in rows.head(_MOST_VIOLATIONS).iterrows():
        table.add_row(*violation_cells(study, row))
    return table


def _say(text: str) -> None:
    """Print for people; a path is never wrapped, coloured or read as markup."""
    typer.echo(text, err=True)
