"""Print the tables of docs/grid-limits.md: what the guard's rules curtail on random congested snapshots.

A snapshot is one interval of five minutes: base loads drawn per household, and cars drawn by feeder, because
electric cars come in streets; each feeder has its own share of homes with a car that charges. Kept are
snapshots whose plan (everybody at full power) breaks the limit of a line or a bus voltage, not only of the
transformer, and whose base load alone breaks none. All rules face the same snapshots, know the base load, and
keep no margin, so that only the division is compared.

The optimum is found with the full power flow and an independent solver: cutting planes on exact
sensitivities (Kelley 1960), each master problem by HiGHS, until no limit is exceeded by more than 1e-5 of it.
Drops of voltage and currents grow faster than the power that causes them, so cuts never cut off a power that
the feeder could carry; that is checked on every safe division found by any rule (*cuts violated*). Where the
transformer is overloaded as well, hundreds of divisions are as good as equal and mixed-integer programs take
hours: the optimum is then that of any power, without smallest pilots, which is a bound all the same.
"""

from __future__ import annotations

import argparse
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, linprog, milp
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from twin.control.guard import Guard
from twin.control.guard_limits import Watch
from twin.control.guard_rules import Rule
from twin.domain import grid as g
from twin.domain.fleet import Fleet
from twin.domain.grid import GridState, GridTopology
from twin.domain.ids import Array, Mask, Matrix, Rows, Vector
from twin.domain.phases import PhaseShares
from twin.domain.ports import Grid
from twin.domain.specs import Connection, EvseSpec
from twin.grid.assume import Assume
from twin.grid.make import make_grid
from twin.grid.nets import NetSource, load_feeder
from twin.grid.profiles import Profile
from twin.grid.series import Series
from twin.grid.topology import Limits
from twin.grid.unit_phases import unit_shares
from twin.results.fairness import jain_index
from twin.rng import stream

PERIOD_S = 300.0
NETS = (
    NetSource("builtin", "create_kerber_dorfnetz"),
    NetSource("simbench", "1-LV-rural2--0-sw"),
    NetSource("simbench", "1-LV-urban6--0-sw"),
)
RULES: tuple[Rule, ...] = ("least-curtailment", "fair")
CARS = ((1, 16.0, 0.2), (2, 16.0, 0.1), (3, 16.0, 0.6), (3, 32.0, 0.1))
"""Phases in use, largest current in A, share of cars."""
ROTATIONS = (Connection.L1L2L3, Connection.L2L3L1, Connection.L3L1L2)
VUF_PCT = 2.0
"""EN 50160."""
ASSUME = Assume(
    vector_group="Dyn5", r0_r1=4.0, x0_x1=4.0, c0_c1=1.0, vk0_vk=1.0, mag0=100.0, s_sc_max_mva=100.0
)
"""For the zero sequence, of which these nets say nothing: four-core cables."""
DRAWS = 40_000
_CLOSE = 1e-5
_MASTERS = 300


class Snapshot(NamedTuple):
    """One interval with a plan that a feeder cannot carry."""

    number: int
    start_s: float
    car: Rows
    """(n,) index into CARS, -1 where no car charges."""
    kinds: frozenset[str]
    """Of the limits that the plan breaks."""

    @property
    def local(self) -> bool:
        """Whether the transformer fits: only lines and buses are in trouble."""
        return g.TRAFO_LOADING not in self.kinds


