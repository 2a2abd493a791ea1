"""Transactions of 2.0.1 and 2.1: any order, once each, exact energy."""

from __future__ import annotations

import itertools
from decimal import Decimal

import pytest

from twin.domain.events import (
    CablePlugged,
    CableUnplugged,
    TransactionEnded,
    TransactionStarted,
    TransactionUpdated,
)
from twin.network.ocpp.csms.tokens import Token
from twin.network.ocpp.versions import Version

from .rig import Charger, Rig, looped, turns

V2 = pytest.mark.parametrize("version", [Version.V201, Version.V21], ids=lambda one: one.number)

SESSION = (
    ("Started", 0, 100.0, 5000.0),
    ("Updated", 1, 200.0, 6000.0),
    ("Updated", 2, 300.0, 7500.0),
    ("Ended", 3, 400.0, 8000.5),
)


async def _say(charger: Charger, row: tuple[str, int, float, float], **more: object) -> None:
    kind, seq, t_s, wh = row
    info = {"stoppedReason": "Local"} if kind == "Ended" else {"chargingState": "Charging"}
    await charger.event(kind, seq, t_s, wh, info=info, **more)


@V2
@looped
async def test_plain_session(version: Version) -> None:
    """Four events, 3,000.5 Wh, facts in their order."""
    rig = Rig(now_s=400.0)
    charger = await rig.booted(version=version)
    for row in SESSION:
        await _say(charger, row)
    (transaction,) = rig.transactions()
    assert (transaction.energy_wh, transaction.complete, transaction.flags) == (3000.5, True, [])
    kinds = (CablePlugged, TransactionStarted, TransactionUpdated, TransactionEnded)
    facts = rig.told(*kinds)
    assert [type(one) for one in facts] == [kinds[0], kinds[1], kinds[2], kinds[2], kinds[3]]
    assert facts[1].register_wh == 5000.0
    assert facts[4] == TransactionEnded(400.0, 400.0, "CP1", "CP1/1", 8000.5, "Local", "T1")


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))), ids=str)
@looped
async def test_offline_replay_in_any_order(order: tuple[int, ...]) -> None:
    """Every order of a queue gives the same record, and its start before its end (E04.FR.03)."""
    rig = Rig(now_s=5000.0)
    charger = await rig.booted(version=Version.V201)
    for place in order:
        await _say(charger, SESSION[place], offline=True)
        await _say(charger, SESSION[place], offline=True)  # and each one twice
    (transaction,) = rig.transactions()
    assert (transaction.started_s, transaction.ended_s, transaction.energy_wh) == (100.0, 400.0, 3000.5)
    assert transaction.complete
    assert transaction.offline
    facts = rig.told(TransactionStarted, TransactionEnded)
    assert [type(one) for one in facts] == [TransactionStarted, TransactionEnded]
    entries = [entry for entry in rig.journal.entries() if entry.kind == "transaction.message"]
    assert len(entries) == 4
    assert rig.station().evse(1).transaction is None
    again = rig.again().transactions()[0]
    assert (again.energy_wh, again.complete) == (3000.5, True)


@looped
async def test_missing_event_is_known() -> None:
    """A gap in the sequence leaves the transaction incomplete until it is filled."""
    rig = Rig(now_s=400.0)
    charger = await rig.booted(version=Version.V201)
    for place in (0, 1, 3):
        await _say(charger, SESSION[place])
    assert not rig.transactions()[0].complete
    await _say(charger, SESSION[2])
    assert rig.transactions()[0].complete


@looped
async def test_end_without_start_is_told_after_a_wait() -> None:
    """An end whose start never comes is told after a minute, with what is known."""
    rig = Rig(now_s=5000.0)
    charger = await rig.booted(version=Version.V201)
    await _say(charger, SESSION[2], offline=True)
    await _say(charger, SESSION[3], offline=True)
    assert rig.told(TransactionStarted, TransactionEnded) == []
    await rig.go_to(5061.0)
    started, ended = rig.told(TransactionStarted, TransactionEnded)
    assert (started.happened_s, started.register_wh, ended.register_wh) == (300.0, 7500.0, 8000.5)
    assert rig.transactions()[0].flags == ["stop-without-start"]


