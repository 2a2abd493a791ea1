"""Behaviours of real chargers, by number."""

from __future__ import annotations

import asyncio

import pytest

from twin.domain.events import Booted, CablePlugged, CableUnplugged, TransactionEnded, TransactionStarted
from twin.network.ocpp.csms.quirks import Quirks
from twin.network.ocpp.csms.station import BootState, StationPolicy
from twin.network.ocpp.csms.tokens import Token
from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.errors import CallTimedOut

from .rig import Rig, looped, turns

EVERY = pytest.mark.parametrize("version", list(Version), ids=lambda one: one.number)
HUGE = 9_223_372_036_854_775_807


@EVERY
@looped
async def test_quirk_01_no_boot_notification(version: Version) -> None:
    """A silent station is asked for its boot after 5 s, and served without after 10 s."""
    rig = Rig()
    charger = rig.connect(version=version)
    await rig.go_to(1004.9)
    assert charger.asked == []
    assert await charger.refused("Heartbeat") == "SecurityError"
    await rig.go_to(1005.0)
    assert charger.asked == [("TriggerMessage", {"requestedMessage": "BootNotification"})]
    assert rig.told(Booted) == []
    await rig.go_to(1010.0)
    (booted,) = rig.told(Booted)
    assert not booted.rebooted
    assert rig.rules() == ["no-boot-notification"]
    assert "currentTime" in await charger.say("Heartbeat")


@looped
async def test_quirk_01_not_served_against_its_policy() -> None:
    """A station that the operator holds back is not served because it says nothing."""
    rig = Rig()
    rig.csms.register("CP1", StationPolicy(boot="pending"))
    charger = rig.connect()
    await rig.go_to(1011.0)
    assert await charger.refused("Heartbeat") == "SecurityError"


@looped
async def test_quirk_02_no_call_before_boot() -> None:
    """A model that bears no call before its boot gets none, not even the trigger; the rest is as usual."""
    rig = Rig()
    rig.csms.register("CP1", StationPolicy(quirks=Quirks(call_before_boot=False)))
    charger = rig.connect()
    await rig.go_to(1009.0)
    assert charger.asked == []
    await charger.boot()
    assert rig.station().boot is BootState.ACCEPTED
    await rig.go_to(1100.0)
    assert charger.asked == []
    assert len(rig.told(Booted)) == 1


@looped
async def test_quirk_07_calls_time_out_while_heartbeats_go_on() -> None:
    """After three calls in a row without an answer the connection is cut, not closed; heartbeats go on until then."""
    rig = Rig()
    charger = await rig.booted()
    charger.replies["ClearCache"] = None
    calls = [asyncio.ensure_future(rig.csms.call("CP1", "ClearCache", {}, 10.0)) for _ in range(3)]
    for step in range(1, 4):
        assert "currentTime" in await charger.say("Heartbeat")
        assert charger.link.closed is None
        await rig.go_to(1000.0 + 10.0 * step)
    for call in calls:
        with pytest.raises(CallTimedOut):
            await call
    assert charger.link.closed == (1006, "")
    charger = rig.connect()
    charger.replies["ClearCache"] = {"status": "Accepted"}
    assert "currentTime" in await charger.say("Heartbeat")
    assert await rig.csms.call("CP1", "ClearCache", {}) == {"status": "Accepted"}


@looped
async def test_quirk_07_an_answer_in_between_keeps_the_connection() -> None:
    """Two calls without an answer, one with, two without: the station is not deaf."""
    rig = Rig()
    charger = await rig.booted()
    for reply in (None, None, {"status": "Accepted"}, None, None):
        charger.replies["ClearCache"] = reply
        call = asyncio.ensure_future(rig.csms.call("CP1", "ClearCache", {}, 10.0))
        await rig.go_to(rig.clock.now_s + 10.0)
        (got,) = await asyncio.gather(call, return_exceptions=True)
        assert isinstance(got, dict if reply else CallTimedOut)
    assert charger.link.closed is None


@looped
async def test_quirk_09_unanswered_trigger_closes_nothing() -> None:
    """A trigger that is never answered leaves the connection alone."""
    rig = Rig()
    charger = rig.connect()
    charger.replies["TriggerMessage"] = None
    await rig.go_to(1005.0)
    await rig.go_to(1060.0)
    assert charger.link.closed is None
    assert "boot-trigger-unanswered" in rig.rules()
    assert "currentTime" in await charger.say("Heartbeat")


