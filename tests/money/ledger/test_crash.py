"""Whatever kills the process, and whenever: every block is there as a whole, or not at all, and numbers have no gaps."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.money.ledger.blocks import whole, write
from twin.money.ledger.database import Database
from twin.money.ledger.sql import SqlBooks
from twin.rng import stream

ROOT = Path(__file__).parents[3]
BLOCKS = 4


class Crash(BaseException):
    """The end of a process, in a process that goes on."""


class Statements:
    """Counts what reaches the database, and crashes before or after one of them."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.count = 0
        self.last = -1
        """Where to crash; -1: never."""
        self.before = True
        for name in ("_one", "_many"):
            patch.setattr(Database, name, self._counted(getattr(Database, name)))

    def _counted(self, call: Any) -> Any:
        def counted(database: Database, *arguments: Any) -> None:
            self.count += 1
            if self.count == self.last and self.before:
                raise Crash
            call(database, *arguments)
            if self.count == self.last:
                raise Crash

        return counted


def _write_until(url: str, blocks: int) -> None:
    """Go on where the database ends; without letting go of anything in order if it crashes."""
    books = SqlBooks(url)
    try:
        for k in range(len(list(books.facts())), blocks):
            write(books, k)
    finally:
        books._database._engine.dispose()
        books._database._let_go()
        if books._database._connection is not None:
            books._database._connection.invalidate()


def _emptied(url: str, folder: Path) -> str:
    """Return the URL of another empty database like this one."""
    if url.startswith("sqlite"):
        return f"sqlite:///{folder / f'{len([*folder.iterdir()])}.db'}"
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP SCHEMA public CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA public")
    engine.dispose()
    return url


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_a_crash_at_any_statement_leaves_whole_blocks(
    url: str, before: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At every statement that is ever sent, that which makes the tables included; then the rest is written."""
    statements = Statements(monkeypatch)
    _write_until(url, BLOCKS)
    total = statements.count
    assert total > BLOCKS * 8
    kept = set()
    for last in range(1, total + 1):
        url = _emptied(url, tmp_path)
        statements.count, statements.last, statements.before = 0, last, before
        with pytest.raises(Crash):
            _write_until(url, BLOCKS)
        statements.last = -1
        books = SqlBooks(url)
        kept.add(whole(books))
        books.close()
        _write_until(url, BLOCKS)
        books = SqlBooks(url)
        assert whole(books) == BLOCKS
        books.close()
    assert kept == set(range(BLOCKS)) | ({BLOCKS} if not before else set())


def test_a_process_that_is_killed_leaves_whole_blocks(url: str) -> None:
    """Ten times, after some block of 0 to 30, at whatever instant: all that it said to be kept is there."""
    random = stream(5, "crash")
    done = 0
    for _ in range(10):
        with subprocess.Popen(
            [sys.executable, "-m", "tests.money.ledger.blocks", url],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        ) as process:  # fmt: skip
            assert process.stdout is not None
            assert process.stderr is not None
            said = process.stdout.readline()
            assert said == "open\n", process.stderr.read()
            for _ in range(int(random.integers(0, 30))):
                said = process.stdout.readline()
            process.send_signal(signal.SIGKILL)
            said = [said, *process.stdout][-1]  # what it had said before it died
        assert process.returncode == -signal.SIGKILL
        books = SqlBooks(url)
        there = whole(books)
        books.close()
        kept = done if said == "open\n" else int(said) + 1
        assert kept <= there <= kept + 1
        done = there
    assert done > 10
