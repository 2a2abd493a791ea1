"""What a site charges during a run, and what a session is to its tariff: registers and doings, cut into periods."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from decimal import Decimal
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

from twin.domain.events import MeterReading
from twin.domain.specs import EvseSpec
from twin.money.billing.model import Bill, Doing, Measured, Period, Tariff
from twin.money.billing.pricing import Pricer

_MS = 1000.0


class Turn(NamedTuple):
    """From an instant on a car does something else."""

    t_s: float
    doing: Doing


class Counted(NamedTuple):
    """A session as its meter tells it."""

    measured: Measured
    metered_wh: int
    """From begin to end; where the register fell, nothing."""
    fell: bool
    """Whether the register fell somewhere: nothing is charged for that part."""


class SiteTariff:
    """A tariff at one site during one run.

    Args:
        pricer: The tariff, compiled for the site's time zone.
        epoch_ms: The run's second 0, Unix time in milliseconds.
        horizon_s: Length of the run.
    """

    def __init__(self, pricer: Pricer, epoch_ms: int, horizon_s: float) -> None:
        self.pricer = pricer
        self._epoch_ms = epoch_ms
        self._horizon_s = horizon_s
        self._known: dict[int, Decimal] = {}

    @property
    def tariff(self) -> Tariff:
        """What is charged."""
        return self.pricer.tariff

    @property
    def by_doing(self) -> bool:
        """Whether it matters what the car does: charge, park or wait for us."""
        return "doing" in self.pricer.needs

    @property
    def by_power(self) -> bool:
        """Whether power or current within a session matters."""
        return bool({"power", "current"} & self.pricer.needs)

    @cached_property
    def changes_s(self) -> tuple[float, ...]:
        """Instants within the run at which a price changes, ascending, without the start."""
        until_ms = self._epoch_ms + round(self._horizon_s * _MS)
        return tuple(self.seconds(at_ms) for at_ms in self.pricer.changes_ms(self._epoch_ms, until_ms))

    def at(self, t_s: float) -> Decimal:
        """Price per kWh with tax of a session that starts at `t_s` >= 0."""
        interval = bisect_right(self.changes_s, t_s)
        if interval not in self._known:
            start_s = self.changes_s[interval - 1] if interval else 0.0
            self._known[interval] = self.pricer.energy_price(self.ms(start_s))
        return self._known[interval]

    def ms(self, t_s: float) -> int:
        """Unix time in milliseconds of an instant of the run."""
        return self._epoch_ms + round(t_s * _MS)

    def seconds(self, at_ms: int) -> float:
        """Seconds of the run of a Unix time in milliseconds."""
        return (at_ms - self._epoch_ms) / _MS

    def price(self, measured: Measured) -> Bill:
        """Return the bill of a session that has ended."""
        return self.pricer.price(measured)

    def count(self, readings: Sequence[MeterReading], turns: Sequence[Turn], spec: EvseSpec) -> Counted:
        """Cut a session into periods at its readings.

        Args:
            readings: Of the session, ascending; the last is its end, or how it stands.
            turns: What the car does, from when on; ascending. Empty: it charges.
            spec: The EVSE.
        """
        last_wh = round(readings[-1].register_wh)
        points: dict[int, int] = {}
        for reading in readings:  # of two at one instant the later counts, but the begin stays the begin
            at_ms = self.ms(reading.happened_s)
            register_wh = min(round(reading.register_wh), last_wh)
            if len(points) == 1 and at_ms in points:
                continue
            points[at_ms] = register_wh
        starts = [self.ms(turn.t_s) for turn in turns]
        instants = list(points)
        end_ms = max(self.ms(readings[-1].happened_s), instants[-1])
        if len(instants) == 1:
            end_ms, instants = end_ms + 1, [*instants, end_ms + 1]
        begin_wh = points[instants[0]]
        periods, before_wh, fell = [], begin_wh, round(readings[0].register_wh) > last_wh
        for start_ms, until_ms in pairwise(instants):
            register_wh = points.get(until_ms, last_wh)
            energy_wh = max(register_wh - before_wh, 0)
            fell = fell or register_wh < before_wh
            before_wh = max(register_wh, before_wh)
            turn = bisect_right(starts, start_ms)
            doing = turns[turn - 1].doing if turn else Doing.CHARGING
            periods.append(_period(start_ms, until_ms, energy_wh, doing, spec))
        measured = Measured(
            periods=tuple(periods), end_ms=end_ms, evse_kind="AC" if spec.dc_max_w is None else "DC"
        )
        return Counted(measured, before_wh - begin_wh, fell)


def _period(start_ms: int, end_ms: int, energy_wh: int, doing: Doing, spec: EvseSpec) -> Period:
    """One period; the current of an AC EVSE follows from its energy."""
    if spec.dc_max_w is not None:
        return Period(start_ms, energy_wh, doing)
    watts = Decimal(energy_wh) * 3_600_000 / (end_ms - start_ms)
    return Period(start_ms, energy_wh, doing, current_a=watts / Decimal(str(spec.voltage_v)))