@looped
async def test_quirk_15_local_time_without_offset() -> None:
    """A clock that writes local time (one hour ahead) without offset is corrected by what its statuses showed."""
    rig = Rig(now_s=10_000.0)
    charger = await rig.booted()
    ahead = charger.at(13_600.0).removesuffix("Z")
    await charger.blurt(
        "StatusNotification", connectorId=1, errorCode="NoError", status="Preparing", timestamp=ahead
    )
    started = charger.at(13_500.0).removesuffix("Z")
    await charger.blurt("StartTransaction", connectorId=1, idTag="A", meterStart=0, timestamp=started)
    assert rig.transactions()[0].started_s == pytest.approx(9900.0)
    assert rig.core.instants.skew_s("CP1") == pytest.approx(-3600.0)
    assert rig.rules() == ["clock-skew"]


@looped
async def test_quirk_15_without_offset_and_without_skew() -> None:
    """Without an offset and without a measured skew an instant is taken as UTC, and that is told."""
    rig = Rig()
    charger = await rig.booted()
    at = charger.at(900.0).removesuffix("Z")
    await charger.blurt("StartTransaction", connectorId=1, idTag="A", meterStart=0, timestamp=at)
    assert rig.transactions()[0].started_s == 900.0
    assert rig.rules() == ["no-offset"]


@looped
async def test_quirk_15_clock_is_right_after_a_boot() -> None:
    """A station that was told the time is compared anew: the skew from before its boot is forgotten."""
    rig = Rig(now_s=10_000.0)
    charger = await rig.booted()
    await charger.status("Preparing", timestamp=charger.at(13_600.0))
    assert rig.core.instants.skew_s("CP1") == pytest.approx(-3600.0)
    await charger.boot()
    await charger.status("Preparing", timestamp=charger.at(10_000.0))
    assert rig.core.instants.skew_s("CP1") == 0.0


@pytest.mark.parametrize("year", ["2222-02-22T22:22:22Z", "1970-01-01T00:00:10Z", "2001-01-01T00:00:00Z"])
@looped
async def test_quirk_16_nonsense_years(year: str) -> None:
    """An instant out of all bounds becomes the time of receipt, and is told."""
    rig = Rig()
    charger = await rig.booted()
    await charger.say("StartTransaction", connectorId=1, idTag="A", meterStart=0, timestamp=year)
    assert rig.transactions()[0].started_s == 1000.0
    assert rig.rules() == ["clock-nonsense"]


@looped
async def test_quirk_16_nonsense_years_with_a_measured_skew() -> None:
    """A clock that is known to stand in 2222 is set right by its skew: the order of events stays."""
    rig = Rig()
    charger = await rig.booted()
    await charger.status("Preparing", timestamp="2222-01-01T00:10:00Z")
    for minute, kind in ((4, "A"), (7, "B")):
        await charger.say(
            "StartTransaction",
            connectorId=minute,
            idTag=kind,
            meterStart=0,
            timestamp=f"2222-01-01T00:0{minute}:00Z",
        )
    assert [one.started_s for one in rig.transactions()] == pytest.approx([640.0, 820.0])


@looped
async def test_quirk_17_garbage_behind_an_id_tag() -> None:
    """What follows 20 characters of an idTag is cut off: the stop completes and matches its start."""
    rig = Rig(unknown_tokens="refuse")
    tag = "ABCDEFGHIJ0123456789"
    rig.core.tokens.put(Token(id=tag))
    charger = await rig.booted()
    number = (await charger.start(900.0, tag=tag))["transactionId"]
    answer = await charger.blurt(
        "StopTransaction",
        transactionId=number,
        idTag=tag + "\x01\x7fgarbage",
        meterStop=1500,
        timestamp=charger.at(950.0),
    )
    assert answer["idTagInfo"]["status"] == "Accepted"
    assert rig.transactions()[0].energy_wh == 500.0


@pytest.mark.parametrize("number", [-1, 0, HUGE, 77])
@looped
async def test_quirk_33_odd_transaction_ids(number: int) -> None:
    """A stop under an impossible or unknown id ends the transaction of its tag, and is always answered."""
    rig = Rig()
    charger = await rig.booted()
    await charger.start(900.0, tag="A", connector=1)
    await charger.start(905.0, tag="B", connector=2)
    await charger.values(910.0, 1200, number)
    assert await charger.stop(number, 950.0, 1700, idTag="B") == {"idTagInfo": {"status": "Accepted"}}
    first, second = rig.transactions()
    assert first.open
    assert (second.energy_wh, second.ended_s) == (700.0, 950.0)
    assert "wrong-transaction-id" in second.flags
    assert [one.register_wh for one in first.readings] == [1200.0]


