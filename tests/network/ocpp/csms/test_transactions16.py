"""Transactions of 1.6: ids, order, repeats, energy."""

from __future__ import annotations

import asyncio

import pytest

from twin.domain.events import CablePlugged, TransactionEnded, TransactionStarted
from twin.errors import SettingsError
from twin.network.ocpp.csms.tokens import Token
from twin.network.ocpp.wire.errors import CallTimedOut
from twin.store.memory import MemoryJournal

from .rig import Rig, looped, turns


@looped
async def test_plain_session() -> None:
    """Start at 1,000 Wh, stop at 13,345 Wh: 12,345 Wh, and the facts in their order."""
    rig = Rig()
    charger = await rig.booted()
    answer = await charger.start(900.0, meter=1000)
    assert answer == {"transactionId": 1, "idTagInfo": {"status": "Accepted"}}
    await charger.values(950.0, 5000, 1)
    assert await charger.stop(1, 990.0, 13345, reason="EVDisconnected") == {}
    (transaction,) = rig.transactions()
    assert (transaction.started_s, transaction.ended_s) == (900.0, 990.0)
    assert (transaction.energy_wh, transaction.complete, transaction.flags) == (12345.0, True, [])
    facts = rig.told(CablePlugged, TransactionStarted, TransactionEnded)
    assert [type(one) for one in facts] == [CablePlugged, TransactionStarted, TransactionEnded]
    assert facts[1] == TransactionStarted(900.0, 1000.0, "CP1", "CP1/1", "TAG1", 1000.0, "1")
    assert facts[2] == TransactionEnded(990.0, 1000.0, "CP1", "CP1/1", 13345.0, "EVDisconnected", "1")


@looped
async def test_ids_do_not_depend_on_order() -> None:
    """The second station's ids begin at a million, whoever starts first."""
    rig = Rig()
    rig.csms.register("CP1")
    rig.csms.register("CP2")
    second, first = await rig.booted("CP2"), await rig.booted("CP1")
    assert (await second.start(900.0))["transactionId"] == 1_000_001
    assert (await first.start(900.0, tag="TAG2"))["transactionId"] == 1
    assert (await first.start(900.0, tag="TAG3", connector=2))["transactionId"] == 2


@looped
async def test_id_is_not_given_twice_after_a_restart() -> None:
    """A restarted central system goes on counting."""
    rig = Rig()
    charger = await rig.booted()
    await charger.start(900.0)
    rig = rig.again()
    charger = await rig.booted()
    assert (await charger.start(990.0, connector=2, tag="B"))["transactionId"] == 2


@looped
async def test_offline_queue() -> None:
    """Start, values and stop of an hour ago keep their times and their energy."""
    rig = Rig(now_s=10_000.0)
    charger = await rig.booted()
    number = (await charger.start(2000.0, meter=0))["transactionId"]
    await charger.values(3000.0, 4000, number)
    await charger.stop(number, 4000.0, 7000)
    (transaction,) = rig.transactions()
    assert (transaction.started_s, transaction.ended_s, transaction.energy_wh) == (2000.0, 4000.0, 7000.0)


@looped
async def test_concurrent_use_of_a_tag() -> None:
    """A tag with an open transaction elsewhere gets ConcurrentTx; after its end it is accepted."""
    rig = Rig()
    rig.core.tokens.put(Token(id="TAG1"))
    first, second = await rig.booted("CP1"), await rig.booted("CP2")
    number = (await first.start(900.0))["transactionId"]
    assert (await second.say("Authorize", idTag="tag1"))["idTagInfo"]["status"] == "ConcurrentTx"
    assert (await second.start(950.0))["idTagInfo"]["status"] == "ConcurrentTx"
    await first.stop(number, 960.0, 2000)
    await second.stop(1_000_001, 960.0, 1000)
    assert (await second.say("Authorize", idTag="TAG1"))["idTagInfo"]["status"] == "Accepted"


@looped
async def test_start_with_an_invalid_tag_is_still_booked() -> None:
    """A transaction with an unknown tag gets an id and Invalid: the station decides what to do with it."""
    rig = Rig(unknown_tokens="refuse")
    charger = await rig.booted()
    answer = await charger.start(900.0)
    assert answer == {"transactionId": 1, "idTagInfo": {"status": "Invalid"}}
    assert rig.transactions()[0].status == "Invalid"


