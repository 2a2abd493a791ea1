"""One visit on its way through the run, as the engine follows it."""

from __future__ import annotations

from dataclasses import dataclass

import simpy

from twin.control.sessions import Session
from twin.domain.ids import SiteId
from twin.domain.payments import Instrument
from twin.domain.specs import DriverSpec
from twin.money.cashier.wish import Wish

NAN = float("nan")


@dataclass(slots=True)
class Stay:
    """One visit on its way through the run."""

    visit: int
    driver: DriverSpec
    vehicle: str
    site: SiteId
    arrival_s: float
    departure_s: float
    requested_wh: float
    plugged_s: float = NAN
    session: Session | None = None
    """The transaction, once the station has reported its start."""
    cards: tuple[Instrument, ...] = ()
    """What the driver may pay with, in the order in which it is tried."""
    card: int = 0
    """Which of them is tried now."""
    wish: Wish | None = None
    """What the cashier was asked last."""
    refused: str = ""
    """Why the last card was refused; empty: it was not."""
    told: simpy.Event | None = None
    """Succeeds when a card is refused."""
    alone: bool = False
    """Whether the station let the driver charge while it could not ask."""

    @property
    def wait_s(self) -> float:
        """From arrival to plug-in; instants are sums of periods, and may miss each other by a rounding."""
        return max(self.plugged_s - self.arrival_s, 0.0)

    @property
    def token(self) -> str:
        """What the driver holds to the reader: each card has a token of its own."""
        own = self.driver.token or self.driver.id
        return f"{own}+{self.card + 1}" if self.card else own
