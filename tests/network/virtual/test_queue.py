"""Messages of transactions while the connection comes and goes."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.errors import Code, Refusal
from twin.network.virtual.store import FileStore, MemoryStore

V16, V201, V21 = Version.V16, Version.V201, Version.V21
ALL = pytest.mark.parametrize("version", list(Version))
OFFLINE = {"AllowOfflineTxForUnknownId": "true", "TransactionMessageRetryInterval": "10"}


def test_a_session_that_began_and_ended_offline_is_told_later(make):
    """16: both messages come after the reconnect, in order, with original times and the answered id."""
    bench = make(V16, values=OFFLINE).start()
    bench.until(10.0)
    bench.cut()
    bench.charge()
    bench.until(100.0)
    bench.unplug()
    bench.reachable = True
    bench.until(500.0)
    start, stop = bench.csms.told("StartTransaction")[0], bench.csms.told("StopTransaction")[0]
    assert (start["timestamp"], stop["timestamp"]) == ("2026-01-01T00:00:10.000Z", "2026-01-01T00:01:40.000Z")
    assert (stop["transactionId"], stop["meterStop"]) == (1, 276)
    assert bench.csms.actions().count("StopTransaction") == 1


@pytest.mark.parametrize("version", [V201, V21])
def test_events_from_offline_say_so(make, version):
    """2.x: events that happened offline carry `offline`, those before and after do not."""
    bench = make(version, values=OFFLINE).start()
    bench.charge()
    bench.until(30.0)
    bench.cut()
    bench.until(65.0)
    bench.reachable = True
    bench.until(130.0)
    bench.unplug()
    events = bench.csms.told("TransactionEvent")
    assert [e.get("offline", False) for e in events] == [False, True, False, False]
    assert [e["seqNo"] for e in events] == [0, 1, 2, 3]
    assert events[1]["timestamp"] == "2026-01-01T00:01:00.000Z"


def test_a_message_is_tried_again_after_interval_times_attempts(make):
    """Three attempts with an interval of 10 s: at 0, 10 and 30 s; then those behind it have their turn."""
    bench = make(V16, values=OFFLINE | {"TransactionMessageAttempts": "3"}).start()

    def refuse(_payload):
        raise Refusal(Code.INTERNAL_ERROR, "no database")

    bench.csms.answers["StartTransaction"] = refuse
    bench.charge()
    bench.until(50.0)
    bench.unplug()
    at = [t for t, action, _ in bench.csms.heard if action == "StartTransaction"]
    assert at == [0.0, 10.0, 30.0]
    assert bench.csms.told("StopTransaction")[0]["transactionId"] == -1


def test_a_late_answer_names_the_transaction(make):
    """An answer to StartTransaction after its time-out of 30 s still gives its id to the stop."""
    import asyncio

    bench = make(V16, values=OFFLINE | {"TransactionMessageRetryInterval": "3600"}).start()

    async def later(_payload):
        gate = asyncio.get_running_loop().create_future()
        bench.step.clock.call_later(40.0, lambda: gate.set_result(None))
        await gate
        return {"transactionId": 42, "idTagInfo": {"status": "Accepted"}}

    bench.csms.answers["StartTransaction"] = later
    bench.charge()
    bench.until(55.0)
    bench.unplug()
    assert len(bench.csms.told("StartTransaction")) == 1
    assert bench.csms.told("StopTransaction")[0]["transactionId"] == 42


def test_a_queue_survives_the_process(make, tmp_path):
    """What waited in a file is sent by the next process, and an open transaction is told as lost power."""
    path = tmp_path / "cs-1.jsonl"
    kept = FileStore(path)
    first = make(V201, values=OFFLINE, store=kept).start()
    first.until(10.0)
    first.cut()
    first.charge()
    first.until(75.0)
    first.step.close()
    kept.close()
    kept = FileStore(path)
    second = make(V201, values=OFFLINE, store=kept).start()
    kept.close()
    kinds = [(e[0], e[1], e[3]) for e in second.events()]
    assert kinds == [
        ("Started", "Authorized", 0),
        ("Updated", "MeterValuePeriodic", 1),
        ("Ended", "AbnormalCondition", 2),
    ]
    assert second.csms.told("TransactionEvent")[-1]["transactionInfo"]["stoppedReason"] == "PowerLoss"


def test_a_file_with_half_a_line_is_read_up_to_it(tmp_path):
    """A line that was cut off by a crash is left out, all before it is there."""
    path = tmp_path / "store"
    store = FileStore(path)
    store.put("a", "1", {"x": 1})
    store.put("a", "2", 2)
    store.drop("a", "1")
    store.close()
    path.write_text(path.read_text() + '["a", "3", {"x"')
    again = FileStore(path)
    assert list(again.rows("a")) == [("2", 2)]
    again.close()


def test_a_file_is_written_anew_when_it_grows_too_long(tmp_path):
    """Twelve thousand changes of one row leave fewer than the ten thousand lines that are allowed."""
    store = FileStore(tmp_path / "store")
    for number in range(12_000):
        store.put("a", "1", number)
    store.close()
    assert len((tmp_path / "store").read_text().splitlines()) < 10_000
    again = FileStore(tmp_path / "store")
    assert list(again.rows("a")) == [("1", 11_999)]
    again.close()


def test_rows_come_in_the_order_of_their_keys_first_put():
    """A value that is put again keeps its place."""
    store = MemoryStore()
    for key, value in (("b", 1), ("a", 2), ("b", 3)):
        store.put("t", key, value)
    assert list(store.rows("t")) == [("b", 3), ("a", 2)]


MOVES = st.lists(
    st.tuples(st.sampled_from(["cut", "back", "car", "gone", "silent", "talks"]), st.integers(1, 90)),
    min_size=4,
    max_size=25,
)


@ALL
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=MOVES)
def test_every_message_arrives_once_in_order_with_its_own_time(make, version, moves):
    """Whatever the order of cuts, silences, cars: sessions are complete, in order, at their true times."""
    bench = make(version, values=OFFLINE | {"TransactionMessageAttempts": "1000"}).start()
    truth: list[tuple[float, float]] = []
    since = None
    for move, wait_s in moves:
        bench.until(bench.now_s + wait_s)
        if move == "cut" and bench.reachable:
            bench.cut()
        elif move == "back":
            bench.reachable = True
        elif move == "car" and since is None:
            bench.charge()
            since = bench.now_s if bench.station.bays[1].transaction else None
            if since is None:
                bench.unplug()
        elif move == "gone" and since is not None:
            bench.unplug()
            truth.append((since, bench.now_s))
            since = None
        elif move == "silent":
            silence(bench)
        elif move == "talks":
            bench.csms.answers.clear()
    if since is not None:
        bench.unplug()
        truth.append((since, bench.now_s))
    bench.csms.answers.clear()
    bench.reachable = True
    bench.until(bench.now_s + 20_000.0)
    assert len(bench.station.queue) == 0
    assert (told_2 if version.two else told_16)(bench) == [
        tuple(map(bench.station.stamp, pair)) for pair in truth
    ]


def silence(bench) -> None:
    """Take every message of a transaction and never answer."""

    def forever(_payload):
        return bench.step.loop.create_future()

    for action in ("StartTransaction", "StopTransaction", "TransactionEvent", "MeterValues"):
        bench.csms.answers[action] = forever


def unique(payloads):
    """Payloads in order, each once: a repetition stands right behind its like."""
    return [key for key, _ in itertools.groupby(payloads)]


def told_16(bench) -> list[tuple[str, str]]:
    """(start, stop) of each transaction; starts are told before their stops."""
    starts = unique(p["timestamp"] for p in bench.csms.told("StartTransaction"))
    stops = unique(p["timestamp"] for p in bench.csms.told("StopTransaction"))
    return list(zip(starts, stops, strict=True))


def told_2(bench) -> list[tuple[str, str]]:
    """(start, end) of each transaction whose events are complete."""
    out = []
    events = unique((p["transactionInfo"]["transactionId"], p["seqNo"], p["eventType"], p["timestamp"])
                    for p in bench.csms.told("TransactionEvent"))  # fmt: skip
    for _, group in itertools.groupby(events, key=lambda e: e[0]):
        mine = list(group)
        assert [e[1] for e in mine] == list(range(len(mine)))
        assert [e[2] for e in mine] == ["Started", *["Updated"] * (len(mine) - 2), "Ended"]
        out.append((mine[0][3], mine[-1][3]))
    return out
