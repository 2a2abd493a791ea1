"""Joins what a driver wanted, what the station metered and what physics knows into one session row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from twin.control.sessions import Session
from twin.domain.fleet import Fleet
from twin.domain.ids import SessionId, SiteId
from twin.domain.ports import Auditor, Physics, PlugIn, Recorder, SessionTruth
from twin.domain.specs import SiteSpec
from twin.engine.flow import Flow
from twin.engine.stays import Stay
from twin.engine.tariffs import Counted, SiteTariff
from twin.engine.till import Till
from twin.money.billing.model import Bill, Dimension

NAN = float("nan")
_ENERGIES = ("delivered_wh", "metered_wh", "battery_wh", "converter_loss_wh", "standby_wh")


class _Closed(NamedTuple):
    """A session that is over: what its meter counted, and what it costs."""

    counted: Counted | None
    bill: Bill | None
    """None: it is free."""


_UNPRICED = _Closed(None, None)


class Bookkeeper:
    """Plugs cars in and out, and writes one row per visit when it ends, priced and audited."""

    def __init__(
        self,
        fleet: Fleet,
        stations: Physics,
        sites: Mapping[SiteId, SiteSpec],
        tariffs: Mapping[SiteId, SiteTariff],
        recorder: Recorder,
        auditor: Auditor | None,
        flow: Flow,
        till: Till | None = None,
    ) -> None:
        self._fleet = fleet
        self._stations = stations
        self._sites = sites
        self._tariffs = tariffs
        self._recorder = recorder
        self._auditor = auditor
        self._flow = flow
        self._till = till
        self._stays: dict[int, Stay] = {}
        self._untold: dict[SessionId, tuple[Stay, SessionTruth, float, str]] = {}
        self._silent: dict[int, list[tuple[Stay, SessionTruth, float, str]]] = {}
        """Who charged and left while the station was offline, by row: it has told nothing of them yet."""
        self._closed: dict[SessionId, _Closed] = {}
        self.counts = dict.fromkeys(("served", "refused", "unauthorised", "reneged", "balked", "open"), 0)

    def stay(self, row: int) -> Stay | None:
        """Who is at an EVSE; None: nobody."""
        return self._stays.get(row)

    def started(self, session: Session) -> None:
        """Take a new transaction from the controller: from now on the EVSE's draw is this session's."""
        begin_s = session.readings[0].happened_s
        stay = self._stays.get(session.row)
        silent = self._silent.get(session.row)
        if silent and (stay is None or begin_s < stay.plugged_s):
            waiting = silent.pop(0)
            stay = waiting[0]
            self._untold[session.id] = waiting
        if stay is None:  # over a wire: told after the car had left, or nobody's visit
            begin = session.readings[0]
            self.odd(begin.received_s, self._fleet.ids[session.row], f"{session.id} belongs to no visit")
            return
        stay.session = session
        self._recorder.session_of_row(session.row, session.id)
        self._flow.began(session)
        if self._till is not None:
            self._till.started(session, stay)

    def ended(self, session: Session) -> None:
        """Take a closed transaction; of a station that was offline the car may have left long ago."""
        self._closed[session.id] = self._close(session)
        waiting = self._untold.pop(session.id, None)
        if waiting is not None:
            self._write(session, *waiting)

    def plug(self, t_s: float, row: int, stay: Stay, car: PlugIn) -> None:
        """Connect the car and hold the card to the reader."""
        stay.plugged_s = t_s
        self._stays[row] = stay
        self._stations.plug(t_s, row, car)
        self.present(t_s, row, stay)

    def present(self, t_s: float, row: int, stay: Stay) -> None:
        """Hold the driver's card to the reader."""
        self._stations.present(t_s, row, stay.token)
        if self._till is not None and self._fleet.offline[row]:
            self._till.offline(t_s, row, stay)

    def unplug(self, t_s: float, row: int, outcome: str) -> None:
        """Disconnect the car; its row is written as soon as the station has told the end."""
        stay = self._stays[row]
        self._stations.unplug(t_s, row)
        del self._stays[row]
        truth = self._stations.session_truth(row)
        session = stay.session
        if session is None and stay.alone:
            self._silent.setdefault(row, []).append((stay, truth, t_s, outcome))
        elif session is None:
            self._without_transaction(t_s, row, stay)
        elif session.ended_s is None:
            self._untold[session.id] = (stay, truth, t_s, outcome)
        else:
            self._write(session, stay, truth, t_s, outcome)

    def _write(self, session: Session, stay: Stay, truth: SessionTruth, t_s: float, outcome: str) -> None:
        """Price and audit a session, write its row."""
        self.counts[outcome] += 1
        metered_wh = session.readings[-1].register_wh - session.readings[0].register_wh
        counted, bill = self._closed.pop(session.id)
        if bill is not None:
            self._invoice(session, stay.site, bill)
        billed_wh = None if bill is None or counted is None else counted.metered_wh
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
        """Nobody let the driver charge: refused, or no answer came during the whole stay."""
        spec = self._fleet.specs[row]
        outcome = "unauthorised"
        detail = f"{spec.id} was offline during the stay"
        if self._till is not None:
            self._till.gone(row)
            if stay.refused:
                outcome, detail = "refused", stay.refused
            elif not self._fleet.offline[row]:
                detail = f"{spec.id}: no answer before the driver left"
        self._event(t_s, outcome, stay.driver.id, detail, NAN)
        times = {"plugged_s": stay.plugged_s, "unplugged_s": t_s, "wait_s": stay.wait_s}
        self._uncharged(stay, outcome, {"evse": spec.id, "bus": spec.bus or "", **times})

    def _uncharged(self, stay: Stay, outcome: str, values: dict[str, object]) -> None:
        self.counts[outcome] += 1
        tariff = self._tariffs.get(stay.site)
        nothing = dict.fromkeys(_ENERGIES, 0.0)
        self._recorder.row(
            "sessions",
            self._common(stay, outcome)
            | {"session": f"visit/{stay.visit}", "evse": "", "bus": ""}
            | {"plugged_s": NAN, "finished_s": NAN, "unplugged_s": NAN}
            | nothing
            | {"cost_minor": 0, "currency": "" if tariff is None else tariff.tariff.currency}
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

    def _close(self, session: Session) -> _Closed:
        """Count and price a session that is over."""
        turns = self._flow.ended(session)
        spec = self._fleet.specs[session.row]
        tariff = self._tariffs.get(spec.site)
        if self._till is not None and self._till.knows(session):
            counted = self._till.tariff(spec.site).count(session.readings, turns, spec)
            bill = self._till.ended(session, counted)
            return _Closed(counted, None if tariff is None else bill)
        if tariff is None:
            return _UNPRICED
        counted = tariff.count(session.readings, turns, spec)
        return _Closed(counted, tariff.price(counted.measured))

    def _invoice(self, session: Session, site: SiteId, bill: Bill) -> None:
        """Write the lines of a bill."""
        operator = self._sites[site].operator
        seconds = self._tariffs[site].seconds
        for line in bill.lines:
            energy_wh = round(line.volume * 1000) if line.dimension is Dimension.ENERGY else 0
            self._recorder.row(
                "invoices",
                {
                    "session": session.id,
                    "operator": operator,
                    "tariff": bill.tariff,
                    "dimension": line.dimension.value.lower().replace("_", " "),
                    "start_s": seconds(line.start_ms),
                    "end_s": seconds(line.end_ms),
                    "energy_wh": energy_wh,
                    "volume": str(line.volume),
                    "billed": str(line.billed),
                    "unit_price": str(line.price),
                    "tax_pct": " + ".join(f"{tax.name} {tax.pct}" for tax in line.taxes),
                    "amount_excl": str(line.excl),
                    "amount": str(line.incl),
                    "currency": bill.currency,
                },
            )

    def _event(self, t_s: float, kind: str, subject: str, detail: str, value: float) -> None:
        self._recorder.row(
            "events", {"t_s": t_s, "kind": kind, "subject": subject, "detail": detail, "value": value}
        )
