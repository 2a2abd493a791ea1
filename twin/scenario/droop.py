"""The section `grid.droop`: how chargers and inverters answer to their voltage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from twin.domain.droop import VOLT_VAR, VOLT_WATT, Curve, Droop, Kind, parse_curve, power_factor_of
from twin.scenario.fields import Number, Section, wrong

Point = Annotated[list[Annotated[Number, Field(ge=-1, le=1.5)]], Field(min_length=2, max_length=2)]
"""Voltage in pu, then a share."""
Points = Annotated[list[Point], Field(min_length=2, max_length=20, examples=[[[0.92, 0.44], [0.98, 0.0]]])]
PowerFactor = Annotated[Number, Field(ge=0, le=1)]


class EvseDroop(Section):
    """Of every EVSE. A unit on several phases sees their mean voltage."""

    volt_var: Literal["vde-4105", "ieee-1547-a", "ieee-1547-b"] | Points | None = None
    """Reactive power supplied, share of the rated apparent power: a standard, or [voltage in pu, share], ascending."""
    volt_watt: Points | None = None
    """Highest charging power, share of the rated power: [voltage in pu, share], never falling. Acts as a limit."""
    min_power_factor: PowerFactor = 0.9
    """Smallest power factor; active power over it is the rated apparent power. 0: any."""

    @model_validator(mode="after")
    def _usable(self) -> Self:
        evse_droop(self)
        return self


class PvDroop(Section):
    """Of every generator of the feeder. A unit on several phases sees their mean voltage."""

    volt_var: Literal["vde-4105", "ieee-1547-a", "ieee-1547-b"] | Points | None = None
    """Reactive power supplied, share of the rated apparent power: a standard, or [voltage in pu, share], ascending."""
    volt_watt: Literal["ieee-1547"] | Points | None = None
    """Highest generation, share of the rated power: a standard, or [voltage in pu, share], never rising."""
    min_power_factor: PowerFactor | None = None
    """Smallest power factor; if absent, 0.9 with `vde-4105`, else any. 0: any."""

    @model_validator(mode="after")
    def _usable(self) -> Self:
        pv_droop(self)
        return self


class GridDroop(Section):
    """How chargers and inverters answer to the voltage at their own terminals, in every power flow."""

    evse: EvseDroop | None = None
    """Chargers; absent: they draw active power only, whatever the voltage."""
    pv: PvDroop | None = None
    """Generators; absent: they follow their profiles, whatever the voltage."""


def evse_droop(section: EvseDroop) -> Droop:
    """Return the characteristics of the EVSEs."""
    return _droop("evse", section.volt_var, section.volt_watt, section.min_power_factor)


def pv_droop(section: PvDroop) -> Droop:
    """Return the characteristics of the generators."""
    factor = section.min_power_factor
    return _droop(
        "pv",
        section.volt_var,
        section.volt_watt,
        power_factor_of(section.volt_var) if factor is None else factor,
    )


def _droop(
    kind: Kind,
    volt_var: str | list[Point] | None,
    volt_watt: str | list[Point] | None,
    min_power_factor: float,
) -> Droop:
    if volt_var is None and volt_watt is None:
        raise wrong("give `volt_var`, `volt_watt` or both")
    try:
        return Droop(
            kind=kind,
            volt_var=_curve(volt_var, VOLT_VAR),
            volt_watt=_curve(volt_watt, VOLT_WATT),
            min_power_factor=min_power_factor,
        )
    except ValueError as exc:
        raise wrong(str(exc)) from None


def _curve(given: str | list[Point] | None, names: Mapping[str, Curve]) -> Curve | None:
    return None if given is None else parse_curve(given, names)
