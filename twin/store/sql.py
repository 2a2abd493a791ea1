"""The journal in a database: SQLite in a file by default, PostgreSQL by URL.

Everything that is appended until the writer is free becomes one transaction of the database (group commit): callers
wait for their own group only. The writer is one thread; futures are resolved on the thread of the loop.

What facts are replaced by is written in the same order, each in one transaction of the database with what it replaces:
a process that is killed leaves either. SQLite uses the room again, its file does not shrink.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import orjson
import sqlalchemy as sa

from twin.domain.clock import Activity, NoActivity
from twin.domain.journal import Entry
from twin.errors import SettingsError
from twin.store.engine import cause, open_engine
from twin.store.lock import hold

VERSION: Final = 1
"""Of the tables; a database of another version is refused, never changed."""
KEY: Final = "journal"
"""What is under way here, for `Activity`."""
_PAGE: Final = 5_000
_LAZY_S: Final = 0.2
"""Real seconds after which facts are written whose commit nobody asked for."""
_HOPS: Final = 4
"""Turns of the loop until who waited for a commit has gone on."""

_META = sa.MetaData()
_SCHEMA = sa.Table("twin_schema", _META, sa.Column("version", sa.Integer, nullable=False))
_JOURNAL = sa.Table(
    "twin_journal",
    _META,
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("stream", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
)
_INSERT = "INSERT INTO twin_journal (number, stream, kind, body) VALUES ({marks})"
_DELETE = "DELETE FROM twin_journal WHERE number = {mark}"


class _Row(NamedTuple):
    number: int
    stream: str
    kind: str
    body: bytes
    instead_of: Sequence[int] = ()
    """Numbers of the rows that it replaces, its own first; empty: it is new."""


class SqlJournal:
    """Implements `domain.journal.Journal`.

    Args:
        url: Of SQLAlchemy: `sqlite:///file.db`, `postgresql+psycopg://user@host/name`.
        activity: Held busy while a commit is under way.

    Raises:
        SettingsError: The database cannot be opened, another process keeps its journal there, or its tables are of
            another version.
    """

    def __init__(self, url: str, activity: Activity | None = None) -> None:
        self._name = url.rpartition("@")[2]  # without a password
        self._activity = activity or NoActivity()
        self._engine = open_engine(url, self._name)
        self._let_go: Callable[[], None] = lambda: None
        try:
            self._let_go = hold(self._engine, self._name)
            self._number = self._open()
        except BaseException as error:
            self._let_go()
            self._engine.dispose()
            if not isinstance(error, sa.exc.SQLAlchemyError | OSError):
                raise
            raise SettingsError(f"{self._name}: cannot be used as journal: {cause(error)}") from error
        self._durable = self._number
        self._rows: list[_Row] = []
        self._waiting: asyncio.Future[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lazy: asyncio.TimerHandle | None = None
        self._wake = threading.Condition()
        self._groups: list[tuple[list[_Row], asyncio.Future[None] | None]] = []
        self._backlog: list[_Row] = []
        """What was refused; the writer's."""
        self._closed = False
        self._writer = threading.Thread(target=self._write, name="journal", daemon=True)
        self._writer.start()

    @property
    def durable(self) -> int:
        """Number of the last entry that is known to be safe."""
        return self._durable

    def append(self, stream: str, kind: str, body: Mapping[str, object], /) -> int:
        """See `Journal.append`.

        Raises:
            TypeError: The body is no JSON.
        """
        self._number += 1
        self._put(_Row(self._number, stream, kind, orjson.dumps(body)))
        return self._number

    def replace(self, numbers: Sequence[int], stream: str, kind: str, body: Mapping[str, object], /) -> None:
        """See `Journal.replace`.

        Raises:
            TypeError: The body is no JSON.
        """
        self._put(_Row(numbers[0], stream, kind, orjson.dumps(body), tuple(numbers)))

    def _put(self, row: _Row) -> None:
        self._rows.append(row)
        if self._lazy is None:
            with contextlib.suppress(RuntimeError):  # no loop: written with the next commit, or by close
                self._lazy = asyncio.get_running_loop().call_later(_LAZY_S, self._flush)

    def commit(self) -> asyncio.Future[None] | None:
        """See `Journal.commit`; None: everything is safe already. To be called on the loop's thread."""
        if self._waiting is None:
            if not self._rows and self._number == self._durable:
                return None
            self._loop = asyncio.get_running_loop()
            self._waiting = self._loop.create_future()
            self._activity.begin(KEY)
            self._loop.call_soon(self._hand_over)
        return self._waiting

    def entries(self, after: int = 0, /) -> Iterator[Entry]:
        """See `Journal.entries`; read in pages, so that a journal of any length fits the memory."""
        while True:
            query = (
                sa.select(_JOURNAL).where(_JOURNAL.c.number > after).order_by(_JOURNAL.c.number).limit(_PAGE)
            )
            with self._engine.connect() as connection:
                page = connection.execute(query).all()
            for number, stream, kind, body in page:
                yield Entry(number, stream, kind, orjson.loads(body))
            if len(page) < _PAGE:
                return
            after = page[-1].number

    def close(self) -> None:
        """See `Journal.close`.

        Raises:
            SettingsError: What was left could not be written.
        """
        if self._closed:
            return
        if self._lazy is not None:
            self._lazy.cancel()
        with self._wake:
            self._closed = True
            self._wake.notify()
        self._writer.join()
        left = self._backlog + [row for rows, _ in self._groups for row in rows] + self._rows
        try:
            if left:
                self._insert(left)
        finally:
            self._let_go()
            self._engine.dispose()

    def _open(self) -> int:
        """Make the tables where there are none, and return the number of the last entry."""
        with self._engine.begin() as connection:
            _META.create_all(connection)
            version = connection.execute(sa.select(_SCHEMA.c.version)).scalar()
            if version is None:
                connection.execute(_SCHEMA.insert().values(version=VERSION))
            elif version != VERSION:
                raise SettingsError(f"{self._name}: tables of version {version}, expected {VERSION}")
            return int(connection.execute(sa.select(sa.func.max(_JOURNAL.c.number))).scalar() or 0)

    # the loop's thread

    def _flush(self) -> None:
        """Write what nobody waits for."""
        self._lazy = None
        if self._rows and self._waiting is None:
            self._loop = asyncio.get_running_loop()
            self._hand_over()

    def _hand_over(self) -> None:
        """Give everything that was appended in this turn of the loop to the writer, as one group."""
        group, self._rows = self._rows, []
        waiting, self._waiting = self._waiting, None
        with self._wake:
            self._groups.append((group, waiting))
            self._wake.notify()

    def _resolve(self, futures: list[asyncio.Future[None]], last: int, error: SettingsError | None) -> None:
        if error is None:
            self._durable = max(self._durable, last)
        for future in futures:
            if not future.done():
                if error is None:
                    future.set_result(None)
                else:
                    future.set_exception(error)
        self._turn(_HOPS, len(futures))

    def _turn(self, hops: int, futures: int) -> None:
        if hops:
            assert self._loop is not None
            self._loop.call_soon(self._turn, hops - 1, futures)
            return
        for _ in range(futures):
            self._activity.end(KEY)

    # the writer's thread

    def _write(self) -> None:
        while True:
            with self._wake:
                while not self._groups and not self._closed:
                    self._wake.wait()
                if self._closed:
                    return
                groups, self._groups = self._groups, []
            rows = self._backlog + [row for group, _ in groups for row in group]
            futures = [future for _, future in groups if future is not None]
            error: SettingsError | None = None
            try:
                self._insert(rows)
            except sa.exc.SQLAlchemyError as refused:
                error = SettingsError(f"{self._name}: refuses to keep the journal: {cause(refused)}")
            self._backlog = [] if error is None else rows  # tried again with the next group: order is kept
            last = max((row.number for row in rows), default=0)
            loop = self._loop
            if loop is None or loop.is_closed():
                continue
            loop.call_soon_threadsafe(self._resolve, futures, last, error)

    def _insert(self, rows: list[_Row]) -> None:
        """Write rows in one transaction, past SQLAlchemy's compiler: the statement never changes."""
        if not rows:
            return
        mark = "?" if self._engine.dialect.name == "sqlite" else "%s"
        insert, delete = _INSERT.format(marks=",".join((mark,) * 4)), _DELETE.format(mark=mark)
        new: list[Any] = [(*row[:3], row.body.decode()) for row in rows if not row.instead_of]
        with self._engine.begin() as connection:
            if new:
                connection.exec_driver_sql(insert, new)
            for row in rows:
                if row.instead_of:
                    connection.exec_driver_sql(delete, [(number,) for number in row.instead_of])
                    connection.exec_driver_sql(insert, (*row[:3], row.body.decode()))
