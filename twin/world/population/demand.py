"""What a group of drivers needs, as frozen data: `draw` turns it into visits."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np

from twin.domain.ids import SiteId, Vector
from twin.world.population.sessions import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Peak:
    """One component of a mixture of arrivals: normal in civil hours of the day, wrapping over midnight."""

    hour: float
    std_h: float
    weight: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrivals:
    """When drivers of a group come: on how many days, and at an hour drawn from a mixture."""

    weekday: tuple[Peak, ...]
    weekend: tuple[Peak, ...] | None = None
    """None: as on weekdays; empty: nobody comes."""
    weekday_visits: float = 1.0
    """Mean visits of a driver on a weekday; up to 1 it is the probability of the one visit."""
    weekend_visits: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """A distribution between bounds: mean and deviation are those before it is cut."""

    mean: float
    std: float
    shape: Literal["normal", "lognormal", "gamma"] = "lognormal"
    minimum: float = 0.0
    maximum: float = math.inf

    def quantile(self, u: Vector) -> Vector:
        """Return the quantiles of probabilities `u` of the distribution cut at its bounds."""
        from scipy.special import gammainc, gammaincinv, ndtr, ndtri  # noqa: PLC0415 -- reading a scenario needs none

        bounds = np.array([self.minimum, self.maximum])
        if self.std < 1e-9:
            return np.full(len(u), float(np.clip(self.mean, *bounds)))
        if self.shape == "normal":
            low, high = ndtr((bounds - self.mean) / self.std)
            drawn = self.mean + self.std * ndtri(low + u * (high - low))
        elif self.shape == "gamma":
            shape, scale = (self.mean / self.std) ** 2, self.std**2 / self.mean
            low, high = gammainc(shape, bounds.clip(0) / scale)
            drawn = scale * gammaincinv(shape, low + u * (high - low))
        else:
            sigma = np.sqrt(np.log1p((self.std / self.mean) ** 2))
            mu = np.log(self.mean) - sigma**2 / 2
            low, high = ndtr((np.log(bounds.clip(1e-12)) - mu) / sigma)
            drawn = np.exp(mu + sigma * ndtri(low + u * (high - low)))
        # A cut far in the tail leaves no probability to invert: the bound itself is the answer.
        return np.asarray(np.clip(drawn, *bounds))


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """Home charging as recorded: tables fitted to a data set, shipped with the package."""

    name: str = "residential-norway"
    users: Literal["all", "private", "shared"] = "all"
    """Whose habits: those of users with a charger of their own, of those who shared one, or of both."""
    visits_per_week: float | None = None
    """Mean over drivers; None: as recorded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parametric:
    """Drivers who come regularly: to work, or home where nothing was recorded."""

    arrivals: Arrivals
    stay_h: Spread
    energy_kwh: Spread
    rank_correlation: float = 0.0
    """Spearman's, of stay and energy, through a Gaussian copula; -1..1."""
    target_soc: float = 1.0
    """State of charge that the energy leads to, where the battery is large enough."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkIns:
    """Drivers who come once: a Poisson process with a shape over the civil hours of the day."""

    weekday_visits: float
    """Mean number of arrivals of the whole group on a weekday."""
    weekend_visits: float
    hourly: tuple[float, ...]
    """24 weights of the hours of the day; any scale."""
    stay_h: Spread
    energy_kwh: Spread
    rank_correlation: float = 0.0
    target_soc: float = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """Recorded sessions, checked against the run's sites and vehicles by `replay.load`."""

    sessions: tuple[Session, ...]
    rows: tuple[int, ...]
    """Row of the EVSE per session, or ANY_EVSE."""
    target_soc: float = 1.0


Demand: TypeAlias = Fitted | Parametric | WalkIns | Replay


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What drivers tell the app about a quantity."""

    kind: Literal["exact", "none", "error"] = "exact"
    std: float = 0.0
    """For `error`: hours for a departure, share of the true value for an energy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverGroup:
    """Drivers of one kind: how many, where, with what cars, and how they behave."""

    name: str
    archetype: Literal["home", "work", "public", "replay"]
    sites: tuple[SiteId, ...]
    """In order of preference."""
    demand: Demand
    vehicles: Mapping[str, float]
    """Weights of models of the catalogue."""
    count: int = 0
    """Number of drivers; 0 for walk-ins, replay and `per_evse`."""
    per_evse: float = 0.0
    """Drivers bound to each EVSE of the sites: 0.5 is one at every other EVSE, 2 share one; 0: nobody is bound."""
    patience_s: float = 1800.0
    if_full: Literal["wait", "leave", "elsewhere"] = "wait"
    says_departure: Statement = field(default_factory=Statement)
    says_energy: Statement = field(default_factory=Statement)


WORK = Parametric(
    arrivals=Arrivals(
        weekday=(Peak(hour=7.5, std_h=0.7, weight=0.7), Peak(hour=9.0, std_h=1.0, weight=0.3)),
        weekday_visits=0.8,
        weekend_visits=0.02,
    ),
    stay_h=Spread(mean=8.2, std=1.5, shape="normal", minimum=1.0, maximum=12.0),
    energy_kwh=Spread(mean=12.0, std=9.0, minimum=1.0, maximum=60.0),
    rank_correlation=0.3,
)
"""An assumption, not a fit: office hours, commutes of some 50 km a day charged every weekday."""

PUBLIC = WalkIns(
    weekday_visits=20.0,
    weekend_visits=24.0,
    hourly=(2, 1, 1, 1, 1, 2, 4, 6, 7, 8, 9, 10, 11, 11, 11, 11, 12, 12, 11, 9, 7, 5, 4, 3),
    stay_h=Spread(mean=0.6, std=0.35, minimum=0.1, maximum=3.0),
    energy_kwh=Spread(mean=25.0, std=14.0, minimum=3.0, maximum=80.0),
    rank_correlation=0.6,
)
"""An assumption, not a fit: stops of half an hour, most of them in the afternoon."""
