"""The configuration of a 1.6 station, read and written in the ways that real ones bear.

Reading: all keys at once, then what is missing by name, a few at a time, then one by one (quirk 21). Writing never
fails: a key that is read-only or not supported is noted (quirk 25); of a list of measurands that is refused, or taken
and not kept, each is tried alone and those that are taken make the list (quirk 24).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from twin.network.ocpp.csms.capabilities import Capabilities, units
from twin.network.ocpp.csms.speech import ask
from twin.network.ocpp.csms.station import Station
from twin.network.ocpp.csms.wanted import Setting, same, trimmed
from twin.network.ocpp.wire.errors import CallFailed, CallTimedOut
from twin.network.ocpp.wire.link import Payload

MAX_KEYS = "GetConfigurationMaxKeys"
PROFILES = "SupportedFeatureProfiles"
UNIT = "ChargingScheduleAllowedChargingRateUnit"
STACK = "ChargeProfileMaxStackLevel"
PERIODS = "ChargingScheduleMaxPeriods"
INSTALLED = "MaxChargingProfilesInstalled"
CONNECTORS = "NumberOfConnectors"
SWITCHING = "ConnectorSwitch3to1PhaseSupported"
READ = (CONNECTORS, PROFILES, UNIT, STACK, PERIODS, INSTALLED, SWITCHING, MAX_KEYS)
"""Keys that tell what a station can do."""
_AT_ONCE = 10
"""Keys per message where the station does not say how many it bears."""
_SECRET = frozenset({"AuthorizationKey"})
_TAKEN = frozenset({"Accepted", "RebootRequired"})


@dataclass(slots=True)
class Configuration:
    """What was read, and what came of the writing."""

    values: dict[str, str] = field(default_factory=dict)
    """Without quotes and spaces around them, without secrets."""
    read_only: set[str] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)
    outcomes: dict[str, str] = field(default_factory=dict)
    """Key to what came of setting it: `kept`, a status of ChangeConfiguration, `read-only`, or an error."""
    complaints: list[str] = field(default_factory=list)
    """What did not go as it should, in words."""

    def take(self, answer: Payload) -> None:
        """Note the answer to a GetConfiguration."""
        for one in answer.get("configurationKey") or ():
            key = str(one.get("key", "")).strip()
            if one.get("readonly"):
                self.read_only.add(key)
            if one.get("value") is not None and key not in _SECRET:
                self.values[key] = trimmed(str(one["value"]))
        self.unknown.update(map(str, answer.get("unknownKey") or ()))


async def read(station: Station, keys: Iterable[str]) -> Configuration:
    """Read all there is, and see to it that `keys` are among it where the station knows them.

    Raises:
        LinkLost: The connection broke.
    """
    found = Configuration()
    await _ask(station, found, None)
    missing = [key for key in dict.fromkeys(keys) if key not in found.values and key not in found.unknown]
    many = _at_once(station, found)
    for first in range(0, len(missing), many):
        batch = missing[first : first + many]
        if not await _ask(station, found, batch) and len(batch) > 1:
            for key in batch:
                await _ask(station, found, [key])
    found.unknown.update(key for key in missing if key not in found.values and key not in found.read_only)
    return found


async def write(station: Station, found: Configuration, settings: Sequence[Setting]) -> None:
    """Set what differs; whatever comes of it is noted in `found.outcomes`.

    Raises:
        LinkLost: The connection broke.
    """
    for setting in settings:
        key = setting.name
        if key in found.values and setting.kept(found.values[key]):
            found.outcomes[key] = "kept"
        elif key in found.read_only:
            found.outcomes[key] = "read-only"
        else:
            status = await _change(station, found, key, setting.value)
            if setting.listed and not await _held(station, found, setting, status):
                status = await _one_by_one(station, found, setting)
            found.outcomes[key] = status


def capabilities(found: Configuration) -> Capabilities:
    """Return what a configuration tells of a station; what it does not tell is assumed."""
    values, known = found.values, Capabilities()
    rate_units = units(values.get(UNIT, ""))
    if rate_units:
        known = known.told(f"{UNIT} = {values[UNIT]}", units=rate_units)
    for key, name in ((STACK, "max_stack_level"), (PERIODS, "max_periods"), (INSTALLED, "max_profiles")):
        number = _number(values, key)
        if number is not None:
            known = known.told(f"{key} = {values[key]}", **{name: number})
    connectors = _number(values, CONNECTORS)
    if connectors:
        known = known.told(f"{CONNECTORS} = {connectors}", evses=tuple(range(1, connectors + 1)))
    if SWITCHING in values:
        switches = values[SWITCHING].casefold() == "true"
        known = known.told(f"{SWITCHING} = {values[SWITCHING]}", phase_switching=switches)
    return _with_profiles(known, values)


def _with_profiles(known: Capabilities, values: dict[str, str]) -> Capabilities:
    """Whether profiles are taken: quirk 22 tells of stations that do not list what they can."""
    if values.get(PROFILES):
        listed = {part.strip().casefold() for part in values[PROFILES].split(",")}
        return known.told(f"{PROFILES} = {values[PROFILES]}", smart_charging="smartcharging" in listed)
    hints = [key for key in (STACK, UNIT, PERIODS) if key in values]
    return known.told(f"{hints[0]} is there", smart_charging=True) if hints else known


async def _ask(station: Station, found: Configuration, keys: list[str] | None) -> bool:
    """Read some keys, None: all.

    Returns:
        Whether something came.
    """
    before = len(found.values) + len(found.unknown)
    try:
        found.take(await ask(station, "GetConfiguration", {} if keys is None else {"key": keys}))
    except (CallFailed, CallTimedOut) as error:
        found.complaints.append(f"GetConfiguration of {', '.join(keys or ['all'])}: {error}")
        return False
    if len(found.values) + len(found.unknown) == before:
        found.complaints.append(f"GetConfiguration of {', '.join(keys or ['all'])}: nothing came back")
        return False
    return True


async def _change(station: Station, found: Configuration, key: str, value: str) -> str:
    """Set one key.

    Returns:
        The status, or `failed`.
    """
    try:
        answer = await ask(station, "ChangeConfiguration", {"key": key, "value": value})
    except (CallFailed, CallTimedOut) as error:
        found.complaints.append(f"ChangeConfiguration of {key}: {error}")
        return "failed"
    status = str(answer.get("status"))
    if status in _TAKEN:
        found.values[key] = value
    return status


async def _held(station: Station, found: Configuration, setting: Setting, status: str) -> bool:
    """Whether a list that was taken is what the station says it has."""
    if status == "NotSupported" or not setting.value:
        return True  # there is nothing to try
    if status not in _TAKEN:
        return False
    found.values.pop(setting.name, None)
    if not await _ask(station, found, [setting.name]) or setting.name not in found.values:
        found.values[setting.name] = setting.value
        return True  # it took the list; that it does not tell it again is another fault
    return same(found.values[setting.name], setting.value)


async def _one_by_one(station: Station, found: Configuration, setting: Setting) -> str:
    """Find out which measurands are taken, and set those."""
    taken: list[str] = []
    for measurand in setting.value.split(","):
        if await _change(station, found, setting.name, measurand) in _TAKEN:
            found.values.pop(setting.name, None)
            asked = await _ask(station, found, [setting.name])
            if not asked or same(found.values.get(setting.name, measurand), measurand):
                taken.append(measurand)
    if not taken:
        return "Rejected"
    left_out = [one for one in setting.value.split(",") if one not in taken]
    found.complaints.append(f"{setting.name}: {', '.join(left_out) or 'nothing'} left out")
    return await _change(station, found, setting.name, ",".join(taken))


def _at_once(station: Station, found: Configuration) -> int:
    policy = station.policy
    known = (
        policy.items_per_message.get("GetConfiguration"),
        policy.quirks.max_config_keys,
        _number(found.values, MAX_KEYS),
    )
    return next((number for number in known if number), _AT_ONCE)


def _number(values: dict[str, Any], key: str) -> int | None:
    try:
        return int(float(values[key]))
    except (KeyError, ValueError, OverflowError):
        return None
