"""A tariff compiled: which price of each dimension is active is a look-up by bit masks.

Bit i of a mask says that restrictions of one kind of element i hold. The restrictions of a session's progress
(energy, duration, time charged and idled) and of a period (power, current) are thresholds: between two of them
nothing switches. The elements that are active are the AND over the kinds.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from decimal import Decimal
from functools import cached_property
from typing import NamedTuple
from zoneinfo import ZoneInfo

from twin.money.billing.civil import ALWAYS, Civil, window
from twin.money.billing.model import Dimension, Measured, Reservation, Restrictions, Tariff
from twin.money.billing.rates import MS, NWH, Rates, Slot

_Bounds = tuple[int | None, int | None]


class Thresholds:
    """Restrictions of one kind: minima are inclusive, maxima exclusive."""

    __slots__ = ("_masks", "values")

    def __init__(self, bounds: Sequence[_Bounds]) -> None:
        self.values = sorted({v for pair in bounds for v in pair if v is not None})
        self._masks = [self._mask(bounds, self.values[:k]) for k in range(len(self.values) + 1)]

    @staticmethod
    def _mask(bounds: Sequence[_Bounds], reached: list[int]) -> int:
        return sum(
            1 << i
            for i, (least, most) in enumerate(bounds)
            if (least is None or least in reached) and (most is None or most not in reached)
        )

    def mask(self, value: int) -> int:
        """Elements whose restrictions of this kind hold at a value."""
        return self._masks[bisect_right(self.values, value)]

    def masks(self, least: int, most: int) -> list[int]:
        """Masks of every value of [least, most]."""
        return self._masks[bisect_right(self.values, least) : bisect_right(self.values, most) + 1]


class Active(NamedTuple):
    """The active component of each dimension; None is free."""

    energy: Slot | None
    time: Slot | None
    parking: Slot | None
    flat: Slot | None


_DIMENSIONS = (Dimension.ENERGY, Dimension.TIME, Dimension.PARKING_TIME, Dimension.FLAT)


class Book:
    """The elements for one purpose, in the tariff's order: for sessions, or for reservations of one outcome."""

    __slots__ = ("_known", "entries")

    def __init__(self, entries: Sequence[tuple[int, Slot]]) -> None:
        self.entries = entries
        """(element, component), in order."""
        self._known: dict[int, Active] = {}

    def active(self, mask: int) -> Active:
        """Return the first component of each dimension whose element is in the mask."""
        found = self._known.get(mask)
        if found is None:
            found = self._known[mask] = Active(*(self._first(d, mask) for d in _DIMENSIONS))
        return found

    def _first(self, dimension: Dimension, mask: int) -> Slot | None:
        return next(
            (s for i, s in self.entries if mask >> i & 1 and s.component.dimension is dimension), None
        )

    def has(self, dimension: Dimension) -> bool:
        """Whether some element prices the dimension."""
        return any(slot.component.dimension is dimension for _, slot in self.entries)


class Rules:
    """Everything that decides which price is active, compiled once per tariff and zone."""

    def __init__(self, tariff: Tariff, zone: ZoneInfo) -> None:
        self.rates = Rates(tariff)
        self._restrictions = restrictions = [e.restrictions for e in tariff.elements]
        self.every = (1 << len(restrictions)) - 1
        windows = [ALWAYS if (w := window(r)) == ALWAYS else w for r in restrictions]
        self.civil = Civil(windows, zone) if any(w is not ALWAYS for w in windows) else None
        self.energy = _thresholds([_scaled(r.min_energy_wh, r.max_energy_wh, NWH) for r in restrictions])
        self.power = _thresholds([_scaled(r.min_power_w, r.max_power_w, NWH) for r in restrictions])
        self.current = _thresholds([_scaled(r.min_current_a, r.max_current_a, NWH) for r in restrictions])
        self.duration = _thresholds([_scaled(r.min_duration_s, r.max_duration_s, MS) for r in restrictions])
        self.charging = _thresholds([_scaled(r.min_charging_s, r.max_charging_s, MS) for r in restrictions])
        self.idle = _thresholds([_scaled(r.min_idle_s, r.max_idle_s, MS) for r in restrictions])
        self.of_session = any(r.evse_kind or r.payment_brand or r.payment_recognition for r in restrictions)
        self.dynamic_ms = sorted({ms for slots in self.rates.slots for slot in slots for ms in slot.starts})
        self.book, self.used, self.expired = self._books()

    def _books(self) -> tuple[Book, Book, Book]:
        kinds: dict[Reservation | None, list[tuple[int, Slot]]] = {
            None: [],
            Reservation.USED: [],
            Reservation.EXPIRED: [],
        }
        for index, restrictions in enumerate(self._restrictions):
            kinds[restrictions.reservation].extend((index, slot) for slot in self.rates.slots[index])
        return Book(kinds[None]), Book(kinds[Reservation.USED]), Book(kinds[Reservation.EXPIRED])

    def start_mask(self, at_ms: int) -> int:
        """Elements that can apply to a session that starts now, whatever its EVSE, power and means of payment."""
        kinds = (self.energy, self.duration, self.charging, self.idle)
        mask = self.every if self.civil is None else self.civil.mask(at_ms)
        for thresholds in kinds:
            mask &= self.every if thresholds is None else thresholds.mask(0)
        return mask

    def switches_ms(self, start_ms: int, end_ms: int) -> list[int]:
        """Instants within (start_ms, end_ms) at which civil time or a dynamic price switches something."""
        dynamic = self.dynamic_ms
        found = dynamic[bisect_right(dynamic, start_ms) : bisect_left(dynamic, end_ms)]
        return sorted({*found, *self.civil.switches(start_ms, end_ms)}) if self.civil else found

    @cached_property
    def by_doing(self) -> bool:
        """Whether it matters if the car charges or idles."""
        book = self.book
        timed = book.has(Dimension.TIME) or book.has(Dimension.PARKING_TIME)
        return timed or self.charging is not None or self.idle is not None

    def session_mask(self, session: Measured) -> int:
        """Elements for this kind of EVSE and means of payment.

        An unknown kind of EVSE satisfies every restriction, as unknown currents do; a payment without brand or
        recognition is not one of the brand that a restriction names.
        """
        if not self.of_session:
            return self.every
        return sum(1 << i for i, r in enumerate(self._restrictions) if _suits(r, session))


def _suits(r: Restrictions, session: Measured) -> bool:
    return (
        (not r.evse_kind or session.evse_kind in {"", r.evse_kind})
        and (not r.payment_brand or session.payment_brand == r.payment_brand)
        and (not r.payment_recognition or session.payment_recognition == r.payment_recognition)
    )


def _scaled(least: Decimal | int | None, most: Decimal | int | None, scale: int) -> _Bounds:
    return (None if least is None else int(least * scale)), (None if most is None else int(most * scale))


def _thresholds(bounds: Sequence[_Bounds]) -> Thresholds | None:
    """Compile thresholds of one kind; None where no element has any."""
    return Thresholds(bounds) if any(pair != (None, None) for pair in bounds) else None
