"""One process at a time writes a store. The lock is the system's: it ends with its holder, however that ends."""

from __future__ import annotations

import fcntl
from collections.abc import Callable
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from twin.errors import SettingsError

_KEY: Final = 0x7477696E
"""Of the advisory lock: `twin`; locks are counted by database."""
PATIENCE_S: Final = 3.0
"""PostgreSQL may take a moment to see that a process that was killed is gone."""


def hold(engine: sa.Engine, name: str) -> Callable[[], None]:
    """Take the lock of a journal, and return what gives it back.

    Args:
        engine: Its database. SQLite: a file beside it, with `.lock` behind its name, is locked and stays.
        name: Of the database, for the error.

    Raises:
        SettingsError: Another process holds it.
        SQLAlchemyError, OSError: The database or the file cannot be used.
    """
    held = f"{name}: another process keeps its journal here; end it first, or take another database"
    if engine.dialect.name == "postgresql":
        connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        hold_session(connection, _KEY, held)
        return connection.invalidate
    path = engine.url.database
    if not path or path == ":memory:" or path.startswith("file:"):
        return lambda: None
    return hold_file(Path(path + ".lock"), held)


def hold_session(connection: sa.Connection, key: int, held: str) -> None:
    """Take a lock of PostgreSQL for as long as a connection lives.

    Args:
        connection: Which commits by itself; closed where another holds the lock.
        key: Of the advisory lock.
        held: What is wrong if another session holds it.

    Raises:
        SettingsError: Another session holds it.
        SQLAlchemyError: The database cannot be used.
    """
    connection.exec_driver_sql(f"SET lock_timeout = {int(PATIENCE_S * 1000)}")
    try:
        connection.exec_driver_sql(f"SELECT pg_advisory_lock({key})")
    except sa.exc.OperationalError:
        connection.close()
        raise SettingsError(held) from None


def hold_file(path: Path, held: str) -> Callable[[], None]:
    """Lock a file, which is made and stays, and return what gives it back.

    Raises:
        SettingsError: Another process holds it: with `held` as its message.
        OSError: It cannot be opened.
    """
    file = path.open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise SettingsError(held) from None
    return file.close
