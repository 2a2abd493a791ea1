"""Every journal tells what was appended, in order, and no more than was made durable."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa

from twin.domain.journal import Journal
from twin.errors import SettingsError
from twin.store.memory import MemoryJournal
from twin.store.sql import KEY, SqlJournal


class Count:
    """An `Activity` that counts."""

    def __init__(self) -> None:
        self.under_way = 0
        self.most = 0

    def begin(self, key: str, /) -> None:
        assert key == KEY
        self.under_way += 1
        self.most = max(self.most, self.under_way)

    def end(self, key: str, /) -> None:
        self.under_way -= 1

    def forget(self, key: str, /) -> None:
        raise AssertionError


async def _commit(journal: Journal) -> None:
    done = journal.commit()
    if done is not None:
        await done


def _fill(journal: Journal) -> None:
    async def fill() -> None:
        journal.append("cp1", "transaction.message", {"id": "7", "wh": 1.5, "text": "ü\n"})
        await _commit(journal)
        journal.append("tokens", "token.put", {"id": "A"})
        journal.append("cp1", "boot.decided", {})
        await _commit(journal)

    asyncio.run(fill())


def _told(journal: Journal, after: int = 0) -> list[tuple[int, str, str, dict[str, object]]]:
    return [(one.number, one.stream, one.kind, dict(one.body)) for one in journal.entries(after)]


EXPECTED = [
    (1, "cp1", "transaction.message", {"id": "7", "wh": 1.5, "text": "ü\n"}),
    (2, "tokens", "token.put", {"id": "A"}),
    (3, "cp1", "boot.decided", {}),
]


def test_memory_tells_what_was_appended() -> None:
    """Memory keeps facts in order where it is told to keep them."""
    journal = MemoryJournal(keep=True)
    _fill(journal)
    assert _told(journal) == EXPECTED
    assert _told(journal, 2) == EXPECTED[2:]


def test_database_tells_what_was_appended(url: str) -> None:
    """A journal that is opened again tells the same facts, and numbers the next one after them."""
    journal = SqlJournal(url)
    _fill(journal)
    assert _told(journal) == EXPECTED
    journal.close()
    again = SqlJournal(url)
    assert _told(again, 1) == EXPECTED[1:]
    again.append("cp2", "boot.decided", {"n": 4})
    again.close()
    third = SqlJournal(url)
    assert _told(third)[3:] == [(4, "cp2", "boot.decided", {"n": 4})]
    third.close()


def test_entries_are_read_in_pages(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seven facts by pages of three come once each, in order."""
    monkeypatch.setattr("twin.store.sql._PAGE", 3)
    journal = SqlJournal(url)
    for number in range(7):
        journal.append("s", "k.x", {"n": number})
    journal.close()
    again = SqlJournal(url)
    assert [entry.body["n"] for entry in again.entries()] == list(range(7))
    again.close()


def test_commits_of_one_turn_are_one_group(url: str) -> None:
    """A hundred callers at once share one future, and the activity ends when they went on."""
    count = Count()

    async def run() -> None:
        journal = SqlJournal(url, count)
        futures = []
        for number in range(100):
            journal.append("s", "k.x", {"n": number})
            futures.append(journal.commit())
        assert len({id(future) for future in futures}) == 1
        assert futures[0] is not None
        await futures[0]
        assert journal.durable == 100
        for _ in range(6):
            await asyncio.sleep(0)
        assert (count.under_way, count.most) == (0, 1)
        assert journal.commit() is None
        journal.close()

    asyncio.run(run())


def test_commit_without_news_waits_for_what_is_under_way(url: str) -> None:
    """A second commit while the first is being written is safe only when that is."""

    async def run() -> None:
        journal = SqlJournal(url)
        journal.append("s", "k.x", {})
        first = journal.commit()
        await asyncio.sleep(0)  # handed over to the writer
        second = journal.commit()
        assert first is not None
        if second is not None:
            await second
        assert first.done()
        assert journal.durable == 1
        journal.close()

    asyncio.run(run())


