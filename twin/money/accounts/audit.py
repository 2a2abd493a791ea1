"""Whether money and energy add up: the invariants, by the names that findings carry.

    I1   every metered Wh is paid, or explained by exactly one reason; sessions sum to their meters
    I2   one bill stands per session, a credit note takes back one that is there, every cause is booked once
    I3   every entry balances on accounts that its event may touch; balances are the sums of postings
    I4   cash = captured - refunded - disputes - fees - payouts, per payment and provider; captured <= authorised,
         refunded <= captured; what drivers owe is what their sessions leave open
    I5   tax and shares sum to what is charged, and are what the bill says, to the minor unit
    I6   the same events in any order end in the same state (`audit_replay`)
    I7   a hold ends once, and nothing is captured of it afterwards; a payment's life never goes back
    I8   a bill's price, calculated again, is what was charged
    I9   what was shown is not more than the bill, and the bill not more than the tariff's highest price
    I10  amounts and energies are integers
    I11  no card number and no whole token in any text (`audit_texts`)

A run is audited when it ends; tests audit after every event. Each pass reads every entry, payment and session once.
"""

from __future__ import annotations

from typing import Final

from twin.errors import AuditError
from twin.money.accounts.audit_entries import Ledger
from twin.money.accounts.audit_facts import Finding, Findings, MoneyFacts
from twin.money.accounts.audit_payments import Payments
from twin.money.accounts.audit_sessions import Sessions

_TOLD: Final = 20
"""Findings that an error's message tells; a defect of one kind may be found a million times."""


def audit_money(facts: MoneyFacts) -> list[Finding]:
    """Look for everything that does not add up; empty: nothing was found.

    Args:
        facts: See `MoneyFacts` for what must be handed in, and when.
    """
    findings = Findings()
    ledger = Ledger(findings)
    ledger.take(facts.entries)
    ledger.compare(facts.balances)
    payments = Payments(ledger, findings)
    payments.take(facts.payments, complete=facts.complete)
    sessions = Sessions(ledger, findings, facts.reprice)
    sessions.take(facts.sessions)
    if facts.complete:
        sessions.close(payments.open_holds)
    if facts.registers_wh is not None:
        sessions.meters(facts.registers_wh)
    return findings.found


def check_money(facts: MoneyFacts) -> None:
    """Accept money that adds up.

    Raises:
        AuditError: It does not: names the rule, the subject, and both numbers of every finding.
    """
    refuse(audit_money(facts))


def refuse(found: list[Finding]) -> None:
    """Raise findings, if there are any.

    Raises:
        AuditError: There are.
    """
    if found:
        more = f"\n… and {len(found) - _TOLD} more" if len(found) > _TOLD else ""
        raise AuditError("\n".join(map(str, found[:_TOLD])) + more)
