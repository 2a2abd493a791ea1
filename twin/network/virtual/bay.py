"""One EVSE of a virtual station: what is there, and which states follow from it.

States are not stored but worked out: `POINTS`, `STATES_16` and `STATES_2` are the whole of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from twin.domain.clock import Timer
from twin.domain.specs import EvseSpec
from twin.network.virtual.parts.base import Grant, Token
from twin.network.virtual.settings import EvseSettings
from twin.network.virtual.transaction import Transaction


class Bay:
    """One EVSE. Only `transactions.Transactions` and `faults` change it.

    Args:
        settings: Its number and row.
        spec: What it can do.
    """

    def __init__(self, settings: EvseSettings, spec: EvseSpec) -> None:
        self.number, self.row = settings.number, settings.row
        self.connectors = settings.connectors
        self.spec = spec
        self.plugged = False
        self.phases = spec.connection.phases
        """That the connected car can use."""
        self.token: Token | None = None
        """Who may charge; None where nobody has to identify."""
        self.grant: Grant | None = None
        """What was said about `token`; None: nobody is authorised."""
        self.remote_start: int | None = None
        self.transaction: Transaction | None = None
        self.running = False
        """Whether the physics transfers energy: the contactor is closed."""
        self.full = False
        """The car takes no more, or not now."""
        self.held = False
        """Energy is withheld: the token turned out invalid while the transaction goes on."""
        self.limit_w = 0.0
        """What the charging profiles allow now."""
        self.fault = ""
        self.operative = True
        self.reserved = False
        self.finishing = False
        """A transaction ended and its car is still there."""
        self.asking: Token | None = None
        """A token that the central system is being asked about."""
        self.points: frozenset[str] = frozenset()
        """Values of TxStartPoint and TxStopPoint that hold, as of the last look."""
        self.spent: frozenset[str] = frozenset()
        """Those that have held since the transaction before: they begin no new one."""
        self.timer: Timer | None = None
        """Of the connection time-out."""

    @property
    def authorised(self) -> bool:
        """Whether somebody may charge here."""
        return self.grant is not None

    @property
    def offers(self) -> bool:
        """Whether energy is offered to a car that may have it."""
        return self.limit_w > 0.0 and not self.held and not self.fault


Test: TypeAlias = Callable[[Bay], bool]

POINTS: tuple[tuple[str, Test], ...] = (
    ("ParkingBayOccupancy", lambda b: b.plugged),
    ("EVConnected", lambda b: b.plugged),
    ("Authorized", lambda b: b.authorised),
    ("PowerPathClosed", lambda b: b.plugged and b.authorised),
    ("DataSigned", lambda b: b.plugged and b.authorised),
    ("EnergyTransfer", lambda b: b.plugged and b.authorised and b.offers and not b.full),
)
"""When each value of TxStartPoint and TxStopPoint holds (2.0.1 part 2, 2.6.6)."""

STATES_16: tuple[tuple[str, Test], ...] = (
    ("Faulted", lambda b: bool(b.fault)),
    ("SuspendedEV", lambda b: b.transaction is not None and not b.plugged),
    ("SuspendedEVSE", lambda b: b.transaction is not None and not b.offers),
    ("SuspendedEV", lambda b: b.transaction is not None and b.full),
    ("Charging", lambda b: b.transaction is not None),
    ("Finishing", lambda b: b.finishing and b.plugged and not b.authorised),
    ("Unavailable", lambda b: not b.operative),
    ("Preparing", lambda b: b.plugged or b.authorised),
    ("Reserved", lambda b: b.reserved),
    ("Available", lambda _b: True),
)
"""Status of a connector in 1.6: the first that holds (1.6 4.9)."""

STATES_2: tuple[tuple[str, Test], ...] = (
    ("Faulted", lambda b: bool(b.fault)),
    ("Occupied", lambda b: b.plugged and (b.operative or b.transaction is not None)),
    ("Unavailable", lambda b: not b.operative),
    ("Reserved", lambda b: b.reserved),
    ("Available", lambda _b: True),
)
"""Status of a connector in 2.x: the first that holds (2.0.1 G01)."""

CHARGING_STATES: tuple[tuple[str, Test], ...] = (
    ("Idle", lambda b: not b.plugged),
    ("EVConnected", lambda b: not b.authorised),
    ("SuspendedEVSE", lambda b: not b.offers),
    ("SuspendedEV", lambda b: b.full),
    ("Charging", lambda _b: True),
)
"""chargingState of 2.x: the first that holds."""


def first(table: tuple[tuple[str, Test], ...], bay: Bay) -> str:
    """Return the name of the first row whose test holds."""
    return next(name for name, test in table if test(bay))


def points(bay: Bay) -> frozenset[str]:
    """Return every value of TxStartPoint that holds now."""
    return frozenset(name for name, test in POINTS if test(bay))
