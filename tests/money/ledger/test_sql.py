"""Books in a database: what it refuses, and what happens when it vanishes and comes back."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.money.ledger.blocks import entry, whole, write
from twin.errors import SettingsError
from twin.money.ledger.database import Database
from twin.money.ledger.sql import SqlBooks


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where books can be."""
    return tmp_path / "books.db"


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Locks are not waited for."""
    monkeypatch.setattr("twin.store.lock.PATIENCE_S", 0.05)


@contextmanager
def opened(url: str | Path) -> Iterator[SqlBooks]:
    """Open books, and close them whatever happens."""
    books = SqlBooks(f"sqlite:///{url}" if isinstance(url, Path) else url)
    try:
        yield books
    finally:
        books.close()


def run(url: str, *statements: str) -> None:
    """Do something to the database, as somebody else."""
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)
    finally:
        engine.dispose()


def test_books_survive_their_process(url: str) -> None:
    """Closed and opened again, everything is there, and goes on."""
    with opened(url) as books:
        write(books, 0)
        anna = books.persons.pseudonym("04A1B2C3", 0.0)
    with opened(url) as books:
        assert whole(books) == 1
        assert books.persons.token(anna) == "04A1B2C3"
        assert books.persons.pseudonym("04A1B2C3", 0.0) == anna
        write(books, 1)
        assert whole(books) == 2


def test_books_longer_than_a_page_are_read_in_order(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of three; a reader that stops or writes in between does no harm."""
    monkeypatch.setattr("twin.money.ledger.sql._PAGE", 3)
    with opened(url) as books:
        for k in range(10):
            write(books, k)
        assert whole(books) == 10
        reader = books.entries()
        first = next(reader)
        write(books, 10)
        assert [first, *reader] == list(books.entries())


@pytest.mark.parametrize("table", ["twin_entry", "twin_posting", "twin_fact"])
@pytest.mark.parametrize("verb", ["UPDATE", "DELETE", "TRUNCATE"])
def test_the_database_itself_refuses_to_change_what_was_written(url: str, table: str, verb: str) -> None:
    """Whoever asks it, and however."""
    column = {"twin_entry": "memo", "twin_posting": "account", "twin_fact": "body"}[table]
    statement = {
        "UPDATE": f"UPDATE {table} SET {column} = 'x'",
        "DELETE": f"DELETE FROM {table}",
        "TRUNCATE": f"TRUNCATE {table}" if url.startswith("postgresql") else f"DELETE FROM {table} WHERE 1",
    }[verb]
    with opened(url) as books:
        write(books, 0)
        with pytest.raises(sa.exc.DBAPIError, match=f"{table} is append-only"):
            run(url, statement)
        assert whole(books) == 1


def test_no_float_gets_into_a_file(file: Path) -> None:
    """SQLite would keep one in a column of integers."""
    with opened(file):
        pass
    raw = sqlite3.connect(file)
    with pytest.raises(sqlite3.IntegrityError, match="CHECK constraint failed"):
        raw.execute("INSERT INTO twin_posting VALUES (1, 0, 'cash:stripe', 1.5)")
    with pytest.raises(sqlite3.IntegrityError, match="CHECK constraint failed"):
        raw.execute("INSERT INTO twin_balance VALUES ('cash:stripe', 'EUR', 1.5)")
    raw.close()


def test_a_balance_beyond_64_bits_is_refused(url: str) -> None:
    """Never rounded; the block is not kept."""
    big = 2**63 - 1
    with opened(url) as books:
        with books.atomic():
            books.post(entry(0, "capture", big))
        with pytest.raises(SettingsError, match="refuses to keep the books"), books.atomic():
            books.post(entry(7, "capture", big))
        assert books.balance("cash:stripe", "EUR") == big
        assert len(list(books.entries())) == 1


def test_commits_are_synced_and_erased_rows_are_overwritten(file: Path) -> None:
    """A power cut loses nothing that was kept."""
    with opened(file) as books:
        pragmas = ("journal_mode", "synchronous", "secure_delete")
        assert [books._database.fetch(f"PRAGMA {name}") for name in pragmas] == [[("wal",)], [(2,)], [(1,)]]


def test_tables_of_another_version_are_refused(url: str) -> None:
    """Never changed."""
    with opened(url):
        run(url, "UPDATE twin_books SET version = 99")
    with pytest.raises(SettingsError, match="tables of version 99, expected 1"):
        SqlBooks(url)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("sqlite://", "books need a file"),
        ("sqlite:///:memory:", "books need a file"),
        ("nonsense", "no database can be opened by this URL"),
        ("sqlite:////nowhere/books.db", "refuses to keep the books: .*No such file"),
        ("postgresql+psycopg://me:secret@/x?host=/nowhere", r"^/x\?host=/nowhere: refuses to keep the books"),
    ],
)
def test_what_cannot_be_opened_is_named_without_its_password(url: str, told: str) -> None:
    """One error."""
    with pytest.raises(SettingsError, match=told) as raised:
        SqlBooks(url)
    assert "secret" not in str(raised.value)


