"""What a study of hosting capacity asks: how many chargers, which phases, and what counts as a violation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

from twin.errors import SettingsError

DEFAULT_PENETRATIONS: Final = (0.2, 0.4, 0.6, 0.8, 1.0)
RULES: Final = ("instant", "en50160")
PHASES: Final = ("drawn", "scenario")
RISK: Final = 0.05
"""Share of draws that may violate at the hosting capacity."""

RuleName = Literal["instant", "en50160"]
Phases = Literal["drawn", "scenario"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What is asked of every draw; how many draws there are is no part of it.

    Attributes:
        penetrations: Ascending shares of the stations that exist, 0 < p <= 1. Penetration 0 (the base load
            alone) is always looked at, too.
        rule: What counts as a violation. `instant`: an element is outside its limit in more than
            `tolerance_min` minutes of the run. `en50160`: a voltage is outside its limits, or an unbalance
            above its limit, in more than 5 % of the run, or a voltage ever below 0.85 pu or above its upper
            limit (EN 50160:2010, 4.2.2.2 and 4.2.4, with the steps of the run for its 10-minute means);
            loadings as with `instant`.
        tolerance_min: Minutes in which one element may be outside without a violation.
        phases: `drawn`: every draw turns each station's connection by 0, 1 or 2 phases; `scenario`: as written.
    """

    penetrations: tuple[float, ...] = DEFAULT_PENETRATIONS
    rule: RuleName = "instant"
    tolerance_min: float = 0.0
    phases: Phases = "drawn"

    def __post_init__(self) -> None:
        problems = list(_problems(self))
        if problems:
            raise SettingsError("\n".join(problems))

    @property
    def levels(self) -> tuple[float, ...]:
        """Every penetration that is looked at, with 0 in front."""
        return (0.0, *self.penetrations)

    def plain(self) -> dict[str, Any]:
        """As JSON takes it, and as the study's folder keeps it."""
        return {
            "penetrations": list(self.penetrations),
            "rule": self.rule,
            "tolerance_min": self.tolerance_min,
            "phases": self.phases,
        }


def _problems(settings: Settings) -> list[str]:
    shares = settings.penetrations
    out = []
    if not shares or any(not 0.0 < p <= 1.0 for p in shares) or list(shares) != sorted(set(shares)):
        said = ", ".join(f"{p:g}" for p in shares) or "nothing"
        out.append(f"--penetrations: expected ascending shares above 0 and up to 1, each once, got {said}")
    if settings.rule not in RULES:
        out.append(f"--rule: expected {' or '.join(RULES)}, got `{settings.rule}`")
    if settings.phases not in PHASES:
        out.append(f"--phases: expected {' or '.join(PHASES)}, got `{settings.phases}`")
    if not (math.isfinite(settings.tolerance_min) and settings.tolerance_min >= 0.0):
        out.append(f"--tolerance-min: expected minutes from 0 on, got {settings.tolerance_min:g}")
    return out


def make_settings(penetrations: str, rule: str, tolerance_min: float, phases: str) -> Settings:
    """Read what the command line says.

    Args:
        penetrations: Numbers, separated by commas.
        rule: As `Settings.rule`.
        tolerance_min: As `Settings.tolerance_min`.
        phases: As `Settings.phases`.

    Raises:
        SettingsError: Anything cannot be used, all at once.
    """
    try:
        shares = tuple(float(word) for word in penetrations.split(","))
    except ValueError:
        raise SettingsError(
            f"--penetrations: `{penetrations}` is no list of shares; write for example 0.2,0.4,0.6,0.8,1.0"
        ) from None
    return Settings(
        penetrations=shares,
        rule=cast("RuleName", rule),  # checked by Settings itself
        tolerance_min=tolerance_min,
        phases=cast("Phases", phases),
    )


def station_count(penetration: float, stations: int) -> int:
    """How many of the stations exist at a penetration: rounded, half up."""
    return math.floor(penetration * stations + 0.5)


def counts(penetrations: Sequence[float], stations: int) -> tuple[int, ...]:
    """`station_count` of each penetration."""
    return tuple(station_count(p, stations) for p in penetrations)
