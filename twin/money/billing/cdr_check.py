"""Whether a CDR's totals follow from its own periods and a tariff: a second opinion on somebody else's bill."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal
from typing import Final, NamedTuple

from twin.domain.money import digits
from twin.money.billing.cdr_pricing import Outcome, price_periods
from twin.money.billing.model import Bill, Dimension, Line, PriceBound, Tariff
from twin.money.billing.ocpi_cdr import ENERGY, PARKING_TIME, TIME, Cdr, session_periods

VOLUME_UNIT: Final = Decimal("0.001")
"""Finest difference of kWh and hours that is told: CDRs round every period's volume."""
_PART: Final[dict[str, Callable[[Line], bool]]] = {
    "total_fixed_cost": lambda line: line.reservation is None and line.dimension is Dimension.FLAT,
    "total_energy_cost": lambda line: line.dimension is Dimension.ENERGY,
    "total_time_cost": lambda line: line.reservation is None and line.dimension is Dimension.TIME,
    "total_parking_cost": lambda line: line.dimension is Dimension.PARKING_TIME,
    "total_reservation_cost": lambda line: line.reservation is not None,
}
_SIDES = ("without tax", "with tax")


class Claim(NamedTuple):
    """A total that the CDR claims, beside what follows from its periods."""

    name: str
    """Field of the CDR."""
    side: str
    """`without tax` or `with tax`; empty for kWh and hours."""
    unit: str
    claimed: Decimal
    priced: Decimal
    agrees: bool

    @property
    def difference(self) -> Decimal:
        """What is claimed too much."""
        return self.claimed - self.priced


@dataclass(frozen=True, slots=True, kw_only=True)
class CdrCheck:
    """A CDR that was priced again."""

    cdr: Cdr
    tariff: Tariff
    """Of the bill's lines; of several, their elements one after another."""
    bill: Bill
    claims: tuple[Claim, ...]
    """Each total that the CDR claims; empty where it claims none."""
    reasons: tuple[str, ...]
    """Where a total differs: what would explain it."""

    @property
    def agrees(self) -> bool:
        """Whether no claim differs."""
        return all(claim.agrees for claim in self.claims)


def price_cdr(
    cdr: Cdr,
    tariff: Tariff | None = None,
    *,
    time_zone: str | None = None,
    reservation: Outcome | None = None,
    rounding: Decimal | None = None,
) -> CdrCheck:
    """Price the periods of a CDR unsplit, and compare every total that it claims.

    Args:
        cdr: As `read_cdr` read it.
        tariff: By which it is priced; None: by the tariffs that it carries.
        time_zone: IANA name of the location's zone; None: as the CDR says.
        reservation: What became of a reservation, which a CDR cannot say; None: used if the car charged.
        rounding: Unit to which costs are rounded, half up or down; None: the currency's minor unit.

    Raises:
        ScenarioError: There is no tariff, no time zone where one matters, or the reservation does not fit.
        PricingError: No tariff is valid at the start, or one cannot be priced.
    """
    unit = rounding if rounding is not None else Decimal(1).scaleb(-digits(cdr.currency))
    one, bill = price_periods(cdr, tariff, time_zone, reservation)
    claims = (*_costs(cdr, bill, unit), *_amounts(cdr))

    others = _Others(
        bill, unit, lambda: price_periods(cdr, tariff, time_zone, reservation, stepped=False).bill
    )
    reasons = tuple(_reasons(cdr, claims, others))
    return CdrCheck(cdr=cdr, tariff=one, bill=bill, claims=claims, reasons=reasons)


def _costs(cdr: Cdr, bill: Bill, unit: Decimal) -> Iterator[Claim]:
    for name, bound in cdr.costs.items():
        if name == "total_cost":
            sign = -1 if cdr.credit else 1
            priced = (sign * bill.excl, sign * bill.incl)
        else:
            lines = [line for line in bill.lines if _PART[name](line)]
            priced = (_sum(line.excl for line in lines), _sum(line.incl for line in lines))
        for side, claimed, exact in zip(_SIDES, bound, priced, strict=True):
            if claimed is not None:
                agrees = abs(claimed - exact) * 2 <= unit
                yield Claim(name, side, cdr.currency, claimed, exact, agrees)


