"""The scenario: what a planner writes, checked and frozen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, PrivateAttr, model_validator

from twin.scenario.drivers import Drivers
from twin.scenario.fields import Flag, Instant, Name, Number, Section, Share, Whole, wrong
from twin.scenario.grid import Grid
from twin.scenario.payments import Payments
from twin.scenario.sites import Site
from twin.scenario.tariffs import FREE, Tariff

OptionValue = bool | int | float | str | list[float] | list[str] | None


class Vehicles(Section):
    """Which cars drive here."""

    mix: Annotated[dict[str, Annotated[Number, Field(gt=0, le=1_000_000)]], Field(min_length=1)] | None = None
    """Models of the catalogue with their weights; absent: the mix that comes with the catalogue."""


class StrategyChoice(Section):
    """A strategy by name, with its options."""

    name: Name
    """As listed by `twin strategies`."""
    options: dict[str, OptionValue] = Field(default_factory=dict)
    """The fields of the strategy; absent ones have their defaults."""


def _by_name(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


class Guard(Section):
    """Keep the feeder within its limits, whatever the strategy plans; needs a grid."""

    forecast: Literal["persistence", "perfect"] = "persistence"
    """How the base load of the next interval is foreseen: as in the last one, or known."""
    margin_pct: Share = 5.0
    """Kept free for what the forecast misses: percent of a loading or unbalance limit, or of a voltage limit's distance from 1 pu."""
    rule: Literal["least-curtailment", "fair", "urgent-first"] = "least-curtailment"
    """Who gives way: whoever helps most, less so who is urgent; all behind a limit by the same share; or the least urgent."""
    floor_kw: Annotated[float, Field(ge=0, le=1_000)] = 0.0
    """Power every EVSE keeps unless even that is too much for the feeder: 4.2 in section 14a of the German EnWG; 0: none."""


class Fault(Section):
    """Something that breaks."""

    kind: Literal["outage", "offline", "stuck-meter"]
    """No power, no communication, or a billing register that stands still."""
    evses: Annotated[tuple[str, ...], Field(min_length=1)]
    """EVSEs, as `station/number`: `depot-1/2` is the second of station `depot-1`."""
    from_: Annotated[Instant, Field(alias="from")]
    """Begin."""
    until: Instant
    """End."""

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.until <= self.from_:
            raise wrong("`until` must be later than `from`")
        return self


def _number(value: Any) -> Any:
    """A version that looks like a number may be written without quotes."""
    return str(value) if type(value) is float else value


class Virtual(Section):
    """Stations that speak OCPP over sockets on this machine with a central system in the same process."""

    version: Annotated[Literal["1.6", "2.0.1", "2.1"], BeforeValidator(_number)] = "2.0.1"
    """Version of OCPP."""
    stations: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    """Which stations, by name; the others stay simulated. Absent: all."""
    sample_interval_s: Annotated[Whole, Field(ge=1, le=86_400)] | None = None
    """How often meters are read during a transaction, counted from midnight UTC; absent: once per `period_s`."""
    trace: Flag = False
    """Keep every message in `messages.jsonl`, beside the tables."""


class Run(Section):
    """How time passes and where stations are; always in one process and as fast as possible."""

    mode: Literal["simulated", "virtual"] = "simulated"
    """`virtual`: stations are reached over OCPP; the tables are the same to the meter's resolution."""
    virtual: Virtual = Virtual()
    """How stations are reached where the mode is `virtual`."""


class Scenario(Section):
    """One run: a feeder, sites with stations, drivers who come to them, and a strategy."""

    schema_version: Literal[1] = 1
    """Version of this language."""
    description: str = ""
    """What the scenario shows, for the report."""
    start: Instant
    """First instant, with UTC offset: `2016-01-18T00:00:00+01:00`."""
    days: Annotated[Number, Field(gt=0, le=3_660)]
    """Length in civil days: a week ends at the same time of day, whether or not the clocks change."""
    time_zone: str = "UTC"
    """IANA name, for example `Europe/Berlin`: civil time of tariffs, arrivals and reports."""
    period_s: Annotated[Whole, Field(ge=1, le=3_600)] = 300
    """Control tick."""
    seed: Annotated[Whole, Field(ge=0, lt=2**63)] = 1
    """Of every random draw: the same seed gives the same tables."""
    grid: Grid | None = None
    """The feeder; absent: sites have only their own limits."""
    tariffs: dict[Name, Tariff] = Field(default_factory=dict)
    """Prices by name."""
    payments: Payments | None = None
    """How drivers pay; absent: everybody is let in at once, and bills are written but not collected."""
    sites: Annotated[dict[Name, Site], Field(min_length=1)]
    """Places with stations, by name."""
    drivers: Annotated[dict[Name, Drivers], Field(min_length=1)]
    """Groups of drivers, by name."""
    vehicles: Vehicles = Vehicles()
    """Which cars drive here."""
    strategy: Annotated[
        StrategyChoice, BeforeValidator(_by_name, json_schema_input_type=Name | StrategyChoice)
    ] = StrategyChoice(name="uncontrolled")
    """Who gets how much when not everybody can have all: a name, or `{name: .., options: {..}}`."""
    plan_on_arrival: Flag = True
    """Divide power anew whenever a car is plugged in; false: a new car waits for the next tick."""
    guard: Guard | None = None
    """Power flow before every decision; absent: none."""
    faults: tuple[Fault, ...] = ()
    """What breaks, and when."""
    run: Run = Run()
    """How time passes and where stations are."""

    _path: Path = PrivateAttr(default=Path("scenario.yaml"))

    @property
    def path(self) -> Path:
        """The file that was loaded."""
        return self._path

    @property
    def name(self) -> str:
        """The file's name without its suffix."""
        return self._path.stem

    @property
    def base_dir(self) -> Path:
        """Where the relative paths of the scenario begin."""
        return self._path.parent

    @property
    def zone(self) -> ZoneInfo:
        """Civil time of the scenario."""
        return ZoneInfo(self.time_zone)

    @property
    def end(self) -> datetime:
        """End of the run, in UTC: `days` civil days after the start."""
        return end_of_run(self.start, self.days, self.zone)

    @property
    def duration_s(self) -> float:
        """Length of the run in seconds; a whole number of periods."""
        return (self.end - self.start).total_seconds()

    def tariff_of(self, site: str) -> str:
        """Return the name of a site's tariff: its own, the only one, or `free`."""
        named = self.sites[site].tariff
        if named is not None:
            return named
        return next(iter(self.tariffs)) if len(self.tariffs) == 1 else FREE

    def named(self, name: str) -> Self:
        """Give a variant a name of its own: a sweep needs one for each, and tables and figures show it."""
        return self.located(self.path.with_name(f"{name}{self.path.suffix}"))

    def located(self, path: Path) -> Self:
        """Remember the file that this scenario came from."""
        copy = self.model_copy()
        copy._path = path  # noqa: SLF001 -- our own class; the field is no part of the scenario's content
        return copy


def end_of_run(start: datetime, days: float, zone: ZoneInfo) -> datetime:
    """Return the instant `days` civil days after `start`, in UTC; a part of a day has its share of 24 h."""
    whole = int(days)
    civil = start.astimezone(zone)
    midnight = (civil + timedelta(days=whole)).replace(fold=civil.fold)
    return midnight.astimezone(UTC) + timedelta(seconds=round((days - whole) * 86_400))
