"""Databases by URL: SQLite in a file, PostgreSQL by its server."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from twin.errors import SettingsError


def open_engine(url: str, name: str, **options: Any) -> sa.Engine:
    """Return the engine of a database; nothing is connected yet.

    Args:
        url: Of SQLAlchemy: `sqlite:///file.db`, `postgresql+psycopg://user@host/name`.
        name: Of the database, without a password, for the error.
        options: Of `sqlalchemy.create_engine`.

    Raises:
        SettingsError: No database can be opened by such a URL.
    """
    try:
        engine = sa.create_engine(url, **options)
    except (sa.exc.ArgumentError, ModuleNotFoundError) as error:
        raise SettingsError(f"{name}: no database can be opened by this URL: {error}") from error
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _sqlite)
    return engine


def cause(error: Exception) -> str:
    """Return the first line of what the database itself said."""
    return str(getattr(error, "orig", None) or error).strip().splitlines()[0]


def _sqlite(connection: Any, _record: object) -> None:
    """A commit survives a crash of the process and of the machine; readers do not wait for the writer."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()