@dataclass(frozen=True)
class Street:
    """A net with a charger at each home and a series of random base loads."""

    name: str
    grid: Grid
    fleet: Fleet
    watch: Watch
    feeder: Rows
    """(n,) which feeder of the net each home hangs on."""
    shares: PhaseShares | None
    """None where the feeder is taken as symmetric."""

    def plug(self, car: Rows, *, pilots: bool) -> Vector:
        """Put cars to the chargers, and return what they wish in W."""
        fleet, here = self.fleet, car >= 0
        phases = np.array([CARS[c][0] if c >= 0 else 3 for c in car.tolist()], dtype=float)
        most_a = np.array([CARS[c][1] if c >= 0 else 0.0 for c in car.tolist()])
        fleet.phases[:], fleet.plugged[:] = phases, here
        fleet.w_per_a[:] = 230.0 * phases
        fleet.min_w[:] = 6.0 * fleet.w_per_a if pilots else 0.0
        fleet.max_w[:] = most_a * fleet.w_per_a
        return fleet.max_w.copy()

    def solve(self, start_s: float, power_w: Vector) -> GridState:
        """The interval from `start_s` with these powers."""
        evse_w = power_w if self.shares is None else self.shares.split(power_w, self.fleet.phases)
        return self.grid.solve(start_s, start_s + PERIOD_S, evse_w)

    def effects(self, state: GridState, rows: Rows) -> Matrix:
        """(m, k) change of every limit's value per W of `rows`."""
        shares = None if self.shares is None else self.shares.of(self.fleet.phases)[rows]
        return self.watch.effects(self.grid.sensitivity(state, rows, shares))


def feeders(topology: GridTopology, bus: Rows) -> Rows:
    """Number the feeders: what hangs together without transformers and their low-voltage busbars."""
    bars = np.unique(topology.to_bus[topology.is_trafo])
    cable = ~topology.is_trafo & ~np.isin(topology.from_bus, bars) & ~np.isin(topology.to_bus, bars)
    ends = (topology.from_bus[cable], topology.to_bus[cable])
    size = len(topology.buses)
    joined = coo_array((np.ones(int(cable.sum())), ends), shape=(size, size))
    return np.asarray(connected_components(joined, directed=False)[1])[bus]


@lru_cache(maxsize=6)
def street(source: NetSource, phases: Literal[1, 3], seed: int) -> Street:
    """Load a net; its base load has DRAWS intervals, each home with a factor of its own, at night.

    With three phases the homes' loads divide unevenly, and the chargers are connected in turn as L1-L2-L3,
    L2-L3-L1 and L3-L1-L2, so that cars with one phase spread.
    """
    feeder = load_feeder(source, phases=phases, assume=ASSUME if phases == 3 else None)
    units = feeder.units
    homes = units.bus[~units.generates]
    rng = stream(seed, "curtailment", source.ref, "base load")
    level = rng.uniform(0.15, 0.6, (DRAWS, 1))
    values = level * rng.lognormal(-0.125, 0.5, (DRAWS, len(units)))  # mean 1
    values[:, units.generates] = 0.0
    times_s = PERIOD_S * np.arange(DRAWS, dtype=float)
    series = Series(times_s=times_s, values=values, end_s=PERIOD_S * DRAWS)
    each = np.arange(len(units))
    uneven = unit_shares(units, "uneven", seed) if phases == 3 else None
    profile = Profile(units, len(feeder.buses), series, (each, each), "step", uneven)
    names = [feeder.buses[b] for b in homes]
    fleet = Fleet(
        [
            EvseSpec(
                id=f"h{i}/1", station=f"h{i}", site="x", bus=bus, max_a=32.0, connection=ROTATIONS[i % 3]
            )
            for i, bus in enumerate(names)
        ]
    )
    shares = PhaseShares(fleet.specs) if phases == 3 else None
    limits = Limits(vuf_pct=VUF_PCT) if phases == 3 else Limits()
    checked_w = np.full(len(names), 1_000.0)  # of all at once, on top of the nominal load
    grid = make_grid(
        feeder, names, profile, evse_max_w=checked_w, limits=limits, phases=phases, shares=shares
    )
    watch = Watch(grid.topology, 0.0)
    return Street(source.name, grid, fleet, watch, feeders(grid.topology, homes), shares)


