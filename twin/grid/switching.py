"""Scheduled switching: which lines, transformers and switches are open when, and the feeder of each state.

A name is that of a branch as in the topology, or of a switch of the net. A branch is opened by taking it out of
service, a switch by its contact. Nothing else of the net changes, so names and places are those of the net.
"""

from __future__ import annotations

import copy
import difflib
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from pandapower import topology as pp_topology

from twin.domain.ids import Mask
from twin.grid.feeder import BRANCH_TABLES, Feeder

State: TypeAlias = tuple[bool, ...]
"""Whether each switched element is closed, in the order of `Schedule.elements`."""

_FEW = 3


class Element(NamedTuple):
    """A row of the net that can be opened."""

    name: str
    table: str
    row: int
    """Its index in the table."""

    @property
    def column(self) -> str:
        """The column that says whether it is closed."""
        return "closed" if self.table == "switch" else "in_service"


class Action(NamedTuple):
    """What is opened and closed at an instant, at once."""

    at_s: float
    """Since the start of the run."""
    label: str
    """The instant as messages and the manifest write it."""
    open: tuple[str, ...] = ()
    close: tuple[str, ...] = ()


class Wrong(NamedTuple):
    """What is wrong with a schedule, and where: number of the action, then `open` or `close` and the position."""

    path: tuple[str | int, ...]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """The states of a run.

    Attributes:
        elements: What is switched at all, by name.
        starts_s: (k,) ascending instants.
        labels: (k,) the same in words.
        states: (k + 1,) before the first instant, and from each of them on.
    """

    elements: tuple[Element, ...]
    starts_s: tuple[float, ...]
    labels: tuple[str, ...]
    states: tuple[State, ...]

    def at(self, t_s: float) -> State:
        """Return the state in force at `t_s`; at a switching instant that from it on."""
        return self.states[bisect_right(self.starts_s, t_s)]

    def in_force(self) -> dict[State, list[str]]:
        """Every state of a run that begins at 0 s, each with the instants that bring it, in order of time."""
        found: dict[State, list[str]] = {}
        first = bisect_right(self.starts_s, 0.0)
        for state, label in zip(self.states[first:], ("start", *self.labels)[first:], strict=True):
            found.setdefault(state, []).append(label)
        return found


def switchable(feeder: Feeder) -> dict[str, Element]:
    """Return every element that can be opened, by name; `line 7` or `switch 7` where a name is not unique."""
    net = feeder.net
    rows = [(table, int(i)) for table in BRANCH_TABLES for i in net[table].index.tolist()]
    found = {name: Element(name, *row) for name, row in zip(feeder.branches, rows, strict=True)}
    names = net.switch["name"].tolist()
    counts = Counter(n for n in names if isinstance(n, str))
    indices = [int(i) for i in net.switch.index.tolist()]
    taken = {*found, *(f"switch {i}" for i in indices)}
    for given, i in zip(names, indices, strict=True):
        own = isinstance(given, str) and bool(given.strip()) and counts[given] == 1 and given not in taken
        name = given if own else f"switch {i}"
        found[name] = Element(name, "switch", i)
    return found


def switched(feeder: Feeder, elements: Sequence[Element], state: State) -> Feeder:
    """Return the feeder with its elements closed or open as `state` says."""
    net = copy.deepcopy(feeder.net, {id(feeder.net.get("profiles")): None})
    for element, closed in zip(elements, state, strict=True):
        net[element.table].loc[element.row, element.column] = closed
    return replace(feeder, net=net, supplied=_supplied(net))


def _supplied(net: Any) -> Mask:
    dead = list(pp_topology.unsupplied_buses(net))
    return np.asarray((net.bus.in_service.astype(bool) & ~net.bus.index.isin(dead)).to_numpy(dtype=bool))