@looped
async def test_stop_by_the_group_and_by_a_stranger() -> None:
    """A tag with the same parent may stop; a stranger's stop is booked, answered Invalid and noted."""
    rig = Rig()
    for tag, parent in (("TAG1", "FAM"), ("TAG2", "fam"), ("TAG3", "")):
        rig.core.tokens.put(Token(id=tag, parent=parent))
    charger = await rig.booted()
    number = (await charger.start(900.0))["transactionId"]
    answer = await charger.stop(number, 950.0, 2000, idTag="tag2")
    assert answer == {"idTagInfo": {"status": "Accepted", "parentIdTag": "fam"}}
    number = (await charger.start(960.0))["transactionId"]
    answer = await charger.stop(number, 970.0, 3000, idTag="TAG3")
    assert answer == {"idTagInfo": {"status": "Invalid"}}
    assert rig.rules() == ["foreign-token"]
    assert [one.energy_wh for one in rig.transactions()] == [1000.0, 2000.0]


@looped
async def test_reservation_and_clock_readings_are_kept() -> None:
    """The reservation's id and clock-aligned readings are evidence of the transaction."""
    rig = Rig()
    charger = await rig.booted()
    await charger.say(
        "StartTransaction",
        connectorId=1,
        idTag="T",
        meterStart=0,
        timestamp=charger.at(100.0),
        reservationId=7,
    )
    for minute in range(1, 6):
        await charger.values(100.0 + minute, minute * 10, 1, context="Sample.Clock")
        await charger.values(100.5 + minute, minute * 10 + 5, 1)
    (transaction,) = rig.transactions()
    assert transaction.reservation_id == 7
    clock = [one.register_wh for one in transaction.readings if one.context == "Sample.Clock"]
    assert clock == [10.0, 20.0, 30.0, 40.0, 50.0]
    periodic = [one.register_wh for one in transaction.readings if one.context == "Sample.Periodic"]
    assert periodic == [15.0, 55.0]  # the first and the last; the journal has them all
    kept = [entry for entry in rig.journal.entries() if entry.kind == "transaction.message"]
    assert len(kept) == 11


@looped
async def test_signed_values_are_kept_verbatim() -> None:
    """Signed text of 1.6 stays as it came, whatever it holds."""
    rig = Rig()
    charger = await rig.booted()
    await charger.start(900.0)
    text = 'OCMF|{"FV":"1.0","RD":[{"RV":1.0}]}|{"SD":"30"}'
    await charger.values(901.0, text, 1, format="SignedData", context="Transaction.Begin")
    reading = rig.transactions()[0].readings[0]
    assert (reading.signed, reading.context, reading.happened_s, reading.received_s) == (
        text,
        "Transaction.Begin",
        901.0,
        1000.0,
    )