def snapshots(here: Street, seed: int, count: int, *, local: bool) -> list[Snapshot]:
    """Draw until `count` snapshots are congested by a line, a voltage or an unbalance; `local`: only by them.

    Raises:
        ValueError: There are fewer among all draws.
    """
    found: list[Snapshot] = []
    share = np.array([part for _, _, part in CARS])
    for k in range(DRAWS):
        if len(found) == count:
            break
        rng = stream(seed, "curtailment", here.name, "cars", k)
        street_share = rng.beta(0.6, 1.4, here.feeder.max() + 1)[here.feeder]
        present = rng.random(len(here.fleet)) < street_share
        car = np.where(present, rng.choice(len(CARS), len(here.fleet), p=share), -1)
        start_s = PERIOD_S * k
        wish_w = here.plug(car, pilots=True)
        planned = here.solve(start_s, wish_w)
        kinds = frozenset(b.kind for b in g.broken(here.grid.topology, planned))
        snapshot = Snapshot(k, start_s, car, kinds)
        if not kinds - {g.TRAFO_LOADING, g.NO_SOLUTION} or (local and not snapshot.local):
            continue
        if not g.broken(here.grid.topology, here.solve(start_s, wish_w * 0.0)):
            found.append(snapshot)
    if len(found) < count:
        raise ValueError(f"{here.name}: {len(found)} of {count} congested snapshots in {DRAWS} draws")
    return found


class Optimum(NamedTuple):
    """The least curtailment that any division of this snapshot can have."""

    bound_w: float
    """No division curtails less (by the cuts)."""
    power_w: Vector
    """One that curtails hardly more, and breaks no limit."""
    effect: Matrix
    room: Vector
    """The cuts: `effect @ x <= room` for every safe x."""


def optimum(here: Street, snapshot: Snapshot, wish_w: Vector, pilot_w: Vector) -> Optimum:
    """Solve the interval to the end with full power flows.

    Raises:
        ValueError: The cutting planes have not converged.
    """
    rows = np.flatnonzero(wish_w)
    cuts: list[tuple[Matrix, Vector]] = []
    x = common_scaling(here, snapshot, wish_w)
    for _ in range(_MASTERS):
        state = here.solve(snapshot.start_s, x)
        over = here.watch.values(state) - here.watch.cap
        if cuts and not (over > _CLOSE * np.abs(here.watch.cap)).any():
            break
        cuts.append(_cut(here, state, x, rows, wish_w))
        effect, room = np.concatenate([c[0] for c in cuts]), np.concatenate([c[1] for c in cuts])
        x = np.zeros(len(wish_w))
        x[rows] = _master(effect, room, wish_w[rows], pilot_w[rows])
    else:
        raise ValueError(f"{here.name}, snapshot {snapshot.number}: no optimum in {_MASTERS} rounds")
    return Optimum(float((wish_w - x).sum()), x, effect, room)


def _cut(here: Street, state: GridState, x: Vector, rows: Rows, wish_w: Vector) -> tuple[Matrix, Vector]:
    effect = here.effects(state, rows)
    room = here.watch.cap - here.watch.values(state) + effect @ x[rows]
    tight = np.flatnonzero(np.maximum(effect, 0.0) @ wish_w[rows] > room)
    size = np.abs(effect[tight]).max(axis=1, initial=0.0)
    return effect[tight] / size[:, None], room[tight] / size


def _master(effect: Matrix, room: Vector, wish_w: Vector, pilot_w: Vector) -> Vector:
    """Maximise the power under the cuts by HiGHS; with pilots as a mixed-integer program."""
    n, kilo = len(wish_w), 1e-3
    if not pilot_w.any():
        bounds = np.c_[np.zeros(n), wish_w * kilo]
        linear = linprog(-np.ones(n), A_ub=effect, b_ub=room * kilo, bounds=bounds, method="highs")
        return np.asarray(linear.x) / kilo
    on = np.diag(np.minimum(pilot_w, wish_w) * kilo)
    rows = np.block(
        [
            [effect, np.zeros_like(effect)],
            [np.eye(n), -np.diag(wish_w * kilo)],
            [-np.eye(n), on],
        ]
    )
    most = np.concatenate([room * kilo, np.zeros(2 * n)])
    mixed = milp(
        np.concatenate([-np.ones(n), np.zeros(n)]),
        constraints=LinearConstraint(rows, -np.inf, most),
        bounds=Bounds(np.zeros(2 * n), np.concatenate([wish_w * kilo, np.ones(n)])),
        integrality=np.repeat([0, 1], n),
        options={"mip_rel_gap": 1e-5},
    )
    return np.asarray(mixed.x[:n]) / kilo


