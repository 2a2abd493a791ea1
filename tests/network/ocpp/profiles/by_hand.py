"""Schedules whose numbers can be checked by hand: of the examples of the specifications, and one per rule.

A case is a place, its profiles, a duration, a unit, and what must come out: (from second, limit), None: no limit.
"""

from __future__ import annotations

from typing import NamedTuple

from twin.network.ocpp.profiles.context import Context
from twin.network.ocpp.profiles.model import ChargingProfile, Kind, Purpose, Recurrency, Unit
from twin.network.ocpp.versions import Version

from .build import DAY, HOUR, place, profile

MAX, DEFAULT, TX = Purpose.STATION_MAX, Purpose.TX_DEFAULT, Purpose.TX
OUTSIDE, SUN, PRIORITY = Purpose.EXTERNAL_CONSTRAINTS, Purpose.LOCAL_GENERATION, Purpose.PRIORITY
DAILY = {"kind": Kind.RECURRING, "recurrency": Recurrency.DAILY}
WEEKLY = {"kind": Kind.RECURRING, "recurrency": Recurrency.WEEKLY}
V16, V201, V21 = Version.V16, Version.V201, Version.V21


class Case(NamedTuple):
    """One schedule drawn by hand."""

    clause: str
    place: Context
    profiles: list[ChargingProfile]
    expected: list[tuple[float, float | None]]
    start_s: float = 0.0
    duration_s: float = HOUR
    unit: Unit = Unit.A


_SIX_KW_BY_DAY = profile(
    100,
    DEFAULT,
    (0, 11_000),
    (28_800, 6_000),
    (72_000, 11_000),
    unit=Unit.W,
    duration_s=DAY,
    phases=3,
    **DAILY,
)
_NIGHTS = profile(  # full power from 23:00 to 06:00 on weekdays and on the whole weekend; day 0 is a Monday
    1,
    DEFAULT,
    *((d * DAY + h * HOUR, a) for d in range(5) for h, a in ((0, 32), (6, 8), (23, 32))),
    (5 * DAY, 32),
    duration_s=7 * DAY,
    **WEEKLY,
)
_HOLIDAY = profile(2, DEFAULT, (0, 32), level=1, start_s=9 * DAY, duration_s=DAY)

