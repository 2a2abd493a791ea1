"""Stations refuse profiles by the rules of their version, and say by which."""

from __future__ import annotations

import pytest

from twin.network.ocpp.profiles.reasons import Reason
from twin.network.ocpp.profiles.validate import RULES

from .refusals import CASES, Case, ask


@pytest.mark.parametrize(
    "case", CASES, ids=lambda c: f"{c.version.number}-{c.reason.value if c.reason else 'accepted'}"
)
def test_profiles_are_refused_by_name(case: Case) -> None:
    """The first broken rule is the answer; neighbours that break none are accepted."""
    assert ask(case) is case.reason


def test_every_reason_has_a_rule_and_a_case() -> None:
    """No name stands in the list that no station says."""
    assert {r.reason for r in RULES} == set(Reason) == {c.reason for c in CASES if c.reason}


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        (Reason.DUPLICATE_LEVEL, "DuplicateProfile"),
        (Reason.UNIT_NOT_SUPPORTED, "UnsupportedRateUnit"),
        (Reason.NOT_ASCENDING, "InvalidSchedule"),
        (Reason.OTHER_TRANSACTION, "TxNotFound"),
        (Reason.MAX_RELATIVE, "InvalidProfile"),
    ],
)
def test_reasons_have_the_codes_of_the_appendix(reason: Reason, code: str) -> None:
    """2.1 appendix 5: what statusInfo.reasonCode says."""
    assert reason.code == code
    assert len(reason.code) <= 20
