"""Whatever happens in whatever order, a station that keeps to its version ends at the newest wish."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.network.ocpp.csms.scripted import Bench, Charger, play, settle
from twin.network.ocpp.csms.lanes import Stage
from twin.network.ocpp.csms.limits import Limit
from twin.network.ocpp.versions import Version

LIMITS_W = st.sampled_from([0.0, 4140.0, 6900.0, 11040.0, 22080.0])
STEPS = st.one_of(
    st.tuples(st.just("limit"), LIMITS_W),
    st.tuples(st.just("leased"), LIMITS_W),
    st.sampled_from([("start", 0), ("stop", 0), ("drop", 0), ("boot", 0), ("meter", 0)]),
    st.tuples(st.just("refuse"), st.integers(1, 3)),
    st.tuples(st.just("silent"), st.integers(1, 2)),
    st.tuples(st.just("pass"), st.sampled_from([1, 40, 500, 2000])),
)


class Moody(Charger):
    """Refuses or ignores its next calls about profiles; counts how many of them are open at once."""

    refuse = silent = open = most = 0

    def on_SetChargingProfile(self, body: dict[str, Any]) -> Any:  # noqa: N802
        if self.silent:
            self.silent -= 1
            return asyncio.get_running_loop().create_future()
        if self.refuse:
            self.refuse -= 1
            return {"status": "Rejected"}
        return self._slowly(body)

    async def _slowly(self, body: dict[str, Any]) -> dict[str, Any]:
        self.open += 1
        self.most = max(self.most, self.open)
        await asyncio.sleep(0)
        self.open -= 1
        return super().on_SetChargingProfile(body)

    def expire(self) -> None:
        """Drop what is past its validity."""
        now = self.now()
        self.profiles = {key: one for key, one in self.profiles.items() if one.get("validTo", "9") > now}


async def act(bench: Bench, charger: Moody, step: tuple[str, Any]) -> None:
    kind, value = step
    online = bench.csms.stations["cp-1"].online
    if kind == "limit":
        bench.charging.set_limit("cp-1", 1, Limit(limit_w=value))
    elif kind == "leased":
        bench.charging.set_limit("cp-1", 1, Limit(limit_w=value, fallback_w=6900.0))
    elif kind == "start" and online and charger.transaction is None:
        await charger.start()
    elif kind == "stop" and online and charger.transaction is not None:
        await charger.stop()
    elif kind == "meter" and online:
        charger.expire()
        await charger.meter()
    elif kind == "drop" and online:
        charger.endpoint.drop()
    elif kind == "boot":
        await bench.boot(charger)
    elif kind == "refuse":
        charger.refuse = value
    elif kind == "silent":
        charger.silent = value
    elif kind == "pass":
        await bench.until(bench.clock.now_s + value)


@settings(max_examples=100, deadline=None)
@given(steps=st.lists(STEPS, max_size=14), version=st.sampled_from(list(Version)))
def test_the_newest_wish_wins_in_the_end(steps: list[tuple[str, Any]], version: Version) -> None:
    """After any story: once the station is back and takes what it gets, it obeys the wish; one call at a time."""

    async def story() -> None:
        bench, charger = Bench(), Moody(version=version)
        await bench.boot(charger)
        for step in [*steps, ("limit", 5520.0)]:
            await act(bench, charger, step)
            await settle()
        charger.refuse = charger.silent = 0
        await bench.until(bench.clock.now_s + 200.0)
        await bench.boot(charger)
        await bench.until(bench.clock.now_s + 200.0)
        if charger.transaction is None:
            await charger.start()
        charger.expire()
        assert charger.obeyed_a() == 8.0
        await bench.until(bench.clock.now_s + 20.0)
        assert await charger.meter() == 8.0
        lane = bench.charging.lane("cp-1", 1)
        assert lane is not None
        assert lane.stage is Stage.VERIFIED
        assert charger.most <= 1
        assert bench.disobeyed() == []

    play(story)
