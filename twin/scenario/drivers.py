"""The `drivers` section: who comes, when, for how long, and with what need."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from twin.scenario.fields import FilePath, Name, Number, Section, Share, Whole, wrong

Correlation = Annotated[Number, Field(ge=-0.99, le=0.99)]
TargetSoc = Annotated[Number, Field(ge=10, le=100)]


class Peak(Section):
    """A normal distribution of the hour of arrival, one part of a mixture; wraps at midnight."""

    share: Annotated[Number, Field(gt=0, le=1_000)] = 1.0
    """Weight among the peaks of the same day."""
    mean_h: Annotated[Number, Field(ge=0, lt=24)]
    """Centre, in civil hours: 17.5 is half past five in the afternoon."""
    sd_h: Annotated[Number, Field(gt=0, le=12)]
    """Standard deviation in hours."""


class Arrival(Section):
    """The hour of arrival as a mixture of peaks."""

    weekday: Annotated[tuple[Peak, ...], Field(min_length=1, max_length=12)]
    """Monday to Friday."""
    weekend: Annotated[tuple[Peak, ...], Field(max_length=12)] | None = None
    """Saturday and Sunday; absent: as on weekdays; empty: nobody comes."""
    visits_per_weekday: Annotated[Number, Field(ge=0, le=20)] = 1.0
    """Mean visits of a driver on a weekday; up to 1 it is the probability of the one visit."""
    visits_per_weekend_day: Annotated[Number, Field(ge=0, le=20)] | None = None
    """Mean visits of a driver on a Saturday or Sunday; absent: as on weekdays."""


class Stay(Section):
    """How long a car stays."""

    mean_h: Annotated[Number, Field(gt=0, le=240)]
    """Mean in hours."""
    sd_h: Annotated[Number, Field(ge=0, le=240)]
    """Standard deviation in hours."""
    shape: Literal["lognormal", "normal", "gamma"] = "lognormal"
    """Distribution before it is cut at its bounds."""
    min_h: Annotated[Number, Field(ge=0, le=240)] = 0.1
    """Shortest stay in hours."""
    max_h: Annotated[Number, Field(gt=0, le=240)] = 240.0
    """Longest stay in hours."""

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.min_h >= self.max_h:
            raise wrong(f"min_h {self.min_h:g} h must be below max_h {self.max_h:g} h")
        return self


class Energy(Section):
    """What a driver wants, at the connector."""

    mean_kwh: Annotated[Number, Field(gt=0, le=500)]
    """Mean in kWh."""
    sd_kwh: Annotated[Number, Field(ge=0, le=500)]
    """Standard deviation in kWh."""
    shape: Literal["lognormal", "normal", "gamma"] = "lognormal"
    """Distribution before it is cut at its bounds and at what fits into the battery."""
    min_kwh: Annotated[Number, Field(gt=0, le=500)] = 0.5
    """Least energy in kWh."""
    max_kwh: Annotated[Number, Field(gt=0, le=500)] = 500.0
    """Most energy in kWh."""

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.min_kwh >= self.max_kwh:
            raise wrong(f"min_kwh {self.min_kwh:g} kWh must be below max_kwh {self.max_kwh:g} kWh")
        return self


class Parametric(Section):
    """Demand from distributions with given parameters."""

    arrival: Arrival
    """When a visit begins."""
    stay: Stay
    """How long it lasts."""
    energy: Energy
    """What it needs."""
    stay_energy_correlation: Correlation = 0.0
    """Rank correlation of stay and energy."""
    target_soc_pct: TargetSoc = 100.0
    """State of charge that the energy leads to, where the battery is large enough."""


class Fitted(Section):
    """Demand from distributions fitted to recorded sessions."""

    fitted: Literal["residential-norway"]
    """Which data set: 6,878 sessions in apartment buildings in Trondheim (doi:10.17632/jbks2rcwyj)."""
    users: Literal["all", "private", "shared"] = "all"
    """Whose habits: of recorded users with a charger of their own, of those who shared one, or of both."""
    visits_per_week: Annotated[Number, Field(gt=0, le=100)] | None = None
    """Mean number of visits of one driver; absent: as recorded."""


def _demand(value: Any) -> str:
    """Which kind of demand a mapping means, even if a key is misspelt."""
    if isinstance(value, dict):
        return "parametric" if any(key in value for key in Parametric.model_fields) else "fitted"
    return "parametric" if isinstance(value, Parametric) else "fitted"


Demand = Annotated[
    Annotated[Fitted, Tag("fitted")] | Annotated[Parametric, Tag("parametric")], Discriminator(_demand)
]


class PublicDemand(Section):
    """Visits of strangers: a rate with a shape over the day."""

    visits_per_weekday: Annotated[Number, Field(gt=0, le=100_000)]
    """Mean number of arrivals of the whole group on a weekday."""
    visits_per_weekend_day: Annotated[Number, Field(ge=0, le=100_000)] | None = None
    """Mean number of arrivals on a Saturday or Sunday; absent: as on weekdays."""
    hourly_share: Annotated[
        tuple[Annotated[Number, Field(ge=0, le=1_000_000)], ...], Field(min_length=24, max_length=24)
    ]
    """Weights of the 24 civil hours, from midnight; any scale."""
    stay: Stay
    """How long a visit lasts."""
    energy: Energy
    """What it needs."""
    stay_energy_correlation: Correlation = 0.0
    """Rank correlation of stay and energy."""
    target_soc_pct: TargetSoc = 80.0
    """State of charge that the energy leads to, where the battery is large enough."""

    @model_validator(mode="after")
    def _somebody_comes(self) -> Self:
        if not any(self.hourly_share):
            raise wrong("hourly_share is zero in every hour; give at least one a weight")
        return self


class Says(Section):
    """What drivers tell the app, and how well they know it."""

    departure: Literal["exact", "none"] = "exact"
    """Whether they say when they will leave."""
    departure_error_min: Annotated[Number, Field(ge=0, le=1_440)] = 0.0
    """Standard deviation of the error in minutes."""
    energy: Literal["exact", "none"] = "exact"
    """Whether they say how much they need."""
    energy_error_pct: Share = 0.0
    """Standard deviation of the error in percent of the need."""


IfFull = Literal["wait", "leave", "elsewhere"]
Patience = Annotated[Number, Field(ge=0, le=10_080)]


class Group(Section):
    """What all groups of drivers have in common."""

    sites: tuple[Name, ...] = ()
    """Where they may charge, in order of preference; empty: at every site."""
    says: Says = Says()
    """What they tell the app."""


class HomeDrivers(Group):
    """Households: drivers bound to the chargers of their sites, or `count` of them who share these."""

    archetype: Literal["home"]
    per_evse: Annotated[Number, Field(gt=0, le=20)] | None = None
    """Drivers bound to each EVSE of the sites; absent and without `count`: 1."""
    count: Annotated[Whole, Field(ge=1, le=1_000_000)] | None = None
    """Number of drivers who take any free EVSE of the sites."""
    demand: Demand = Fitted(fitted="residential-norway")
    """When they come and what they need."""
    patience_min: Patience = 1_440.0
    """How long they wait for a connector before they give up."""
    if_full: IfFull = "wait"
    """What they do when every connector is taken."""

    @model_validator(mode="after")
    def _one_size(self) -> Self:
        if self.per_evse is not None and self.count is not None:
            raise wrong("give `per_evse` or `count`, not both")
        return self


class WorkDrivers(Group):
    """Employees: often more drivers than connectors, present during working hours."""

    archetype: Literal["work"]
    count: Annotated[Whole, Field(ge=1, le=1_000_000)]
    """Number of drivers."""
    demand: Demand | None = None
    """When they come and what they need; absent: office hours, some 12 kWh a day (an assumption)."""
    patience_min: Patience = 30.0
    """How long they wait for a connector before they give up."""
    if_full: IfFull = "wait"
    """What they do when every connector is taken."""


class PublicDrivers(Group):
    """Strangers who charge on the way."""

    archetype: Literal["public"]
    demand: PublicDemand | None = None
    """When they come and what they need; absent: 20 half-hour stops a day (an assumption)."""
    patience_min: Patience = 15.0
    """How long they wait for a connector before they give up."""
    if_full: IfFull = "leave"
    """What they do when every connector is taken."""


class ReplayDrivers(Group):
    """Recorded sessions, replayed at the times at which they happened."""

    archetype: Literal["replay"]
    file: FilePath
    """The recording."""
    format: Literal["twin", "acn", "residential-norway"] = "twin"
    """`twin`: our CSV; `acn`: ACN-Data JSON; `residential-norway`: the CSV of that data set."""
    on_bad_row: Literal["refuse", "skip"] = "refuse"
    """A row that is no session: `refuse` the file with every such row, or `skip` it."""


Drivers = Annotated[
    HomeDrivers | WorkDrivers | PublicDrivers | ReplayDrivers, Field(discriminator="archetype")
]
