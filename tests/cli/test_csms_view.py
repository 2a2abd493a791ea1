"""What `twin csms` shows: a table of stations and sessions, or lines."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable

from rich.console import Console

from twin.cli.csms_view import Lines, LiveView, table
from twin.domain.events import Booted, StatusReported
from twin.network.api.compose import Options, System
from twin.network.clock import LoopClock
from twin.network.ocpp.csms.station import BootState, Evse
from twin.network.ocpp.csms.transaction import Transaction
from twin.store.memory import MemoryJournal


def told(story: Callable[[System], str]) -> str:
    """Return what a story shows of a new system that knows two stations."""

    async def tell() -> str:
        clock = LoopClock(asyncio.get_running_loop(), 0)
        system = System(clock, MemoryJournal(), Options())
        for identity in ("AWAY", "CP1"):
            system.csms.register(identity)
        return story(system)

    return asyncio.run(tell())


def charging(system: System) -> None:
    """Put CP1 online, with a car that draws 7.2 kW and got 1.5 kWh."""
    station = system.csms.stations["CP1"]
    station.endpoint, station.boot = object(), BootState.ACCEPTED  # type: ignore[assignment]
    station.evses[1] = Evse(1, status="Charging", transaction="7")
    station.evses[1].readings["Power.Active.Import", ""] = (0.0, 7_200.0)
    station.evses[1].readings["Energy.Active.Import.Register", ""] = (0.0, 2_500.0)
    running = Transaction("CP1", "7", evse=1, token="ANNA", begun=True, meter_start_wh=1_000.0)
    system.core.ledger._open["CP1"] = {"7": running}


def test_the_table_has_the_online_stations_first_and_their_sessions() -> None:
    """CP1 charges with 7.2 kW, got 1.50 kWh; AWAY is offline."""

    def story(system: System) -> str:
        charging(system)
        console = Console(file=io.StringIO(), width=120)
        console.print(table(system))
        return console.file.getvalue()  # type: ignore[attr-defined]

    text = told(story)
    assert "1 of 2 stations online, 7.2 kW" in text
    rows = [line for line in text.splitlines() if "CP1" in line or "AWAY" in line]
    assert "CP1" in rows[0]
    assert all(word in rows[0] for word in ("accepted", "Charging", "ANNA", "7.2", "1.50"))
    assert "offline" in rows[1]


def test_the_live_view_draws_at_once_and_stops() -> None:
    """On a terminal; after the stop it schedules nothing more."""

    def story(system: System) -> str:
        console = Console(file=io.StringIO(), width=120, force_terminal=True)
        view = LiveView(console)
        view.start(system)
        view.stop()
        view._draw()
        return console.file.getvalue()  # type: ignore[attr-defined]

    assert "0 of 2 stations online" in told(story)


def test_many_stations_are_cut_and_counted() -> None:
    """45 stations: 40 rows and five more."""

    def story(system: System) -> str:
        for n in range(43):
            system.csms.register(f"S{n}")
        return str(table(system).caption)

    assert told(story) == "and 5 more"


def test_lines_have_instant_station_and_words_and_leave_out_what_is_too_much() -> None:
    """A boot is a line, a status is none."""

    def story(system: System) -> str:
        console = Console(file=io.StringIO(), width=200)
        lines = Lines(console)
        lines.fact(Booted(1.0, 1.0, "CP1", None, True, "early", "", ""))
        lines.start(system)
        lines.fact(Booted(1.0, 1.0, "CP1", None, True, "Acme", "One", ""))
        lines.fact(StatusReported(1.0, 1.0, "CP1", "CP1/1", 1, "Available", ""))
        lines.stop()
        return console.file.getvalue()  # type: ignore[attr-defined]

    assert told(story) == "1970-01-01T00:00:01.000Z CP1 Booted rebooted=True vendor=Acme model=One\n"
