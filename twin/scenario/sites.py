"""The `sites` section: places with stations, a price and shared limits."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from twin.scenario.fields import BusName, FilePath, Name, Number, Section, Share, Whole, wrong

Connection = Literal["L1L2L3", "L2L3L1", "L3L1L2", "L1", "L2", "L3", "L1-L2", "L2-L3", "L3-L1"]
"""The names of `twin.domain.specs.Connection`, which is not imported here because it needs numpy."""


def _split(value: Any) -> Any:
    """Read several numbers from one cell of a table."""
    if not isinstance(value, str):
        return value
    try:
        return [float(word) for word in value.split()]
    except ValueError:
        raise wrong(f"`{value}` is no list of numbers; separate them by spaces") from None


def _rotation(value: Any) -> Any:
    """Read what a cell of a table can only say as text, and refuse what is none of the three."""
    known = {True: True, False: False, "true": True, "false": False, "random": "random"}
    if not isinstance(value, bool | str) or value not in known:
        raise wrong(f"expected true, false or random, got {_said(value)}")
    return known[value]


def _said(value: Any) -> str:
    return f"`{value}`" if isinstance(value, str | int | float) else "something else"


Rotation = Annotated[
    bool | Literal["random"],
    BeforeValidator(_rotation),
    WithJsonSchema({"anyOf": [{"type": "boolean"}, {"const": "random"}]}),
]


class Charger(Section):
    """One kind of EVSE: how it is connected and what it can do."""

    connection: Connection = "L1L2L3"
    """Phases used: three-phase in one of its rotations, one phase, or line to line (208 V sites)."""
    rotate: Rotation = False
    """Give each further EVSE the next rotation of `connection`, or a `random` one, so that one-phase cars spread."""
    voltage_v: Annotated[Number, Field(ge=90, le=1_000)] | None = None
    """Across one phase of the EVSE; absent: 230 V, or 208 V line to line."""
    max_a: Annotated[Number, Field(ge=1, le=250)] = 16.0
    """Largest current per phase: 16 A on three phases are 11 kW, 32 A are 22 kW."""
    min_a: Annotated[Number, Field(ge=0, le=32)] = 6.0
    """Smallest pilot; below it the EVSE pauses (IEC 61851-1: 6 A)."""
    step_a: Annotated[Number, Field(ge=0, le=32)] = 0.0
    """Resolution of the pilot; 0 is continuous."""
    levels_a: Annotated[
        tuple[Annotated[Number, Field(gt=0, le=250)], ...], Field(max_length=64), BeforeValidator(_split)
    ] = ()
    """The only pilots that the EVSE can signal, ascending, without 0; empty: all."""
    dc_max_kw: Annotated[Number, Field(gt=0, le=4_000)] | None = None
    """Rated output of a DC charger; absent: AC."""
    efficiency_pct: Annotated[Number, Field(ge=50, le=100)] | None = None
    """Output over input; absent: 100 for AC, 94 for DC."""
    standby_w: Annotated[Number, Field(ge=0, le=5_000)] = 0.0
    """Drawn from the grid at all times."""
    meter_resolution_wh: Annotated[Number, Field(gt=0, le=10_000)] = 1.0
    """Smallest step of the billing register."""
    group: Name | None = None
    """Limit of the site that this charger hangs on; absent: the site's first limit without a parent."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.dc_max_kw is None and self.min_a > self.max_a:
            if "min_a" not in self.model_fields_set:
                least = f"the smallest pilot of {self.min_a:g} A (`min_a`)"
                raise wrong(
                    f"max_a {self.max_a:g} A is below {least}; raise it, or give a smaller `min_a`, too"
                )
            raise wrong(f"min_a {self.min_a:g} A is above max_a {self.max_a:g} A")
        if list(self.levels_a) != sorted(set(self.levels_a)):
            raise wrong("levels_a must ascend, each value once")
        if self.levels_a and self.step_a:
            raise wrong("give levels_a or step_a, not both")
        if self.dc_max_kw is not None and len(self.connection) != len("L1L2L3"):
            raise wrong(f"a DC charger needs three phases, not connection {self.connection}")
        return self


class EachLoad(Charger):
    """One station with one EVSE at the bus of each load of the grid."""

    share_pct: Share = 100.0
    """Share of the loads that have a station, drawn with the seed; a larger share keeps those of a smaller."""


class Station(Charger):
    """A station: EVSEs at one bus."""

    bus: BusName | None = None
    """Bus in the grid: its name if that is unique, else its index; required with a grid."""
    evses: Annotated[Whole, Field(ge=1, le=200)] = 1
    """How many cars can charge at a time."""


class Stations(Section):
    """The stations of a site: exactly one of the three."""

    each_load: EachLoad | None = None
    """A station at each load of the grid."""
    table: FilePath | None = None
    """A CSV file with a row per station: `station`, then any keys of a listed station as columns."""
    list_: Annotated[dict[Name, Station] | None, Field(alias="list")] = None
    """Stations by name."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if sum(x is not None for x in (self.each_load, self.table, self.list_)) != 1:
            raise wrong("give exactly one of `each_load`, `table` and `list`")
        return self


class Limit(Section):
    """A fuse, a transformer or a contract, shared by stations and by other limits."""

    limit_a: Annotated[Number, Field(gt=0, le=100_000)] | None = None
    """Per conductor, of the phasor sum of all currents below."""
    limit_kw: Annotated[Number, Field(gt=0, le=1_000_000)] | None = None
    """Of all power below."""
    parent: Name | None = None
    """Limit of the same site that this one hangs on."""

    @model_validator(mode="after")
    def _limits_something(self) -> Self:
        if self.limit_a is None and self.limit_kw is None:
            raise wrong("give `limit_a`, `limit_kw` or both")
        return self


class Site(Section):
    """A place with stations."""

    operator: Name = "operator"
    """Who runs the site and earns its revenue."""
    tariff: Name | None = None
    """Price, by its name in `tariffs`; absent: the only tariff, or free of charge without any."""
    distance_km: Annotated[Number, Field(ge=0, le=1_000)] = 0.0
    """From where drivers want to be; they prefer near sites when theirs is full."""
    limits: dict[Name, Limit] = Field(default_factory=dict)
    """Shared limits by name; those without a parent are the site's roots."""
    stations: Stations
    """What is there to charge at."""