class _Asks:
    """Control that answers later."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int | None, str]] = []
        self.answer: asyncio.Future[bool] | None = None

    def decide(self, station: object, evse: int | None, token: str) -> asyncio.Future[bool] | bool:
        self.asked.append((str(getattr(station, "identity", "")), evse, token))
        if self.answer is None:
            return token != "BAD"
        return self.answer


@looped
async def test_control_decides_later() -> None:
    """Authorize waits for control, the start that follows does not; heartbeats go on meanwhile."""
    control = _Asks()
    rig = Rig(authoriser=control)
    charger = await rig.booted()
    assert (await charger.say("Authorize", idTag="BAD"))["idTagInfo"]["status"] == "Invalid"
    control.answer = asyncio.get_running_loop().create_future()
    other = await rig.booted("CP2")
    waiting = asyncio.ensure_future(charger.say("Authorize", idTag="GOOD"))
    await turns()
    assert not waiting.done()
    assert "currentTime" in await other.say("Heartbeat")
    control.answer.set_result(True)
    assert (await waiting)["idTagInfo"]["status"] == "Accepted"
    assert (await charger.start(900.0, tag="good"))["idTagInfo"]["status"] == "Accepted"
    assert [one[2] for one in control.asked] == ["BAD", "GOOD"]


@looped
async def test_start_waits_for_control() -> None:
    """A start whose tag control judges later is booked at once and answered then, with its status kept."""
    control = _Asks()
    control.answer = asyncio.get_running_loop().create_future()
    rig = Rig(authoriser=control)
    charger = await rig.booted()
    waiting = asyncio.ensure_future(charger.start(900.0))
    await turns()
    assert rig.transactions()[0].open
    control.answer.set_result(False)
    assert (await waiting)["idTagInfo"]["status"] == "Invalid"
    assert rig.again().transactions()[0].status == "Invalid"


class _Slow(MemoryJournal):
    """A journal that is safe when a test says so."""

    def __init__(self) -> None:
        super().__init__(keep=True)
        self.done: asyncio.Future[None] | None = None

    def commit(self) -> asyncio.Future[None] | None:  # type: ignore[override]
        return self.done


@looped
async def test_no_answer_before_the_commit() -> None:
    """A transaction message is answered only when it is durable."""
    journal = _Slow()
    rig = Rig(journal)
    charger = await rig.booted()
    journal.done = asyncio.get_running_loop().create_future()
    waiting = asyncio.ensure_future(charger.start(900.0))
    await turns()
    assert not waiting.done()
    journal.done.set_result(None)
    assert (await waiting)["transactionId"] == 1


@looped
async def test_no_answer_without_a_store() -> None:
    """A store that refuses leaves the message unanswered; the retry under the same id is answered once."""
    journal = _Slow()
    rig = Rig(journal)
    charger = await rig.booted()
    journal.done = asyncio.get_running_loop().create_future()
    journal.done.set_exception(SettingsError("disk full"))
    waiting = asyncio.ensure_future(charger.start(900.0))
    await turns()
    assert not waiting.done()
    assert [one.rule for one in rig.deviations] == ["not-answered"]
    journal.done = None
    charger.link.send(charger.link.sent[-1])
    assert (await waiting)["transactionId"] == 1
    assert len(rig.transactions()) == 1


@looped
async def test_available_without_stop() -> None:
    """Available and a minute of silence end a transaction by its last register; a late stop amends it."""
    rig = Rig()
    charger = await rig.booted()
    await charger.start(900.0, meter=1000)
    await charger.values(950.0, 4000, 1)
    await charger.status("Available")
    await rig.go_to(1059.0)
    assert rig.told(TransactionEnded) == []
    await rig.go_to(1061.0)
    (ended,) = rig.told(TransactionEnded)
    assert (ended.register_wh, ended.happened_s) == (4000.0, 1000.0)
    assert rig.transactions()[0].presumed
    await charger.stop(1, 960.0, 4200)
    (transaction,) = rig.transactions()
    assert (transaction.energy_wh, transaction.ended_s, transaction.presumed) == (3200.0, 960.0, False)
    assert len(rig.told(TransactionEnded)) == 1
    assert "stop-after-presumed-end" in rig.rules()


@looped
async def test_available_while_values_go_on() -> None:
    """A station that says Available with the car in it keeps its transaction while values come."""
    rig = Rig()
    charger = await rig.booted()
    await charger.start(900.0)
    await charger.status("Available")
    await rig.go_to(1030.0)
    await charger.values(1030.0, 1500, 1)
    await rig.go_to(1100.0)
    assert rig.transactions()[0].open


@looped
async def test_time_out_is_told_to_who_calls() -> None:
    """A station that does not answer makes the call time out on the clock, not before."""
    rig = Rig()
    charger = await rig.booted()
    charger.replies["ClearCache"] = None
    call = asyncio.ensure_future(rig.csms.call("CP1", "ClearCache", {}, 5.0))
    await rig.go_to(1004.0)
    assert not call.done()
    await rig.go_to(1005.0)
    with pytest.raises(CallTimedOut):
        await call


@looped
async def test_two_starts_in_one_second_are_one_unless_the_tags_differ() -> None:
    """Same connector, second, meter and tag: a repeated message, also when it was stopped at once; another tag: no."""
    rig = Rig()
    charger = await rig.booted()
    assert (await charger.start(900.0, tag="A"))["transactionId"] == 1
    await charger.stop(1, 900.0, 1000)
    assert (await charger.start(900.0, tag="a"))["transactionId"] == 1
    assert (await charger.start(900.0, tag="B"))["transactionId"] == 2
    assert rig.transactions()[0].energy_wh == 0.0
    assert [one.open for one in rig.transactions()] == [False, True]


@looped
async def test_energy_after_a_stop_at_once_is_not_lost() -> None:
    """What looked like the same start charges on under its id: its later stop amends the record, a third one does not."""
    rig = Rig()
    charger = await rig.booted()
    await charger.start(900.0)
    await charger.stop(1, 900.0, 1000)
    await charger.start(900.0)
    await charger.stop(1, 950.0, 1800)
    await charger.stop(1, 960.0, 1900)
    for rig_now in (rig, rig.again()):
        (transaction,) = rig_now.transactions()
        assert (transaction.ended_s, transaction.energy_wh) == (950.0, 800.0)
        assert {"stop-after-instant-stop", "second-stop"} <= set(transaction.flags)
