"""The clock of simulated time and the loop that knows when it is quiet."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest
import simpy

from twin.engine.lockstep import LockStep, SimTimer, Stuck


@pytest.fixture
def env() -> simpy.Environment:
    return simpy.Environment()


@pytest.fixture
def step(env: simpy.Environment) -> Iterator[LockStep]:
    made = LockStep(env, 0, patience_s=0.05)
    yield made
    made.close()


def test_timers_are_called_at_their_instant_in_order_of_creation(
    env: simpy.Environment, step: LockStep
) -> None:
    """Two timers of one instant keep their order, an earlier one comes first."""
    seen: list[tuple[str, float]] = []
    for name, at_s in (("b", 7.0), ("c", 7.0), ("a", 3.5)):
        step.clock.call_at(at_s, lambda name=name: seen.append((name, step.clock.now_s)))  # type: ignore[misc]
    env.run(until=10.0)
    assert seen == [("a", 3.5), ("b", 7.0), ("c", 7.0)]


def test_a_timer_comes_before_whatever_else_happens_at_its_instant(
    env: simpy.Environment, step: LockStep
) -> None:
    """Even where the other event was scheduled first, and the sum of delays misses the instant by a rounding."""
    seen: list[str] = []

    def other() -> Iterator[simpy.Event]:
        yield env.timeout(0.1)
        yield env.timeout(0.2)
        seen.append("other")

    env.process(other())  # type: ignore[arg-type]
    step.clock.call_at(0.1 + 0.2, lambda: seen.append("timer"))
    env.run(until=1.0)
    assert seen == ["timer", "other"]


def test_a_cancelled_timer_is_not_called(env: simpy.Environment, step: LockStep) -> None:
    """Not even where another timer of the same instant cancels it."""
    seen: list[str] = []
    laters: list[SimTimer] = []

    def cancel() -> None:
        laters[0].cancel()

    step.clock.call_at(1.0, cancel)
    laters.append(step.clock.call_at(1.0, lambda: seen.append("cancelled")))
    env.run(until=2.0)
    assert seen == []


def test_a_timer_of_the_past_is_called_at_the_next_settlement(step: LockStep) -> None:
    """As soon as possible, without simulated time going on."""
    seen: list[float] = []
    step.clock.call_at(-5.0, lambda: seen.append(step.clock.now_s))
    step.settle()
    assert seen == [0.0]


def test_timers_run_inside_the_loop(env: simpy.Environment, step: LockStep) -> None:
    """So that they may create tasks."""
    seen: list[bool] = []
    step.clock.call_at(1.0, lambda: seen.append(asyncio.get_running_loop() is step.loop))
    env.run(until=2.0)
    assert seen == [True]


def test_settling_runs_every_ready_task_to_its_next_wait(step: LockStep) -> None:
    """A chain of tasks that wake each other is run to its end."""
    seen: list[int] = []

    async def chain(n: int) -> None:
        await asyncio.sleep(0)
        seen.append(n)
        if n < 5:
            step.loop.create_task(chain(n + 1))

    step.soon(lambda: step.loop.create_task(chain(0)))
    step.settle()
    assert seen == [0, 1, 2, 3, 4, 5]


def test_a_task_that_waits_for_control_holds_nobody_up(step: LockStep) -> None:
    """A future that nobody has set is not under way."""
    answer: asyncio.Future[str] = step.loop.create_future()
    seen: list[str] = []

    async def handler() -> None:
        seen.append(await answer)

    step.soon(lambda: step.loop.create_task(handler()))
    step.settle()
    assert seen == []
    answer.set_result("granted")
    step.settle()
    assert seen == ["granted"]


def test_a_commit_in_another_thread_is_waited_for(env: simpy.Environment) -> None:
    """What is counted as under way holds the clock, however long the thread takes."""
    step = LockStep(env, 0, patience_s=30.0)
    seen: list[str] = []
    go = threading.Event()

    def written() -> None:
        seen.append("written")
        step.end("journal")

    def write() -> None:
        go.wait()
        step.loop.call_soon_threadsafe(written)

    worker = threading.Thread(target=write)
    step.begin("journal")
    worker.start()
    step.soon(go.set)
    step.settle()
    assert seen == ["written"]
    worker.join()
    step.close()


def test_bytes_on_a_socket_are_handled_before_the_clock_goes_on(step: LockStep) -> None:
    """An echo over loopback comes back within one settlement."""
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readexactly(4))
        writer.close()

    async def talk() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        step.begin("frame")
        writer.write(b"ping")
        seen.append(await reader.readexactly(4))
        step.end("frame")
        writer.close()
        server.close()

    step.soon(lambda: step.loop.create_task(talk()))
    step.settle()
    assert seen == [b"ping"]


def test_what_never_ends_is_named(step: LockStep) -> None:
    """A frame that nobody handles raises instead of hanging."""
    step.begin("CP-1")
    step.begin("CP-1")
    step.begin("journal")
    with pytest.raises(Stuck, match=r"nothing moved for 0\.05 s, under way: CP-1 \(2\), journal \(1\)"):
        step.settle()


def test_what_was_forgotten_is_not_waited_for(step: LockStep) -> None:
    """Frames on a broken connection are lost; ends that come late are harmless."""
    step.begin("CP-1")
    step.forget("CP-1")
    step.end("CP-1")
    step.settle()
    assert step.busy == 0


def test_an_exception_in_a_timer_ends_the_run(env: simpy.Environment, step: LockStep) -> None:
    """It is raised where the clock stands, not printed."""

    def broken() -> None:
        raise ZeroDivisionError("defect")

    step.clock.call_at(1.0, broken)
    with pytest.raises(ZeroDivisionError, match="defect"):
        env.run(until=2.0)


def test_drains_are_emptied_until_nothing_comes(step: LockStep) -> None:
    """What a drain sets off inside the loop is settled as well."""
    told: list[int] = []
    facts = [1]

    def drain() -> bool:
        found = bool(facts)
        while facts:
            fact = facts.pop()
            told.append(fact)
            if fact < 3:
                step.soon(lambda fact=fact: facts.append(fact + 1))  # type: ignore[misc]
            step.settle()
        return found

    step.drain(drain)
    step.settle()
    assert told == [1, 2, 3]


def test_do_returns_what_ran_inside_the_loop(step: LockStep) -> None:
    """A call of the port may use the loop, and its answer is there when it is quiet."""
    assert step.do(lambda: asyncio.get_running_loop() is step.loop)


def test_a_run_may_stand_in_another_loop() -> None:
    """As in a notebook, whose cells run inside one."""

    async def cell() -> float:
        env = simpy.Environment()
        step = LockStep(env, 0)
        seen: list[float] = []
        step.clock.call_at(2.0, lambda: seen.append(step.clock.now_s))
        env.run(until=3.0)
        step.close()
        return seen[0]

    assert asyncio.run(cell()) == 2.0
