"""From values per step to the maximal intervals in which an element breaks a limit."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from twin.domain.ids import Mask, Matrix, Rows, Vector


class Intervals(NamedTuple):
    """Intervals of consecutive steps, sorted by element, then time; all (i,)."""

    element: Rows
    """Column of the values."""
    first: Rows
    """Number of the first step."""
    after: Rows
    """Number of the step after the last."""
    worst: Vector
    """Value farthest from the limit."""
    worst_step: Rows
    """First step that has it."""


class Watch:
    """Collects the intervals of one kind of limit, one stretch of steps after the other.

    Args:
        limit: (n,) of each element.
        below: True where a value below its limit breaks it, False where one above does.
    """

    def __init__(self, limit: Vector, *, below: bool) -> None:
        self.limit = limit
        self._sign = -1.0 if below else 1.0
        self._parts: list[Intervals] = []
        self.steps = np.zeros(len(limit), dtype=np.int64)
        """(n,) steps in which each element broke its limit."""

    def take(self, values: Matrix, first: int) -> None:
        """Take (T, n) values of the steps from `first` on; NaN breaks no limit."""
        broken = self._sign * values > self._sign * self.limit
        self.steps += np.count_nonzero(broken, axis=0)
        columns = np.flatnonzero(broken.any(axis=0))
        if len(columns):
            found = _runs(broken[:, columns], self._sign * values[:, columns])
            self._parts.append(
                found._replace(
                    element=columns[found.element],
                    first=found.first + first,
                    after=found.after + first,
                    worst_step=found.worst_step + first,
                )
            )

    def intervals(self) -> Intervals:
        """Everything taken so far; what touches is one interval."""
        if not self._parts:
            none = np.zeros(0, dtype=np.int64)
            return Intervals(none, none, none, np.zeros(0), none)
        joined = _join(Intervals(*(np.concatenate(column) for column in zip(*self._parts, strict=True))))
        return joined._replace(worst=self._sign * joined.worst)


def _runs(broken: Mask, score: Matrix) -> Intervals:
    """Find the runs of True in each column of (T, n); `score` grows with the distance from the limit."""
    steps, columns = broken.shape
    padded = np.zeros((columns, steps + 1), dtype=bool)  # one False after each column keeps the runs apart
    padded[:, :steps] = broken.T
    scores = np.full(padded.shape, -np.inf)
    scores[:, :steps] = score.T
    flat, flat_scores = padded.ravel(), scores.ravel()
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flat)).astype(np.int8)))
    begins, ends = edges[::2], edges[1::2]
    worst = np.maximum.reduceat(flat_scores, edges)[::2]
    run = np.repeat(np.arange(len(begins)), ends - begins)
    places = np.flatnonzero(flat)
    at_worst = flat_scores[places] == worst[run]
    _, first_of_run = np.unique(run[at_worst], return_index=True)
    return Intervals(
        element=begins // (steps + 1),
        first=begins % (steps + 1),
        after=ends % (steps + 1),
        worst=worst,
        worst_step=places[at_worst][first_of_run] % (steps + 1),
    )


def _join(parts: Intervals) -> Intervals:
    """Sort by element and time, and make one of those that touch."""
    order = np.lexsort((parts.first, parts.element))
    element, first, after = parts.element[order], parts.first[order], parts.after[order]
    worst, worst_step = parts.worst[order], parts.worst_step[order]
    begins = np.ones(len(order), dtype=bool)
    begins[1:] = (element[1:] != element[:-1]) | (first[1:] != after[:-1])
    start = np.flatnonzero(begins)
    group = np.cumsum(begins) - 1
    most = np.maximum.reduceat(worst, start)
    at_worst = worst == most[group]
    _, first_of_group = np.unique(group[at_worst], return_index=True)
    return Intervals(
        element=element[start],
        first=first[start],
        after=after[np.append(start[1:], len(order)) - 1],
        worst=most,
        worst_step=worst_step[at_worst][first_of_group],
    )
