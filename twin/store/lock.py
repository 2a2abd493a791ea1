"""One process at a time writes a journal. The lock is the system's: it ends with its holder, however that ends."""

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
    held = SettingsError(
        f"{name}: another process keeps its journal here; end it first, or take another database"
    )
    if engine.dialect.name == "postgresql":
        connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        try:
            connection.exec_driver_sql(f"SET lock_timeout = {int(PATIENCE_S * 1000)}")
            connection.exec_driver_sql(f"SELECT pg_advisory_lock({_KEY})")
        except sa.exc.OperationalError:
            connection.close()
            raise held from None
        return connection.invalidate
    path = engine.url.database
    if not path or path == ":memory:" or path.startswith("file:"):
        return lambda: None
    file = Path(path + ".lock").open("a")  # noqa: SIM115  closed by whoever gives the lock back
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise held from None
    return file.close
