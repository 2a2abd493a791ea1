"""One connection to the database of the books, which may vanish and come back.

Whatever fails drops the connection. The next call connects again, and goes on only if what it finds is what it left:
the same books, with as much in them as was written here. Statements go past SQLAlchemy's compiler: they never change.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from twin.errors import SettingsError
from twin.money.ledger.schema import META, VERSION
from twin.store import lock
from twin.store.engine import cause, open_engine

_KEY: Final = 0x626F6F6B
"""Of the advisory lock: `book`."""
_NEW: Final = "INSERT INTO twin_books (version, identity, secret, others) VALUES (?,?,?,0)"
_STATE: Final = (
    "SELECT (SELECT coalesce(max(number), 0) FROM twin_entry), (SELECT coalesce(max(number), 0) FROM twin_fact), "
    "others, version, identity FROM twin_books"
)
_OTHERS: Final = "UPDATE twin_books SET others = ?"

Writes = Sequence[tuple[str, Sequence[Sequence[object]]]]
"""Statements, each with the rows that it writes."""


class State(NamedTuple):
    """How far the books are: every commit makes one of these greater."""

    entries: int
    facts: int
    others: int
    """Commits of neither an entry nor a fact."""


class Database:
    """The tables of some books, locked for this process.

    Args:
        url: Of SQLAlchemy: `sqlite:///file.db`, `postgresql+psycopg://user@host/name`.

    Raises:
        SettingsError: It cannot be opened, another process keeps its books there, or its tables are of another
            version.
    """

    def __init__(self, url: str) -> None:
        self.name = url.rpartition("@")[2]  # without a password
        self._state = State(0, 0, 0)
        self._doubt: State | None = None
        """Of a commit that nobody answered: it was made, or not."""
        self._identity = ""
        """Which books these are; empty until the first connection."""
        self._engine = open_engine(url, self.name, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        self._file = self._path()
        self._wal = Path(f"{self._file}-wal")
        self._inodes: tuple[int, ...] = ()
        self._errors = (self._engine.dialect.loaded_dbapi.Error, sa.exc.SQLAlchemyError, OSError)
        self._held = (
            f"{self.name}: another process keeps its books here; end it first, or take another database"
        )
        self._connection: sa.Connection | None = None
        self._cursor: Any = None
        self._let_go: Callable[[], None] = lambda: None
        try:
            if self._file is not None:
                self._let_go = lock.hold_file(Path(f"{self._file}.books.lock"), self._held)
            self._connect()
        except BaseException as error:
            self.close()
            if isinstance(error, self._errors):
                raise self._refusal(error) from error
            raise

    def standing(self) -> State:
        """Return how far the books are.

        Raises:
            SettingsError: The database is gone, and nobody knows.
        """
        try:
            if self._cursor is None:
                self._connect()
        except self._errors as error:
            raise self._refusal(error) from error
        return self._state

    def fetch(self, statement: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a query.

        Raises:
            SettingsError: The database refuses, or is gone.
        """
        try:
            cursor = self._cursor or self._connect()
            cursor.execute(self._written(statement), parameters)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
        except self._errors as error:
            self._drop()
            raise self._refusal(error) from error
        return rows

    def write(self, writes: Writes, *, entries: int = 0, facts: int = 0) -> None:
        """Write everything in one transaction, which is durable when this returns. Otherwise nothing is written.

        Args:
            writes: In order.
            entries: How many ledger entries are among them.
            facts: How many facts.

        Raises:
            SettingsError: The database refuses, or is gone.
        """
        try:
            self._begin()
            before = self._state
            other = not entries and not facts
            after = State(before.entries + entries, before.facts + facts, before.others + other)
            for statement, rows in writes:
                self._many(statement, rows)
            if other:
                self._many(_OTHERS, [(after.others,)])
            self._doubt = after
            self._one("COMMIT")
        except self._errors as error:
            self._drop()
            if not self._made_after_all():
                raise self._refusal(error) from error
        except BaseException:
            self._drop()
            raise
        else:
            self._state, self._doubt = after, None

    def clean(self) -> None:
        """Leave nothing of what was deleted in the files.

        Raises:
            SettingsError: The database refuses.
        """
        self.standing()
        try:
            self._one("VACUUM FULL twin_person" if self._file is None else "PRAGMA wal_checkpoint(TRUNCATE)")
        except self._errors as error:
            self._drop()
            raise self._refusal(error) from error

    def close(self) -> None:
        """Let go of the database."""
        self._drop()
        self._engine.dispose()
        self._let_go()

    # one connection

    def _begin(self) -> None:
        if self._cursor is None:
            self._connect()
        self._look()
        self._one("BEGIN" if self._file is None else "BEGIN IMMEDIATE")

    def _one(self, statement: str) -> None:
        self._cursor.execute(statement)

    def _many(self, statement: str, rows: Sequence[Sequence[object]]) -> None:
        self._cursor.executemany(self._written(statement), rows)

    def _written(self, statement: str) -> str:
        return _marked(statement) if self._file is None else statement

    def _connect(self) -> Any:
        """Connect, and see that these are our books as we left them."""
        if self._file is not None and self._identity and not self._file.exists():
            raise FileNotFoundError(f"{self._file} is gone; put it back, it is not made anew")
        self._connection = self._engine.connect()
        self._cursor = self._connection.connection.cursor()
        try:
            self._open(self._connection)
        except BaseException:
            self._drop()
            raise
        return self._cursor

    def _open(self, connection: sa.Connection) -> None:
        if self._file is None:
            lock.hold_session(connection, _KEY, self._held)
        else:
            self._one(f"PRAGMA busy_timeout = {int(lock.PATIENCE_S * 1000)}")
            self._one("PRAGMA secure_delete = ON")  # what is erased is gone, not only out of sight
        if not self._identity:
            self._one("BEGIN" if self._file is None else "BEGIN IMMEDIATE")
            META.create_all(connection)
            self._cursor.execute(_STATE)
            if not self._cursor.fetchall():
                self._many(_NEW, [(VERSION, secrets.token_hex(16), secrets.token_hex(32))])
            self._one("COMMIT")
        self._cursor.execute(_STATE)
        ((entries, facts, others, version, identity),) = self._cursor.fetchall()
        found = State(entries, facts, others)
        if version != VERSION:
            raise SettingsError(f"{self.name}: tables of version {version}, expected {VERSION}")
        if self._identity and identity != self._identity:
            raise SettingsError(self._other("these are other books"))
        if self._identity and found not in {self._state, self._doubt}:
            there, ours = (f"{of.entries} entries and {of.facts} facts" for of in (found, self._state))
            raise SettingsError(self._other(f"{there} are in it, {ours} were written"))
        self._state, self._doubt, self._identity = found, None, identity
        self._inodes = self._stat()

    def _made_after_all(self) -> bool:
        """A server may die between a commit and its answer: what it did is what counts."""
        doubt = self._doubt
        if doubt is None:
            return False
        with contextlib.suppress(SettingsError, *self._errors):
            self._connect()
        return self._cursor is not None and self._state == doubt

    def _drop(self) -> None:
        connection, self._connection, self._cursor = self._connection, None, None
        if connection is not None:
            with contextlib.suppress(*self._errors):
                connection.invalidate()
                connection.close()

    # files

    def _path(self) -> Path | None:
        """Where SQLite keeps it; None: a server does."""
        if self._engine.dialect.name != "sqlite":
            return None
        path = self._engine.url.database
        if not path or path == ":memory:" or path.startswith("file:"):
            raise SettingsError(f"{self.name}: books need a file: sqlite:///books.db")
        return Path(path)

    def _stat(self) -> tuple[int, ...]:
        if self._file is None:
            return ()
        return self._file.stat().st_ino, self._wal.stat().st_ino

    def _look(self) -> None:
        """A file that was removed takes commits as if nothing had happened: see that ours still has its name."""
        try:
            there = self._stat()
        except FileNotFoundError:
            raise FileNotFoundError(f"{self._file} or its write-ahead log is gone; put it back") from None
        if there != self._inodes:
            raise FileNotFoundError(f"{self._file} was replaced")

    # words

    def _refusal(self, error: Exception) -> SettingsError:
        kept = "" if self._doubt is None else "; whether the last block is kept shows when it is back"
        return SettingsError(f"{self.name}: refuses to keep the books: {cause(error)}{kept}")

    def _other(self, why: str) -> str:
        return f"{self.name}: is not the database that it was, {why}; start again to go on from what it holds"


@lru_cache(maxsize=64)
def _marked(statement: str) -> str:
    return statement.replace("?", "%s")