def _amounts(cdr: Cdr) -> Iterator[Claim]:
    """Compare kWh and hours as measured, before any step size; what no period tells is not compared."""
    periods = list(session_periods(cdr))
    hours = Decimal(periods[-1].end_ms - periods[0].start_ms) / 3_600_000 if periods else Decimal(0)
    told = {
        "total_energy": (_sum(p.volumes.get(ENERGY, Decimal(0)) for p in periods), "kWh"),
        "total_time": (hours, "h"),
        "total_parking_time": (_sum(p.volumes.get(PARKING_TIME, Decimal(0)) for p in periods), "h"),
    }
    measured = {kind for p in periods for kind in p.volumes}
    needs = {"total_energy": {ENERGY}, "total_parking_time": {TIME, PARKING_TIME}}
    for name, claimed in cdr.amounts.items():
        if name in needs and not needs[name] & measured:
            continue
        exact, unit = told[name]
        yield Claim(name, "", unit, claimed, exact, abs(claimed - exact) <= VOLUME_UNIT)


class _Others(NamedTuple):
    """What else the total might have been."""

    bill: Bill
    unit: Decimal
    unstepped: Callable[[], Bill]

    def totals(self) -> Iterator[tuple[str, Decimal, Decimal]]:
        """Yield an explanation, and the totals without and with tax that it leads to."""
        bill = self.bill
        lines = bill.lines
        yield (
            "each line is rounded by itself, not the total",
            _sum(self._round(line.excl) for line in lines),
            _sum(self._round(line.incl) for line in lines),
        )
        for text, mode in (("it is cut off, not rounded", ROUND_FLOOR), ("it is rounded up", ROUND_CEILING)):
            yield text, self._round(bill.excl, mode), self._round(bill.incl, mode)
        unstepped = self.unstepped()
        yield "step sizes are not applied", unstepped.excl, unstepped.incl
        if bill.bound:
            yield (
                f"the {bill.bound}_price is not applied",
                _sum(line.excl for line in lines),
                _sum(line.incl for line in lines),
            )
        yield "the amounts without and with tax are exchanged", bill.incl, bill.excl
        yield "no tax is added", bill.excl, bill.excl

    def _round(self, amount: Decimal, mode: str = ROUND_HALF_UP) -> Decimal:
        return (amount / self.unit).quantize(Decimal(1), rounding=mode) * self.unit


def _reasons(cdr: Cdr, claims: Iterable[Claim], others: _Others) -> Iterator[str]:
    wrong = [claim for claim in claims if not claim.agrees]
    yield from (_difference(claim) for claim in wrong)
    if not any(claim.name == "total_cost" for claim in wrong):
        return
    total = cdr.costs["total_cost"]
    sign = -1 if cdr.credit else 1
    if cdr.credit and total.excl is not None and total.excl > 0:
        yield "a credit CDR has its total_cost negated (OCPI mod_cdrs, Credit CDRs)"
    for text, *amounts in others.totals():
        sides = [(c, sign * a) for c, a in zip(total, amounts, strict=True) if c is not None]
        if all(abs(claimed - amount) * 2 <= others.unit for claimed, amount in sides):
            yield f"total_cost would be right if {text}"
    yield from _parts(total, cdr, others.unit)


def _difference(claim: Claim) -> str:
    what = f"{claim.name} {claim.side}".rstrip()
    much = "too much" if claim.difference > 0 else "too little"
    apart = f"{abs(claim.difference):.4f}".rstrip("0").rstrip(".")
    return f"{what} is {apart} {claim.unit} {much}"


def _parts(total: PriceBound, cdr: Cdr, unit: Decimal) -> Iterator[str]:
    """Say that the claimed parts do not make the claimed total, each being rounded."""
    parts = [cost.excl for name, cost in cdr.costs.items() if name != "total_cost" and cost.excl is not None]
    if parts and total.excl is not None and abs(_sum(parts) - abs(total.excl)) > unit * len(parts):
        yield f"the claimed parts add up to {_sum(parts)} {cdr.currency} without tax"


def _sum(values: Iterable[Decimal]) -> Decimal:
    return sum(values, Decimal(0))