@looped
async def test_quirk_34_duplicate_start_and_stop() -> None:
    """The same start and stop again, over reconnect and restart, give the same id and no second transaction."""
    rig = Rig()
    for _ in range(2):
        for _ in range(2):
            charger = await rig.booted()
            assert (await charger.start(900.0))["transactionId"] == 1
            assert (await charger.start(900.0))["transactionId"] == 1
            charger.link.drop()
            await turns()
        rig = rig.again()
    for _ in range(2):
        charger = await rig.booted()
        assert await charger.stop(1, 950.0, 1800) == {}
        assert await charger.stop(1, 950.0, 1800) == {}
        rig = rig.again()
    (transaction,) = rig.transactions()
    assert (transaction.energy_wh, transaction.complete) == (800.0, True)


@looped
async def test_quirk_34_stop_without_start() -> None:
    """A stop alone is kept and told after a wait; its energy is unknown, its register is not."""
    rig = Rig()
    charger = await rig.booted()
    assert await charger.stop(4711, 950.0, 1800) == {}
    assert await charger.stop(4711, 950.0, 1800) == {}
    await rig.go_to(1061.0)
    (ended,) = rig.told(TransactionEnded)
    assert ended.register_wh == 1800.0
    assert "stop-without-start" in rig.rules()
    assert len(rig.transactions()) == 1


@looped
async def test_quirk_34_start_after_its_stop() -> None:
    """A queue that sends the stop first, under an id nobody gave, is joined with its start."""
    rig = Rig(now_s=5000.0)
    charger = await rig.booted()
    await charger.stop(-1, 950.0, 1800, idTag="A")
    assert (await charger.start(900.0, tag="A"))["transactionId"] == 1
    (transaction,) = rig.transactions()
    assert (transaction.id, transaction.energy_wh, transaction.complete) == ("1", 800.0, True)
    assert [type(one) for one in rig.told(TransactionStarted, TransactionEnded)] == [
        TransactionStarted,
        TransactionEnded,
    ]
    again = rig.again().transactions()
    assert [(one.id, one.energy_wh) for one in again] == [("1", 800.0)]


@looped
async def test_quirk_35_transaction_that_nobody_announced() -> None:
    """Values of an unknown transaction recover it under its own id; its stop ends it with their energy."""
    rig = Rig()
    charger = await rig.booted()
    await charger.values(980.0, 5000, 4711)
    await charger.values(990.0, 5600, 4711)
    (started,) = rig.told(TransactionStarted)
    assert (started.transaction, started.register_wh) == ("4711", 5000.0)
    assert rig.station().evse(1).transaction == "4711"
    await charger.stop(4711, 999.0, 6000)
    (transaction,) = rig.transactions()
    assert transaction.energy_wh == 1000.0
    assert transaction.flags == ["recovered", "stop-without-start"]


@looped
async def test_quirk_35_available_without_stop() -> None:
    """Available with no stop clears the transaction after a minute of silence."""
    rig = Rig()
    charger = await rig.booted()
    await charger.start(990.0)
    await charger.status("Available")
    await rig.go_to(1061.0)
    assert rig.station().evse(1).transaction is None
    assert rig.transactions()[0].flags == ["available-without-stop"]


@pytest.mark.parametrize(
    ("start", "between", "stop", "energy", "flag"),
    [
        (500_000, ["500100", "500900"], 501_000, 1000.0, ""),
        (500_000, ["100", "900"], None, 900.0, "session-register"),
        (500_000, ["500.1", "500.9"], None, 900.0, "register-in-kwh"),
        (0, ["500100", "500900"], None, 800.0, "zero-begin"),
        (500_000, ["500100"], 499_999, 0.0, "stop-below-start"),
        (500_000, ["500100", "500900"], 0, 900.0, "stop-below-start"),
        (-5, ["500100", "500900"], 501_100, 1000.0, "negative-start"),
    ],
    ids=["lifetime", "session", "kwh", "zero-begin", "one-less", "zero-stop", "negative"],
)
@looped
async def test_quirk_36_registers(
    start: int, between: list[str], stop: int | None, energy: float, flag: str
) -> None:
    """Whatever a register counts, the energy is what flowed, and never negative."""
    rig = Rig()
    charger = await rig.booted()
    await charger.start(900.0, meter=start)
    for place, value in enumerate(between):
        await charger.values(910.0 + 10 * place, value, 1)
    if stop is None:
        await charger.status("Available")
        await rig.go_to(1100.0)
    else:
        await charger.stop(1, 990.0, stop)
    (transaction,) = rig.transactions()
    assert transaction.energy_wh == pytest.approx(energy)
    assert not flag or flag in transaction.flags