def common_scaling(here: Street, snapshot: Snapshot, wish_w: Vector) -> Vector:
    """All cars of the net by one factor, the largest that breaks nothing; no smallest pilot, to its favour."""
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = 0.5 * (low + high)
        state = here.solve(snapshot.start_s, middle * wish_w)
        safe = state.converged and not (here.watch.values(state) > here.watch.cap).any()
        low, high = (middle, high) if safe else (low, middle)
    return low * wish_w


@dataclass
class Outcome:
    """What one way to curtail did on some snapshots."""

    kwh: list[float] = field(default_factory=list)
    worst: list[float] = field(default_factory=list)
    """Share of the wish of the worst driver."""
    jain: list[float] = field(default_factory=list)
    """By bus."""

    def add(self, here: Street, wish_w: Vector, power_w: Vector) -> None:
        """Note one snapshot."""
        cars = wish_w > 0.0
        self.kwh.append(float((wish_w - power_w).sum()) / 1e3 * PERIOD_S / 3_600.0)
        self.worst.append(float((power_w[cars] / wish_w[cars]).min()))
        _, bus = np.unique([here.fleet.specs[i].bus for i in np.flatnonzero(cars)], return_inverse=True)
        by_bus = np.bincount(bus, power_w[cars]) / np.bincount(bus, wish_w[cars])
        self.jain.append(jain_index(by_bus) or 0.0)


@dataclass
class Result:
    """All outcomes over the same snapshots, by name; and what proves them."""

    outcomes: dict[str, Outcome] = field(default_factory=dict)
    net: list[str] = field(default_factory=list)
    kinds: list[frozenset[str]] = field(default_factory=list)
    broken: int = 0
    """Safe answers of the guard that break a limit in a full power flow: must be 0."""
    fallbacks: int = 0
    rounds: list[int] = field(default_factory=list)
    cut_off_w: float = 0.0
    """By how much, at most, a safe division violates a cut, in W of the row that matters most to it: 0 if convex."""

    def kwh(self, name: str, where: Mask | None = None) -> float:
        """Sum over the snapshots of one way."""
        values = np.array(self.outcomes[name].kwh)
        return float(values.sum() if where is None else values[where].sum())


def study(
    counts: Mapping[NetSource, int], seed: int, *, phases: Literal[1, 3], local: bool, pilots: bool
) -> Result:
    """Run every rule on the same snapshots, so many of each net.

    Args:
        counts: Number of snapshots by net.
        seed: Of all draws.
        phases: 1 takes the feeders as symmetric.
        local: Whether to leave out snapshots in which the transformer is overloaded too.
        pilots: Whether cars charge at 6 A or more, or not at all.
    """
    result = Result()
    for source, count in counts.items():
        here = street(source, phases, seed)
        for snapshot in snapshots(here, seed, count, local=local):
            _one(here, snapshot, result, pilots=pilots)
    return result


def _one(here: Street, snapshot: Snapshot, result: Result, *, pilots: bool) -> None:
    wish_w = here.plug(snapshot.car, pilots=pilots)
    result.net.append(here.name)
    result.kinds.append(snapshot.kinds)
    best = optimum(here, snapshot, wish_w, here.fleet.min_w * snapshot.local)
    ways: dict[str, Array] = {"optimum": best.power_w}
    for rule in RULES:
        guard = Guard(here.grid, here.fleet, margin_pct=0.0, forecast="perfect", rule=rule)
        guarded = guard.protect(snapshot.start_s, PERIOD_S, wish_w)
        ways[rule] = guarded.limit_w
        result.broken += bool(g.broken(here.grid.topology, here.solve(snapshot.start_s, guarded.limit_w)))
        result.fallbacks += guarded.fallback
        if rule == "least-curtailment":
            result.rounds.append(guarded.rounds)
    ways["common scaling"] = common_scaling(here, snapshot, wish_w)
    rows = np.flatnonzero(wish_w)
    for name, power_w in ways.items():
        result.outcomes.setdefault(name, Outcome()).add(here, wish_w, power_w)
        if name != "optimum":
            over_w = float((best.effect @ power_w[rows] - best.room).max())
            result.cut_off_w = max(result.cut_off_w, over_w)