def test_what_nobody_waits_for_is_written_all_the_same(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fact without a commit is safe a moment later."""
    monkeypatch.setattr("twin.store.sql._LAZY_S", 0.0)

    async def run() -> None:
        journal = SqlJournal(url)
        journal.append("s", "k.x", {})
        while journal.durable == 0:  # noqa: ASYNC110  the writer's thread tells no event
            await asyncio.sleep(0)
        assert len(_told(journal)) == 1
        journal.close()

    asyncio.run(run())


def test_full_disk_refuses_and_recovers(tmp_path: Path) -> None:
    """While the database is full every commit raises; afterwards everything appended is written, in order."""
    journal = SqlJournal(f"sqlite:///{tmp_path / 'journal.db'}")

    def limit(pages: int) -> None:
        raw = journal._engine.raw_connection()
        raw.cursor().execute(f"PRAGMA max_page_count={pages}")
        raw.close()

    async def run() -> None:
        limit(1)
        for number in range(3):
            journal.append("s", "k.x", {"n": number, "text": "x" * 20_000})
            with pytest.raises(SettingsError, match=r"journal\.db: refuses to keep the journal: .*full"):
                await _commit(journal)
        assert _told(journal) == []
        limit(100_000)
        await _commit(journal)

    asyncio.run(run())
    assert [entry.body["n"] for entry in journal.entries()] == [0, 1, 2]
    journal.close()


def test_locked_out_database_is_named(tmp_path: Path) -> None:
    """A folder that does not exist gives an error that names the file."""
    with pytest.raises(SettingsError, match=r"nowhere/journal\.db: cannot be used as journal"):
        SqlJournal(f"sqlite:///{tmp_path}/nowhere/journal.db")


def test_unknown_database_is_refused() -> None:
    """An URL that no driver knows is an error of the settings."""
    with pytest.raises(SettingsError, match="no database can be opened"):
        SqlJournal("nonsense://x")


def test_other_version_of_tables_is_refused(tmp_path: Path) -> None:
    """Tables of version 99 are left alone."""
    path = tmp_path / "journal.db"
    SqlJournal(f"sqlite:///{path}").close()
    raw = sqlite3.connect(path)
    raw.execute("UPDATE twin_schema SET version = 99")
    raw.commit()
    raw.close()
    with pytest.raises(SettingsError, match="tables of version 99, expected 1"):
        SqlJournal(f"sqlite:///{path}")


def test_every_commit_is_synced(tmp_path: Path) -> None:
    """SQLite writes ahead and syncs at every commit: a power cut loses nothing that was answered."""
    journal = SqlJournal(f"sqlite:///{tmp_path / 'journal.db'}")
    with journal._engine.connect() as connection:
        assert connection.execute(sa.text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(sa.text("PRAGMA synchronous")).scalar() == 2
    journal.close()


def test_two_cannot_keep_their_journals_in_one_database(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second is refused and the first goes on; when the first is closed another may."""
    monkeypatch.setattr("twin.store.lock.PATIENCE_S", 0.05)
    first = SqlJournal(url)
    with pytest.raises(SettingsError, match="another process keeps its journal here"):
        SqlJournal(url)
    first.append("s", "k.x", {"n": 1})
    first.close()
    second = SqlJournal(url)
    assert _told(second) == [(1, "s", "k.x", {"n": 1})]
    second.close()


def test_one_fact_takes_the_place_of_several(url: str) -> None:
    """Of five facts the second, third and fifth become one, under the second's number, also of facts not yet written."""
    journal = SqlJournal(url)
    memory = MemoryJournal(keep=True)

    async def fill() -> None:
        for one in (journal, memory):
            numbers = [one.append("s", "k.x", {"n": n}) for n in range(1, 4)]
            await _commit(one)
            numbers += [one.append("s", "k.x", {"n": n}) for n in (4, 5)]
            assert numbers == [1, 2, 3, 4, 5]
            one.replace([2, 3, 5], "s", "k.sum", {"n": 235})
            await _commit(one)
            assert one.append("s", "k.x", {"n": 6}) == 6
            await _commit(one)

    asyncio.run(fill())
    told = [(1, "k.x", 1), (2, "k.sum", 235), (4, "k.x", 4), (6, "k.x", 6)]
    assert [(number, kind, body["n"]) for number, _, kind, body in _told(memory)] == told
    journal.close()
    again = SqlJournal(url)
    assert [(number, kind, body["n"]) for number, _, kind, body in _told(again)] == told
    again.replace([2, 6], "s", "k.sum", {"n": 2356})
    again.close()
    third = SqlJournal(url)
    assert [(number, kind, body["n"]) for number, _, kind, body in _told(third)] == [
        (1, "k.x", 1),
        (2, "k.sum", 2356),
        (4, "k.x", 4),
    ]
    third.close()


def test_what_replaces_waits_for_room_too(tmp_path: Path) -> None:
    """A full disk refuses it; with room again it is done, after what was appended before."""
    journal = SqlJournal(f"sqlite:///{tmp_path / 'journal.db'}")

    def limit(pages: int) -> None:
        raw = journal._engine.raw_connection()
        raw.cursor().execute(f"PRAGMA max_page_count={pages}")
        raw.close()

    async def run() -> None:
        limit(1)
        numbers = [journal.append("s", "k.x", {"text": "x" * 20_000}) for _ in range(2)]
        journal.replace(numbers, "s", "k.sum", {"text": "x" * 20_000})
        with pytest.raises(SettingsError, match="refuses to keep"):
            await _commit(journal)
        limit(100_000)
        journal.append("s", "k.y", {})
        await _commit(journal)

    asyncio.run(run())
    assert [(entry.number, entry.kind) for entry in journal.entries()] == [(1, "k.sum"), (3, "k.y")]
    journal.close()
