"""Changing any rule fails a test: shown by changing each of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from twin.network.ocpp.profiles import validate
from twin.rng import stream

from . import by_hand, refusals, test_by_hand, test_store
from .agree import check
from .drawn import stack, window_start
from .mutants import MUTANTS, Mutant, alive

FAILURE = (AssertionError, TypeError, ValueError, AttributeError, KeyError, IndexError)
FEATURES = [
    test
    for name, test in vars(test_by_hand).items()
    if name.startswith("test_") and not name.startswith("test_schedules")
]


STORED = [test for name, test in vars(test_store).items() if name.startswith("test_")]


def refuse_as_told() -> None:
    """All profiles of the table get their answers."""
    for offered in refusals.CASES:
        assert refusals.ask(offered) is offered.reason


def everything() -> None:
    """The schedules drawn by hand, the refusals, and a few hundred random stacks."""
    for case in by_hand.CASES.values():
        test_by_hand.test_schedules_are_those_drawn_by_hand(case)
    for feature in FEATURES:
        feature()
    refuse_as_told()
    for test in STORED:
        marks = getattr(test, "pytestmark", None)
        for row in marks[0].args[1] if marks else [()]:
            test(*(row if isinstance(row, tuple) else (row,)))
    chance = stream(99, "stacks of profiles")

    def pick(choices: Sequence[Any]) -> Any:
        return choices[int(chance.random() * len(choices))]

    for _ in range(400):
        context, profiles = stack(pick)
        check(profiles, context, window_start(pick))


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.rule)
def test_changing_a_rule_fails_a_test(mutant: Mutant) -> None:
    """Each of the changes to the source of a rule is noticed."""
    with alive(mutant), pytest.raises(FAILURE):
        everything()


@pytest.mark.parametrize("rule", validate.RULES, ids=lambda r: r.reason.value)
def test_taking_a_rule_out_fails_a_test(rule: validate.Rule, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any one line of the table of acceptance, some profile is answered wrongly."""
    monkeypatch.setattr(validate, "RULES", tuple(r for r in validate.RULES if r is not rule))
    with pytest.raises(FAILURE):
        refuse_as_told()


def test_without_changes_everything_holds() -> None:
    """What the mutants fail passes as it is written."""
    everything()
