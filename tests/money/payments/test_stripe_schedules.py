"""Schedules of faults over the real SDK on the loopback server: whatever goes wrong, everything adds up at the end."""

from __future__ import annotations

import pytest

from tests.money.payments.stripe_schedules import StripeSchedule
from twin.domain.payments import Notice, Outcome

QUICK = 50
"""All thousand take some four minutes."""
BLOCK = 25


def audited(seeds: range) -> None:
    found = {seed: problems for seed in seeds if (problems := StripeSchedule(seed).run())}
    assert not found


@pytest.mark.parametrize("begin", range(0, QUICK, BLOCK))
def test_schedules_of_faults_add_up(begin: int) -> None:
    """I1 to I11, and what the bank says of every payment, after twelve visits with declines, losses and disputes."""
    audited(range(begin, begin + BLOCK))


@pytest.mark.slow
@pytest.mark.parametrize("begin", range(QUICK, 1_000, BLOCK))
def test_a_thousand_schedules_of_faults_add_up(begin: int) -> None:
    """The rest of a thousand."""
    audited(range(begin, begin + BLOCK))


def test_faults_do_happen_on_the_wire() -> None:
    """The tests above would pass on a line without faults: here are all kinds of them, and money all the same."""
    told: list[str] = []
    captured_minor = 0
    for seed in range(8):
        schedule = StripeSchedule(seed)
        news: list[Outcome | Notice] = []
        schedule.line.payments.subscribe(news.append)
        schedule.run()
        told += [type(one).__name__ + str(getattr(one, "why", "")) for one in news]
        captured_minor += sum(one.captured_minor for one in schedule.line.bank.state.intents.values())
        told += [verdict.name for verdict, count in schedule.line.inbox.counts.items() if count]
    text = " ".join(told)
    for kind in ("Refused", "Done", "UnknownAPIConnectionError", "UnknownAPIError 500", "REPEATED", "TAKEN"):
        assert kind in text, kind
    assert captured_minor > 0