@looped
async def test_transaction_that_nobody_announced_is_recovered() -> None:
    """A live update of an unknown transaction makes it known to control; its late start fills it in."""
    rig = Rig(now_s=300.0)
    charger = await rig.booted(version=Version.V201)
    await _say(charger, SESSION[2])
    (started,) = rig.told(TransactionStarted)
    assert (started.transaction, started.register_wh) == ("T1", 7500.0)
    await _say(charger, SESSION[0], offline=True)
    await _say(charger, SESSION[3])
    assert len(rig.told(TransactionStarted)) == 1
    assert rig.transactions()[0].energy_wh == 3000.5


@looped
async def test_token_comes_later() -> None:
    """A transaction begins with the cable; the token of a later event is judged and kept (E03, E02)."""
    rig = Rig(unknown_tokens="refuse")
    rig.core.tokens.put(Token(id="CARD", group="G1", language="de"))
    charger = await rig.booted(version=Version.V201)
    assert await charger.event("Started", 0, 990.0, 0, trigger="CablePluggedIn") == {}
    answer = await charger.event("Updated", 1, 995.0, trigger="Authorized", token="card")
    assert answer["idTokenInfo"] == {
        "status": "Accepted",
        "groupIdToken": {"idToken": "G1", "type": "Central"},
        "language1": "de",
    }
    (transaction,) = rig.transactions()
    assert (transaction.token, transaction.status) == ("card", "Accepted")
    answer = await charger.event("Updated", 2, 996.0, trigger="Authorized", token="OTHER")
    assert answer["idTokenInfo"]["status"] == "Invalid"
    assert "foreign-token" in rig.rules()


@looped
async def test_stop_by_group_and_by_master_pass() -> None:
    """A token of the group and a master pass may stop; both get Accepted in the answer to Ended."""
    rig = Rig(unknown_tokens="refuse")
    rig.core.tokens.put(Token(id="A", group="G"))
    rig.core.tokens.put(Token(id="B", group="g"))
    rig.core.tokens.put(Token(id="M", master=True))
    charger = await rig.booted(version=Version.V21)
    for number, stopper in enumerate(("B", "M")):
        name = f"T{number}"
        await charger.event("Started", 0, 990.0 + number, 0, token="A", id=name)
        answer = await charger.event(
            "Ended", 1, 995.0 + number, 10, token=stopper, id=name, trigger="StopAuthorized"
        )
        assert answer["idTokenInfo"]["status"] == "Accepted"
    assert [one.energy_wh for one in rig.transactions()] == [10.0, 10.0]


@looped
async def test_total_cost_is_told_at_the_end() -> None:
    """The cost of what has ended stands in the answer; without a tariff nothing does (I02)."""
    rig = Rig(cost=lambda one: Decimal(str(one.energy_wh)) / 1000 if one.ended else None)
    charger = await rig.booted(version=Version.V201)
    assert await charger.event("Started", 0, 990.0, 0) == {}
    assert await charger.event("Ended", 1, 995.0, 12500) == {"totalCost": 12.5}


@looped
async def test_remote_start_reservation_and_state() -> None:
    """remoteStartId, reservationId, reason and charging state are kept with the record."""
    rig = Rig()
    charger = await rig.booted(version=Version.V201)
    await charger.event(
        "Started",
        0,
        990.0,
        trigger="RemoteStart",
        info={"remoteStartId": 42, "chargingState": "EVConnected"},
        reservationId=7,
    )
    (transaction,) = rig.transactions()
    assert (transaction.remote_start_id, transaction.reservation_id) == (42, 7)
    assert transaction.charging_state == "EVConnected"
    await charger.event("Updated", 2, 996.0, info={"chargingState": "SuspendedEV"})
    await charger.event("Updated", 1, 993.0, info={"chargingState": "Charging"})
    assert transaction.charging_state == "SuspendedEV"  # an older message changes nothing that is newer


