"""Holds composition against the naive rules, on one stack at a time."""

from __future__ import annotations

import math

from twin.network.ocpp.profiles import compose
from twin.network.ocpp.profiles.context import Allowed, Context
from twin.network.ocpp.profiles.model import ChargingProfile, Mode, Unit

from .drawn import WINDOW_S
from .naive import INFINITE, Answer, answer


def close(got: float | None, wanted: float | None) -> bool:
    """Equal to rounding; None and INFINITE both mean: no limit."""
    none = {None, INFINITE, -INFINITE}
    if got is None or wanted is None or wanted in none:
        return got in none and wanted in none
    return math.isclose(got, wanted, rel_tol=1e-9, abs_tol=1e-9)


def same(got: Allowed, wanted: Answer) -> bool:
    """Whether both say the same."""
    return (
        close(got.limit_w, wanted.limit_w)
        and close(got.discharge_limit_w, wanted.discharge_w)
        and close(got.setpoint_w, wanted.setpoint_w)
        and got.phases == wanted.phases
        and got.phase_to_use == wanted.phase_to_use
        and got.mode.value == wanted.mode
    )


def check(profiles: list[ChargingProfile], context: Context, start_s: int) -> None:
    """Composition, its course and its next change agree with the naive rules in every second of a window."""
    answers = [answer(profiles, context, start_s + k) for k in range(WINDOW_S)]
    for k, wanted in enumerate(answers):
        got = compose.limit_at(profiles, context, start_s + k)
        assert same(got, wanted), (k, got, wanted)
        per_a = (context.voltage_v or 0.0) * (1 if context.dc else got.phases)
        assert close(got.limit_a, wanted.limit_w / per_a if wanted.limit_w < INFINITE else None)
    course(profiles, context, start_s, answers)
    change_s = compose.next_change_s(profiles, context, start_s)
    quiet = answers[: int(min(change_s - start_s, WINDOW_S))]
    assert all(a == quiet[0] for a in quiet)
    assert change_s > start_s


def course(profiles: list[ChargingProfile], context: Context, start_s: int, answers: list[Answer]) -> None:
    """The composite schedule says in each second what the naive rules say, in the fewest periods."""
    schedule = compose.composite(profiles, context, start_s, WINDOW_S, Unit.W)
    starts = [p.start_s for p in schedule.periods]
    assert starts[0] == 0.0
    assert starts == sorted(set(starts))
    for k, wanted in enumerate(answers):
        period = [p for p in schedule.periods if p.start_s <= k][-1]
        assert close(period.limit, wanted.limit_w)
        assert period.mode.value == wanted.mode
        if period.mode not in {Mode.CHARGING_ONLY, Mode.IDLE}:
            assert close(period.setpoint, wanted.setpoint_w)
            assert close(period.discharge_limit, wanted.discharge_w)
