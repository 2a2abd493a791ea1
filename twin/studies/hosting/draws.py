"""One draw: who gets a charger in which order, on which phase, and which week the drivers live."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from twin.domain.ids import Rows
from twin.domain.specs import Connection, EvseSpec
from twin.rng import stream

_SEEDS = 2**63


@dataclass(frozen=True, slots=True)
class Draw:
    """What one draw decides; nested sets: a higher penetration keeps the stations of a lower one.

    Attributes:
        number: Counted from 0; draw k is the same however many draws there are.
        order: (s,) stations, first those that get their charger first.
        turns: (s,) phases by which each station's connection is turned, 0 to 2.
        seed: Of drivers and of every other seeded rule of the scenario.
    """

    number: int
    order: Rows
    turns: Rows
    seed: int


def draw(seed: int, number: int, stations: int) -> Draw:
    """Draw the `number`-th world of a study; `seed` and `number` decide all of it."""
    return Draw(
        number=number,
        order=stream(seed, "hosting", number, "order").permutation(stations),
        turns=stream(seed, "hosting", number, "phases").integers(0, 3, stations),
        seed=int(stream(seed, "hosting", number, "scenario").integers(_SEEDS)),
    )


def station_rows(evses: Sequence[EvseSpec]) -> tuple[Rows, ...]:
    """Rows of the EVSEs of each station, stations in the order of the scenario."""
    rows: dict[str, list[int]] = {}
    for row, evse in enumerate(evses):
        rows.setdefault(evse.station, []).append(row)
    return tuple(np.array(of, dtype=np.int64) for of in rows.values())


def existing(draw: Draw, stations: Sequence[Rows], count: int) -> Rows:
    """Return the rows, ascending, of the EVSEs that exist when `count` stations do."""
    chosen = [stations[k] for k in draw.order[:count].tolist()]
    return np.sort(np.concatenate([np.empty(0, dtype=np.int64), *chosen]))


def turned(evses: Sequence[EvseSpec], stations: Sequence[Rows], turns: Rows) -> list[EvseSpec]:
    """Turn the connection of every EVSE by its station's number of phases."""
    out = list(evses)
    for rows, turn in zip(stations, turns.tolist(), strict=True):
        for row in rows.tolist():
            out[row] = replace(evses[row], connection=turn_connection(evses[row].connection, turn))
    return out


def turn_connection(connection: Connection, turn: int) -> Connection:
    """Return the same connection with L1, L2, L3 turned: `L1` by 1 is `L2`, `L1L2L3` by 1 is `L2L3L1`."""
    wanted = tuple((conductor + turn) % 3 for conductor in connection.conductors)
    return next(
        other
        for other in Connection
        if other.line_to_line == connection.line_to_line and other.conductors == wanted
    )
