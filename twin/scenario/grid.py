"""The `grid` section: which feeder, its base load and its limits."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from twin.scenario.droop import GridDroop
from twin.scenario.fields import FilePath, Number, Section, Whole, wrong
from twin.scenario.switching import Switching


class Net(Section):
    """Where the feeder comes from: exactly one of the three."""

    simbench: Annotated[str, Field(examples=["1-LV-rural2--0-sw"])] | None = None
    """A SimBench code, for example `1-LV-rural2--0-sw` (scenario 0, with switches)."""
    builtin: Annotated[str, Field(examples=["create_kerber_dorfnetz"])] | None = None
    """A net that comes with pandapower, by the name of its function in `pandapower.networks`."""
    file: FilePath | None = None
    """A pandapower net: `.json` as written by `pp.to_json`, or `.xlsx` by `pp.to_excel`."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if sum(x is not None for x in (self.simbench, self.builtin, self.file)) != 1:
            raise wrong("give exactly one of `simbench`, `builtin` and `file`")
        return self


Scale = Annotated[Number, Field(ge=0, le=100)]
Interpolation = Literal["step", "linear"]
PhaseRule = Literal["balanced", "single", "uneven"]
Ratio = Annotated[Number, Field(gt=0, le=100)]

VECTOR_GROUPS = ("Dyn", "YNyn", "Yzn", "Yy", "Yd", "Dy", "Dd")
"""Those of `twin.grid.assume`, which needs numpy."""
_VECTOR_GROUP = rf"^({'|'.join(VECTOR_GROUPS)})([0-9]|1[01])?$"


def _vector_group(value: Any) -> Any:
    if isinstance(value, str) and not re.match(_VECTOR_GROUP, value):
        known = ", ".join(f"`{group}`" for group in VECTOR_GROUPS)
        raise wrong(f"`{value}` is no choice; known: {known}, with or without a clock number as in `Dyn5`")
    return value


def _phases(value: Any) -> Any:
    if isinstance(value, bool):
        raise wrong(f"{str(value).lower()} is no choice; known: `1`, `3`")
    return value


VectorGroup = Annotated[
    str,
    BeforeValidator(_vector_group),
    WithJsonSchema({"type": "string", "pattern": _VECTOR_GROUP, "examples": ["Dyn5"]}),
]


class SimbenchLoad(Section):
    """SimBench's own profiles: a year of quarter hours for every load and generator of the net."""

    source: Literal["simbench"]
    scale: Scale = 1.0
    """Factor on every load and generator."""
    interpolation: Interpolation = "step"
    """Between two rows: `step` holds the earlier one, `linear` draws a line."""
    phases: PhaseRule = "balanced"
    """With three phases: a third each, small ones on a `single` drawn phase, or `uneven` shares drawn for each load."""


class CsvLoad(Section):
    """Profiles from a file: first column `time`, then kW per load by its name, or `total_kw` for all."""

    source: Literal["csv"]
    file: FilePath
    """The profiles; they must cover the whole run."""
    time_zone: str | None = None
    """Zone of times without an offset, for example `UTC`; absent: the scenario's `time_zone`."""
    scale: Scale = 1.0
    """Factor on every load and generator."""
    interpolation: Interpolation = "step"
    """Between two rows: `step` holds the earlier one, `linear` draws a line."""
    phases: PhaseRule = "balanced"
    """With three phases: a third each, small ones on a `single` drawn phase, or `uneven` shares drawn for each load."""


class ConstantLoad(Section):
    """The loads and generators of the net as they are, all the time."""

    source: Literal["constant"]
    scale: Scale = 1.0
    """Factor on every load and generator."""
    phases: PhaseRule = "balanced"
    """With three phases: a third each, small ones on a `single` drawn phase, or `uneven` shares drawn for each load."""


class NoLoad(Section):
    """No base load and no generation: only EVSEs use the feeder."""

    source: Literal["none"]


BaseLoad = Annotated[SimbenchLoad | CsvLoad | ConstantLoad | NoLoad, Field(discriminator="source")]


class GridLimits(Section):
    """Limits for every element; what is absent comes from the net, or else has the value named here."""

    vm_min_pu: Annotated[Number, Field(ge=0.5, le=1)] | None = None
    """Lowest voltage; 0.9 (EN 50160) where the net has none."""
    vm_max_pu: Annotated[Number, Field(ge=1, le=1.5)] | None = None
    """Highest voltage; 1.1 (EN 50160) where the net has none."""
    line_loading_pct: Annotated[Number, Field(gt=0, le=500)] | None = None
    """Highest current of a line over its rating; 100 where the net has none."""
    trafo_loading_pct: Annotated[Number, Field(gt=0, le=500)] | None = None
    """Highest current of a transformer over its rating; 100 where the net has none."""
    voltage_unbalance_pct: Annotated[Number, Field(gt=0, le=100)] | None = None
    """Highest negative- over positive-sequence voltage, with three phases; 2 (EN 50160) if absent."""


class Assume(Section):
    """What to take, with three phases, where the net says nothing; every use is told in manifest and report."""

    vector_group: VectorGroup | None = None
    """Of transformers: how their windings are connected, with or without the clock number."""
    r0_r1: Ratio | None = None
    """Zero- over positive-sequence resistance of lines."""
    x0_x1: Ratio | None = None
    """Zero- over positive-sequence reactance of lines."""
    c0_c1: Ratio | None = None
    """Zero- over positive-sequence capacitance of lines."""
    vk0_vk: Ratio | None = None
    """Zero- over positive-sequence short-circuit voltage of transformers, its real part too."""
    mag0: Annotated[Number, Field(gt=0, le=1_000_000_000)] | None = None
    """Zero-sequence magnetising over short-circuit impedance of transformers."""
    s_sc_max_mva: Annotated[Number, Field(gt=0, le=1_000_000_000)] | None = None
    """Short-circuit power of the grid above."""


class Grid(Section):
    """The feeder. Without this section EVSEs are limited by their sites only."""

    net: Net
    """The model of the feeder."""
    base_load: BaseLoad | None = None
    """What everybody else draws; absent: `simbench` for a SimBench net, else `constant`."""
    phases: Annotated[Literal[1, 3], BeforeValidator(_phases)] = 1
    """3 solves each phase, with unbalance; 1 takes the feeder as symmetric: all phases alike."""
    assume: Assume = Assume()
    """What the net does not say and a power flow of three phases needs."""
    power_flow_every: Annotated[Whole, Field(ge=1, le=288)] = 1
    """Solve the feeder at every n-th control tick."""
    limits: GridLimits = GridLimits()
    """What counts as a violation."""
    droop: GridDroop | None = None
    """How chargers and inverters answer to their voltage; absent: not at all."""
    switching: tuple[Switching, ...] = ()
    """What is opened and closed during the run, in order of time."""

    @property
    def profile(self) -> SimbenchLoad | CsvLoad | ConstantLoad | NoLoad:
        """The base load with its default resolved."""
        if self.base_load is not None:
            return self.base_load
        if self.net.simbench is not None:
            return SimbenchLoad(source="simbench")
        return ConstantLoad(source="constant")
