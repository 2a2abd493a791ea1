"""Messages of a transaction become one entry of the journal, and nothing that matters is gone."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from twin.domain.journal import Entry
from twin.network.ocpp.csms.core import Core
from twin.network.ocpp.csms.csms import Csms
from twin.network.ocpp.csms.ledger import LONG, WAIT_S, Ledger
from twin.network.ocpp.csms.summary import SUMMARY, Compaction
from twin.network.ocpp.csms.transaction import Transaction
from twin.network.ocpp.versions import Version
from twin.rng import stream
from twin.store.memory import MemoryJournal

from .rig import Charger, HandClock, Rig

TWO = pytest.mark.parametrize("version", [Version.V201, Version.V21])


def restored(entries: list[Entry]) -> tuple[Ledger, MemoryJournal]:
    """Return the books that follow from a journal, and a journal with just these entries."""
    journal = MemoryJournal(keep=True)
    for entry in entries:
        number = journal.append(entry.stream, entry.kind, entry.body)
        journal.replace([number], entry.stream, entry.kind, entry.body)
    clock = HandClock(100_000.0)
    core = Core(clock, journal, lambda _: None)
    Csms(clock, journal, core.parts, core.desk.sink, desk=core.desk).restore()
    return core.ledger, journal


def books(ledger: Ledger) -> tuple[list[Transaction], list[Transaction]]:
    """Return all transactions of the station, and the open ones."""
    return list(ledger.of("CP1")), ledger.open_of("CP1")


def of_transactions(journal: MemoryJournal) -> list[str]:
    """Return the kinds of what the journal holds of transactions."""
    return [entry.kind for entry in journal.entries() if entry.kind.startswith("transaction.")]


async def random_story(rig: Rig, one: Charger, seed: int) -> None:
    """Transactions with losses, duplicates and messages in the wrong order; some never end."""
    chance = stream(seed, "summary")
    for count in range(6):
        start_s, wh = 2000.0 + 1000.0 * count, 1000.0 * count
        if one.link.version.two:
            messages: list[Any] = [
                ("Started", 0, start_s, wh, {"token": "TAG1"}),
                *[("Updated", seq, start_s + seq, wh + seq, {}) for seq in range(1, 8)],
                ("Ended", 8, start_s + 8, wh + 8, {"info": {"stoppedReason": "Local"}}),
            ]
            said = [message for message in messages if chance.random() < 0.8]
            said += [message for message in messages if chance.random() < 0.2]
            if chance.random() < 0.5:
                chance.shuffle(said)
            for kind, seq, t_s, register_wh, more in said:
                offline = bool(chance.random() < 0.5)
                await one.event(kind, seq, t_s, register_wh, id=f"T{count}", offline=offline, **more)
        else:
            number = 0
            if chance.random() < 0.8:
                number = (await one.start(start_s, meter=int(wh)))["transactionId"]
            for step in range(1, 6):
                if chance.random() < 0.7:
                    await one.values(start_s + step, wh + step, number or None)
            for _ in range(int(chance.random() * 3)):
                await one.stop(number or -1, start_s + 9, int(wh) + 9, idTag="TAG1")
            if chance.random() < 0.3:
                await one.start(start_s, meter=int(wh))
        rig.clock.go_to(rig.clock.now_s + 2 * WAIT_S * float(chance.random()))


@pytest.mark.parametrize("version", list(Version))
@pytest.mark.parametrize("seed", range(8))
def test_books_are_the_same_from_messages_and_from_summaries(version: Version, seed: int) -> None:
    """Whatever came in whatever order: what a restart finds does not depend on whether messages were made one."""

    async def story() -> list[Entry]:
        rig = Rig()
        one = await rig.booted(version=version)
        await random_story(rig, one, seed)
        return list(rig.journal.entries())

    entries = asyncio.run(story())
    whole, journal = restored(entries)
    compacted = Compaction(whole, journal, HandClock()).compact()
    assert compacted
    again, _ = restored(list(journal.entries()))
    assert books(again) == books(whole)
    assert of_transactions(journal).count(SUMMARY) >= compacted


@TWO
def test_late_and_repeated_messages_after_the_summary(version: Version) -> None:
    """A repeated one changes nothing, a missing one that comes late completes the record and is made one with it."""

    async def story() -> None:
        rig = Rig()
        one = await rig.booted(version=version)
        await one.event("Started", 0, 1000.0, 100.0)
        await one.event("Updated", 2, 1020.0, 120.0)
        await one.event("Ended", 3, 1030.0, 130.0)
        compaction = Compaction(rig.core.ledger, rig.journal, rig.clock)
        assert (compaction.compact(), compaction.compact()) == (1, 0)
        assert of_transactions(rig.journal) == [SUMMARY]
        await one.event("Updated", 2, 1020.0, 120.0)
        assert of_transactions(rig.journal) == [SUMMARY]
        await one.event("Updated", 1, 1010.0, 110.0, offline=True)
        assert of_transactions(rig.journal) == [SUMMARY, "transaction.message"]
        assert compaction.compact() == 1
        ledger, _ = restored(list(rig.journal.entries()))
        (kept,) = ledger.of("CP1")
        assert (kept.complete, kept.upto, kept.energy_wh) == (True, 3, 30.0)

    asyncio.run(story())


@TWO
def test_a_long_transaction_is_made_one_while_it_runs(version: Version) -> None:
    """After 360 messages; begin, end, order and duplicates are right afterwards, and a restart goes on with it."""

    async def story() -> None:
        rig = Rig()
        one = await rig.booted(version=version)
        await one.event("Started", 0, 1000.0, 0.0, token="TAG1")
        for seq in range(1, LONG):
            await one.event("Updated", seq, 1000.0 + 10 * seq, float(seq))
        compaction = Compaction(rig.core.ledger, rig.journal, rig.clock)
        assert compaction.compact() == 1
        size = sum(len(json.dumps(entry.body)) for entry in rig.journal.entries())
        assert size < 5_000
        ledger, _ = restored(list(rig.journal.entries()))
        (kept,) = ledger.open_of("CP1")
        assert (kept.upto, kept.token, ledger.in_use("tag1")) == (LONG - 1, "TAG1", True)
        assert ledger.open_at("CP1", 1) is kept

    asyncio.run(story())


def test_it_goes_on_by_itself() -> None:
    """On start, and again when a minute is over."""

    async def story() -> None:
        rig = Rig()
        one = await rig.booted(version=Version.V16)
        Compaction(rig.core.ledger, rig.journal, rig.clock).start()
        number = (await one.start(1000.0))["transactionId"]
        await one.stop(number, 1010.0, 1500)
        assert len(of_transactions(rig.journal)) == 2
        rig.clock.go_to(rig.clock.now_s + 60.0)
        assert of_transactions(rig.journal) == [SUMMARY]
        assert (await one.stop(number, 1010.0, 1500)) == {}
        assert of_transactions(rig.journal) == [SUMMARY]
        assert (await one.start(2000.0))["transactionId"] == number + 1

    asyncio.run(story())
