"""Seeded schedules of faults over the real SDK: a street, a cashier, the adapter, the loopback server, webhooks.

The simulated provider stands aside: requests are lost, broken and refused on the wire itself, and notices come by HTTP.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace

from tests.money.cashier.bench import PRICERS
from tests.money.cashier.schedules import QUIET_S, Schedule
from tests.money.cashier.street import DAY_S, Street, drawn_faults, drawn_policy, drawn_visits
from tests.money.payments.stripe_line import StripeLine
from twin.domain.payments import Snapshot
from twin.money.accounts.audit_facts import Finding
from twin.money.cashier.cashier import Cashier
from twin.money.payments.simulated_issuer import FaultyIssuer
from twin.money.payments.simulated_sequels import Sequels
from twin.money.payments.stripe_requests import PAYMENT


class _Keeper:
    """What `Sequels` wants of a desk: nothing is ever forgotten here."""

    def __init__(self) -> None:
        self.kept: set[str] = set()

    def close(self, _payment: str, _t_s: float) -> None:
        """Nothing to close."""


class StripeSchedule(Schedule):
    """As `Schedule`, with Stripe as the provider.

    Args:
        seed: Of everything.
        count: Visits.
        days: In how many days they come.
    """

    def __init__(self, seed: int, *, count: int = 12, days: float = 3.0) -> None:
        faults = replace(drawn_faults(seed), latency_s=0.0)
        self.line = StripeLine(
            seed=seed, faults=faults, operators=("op0", "op1"), issuer=FaultyIssuer(faults, seed)
        )
        line = self.line
        self.books, self.clock = line.books, line.clock
        sequels = Sequels(line.bank, _Keeper(), line.clock, faults, seed, lambda _t_s: None)
        line.bank.state.listen(sequels.take)
        self.rows = []
        visits = [
            replace(visit, wish=_with_test_card(visit.wish)) for visit in drawn_visits(seed, count, days)
        ]
        self.street = Street(line.clock, visits)
        self.cashier = self.street.cashier = Cashier(
            drawn_policy(seed), line.clock, line.payments, line.books, PRICERS,
            decided=self.street.decided, stop=self.street.stop, meter=self.street.meter, sink=self.rows.append,
        )  # fmt: skip

    def run(self) -> list[Finding]:
        """Let it happen, and audit what is left."""
        try:
            self.line.wait(self.street.end_s)
            self.line.wait(QUIET_S)
            self.cashier.wind_up()
            self.line.wait(DAY_S)
            self.cashier.close()
            return self.audit()
        finally:
            self.line.close()

    def theirs(self, payment: str) -> Snapshot | None:
        """What the bank says: of several attempts, the one that holds or held."""
        found = [one for one in self.line.bank.state.intents.values() if one.metadata.get(PAYMENT) == payment]
        found.sort(key=lambda one: (one.authorised_s is not None, one.created_s))
        return self.line.bank.snapshot(found[-1], payment) if found else None


def _with_test_card(wish):
    who = wish.customer
    return wish._replace(customer=who._replace(instrument=who.instrument._replace(reference="pm_card_visa")))


def main(count: int) -> int:
    """Run so many seeds and say how it went."""
    begin_s, bad, requests = time.perf_counter(), 0, 0
    for seed in range(count):
        schedule = StripeSchedule(seed)
        found = schedule.run()
        requests += schedule.line.server.requests
        if found:
            bad += 1
            print(f"seed {seed}: {found[:3]}")  # noqa: T201 -- a report for people
    took_s = time.perf_counter() - begin_s
    print(f"{count} schedules, {requests} requests of the SDK, {took_s:.0f} s, {bad} that do not add up")  # noqa: T201
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000))