@pytest.mark.usefixtures("impatient")
def test_two_cannot_keep_their_books_in_one_database(url: str) -> None:
    """The second is refused and the first goes on; when the first is closed another may."""
    with opened(url) as first:
        with pytest.raises(SettingsError, match="another process keeps its books here"):
            SqlBooks(url)
        write(first, 0)
    with opened(url) as second:
        assert whole(second) == 1


def test_a_journal_and_books_may_share_a_database(url: str) -> None:
    """They lock each their own."""
    from twin.store.sql import SqlJournal

    journal = SqlJournal(url)
    with opened(url) as books:
        write(books, 0)
        assert whole(books) == 1
    journal.close()


# it vanishes


def test_a_file_that_is_removed_is_missed_and_not_made_anew(file: Path) -> None:
    """Put back, the books go on; what failed meanwhile is not there."""
    with opened(file) as books:
        write(books, 0)
        wal = Path(f"{file}-wal")
        aside = [(path, path.with_name(f"aside-{path.name}")) for path in (file, wal)]
        for path, away in aside:
            path.rename(away)
        for _ in range(2):
            with pytest.raises(SettingsError, match="refuses to keep the books"):
                write(books, 1)
            assert not file.exists()
        with pytest.raises(SettingsError, match="is gone; put it back"):
            list(books.entries())
        for path, away in aside:
            if away.exists():
                away.rename(path)
        assert whole(books) == 1
        write(books, 1)
        assert whole(books) == 2


def test_other_books_in_the_place_of_ours_are_not_written_to(file: Path, tmp_path: Path) -> None:
    """Though they look alike."""
    with opened(tmp_path / "other.db") as other:
        write(other, 0)
    with opened(file) as books:
        write(books, 0)
        file.unlink()
        Path(f"{file}-wal").unlink()
        shutil.copy(tmp_path / "other.db", file)
        with pytest.raises(SettingsError, match="its write-ahead log is gone"):
            write(books, 1)
        with pytest.raises(SettingsError, match="these are other books; start again"):
            write(books, 1)
    with opened(file) as there:
        assert whole(there) == 1


def test_an_older_copy_is_not_gone_on_with(file: Path, tmp_path: Path) -> None:
    """What the process remembers is not in it."""
    with opened(file) as books:
        write(books, 0)
    shutil.copy(file, tmp_path / "copy.db")
    with opened(file) as books:
        write(books, 1)
        file.unlink()
        shutil.copy(tmp_path / "copy.db", file)
        with pytest.raises(SettingsError, match="was replaced"):
            write(books, 2)
        Path(f"{file}-wal").unlink()  # or SQLite would make the copy new again by it
        with pytest.raises(
            SettingsError, match="2 entries and 1 facts are in it, 4 entries and 2 facts were written; start"
        ):
            write(books, 2)


@pytest.mark.usefixtures("impatient")
def test_a_file_that_somebody_locks_is_waited_for_and_then_given_up(file: Path) -> None:
    """Until the lock is gone."""
    with opened(file) as books:
        write(books, 0)
        raw = sqlite3.connect(file, isolation_level=None)
        raw.execute("BEGIN IMMEDIATE")
        with pytest.raises(SettingsError, match="database is locked"):
            write(books, 1)
        raw.execute("ROLLBACK")
        raw.close()
        assert whole(books) == 1
        write(books, 1)
        assert whole(books) == 2


