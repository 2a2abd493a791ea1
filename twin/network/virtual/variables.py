"""What a station can be set to: one store, read and written by the keys of 1.6 and the variables of 2.x alike."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from sys import intern
from typing import NamedTuple, TypeAlias

Parsed: TypeAlias = bool | int | float | str | tuple[str, ...]


class Kind(Enum):
    """Type of a value. The value is `dataType` of OCPP 2.x."""

    FLAG = "boolean"
    INTEGER = "integer"
    NUMBER = "decimal"
    TEXT = "string"
    INSTANT = "dateTime"
    OPTION = "OptionList"
    """One of `Variable.values`."""
    SEQUENCE = "SequenceList"
    """An ordered list, comma separated; of `Variable.values` where that names any."""
    MEMBERS = "MemberList"
    """A set, comma separated; of `Variable.values` where that names any."""


class Access(Enum):
    """Who may do what. The value is `mutability` of OCPP 2.x."""

    READ = "ReadOnly"
    WRITE = "WriteOnly"
    BOTH = "ReadWrite"


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """One thing that can be read or set, with its name in both dialects.

    Values are text in the spelling of 2.x; `words16` spells members for 1.6 where it differs.
    """

    component: str
    variable: str
    instance: str = ""
    """Of the variable."""
    component_instance: str = ""
    evse: int = 0
    """0: of the whole station."""
    connector: int = 0
    key: str = ""
    """Its name in 1.6; empty: 1.6 has none."""
    kind: Kind = Kind.TEXT
    access: Access = Access.BOTH
    default: str = ""
    unit: str = ""
    low: float = -math.inf
    high: float = math.inf
    """Largest value of a number; of text and lists: the most characters or members."""
    values: tuple[str, ...] = ()
    words16: Mapping[str, str] = field(default_factory=dict, hash=False)
    reboot: bool = False
    """Takes effect after the next boot only."""
    persistent: bool = True
    """Survives the end of the process."""
    constant: bool = False
    monitored: bool = False
    """Whether a monitor can be set on it (2.x)."""
    name: str = field(init=False, compare=False)
    """`Component.Variable`, with instances and EVSE where it has them: unique within a station."""
    lower_key: str = field(init=False, compare=False)

    def __post_init__(self) -> None:
        where = f"[{self.component_instance}]" if self.component_instance else ""
        place = f"@{self.evse}.{self.connector}" if self.evse else ""
        which = f"[{self.instance}]" if self.instance else ""
        name = f"{self.component}{where}{place}.{self.variable}{which}"
        object.__setattr__(self, "name", intern(name))  # one for all stations
        object.__setattr__(self, "lower_key", self.key.lower())

    def parse(self, text: str) -> Parsed:
        """Return the value that `text` stands for.

        Raises:
            ValueError: It is none of this variable; the message says what was expected.
        """
        if self.kind is Kind.FLAG:
            return _flag(self.name, text)
        if self.kind is Kind.INTEGER or self.kind is Kind.NUMBER:
            return self._number(text)
        if self.kind is Kind.SEQUENCE or self.kind is Kind.MEMBERS:
            return self._members(text)
        if self.values and text not in self.values:
            raise ValueError(f"{self.name}: {text!r} is none of {', '.join(self.values)}")
        if len(text) > self.high:
            raise ValueError(f"{self.name}: {len(text)} characters, at most {self.high:g} fit")
        return text

    def _number(self, text: str) -> int | float:
        try:
            value = int(text) if self.kind is Kind.INTEGER else float(text)
        except ValueError:
            raise ValueError(f"{self.name}: {text!r} is no {self.kind.value}") from None
        if not self.low <= value <= self.high:
            raise ValueError(f"{self.name}: {text} is not within {self.low:g} to {self.high:g}")
        return value

    def _members(self, text: str) -> tuple[str, ...]:
        members = tuple(part.strip() for part in text.split(",") if part.strip())
        for member in members:
            if self.values and member not in self.values:
                raise ValueError(f"{self.name}: {member!r} is none of {', '.join(self.values)}")
        if len(members) > self.high:
            raise ValueError(f"{self.name}: {len(members)} members, at most {self.high:g} fit")
        return members

    def to16(self, text: str) -> str:
        """Spell a value as 1.6 does."""
        return ",".join(self.words16.get(part, part) for part in text.split(",")) if self.words16 else text

    def from16(self, text: str) -> str:
        """Spell a value of 1.6 as 2.x does."""
        if not self.words16:
            return text.lower() if self.kind is Kind.FLAG else text
        words = {old: new for new, old in self.words16.items()}
        return ",".join(words.get(part.strip(), part.strip()) for part in text.split(","))


def _flag(name: str, text: str) -> bool:
    word = text.lower()
    if word not in {"true", "false"}:
        raise ValueError(f"{name}: {text!r} is neither true nor false")
    return word == "true"


Watcher: TypeAlias = Callable[[Variable], None]


class _Held(NamedTuple):
    """A variable and its value."""

    variable: Variable
    text: str
    parsed: Parsed


@lru_cache(maxsize=4_096)
def _held(variable: Variable, text: str) -> _Held:
    """Return the same for all stations that have the same value: a thousand of them have little of their own."""
    return _Held(variable, text, variable.parse(text))


class Variables:
    """The values of one station. What is written is parsed once; reading is a look-up.

    Args:
        saved: Values by `Variable.name` that survived, taken when the variable is defined.
        save: Told (name, text) of each written value that must survive.
    """

    def __init__(
        self, saved: Mapping[str, str] | None = None, save: Callable[[str, str], None] | None = None
    ) -> None:
        self._saved = dict(saved or {})
        self._save = save
        self._held: dict[str, _Held] = {}
        self._pending: dict[str, str] = {}
        self._watchers: list[Watcher] = []

    def __iter__(self) -> Iterator[Variable]:
        return (held.variable for held in self._held.values())

    def define(self, variable: Variable, text: str | None = None) -> None:
        """Make a variable known, with its saved value, else `text`, else its default.

        Raises:
            ValueError: It is known already, or the value is none of this variable.
        """
        name = variable.name
        if name in self._held:
            raise ValueError(f"{name}: defined twice")
        self._take(variable, self._saved.get(name, variable.default if text is None else text))

    def known(self, variable: Variable) -> bool:
        """Whether this station has it."""
        return variable.name in self._held

    def by_key(self, key: str) -> Variable | None:
        """Return what 1.6 calls `key`, whatever its case; None: unknown."""
        asked = key.lower()
        return next((variable for variable in self if variable.lower_key == asked), None) if asked else None

    def by_name(self, name: str) -> Variable | None:
        """Return what `Variable.name` is `name`; None: unknown."""
        held = self._held.get(name)
        return None if held is None else held.variable

    def text(self, variable: Variable) -> str:
        """Return the value in force, as 2.x writes it."""
        return self._held[variable.name].text

    def flag(self, variable: Variable) -> bool:
        """Return the value of a `Kind.FLAG`."""
        return self._held[variable.name].parsed is True

    def integer(self, variable: Variable) -> int:
        """Return the value of a `Kind.INTEGER`."""
        return int(self._held[variable.name].parsed)  # type: ignore[arg-type]

    def number(self, variable: Variable) -> float:
        """Return the value of a `Kind.INTEGER` or `Kind.NUMBER`."""
        return float(self._held[variable.name].parsed)  # type: ignore[arg-type]

    def names(self, variable: Variable) -> tuple[str, ...]:
        """Return the members of a list."""
        value = self._held[variable.name].parsed
        return value if isinstance(value, tuple) else (str(value),)

    def write(self, variable: Variable, text: str) -> bool:
        """Set a value, whoever may.

        Returns:
            False where it takes effect after a reboot only.

        Raises:
            ValueError: It is none of this variable.
        """
        variable.parse(text)
        if variable.persistent and self._save is not None:
            self._save(variable.name, text)
        if variable.reboot:
            self._pending[variable.name] = text
            return False
        self._take(variable, text)
        for watcher in self._watchers:
            watcher(variable)
        return True

    def watch(self, watcher: Watcher) -> None:
        """Call `watcher(variable)` after each write that took effect."""
        self._watchers.append(watcher)

    def rebooted(self) -> None:
        """What was written for the next boot takes effect."""
        for name, text in self._pending.items():
            self._take(self._held[name].variable, text)
        self._pending.clear()

    def _take(self, variable: Variable, text: str) -> None:
        self._held[variable.name] = _held(variable, text)
