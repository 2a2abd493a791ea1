"""What is wrong or odd about a tariff, in words."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise
from typing import Any

from twin.money.billing.currencies import complaint
from twin.money.billing.errors import PricingError
from twin.money.billing.model import Component, Dimension, Element, Restrictions, Tariff

_PAIRS = (
    ("energy_wh", "Wh"),
    ("current_a", "A"),
    ("power_w", "W"),
    ("duration_s", "s"),
    ("charging_s", "s"),
    ("idle_s", "s"),
)
_NO_NUMBER = "is not a finite decimal"
_OF_RESERVATIONS = (Dimension.FLAT, Dimension.TIME)


def check(tariff: Tariff) -> list[str]:
    """Find everything in a tariff that is wrong or that nobody can have meant; empty when all is well."""
    found = list(_fatal(tariff))
    if any(_NO_NUMBER in problem for problem in found):
        return found + list(_of_tariff(tariff))  # what is no number cannot be compared
    found += [*_of_tariff(tariff), *_of_bounds(tariff)]
    for index, element in enumerate(tariff.elements):
        place = f"element {index}"
        found += [f"{place}: {text}" for text in (*_of_element(element), *_of_restrictions(element))]
    return found + list(_never_reached(tariff))


def refuse(tariff: Tariff) -> None:
    """Refuse a tariff that cannot be priced at all.

    Raises:
        PricingError: A number is not one, a step size is negative, intervals run backwards.
    """
    if problems := [f"tariff {tariff.id}: {text}" for text in _fatal(tariff)]:
        raise PricingError(problems)


def _fatal(tariff: Tariff) -> Iterator[str]:
    for name, bound in (("min_price", tariff.min_price), ("max_price", tariff.max_price)):
        if not all(amount is None or _finite(amount) for amount in bound):
            yield f"{name} {_NO_NUMBER}"
    for index, element in enumerate(tariff.elements):
        for c in element.components:
            place = f"element {index}: {c.dimension.value}"
            if not all(map(_finite, (*_prices(c), *(t.pct for t in c.taxes)))):
                yield f"{place}: a price or tax {_NO_NUMBER}"
            if c.step_size < 0:
                yield f"{place}: step_size {c.step_size} is negative"
            if any(after.start_ms <= before.start_ms for before, after in pairwise(c.dynamic)):
                yield f"{place}: intervals of the dynamic price do not ascend"
        for name, _ in _PAIRS:
            if not all(bound is None or _finite(bound) for bound in _pair(element.restrictions, name)):
                yield f"element {index}: a bound of {name} {_NO_NUMBER}"


def _finite(number: object) -> bool:
    return isinstance(number, int) or (isinstance(number, Decimal) and number.is_finite())


def _prices(c: Component) -> list[Decimal]:
    return [c.price, *(step.price for step in c.dynamic)]


def _pair(restrictions: Restrictions, name: str) -> tuple[Decimal | int | None, Decimal | int | None]:
    return getattr(restrictions, f"min_{name}"), getattr(restrictions, f"max_{name}")


def _of_tariff(tariff: Tariff) -> Iterator[str]:
    if wrong := complaint(tariff.currency):
        yield wrong
    if not tariff.elements:
        yield "there are no elements: everything is free"
    start, end = tariff.valid_from, tariff.valid_until
    naive = [name for name, at in (("valid_from", start), ("valid_until", end)) if at and at.tzinfo is None]
    yield from (f"{name} has no time zone" for name in naive)
    if start and end and not naive and end <= start:
        yield f"it is never valid: from {start.isoformat()} until {end.isoformat()}"


def _of_bounds(tariff: Tariff) -> Iterator[str]:
    for side in ("excl", "incl"):
        least, most = getattr(tariff.min_price, side), getattr(tariff.max_price, side)
        if least is not None and most is not None and least > most:
            yield f"min_price {least} is above max_price {most} ({side}. tax)"
    taxed = any(c.taxes for e in tariff.elements for c in e.components)
    for name, bound in (("min_price", tariff.min_price), ("max_price", tariff.max_price)):
        if bound.excl is not None and bound.incl is not None and bound.incl < bound.excl:
            yield f"{name} is lower with tax ({bound.incl}) than without ({bound.excl})"
        if taxed and (bound.excl is None) != (bound.incl is None):
            yield f"{name} is given on one side of the tax only: the other follows in proportion"
        if any(amount is not None and amount < 0 for amount in bound):
            yield f"{name} is negative"


def _of_element(element: Element) -> Iterator[str]:
    if not element.components:
        yield "it has no price components"
    seen: set[Dimension] = set()
    for c in element.components:
        if c.dimension in seen:
            yield f"{c.dimension.value}: a second component of the dimension is never used"
        seen.add(c.dimension)
        yield from (f"{c.dimension.value}: {text}" for text in _of_component(c))
        if element.restrictions.reservation and c.dimension not in _OF_RESERVATIONS:
            yield f"{c.dimension.value}: a reservation has flat fees and time only"


def _of_component(c: Component) -> Iterator[str]:
    if min(_prices(c)) < 0:
        yield "a negative price pays the driver"
    yield from (f"tax {t.name} of {t.pct} % is negative" for t in c.taxes if t.pct < 0)


def _of_restrictions(element: Element) -> Iterator[str]:
    r = element.restrictions
    for name, unit in _PAIRS:
        least, most = _pair(r, name)
        if least is not None and most is not None and least >= most:
            yield f"it never applies: min_{name} {least} {unit} is not below max_{name} {most} {unit}"
        if any(bound is not None and bound < 0 for bound in (least, most)):
            yield f"a bound of {name} is negative"
    if r.start_date and r.end_date and r.end_date <= r.start_date:
        yield f"it never applies: from {r.start_date} until {r.end_date}, which is excluded"
    if r.start_time and r.start_time == r.end_time:
        yield f"it never applies: it starts and ends at {r.start_time:%H:%M}"
    if r.days is not None and not r.days & frozenset(range(7)):
        yield "it never applies: no weekday is allowed"


def _never_reached(tariff: Tariff) -> Iterator[str]:
    """Components behind one of the same dimension that applies whenever they do."""
    for later, element in enumerate(tariff.elements):
        for c in element.components:
            for earlier, before in enumerate(tariff.elements[:later]):
                if any(b.dimension is c.dimension for b in before.components) and _covers(
                    before.restrictions, element.restrictions
                ):
                    yield f"element {later}: {c.dimension.value} is never used: element {earlier} always wins"
                    break


def _covers(before: Restrictions, later: Restrictions) -> bool:
    """Whether whatever satisfies the later restrictions satisfies these, judged field by field."""
    if before.reservation is not later.reservation:
        return False
    fields: dict[str, Any] = {name: getattr(before, name) for name in Restrictions.__slots__}
    return all(value is None or value == getattr(later, name) for name, value in fields.items())
