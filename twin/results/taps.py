"""Tap changers that moved, as rows of the table of events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twin.domain.grid import GridState

TAP = "tap"
"""Kind of these events."""


class TapTracker:
    """Watches the positions of every solve that closes an interval.

    Args:
        grid: What the grid's adapter says about its model: its `tap_changers` name the transformers and where
            they start. None without a grid.
    """

    def __init__(self, grid: Mapping[str, Any] | None) -> None:
        changers = [] if grid is None else grid.get("tap_changers", [])
        self._names = tuple(str(changer["trafo"]) for changer in changers)
        self._position = tuple(int(changer["start"]) for changer in changers)

    def solved(self, t_s: float, state: GridState) -> list[dict[str, object]]:
        """Return one event per tap changer that stands elsewhere than after the solve before.

        Without a solution nothing moves.

        Raises:
            ValueError: The state has another number of positions than there are tap changers.
        """
        if not state.converged:
            return []
        moves = [
            move
            for move in zip(self._names, self._position, state.tap_pos, strict=True)
            if move[1] != move[2]
        ]
        self._position = state.tap_pos
        return [
            {
                "t_s": t_s,
                "kind": TAP,
                "subject": name,
                "detail": f"from {before} to {now}",
                "value": float(now),
            }
            for name, before, now in moves
        ]
