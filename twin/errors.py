"""Everything that can go wrong, as one tree.

TwinError
├── ScenarioError        the user's input: files, tables, options. Exit code 2, nothing is written.
├── SettingsError        the machine: an unwritable folder, a missing service.
├── IllegalTransition    a station (or our model of one) reported a fact that cannot happen now.
├── SolverError          the feeder's model is wrong or cannot be solved at all (before a run).
├── StrategyError        a strategy of the user's own raised, or answered what cannot be used.
└── AuditError           physics or money does not balance: a defect of the twin, never of the user.
"""

from __future__ import annotations

from dataclasses import dataclass


class TwinError(Exception):
    """Base of every error that this package raises on purpose."""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong with one file: where, what, and what would be right."""

    file: str
    line: int
    """Line in the file, counted from 1; 0 when the problem belongs to the file as a whole."""
    path: str
    """Dotted path of the thing inside the file, empty for the file as a whole."""
    text: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.path}: {self.text}" if self.path else f"{place}: {self.text}"


class ScenarioError(TwinError):
    """Input that cannot be used: carries every problem found, each with its file and line."""

    def __init__(self, problems: list[Problem] | tuple[Problem, ...]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(map(str, self.problems)))

    def __reduce__(self) -> tuple[type[ScenarioError], tuple[tuple[Problem, ...]], dict[str, object]]:
        """Pickle the problems, not their text: errors come back from worker processes."""
        return type(self), (self.problems,), self.__dict__


class SettingsError(TwinError):
    """The machine cannot do what was asked: the message names the place and the remedy."""


class IllegalTransition(TwinError):
    """A fact that cannot follow the state a record is in: who, when, what, what was expected."""


class SolverError(TwinError):
    """The grid model cannot be solved or checked; the message names the element."""


class StrategyError(TwinError):
    """A strategy's answer cannot be used: names the strategy, the instant and what would be right."""


class AuditError(TwinError):
    """Energy or money does not balance. Never expected: please report it."""