def plan_switching(
    feeder: Feeder, actions: Sequence[Action], evse_buses: Sequence[str]
) -> tuple[Schedule, list[Wrong]]:
    """Read a schedule.

    Args:
        feeder: As loaded: what the first action finds.
        actions: Ascending.
        evse_buses: Bus of each EVSE.

    Returns:
        The states, and everything that is wrong: unknown names, elements that are open or closed already, buses
        with EVSEs, loads or generators that are left without a source. Wrong names are not in the schedule.
    """
    known = switchable(feeder)
    wrong: list[Wrong] = []
    for i, action in enumerate(actions):
        for key, names in (("open", action.open), ("close", action.close)):
            wrong += [
                Wrong((i, key, j), _unknown(feeder, known, name))
                for j, name in enumerate(names)
                if name not in known
            ]
    named = sorted({name for a in actions for name in (*a.open, *a.close) if name in known})
    elements = tuple(known[name] for name in named)
    closed = {e.name: bool(feeder.net[e.table].loc[e.row, e.column]) for e in elements}
    states = [tuple(closed.values())]
    for i, action in enumerate(actions):
        wrong += _carry_out(i, action, closed)
        states.append(tuple(closed.values()))
    schedule = Schedule(
        elements=elements,
        starts_s=tuple(action.at_s for action in actions),
        labels=tuple(action.label for action in actions),
        states=tuple(states),
    )
    return schedule, wrong + _outages(feeder, schedule, evse_buses)


def _unknown(feeder: Feeder, known: dict[str, Element], name: str) -> str:
    alike = [e.name for e in known.values() if feeder.net[e.table].loc[e.row, "name"] == name]
    if alike:
        return f"{feeder.name} has several elements `{name}`; name one as {_listed(alike, 'or')}"
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.3)
    hint = f", did you mean `{near[0]}`?" if near else ""
    return f"{feeder.name} has no line, transformer or switch `{name}`{hint}"


def _listed(names: Sequence[str], word: str) -> str:
    shown = [f"`{name}`" for name in names[:_FEW]]
    rest = f" {word} {len(names) - _FEW} more" if len(names) > _FEW else ""
    if rest or len(shown) == 1:
        return ", ".join(shown) + rest
    return f"{', '.join(shown[:-1])} {word} {shown[-1]}"


def _carry_out(number: int, action: Action, closed: dict[str, bool]) -> list[Wrong]:
    """Change `closed`; what would change nothing is more likely a slip than meant."""
    wrong = []
    for key, names, wanted in (("open", action.open, False), ("close", action.close, True)):
        for j, name in enumerate(names):
            if closed.get(name) is wanted:
                is_so = "closed" if wanted else "open"
                wrong.append(Wrong((number, key, j), f"`{name}` is {is_so} already at {action.label}"))
            elif name in closed:
                closed[name] = wanted
    return wrong


def _outages(feeder: Feeder, schedule: Schedule, evse_buses: Sequence[str]) -> list[Wrong]:
    """Name the buses that a state leaves without a source, once per state."""
    wrong = []
    seen = {schedule.states[0]}
    for i, state in enumerate(schedule.states[1:]):
        if state in seen:
            continue
        seen.add(state)
        left = _left(feeder, switched(feeder, schedule.elements, state).supplied, evse_buses)
        if left:
            first, things = next(iter(left.items()))
            others = f" and {len(left) - 1} more" if len(left) > 1 else ""
            text = (
                f"from {schedule.labels[i]} on bus `{first}`{others} has no source, with {', '.join(things[:_FEW])}"
                f"{f' and {len(things) - _FEW} more' if len(things) > _FEW else ''} on it: an outage of supply "
                "is not simulated; close another way to it"
            )
            wrong.append(Wrong((i,), text))
    return wrong


def _left(feeder: Feeder, supplied: Mask, evse_buses: Sequence[str]) -> dict[str, list[str]]:
    """Buses that only this state leaves without a source, in their order, with who is on them."""
    dead = np.flatnonzero(feeder.supplied & ~supplied).tolist()
    units = feeder.units
    evses = Counter(evse_buses)
    found = {}
    for bus in dead:
        things = [f"{units.table[u]} `{units.names[u]}`" for u in np.flatnonzero(units.bus == bus).tolist()]
        count = evses[feeder.buses[bus]]
        if count:
            things.append(f"{count} EVSE{'s' if count > 1 else ''}")
        if things:
            found[feeder.buses[bus]] = things
    return found