@looped
async def test_evse_becomes_known_later() -> None:
    """A transaction that begins with a token has no EVSE until the cable says which (E02)."""
    rig = Rig()
    charger = await rig.booted(version=Version.V201)
    await charger.event("Started", 0, 990.0, token="A", trigger="Authorized", evse=None)
    assert rig.told(TransactionStarted)[0].evse == "CP1/0"
    await charger.event("Updated", 1, 995.0, trigger="CablePluggedIn", info={"chargingState": "Charging"})
    assert rig.told(TransactionUpdated)[0].evse == "CP1/1"
    assert rig.told(CablePlugged)[0].evse == "CP1/1"
    assert rig.station().evse(1).transaction == "T1"
    assert rig.station().evse(1).token == "A"
    await charger.event("Updated", 2, 997.0, trigger="EVDeparted", info={"chargingState": "Idle"})
    assert len(rig.told(CableUnplugged)) == 1


@looped
async def test_next_start_closes_what_was_left_open() -> None:
    """A start at an EVSE with an open transaction ends that one first, by its last register."""
    rig = Rig()
    charger = await rig.booted(version=Version.V201)
    await charger.event("Started", 0, 980.0, 100, id="A")
    await charger.event("Updated", 1, 985.0, 150, id="A")
    await charger.event("Started", 0, 990.0, 170, id="B")
    facts = rig.told(TransactionStarted, TransactionEnded)
    assert [(type(one).__name__, one.transaction) for one in facts] == [
        ("TransactionStarted", "A"),
        ("TransactionEnded", "A"),
        ("TransactionStarted", "B"),
    ]
    assert facts[1].register_wh == 150.0
    assert rig.station().evse(1).transaction == "B"


@looped
async def test_reused_sequence_number_is_not_dropped() -> None:
    """Another message under a used seqNo is booked and flagged; nothing is lost."""
    rig = Rig(now_s=400.0)
    charger = await rig.booted(version=Version.V201)
    await charger.event("Started", 0, 100.0, 0)
    await charger.event("Updated", 1, 200.0, 10)
    await charger.event("Updated", 1, 300.0, 20)
    await charger.event("Ended", 1, 400.0, 30, info={"stoppedReason": "Local"})
    (transaction,) = rig.transactions()
    assert transaction.flags == ["sequence-number-reused"]
    assert (transaction.energy_wh, transaction.ended) == (30.0, True)


@looped
async def test_signed_value_is_kept_verbatim() -> None:
    """The signed value of 2.x stays beside its number."""
    rig = Rig()
    charger = await rig.booted(version=Version.V201)
    signed = {"signedMeterData": "T0NNRg==", "signingMethod": "", "encodingMethod": "OCMF", "publicKey": "AA"}
    sampled = {"value": 5.0, "context": "Transaction.Begin", "signedMeterValue": signed}
    meter = [{"timestamp": charger.at(), "sampledValue": [sampled]}]
    await charger.event("Started", 0, 1000.0, meterValue=meter)
    (reading,) = rig.transactions()[0].readings
    assert reading.register_wh == 5.0
    assert '"signedMeterData": "T0NNRg=="' in reading.signed
    assert rig.again().transactions()[0].readings == [reading]


@pytest.mark.parametrize(("version", "told"), [(Version.V16, 0), (Version.V201, 1), (Version.V21, 0)])
def test_message_ids_of_an_earlier_connection(version: Version, told: int) -> None:
    """2.0.1 wants them unique over all connections: reuse is served and told once; the others allow it."""

    @looped
    async def story() -> None:
        rig = Rig()
        for _ in range(2):
            charger = rig.connect(version=version)
            numbers = itertools.count()
            charger.endpoint._new_id = lambda numbers=numbers: f"m{next(numbers)}"
            await charger.boot()
            assert await charger.say("Heartbeat")
            charger.link.drop()
            await turns()
        rules = [one.rule for one in rig.deviations if one.rule == "id-of-earlier-connection"]
        assert len(rules) == told

    story()
