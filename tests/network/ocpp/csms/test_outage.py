"""Twenty stations are cut off for ten minutes, go on charging, and tell it all when they are back."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from twin.domain.events import TransactionEnded, TransactionStarted
from twin.network.ocpp.versions import Version
from twin.rng import stream

from .rig import Charger, Rig, looped, turns

CUT_S, BACK_S = 2000.0, 2600.0
VERSIONS = (Version.V16, Version.V201, Version.V16, Version.V21)


def _last(number: int) -> int:
    """Step 10 (2,500 s, cut off) ends every second transaction, step 12 (2,700 s, back again) the others."""
    return 10 if number % 2 else 12


async def _session(charger: Charger, number: int, steps: list[int], **more: Any) -> None:
    """Tell steps of station `number`'s transaction, 100 s apart: 0 starts it at 1,500 s, the last one ends it."""
    last = _last(number)
    for step in steps:
        t_s, wh = 1500.0 + 100.0 * step, 1000 * number + 11 * step
        if charger.link.version.two:
            kind = "Started" if step == 0 else "Ended" if step == last else "Updated"
            await charger.event(kind, step, t_s, float(wh), id=f"T{number}", **more)
        elif step == 0:
            await charger.start(t_s, tag=f"TAG{number}", meter=wh)
        elif step == last:
            await charger.stop((number - 1) * 1_000_000 + 1, t_s, wh)
        else:
            await charger.values(t_s, wh, (number - 1) * 1_000_000 + 1)


@pytest.mark.parametrize("seed", range(5))
@looped
async def test_ten_minutes_cut_off(seed: int) -> None:
    """Half are stopped while cut off, queues of 2.x come shuffled: all complete, once, at their times, exact."""
    rig = Rig(now_s=1400.0)
    draw = stream(seed, "outage")
    identities = [f"CP{number:02d}" for number in range(1, 21)]
    for identity in identities:
        rig.csms.register(identity)
    chargers = [await rig.booted(identity, VERSIONS[place % 4]) for place, identity in enumerate(identities)]
    await rig.go_to(CUT_S)
    await asyncio.gather(*(_session(one, k, list(range(6))) for k, one in enumerate(chargers, 1)))
    for charger in chargers:
        charger.link.drop()
    await turns()
    await rig.go_to(BACK_S)
    for number in (draw.permutation(20) + 1).tolist():
        version = VERSIONS[(number - 1) % 4]
        charger = rig.connect(identities[number - 1], version)
        queue = list(range(6, 11))
        if version.two:
            queue = [int(step) for step in draw.permutation(queue)]
        await _session(charger, number, queue, **({"offline": True} if version.two else {}))
        chargers[number - 1] = charger
    await rig.go_to(2700.0)
    for number in range(2, 21, 2):
        await _session(chargers[number - 1], number, [11, 12])
    for number, identity in enumerate(identities, 1):
        (transaction,) = rig.transactions(identity)
        last = _last(number)
        assert (transaction.started_s, transaction.ended_s) == (1500.0, 1500.0 + 100.0 * last)
        assert (transaction.energy_wh, transaction.complete) == (11.0 * last, True)
        facts = [fact for fact in rig.told(TransactionStarted, TransactionEnded) if fact.station == identity]
        assert [type(fact) for fact in facts] == [TransactionStarted, TransactionEnded]
        assert facts[1].register_wh == 1000.0 * number + 11.0 * last
