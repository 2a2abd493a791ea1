"""The most that a session can come to: what a hold must cover, and when one may be reached.

What lies ahead is not known but bounded: how long, at what power, how much energy. Every stretch of time between two
switches of the tariff is taken at the dearest price that any course of the session could make active in it, energy
goes where it is dearest, and step sizes round up by nearly a whole step. So the bound is never too low, exact for
flat tariffs, and close for windows of time.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from functools import reduce
from itertools import pairwise
from math import ceil
from operator import and_, or_
from typing import NamedTuple

from twin.money.billing.curves import Curves
from twin.money.billing.model import Dimension
from twin.money.billing.rates import FINE, Rate, fine_decimal, tax_factor
from twin.money.billing.rules import Rules, Thresholds
from twin.money.billing.settle import step_extras
from twin.money.billing.stretches import Stretch


class Ahead(NamedTuple):
    """What may still come, at most; power or energy is given, or both."""

    until_ms: int
    max_nw: int | None
    energy_nwh: int | None

    def energy(self, lasts_ms: int) -> int:
        """Most energy within a time, in nWh."""
        by_power = None if self.max_nw is None else -(-self.max_nw * lasts_ms // 3_600_000)
        if by_power is None or self.energy_nwh is None:
            return by_power or self.energy_nwh or 0
        return min(by_power, self.energy_nwh)


class _Stretch(NamedTuple):
    """A time ahead without switches of the clock, and the rates that could be active in it."""

    lasts_ms: int
    energy: tuple[Rate, ...]
    time: tuple[Rate, ...]
    flat: tuple[Rate, ...]


def at_most(
    rules: Rules, curves: Curves, past: list[Stretch], fee: list[Stretch], mask: int, ahead: Ahead
) -> Decimal:
    """Bound the price with tax of a session that goes on.

    Args:
        rules: The compiled tariff.
        curves: The session so far.
        past: What it has to pay so far, without its flat fee.
        fee: Its flat fee, if one has become active.
        mask: Elements that suit the session as a whole.
        ahead: What may still come.
    """
    stretches = list(_stretches(rules, curves, mask, ahead))
    booked = [s for s in past if s.reservation is not None]
    extras = step_extras(booked)
    amount = sum((s.units + extras.get(k, 0)) * s.rate.incl for k, s in enumerate(booked))
    amount += sum(s.units * s.rate.incl for s in past if s.reservation is None)
    amount += sum(s.lasts_ms * _dearest(s.time) for s in stretches)
    amount += _energy(stretches, ahead, curves.end_ms)
    flats = [s.rate for s in fee] or [rate for s in stretches for rate in s.flat]
    amount += _dearest(flats)
    plain = [s.rate for s in past if s.reservation is None]
    energy = [rate for s in stretches for rate in s.energy]
    time = [rate for s in stretches for rate in s.time]
    amount += _rounding(energy + [r for r in plain if r.dimension is Dimension.ENERGY])
    amount += _rounding(time + [r for r in plain if r.dimension is not Dimension.ENERGY])
    return _bounded(rules, amount)


def _dearest(rates: Iterable[Rate]) -> int:
    """Highest price per unit; nothing is taken where all would pay the driver."""
    return max((0, *(rate.incl for rate in rates)))


def _rounding(rates: list[Rate]) -> int:
    """Most that a step size adds: nearly a whole step."""
    return max((0, *((rate.step - 1) * rate.incl for rate in rates)))


def _energy(stretches: list[_Stretch], ahead: Ahead, start_ms: int) -> int:
    """Cost of the energy ahead, taken where it is dearest."""
    left = ahead.energy(ahead.until_ms - start_ms)
    amount = 0
    for price, lasts_ms in sorted(((_dearest(s.energy), s.lasts_ms) for s in stretches), reverse=True):
        taken = min(left, ahead.energy(lasts_ms) + 1)  # registers at switches are rounded
        amount += taken * price
        left -= taken
    return amount


def _stretches(rules: Rules, curves: Curves, mask: int, ahead: Ahead) -> Iterable[_Stretch]:
    begun_ms, now_ms = curves.t_ms[0], curves.end_ms
    instants = {now_ms, ahead.until_ms, *rules.switches_ms(now_ms, ahead.until_ms)}
    for value in rules.duration.values if rules.duration else ():
        if now_ms < begun_ms + value < ahead.until_ms:
            instants.add(begun_ms + value)
    ordered = sorted(instants)
    for start_ms, end_ms in pairwise(ordered) if len(ordered) > 1 else [(now_ms, now_ms)]:
        possible, certain = _masks(rules, curves, mask, ahead, start_ms, end_ms)
        candidates: dict[Dimension, list[Rate]] = {dimension: [] for dimension in Dimension}
        settled: set[Dimension] = set()
        for index, slot in rules.book.entries:
            dimension = slot.component.dimension
            if possible >> index & 1 and dimension not in settled:
                candidates[dimension].append(slot.at(start_ms))
                if certain >> index & 1:
                    settled.add(dimension)
        time = (*candidates[Dimension.TIME], *candidates[Dimension.PARKING_TIME])
        energy, flat = tuple(candidates[Dimension.ENERGY]), tuple(candidates[Dimension.FLAT])
        yield _Stretch(end_ms - start_ms, energy, time, flat)


def _masks(
    rules: Rules, curves: Curves, mask: int, ahead: Ahead, start_ms: int, end_ms: int
) -> tuple[int, int]:
    """Elements that may apply at some point of a stretch, and those that apply at all of them."""
    if rules.civil:
        mask &= rules.civil.mask(start_ms)
    if rules.duration:
        mask &= rules.duration.mask(start_ms - curves.t_ms[0])
    lasts_ms = end_ms - curves.end_ms
    charged, idled = (curve[-1] if curve else 0 for curve in (curves.charging, curves.parking))
    taken = curves.energy[-1]
    ranges: list[tuple[Thresholds | None, int, int]] = [
        (rules.energy, taken, taken + ahead.energy(lasts_ms)),
        (rules.charging, charged, charged + lasts_ms),
        (rules.idle, idled, idled + lasts_ms),
    ]
    possible = certain = mask
    for thresholds, least, most in ranges:
        if thresholds:
            masks = thresholds.masks(least, most)
            possible &= reduce(or_, masks)
            certain &= reduce(and_, masks)
    for thresholds in (rules.power, rules.current):
        if thresholds:  # of whatever power and current, known or not
            certain &= reduce(and_, thresholds.masks(thresholds.values[0] - 1, thresholds.values[-1]))
    return possible, certain


def _bounded(rules: Rules, amount: int) -> Decimal:
    """Clamp to the tariff's least and highest price; one that is given without tax follows the dearest tax."""
    tariff, denominator = rules.rates.tariff, rules.rates.denominator
    total = fine_decimal(-(-amount * FINE // denominator))
    components = [c for e in tariff.elements for c in e.components]
    factor = max((tax_factor(c.taxes) for c in components), default=None)
    sides: list[Decimal | None] = []
    for bound in (tariff.min_price, tariff.max_price):
        if bound.incl is None and bound.excl is not None and factor is not None:
            sides.append(fine_decimal(ceil(Fraction(bound.excl) * factor * FINE)))
        else:
            sides.append(bound.incl)
    least, most = sides
    if least is not None:
        total = max(total, least)
    return total if most is None else min(total, most)