CASES: dict[str, Case] = {
    "6 kW by day": Case(
        "1.6 3.13.7", place(V16), [_SIX_KW_BY_DAY],
        [(0, 11_000), (28_800, 6_000), (72_000, 11_000), (115_200, 6_000)],
        duration_s=36 * HOUR, unit=Unit.W,
    ),
    "6 kW by day in A": Case(
        "1.6 7.12: 6000 W / (230 V x 3) = 8.7 A", place(V16), [_SIX_KW_BY_DAY],
        [(0, 11_000 / 690), (28_800, 6_000 / 690), (72_000, 11_000 / 690)], duration_s=DAY,
    ),
    "nights and weekends": Case(
        "1.6 3.13.2, from Friday 22:00 of the second week on", place(V16), [_NIGHTS],
        [(0, 8), (HOUR, 32), (2 * DAY + 8 * HOUR, 8)],
        start_s=11 * DAY + 22 * HOUR, duration_s=3 * DAY,
    ),
    "a holiday on top": Case(
        "1.6 3.13.2: the exception of Wednesday ends at its midnight", place(V16), [_NIGHTS, _HOLIDAY],
        [(0, 32), (HOUR * 30, 8)], start_s=9 * DAY, duration_s=1.5 * DAY,
    ),
    "the lowest purpose": Case(
        "1.6 3.13.3", place(V16),
        [
            profile(1, MAX, (0, 20), (1800, 12)),
            profile(2, TX, (0, 16), (900, 32), (2700, 10), evse=1, transaction="tx"),
        ],
        [(0, 16), (900, 20), (1800, 12), (2700, 10)],
    ),
    "TxProfile replaces the default": Case(
        "1.6 3.13.1: even where it is higher", place(V16),
        [profile(1, DEFAULT, (0, 6)), profile(2, TX, (0, 20), evse=1, duration_s=600)],
        [(0, 20), (600, 6)],
    ),
    "the connector's own default": Case(
        "1.6 3.13.1: whatever the levels are", place(V16),
        [profile(1, DEFAULT, (0, 6), level=5), profile(2, DEFAULT, (0, 13), evse=1)], [(0, 13)],
    ),
    "one stack of defaults": Case(
        "2.0.1 K01.FR.14, .17: the higher level of both", place(V201),
        [profile(1, DEFAULT, (0, 6), level=5), profile(2, DEFAULT, (0, 13), evse=1)], [(0, 6)],
    ),
    "a profile of another transaction": Case(
        "2.0.1 K01.FR.04", place(V201), [profile(1, TX, (0, 9), evse=1, transaction="other")], [(0, None)],
    ),
    "a profile of another EVSE": Case("2.0.1 K01.FR.15", place(V201), [profile(1, DEFAULT, (0, 9), evse=2)], [(0, None)]),
    "no transaction": Case(
        "1.6 3.13.1: a TxProfile is of a transaction", place(V16, transaction=None),
        [profile(1, TX, (0, 9), evse=1), profile(2, DEFAULT, (0, 14))], [(0, 14)],
    ),
    "higher levels overrule": Case(
        "2.0.1 K01.FR.17, .36, .37", place(V201),
        [
            profile(1, DEFAULT, (0, 10)),
            profile(2, DEFAULT, (0, 25), level=1, valid_from_s=600.0, valid_to_s=1200.0),
        ],
        [(0, 10), (600, 25), (1200, 10)],
    ),
    "a gap between two": Case(
        "1.6 5.16.4: a level without a period gives way to the one below", place(V16),
        [
            profile(1, DEFAULT, (0, 10), duration_s=2400),
            profile(2, DEFAULT, (0, 20), level=1, start_s=300.0, duration_s=300),
        ],
        [(0, 10), (300, 20), (600, 10), (2400, None)],
    ),
    "periods past the duration": Case(
        "2.0.1 K01.FR.11, .12", place(V201),
        [profile(1, DEFAULT, (0, 10), (600, 12), (1200, 14), duration_s=900)], [(0, 10), (600, 12), (900, None)],
    ),
    "a future start": Case("2.0.1 K01.FR.30", place(V201), [profile(1, DEFAULT, (0, 10), start_s=900.0)], [(0, None), (900, 10)]),
    "a duration longer than the recurrence": Case(
        "1.6 errata 3.44: what is past 24 hours is not executed", place(V16),
        [profile(1, DEFAULT, (0, 10), (DAY + 60, 99), duration_s=2 * DAY, **DAILY)], [(0, 10)], duration_s=3 * DAY,
    ),
    "a duration shorter than the recurrence": Case(
        "2.0.1 K01.FR.13", place(V201), [profile(1, DEFAULT, (0, 10), duration_s=8 * HOUR, **DAILY)],
        [(0, 10), (8 * HOUR, None), (DAY, 10), (DAY + 8 * HOUR, None)], duration_s=2 * DAY,
    ),
    "recurring from a start of the past": Case(
        "1.6 errata 3.78: at the time of startSchedule, not at midnight", place(V16),
        [profile(1, DEFAULT, (0, 10), (HOUR, 16), start_s=-DAY + 1800.0, **DAILY)],
        [(0, 16), (1800, 10), (5400, 16)], duration_s=2 * HOUR,
    ),
    "every seven days": Case(
        "1.6 errata 3.78", place(V16), [profile(1, DEFAULT, (0, 10), (DAY, 16), **WEEKLY)],
        [(0, 16), (6 * DAY, 10), (7 * DAY, 16)], start_s=DAY, duration_s=8 * DAY,
    ),
    "relative to the transaction": Case(
        "2.0.1 K01.FR.41, .42", place(V201, transaction_start_s=-300.0),
        [profile(1, TX, (0, 16), (600, 10), kind=Kind.RELATIVE, evse=1, transaction="tx", received_s=-60.0)],
        [(0, 16), (300, 10)],
    ),
    "relative without one": Case(
        "2.0.1 K08: as if a transaction began when asked", place(V201, transaction=None, transaction_start_s=None),
        [profile(1, DEFAULT, (0, 16), (600, 10), kind=Kind.RELATIVE)], [(0, 16), (600, 10)], start_s=7200.0,
    ),
    "no start in 1.6": Case(
        "1.6 7.13: relative to the start of charging", place(V16, transaction_start_s=-300.0),
        [profile(1, TX, (0, 16), (600, 10), start_s=None, evse=1)], [(0, 16), (300, 10)],
    ),
    "a station's relative profile": Case(
        "1.6 7.9: from its receipt", place(V16),
        [profile(1, MAX, (0, 16), (600, 10), kind=Kind.RELATIVE, received_s=-500.0)], [(0, 16), (100, 10)],
    ),
    "external constraints": Case(
        "2.0.1 K11, K12: those of station and EVSE side by side", place(V201),
        [profile(1, OUTSIDE, (0, 20)), profile(2, OUTSIDE, (0, 12), evse=1, level=9), profile(3, TX, (0, 16), evse=1)],
        [(0, 12)],
    ),
    "local generation": Case(
        "2.1: on top of others, within the station's maximum", place(V21),
        [profile(1, TX, (0, 10), evse=1), profile(2, SUN, (0, 4), (600, 12)), profile(3, MAX, (0, 20))],
        [(0, 14), (600, 20)],
    ),
    "local generation alone": Case("2.1: adds to no limit", place(V21), [profile(2, SUN, (0, 4))], [(0, None)]),
    "priority charging": Case(
        "2.1: in place of TxProfile while it is active", place(V21, priority=True),
        [profile(1, TX, (0, 6), evse=1), profile(2, PRIORITY, (0, 32)), profile(3, MAX, (0, 25))], [(0, 25)],
    ),
    "priority not active": Case(
        "2.1", place(V21), [profile(1, TX, (0, 6), evse=1), profile(2, PRIORITY, (0, 32))], [(0, 6)],
    ),
    "a dynamic profile": Case(
        "2.1: from its receipt, for its duration", place(V21),
        [profile(1, TX, (0, 9), kind=Kind.DYNAMIC, evse=1, received_s=-100.0, duration_s=400), profile(2, DEFAULT, (0, 7))],
        [(0, 9), (300, 7)],
    ),
    "offline for too long": Case(
        "2.1 maxOfflineDuration", place(V21, offline_since_s=-300.0),
        [profile(1, TX, (0, 9), evse=1, max_offline_s=600.0), profile(2, DEFAULT, (0, 7))], [(0, 9), (300, 7)],
    ),
    "numberPhases absent": Case(
        "2.0.1 K01.FR.49, .50: 6900 W are 10 A on each of 3 phases", place(V201),
        [profile(1, DEFAULT, (0, 6_900), unit=Unit.W)], [(0, 10)],
    ),
    "the lowest numberPhases": Case(
        "2.1 K 3.8: 16 A on one phase are 3680 W", place(V21),
        [profile(1, DEFAULT, (0, 16), phases=3), profile(2, MAX, (0, 20), phases=1)], [(0, 3_680)], unit=Unit.W,
    ),
    "fewer phases than asked for": Case(
        "2.0.1 K01.FR.45: 16 A on the one phase there is", place(V201, phases=1),
        [profile(1, DEFAULT, (0, 16), phases=3)], [(0, 3_680)], unit=Unit.W,
    ),
    "fewer phases in use in 1.6": Case(
        "1.6 errata 3.34: 3680 W stay 3680 W on the phase that is used", place(V16, phases_used=1),
        [profile(1, DEFAULT, (0, 3_680), unit=Unit.W, phases=3)], [(0, 16)],
    ),
    "fewer phases in use in 2.0.1": Case(
        "2.0.1 K01.FR.51: 16 A per phase are 3680 W on the one that is used", place(V201, phases_used=1),
        [profile(1, DEFAULT, (0, 16), phases=3)], [(0, 3_680)], unit=Unit.W,
    ),
    "phases in use are not known": Case(
        "2.0.1 K01.FR.50: divided by the profile's phases", place(V201),
        [profile(1, DEFAULT, (0, 11_040), unit=Unit.W, phases=3)], [(0, 16)],
    ),
    "direct current": Case(
        "1.6 7.12: W are the total, of no phases", place(V201, dc=True, voltage_v=400.0),
        [profile(1, DEFAULT, (0, 20_000), unit=Unit.W)], [(0, 50)],
    ),
    "no voltage": Case(
        "W at DC do not convert", place(V201, dc=True, voltage_v=None),
        [profile(1, DEFAULT, (0, 20_000), unit=Unit.W)], [(0, None)],
    ),
    "the default where nothing limits": Case(
        "48 A and 33120 W", place(V201, default_a=48.0, default_w=33_120.0), [profile(1, DEFAULT, (0, 10), start_s=60.0)],
        [(0, 48), (60, 10)],
    ),
    "the rating": Case(
        "1.6 5.7: local limits count", place(V16, max_a=16.0), [profile(1, DEFAULT, (0, 32), duration_s=60)], [(0, 16)],
    ),
    "the whole station": Case(
        "1.6 3.13.3, 5.7: 13 A and 10 A, within 20 A for all",
        place(V16, evse=0, transaction=None, evses=(place(V16), place(V16, evse=2, transaction="b"))),
        [
            profile(1, TX, (0, 13), evse=1), profile(2, DEFAULT, (0, 10), (600, 6)), profile(3, MAX, (0, 20)),
        ],
        [(0, 20), (600, 19)],
    ),
    "the station's constraint once": Case(
        "2.0.1 K12.FR.01: the total load of all EVSEs",
        place(V201, evse=0, transaction=None, evses=(place(), place(evse=2, transaction="b"))),
        [profile(1, OUTSIDE, (0, 30)), profile(2, DEFAULT, (0, 12))], [(0, 24)],
    ),
    "the station's generation once": Case(
        "2.1: 12 A and 12 A, 6 A of the sun on top",
        place(V21, evse=0, transaction=None, evses=(place(V21), place(V21, evse=2, transaction="b"))),
        [profile(2, DEFAULT, (0, 12)), profile(3, SUN, (0, 6))], [(0, 30)],
    ),
    "an EVSE's own generation": Case(
        "2.1: 12 A and 12 A, with 6 A more at one of them",
        place(V21, evse=0, transaction=None, evses=(place(V21), place(V21, evse=2, transaction="b"))),
        [profile(2, DEFAULT, (0, 12)), profile(3, SUN, (0, 6), evse=1)], [(0, 30)],
    ),
    "relative with a start": Case(
        "1.6 7.9: startSchedule is of no meaning", place(V16),
        [profile(1, DEFAULT, (0, 16), (600, 10), kind=Kind.RELATIVE, start_s=300.0)], [(0, 16), (600, 10)],
    ),
    "times with milliseconds": Case(
        "0.2 s and 0.5 s later is 0.7 s, from which 0.2 s leave less than 0.5 s in binary", place(V201),
        [profile(1, DEFAULT, (0, 10), (0.5, 12), start_s=0.2)], [(0, None), (0.2, 10), (0.7, 12)],
    ),
}  # fmt: skip
"""By name. Lines are as wide as their cases: one rule is one look."""
