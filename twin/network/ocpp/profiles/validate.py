"""Whether a station may accept a charging profile: the rules of each version, each with its name.

A rule is one line of a table: its name, the versions it stands in, and a function that is true where it is
broken. The first broken one is the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from twin.network.ocpp.profiles import phases, v2x
from twin.network.ocpp.profiles.from_wire import MORE_SCHEDULES
from twin.network.ocpp.profiles.model import ChargingProfile, Kind, Mode, Purpose, Unit
from twin.network.ocpp.profiles.phases import Outlet
from twin.network.ocpp.profiles.reasons import Reason
from twin.network.ocpp.profiles.store import ProfileStore
from twin.network.ocpp.versions import Version


@dataclass(frozen=True, slots=True, kw_only=True)
class Abilities:
    """What a station can do with profiles, as its configuration says."""

    version: Version
    outlets: Mapping[int, Outlet]
    """By number of the EVSE (2.x) or connector (1.6), from 1."""
    max_level: int = 10
    """ChargeProfileMaxStackLevel, ProfileStackLevel."""
    max_periods: int = 24
    """ChargingScheduleMaxPeriods, PeriodsPerSchedule."""
    max_profiles: int = 20
    """MaxChargingProfilesInstalled, Entries."""
    units: frozenset[Unit] = frozenset(Unit)
    purposes: frozenset[Purpose] = frozenset()
    """SupportedAdditionalPurposes of 2.1."""
    dynamic: bool = False
    """SupportsDynamicProfiles (2.1)."""
    modes: frozenset[Mode] = frozenset({Mode.CHARGING_ONLY})
    """SupportedOperationModes (2.1)."""
    discharging: bool = True
    """Whether its EVSEs can take energy from a car."""
    max_external_id: int | None = None
    """MaxExternalConstraintsId (2.1)."""
    car_chooses: frozenset[int] = field(default=frozenset())
    """EVSEs whose car told its needs (ISO 15118) and may choose among schedules."""


class _Case(NamedTuple):
    profile: ChargingProfile
    store: ProfileStore
    can: Abilities
    starting: bool

    @property
    def others(self) -> list[ChargingProfile]:
        gone = {p.id for p in self.store.replaced_by(self.profile)}
        return [p for p in self.store if p.id not in gone]

    @property
    def outlets(self) -> list[Outlet]:
        """Where the profile acts."""
        if self.profile.evse == 0:
            return list(self.can.outlets.values())
        return [self.can.outlets[self.profile.evse]]

    @property
    def running(self) -> str | None:
        return self.can.outlets[self.profile.evse].transaction


def refusal(
    profile: ChargingProfile, store: ProfileStore, abilities: Abilities, *, starting: bool = False
) -> Reason | None:
    """Return the first rule that a profile breaks; None: it may be installed.

    Args:
        profile: As it was read from the wire.
        store: What is installed.
        abilities: Of the station, with the transactions that run now.
        starting: It came with the request to start a transaction, not with SetChargingProfile.
    """
    case = _Case(profile, store, abilities, starting)
    for rule in RULES:
        if abilities.version in rule.versions and rule.broken(case):
            return rule.reason
    return None


def _is_tx(case: _Case) -> bool:
    return case.profile.purpose is Purpose.TX


def _duplicate_level(case: _Case) -> bool:
    new = case.profile
    return new.purpose is not Purpose.TX and any(
        (old.stack_level, old.purpose, old.evse) == (new.stack_level, new.purpose, new.evse)
        and _overlap(old, new)
        for old in case.others
    )


def _overlap(one: ChargingProfile, other: ChargingProfile) -> bool:
    return _before(one.valid_from_s, other.valid_to_s) and _before(other.valid_from_s, one.valid_to_s)


def _before(start_s: float | None, end_s: float | None) -> bool:
    return start_s is None or end_s is None or start_s < end_s


def _duplicate_tx_level(case: _Case) -> bool:
    new = case.profile
    return new.purpose is Purpose.TX and any(
        old.purpose is Purpose.TX
        and (old.stack_level, old.transaction, old.evse) == (new.stack_level, new.transaction, new.evse)
        for old in case.others
    )


def _duplicate_default(case: _Case) -> bool:
    new = case.profile
    return new.purpose is Purpose.TX_DEFAULT and any(
        old.purpose is Purpose.TX_DEFAULT
        and old.stack_level == new.stack_level
        and (old.evse == 0) is not (new.evse == 0)
        for old in case.others
    )


def _not_ascending(case: _Case) -> bool:
    starts = [p.start_s for p in case.profile.schedule.periods]
    return any(later <= earlier for earlier, later in pairwise(starts))


def _unsupported_purpose(case: _Case) -> bool:
    purpose = case.profile.purpose
    return purpose in {Purpose.PRIORITY, Purpose.LOCAL_GENERATION} and purpose not in case.can.purposes


def _phase_conflict(case: _Case) -> bool:
    return any(phases.conflict(old, case.profile) for old in case.others)


class Rule(NamedTuple):
    """One line of the table."""

    reason: Reason
    versions: frozenset[Version]
    broken: Callable[[_Case], bool]


_ALL = frozenset(Version)
_TWO = frozenset({Version.V201, Version.V21})
_21 = frozenset({Version.V21})
_R = Reason

RULES: tuple[Rule, ...] = (
    # 2.0.1 K01.FR.28; 1.6 errata 3.39: there PropertyConstraintViolation
    Rule(_R.UNKNOWN_EVSE, _ALL, lambda c: c.profile.evse not in {0, *c.can.outlets}),
    # K01.FR.22
    Rule(_R.EXTERNAL_CONSTRAINTS, _ALL, lambda c: c.profile.purpose is Purpose.EXTERNAL_CONSTRAINTS),
    # 2.1 K01.FR.120
    Rule(_R.PURPOSE_NOT_SUPPORTED, _ALL, _unsupported_purpose),
    # 1.6 5.16.2; 2.0.1 F01.FR.09
    Rule(_R.START_NEEDS_TX, _ALL, lambda c: c.starting and not _is_tx(c)),
    # 1.6 5.16.2
    Rule(_R.START_WITH_TRANSACTION, _ALL, lambda c: c.starting and c.profile.transaction is not None),
    # 1.6 3.13.1; K01.FR.16
    Rule(_R.TX_ON_STATION, _ALL, lambda c: _is_tx(c) and c.profile.evse == 0),
    # 1.6 3.13.1; 2.0.1 K 3.2
    Rule(_R.MAX_ON_EVSE, _ALL, lambda c: c.profile.purpose is Purpose.STATION_MAX and c.profile.evse != 0),
    # K01.FR.03
    Rule(_R.TX_WITHOUT_ID, _TWO, lambda c: _is_tx(c) and not c.starting and c.profile.transaction is None),
    # 1.6 3.13.1; K01.FR.09
    Rule(_R.NO_TRANSACTION, _ALL, lambda c: _is_tx(c) and not c.starting and c.running is None),
    # K01.FR.33
    Rule(
        _R.OTHER_TRANSACTION,
        _ALL,
        lambda c: _is_tx(c) and not c.starting and c.profile.transaction not in {None, c.running},
    ),
    # K01.FR.05
    Rule(
        _R.EXTERNAL_ID,
        _TWO,
        lambda c: any(p.id == c.profile.id and p.purpose is Purpose.EXTERNAL_CONSTRAINTS for p in c.store),
    ),
    # 2.1 K01.FR.81
    Rule(
        _R.ID_RESERVED,
        _21,
        lambda c: c.can.max_external_id is not None and c.profile.id <= c.can.max_external_id,
    ),
    # 1.6 9.4.1; 2.0.1 ProfileStackLevel
    Rule(_R.LEVEL_ABOVE_MAX, _ALL, lambda c: not 0 <= c.profile.stack_level <= c.can.max_level),
    # K01.FR.06
    Rule(_R.DUPLICATE_LEVEL, _TWO, _duplicate_level),
    # K01.FR.39
    Rule(_R.DUPLICATE_TX_LEVEL, _TWO, _duplicate_tx_level),
    # K01.FR.52, .53
    Rule(_R.DUPLICATE_DEFAULT, _TWO, _duplicate_default),
    # 1.6 9.4.5; 2.0.1 Entries of SmartChargingCtrlr
    Rule(_R.TOO_MANY_PROFILES, _ALL, lambda c: len(c.others) >= c.can.max_profiles),
    # 1.6 9.4.2; K01.FR.26
    Rule(_R.UNIT_NOT_SUPPORTED, _ALL, lambda c: c.profile.schedule.unit not in c.can.units),
    # 1.6 7.13; 2.0.1 ChargingScheduleType
    Rule(_R.NO_PERIODS, _ALL, lambda c: not c.profile.schedule.periods),
    # 1.6 9.4.3; 2.0.1 PeriodsPerSchedule
    Rule(_R.TOO_MANY_PERIODS, _ALL, lambda c: len(c.profile.schedule.periods) > c.can.max_periods),
    # 1.6 errata 3.45; K01.FR.31
    Rule(_R.FIRST_NOT_ZERO, _ALL, lambda c: c.profile.schedule.periods[0].start_s != 0.0),
    # K01.FR.35
    Rule(_R.NOT_ASCENDING, _ALL, _not_ascending),
    # K01.FR.34
    Rule(
        _R.TOO_MANY_SCHEDULES,
        _TWO,
        lambda c: MORE_SCHEDULES in c.profile.features and c.profile.evse not in c.can.car_chooses,
    ),
    # K01.FR.40
    Rule(
        _R.START_MISSING,
        _TWO,
        lambda c: c.profile.kind in {Kind.ABSOLUTE, Kind.RECURRING} and c.profile.schedule.start_s is None,
    ),
    # K01.FR.41
    Rule(
        _R.START_GIVEN,
        _TWO,
        lambda c: c.profile.kind is Kind.RELATIVE and c.profile.schedule.start_s is not None,
    ),
    # 1.6 errata 3.56; K01.FR.60
    Rule(
        _R.RECURRENCY_MISSING,
        _ALL,
        lambda c: c.profile.kind is Kind.RECURRING and c.profile.recurrency is None,
    ),
    # K01.FR.38
    Rule(
        _R.MAX_RELATIVE,
        _TWO,
        lambda c: c.profile.purpose is Purpose.STATION_MAX and c.profile.kind is Kind.RELATIVE,
    ),
    # 2.1 K01.FR.121
    Rule(_R.KIND_NOT_SUPPORTED, _ALL, lambda c: c.profile.kind is Kind.DYNAMIC and not c.can.dynamic),
    # 2.1 K01.FR.122
    Rule(
        _R.NOT_DYNAMIC,
        _21,
        lambda c: c.profile.update_interval_s is not None and c.profile.kind is not Kind.DYNAMIC,
    ),
    # 2.1 UpdateDynamicScheduleRequest: one set of values
    Rule(
        _R.DYNAMIC_PERIODS,
        _21,
        lambda c: c.profile.kind is Kind.DYNAMIC and len(c.profile.schedule.periods) != 1,
    ),
    # 2.1 K01.FR.70
    Rule(
        _R.PRIORITY_DURATION,
        _21,
        lambda c: c.profile.purpose is Purpose.PRIORITY and c.profile.schedule.duration_s is not None,
    ),
    # 1.6 7.14; 2.1 ChargingSchedulePeriodType
    Rule(_R.NEGATIVE_LIMIT, _ALL, lambda c: v2x.has_wrong_sign(c.profile)),
    # 2.1 ChargingSchedulePeriodType
    Rule(_R.PHASES_OUT_OF_RANGE, _ALL, lambda c: phases.out_of_range(c.profile)),
    # K01.FR.44
    Rule(_R.PHASES_AT_DC, _TWO, lambda c: phases.at_dc(c.profile, c.outlets)),
    # K01.FR.19
    Rule(_R.PHASE_WITHOUT_ONE, _TWO, lambda c: phases.without_one(c.profile)),
    # K01.FR.20, .48
    Rule(_R.PHASE_NOT_SWITCHED, _TWO, lambda c: phases.not_switched(c.profile, c.outlets)),
    # K01.FR.43
    Rule(_R.PHASES_NOT_ENSURED, _TWO, lambda c: phases.not_ensured(c.profile, c.outlets)),
    # 2.1 K 3.8
    Rule(_R.PHASE_CONFLICT, _TWO, _phase_conflict),
    # 2.1 K 3.9, table of modes by purpose; K01.FR.71
    Rule(_R.MODE_OF_PURPOSE, _ALL, lambda c: v2x.mode_not_allowed(c.profile)),
    # 2.1 SupportedOperationModes
    Rule(_R.MODE_NOT_SUPPORTED, _ALL, lambda c: v2x.modes(c.profile) - c.can.modes != set()),
    # 2.1 Q08.FR.05
    Rule(_R.FREQUENCY_NEEDS_W, _21, lambda c: v2x.frequency_in_a(c.profile)),
    # 2.1 Q08.FR.02
    Rule(_R.NO_CURVE, _21, lambda c: v2x.without_curve(c.profile)),
    # 2.1 table of limits and set-points by mode
    Rule(_R.FIELDS_OF_MODE, _ALL, lambda c: v2x.wrong_fields(c.profile)),
    # 2.1 ChargingSchedulePeriodType: a negative set-point is an order to discharge
    Rule(_R.NO_DISCHARGE, _21, lambda c: not c.can.discharging and v2x.orders_discharge(c.profile)),
    # 2.1 K01.FR.123 to .126
    Rule(_R.FEATURE_NOT_SUPPORTED, _ALL, lambda c: c.profile.features - {MORE_SCHEDULES} != set()),
)
"""In the order in which they are looked at: later ones may count on earlier ones."""
