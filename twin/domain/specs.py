"""What a run is made of, as plain frozen data: what adapters take instead of scenario models."""

from __future__ import annotations

import cmath
import math
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # ids needs numpy for its arrays; scenarios are checked without it
    from twin.domain.ids import DriverId, EvseId, SiteId, StationId

_A = cmath.exp(2j * math.pi / 3)
_LINE_TO_NEUTRAL = {"L1": 1.0 + 0j, "L2": _A**2, "L3": _A}


class Connection(Enum):
    """How an EVSE is connected to the three conductors of its bus.

    Three-phase connections differ by their rotation: a car that charges on one phase uses the first
    one named, on two phases the first two. Line-to-line connections are those of 208 V sites.
    """

    L1L2L3 = "L1L2L3"
    L2L3L1 = "L2L3L1"
    L3L1L2 = "L3L1L2"
    L1 = "L1"
    L2 = "L2"
    L3 = "L3"
    L1_L2 = "L1-L2"
    L2_L3 = "L2-L3"
    L3_L1 = "L3-L1"

    @property
    def line_to_line(self) -> bool:
        """Whether the EVSE sits between two conductors instead of conductor and neutral."""
        return "-" in self.value

    @property
    def conductors(self) -> tuple[int, ...]:
        """Indices 0..2 of the conductors used, in the order of the rotation."""
        digits = (c for c in self.value if c.isdigit())
        return tuple(int(c) - 1 for c in digits)

    @property
    def phases(self) -> int:
        """Number of phases (in OCPP's sense) that a car can use here: 1 or 3."""
        return 1 if self.line_to_line else len(self.conductors)

    def phasors(self, phases_used: int) -> tuple[complex, complex, complex]:
        """Line currents (L1, L2, L3) in A per A of pilot current, at unity power factor.

        Args:
            phases_used: 1 to `phases`; a line-to-line EVSE always uses its two conductors.
        """
        out = [0j, 0j, 0j]
        if self.line_to_line:
            first, second = self.conductors
            across = _unit(first) - _unit(second)
            out[first] = across / abs(across)
            out[second] = -out[first]
        else:
            for conductor in self.conductors[:phases_used]:
                out[conductor] = _unit(conductor)
        return out[0], out[1], out[2]


def _unit(conductor: int) -> complex:
    return _LINE_TO_NEUTRAL[f"L{conductor + 1}"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvseSpec:
    """One EVSE: an outlet that charges one car at a time (OCPP 2.0.1's sense)."""

    id: EvseId
    station: StationId
    site: SiteId
    bus: str | None
    """Name of the bus in the grid model; None without a grid."""
    connection: Connection = Connection.L1L2L3
    voltage_v: float = 230.0
    """Nominal voltage across one phase of the EVSE: line to neutral, or line to line on 208 V sites."""
    max_a: float = 16.0
    """Largest current per phase; for DC, unused."""
    min_a: float = 6.0
    """Smallest pilot of IEC 61851-1; below it the EVSE pauses."""
    step_a: float = 0.0
    """Resolution of the pilot in A; 0 is continuous."""
    levels_a: tuple[float, ...] = ()
    """The only pilots this EVSE can signal, ascending, without 0; empty: any multiple of `step_a`."""
    dc_max_w: float | None = None
    """Rated DC output; None for an AC EVSE. A DC EVSE is limited in W and has no 6 A floor."""
    efficiency: float = 1.0
    """Output over input of the EVSE itself: 1 for AC, typically 0.94 for DC."""
    standby_w: float = 0.0
    """Drawn by the EVSE from the grid at all times it has power; behind no driver's meter."""
    meter_resolution_wh: float = 1.0
    """Smallest step of the billing register."""

    @property
    def floor_a(self) -> float:
        """Smallest pilot that this EVSE can really signal: `min_a`, raised to a level or step."""
        if self.levels_a:
            return min((a for a in self.levels_a if a >= self.min_a), default=self.min_a)
        if self.step_a:
            return math.ceil(self.min_a / self.step_a - 1e-9) * self.step_a
        return self.min_a

    @property
    def even_step_a(self) -> float:
        """Step that plans can count on: `step_a`, or the distance of evenly spaced levels; 0: none."""
        levels = self.levels_a
        if len(levels) < 2:
            return self.step_a
        step = levels[1] - levels[0]
        even = all(abs(a - (k + round(levels[0] / step)) * step) < 1e-9 for k, a in enumerate(levels))
        return step if even else 0.0

    @property
    def max_w(self) -> float:
        """Rated output at the connector."""
        if self.dc_max_w is not None:
            return self.dc_max_w
        return self.max_a * self.voltage_v * self.connection.phases


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitGroup:
    """A fuse, a transformer, a contract: a limit shared by EVSEs and by other groups."""

    name: str
    parent: str | None = None
    limit_a: float = math.inf
    """Per conductor, of the phasor sum of the currents below."""
    limit_w: float = math.inf
    """Of the sum of the powers below, on the grid's side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteSpec:
    """A place with stations, a price and its own limits."""

    id: SiteId
    operator: str
    tariff: str
    distance_km: float = 0.0
    groups: tuple[LimitGroup, ...] = ()
    """The site's limit groups; those without a parent are its roots."""
    group_of_station: dict[StationId, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class VehicleSpec:
    """One model of the catalogue."""

    model: str
    usable_wh: float
    ac_phases: int
    ac_max_w: float
    """On-board charger, at its input."""
    dc_max_w: float
    """Peak power of the battery at a DC charger; what `taper_*` shape; > 0 for every car."""
    taper_soc: float
    """State of charge (0..1) up to which the battery takes `dc_max_w`."""
    taper_end: float
    """Battery power at 100 % over `dc_max_w`; between, power falls linearly with state of charge."""
    ac_efficiency: float = 0.90
    """Battery over input of the on-board charger, after standby."""
    dc_efficiency: float = 0.98
    """Battery over connector at DC."""
    standby_w: float = 150.0
    """Drawn by the car's electronics while energy is transferred; never reaches the battery."""
    dc: bool = True
    """Whether the car can charge at a DC connector."""

    @property
    def ac_max_a(self) -> float:
        """Largest current per phase that the on-board charger takes at 230 V."""
        return self.ac_max_w / (self.ac_phases * 230.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverSpec:
    """Who a driver is: what population agents are made from."""

    id: DriverId
    archetype: str
    """home, work, public or replay."""
    vehicle: int
    """Index into the run's vehicles."""
    sites: tuple[SiteId, ...]
    """Where the driver may charge, in order of preference."""
    if_full: str = "wait"
    """wait, leave or elsewhere: what the driver does when every connector is taken."""
    token: str = ""
    """RFID or contract; empty: the driver's id."""
    group: str = ""
    """The scenario's group of drivers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultSpec:
    """Something that breaks, by scenario."""

    kind: str
    """outage (no power), offline (no communication) or stuck-meter (the register stands still)."""
    evses: tuple[EvseId, ...]
    start_s: float
    end_s: float
