"""What a transaction's energy is, from registers that real stations report in several ways. Pure.

A register may count since the station was built (lifetime) or since the car came (session); some write kWh and call
it Wh (quirk 36). Which one it is, is found by comparing with the begin of the transaction, unless the model's quirks
say so. The end is what Transaction.End says, else the last Sample.Periodic, else the last Sample.Clock. Energy is
never negative.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from twin.domain.events import MeterReading

BEGIN, END = "Transaction.Begin", "Transaction.End"
_ORDER = ("Sample.Periodic", "Sample.Clock")
_MOST_W = 1e6
"""No connector draws more: a register that jumps faster than that from 0 did not begin at 0."""
_KILO_FROM_WH = 10_000.0
"""Below that, a register in kWh cannot be told from one that counts the session."""


class Bill(NamedTuple):
    """Begin, end and energy in Wh; NaN: not known yet."""

    begin_wh: float
    end_wh: float
    energy_wh: float
    flags: tuple[str, ...]
    """What was odd: `negative-start`, `zero-begin`, `session-register`, `register-in-kwh`, `stop-below-start`, …"""


class Mend(NamedTuple):
    """How readings become lifetime Wh."""

    scale: float = 1.0
    offset_wh: float = 0.0
    flag: str = ""

    def lifetime(self, value: float) -> float:
        """Return a reading in lifetime Wh."""
        return value * self.scale + self.offset_wh


AS_IT_IS = Mend()


def settle(
    readings: Sequence[MeterReading],
    meter_start_wh: float | None = None,
    meter_stop_wh: float | None = None,
    mode: str = "",
) -> Bill:
    """Return what a transaction cost in energy so far.

    Args:
        readings: Of the register, in any order.
        meter_start_wh: meterStart of 1.6, if it is known.
        meter_stop_wh: meterStop of 1.6, if it is known.
        mode: `lifetime` or `session` where the model is known to do so; empty: found out.
    """
    known = sorted(
        (one for one in readings if math.isfinite(one.register_wh)), key=lambda one: one.happened_s
    )
    flags: list[str] = []
    begin = _begin(known, meter_start_wh, flags)
    if math.isnan(begin):
        end = math.nan if meter_stop_wh is None else meter_stop_wh
        return Bill(begin, end, math.nan, tuple(flags))
    later = [one for one in known if one.context != BEGIN]
    mend = _mend(later, begin, mode, flags)
    end = _end(later, begin, meter_stop_wh, mend, flags)
    return Bill(begin, end, max(0.0, end - begin), tuple(flags))


def _begin(known: Sequence[MeterReading], meter_start_wh: float | None, flags: list[str]) -> float:
    begin, at_s = math.nan, -math.inf
    if meter_start_wh is not None and meter_start_wh < 0.0:
        flags.append("negative-start")
    elif meter_start_wh is not None:
        begin = meter_start_wh
    if math.isnan(begin):
        first = _first(known)
        if first is None:
            return math.nan
        begin, at_s = first.register_wh, first.happened_s
    if begin == 0.0:
        after = next((one for one in known if one.context != BEGIN and one.register_wh > 0.0), None)
        if after is not None:
            start_s = at_s if math.isfinite(at_s) else known[0].happened_s
            hours = max(after.happened_s - start_s, 60.0) / 3600.0
            if after.context != END and after.register_wh / hours > _MOST_W:
                flags.append("zero-begin")
                return after.register_wh
    return begin


def _first(known: Sequence[MeterReading]) -> MeterReading | None:
    for context in (BEGIN, *_ORDER):
        for one in known:
            if one.context == context:
                return one
    return known[0] if known else None


def mend_of(first_wh: float, begin_wh: float, mode: str = "") -> Mend:
    """Return how a register's readings become lifetime Wh.

    Args:
        first_wh: The first reading after the begin.
        begin_wh: Of the transaction.
        mode: `lifetime` or `session` where the model is known to do so; empty: found out.
    """
    if mode == "lifetime":
        return AS_IT_IS
    far = begin_wh >= _KILO_FROM_WH
    if not mode and far and abs(first_wh * 1000.0 - begin_wh) <= max(1000.0, 0.01 * begin_wh):
        return Mend(1000.0, 0.0, "register-in-kwh")
    if mode == "session" or first_wh < begin_wh - 1.0:
        return Mend(1.0, begin_wh, "session-register")
    return AS_IT_IS


def _mend(later: Sequence[MeterReading], begin: float, mode: str, flags: list[str]) -> Mend:
    first = next((one.register_wh for one in later if one.context != END), None)
    mend = AS_IT_IS if first is None else mend_of(first, begin, mode)
    if mend.flag:
        flags.append(mend.flag)
    return mend


def _end(
    later: Sequence[MeterReading],
    begin: float,
    meter_stop_wh: float | None,
    mend: Mend,
    flags: list[str],
) -> float:
    if meter_stop_wh is not None:
        if meter_stop_wh >= begin:
            return meter_stop_wh
        flags.append("stop-below-start")
        if meter_stop_wh >= begin - 1.0:  # rounded differently at both ends
            return begin
    closing = [one.register_wh for one in later if one.context == END]
    if closing:
        if closing[-1] >= begin - 1.0:
            return max(begin, closing[-1])
        if mend is not AS_IT_IS:
            return max(begin, mend.lifetime(closing[-1]))
        flags.append("end-below-begin")
    for context in _ORDER:
        of_context = [one.register_wh for one in later if one.context == context]
        if of_context:
            return max(begin, mend.lifetime(of_context[-1]))
    rest = [mend.lifetime(one.register_wh) for one in later if one.context != END]
    return max(begin, *rest) if rest else begin
