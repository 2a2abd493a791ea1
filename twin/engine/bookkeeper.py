"""Joins what a driver wanted, what the station metered and what physics knows into one session row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from twin.control.sessions import Session
from twin.domain.fleet import Fleet
from twin.domain.ids import SessionId, SiteId
from twin.domain.ports import Auditor, Physics, PlugIn, Recorder, SessionTruth
from twin.domain.specs import DriverSpec, SiteSpec
from twin.money.billing.price import Bill, price
from twin.money.billing.tariff import PriceSchedule

NAN = float("nan")
_ENERGIES = ("delivered_wh", "metered_wh", "battery_wh", "converter_loss_wh", "standby_wh")


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

    @property
    def wait_s(self) -> float:
        """From arrival to plug-in; instants are sums of periods, and may miss each other by a rounding."""
        return max(self.plugged_s - self.arrival_s, 0.0)

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
        auditor: Auditor | None,
    ) -> None:
        self._fleet = fleet
        self._stations = stations
        self._sites = sites
        self._prices = prices
        self._recorder = recorder
        self._auditor = auditor
        self._stays: dict[int, Stay] = {}
        self._untold: dict[SessionId, tuple[Stay, SessionTruth, float, str]] = {}
        self.counts = dict.fromkeys(("served", "unauthorised", "reneged", "balked", "open"), 0)

    def started(self, session: Session) -> None:
        """Take a new transaction from the controller: from now on the EVSE's draw is this session's."""
        stay = self._stays.get(session.row)
        if stay is None:  # over a wire: told after the car had left, or nobody's visit
            begin = session.readings[0]
            self.odd(begin.received_s, self._fleet.ids[session.row], f"{session.id} belongs to no visit")
            return
        stay.session = session
        self._recorder.session_of_row(session.row, session.id)

    def ended(self, session: Session) -> None:
        """Take a closed transaction; of a station that was offline the car may have left long ago."""
        waiting = self._untold.pop(session.id, None)
        if waiting is not None:
            self._write(session, *waiting)

    def plug(self, t_s: float, row: int, stay: Stay, car: PlugIn) -> None:
        """Connect the car and hold the card to the reader."""
        stay.plugged_s = t_s
        self._stays[row] = stay
        self._stations.plug(t_s, row, car)
        self._stations.present(t_s, row, stay.token)

    def unplug(self, t_s: float, row: int, outcome: str) -> None:
        """Disconnect the car; its row is written as soon as the station has told the end."""
        stay = self._stays[row]
        self._stations.unplug(t_s, row)
        del self._stays[row]
        truth = self._stations.session_truth(row)
        session = stay.session
        if session is None:
            self._without_transaction(t_s, row, stay)
        elif session.ended_s is None:
            self._untold[session.id] = (stay, truth, t_s, outcome)
        else:
            self._write(session, stay, truth, t_s, outcome)

    def _write(self, session: Session, stay: Stay, truth: SessionTruth, t_s: float, outcome: str) -> None:
        """Price and audit a session, write its row."""
        self.counts[outcome] += 1
        metered_wh = session.readings[-1].register_wh - session.readings[0].register_wh
        bill = self._bill(session, stay.site)
        billed_wh = None if bill is None else sum(part.energy_wh for part in bill.parts)
        if self._auditor is not None:
            self._auditor.session(session.id, truth, metered_wh, billed_wh)
        if truth.unmetered_wh > 0.0:
            self._event(t_s, "unmetered", session.id, "the meter stood still", truth.unmetered_wh)
        spec = self._fleet.specs[session.row]
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
                "wait_s": stay.wait_s,
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
        if outcome != "open":
            detail = f"no connector free at {stay.site}"
            self._event(stay.arrival_s + wait_s, outcome, stay.driver.id, detail, NAN)
        self._uncharged(stay, outcome, {"wait_s": wait_s})

    def _without_transaction(self, t_s: float, row: int, stay: Stay) -> None:
        """The station was offline during the whole stay: nobody could authorise the driver."""
        spec = self._fleet.specs[row]
        self._event(t_s, "unauthorised", stay.driver.id, f"{spec.id} was offline during the stay", NAN)
        times = {"plugged_s": stay.plugged_s, "unplugged_s": t_s, "wait_s": stay.wait_s}
        self._uncharged(stay, "unauthorised", {"evse": spec.id, "bus": spec.bus or "", **times})

    def _uncharged(self, stay: Stay, outcome: str, values: dict[str, object]) -> None:
        self.counts[outcome] += 1
        prices = self._prices.get(stay.site)
        nothing = dict.fromkeys(_ENERGIES, 0.0)
        self._recorder.row(
            "sessions",
            self._common(stay, outcome)
            | {"session": f"visit/{stay.visit}", "evse": "", "bus": ""}
            | {"plugged_s": NAN, "finished_s": NAN, "unplugged_s": NAN}
            | nothing
            | {"cost_minor": 0, "currency": "" if prices is None else prices.tariff.currency}
            | values,
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

    def odd(self, t_s: float, evse: str, why: str) -> None:
        """Write down a fact that fits nowhere: over a wire such facts are normal, and never dropped in silence."""
        self._event(t_s, "odd", evse, why, NAN)

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