def test_a_full_disk_loses_the_block_and_nothing_else(file: Path) -> None:
    """Room is made, and the same is written."""
    with opened(file) as books:
        for k in range(3):
            write(books, k)
        ((pages,),) = books._database.fetch("PRAGMA page_count")
        books._database.fetch(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(SettingsError, match="database or disk is full"):
            write_many(books)
        assert whole(books) == 3
        write(books, 3)
        assert whole(books) == 4


def test_a_server_that_goes_away_is_gone_on_with_when_it_is_back(postgres_url: str) -> None:
    """Connections are cut and refused, then accepted again."""
    name = sa.make_url(postgres_url).database
    outside = postgres_url.replace(f"/{name}?", "/postgres?")
    cut = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
    with opened(postgres_url) as books:
        write(books, 0)
        run(outside, f"ALTER DATABASE {name} ALLOW_CONNECTIONS false", cut)
        for _ in range(2):
            with pytest.raises(SettingsError, match="refuses to keep the books"):
                write(books, 1)
        with pytest.raises(SettingsError, match="not currently accepting connections"):
            books.balances()
        run(outside, f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        assert whole(books) == 1
        write(books, 1)
        assert whole(books) == 2


@pytest.mark.usefixtures("impatient")
def test_who_lost_the_lock_does_not_write(postgres_url: str) -> None:
    """A connection was cut, and another process took over before it was back."""
    name = sa.make_url(postgres_url).database
    outside = postgres_url.replace(f"/{name}?", "/postgres?")
    cut = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
    with opened(postgres_url) as first:
        write(first, 0)
        run(outside, cut)
        with opened(postgres_url) as second:
            with pytest.raises(SettingsError, match="refuses to keep the books"):
                write(first, 1)
            with pytest.raises(SettingsError, match="another process keeps its books here"):
                write(first, 1)
            write(second, 1)
        with pytest.raises(
            SettingsError, match="4 entries and 2 facts are in it, 2 entries and 1 facts were written; start"
        ):
            write(first, 2)


@pytest.mark.parametrize("made", [True, False], ids=["made", "not made"])
@pytest.mark.parametrize("back", [True, False], ids=["at once", "later"])
def test_a_commit_that_nobody_answers_is_looked_up(
    url: str, made: bool, back: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server died between the commit and its answer: what it did is what counts, as soon as it can be asked."""
    with opened(url) as books:
        write(books, 0)
        one, connect = Database._one, Database._connect

        def broken(database: Database, statement: str) -> None:
            if statement != "COMMIT" or made:
                one(database, statement)
            if statement == "COMMIT":
                monkeypatch.setattr(Database, "_one", one)
                if not back:
                    monkeypatch.setattr(Database, "_connect", away)
                raise ConnectionResetError("no answer")

        def away(_database: Database) -> Any:
            raise ConnectionRefusedError("nobody is there")

        monkeypatch.setattr(Database, "_one", broken)
        if made and back:
            write(books, 1)
        else:
            told = "no answer" if back else "no answer; whether the last block is kept shows when it is back"
            with pytest.raises(SettingsError, match=f"{told}$"):
                write(books, 1)
        monkeypatch.setattr(Database, "_connect", connect)
        assert whole(books) == 1 + made
        write(books, 1 + made)
        assert whole(books) == 2 + made


@pytest.mark.parametrize("made", [True, False], ids=["made", "not made"])
def test_a_commit_of_a_number_alone_is_looked_up_too(
    url: str, made: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No entry and no fact tells that it was made; numbers have no gap all the same."""
    with opened(url) as books:
        one = Database._one

        def broken(database: Database, statement: str) -> None:
            if statement != "COMMIT" or made:
                one(database, statement)
            if statement == "COMMIT":
                monkeypatch.setattr(Database, "_one", one)
                raise ConnectionResetError("no answer")

        monkeypatch.setattr(Database, "_one", broken)
        drawn = []
        for _ in range(2):
            with suppress(SettingsError):
                drawn.append(draw(books))
        assert drawn == ([1, 2] if made else [1])


def draw(books: SqlBooks) -> int:
    """Draw a number, and nothing else."""
    with books.atomic():
        return books.number("invoice")


def test_a_block_that_is_refused_may_be_written_again(file: Path) -> None:
    """Nothing of it is remembered, the number least of all."""
    with opened(file) as books:
        with pytest.raises(UnicodeEncodeError):
            write_bad(books)
        write(books, 0)
        assert whole(books) == 1


def write_many(books: SqlBooks) -> None:
    """Write more than fits a page, in one block."""
    with books.atomic():
        for k in range(3, 500):
            write(books, k)


def write_bad(books: SqlBooks) -> None:
    """Write what no database takes: half of a surrogate pair."""
    with books.atomic():
        books.number("invoice")
        books.post(entry(0, "capture", 1)._replace(memo="\ud800"))


# persons


def test_who_is_erased_is_in_no_file(file: Path) -> None:
    """Not in free pages, not in the write-ahead log; others are."""
    with opened(file) as books:
        persons = books.persons
        anna = persons.pseudonym("04-ANNA-TOKEN", 0.0)
        persons.pseudonym("04-BERT-TOKEN", 0.0)
        before = b"".join(path.read_bytes() for path in file.parent.iterdir())
        assert b"04-ANNA-TOKEN" in before
        persons.forget(anna)
        after = b"".join(path.read_bytes() for path in file.parent.iterdir())
        assert b"04-ANNA-TOKEN" not in after
        assert b"04-BERT-TOKEN" in after


def test_with_every_erasure_the_key_is_another(url: str) -> None:
    """So that nobody can calculate again which pseudonym a token had."""
    with opened(url) as books:
        query = "SELECT secret FROM twin_books"
        first = books._database.fetch(query)
        anna = books.persons.pseudonym("anna", 0.0)
        assert books._database.fetch(query) == first
        books.persons.forget(anna)
        assert books._database.fetch(query) != first


def test_who_was_seen_in_a_block_that_failed_is_written_with_the_next(url: str) -> None:
    """They were seen all the same; and their pseudonym may have been told."""
    with opened(url) as books:
        with suppress(KeyError), books.atomic():
            anna = books.persons.pseudonym("anna", 0.0)
            raise KeyError(anna)
        with books.atomic():
            assert books.persons.pseudonym("anna", 0.0) == anna
    with opened(url) as books:
        assert books.persons.token(anna) == "anna"
