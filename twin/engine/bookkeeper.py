"""Joins what a driver wanted, what the station metered and what physics knows into one session row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from twin.control.sessions import Session
from twin.domain.fleet import Fleet
from twin.domain.ids import SiteId
from twin.domain.ports import Auditor, Physics, PlugIn, Recorder
from twin.domain.specs import DriverSpec, SiteSpec
from twin.money.billing.price import Bill, price
from twin.money.billing.tariff import PriceSchedule

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

    @property
    def token(self) -> str:
        """What the driver holds to the reader."""
        return self.driver.token or self.driver.id


class Bookkeeper:
    """Plugs cars in and out, and writes one row per visit when it ends, priced and audited."""

    def __init__(
        self,
        fleet: Fleet,
        stations: Physics,
        sites: Mapping[SiteId, SiteSpec],
        prices: Mapping[SiteId, PriceSchedule],
        recorder: Recorder,
        auditor: Auditor,
    ) -> None:
        self._fleet = fleet
        self._stations = stations
        self._sites = sites
        self._prices = prices
        self._recorder = recorder
        self._auditor = auditor
        self._stays: dict[int, Stay] = {}
        self._ended: Session | None = None
        self.counts = {"served": 0, "reneged": 0, "balked": 0, "open": 0}

    def started(self, session: Session) -> None:
        """Take a new transaction from the controller: from now on the EVSE's draw is this session's."""
        self._recorder.session_of_row(session.row, session.id)

    def ended(self, session: Session) -> None:
        """Take a closed transaction from the controller."""
        self._ended = session

    def plug(self, t_s: float, row: int, stay: Stay, car: PlugIn) -> None:
        """Connect the car and hold the card to the reader."""
        stay.plugged_s = t_s
        self._stays[row] = stay
        self._stations.plug(t_s, row, car)
        self._stations.present(t_s, row, stay.token)

    def unplug(self, t_s: float, row: int, outcome: str) -> None:
        """Disconnect the car, price and audit its session, write its row."""
        stay = self._stays.pop(row)
        self._ended = None
        self._stations.unplug(t_s, row)
        session = self._ended
        if session is None:
            raise AssertionError(f"{self._fleet.ids[row]}: the car left, but no transaction ended")
        self.counts[outcome] += 1
        truth = self._stations.session_truth(row)
        metered_wh = session.readings[-1].register_wh - session.readings[0].register_wh
        bill = self._bill(session, stay.site)
        billed_wh = None if bill is None else sum(part.energy_wh for part in bill.parts)
        self._auditor.session(session.id, truth, metered_wh, billed_wh)
        if truth.unmetered_wh > 0.0:
            self._event(t_s, "unmetered", session.id, "the meter stood still", truth.unmetered_wh)
        spec = self._fleet.specs[row]
        self._recorder.row(
            "sessions",
            self._common(stay, outcome)
            | {
                "session": session.id,
                "evse": spec.id,
                "bus": spec.bus or "",
                "plugged_s": stay.plugged_s,
                "finished_s": truth.finished_s,
                "unplugged_s": t_s,
                "wait_s": stay.plugged_s - stay.arrival_s,
                "delivered_wh": truth.delivered_wh,
                "metered_wh": metered_wh,
                "battery_wh": truth.battery_wh,
                "converter_loss_wh": truth.converter_loss_wh,
                "standby_wh": truth.standby_wh,
                "cost_minor": 0 if bill is None else bill.amount_minor,
                "currency": "" if bill is None else bill.currency,
            },
        )

    def away(self, stay: Stay, outcome: str, wait_s: float) -> None:
        """Write the row of a driver who never plugged in."""
        self.counts[outcome] += 1
        if outcome != "open":
            detail = f"no connector free at {stay.site}"
            self._event(stay.arrival_s + wait_s, outcome, stay.driver.id, detail, NAN)
        prices = self._prices.get(stay.site)
        self._recorder.row(
            "sessions",
            self._common(stay, outcome)
            | {
                "session": f"visit/{stay.visit}",
                "evse": "",
                "bus": "",
                "plugged_s": NAN,
                "finished_s": NAN,
                "unplugged_s": NAN,
                "wait_s": wait_s,
                "delivered_wh": 0.0,
                "metered_wh": 0.0,
                "battery_wh": 0.0,
                "converter_loss_wh": 0.0,
                "standby_wh": 0.0,
                "cost_minor": 0,
                "currency": "" if prices is None else prices.tariff.currency,
            },
        )

    def close(self, t_s: float) -> None:
        """End of the run: every car that is still there is closed where it stands."""
        for row in sorted(self._stays):
            self.unplug(t_s, row, "open")

    def fault(self, t_s: float, row: int, kind: str, *, on: bool) -> None:
        """Write down that something broke or works again."""
        word = {"outage": ("fault", "recovery"), "offline": ("offline", "online")}.get(
            kind, ("fault", "recovery")
        )
        self._event(t_s, word[0] if on else word[1], self._fleet.ids[row], kind, NAN)

    def _common(self, stay: Stay, outcome: str) -> dict[str, object]:
        return {
            "driver": stay.driver.id,
            "archetype": stay.driver.archetype,
            "vehicle": stay.vehicle,
            "site": stay.site,
            "operator": self._sites[stay.site].operator,
            "outcome": outcome,
            "arrival_s": stay.arrival_s,
            "departure_s": stay.departure_s,
            "requested_wh": stay.requested_wh,
        }

    def _bill(self, session: Session, site: SiteId) -> Bill | None:
        prices = self._prices.get(site)
        if prices is None:
            return None
        bill = price(session.readings, prices)
        operator = self._sites[site].operator
        for part in bill.parts:
            self._recorder.row(
                "invoices",
                {
                    "session": session.id,
                    "operator": operator,
                    "tariff": bill.tariff,
                    "start_s": part.start_s,
                    "end_s": part.end_s,
                    "energy_wh": part.energy_wh,
                    "price_per_kwh": str(part.price_per_kwh),
                    "amount": str(part.amount),
                    "currency": bill.currency,
                },
            )
        return bill

    def _event(self, t_s: float, kind: str, subject: str, detail: str, value: float) -> None:
        self._recorder.row(
            "events", {"t_s": t_s, "kind": kind, "subject": subject, "detail": detail, "value": value}
        )
