"""The central system is killed at random frames of running transactions, and nothing is lost or counted twice."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from twin.network.ocpp.csms.core import Core
from twin.network.ocpp.csms.csms import Csms
from twin.network.ocpp.csms.ledger import Ledger
from twin.network.ocpp.csms.summary import SUMMARY, Compaction
from twin.network.ocpp.versions import Version
from twin.rng import stream
from twin.store.sql import SqlJournal

from ..rig import HandClock  # noqa: TID252
from .stations import Made, Place, Station

VERSIONS = (Version.V16, Version.V16, Version.V201, Version.V21)
STATIONS, VALUES = 20, 6


async def _kill_and_restart(url: str, events: list[int], how: tuple[str, ...]) -> list[Station]:
    place = Place()
    central = await asyncio.create_subprocess_exec(
        sys.executable,
        str(Path(__file__).with_name("central.py")),
        url,
        *how,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert central.stdin is not None
    assert central.stdout is not None
    left = [*events, 0]
    stations = [Station(number, VERSIONS[number % 4], place, VALUES) for number in range(1, STATIONS + 1)]
    jobs = [asyncio.ensure_future(station.run(lambda: bool(left))) for station in stations]
    everybody = asyncio.gather(*jobs)
    pid = 0
    try:
        while left:
            central.stdin.write(b"%d\n" % left.pop(0))
            word, *numbers = (await central.stdout.readline()).split()
            assert word == b"port", word
            pid = int(numbers[1])
            await place.move(int(numbers[0]))
            if left:
                assert await _line(central.stdout, everybody) == b"died\n"
                pid = 0
        await everybody
        os.kill(pid, signal.SIGKILL)
        assert await central.stdout.readline() == b"died\n"
        pid = 0
    finally:
        for job in jobs:
            job.cancel()
        if pid:
            os.kill(pid, signal.SIGKILL)
        central.stdin.close()
        await central.wait()
    return stations


async def _line(stdout: asyncio.StreamReader, stations: asyncio.Future[object]) -> bytes:
    """Read a line; a station that fails meanwhile ends the test with its error."""
    line = asyncio.ensure_future(stdout.readline())
    await asyncio.wait([line, stations], return_when=asyncio.FIRST_COMPLETED)
    if stations.done():
        stations.result()
    return await line


def _check(url: str, stations: list[Station], *, compacted: bool) -> None:
    """Everything is in the journal: complete, once, at its time, to the watt-hour."""
    clock = HandClock()
    journal = SqlJournal(url)
    core = Core(clock, journal, lambda _: None)
    csms = Csms(clock, journal, core.parts, core.desk.sink, desk=core.desk)
    csms.restore()
    for station in stations:
        kept = list(core.ledger.of(station.identity))
        assert [
            Made(
                one.started_s,
                one.ended_s,
                one.bill().begin_wh,
                one.bill().end_wh,
            )
            for one in kept
        ] == station.made
        assert all(one.complete and set(one.flags) <= {"duplicate-message"} for one in kept)
        for one, made in zip(kept, station.made, strict=True):
            assert one.energy_wh == made.end_wh - made.begin_wh
    if compacted:
        _check_compacted(url, journal, core.ledger, stations)
    else:
        _check_messages(journal, stations)
    journal.close()


def _check_compacted(url: str, journal: SqlJournal, ledger: Ledger, stations: list[Station]) -> None:
    """One entry of each transaction is left when all is done, and says the same as before."""
    before = [list(ledger.of(station.identity)) for station in stations]
    Compaction(ledger, journal, HandClock()).compact()
    journal.close()
    again = SqlJournal(url)
    kinds = [entry.kind for entry in again.entries() if entry.kind.startswith("transaction.")]
    assert kinds == [SUMMARY] * sum(len(station.made) for station in stations)
    core = Core(HandClock(), again, lambda _: None)
    Csms(HandClock(), again, core.parts, core.desk.sink, desk=core.desk).restore()
    assert [list(core.ledger.of(station.identity)) for station in stations] == before
    again.close()


def _check_messages(journal: SqlJournal, stations: list[Station]) -> None:
    """Each message was entered once."""
    messages = [entry for entry in journal.entries() if entry.kind == "transaction.message"]
    events = [(entry.body["id"], entry.body["seq"]) for entry in messages if "seq" in entry.body]
    assert (
        len(events)
        == len(set(events))
        == sum((VALUES + 2) * len(station.made) for station in stations if station.version.two)
    )


def _play(url: str, kills: int, seed: int, *how: str) -> None:
    events = stream(seed, "restart").integers(1, 120, size=kills).tolist()
    stations = asyncio.run(_kill_and_restart(url, events, how))
    _check(url, stations, compacted="compact" in how)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of a fresh database in a file."""
    return f"sqlite:///{tmp_path / 'journal.db'}"


@pytest.mark.parametrize(("seed", "how"), [(1, ()), (2, ("compact",)), (3, ("compact",))])
def test_sixty_deaths(sqlite_url: str, seed: int, how: tuple[str, ...]) -> None:
    """Killed sixty times among twenty stations, every transaction is complete, once, and exact."""
    _play(sqlite_url, 60, seed, *how)


@pytest.mark.parametrize(("seed", "how"), [(5, ()), (6, ("compact",))])
def test_sixty_deaths_beside_a_server(postgres_url: str, seed: int, how: tuple[str, ...]) -> None:
    """The same with PostgreSQL, which outlives the central system and its lock on the journal."""
    _play(postgres_url, 60, seed, *how)


@pytest.mark.parametrize("mutant", ["answer-early", "count-twice"])
@pytest.mark.parametrize("how", [(), ("compact",)])
def test_a_central_system_that_is_wrong_is_noticed(
    sqlite_url: str, mutant: str, how: tuple[str, ...]
) -> None:
    """Answers before the commit, or messages that are never known again: thirty deaths show either."""
    with pytest.raises(AssertionError):
        _play(sqlite_url, 30, 4, mutant, *how)
