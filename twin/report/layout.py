"""Where to draw the buses of a feeder: their coordinates, or a tree when the net has none."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np

from twin.domain.ids import Array, Matrix, Vector


def positions(bus_xy: Matrix, from_bus: Array, to_bus: Array, is_trafo: Array) -> tuple[Matrix, bool]:
    """Return (nb, 2) places to draw at, and whether they are a scheme rather than a map.

    Coordinates are used when every bus that a branch touches has its own: a net in which half of the
    buses sit at one point is drawn as a tree instead.
    """
    used = np.unique(np.concatenate([from_bus, to_bus])).astype(int)
    places = bus_xy[used]
    if len(used) and np.isfinite(places).all() and len(np.unique(places, axis=0)) > 0.8 * len(used):
        return bus_xy, False
    return tree(len(bus_xy), from_bus, to_bus, roots(from_bus, to_bus, is_trafo)), True


def roots(from_bus: Array, to_bus: Array, is_trafo: Array) -> list[int]:
    """Where the feeder begins: the high-voltage side of a transformer, else the first branch's begin."""
    fed = from_bus[np.asarray(is_trafo, bool)]
    upstream = [int(bus) for bus in fed if bus not in to_bus]
    if upstream:
        return sorted(set(upstream))
    return [int(from_bus[0])] if len(from_bus) else []


def tree(buses: int, from_bus: Array, to_bus: Array, starts: Sequence[int]) -> Matrix:
    """Lay out (buses, 2): x is the number of branches from the source, y spreads the leaves evenly.

    A meshed net gets its spanning tree; the other branches cross it. Islands hang below one another.
    """
    neighbours: list[list[int]] = [[] for _ in range(buses)]
    for a, b in zip(from_bus.tolist(), to_bus.tolist(), strict=True):
        neighbours[a].append(b)
        neighbours[b].append(a)
    order, parent, depth = _breadth_first(neighbours, starts)
    children: list[list[int]] = [[] for _ in range(buses)]
    for bus in order:
        if parent[bus] >= 0:
            children[parent[bus]].append(bus)
    xy = np.full((buses, 2), np.nan)
    xy[:, 0] = depth
    _spread(xy, order, parent, children)
    return xy


def way_to(
    bus: int, buses: int, from_bus: Array, to_bus: Array, starts: Sequence[int]
) -> tuple[Vector, list[int]]:
    """Return (buses,) number of branches from the source to each bus, and the buses on the way to `bus`.

    The way is the shortest one in a meshed net; what has no way from `starts` is NaN.
    """
    neighbours: list[list[int]] = [[] for _ in range(buses)]
    for a, b in zip(from_bus.tolist(), to_bus.tolist(), strict=True):
        neighbours[a].append(b)
        neighbours[b].append(a)
    order, parent, depth = _breadth_first(neighbours, starts)
    source = list(range(buses))
    for each in order:  # parents come before their children
        source[each] = each if parent[each] < 0 else source[parent[each]]
    reached = np.isin(source, list(starts))
    way = [bus]
    while parent[way[-1]] >= 0:
        way.append(parent[way[-1]])
    return np.where(reached, np.array(depth, dtype=float), np.nan), way[::-1]


def _breadth_first(
    neighbours: list[list[int]], starts: Sequence[int]
) -> tuple[list[int], list[int], list[int]]:
    """Order, parent (-1 for a root) and depth of every bus; islands start at their lowest index."""
    parent = [-1] * len(neighbours)
    depth = [-1] * len(neighbours)
    order: list[int] = []
    for start in (*starts, *range(len(neighbours))):
        if depth[start] >= 0:
            continue
        depth[start] = 0
        queue = deque([start])
        while queue:
            bus = queue.popleft()
            order.append(bus)
            for other in neighbours[bus]:
                if depth[other] < 0:
                    depth[other], parent[other] = depth[bus] + 1, bus
                    queue.append(other)
    return order, parent, depth


def _spread(xy: Matrix, order: list[int], parent: list[int], children: list[list[int]]) -> None:
    """Give each leaf its own row, in depth-first order, and each inner bus the middle of its children."""
    row = 0
    stack = [bus for bus in reversed(order) if parent[bus] < 0]
    while stack:
        bus = stack.pop()
        if not children[bus]:
            xy[bus, 1] = -row
            row += 1
        stack.extend(reversed(children[bus]))
    for bus in reversed(order):  # children come after their parent in breadth-first order
        if children[bus]:
            below = [xy[child, 1] for child in children[bus]]
            xy[bus, 1] = (min(below) + max(below)) / 2
