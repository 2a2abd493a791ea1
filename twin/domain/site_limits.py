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
        limit_a: (g,) per conductor, of the phasor sum of currents; inf: none.
        limit_w: (g,) of the sum of powers; inf: none.
        leaf: (n,) group an EVSE hangs on; -1: none.
        phasor_per_w: (4, n, 3) line currents in A per W at each EVSE, indexed by phases in use (1..3).
    """

    names: tuple[str, ...]
    parent: Rows
    limit_a: Vector
    limit_w: Vector
    leaf: Rows
    phasor_per_w: Complexes

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
    leaf = np.array([_leaf(e, {s.id: s for s in sites}, index) for e in evses], dtype=np.int64)
    return SiteLimits(
        names=tuple(names),
        parent=np.array(parent, dtype=np.int64),
        limit_a=np.array([g.limit_a for g in groups], dtype=float),
        limit_w=np.array([g.limit_w for g in groups], dtype=float),
        leaf=leaf.reshape(len(evses)),
        phasor_per_w=_phasors(evses),
    )


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
