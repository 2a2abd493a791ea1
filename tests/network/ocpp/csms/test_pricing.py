"""What stations are told that their transactions cost, by numbers that a reader can check in the head."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.money.billing.model import Doing
from twin.network.api import views
from twin.network.api.compose import Options, System
from twin.network.ocpp.csms.pricing_session import Point, periods
from twin.network.ocpp.csms.wanted import Wanted
from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.pipe import pipe
from twin.store.memory import MemoryJournal

from .rig import Charger, HandClock, looped, turns

VERSIONS = list(Version)
TWO = [Version.V201, Version.V21]
TARIFF: dict[str, Any] = {
    "tariffId": "street",
    "currency": "EUR",
    "energy": {"prices": [{"priceKwh": 0.5}], "taxRates": [{"type": "VAT", "tax": 20}]},
    "idleTime": {"prices": [{"priceMinute": 0.1}]},
}
"""0.60 EUR per kWh with tax, 6 EUR per hour of idling."""
BY_NIGHT = {
    "tariffId": "night",
    "currency": "EUR",
    "energy": {
        "prices": [
            {"priceKwh": 0.2, "conditions": {"startTimeOfDay": "00:00", "endTimeOfDay": "01:00"}},
            {"priceKwh": 0.6},
        ]
    },
}
HOUR = 3600.0


class Street:
    """A central system with prices, and one station."""

    def __init__(self, journal: MemoryJournal | None = None, now_s: float = 1000.0, **options: Any) -> None:
        self.clock = HandClock(now_s)
        self.journal = journal or MemoryJournal(keep=True)
        chosen = Options(accept="any", tokens="accept", wanted=Wanted(leave=True), **options)
        self.system = System(self.clock, self.journal, chosen)
        self.events: list[tuple[str, dict[str, Any]]] = []
        told = self.system.office.tell
        self.system.office.tell = lambda who, kind, body: (
            self.events.append((kind, dict(body))),
            told(who, kind, body),
        )[1]
        self.system.restore()

    async def station(self, version: Version, identity: str = "CP1") -> Charger:
        """A station that was accepted and understands costs."""
        ours, theirs = pipe(version, identity)
        charger = Charger(ours, self.clock)
        charger.replies |= {
            "CostUpdated": {},
            "DataTransfer": {"status": "Accepted"},
            "SetDefaultTariff": {"status": "Accepted"},
        }
        theirs.join(self.system.csms.attach(theirs))
        await charger.boot()
        await turns()
        return charger

    async def go_to(self, t_s: float) -> None:
        """Let time go on, and everything that follows happen."""
        await turns()
        self.clock.go_to(t_s)
        await turns()

    def kinds(self, prefix: str) -> list[str]:
        """Kinds of events that begin so."""
        return [kind for kind, _ in self.events if kind.startswith(prefix)]


class Session:
    """A transaction of any version at a charger."""

    def __init__(self, street: Street, charger: Charger) -> None:
        self.street, self.charger = street, charger
        self.two = charger.link.version.two
        self.seq, self.number = 0, 0

    async def start(self, wh: float = 1000.0) -> None:
        """Begin to charge, now."""
        now_s = self.street.clock.now_s
        if self.two:
            info = {"chargingState": "Charging"}
            await self.charger.event("Started", 0, now_s, wh, info=info, token="TAG1")
        else:
            await self.charger.status("Charging")
            answer = await self.charger.start(now_s, meter=int(wh))
            self.number = answer["transactionId"]

    async def does(self, state: str, wh: float | None = None) -> dict[str, Any]:
        """Say what the car does, and the register."""
        now_s = self.street.clock.now_s
        if self.two:
            self.seq += 1
            answer = await self.charger.event(
                "Updated", self.seq, now_s, wh, info={"chargingState": state}, trigger="ChargingStateChanged"
            )
        else:
            if wh is not None:
                await self.charger.values(now_s, wh, self.number)
            answer = await self.charger.status(state)
        await turns()
        return answer

    async def end(self, wh: float) -> dict[str, Any]:
        """End it, now."""
        now_s = self.street.clock.now_s
        if self.two:
            answer = await self.charger.event("Ended", self.seq + 1, now_s, wh, trigger="EVDeparted")
        else:
            answer = await self.charger.stop(self.number, now_s, int(wh))
        await turns()
        return answer

    def told(self) -> list[tuple[str, float]]:
        """What the station was told in messages: which, and the amount."""
        found = []
        for action, payload in self.charger.asked:
            if action == "CostUpdated":
                assert payload["transactionId"] == "T1"
                found.append(("running", payload["totalCost"]))
            elif action == "DataTransfer":
                data = json.loads(payload["data"])
                assert data["transactionId"] == self.number
                found.append(("final" if payload["messageId"] == "FinalCost" else "running", data["cost"]))
        return found

    def final(self, answer: dict[str, Any]) -> float:
        """What the station was told at the end, in the way of its version."""
        if self.two:
            assert "final" not in [kind for kind, _ in self.told()]
            return float(answer["totalCost"])
        assert [kind for kind, _ in self.told()].count("final") == 1
        kind, amount = self.told()[-1]
        assert kind == "final"
        return amount


async def begun(street: Street, version: Version, tariff: dict[str, Any] = TARIFF) -> Session:
    """A transaction under a tariff."""
    street.system.costs.set_tariff("", 0, tariff)
    session = Session(street, await street.station(version))
    await session.start()
    return session


@pytest.mark.parametrize("version", VERSIONS)
def test_our_pause_costs_nothing_and_that_of_the_car_does(version: Version) -> None:
    """10 kWh are 6.00; an hour of SuspendedEVSE adds nothing, ten minutes of SuspendedEV add 1.00."""

    @looped
    async def story() -> None:
        street = Street()
        session = await begun(street, version)
        await street.go_to(1000 + HOUR)
        await session.does("SuspendedEVSE", 11_000.0)
        assert session.told()[-1] == ("running", 6.0)
        before = len(session.told())
        await street.go_to(1000 + 2 * HOUR)
        assert len(session.told()) == before  # the amount is the same: nothing to tell, for an hour
        await session.does("SuspendedEV")
        assert session.told()[-1] == ("running", 6.0)
        await street.go_to(1000 + 2 * HOUR + 300)
        assert session.told()[-1] == ("running", 6.5)
        await street.go_to(1000 + 2 * HOUR + 600)
        assert session.final(await session.end(11_000.0)) == 7.0

    story()


@pytest.mark.parametrize("version", VERSIONS)
def test_a_restart_in_the_middle_changes_no_amount(version: Version) -> None:
    """The tariff, the pause and the prices around midnight are in the journal."""

    async def told(restarts: bool) -> tuple[float, object]:
        street = Street()
        session = await begun(street, version)
        await street.go_to(1000 + HOUR)
        await session.does("SuspendedEV", 5000.0)
        if restarts:
            street.system.costs.set_tariff("", 0, BY_NIGHT)  # of later transactions
            session.charger.endpoint.close(1001, "")
            street = Street(street.journal, now_s=1000 + HOUR)
            session.street, session.charger = street, await street.station(version)
        await street.go_to(1000 + 2 * HOUR)
        await session.does("Charging", 5000.0)
        await street.go_to(1000 + 3 * HOUR)
        amount = session.final(await session.end(9000.0))
        number = str(session.number) if session.number else "T1"
        return amount, street.system.prices.shown("CP1", number)

    @looped
    async def story() -> None:
        whole, cut = await told(restarts=False), await told(restarts=True)
        assert whole == cut
        assert whole[0] == 10.8  # 8 kWh at 0.60, an hour at 6.00

    story()


@looped
async def test_after_a_restart_the_final_cost_is_known_still() -> None:
    """The station repeats the end that it got no answer to."""
    street = Street()
    session = await begun(street, Version.V21)
    await street.go_to(1000 + HOUR)
    await session.end(2000.0)
    again = Street(street.journal, now_s=1000 + HOUR)
    charger = await again.station(Version.V21)
    answer = await charger.event("Ended", 1, 1000 + HOUR, 2000.0, trigger="EVDeparted")
    assert answer["totalCost"] == 0.6
    kinds = [entry.kind for entry in street.journal.entries()]
    assert [kind for kind in kinds if kind.startswith("price.")] == ["price.ended"]


@pytest.mark.parametrize("version", VERSIONS)
def test_stations_without_tariff_hear_of_no_cost(version: Version) -> None:
    """Two of them; a third has one of its own. Nothing of the two is kept."""

    @looped
    async def story() -> None:
        street = Street()
        street.system.costs.set_tariff("CP3", 0, TARIFF)
        free = [Session(street, await street.station(version, f"CP{n}")) for n in (1, 2)]
        for session in free:
            await session.start()
        await street.go_to(1000 + HOUR)
        for session in free:
            await session.does("SuspendedEV", 5000.0)
        await street.go_to(1000 + 2 * HOUR)
        for session in free:
            assert "totalCost" not in await session.end(5000.0)
            assert session.told() == []
        assert not [entry for entry in street.journal.entries() if entry.kind.startswith("price.")]

    story()


@pytest.mark.parametrize("version", TWO)
def test_running_cost_stands_in_answers_of_2_1_only(version: Version) -> None:
    """2.0.1 allows totalCost when charging has ended; 2.1 with every event."""

    @looped
    async def story() -> None:
        street = Street()
        session = await begun(street, version)
        await street.go_to(1000 + HOUR)
        answer = await session.does("Charging", 3000.0)
        assert answer.get("totalCost") == (1.2 if version is Version.V21 else None)

    story()


@looped
async def test_prices_of_the_moment_are_told_in_1_6() -> None:
    """Per kWh with tax, per hour of charging and of idling; the state; the register."""
    street = Street()
    session = await begun(street, Version.V16)
    await street.go_to(1000 + HOUR)
    await session.does("SuspendedEV", 2000.0)
    data = json.loads(session.charger.asked[-1][1]["data"])
    assert data["chargingPrice"] == {"kWhPrice": 0.6, "hourPrice": 0.0}
    assert data["idlePrice"] == {"hourPrice": 6.0}
    assert (data["state"], data["meterValue"], data["cost"]) == ("Idle", 2000, 0.6)


@pytest.mark.parametrize(("zone", "total"), [("UTC", 3.6), ("Europe/Berlin", 6.0)])
def test_hours_of_tariffs_are_those_of_the_zone(zone: str, total: float) -> None:
    """6 kWh from 00:00 UTC on and 4 from 01:00 are 6 * 0.20 + 4 * 0.60; in Berlin the cheap hour is over before."""

    @looped
    async def story() -> None:
        street = Street(now_s=0.0, time_zone=zone)
        session = await begun(street, Version.V201, BY_NIGHT)
        for minute in range(10, 131, 10):
            await street.go_to(minute * 60.0)
            wh = 1000.0 + min(minute, 60) * 100.0 + max(0, minute - 60) / 70 * 4000.0
            await session.does("Charging", wh)
        points = [entry for entry in street.journal.entries() if entry.kind.startswith("price.")]
        assert len(points) <= 5  # the start, around the change, the latest; not one per reading
        answer = await session.end(11_000.0)
        assert answer["totalCost"] == total

    story()


@looped
async def test_a_station_that_refuses_costs_is_not_asked_again() -> None:
    """One event, no second call on this connection, and the final cost all the same."""
    street = Street()
    street.system.costs.set_tariff("", 0, TARIFF)
    session = Session(street, await street.station(Version.V201))
    del session.charger.replies["CostUpdated"]
    await session.start()
    for hour in (1, 2, 3):
        await street.go_to(1000 + hour * HOUR)
        await session.does("Charging", 1000.0 + hour * 1000.0)
    assert len(session.told()) == 1
    assert street.kinds("cost.") == ["cost.untold"]
    assert (await session.end(4000.0))["totalCost"] == 1.8


@pytest.mark.parametrize(("said", "differs"), [(6.0, False), (6.01, False), (6.02, True), (5.0, True)])
def test_the_price_of_the_station_is_held_against_ours(said: float, differs: bool) -> None:
    """10 kWh are 6.00 with tax; more than a cent off is told once."""

    @looped
    async def story() -> None:
        street = Street()
        session = await begun(street, Version.V21)
        await street.go_to(1000 + HOUR)
        total = {"currency": "EUR", "typeOfCost": "NormalCost", "total": {"exclTax": 5.0, "inclTax": said}}
        usage = {"energy": 10.0, "chargingTime": 3600, "idleTime": 0}
        details = {"totalCost": total, "totalUsage": usage}
        answer = await session.charger.event("Ended", 1, 1000 + HOUR, 11_000.0, costDetails=details)
        assert answer["totalCost"] == 6.0
        found = [body for kind, body in street.events if kind == "cost.differs"]
        assert [body["theirs"] for body in found] == ([str(said)] if differs else [])
        assert all(Decimal(body["ours"]) == 6 for body in found)

    story()


@looped
async def test_a_tariff_that_cannot_be_priced_is_refused() -> None:
    """It fits the schema of 2.1, but is above its own maximum; nothing is kept."""
    street = Street()
    wrong = {**TARIFF, "minCost": {"inclTax": 5}, "maxCost": {"inclTax": 1}}
    with pytest.raises(ValueError, match="minCost"):
        street.system.costs.set_tariff("", 0, wrong)
    assert street.system.costs.tariffs == {}


@looped
async def test_the_cost_is_shown_with_its_transaction() -> None:
    """As exact text; None where there is no tariff."""
    street = Street()
    session = await begun(street, Version.V201)
    await street.go_to(1000 + HOUR)
    await session.does("Charging", 2000.0)
    shown = views.transaction(street.system, street.system.transactions("CP1")[0])["cost"]
    assert shown == {
        "tariff_id": "street", "currency": "EUR", "total": "0.60", "total_excl": "0.50", "final": False,
    }  # fmt: skip
    assert street.system.prices.shown("CP1", "T2") is None


@given(
    st.lists(
        st.tuples(
            st.integers(1, 100_000),
            st.none() | st.integers(0, 50_000),
            st.sampled_from(list(Doing)),
        ),
        min_size=1,
        max_size=12,
    )
)
def test_periods_hold_the_energy_of_the_registers(steps: list[tuple[int, int | None, Doing]]) -> None:
    """However registers are missing between points: the sum is last minus first, none is negative."""
    points, t_ms, wh = [Point(0, 0.0, Doing.CHARGING)], 0, 0
    for step_ms, more_wh, doing in steps:
        t_ms += step_ms
        wh += more_wh or 0
        points.append(Point(t_ms, None if more_wh is None else float(wh), doing))
    last = next(point.register_wh for point in reversed(points) if point.register_wh is not None)
    found = list(periods(points, t_ms))
    assert sum(Decimal(period.energy_wh) for period in found) == Decimal(last)
    assert min(period.energy_wh for period in found) >= 0
    assert [period.start_ms for period in found] == [point.t_ms for point in points[:-1]]


def test_energy_of_a_pause_without_register_is_that_of_the_time_before() -> None:
    """1.6: SuspendedEV comes between two readings; the car took nothing after it."""
    points = [
        Point(0, 0.0, Doing.CHARGING),
        Point(1000, None, Doing.PARKING),
        Point(3000, 600.0, Doing.PARKING),
    ]
    assert [(p.energy_wh, p.doing) for p in periods(points, 4000)] == [
        (600, Doing.CHARGING), (0, Doing.PARKING), (0, Doing.PARKING),
    ]  # fmt: skip
