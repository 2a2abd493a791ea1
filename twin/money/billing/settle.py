"""From volumes at rates to a bill: step sizes, lines, bounds. Exact until the decimals are written."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Context, Decimal
from fractions import Fraction

from twin.money.billing.model import NO_BOUND, Bill, Dimension, Line, PriceBound, TaxSum
from twin.money.billing.rates import FINE, Rates, fine_decimal
from twin.money.billing.stretches import Stretch

_CONTEXT = Context(prec=28)
_VOLUME = {
    Dimension.ENERGY: Decimal(10**12),
    Dimension.TIME: Decimal(3_600_000),
    Dimension.PARKING_TIME: Decimal(3_600_000),
    Dimension.FLAT: Decimal(1),
}


def settle(
    rates: Rates,
    stretches: Sequence[Stretch],
    *,
    stepped: bool = True,
    at_least: bool = True,
    warnings: tuple[str, ...] = (),
) -> Bill:
    """Make the bill of volumes.

    Every line's amount is the difference of two rounded running totals: lines add up to the total to the last
    decimal, and the total is the exact one.

    Args:
        rates: Prices of the tariff.
        stretches: Volumes, each dimension in order of time.
        stepped: Whether volumes are rounded up to the step sizes: not while a session goes on.
        at_least: Whether a minimum price applies.
        warnings: What the bill tells its reader.
    """
    extra = step_extras(stretches) if stepped else {}
    half, twice = rates.denominator, 2 * rates.denominator
    excl = incl = excl_fine = incl_fine = 0
    lines = []
    for k, s in enumerate(stretches):
        rate = s.rate
        billed = s.units + extra[k] if k in extra else s.units
        excl += billed * rate.excl
        incl += billed * rate.incl
        excl_before, excl_fine = excl_fine, (2 * FINE * excl + half) // twice
        incl_before, incl_fine = incl_fine, (2 * FINE * incl + half) // twice
        unit = _VOLUME[rate.dimension]
        volume = _CONTEXT.divide(Decimal(s.units), unit)
        lines.append(
            Line(
                rate.dimension,
                rate.element,
                s.reservation,
                s.start_ms,
                s.end_ms,
                volume,
                volume if billed == s.units else _CONTEXT.divide(Decimal(billed), unit),
                rate.price,
                rate.taxes,
                fine_decimal(excl_fine - excl_before),
                fine_decimal(incl_fine - incl_before),
            )
        )
    tariff = rates.tariff
    total_excl, total_incl, bound = fine_decimal(excl_fine), fine_decimal(incl_fine), ""
    taxes = _taxes(rates, stretches, extra, incl_fine - excl_fine)
    if tariff.min_price is not NO_BOUND or tariff.max_price is not NO_BOUND:
        least = tariff.min_price if at_least else NO_BOUND
        total_excl, total_incl, bound = clamp(total_excl, total_incl, least, tariff.max_price)
    return Bill(
        tariff=tariff.id,
        currency=tariff.currency,
        lines=tuple(lines),
        excl=total_excl,
        incl=total_incl,
        bound=bound,
        taxes=taxes,
        warnings=warnings,
    )


def step_extras(stretches: Sequence[Stretch]) -> dict[int, int]:
    """Extra units of the last volume of every total that a step size rounds up.

    Totals are of energy, of the session's time and of the reservation's time, each over what has a price. Where
    parking has one, the session's time is the parking time and charging is not rounded (OCPI 2.2.1 mod_cdrs,
    step_size).
    """
    parked = any(s.rate.dimension is Dimension.PARKING_TIME for s in stretches)
    totals: dict[tuple[Dimension, bool], int] = {}
    last: dict[tuple[Dimension, bool], int] = {}
    for k, s in enumerate(stretches):
        key = s.rate.dimension, s.reservation is not None
        totals[key] = totals.get(key, 0) + s.units
        last[key] = k
    extra = {}
    for key, k in last.items():
        step = stretches[k].rate.step
        if step and not (parked and key == (Dimension.TIME, False)):
            extra[k] = -totals[key] % step
    return extra


def _taxes(
    rates: Rates, stretches: Sequence[Stretch], extra: dict[int, int], total_fine: int
) -> tuple[TaxSum, ...]:
    """Sums per tax: they add up to the difference of the totals, so the last one takes the last decimal."""
    sums: dict[tuple[str, Decimal], int] = {}
    for k, s in enumerate(stretches):
        billed = s.units + extra.get(k, 0)
        for tax, part in zip(s.rate.taxes, s.rate.tax_parts, strict=True):
            key = tax.name, tax.pct
            sums[key] = sums.get(key, 0) + billed * part
    half, twice = rates.denominator, 2 * rates.denominator
    found = []
    for left, ((name, pct), amount) in zip(range(len(sums) - 1, -1, -1), sums.items(), strict=True):
        fine = (2 * FINE * amount + half) // twice if left else total_fine
        total_fine -= fine
        found.append(TaxSum(name, pct, fine_decimal(fine)))
    return tuple(found)


def clamp(excl: Decimal, incl: Decimal, least: PriceBound, most: PriceBound) -> tuple[Decimal, Decimal, str]:
    """Clamp both totals, each to its own bounds.

    A bound that is given on one side only moves the other total in proportion where it is in force: a price that is
    capped without tax is capped with its tax, too.

    Returns:
        Total without tax, total with tax, and `min` or `max` where a bound was in force.
    """
    for name, bound, wins in (("min", least, max), ("max", most, min)):
        new_excl = excl if bound.excl is None else wins(excl, bound.excl)
        new_incl = incl if bound.incl is None else wins(incl, bound.incl)
        if (new_excl, new_incl) == (excl, incl):
            continue
        if bound.incl is None:
            new_incl = _in_proportion(new_excl, incl, excl)
        elif bound.excl is None:
            new_excl = _in_proportion(new_incl, excl, incl)
        return new_excl, new_incl, name
    return excl, incl, ""


def _in_proportion(amount: Decimal, part: Decimal, whole: Decimal) -> Decimal:
    """Amount times part / whole, to 18 decimals; the amount itself where nothing tells the ratio."""
    if not whole or part == whole:
        return amount
    exact = Fraction(amount) * Fraction(part) / Fraction(whole)
    return fine_decimal(round(exact * FINE))
