"""Which flags a model needs: a table of known models, and what users add to it in YAML or TOML.

A profile holds for a station whose BootNotification names its vendor, model and firmware. All that match are laid over
each other, the general before the particular (a model before a firmware, ours before the user's); the later one wins.

A user's file:

    quirks:
      - vendor: Acme
        model: Wall 22          # optional
        firmware: "1.2"         # optional
        set: {stack_level_zero: true, reaction_s: 30}
        why: obeys nothing above stack level 0
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from twin.errors import Problem, ScenarioError
from twin.network.ocpp.csms.quirk_table import TABLE, QuirkProfile
from twin.network.ocpp.csms.quirks import Quirks
from twin.network.ocpp.csms.station import Station

_HINTS = get_type_hints(Quirks)
_KEYS = {"vendor", "model", "firmware", "set", "why"}


class Match(NamedTuple):
    """What holds for one station, for people."""

    quirks: Quirks
    profiles: tuple[QuirkProfile, ...]
    """Those that match, in the order in which they were laid over each other."""
    by_operator: bool
    """Whether the operator's own quirks hold instead, all of them."""
    flags: Mapping[str, Any]
    """Those that the operator laid over the profiles, by name."""

    def words(self) -> list[str]:
        """Return one line per profile: which, which numbers, why."""
        return [str(profile) for profile in self.profiles]

    def as_json(self) -> dict[str, object]:
        """Return it as the operator sees it: what was recognised, and what in it was decided otherwise."""
        return {
            "profiles": self.words(),
            "changes": {name: value for one in self.profiles for name, value in one.changes.items()},
            "operator": dict(self.flags),
            "all_by_operator": self.by_operator,
        }


@dataclass(frozen=True, slots=True)
class QuirkBook:
    """The known models and the user's additions.

    Args:
        additions: Profiles that win over the table.
    """

    additions: tuple[QuirkProfile, ...] = ()

    def match(self, boot_info: Mapping[str, Any]) -> Match:
        """Return what holds for a station that said this in BootNotification (1.6 or 2.x)."""
        vendor = str(boot_info.get("vendorName") or boot_info.get("chargePointVendor") or "")
        model = str(boot_info.get("model") or boot_info.get("chargePointModel") or "")
        firmware = str(boot_info.get("firmwareVersion") or "")
        found = [one for one in (*TABLE, *self.additions) if one.fits(vendor, model, firmware)]
        quirks = Quirks()
        for one in found:
            quirks = replace(quirks, **one.changes)
        return Match(quirks, tuple(found), by_operator=False, flags={})

    def apply(self, station: Station) -> Match:
        """Give a station the flags of its model, with those of the operator laid over them one by one.

        Where its policy has quirks that came neither way, somebody chose all of them, and they stay.
        """
        match, policy = self.match(station.boot_info), station.policy
        if policy.quirks != Quirks() and not policy.by_model:
            return match._replace(quirks=policy.quirks, by_operator=True)
        policy.quirks, policy.by_model = replace(match.quirks, **policy.flags), True
        return match._replace(quirks=policy.quirks, flags=policy.flags)


def load(path: Path) -> tuple[QuirkProfile, ...]:
    """Read a user's profiles.

    Raises:
        ScenarioError: The file cannot be read or used; every problem, with the entry it belongs to.
    """
    try:
        text = path.read_text(encoding="utf-8")
        body = tomllib.loads(text) if path.suffix == ".toml" else YAML(typ="safe").load(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, YAMLError) as error:
        raise ScenarioError([Problem(str(path), 0, "", f"cannot be read: {error}")]) from error
    entries = body.get("quirks") if isinstance(body, dict) else None
    if not isinstance(entries, list):
        raise ScenarioError([Problem(str(path), 0, "quirks", "expected a list of profiles")])
    problems: list[Problem] = []
    found: list[QuirkProfile] = []
    for number, entry in enumerate(entries):
        wrong = list(_wrong(entry))
        problems += [Problem(str(path), 0, f"quirks[{number}]{where}", text) for where, text in wrong]
        if not wrong:
            found.append(_profile(entry))
    if problems:
        raise ScenarioError(problems)
    return tuple(found)


def _wrong(entry: object) -> Iterable[tuple[str, str]]:
    """Say what is wrong with one entry, as (where, what)."""
    if not isinstance(entry, dict):
        yield "", "expected vendor, model, firmware, set and why"
        return
    for key in entry.keys() - _KEYS:
        yield f".{key}", f"unknown; expected one of {', '.join(sorted(_KEYS))}"
    for key in ("vendor", "model", "firmware", "why"):
        if not isinstance(entry.get(key, ""), str):
            yield f".{key}", "expected text; put numbers in quotes"
    if not entry.get("vendor"):
        yield ".vendor", "missing: what the station's BootNotification names"
    changes = entry.get("set")
    if not isinstance(changes, dict) or not changes:
        yield ".set", "expected at least one flag"
        return
    for flag, value in changes.items():
        text = _refused(str(flag), value)
        if text:
            yield f".set.{flag}", text


def _refused(flag: str, value: object) -> str:
    """Say why a value cannot be had by a flag; empty: it can."""
    hint = _HINTS.get(flag)
    if hint is None:
        return f"unknown flag; expected one of {', '.join(field.name for field in fields(Quirks))}"
    if get_origin(hint) is Literal:
        return "" if value in get_args(hint) else f"expected one of {', '.join(map(repr, get_args(hint)))}"
    if get_origin(hint) is tuple:
        good = isinstance(value, list) and all(isinstance(one, str) for one in value)
        return "" if good else "expected a list of names"
    if hint is bool:
        return "" if isinstance(value, bool) else "expected true or false"
    good = isinstance(value, int | float if hint is float else int) and not isinstance(value, bool)
    return "" if good and float(str(value)) >= 0 else "expected a number, not negative"


def _profile(entry: Mapping[str, Any]) -> QuirkProfile:
    changes = {
        flag: tuple(value) if isinstance(value, list) else float(value) if _HINTS[flag] is float else value
        for flag, value in entry["set"].items()
    }
    return QuirkProfile(
        vendor=entry["vendor"],
        model=entry.get("model", ""),
        firmware=entry.get("firmware", ""),
        changes=changes,
        why=entry.get("why", "added by the operator"),
    )