@pytest.mark.parametrize(
    ("between", "published"),
    [("500100", 500_100.0), ("100", 500_100.0), ("500.1", 500_100.0)],
    ids=["lifetime", "session", "kwh"],
)
@looped
async def test_quirk_36_published_register(between: str, published: float) -> None:
    """What is published counts the lifetime in Wh, whatever the station counts; the evidence is as it came."""
    rig = Rig()
    charger = await rig.booted()
    await charger.start(900.0, meter=500_000)
    await charger.values(910.0, between, 1)
    key = ("Energy.Active.Import.Register", "")
    assert rig.samples[0][3][key] == pytest.approx(published)
    assert rig.station().evse(1).readings[key][1] == pytest.approx(published)
    assert rig.transactions()[0].readings[0].register_wh == float(between)


@looped
async def test_quirk_36_order_of_contexts() -> None:
    """Without meterStop, Transaction.End beats Sample.Periodic, which beats Sample.Clock, whenever they came."""
    rig = Rig()
    charger = await rig.booted(version=Version.V201)
    await charger.event("Started", 0, 900.0, 1000.0)
    await charger.event("Updated", 1, 930.0, 1900.0, context="Sample.Clock")
    transaction = rig.transactions()[0]
    assert transaction.energy_wh == 900.0
    await charger.event("Updated", 2, 920.0, 1500.0)
    assert transaction.energy_wh == 500.0
    await charger.event("Ended", 3, 990.0, 2000.0)
    assert transaction.energy_wh == 1000.0


@looped
async def test_quirk_36_closing_values_after_the_stop() -> None:
    """Values that come after the stop are evidence, and change neither energy nor state."""
    rig = Rig()
    charger = await rig.booted()
    await charger.start(900.0)
    await charger.stop(1, 990.0, 2000)
    await charger.values(991.0, 2003, 1, context="Transaction.End")
    (transaction,) = rig.transactions()
    assert (transaction.energy_wh, transaction.open) == (1000.0, False)
    assert transaction.readings[-1].register_wh == 2003.0
    assert len(rig.told(TransactionEnded)) == 1


@looped
async def test_quirk_37_wrong_phase_tags() -> None:
    """L1 on a total, N alone, L1-N on a current and voltages between lines give the right totals."""
    rig = Rig()
    charger = await rig.booted()
    sampled = [
        {"value": "3680", "measurand": "Power.Active.Import", "phase": "L1", "unit": "W"},
        {"value": "230", "measurand": "Voltage", "phase": "L1-N"},
        {"value": "3", "measurand": "Voltage", "phase": "N"},
        {"value": "16", "measurand": "Current.Import", "phase": "L1-N"},
        {"value": "400", "measurand": "Voltage", "phase": "L2-L3"},
    ]
    await charger.say(
        "MeterValues", connectorId=1, meterValue=[{"timestamp": charger.at(), "sampledValue": sampled}]
    )
    (_, _, _, values) = rig.samples[0]
    assert values["Power.Active.Import", ""] == 3680.0
    assert values["Current.Import", ""] == values["Current.Import", "L1"] == 16.0
    assert values["Voltage", "L2"] == pytest.approx(230.94, abs=0.01)
    assert values["Voltage", ""] == pytest.approx(230.47, abs=0.01)


@looped
async def test_quirk_38_plug_state_from_several_signals() -> None:
    """A station that says Available with the cable in is plugged when its transaction starts, until both are over."""
    rig = Rig()
    charger = await rig.booted(version=Version.V201)
    await charger.status("Available")
    await charger.event("Started", 0, 1000.0, 0, trigger="Authorized", token="A")
    assert len(rig.told(CablePlugged)) == 1
    await charger.status("Available")
    await charger.event("Updated", 1, 1000.0, 10, info={"chargingState": "Charging"})
    assert rig.told(CableUnplugged) == []
    await charger.event("Ended", 2, 1000.0, 20)
    assert len(rig.told(CableUnplugged)) == 1


@looped
async def test_quirk_38_stays_finishing() -> None:
    """Finishing keeps the car there until Available; no second car is told meanwhile."""
    rig = Rig()
    charger = await rig.booted()
    for status in ("Preparing", "Charging", "Finishing", "Preparing", "Finishing"):
        await charger.status(status)
    assert len(rig.told(CablePlugged)) == 1
    assert rig.told(CableUnplugged) == []
