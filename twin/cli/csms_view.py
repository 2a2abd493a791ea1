"""What `twin csms` shows: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

from rich.console import Console
from rich.live import Live
from rich.table import Table

from twin.domain import events as e
from twin.domain.events import StationFact
from twin.network.api.compose import System
from twin.network.api.metrics import power_w
from twin.network.clock import to_wire
from twin.network.ocpp.csms.station import Station

EACH_S = 1.0
_ROWS = 40
"""Stations in the table; the rest is counted."""
_QUIET = (e.StatusReported, e.TransactionUpdated)
"""Facts that are too many for lines."""


class LiveView:
    """A table of stations and sessions, drawn anew every second.

    Args:
        console: The terminal.
    """

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, auto_refresh=False, transient=False)
        self._system: System | None = None

    def start(self, system: System) -> None:
        """Begin to draw."""
        self._system = system
        self._live.start()
        self._draw()

    def stop(self) -> None:
        """Leave the last table on the screen."""
        self._system = None
        self._live.stop()

    def fact(self, fact: StationFact) -> None:
        """The table says it."""

    def _draw(self) -> None:
        if self._system is None:
            return
        self._live.update(table(self._system), refresh=True)
        self._system.clock.call_later(EACH_S, self._draw)


class Lines:
    """One line per fact, as it happens.

    Args:
        console: Where.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._system: System | None = None

    def start(self, system: System) -> None:
        """Begin to write."""
        self._system = system

    def stop(self) -> None:
        """Nothing is held back."""
        self._system = None

    def fact(self, fact: StationFact) -> None:
        """Write a line."""
        if self._system is None or isinstance(fact, _QUIET):
            return
        at = to_wire(self._system.clock.epoch_ns, fact.received_s)
        self._console.out(f"{at} {fact.station} {_words(fact)}", highlight=False)


def table(system: System) -> Table:
    """Return stations and their sessions: those that are online first."""
    stations = sorted(system.csms.stations.values(), key=lambda one: not one.online)
    online = sum(one.online for one in stations)
    total_w = sum(map(power_w, stations))
    title = f"{online} of {len(stations)} stations online, {total_w / 1000:.1f} kW"
    made = Table("station", "version", "boot", "EVSE", "status", "token", "kW", "kWh", title=title)
    for station in stations[:_ROWS]:
        _rows(made, system, station)
    if len(stations) > _ROWS:
        made.caption = f"and {len(stations) - _ROWS} more"
    return made


def _rows(made: Table, system: System, station: Station) -> None:
    boot = station.boot.value if station.online else "offline"
    head = (station.identity, station.version.number, boot)
    numbers = [number for number in sorted(station.evses) if number]
    if not numbers:
        made.add_row(*head, "", "", "", "", "")
    for n, number in enumerate(numbers):
        evse = station.evses[number]
        running = system.core.ledger.open_at(station.identity, number)
        reading = evse.readings.get(("Power.Active.Import", ""))
        power = f"{reading[1] / 1000:.1f}" if running and reading else ""
        energy = ""
        register = evse.readings.get(("Energy.Active.Import.Register", ""))
        if running and register and running.meter_start_wh is not None:
            energy = f"{max(register[1] - running.meter_start_wh, 0) / 1000:.2f}"
        token = running.token if running else ""
        made.add_row(*(head if n == 0 else ("", "", "")), str(number), evse.status, token, power, energy)


def _words(fact: StationFact) -> str:
    """Return a fact in a few words: its name and what it says beside when and where."""
    body = fact._asdict()
    for key in ("happened_s", "received_s", "station"):
        body.pop(key, None)
    said = " ".join(f"{key}={value}" for key, value in body.items() if value not in (None, ""))
    return f"{type(fact).__name__} {said}".rstrip()
