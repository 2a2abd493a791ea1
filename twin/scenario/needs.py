"""From the `drivers` section to what the population draws from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from twin.domain.ids import SiteId
from twin.domain.specs import EvseSpec
from twin.scenario import drivers as section
from twin.scenario.files import in_files
from twin.scenario.model import Scenario
from twin.world.population import demand as need
from twin.world.population.replay import load
from twin.world.stations.catalogue import DEFAULT_MIX, catalogue

_MINUTE_S = 60.0


def driver_groups(
    scenario: Scenario, rows: Mapping[SiteId, Sequence[int]], evses: Sequence[EvseSpec]
) -> list[need.DriverGroup]:
    """Return every group of drivers of a scenario.

    Raises:
        ScenarioError: A sessions file cannot be replayed here.
    """
    mix = scenario.vehicles.mix or DEFAULT_MIX
    return [_group(scenario, name, group, rows, evses, mix) for name, group in scenario.drivers.items()]


def _group(
    scenario: Scenario,
    name: str,
    group: section.Drivers,
    rows: Mapping[SiteId, Sequence[int]],
    evses: Sequence[EvseSpec],
    mix: Mapping[str, float],
) -> need.DriverGroup:
    sites = group.sites or tuple(scenario.sites)
    says = group.says
    common: dict[str, Any] = {
        "name": name,
        "archetype": group.archetype,
        "sites": sites,
        "vehicles": mix,
        "says_departure": _statement(says.departure, says.departure_error_min / 60.0),
        "says_energy": _statement(says.energy, says.energy_error_pct / 100.0),
    }
    if isinstance(group, section.ReplayDrivers):
        file = scenario.base_dir / group.file
        with in_files({file.name: file}):
            recorded = load(
                file,
                sites={site: rows[site] for site in sites},
                evses=evses,
                vehicles=catalogue(),
                mix=mix,
                format=group.format,
                on_bad_row=group.on_bad_row,
            )
        return need.DriverGroup(**common, demand=recorded, patience_s=0.0, if_full="leave")
    common |= {"patience_s": group.patience_min * _MINUTE_S, "if_full": group.if_full}
    if isinstance(group, section.PublicDrivers):
        return need.DriverGroup(**common, demand=_walk_ins(group.demand))
    per_evse = 0.0
    if isinstance(group, section.HomeDrivers) and group.count is None:
        per_evse = group.per_evse or 1.0
    return need.DriverGroup(
        **common, demand=_regular(group.demand), count=group.count or 0, per_evse=per_evse
    )


def _statement(said: str, error: float) -> need.Statement:
    if said == "none":
        return need.Statement(kind="none")
    return need.Statement(kind="error", std=error) if error > 0 else need.Statement()


def _regular(demand: section.Fitted | section.Parametric | None) -> need.Demand:
    if demand is None:
        return need.WORK
    if isinstance(demand, section.Fitted):
        return need.Fitted(name=demand.fitted, users=demand.users, visits_per_week=demand.visits_per_week)
    arrival = demand.arrival
    weekend = arrival.visits_per_weekend_day
    return need.Parametric(
        arrivals=need.Arrivals(
            weekday=_peaks(arrival.weekday),
            weekend=None if arrival.weekend is None else _peaks(arrival.weekend),
            weekday_visits=arrival.visits_per_weekday,
            weekend_visits=arrival.visits_per_weekday if weekend is None else weekend,
        ),
        stay_h=_stay(demand.stay),
        energy_kwh=_energy(demand.energy),
        rank_correlation=demand.stay_energy_correlation,
        target_soc=demand.target_soc_pct / 100.0,
    )


def _walk_ins(demand: section.PublicDemand | None) -> need.WalkIns:
    if demand is None:
        return need.PUBLIC
    weekend = demand.visits_per_weekend_day
    return need.WalkIns(
        weekday_visits=demand.visits_per_weekday,
        weekend_visits=demand.visits_per_weekday if weekend is None else weekend,
        hourly=demand.hourly_share,
        stay_h=_stay(demand.stay),
        energy_kwh=_energy(demand.energy),
        rank_correlation=demand.stay_energy_correlation,
        target_soc=demand.target_soc_pct / 100.0,
    )


def _peaks(peaks: Sequence[section.Peak]) -> tuple[need.Peak, ...]:
    return tuple(need.Peak(hour=p.mean_h, std_h=p.sd_h, weight=p.share) for p in peaks)


def _stay(stay: section.Stay) -> need.Spread:
    return need.Spread(
        mean=stay.mean_h, std=stay.sd_h, shape=stay.shape, minimum=stay.min_h, maximum=stay.max_h
    )


def _energy(energy: section.Energy) -> need.Spread:
    return need.Spread(
        mean=energy.mean_kwh,
        std=energy.sd_kwh,
        shape=energy.shape,
        minimum=energy.min_kwh,
        maximum=energy.max_kwh,
    )
