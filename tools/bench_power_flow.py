"""Print the ratio tables of docs/benchmarks.md: the compiled power flow against other programs.

Everything runs in this one process on one thread, in processor time, the same random loads for everybody
(see `bench_case.py`), the candidates by turns; each figure is the median of the rounds. The answers
are compared first: nobody may be fast and wrong.

Run from the project's folder: `make bench-power-flow`, or `python -m tools.bench_power_flow` with
OPENBLAS_NUM_THREADS=1. Without it pandapower's small matrix products wake threads that cost more than they do.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from time import process_time
from typing import NamedTuple

import numpy as np
import simpy

import twin
from tools.bench_case import SEED, Case, Pandapower, Phases
from tools.bench_growth import growth
from tools.bench_peers import OpenDssPeer, PowerGridModelPeer
from twin.grid.compile import compile_net
from twin.grid.compiled import CompiledGrid
from twin.grid.fingerprint import fingerprint
from twin.grid.plan import Plan
from twin.grid.self_check import self_check

ROOT = Path(__file__).parent.parent
YEAR = 35_040
TICK_S = 300.0
SAME_PU = 1e-6

Measured = dict[str, float]
Work = Callable[[], object]


class Ratio(NamedTuple):
    """A line of the table: two candidates, and what their ratio has to be."""

    what: str
    ours: str
    theirs: str
    required: float
    goal: float


RATIOS = (
    Ratio("in the loop, symmetric", "loop1", "runpp", 500, 1_200),
    Ratio("Plan.solve_with, symmetric", "plan1", "runpp", 500, 1_200),
    Ratio("in the loop from SimPy, three-phase", "simpy3", "runpp_3ph", 4_000, 6_000),
    Ratio("Plan.solve_with, three-phase", "plan3", "runpp_3ph", 4_000, 6_000),
    Ratio("batch, symmetric", "batch1", "timeseries", 300, 1_000),
    Ratio("batch, symmetric", "batch1", "pgm1", 8, 25),
    Ratio("batch, symmetric", "batch1", "pgm1 all", 8, 25),
    Ratio("batch, three-phase", "batch3", "runpp_3ph", 5_000, 27_000),
    Ratio("batch with spot checks, symmetric", "spots1", "timeseries", 0, 0),
    Ratio("batch with spot checks, three-phase", "spots3", "runpp_3ph", 0, 0),
    Ratio("batch, three-phase", "batch3", "pgm3", 0, 0),
    Ratio("batch, three-phase", "batch3", "pgm3 all", 0, 0),
    Ratio("in the loop, symmetric", "loop1", "pgm1 one", 0, 0),
    Ratio("in the loop from SimPy, three-phase", "simpy3", "pgm3 one", 0, 0),
    Ratio("in the loop from SimPy, three-phase", "simpy3", "opendss", 0, 0),
)
NAMES = {
    "runpp": "pandapower runpp",
    "runpp_3ph": "pandapower runpp_3ph",
    "timeseries": "pandapower run_timeseries, recycled",
    "pgm1": "power-grid-model batch, voltages only",
    "pgm1 all": "power-grid-model batch, all outputs",
    "pgm3": "power-grid-model batch, voltages only",
    "pgm3 all": "power-grid-model batch, all outputs",
    "pgm1 one": "power-grid-model, one call",
    "pgm3 one": "power-grid-model, one call",
    "opendss": "OpenDSS, set, solve, read",
}


class Candidate(NamedTuple):
    """Something to measure: work that solves `flows` power flows per call, `calls` times a round."""

    work: Callable[[int], object]
    flows: int
    calls: int


def cpu_us(candidate: Candidate) -> float:
    """Processor time per power flow."""
    begin = process_time()
    for k in range(candidate.calls):
        candidate.work(k)
    return (process_time() - begin) * 1e6 / (candidate.flows * candidate.calls)


def by_turns(candidates: dict[str, Candidate], rounds: int) -> Measured:
    """Median of each over the rounds, after one call to warm up."""
    for candidate in candidates.values():
        candidate.work(0)
    found = [{name: cpu_us(candidate) for name, candidate in candidates.items()} for _ in range(rounds)]
    return {name: median(one[name] for one in found) for name in candidates}


def loop(grid: CompiledGrid, powers: np.ndarray) -> None:
    """Solve one instant after the other, as the controller calls the feeder."""
    for k, power in enumerate(powers):
        grid.solve(k * TICK_S, (k + 1) * TICK_S, power)


def from_simpy(grid: CompiledGrid, powers: np.ndarray) -> None:
    """The same in a SimPy process: a tick, a power flow, a tick."""
    env = simpy.Environment()

    def controller():  # type: ignore[no-untyped-def]  # noqa: ANN202
        for power in powers:
            yield env.timeout(TICK_S)
            grid.solve(env.now - TICK_S, env.now, power)

    env.process(controller())
    env.run()


def candidates(case: Case, few: int) -> dict[str, Candidate]:
    """Everything that solves this case; `few` is how often the slowest does in a round."""
    phases, plan, grid = case.phases, case.plan, case.grid()
    p_w, q_var = case.bus_powers()
    powers = case.evse_powers()[:1_000]
    none = np.zeros(0, dtype=np.int64), np.zeros((0, phases)), np.zeros((0, phases))
    bases = np.ascontiguousarray(np.stack([p_w[:1_000], q_var[:1_000]], axis=1))
    panda, peer = Pandapower(case), PowerGridModelPeer(case, 2_000)
    out = {
        f"plan{phases}": Candidate(lambda _: [plan.solve_with(b, *none) for b in bases], len(bases), 1),
        f"loop{phases}": Candidate(lambda _: loop(grid, powers), len(powers), 1),
        f"simpy{phases}": Candidate(lambda _: from_simpy(grid, powers), len(powers), 1),
        f"batch{phases}": Candidate(
            lambda _: plan.batch([(p_w, q_var)], limits=case.limits, spot_every=0), case.steps, 1
        ),
        f"spots{phases}": Candidate(lambda _: plan.batch([(p_w, q_var)], limits=case.limits), case.steps, 1),
        f"pgm{phases}": Candidate(lambda _: peer.voltages(), peer.steps, 1),
        f"pgm{phases} all": Candidate(lambda _: peer.everything(), peer.steps, 1),
        f"pgm{phases} one": Candidate(peer.one, 1, 50),
    }

    def solve(k: int) -> None:
        panda.draw(k)
        panda.solve()

    out["runpp" if phases == 1 else "runpp_3ph"] = Candidate(solve, 1, few)
    if phases == 1:
        out["timeseries"] = Candidate(lambda _: panda.series(200 * few), 200 * few, 1)
    else:
        dss = OpenDssPeer(case, 50)
        out["opendss"] = Candidate(dss.solve, 1, 50)
    return out


def compare(case: Case) -> dict[str, float]:
    """Largest differences of voltage from power-grid-model, over some instants, in pu.

    Raises:
        SystemExit: One is larger than 1e-6.
    """
    steps = 40
    theirs = PowerGridModelPeer(case, steps).voltages()
    p_w, q_var = (power[:steps] for power in case.bus_powers())
    grid, powers, panda = case.grid(), case.evse_powers(), Pandapower(case)

    def reference(k: int) -> np.ndarray:
        panda.draw(k)
        panda.solve()
        return panda.vm_pu()

    batch = case.plan.batch([(p_w, q_var)], limits=case.limits, keep=["vm_pu"], spot_every=0).kept["vm_pu"]
    gaps = {
        "batch": batch - theirs,
        "loop": np.stack([grid.solve(0.0, TICK_S, powers[k]).vm_pu for k in range(steps)]) - theirs,
        "pandapower": np.stack([reference(k) for k in range(5)]) - theirs[:5],
    }
    if case.phases == 1:
        gaps["run_timeseries"] = panda.series(steps)[:, :, None] - theirs
    found = {name: float(np.abs(gap).max()) for name, gap in gaps.items()}
    if max(found.values()) > SAME_PU:
        raise SystemExit(f"the answers differ: {found}")
    return found


def starting(case: Case, rounds: int) -> dict[str, float]:
    """Milliseconds of what happens once per feeder, per switch or tap, or per round of a guard."""
    phases, feeder, plan, setup, grid = case.phases, case.feeder, case.plan, case.setup(), case.grid()
    state = grid.solve(0.0, TICK_S, case.evse_powers()[0])
    works: dict[str, Work] = {
        "compile_net, unchecked": lambda: compile_net(feeder, phases=phases, loaded=plan.loaded, check=False),
        "of it the factorisation": lambda: Plan(feeder, plan.model, plan.loaded),
        "fingerprint": lambda: fingerprint(feeder, phases),
        "self-check at three points": lambda: self_check(setup, plan),
        f"sensitivity of all {len(case.bus)} EVSEs": lambda: grid.sensitivity(state),
    }
    work = {name: Candidate(lambda _, f=f: f(), 1, 2) for name, f in works.items()}  # type: ignore[misc]
    return {name: us / 1e3 for name, us in by_turns(work, rounds).items()}


def week() -> tuple[float, float, float]:
    """CPU seconds of power flow, of the rest of the run once it moves, and of the whole."""
    scenario = twin.load(ROOT / "scenarios" / "10-street.yaml")
    with tempfile.TemporaryDirectory() as folder:
        moves: list[float] = []
        out = Path(folder) / "street"
        twin.run(scenario, out=out, on_beat=lambda _: moves.append(process_time()))
        timing = twin.open_run(out).manifest
    moving_s = moves[-1] - moves[0]
    return timing["solver_s"], moving_s - timing["solver_s"], timing["cpu_s"]


def say(text: str = "") -> None:
    """Print at once: the next line takes its time."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def print_ratios(measured: Measured) -> None:
    """Print the table of ratios."""
    say(f"{'':36}{'us':>8}  {'compared with':40}{'us':>10}{'ratio':>9}{'required':>10}{'goal':>8}")
    for what, ours, theirs, required, goal in RATIOS:
        mine, other = measured[ours], measured[theirs]
        asked = f"{required:10,.0f}{goal:8,.0f}" if required else ""
        missed = "  MISSED" if other / mine < required else ""
        say(f"{what:36}{mine:8.1f}  {NAMES[theirs]:40}{other:10,.1f}{other / mine:9,.0f}{asked}{missed}")


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--steps", type=int, default=YEAR)
    options.add_argument("--figure", type=Path, help="write the growth from 15 to 10,000 buses as SVG here")
    options.add_argument("--only", nargs="+", default=["ratios", "start", "week", "growth"])
    chosen = options.parse_args()
    warnings.simplefilter("ignore")  # of pandapower's, on every call
    lightsim = "with" if find_spec("lightsim2grid") else "without"
    say(
        f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, one process, BLAS "
        f"threads: {os.environ.get('OPENBLAS_NUM_THREADS', 'as many as it likes')}; pandapower with numba, "
        f"{lightsim} lightsim2grid; seed {SEED}"
    )
    cases: dict[Phases, Case] = {}
    if {"ratios", "start"} & set(chosen.only):
        cases = {1: Case(1, chosen.steps), 3: Case(3, chosen.steps)}
    if "ratios" in chosen.only:
        measured: Measured = {}
        for phases, case in cases.items():
            gaps = ", ".join(f"{name} {gap:.0e}" for name, gap in compare(case).items())
            say(
                f"{phases} phase(s), {len(case.feeder.buses)} buses, largest |dV| from power-grid-model: {gaps} pu"
            )
            measured |= by_turns(candidates(case, 5), chosen.rounds)
        print_ratios(measured)
    if "start" in chosen.only:
        for phases, case in cases.items():
            for name, ms in starting(case, 3).items():
                say(f"{phases} phase(s), {name:32} {ms:8.2f} ms")
    cases.clear()
    if "week" in chosen.only:
        flow_s, rest_s, all_s = week()
        say(
            f"a week of 10-street, three-phase at every tick: power flow {flow_s:.3f} s, the rest of the moving "
            f"simulation {rest_s:.3f} s, with start and results {all_s:.2f} s"
        )
    if "growth" in chosen.only:
        growth(chosen.figure, say)


if __name__ == "__main__":
    main()
