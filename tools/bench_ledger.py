"""Print the table of the ledger of docs/benchmarks.md: entries per second, in memory, in batches, one commit each, audited.

The entries are those of sessions with a hold: held, billed, released, captured, the provider's fee; two to four postings
each. *Per CPU-second* is processor time of the process, kernel included; *per second* is what a clock on the wall shows,
which for one commit each is mostly the disk's: every commit is synced. Beside it stands what the disk alone allows: the
same bytes appended to a file and synced as often. Every figure is the best of the rounds.
"""

from __future__ import annotations

import argparse
import os
import platform
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from time import perf_counter, process_time

from twin.domain.books import Books, LedgerEntry
from twin.domain.payments import Snapshot, Status
from twin.money.accounts import chart
from twin.money.accounts.audit import audit_money
from twin.money.accounts.audit_facts import AuditedPayment, AuditedSession, MoneyFacts
from twin.money.ledger.memory import MemoryBooks
from twin.money.ledger.sql import SqlBooks

PER_SESSION = 5
DRIVERS = 10_000
WAL_BYTES = 5 * 4_120
"""Of the write-ahead log per commit of one entry: five pages with their headers."""
GOALS = {"SQLite, batches": 50_000, "SQLite, one commit each": 3_000}
BATCH = 5_000


def sale(k: int) -> chart.Sale:
    """Return the bill of session k: 12.34 with 19 % tax."""
    return chart.Sale(f"s-{k}", f"d-{k % DRIVERS}", "operator", "DE", "EUR", 1234, 197, Decimal(10))


def session(k: int) -> Iterator[LedgerEntry]:
    """Book session k."""
    payment = chart.Payment(f"p-{k}", "stripe", f"d-{k % DRIVERS}", "EUR", f"s-{k}")
    yield chart.hold(payment, 5000, float(k))
    yield chart.bill(sale(k), k + 1.0)
    yield chart.hold_ended(payment, 5000, k + 2.0, "captured")
    yield chart.capture(payment, 1234, k + 2.0)
    yield chart.provider_fee(payment, 0, 42, k + 2.0)


def facts(books: Books, sessions: int) -> MoneyFacts:
    """Return what is audited of as many sessions."""
    paid = Snapshot("", "", Status.CAPTURED, "EUR", 5000, 1234, fee_minor=42)
    return MoneyFacts(
        entries=books.entries(),
        payments=(AuditedPayment(f"p-{k}", "stripe", paid) for k in range(sessions)),
        sessions=(
            AuditedSession(f"s-{k}", f"d-{k % DRIVERS}", "EUR", 20_000, 20_000, sale=sale(k))
            for k in range(sessions)
        ),
        balances=books.balances(),
    )


def post(books: Books, entries: Sequence[LedgerEntry], batch: int) -> None:
    """Post entries, as many per commit."""
    for first in range(0, len(entries), batch):
        with books.atomic():
            for entry in entries[first : first + batch]:
                books.post(entry)


def timed(work: Callable[[], object], count: int) -> tuple[float, float]:
    """Return how many per CPU-second, and per second."""
    wall, cpu = perf_counter(), process_time()
    work()
    return count / (process_time() - cpu), count / (perf_counter() - wall)


def synced(folder: Path, count: int) -> None:
    """Append what a commit writes, and sync it, as often."""
    block = b"x" * WAL_BYTES
    with (folder / "plain").open("wb", buffering=0) as file:
        for _ in range(count):
            file.write(block)
            os.fdatasync(file.fileno())


def one_round(sessions: int, commits: int) -> dict[str, tuple[float, float]]:
    """Measure everything once: name of the row to (per CPU-second, per second)."""
    entries = [entry for k in range(sessions) for entry in session(k)]
    rows = {}
    memory = MemoryBooks()
    rows["memory"] = timed(lambda: post(memory, entries, 1), len(entries))
    rows["audit, memory"] = timed(lambda: _audited(memory, sessions), len(entries))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        books = SqlBooks(f"sqlite:///{folder / 'batches.db'}")
        rows["SQLite, batches"] = timed(lambda: post(books, entries, BATCH), len(entries))
        rows["audit, SQLite"] = timed(lambda: _audited(books, sessions), len(entries))
        books.close()
        books = SqlBooks(f"sqlite:///{folder / 'commits.db'}")
        rows["SQLite, one commit each"] = timed(lambda: post(books, entries[:commits], 1), commits)
        books.close()
        rows["the disk alone, one sync each"] = timed(lambda: synced(folder, commits), commits)
    return rows


def _audited(books: Books, sessions: int) -> None:
    found = audit_money(facts(books, sessions))
    if found:
        raise SystemExit("\n".join(map(str, found[:10])))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=40_000)
    parser.add_argument("--commits", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    load = os.getloadavg()[0]
    rounds = [one_round(arguments.sessions, arguments.commits) for _ in range(arguments.rounds)]
    entries = arguments.sessions * PER_SESSION
    print(f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version},")
    print(f"{entries:,} entries, batches of {BATCH:,}, {arguments.commits:,} single commits,")
    print(f"best of {arguments.rounds}, load average {load:.2f} at the start\n")
    print("| entries | per CPU-second | per second | goal |")
    print("| --- | ---: | ---: | ---: |")
    for name in rounds[0]:
        cpu, wall = (max(one[name][k] for one in rounds) for k in (0, 1))
        goal = f"{GOALS[name]:,}" if name in GOALS else ""
        print(f"| {name} | {cpu:,.0f} | {wall:,.0f} | {goal} |")


if __name__ == "__main__":
    main()