ORDER = ("optimum", "least-curtailment", "fair", "common scaling")


def _rows(result: Result, where: Mask, title: str) -> str:
    scaling, best = result.kwh("common scaling", where), result.kwh("optimum", where)
    cells = [f"{result.kwh(name, where):.1f}" for name in ORDER]
    least = result.kwh("least-curtailment", where)
    return (
        f"| {title} | {int(where.sum())} | {' | '.join(cells)} | {100 * (1 - least / scaling):.1f} % "
        f"| {100 * (least / best - 1):.2f} % |"
    )


def _kind(kinds: frozenset[str]) -> str:
    words = [
        word
        for kind, word in (
            (g.LOW_VOLTAGE, "low voltage"),
            (g.HIGH_VOLTAGE, "high voltage"),
            (g.UNBALANCE, "unbalance"),
            (g.LINE_LOADING, "line"),
            (g.TRAFO_LOADING, "transformer"),
        )
        if kind in kinds
    ]
    return " and ".join(words)


def report(result: Result, title: str) -> str:
    """Both tables as Markdown."""
    everything = np.full(len(result.net), True)
    kinds = [_kind(k) for k in result.kinds]
    lines = [
        f"**{title}**",
        "",
        "| snapshots | number | optimum kWh | least kWh | fair kWh | scaling kWh | least under scaling | least over optimum |",
        "|---|---|---|---|---|---|---|---|",
        _rows(result, everything, "all"),
        *(_rows(result, np.array([n == net for n in result.net]), net) for net in dict.fromkeys(result.net)),
        *(_rows(result, np.array([k == kind for k in kinds]), kind) for kind in sorted(set(kinds))),
        "",
        "| rule | kWh | worst driver, mean | worst driver, least | Jain by bus, mean | Jain by bus, least |",
        "|---|---|---|---|---|---|",
    ]
    for name in ORDER:
        one = result.outcomes[name]
        lines.append(
            f"| {name} | {sum(one.kwh):.1f} | {100 * np.mean(one.worst):.0f} % | {100 * min(one.worst):.0f} % "
            f"| {np.mean(one.jain):.3f} | {min(one.jain):.3f} |"
        )
    shares = 1.0 - np.array(result.outcomes["least-curtailment"].kwh) / np.array(
        result.outcomes["common scaling"].kwh
    )
    over = np.array(result.outcomes["least-curtailment"].kwh) / np.array(result.outcomes["optimum"].kwh) - 1.0
    lines.append(
        f"\nleast under scaling per snapshot: median {100 * np.median(shares):.1f} %, least {100 * shares.min():.1f} %; "
        f"least over optimum: median {100 * np.median(over):.2f} %, worst {100 * over.max():.2f} %; "
        f"rounds {np.mean(result.rounds):.2f}, fallbacks {result.fallbacks}, limits broken {result.broken}, "
        f"cuts violated by at most {result.cut_off_w:.3g} W"
    )
    return "\n".join(lines)


def main() -> None:
    """Print both settings."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--snapshots", type=int, default=50)
    args = parser.parse_args()
    each, more = divmod(args.snapshots, len(NETS))
    counts = {net: each + (k < more) for k, net in enumerate(NETS)}
    print(f"seed {args.seed}, {platform.machine()}, NumPy {np.__version__}")
    settings: tuple[tuple[Literal[1, 3], bool, bool], ...] = (
        (3, True, True),
        (3, False, True),
        (1, True, True),
        (1, False, True),
    )
    for phases, local, pilots in settings:
        title = ("three-phase" if phases == 3 else "symmetric") + (", transformer fits" if local else "")
        title += "" if pilots else ", any power"
        print(
            "\n" + report(study(counts, args.seed, phases=phases, local=local, pilots=pilots), title),
            flush=True,
        )


if __name__ == "__main__":
    main()
