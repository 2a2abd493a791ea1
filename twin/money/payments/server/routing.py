"""Which request does what: a table of routes, each with the parameters that it accepts."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from twin.money.payments.bank import Bank
from twin.money.payments.bank_errors import BankError, invalid
from twin.money.payments.server.gallery import Gallery
from twin.money.payments.server.instants import Instants
from twin.money.payments.server.params import Params, Shape, number, text
from twin.money.payments.server.wire import Json, listed

PAGE_MAX = 100
PAGE_DEFAULT = 10


@dataclass(frozen=True, slots=True)
class Call:
    """One request that was understood."""

    bank: Bank
    gallery: Gallery
    at: Instants
    name: str
    """The id in the path; empty: none."""
    params: Params
    path: str

    @property
    def t_s(self) -> float:
        """Now."""
        return self.at.now_s


Handler: TypeAlias = Callable[[Call], Json]


@dataclass(frozen=True, slots=True)
class Route:
    """One verb on one path; `{id}` in it stands for an id."""

    verb: str
    path: str
    handler: Handler
    shape: Shape
    pattern: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        pattern = re.compile(re.escape(self.path).replace(r"\{id\}", r"([\w.-]+)"))
        object.__setattr__(self, "pattern", pattern)


class Routes:
    """Finds the route of a request.

    Args:
        routes: All of them; a fixed path comes before one with an id.
    """

    def __init__(self, routes: Sequence[Route]) -> None:
        self.all = tuple(routes)

    def find(self, verb: str, path: str) -> tuple[Route, str]:
        """Return the route and the id in the path.

        Raises:
            BankError: There is none (404).
        """
        for route in self.all:
            match = route.pattern.fullmatch(path) if route.verb == verb else None
            if match is not None:
                return route, match[1] if match.groups() else ""
        text = f"Unrecognized request URL ({verb}: {path})."
        raise BankError("url_unknown", text, status=404, ran=False)


def page(call: Call, shown: Sequence[Json]) -> Json:
    """Return a page of a list, newest first.

    Args:
        call: With `limit`, `starting_after`, `ending_before`.
        shown: All that match, newest first.

    Raises:
        BankError: The limit is out of range, or the object to start at is not in the list.
    """
    limit = number(call.params, "limit")
    limit = PAGE_DEFAULT if limit is None else limit
    if not 1 <= limit <= PAGE_MAX:
        raise invalid("parameter_invalid_integer", f"Invalid limit: must be 1 to {PAGE_MAX}.", "limit")
    names = [one["id"] for one in shown]
    after, before = text(call.params, "starting_after"), text(call.params, "ending_before")
    begin, end = 0, len(shown)
    if after:
        begin = _place(names, after, "starting_after") + 1
    if before:
        end = _place(names, before, "ending_before")
        begin = max(begin, end - limit)
    chosen = shown[begin:end][:limit]
    more = begin > 0 if before else begin + len(chosen) < len(shown)
    return listed(call.path, chosen, more=more)


def _place(names: Sequence[str], name: str, key: str) -> int:
    if name not in names:
        raise invalid("resource_missing", f"No such object: '{name}'", key)
    return names.index(name)
