"""How the time of one power flow grows with the feeder, from 15 to 10,000 buses: a table and a figure."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import process_time
from typing import NamedTuple

from tools.bench_case import VILLAGE, Case, Phases
from twin.errors import ScenarioError, SolverError
from twin.grid.nets import NetSource

NETS = (
    NetSource("builtin", "create_kerber_landnetz_freileitung_1"),
    NetSource("builtin", "create_cigre_network_lv"),
    NetSource("simbench", "1-LV-rural2--0-sw"),
    VILLAGE,
    NetSource("builtin", "create_kerber_vorstadtnetz_kabel_1"),
    NetSource("builtin", "ieee_european_lv_asymmetric"),
    NetSource("simbench", "1-MVLV-urban-all-0-sw"),
)
_STEPS_TIMES_BUSES = 300_000
_ROUNDS = 3


class Growth(NamedTuple):
    """Microseconds per power flow of one feeder."""

    name: str
    buses: int
    phases: int
    loop_us: float
    batch_us: float


def measure(source: NetSource, phases: Phases) -> Growth:
    """Solve random loads one by one, and as a batch with reductions."""
    case = Case(phases, 64, source)
    buses = len(case.feeder.buses)
    steps = max(_STEPS_TIMES_BUSES // buses // 32 * 32, 64)
    case = Case(phases, steps, source)
    p_w, q_var = case.bus_powers()
    grid, powers = case.grid(), case.evse_powers()
    few = max(steps // 8, 5)

    def batch() -> float:
        case.plan.batch([(p_w, q_var)], limits=case.limits, spot_every=0)
        return steps

    def loop() -> float:
        for k in range(few):
            grid.solve(0.0, 300.0, powers[k])
        return few

    loop_us, batch_us = (_median_us(work) for work in (loop, batch))
    return Growth(source.name, buses, phases, loop_us, batch_us)


def _median_us(work: Callable[[], float]) -> float:
    work()
    found = []
    for _ in range(_ROUNDS):
        begin = process_time()
        flows = work()
        found.append((process_time() - begin) * 1e6 / flows)
    return median(found)


def growth(figure: Path | None, say: Callable[[str], None]) -> None:
    """Measure all feeders, print the table, and draw it if asked."""
    rows: list[Growth] = []
    say(f"{'feeder':48}{'buses':>7}{'phases':>8}{'loop us':>10}{'batch us':>10}")
    for source in NETS:
        for phases in (1, 3):
            try:
                row = measure(source, phases)  # type: ignore[arg-type]
            except (ScenarioError, SolverError) as exc:
                say(f"{source.name:48}{'':7}{phases:8}  not solved: {str(exc).splitlines()[0]}")
                continue
            rows.append(row)
            say(f"{row.name:48}{row.buses:7,}{row.phases:8}{row.loop_us:10.1f}{row.batch_us:10.2f}")
    if figure is not None:
        draw(rows, figure)


def draw(rows: list[Growth], path: Path) -> None:
    """Draw both times over the number of buses, one line per number of phases."""
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "twin"
    from matplotlib import pyplot as plt

    axes = plt.subplots(figsize=(6.4, 4.0))[1]
    for phases, colour in ((1, "#0072b2"), (3, "#d55e00")):
        mine = sorted((row for row in rows if row.phases == phases), key=lambda row: row.buses)
        buses = [row.buses for row in mine]
        of = "symmetric" if phases == 1 else "three-phase"
        for label, style, times in (
            ("in the loop", "o-", [row.loop_us for row in mine]),
            ("batch", "s--", [row.batch_us for row in mine]),
        ):
            axes.loglog(buses, times, style, color=colour, markersize=4, label=f"{of}, {label}")
    axes.set_xlabel("buses")
    axes.set_ylabel("µs of processor time per power flow")
    axes.grid(visible=True, which="major", alpha=0.3)
    axes.legend(frameon=False)
    axes.figure.savefig(path, metadata={"Date": None}, bbox_inches="tight")  # type: ignore[call-arg]
    plt.close()
