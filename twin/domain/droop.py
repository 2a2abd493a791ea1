"""What a droop is: characteristics over the voltage, by standard or by points. Plain numbers, read without numpy.

A characteristic is a piecewise-linear curve over the voltage magnitude in pu, flat beyond its ends. Volt-VAR
gives the reactive power supplied to the grid (positive raises the voltage) as a share of the rated apparent
power; Volt-Watt the highest active power as a share of the rated active power. `twin.grid.droop` has the units
that follow them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from twin.domain.ids import Vector

Kind = Literal["evse", "pv"]


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
    if any(after > before if falling else after < before for before, after in pairwise(curve.shares)):
        way, why = ("rise", "lower") if falling else ("fall", "raise")
        raise ValueError(
            f"{name}: shares must never {way} with the voltage, got {list(curve.points)}: "
            f"a droop has to {why} the voltage where it is too {'high' if falling else 'low'}"
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
