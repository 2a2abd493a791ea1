"""Volt-VAR and Volt-Watt droop: how inverters and chargers answer to the voltage at their own terminals.

A characteristic is a piecewise-linear curve over the voltage magnitude in pu, flat beyond its ends. Volt-VAR
gives the reactive power supplied to the grid (positive raises the voltage) as a share of the rated apparent
power; Volt-Watt the highest active power as a share of the rated active power. Active power has priority:
what is left of the rated apparent power, and of the power factor, limits the reactive power.

Voltage rule: a unit on one phase sees that phase; a unit on several sees the mean of the magnitudes of its
phases, each weighted by the share of its power there, and divides its reactive power like its active power.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import Literal, NamedTuple

import numpy as np

from twin.domain.ids import Matrix, Rows, Vector

Kind = Literal["evse", "pv"]
_SLOPE_PU = 1e-7
"""Forward difference of the curves' slopes."""


@dataclass(frozen=True, slots=True)
class Curve:
    """Piecewise-linear share over voltage.

    Attributes:
        points: (voltage in pu, share), voltages ascending.
    """

    points: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        """Refuse what is no function of the voltage."""
        if len(self.points) < 2:
            raise ValueError(f"a curve needs at least two points, got {len(self.points)}")
        v = [p[0] for p in self.points]
        if not all(math.isfinite(x) for p in self.points for x in p):
            raise ValueError(f"a curve needs finite numbers, got {self.points}")
        if not all(a < b for a, b in pairwise(v)):
            raise ValueError(f"the voltages of a curve must ascend, got {v}")

    def __call__(self, vm_pu: Vector) -> Vector:
        """Return the share at each voltage."""
        v, share = zip(*self.points, strict=True)
        return np.asarray(np.interp(vm_pu, v, share))

    @property
    def shares(self) -> tuple[float, ...]:
        """Of every point, in the order of voltage."""
        return tuple(p[1] for p in self.points)

    @property
    def steepest(self) -> float:
        """Largest change of the share per pu."""
        return max(abs((b[1] - a[1]) / (b[0] - a[0])) for a, b in pairwise(self.points))


_SIN_90 = math.sin(math.acos(0.9))

VOLT_VAR: Mapping[str, Curve] = MappingProxyType(
    {
        "vde-4105": Curve(((0.93, _SIN_90), (0.97, 0.0), (1.03, 0.0), (1.07, -_SIN_90))),
        "ieee-1547-a": Curve(((0.90, 0.25), (1.00, 0.0), (1.10, -0.25))),
        "ieee-1547-b": Curve(((0.92, 0.44), (0.98, 0.0), (1.02, 0.0), (1.08, -0.44))),
    }
)
"""Standard Q(U) characteristics.

`vde-4105`: VDE-AR-N 4105:2018-11, 5.7.2.4, standard characteristic of units above 4.6 kVA (power factor 0.9).
`ieee-1547-a`, `ieee-1547-b`: IEEE 1547-2018, table 8, default settings of categories A and B.
"""
VOLT_WATT: Mapping[str, Curve] = MappingProxyType({"ieee-1547": Curve(((1.06, 1.0), (1.10, 0.2)))})
"""Standard P(U) characteristics of generation. `ieee-1547`: IEEE 1547-2018, table 10, default settings."""
_POWER_FACTORS: Mapping[str, float] = MappingProxyType({"vde-4105": 0.9})


@dataclass(frozen=True, slots=True, kw_only=True)
class Droop:
    """The characteristics of one kind of unit.

    Attributes:
        kind: `evse` draws: its Volt-Watt lowers the power at low voltage. `pv` generates: its Volt-Watt
            lowers the power at high voltage.
        volt_var: Reactive power supplied, share of the rated apparent power.
        volt_watt: Highest active power, share of the rated active power.
        min_power_factor: Smallest power factor at any active power; 0 leaves it to the rated apparent power.
            It also makes the rated apparent power of a unit that names none: active power over it.
    """

    kind: Kind
    volt_var: Curve | None = None
    volt_watt: Curve | None = None
    min_power_factor: float = 0.9

    def __post_init__(self) -> None:
        """Refuse curves that would push the voltage away: they have no stable answer."""
        if not 0.0 <= self.min_power_factor <= 1.0:
            raise ValueError(f"min_power_factor must be from 0 to 1, got {self.min_power_factor}")
        if self.volt_var is not None:
            _check(f"{self.kind}.volt_var", self.volt_var, -1.0, falling=True)
        if self.volt_watt is not None:
            _check(f"{self.kind}.volt_watt", self.volt_watt, 0.0, falling=self.kind == "pv")

    def rated_va(self, rated_w: Vector) -> Vector:
        """Return the apparent power of units that name only their active power."""
        return rated_w / (self.min_power_factor or 0.9)


