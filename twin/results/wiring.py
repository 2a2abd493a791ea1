"""Which EVSEs load an element of the feeder."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from twin.domain.grid import GridTopology
from twin.domain.ids import Mask


class Wiring:
    """The EVSEs behind an element: those whose path from the head of the feeder runs through it.

    For a bus, those that share at least one line with its own path: they are what sets its voltage apart
    from that of the busbar. Where nothing can be told apart so (a meshed net, parallel transformers, the
    busbar itself, the feeder as a whole) every EVSE on the feeder counts.

    Args:
        topology: The feeder.
        in_service: (nl,) True for branches that carry current.
        evse_buses: Bus of each EVSE, in row order; None where it has none.
    """

    def __init__(self, topology: GridTopology, in_service: Mask, evse_buses: Sequence[str | None]) -> None:
        self._bus_of = {bus: i for i, bus in enumerate(topology.buses)}
        self._branch_of = {branch: i for i, branch in enumerate(topology.branches)}
        self._is_trafo = topology.is_trafo
        at = [-1 if bus is None else self._bus_of.get(bus, -1) for bus in evse_buses]
        self._connected: Mask = np.array(at, dtype=np.int64) >= 0
        self._paths = _paths(topology, in_service)
        self._through: Mask = self._paths[at]
        self._known: dict[str, Mask] = {}

    def behind(self, element: str) -> Mask:
        """(n,) True for the EVSEs behind a bus, line or transformer."""
        known = self._known.get(element)
        if known is None:
            known = self._known[element] = self._find(element)
        return known

    def _find(self, element: str) -> Mask:
        if element in self._branch_of:
            mine = self._through[:, self._branch_of[element]] & self._connected
        elif element in self._bus_of:
            lines = self._paths[self._bus_of[element]] & ~self._is_trafo
            mine = (self._through & lines).any(axis=1) & self._connected
        else:
            return self._connected
        return mine if mine.any() else self._connected


def _paths(topology: GridTopology, in_service: Mask) -> Mask:
    """(nb, nl) True where every path from the head to a bus runs through a branch.

    A walk from the bus of the highest voltage makes a tree; the branches of a loop (a branch that the
    tree does not need, and the two ways that it joins) are on no path that a bus could not do without.
    """
    nb, nl = len(topology.buses), len(topology.branches)
    ends = np.column_stack([topology.from_bus, topology.to_bus]).tolist()
    links: list[list[tuple[int, int]]] = [[] for _ in range(nb)]
    for branch in np.flatnonzero(in_service).tolist():
        a, b = ends[branch]
        links[a].append((b, branch))
        links[b].append((a, branch))
    through = np.zeros((nb, nl), dtype=np.bool_)
    seen: set[int] = set()
    used: set[int] = set()
    on_loop = np.zeros(nl, dtype=np.bool_)
    for head in np.argsort(-topology.bus_vn_kv, kind="stable").tolist():
        if head in seen:
            continue
        seen.add(head)
        stack = [head]
        while stack:
            bus = stack.pop()
            for other, branch in links[bus]:
                if branch in used:
                    continue
                used.add(branch)
                if other in seen:
                    on_loop |= through[bus] ^ through[other]
                    continue
                seen.add(other)
                through[other] = through[bus]
                through[other, branch] = True
                stack.append(other)
    through[:, on_loop] = False
    return through
