"""Tables of the books. Entries, postings and facts are append-only: the database itself refuses anything else."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

VERSION: Final = 1
"""Of the tables; a database of another version is refused, never changed."""

META: Final = sa.MetaData()

_WHOLE: Final = "typeof(amount_minor) = 'integer'"
"""SQLite would go on in floating point where integers end; PostgreSQL refuses by itself."""


def _whole() -> sa.CheckConstraint:
    rule = sa.CheckConstraint(_WHOLE)
    return rule.ddl_if(dialect="sqlite")


BOOKS: Final = sa.Table(
    "twin_books",
    META,
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("identity", sa.Text, nullable=False),
    sa.Column("secret", sa.Text, nullable=False),
    sa.Column("others", sa.BigInteger, nullable=False),
)
"""One row: which books these are, the key of pseudonyms, and how many commits wrote neither an entry nor a fact."""

ENTRY: Final = sa.Table(
    "twin_entry",
    META,
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("cause", sa.Text, nullable=False, unique=True),
    sa.Column("happened_s", sa.Double, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("session", sa.Text, nullable=False),
    sa.Column("memo", sa.Text, nullable=False),
)
POSTING: Final = sa.Table(
    "twin_posting",
    META,
    sa.Column("entry", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("line", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("account", sa.Text, nullable=False),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    _whole(),
    sqlite_with_rowid=False,
)
BALANCE: Final = sa.Table(
    "twin_balance",
    META,
    sa.Column("account", sa.Text, primary_key=True),
    sa.Column("currency", sa.Text, primary_key=True),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    _whole(),
    sqlite_with_rowid=False,
)
"""Sums of the postings, kept up in the transaction that appends them."""

FACT: Final = sa.Table(
    "twin_fact",
    META,
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("stream", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
)
INBOX: Final = sa.Table(
    "twin_inbox",
    META,
    sa.Column("event", sa.Text, primary_key=True),
    sa.Column("body", sa.Text, nullable=False),
    sqlite_with_rowid=False,
)
SERIES: Final = sa.Table(
    "twin_series",
    META,
    sa.Column("series", sa.Text, primary_key=True),
    sa.Column("last", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
PERSON: Final = sa.Table(
    "twin_person",
    META,
    sa.Column("pseudonym", sa.Text, primary_key=True),
    sa.Column("token", sa.Text, nullable=False, unique=True),
    sa.Column("seen_s", sa.Double, nullable=False, index=True),
)
"""The only table with data of persons; nothing refers to it."""

APPEND_ONLY: Final = (ENTRY, POSTING, FACT)

_SQLITE: Final = """
CREATE TRIGGER {table}_{verb} BEFORE {verb} ON {table}
BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END
"""
_FUNCTION: Final = """
CREATE OR REPLACE FUNCTION twin_append_only() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION '%% is append-only', TG_TABLE_NAME; END $$
"""
_POSTGRESQL: Final = """
CREATE TRIGGER {table}_{verb} BEFORE {verb} ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION twin_append_only()
"""


def _after(table: sa.Table, statement: str, dialect: str) -> None:
    made = sa.DDL(statement)  # type: ignore[no-untyped-call]
    sa.event.listen(table, "after_create", made.execute_if(dialect=dialect))


for _table in APPEND_ONLY:
    _after(_table, _FUNCTION, "postgresql")
    for _verb in ("UPDATE", "DELETE"):
        _after(_table, _SQLITE.format(table=_table.name, verb=_verb), "sqlite")
    for _verb in ("UPDATE", "DELETE", "TRUNCATE"):
        _after(_table, _POSTGRESQL.format(table=_table.name, verb=_verb), "postgresql")