def _check(name: str, curve: Curve, lowest: float, *, falling: bool) -> None:
    if not all(lowest <= s <= 1.0 for s in curve.shares):
        raise ValueError(f"{name}: shares must be from {lowest:g} to 1, got {list(curve.shares)}")
    steps = np.diff(curve.shares)
    if (steps > 0.0).any() if falling else (steps < 0.0).any():
        way, why = ("rise", "lower") if falling else ("fall", "raise")
        raise ValueError(
            f"{name}: shares must never {way} with the voltage, got {list(curve.points)}: "
            f"a droop has to {why} the voltage where it is too {'high' if falling else 'low'}"
        )


class Answer(NamedTuple):
    """What units do at their voltages, (u,) each."""

    p_w: Vector
    """Active power, drawn by an EVSE, generated by an inverter."""
    supplied_var: Vector
    """Reactive power that Volt-VAR supplies to the grid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Units of one kind that answer to their voltage in one solve, u of them.

    Attributes:
        droop: Their characteristics.
        bus: (u,) position in the feeder's buses.
        shares: (u, phases) share of power per phase; each row sums to 1.
        available_w: (u,) active power without droop: what an EVSE draws (negative: discharges), or what
            the sun gives.
        own_q_var: (u, phases) reactive power drawn beside Volt-VAR, in proportion to the active power.
        rated_w: (u,) rated active power.
        rated_va: (u,) rated apparent power.
    """

    droop: Droop
    bus: Rows
    shares: Matrix
    available_w: Vector
    own_q_var: Matrix
    rated_w: Vector
    rated_va: Vector

    def sees(self, vm_pu: Matrix) -> Vector:
        """Return (u,) voltage of each unit for (nb, phases) of the feeder."""
        return np.asarray((self.shares * vm_pu[self.bus]).sum(axis=1))

    def answer(self, seen_pu: Vector) -> Answer:
        """Return what the units do at their voltages (u,)."""
        droop, p_w = self.droop, self.available_w
        if droop.volt_watt is not None:
            p_w = np.minimum(p_w, droop.volt_watt(seen_pu) * self.rated_w)
        if droop.volt_var is None:
            return Answer(p_w, np.zeros(len(p_w)))
        room = np.sqrt(np.maximum(self.rated_va**2 - p_w**2, 0.0))
        if droop.min_power_factor > 0.0:
            room = np.minimum(room, np.abs(p_w) * math.tan(math.acos(droop.min_power_factor)))
        wanted = np.clip(droop.volt_var(seen_pu) * self.rated_va, -room, room)
        return Answer(p_w, np.where(self.available_w != 0.0, wanted, 0.0))  # at night an inverter is off

    def drawn(self, answer: Answer) -> tuple[Matrix, Matrix]:
        """Return (u, phases) active and reactive power, positive draws."""
        drawn_w = answer.p_w if self.droop.kind == "evse" else -answer.p_w
        kept = np.divide(
            answer.p_w, self.available_w, out=np.ones(len(answer.p_w)), where=self.available_w != 0.0
        )
        return (
            self.shares * drawn_w[:, None],
            self.own_q_var * kept[:, None] - self.shares * answer.supplied_var[:, None],
        )

    def slopes(self, seen_pu: Vector) -> tuple[Vector, Vector]:
        """Return (u,) change of the active and reactive power drawn per pu of voltage."""
        here, there = self.answer(seen_pu), self.answer(seen_pu + _SLOPE_PU)
        sign = 1.0 if self.droop.kind == "evse" else -1.0
        return (
            sign * (there.p_w - here.p_w) / _SLOPE_PU,
            -(there.supplied_var - here.supplied_var) / _SLOPE_PU,
        )


def parse_curve(given: str | Sequence[Sequence[float]], named_curves: Mapping[str, Curve]) -> Curve:
    """Return the named standard characteristic, or the one made of [voltage, share] pairs.

    Raises:
        ValueError: An unknown name or pairs that make no curve; says which names there are.
    """
    if isinstance(given, str):
        if given not in named_curves:
            raise ValueError(f"no characteristic `{given}`, there are {', '.join(named_curves) or 'none'}")
        return named_curves[given]
    if any(len(pair) != 2 for pair in given):
        raise ValueError(f"a curve is a list of [voltage in pu, share], got {given}")
    return Curve(tuple((float(v), float(share)) for v, share in given))


def power_factor_of(given: str | Sequence[Sequence[float]] | None) -> float:
    """Return the smallest power factor that goes with a characteristic by its standard; 0 where none does."""
    return _POWER_FACTORS.get(given, 0.0) if isinstance(given, str) else 0.0
