"""Limits that EVSEs share: fuses, transformers, contracts, as arrays over a tree of groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from twin.domain.ids import Complexes, Rows, Vector
from twin.domain.specs import EvseSpec, LimitGroup, SiteSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteLimits:
    """A forest of limit groups, parents before children.

    Attributes:
        names: One per group, `site/group`.
        parent: (g,) index of the parent group, -1 for a root; parent[i] < i.
        limit_a: (g,) per conductor, of the phasor sum of currents; inf: none. Like `limit_w` it is what is
            left for charging: the stations' own standby is taken off.
        limit_w: (g,) of the sum of powers; inf: none.
        leaf: (n,) group an EVSE hangs on; -1: none.
        phasor_per_w: (4, n, 3) line currents in A per W at each EVSE, indexed by phases in use (1..3).
        grid_w_per_w: (n,) power on the grid's side, which `limit_w` counts, per W at the connector.
    """

    names: tuple[str, ...]
    parent: Rows
    limit_a: Vector
    limit_w: Vector
    leaf: Rows
    phasor_per_w: Complexes
    grid_w_per_w: Vector

    def __len__(self) -> int:
        return len(self.names)


def site_limits(sites: Sequence[SiteSpec], evses: Sequence[EvseSpec]) -> SiteLimits:
    """Compile the limit groups of all sites.

    Stations that name no group hang on their site's first root group, if it has one.
    """
    names: list[str] = []
    groups: list[LimitGroup] = []
    parent: list[int] = []
    index: dict[tuple[str, str], int] = {}
    for site in sites:
        for group in _parents_first(site.groups):
            index[site.id, group.name] = len(groups)
            parent.append(-1 if group.parent is None else index[site.id, group.parent])
            names.append(f"{site.id}/{group.name}")
            groups.append(group)
    by_id = {site.id: site for site in sites}
    leaf = np.array([_leaf(e, by_id, index) for e in evses], dtype=np.int64).reshape(len(evses))
    standby_a, standby_w = _standby(evses, leaf, parent)
    return SiteLimits(
        names=tuple(names),
        parent=np.array(parent, dtype=np.int64),
        limit_a=np.maximum(np.array([g.limit_a for g in groups], dtype=float) - standby_a, 0.0),
        limit_w=np.maximum(np.array([g.limit_w for g in groups], dtype=float) - standby_w, 0.0),
        leaf=leaf,
        phasor_per_w=_phasors(evses),
        grid_w_per_w=np.array([1.0 / e.efficiency for e in evses], dtype=float),
    )


def loads(limits: SiteLimits, rows: Rows, phases: Vector, power_w: Vector) -> tuple[Vector, Vector]:
    """What every group carries.

    Args:
        limits: The groups.
        rows: (k,) EVSEs that draw.
        phases: (k,) phases in use, 1..3.
        power_w: (k,) at the connector.

    Returns:
        (g, 3) magnitude of the currents per conductor in A, and (g,) power on the grid's side in W.
    """
    amps = np.zeros((len(limits), 3), dtype=complex)
    watts = np.zeros(len(limits))
    each_a = limits.phasor_per_w[phases.astype(np.int64), rows] * power_w[:, None]
    each_w = limits.grid_w_per_w[rows] * power_w
    group = limits.leaf[rows]
    while (some := group >= 0).any():
        np.add.at(amps, group[some], each_a[some])
        np.add.at(watts, group[some], each_w[some])
        group = np.where(some, limits.parent[group], -1)
    return np.abs(amps), watts


def worst_excess(limits: SiteLimits, rows: Rows, phases: Vector, power_w: Vector) -> float:
    """The largest (load - limit) / max(limit, 1) over all groups and conductors; <= 0 keeps every limit.

    Arguments as of `loads`. -inf where nothing is limited.
    """
    amps, watts = loads(limits, rows, phases, power_w)
    over_a = (amps - limits.limit_a[:, None])[np.isfinite(limits.limit_a)]
    over_w = (watts - limits.limit_w)[np.isfinite(limits.limit_w)]
    finite_a = limits.limit_a[np.isfinite(limits.limit_a), None]
    finite_w = limits.limit_w[np.isfinite(limits.limit_w)]
    return max(
        float((over_a / np.maximum(finite_a, 1.0)).max(initial=-np.inf)),
        float((over_w / np.maximum(finite_w, 1.0)).max(initial=-np.inf)),
    )


def _standby(evses: Sequence[EvseSpec], leaf: Rows, parent: Sequence[int]) -> tuple[Vector, Vector]:
    """(g,) current of the most loaded conductor and (g,) power that stations draw at all times.

    Currents are summed as if all were in phase, which is never less than their phasor sum.
    """
    amps, watts = np.zeros((len(parent), 3)), np.zeros(len(parent))
    for evse, first in zip(evses, leaf.tolist(), strict=True):
        group = first
        each_a = evse.standby_w / (evse.voltage_v * evse.connection.phases)
        while evse.standby_w > 0.0 and group >= 0:
            amps[group, list(evse.connection.conductors)] += each_a
            watts[group] += evse.standby_w
            group = parent[group]
    return amps.max(axis=1, initial=0.0), watts


def _parents_first(groups: Sequence[LimitGroup]) -> list[LimitGroup]:
    done: dict[str, LimitGroup] = {}
    left = list(groups)
    while left:
        ready = [g for g in left if g.parent is None or g.parent in done]
        if not ready:
            raise ValueError(f"limit groups {[g.name for g in left]} hang on each other or on nothing")
        done.update((g.name, g) for g in ready)
        left = [g for g in left if g.name not in done]
    return list(done.values())


def _leaf(evse: EvseSpec, sites: Mapping[str, SiteSpec], index: Mapping[tuple[str, str], int]) -> int:
    site = sites[evse.site]
    named = site.group_of_station.get(evse.station)
    if named is not None:
        return index[site.id, named]
    roots = [g.name for g in site.groups if g.parent is None]
    return index[site.id, roots[0]] if roots else -1


def _phasors(evses: Sequence[EvseSpec]) -> Complexes:
    out = np.zeros((4, len(evses), 3), dtype=complex)
    for i, evse in enumerate(evses):
        for used in (1, 2, 3):
            phases = min(used, evse.connection.phases)
            # A DC station draws three-phase from the grid, behind its own efficiency.
            volts = evse.voltage_v * phases * evse.efficiency
            out[used, i] = np.array(evse.connection.phasors(phases)) / volts
    return out
