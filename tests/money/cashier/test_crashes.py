"""A crash at every boundary of a schedule: the process starts again from its database, and the books end the same."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from tests.money.cashier.crashing import CrashingSchedule
from twin.money.cashier.policy import AccountBills, HoldPolicy, Outage, Policy, Rest, Silence
from twin.money.payments.faults import Faults

PATIENT = Policy(
    patience_s=3600.0, action_patience_s=3600.0, silence=Silence.ALLOW, outage=Outage.FREE_VEND,
    platform_pct=Decimal(10), rest=Rest.CHARGE, retry_days=(1.0, 2.0),
)  # fmt: skip
"""Nobody is sent away for a slow answer: what is decided does not hang on the seconds that a restart takes."""

LINE = replace(
    Faults.none(), declines={"insufficient_funds": 0.1, "expired_card": 0.1}, latency_s=0.5, latency_p99_s=2.0,
    request_lost=0.1, answer_lost=0.1, server_error=0.1, server_error_done=0.5, notice_s=2.0, notice_doubled=0.3,
    notice_reordered=0.3, refund_failed=0.2, dispute=0.2, dispute_won=0.5, dispute_days=1.0, dispute_decided_days=1.0,
    refund_failed_days=1.0,
)  # fmt: skip
"""A line that loses and doubles, before and after the effect."""

SCHEDULES = {
    "holds on a bad line": (21, PATIENT, LINE),
    "accounts per session, incremental holds": (
        22, replace(PATIENT, accounts=AccountBills.PER_SESSION, hold=HoldPolicy.INCREMENTAL, hold_minor=300), LINE,
    ),
    "answers at once": (23, PATIENT, replace(LINE, latency_s=0.0, notice_s=0.0)),
    "batches": (24, replace(PATIENT, capture_every_h=6.0, hold=HoldPolicy.TARIFF), LINE),
}  # fmt: skip


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_crash_at_any_boundary_changes_nothing_in_the_end(name: str, tmp_path: Path) -> None:
    """Every boundary in turn: of each block (begin, before and after it is safe) and each call (before and after)."""
    seed, policy, faults = SCHEDULES[name]
    whole = CrashingSchedule(seed, tmp_path / "whole.db", 0, policy, faults)
    whole.run()
    expected = whole.ledger()
    whole.close()
    boundaries = whole.boundaries.passed
    assert boundaries > 100
    for at in range(1, boundaries + 1):
        schedule = CrashingSchedule(seed, tmp_path / f"{at}.db", at, policy, faults)
        schedule.run()
        assert schedule.crashes == 1
        assert schedule.ledger() == expected, f"{name}: boundary {at} of {boundaries}"
        schedule.close()
