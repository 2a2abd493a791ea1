"""Volumes at one rate: what lines of a bill are made of."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from twin.money.billing.curves import Curve, Curves
from twin.money.billing.model import Reservation
from twin.money.billing.rates import Rate, Slot
from twin.money.billing.rules import Book
from twin.money.billing.split import Cut


class Stretch(NamedTuple):
    """A volume at one rate, in nWh, ms or pieces of 1."""

    rate: Rate
    reservation: Reservation | None
    start_ms: int
    end_ms: int
    units: int


_CUT = {"energy": 1, "charging": 2, "parking": 3}
"""Column of a curve in a `Cut`; its slot in `Active` is the one before."""


def consumed(book: Book, curves: Curves, cuts: Sequence[Cut]) -> list[Stretch]:
    """Volumes of energy, charging and parking with a price, each dimension in order of time."""
    found = _along(book, curves, cuts, curves.energy, _CUT["energy"])
    if curves.charging:
        found += _along(book, curves, cuts, curves.charging, _CUT["charging"])
        found += _along(book, curves, cuts, curves.parking, _CUT["parking"])
    return found


def _along(book: Book, curves: Curves, cuts: Sequence[Cut], curve: Curve, column: int) -> list[Stretch]:
    """Volumes of one dimension; cuts between which the active price does not change make one."""
    runs: list[tuple[Rate, Cut, Cut]] = []
    last: Rate | None = None
    for here, there in pairwise(cuts):
        if here[column] == there[column]:
            continue
        slot: Slot | None = book.active(here.mask)[column - 1]
        rate = None if slot is None else slot.fixed or slot.at(here.at_ms)
        if rate is not None:
            first = runs.pop()[1] if rate is last else here
            runs.append((rate, first, there))
        last = rate
    return [_stretch(curves, curve, column, *run) for run in runs]


def _stretch(curves: Curves, curve: Curve, column: int, rate: Rate, first: Cut, end: Cut) -> Stretch:
    """Tell the volume from its first unit to its last: idle ends of a run are no part of it."""
    least, most = first[column], end[column]
    leaves_ms, reaches_ms = curves.stretch(curve, least, most)
    start_ms, end_ms = max(first.at_ms, leaves_ms), min(end.at_ms, reaches_ms)
    return Stretch(rate, None, start_ms, end_ms, most - least)


def flat(book: Book, cuts: Sequence[Cut]) -> list[Stretch]:
    """Return the flat fee: once per session, the first one that becomes active."""
    for cut in cuts[:-1] or cuts:
        if slot := book.active(cut.mask).flat:
            return [Stretch(slot.at(cut.at_ms), None, cut.at_ms, cut.at_ms, 1)]
    return []
