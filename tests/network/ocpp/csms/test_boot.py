"""Who is served, from when on, and what is refused until then."""

from __future__ import annotations

from typing import Any

import pytest

from twin.domain.events import Booted, Connected, Disconnected
from twin.network.ocpp.csms.csms import UnknownStation
from twin.network.ocpp.csms.quirks import Quirks
from twin.network.ocpp.csms.station import BootState, StationPolicy
from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.errors import LinkLost

from .rig import Rig, looped, turns

EVERY = pytest.mark.parametrize("version", list(Version), ids=lambda one: one.number)


@EVERY
@looped
async def test_accepted(version: Version) -> None:
    """An accepted station learns time and interval, and is told once to the sink."""
    rig = Rig()
    rig.csms.register("CP1", StationPolicy(interval_s=60))
    answer = await rig.connect(version=version).boot()
    assert answer == {"currentTime": "2026-01-01T00:16:40.000Z", "interval": 60, "status": "Accepted"}
    (booted,) = rig.told(Booted)
    assert (booted.rebooted, booted.vendor, booted.model) == (True, "Maker", "M2" if version.two else "M1")
    assert rig.station().boot is BootState.ACCEPTED


@EVERY
@pytest.mark.parametrize("boot", ["pending", "rejected"])
@looped
async def test_not_accepted_is_refused(version: Version, boot: Any) -> None:
    """Until it is accepted, a station's other calls are refused with SecurityError (B02.FR.09, B03.FR.07)."""
    rig = Rig()
    rig.csms.register("CP1", StationPolicy(boot=boot, interval_s=20))
    charger = rig.connect(version=version)
    answer = await charger.boot()
    assert (answer["status"], answer["interval"]) == (boot.capitalize(), 20)
    assert await charger.refused("Heartbeat") == "SecurityError"
    assert rig.told(Booted) == []
    rig.csms.register("CP1", StationPolicy())
    assert (await charger.boot())["status"] == "Accepted"
    assert await charger.say("Heartbeat") == {"currentTime": "2026-01-01T00:16:40.000Z"}


@looped
async def test_pending_may_report() -> None:
    """A pending station may send the report it was asked for, which its boot gate lets pass."""
    rig = Rig()
    rig.csms.register("CP1", StationPolicy(boot="pending"))
    charger = rig.connect(version=Version.V201)
    await charger.boot()
    report = {"requestId": 1, "generatedAt": charger.at(), "seqNo": 0}
    assert (
        await charger.refused("NotifyReport", **report) == "NotSupported"
    )  # passed the gate, no part took it


@looped
async def test_pending_may_send_what_was_triggered() -> None:
    """What a TriggerMessage asked for is taken from a pending station, nothing else."""
    rig = Rig()
    rig.csms.register("CP1", StationPolicy(boot="pending"))
    charger = rig.connect()
    await charger.boot()
    assert await charger.refused("Heartbeat") == "SecurityError"
    await rig.csms.call("CP1", "TriggerMessage", {"requestedMessage": "Heartbeat"})
    assert "currentTime" in await charger.say("Heartbeat")


@EVERY
@looped
async def test_reconnect_needs_no_boot(version: Version) -> None:
    """A station that was accepted before is served at its first message after a reconnect."""
    rig = Rig()
    charger = await rig.booted(version=version)
    charger.link.drop()
    await turns()
    assert rig.station().endpoint is None
    charger = rig.connect(version=version)
    assert "currentTime" in await charger.say("Heartbeat")
    assert [one.rebooted for one in rig.told(Booted)] == [True, False]
    assert len(rig.told(Connected)) == 2
    assert len(rig.told(Disconnected)) == 1


@looped
async def test_acceptance_survives_a_restart() -> None:
    """After a restart of ours a station that was accepted needs no BootNotification."""
    rig = Rig()
    await rig.booted()
    rig = rig.again()
    charger = rig.connect()
    assert "currentTime" in await charger.say("Heartbeat")
    assert rig.told(Booted)[0].model == "M1"


@looped
async def test_unknown_station_may_not_connect() -> None:
    """Where only known stations may connect, another one is refused by name."""
    rig = Rig(accept="known")
    rig.csms.register("CP1")
    assert rig.csms.admits("CP1")
    assert not rig.csms.admits("CP2")
    with pytest.raises(UnknownStation, match="CP2: not registered"):
        rig.connect("CP2")


@looped
async def test_last_connection_wins() -> None:
    """A second connection of one identity closes the first, and the first one's end changes nothing."""
    rig = Rig()
    old = await rig.booted()
    new = await rig.booted()
    await turns()
    assert old.link.closed == (1000, "replaced by a newer connection")
    assert rig.station().endpoint is not None
    assert "currentTime" in await new.say("Heartbeat")


@looped
async def test_policy_survives_a_restart() -> None:
    """What an operator decided about a station is in the journal, quirks and all."""
    rig = Rig()
    policy = StationPolicy(
        boot="pending",
        password_hashes=("x", "y"),
        evses=(1, 2),
        items_per_message={"GetVariables": 3},
        quirks=Quirks(boot_wait_s=1.0, measurands=("Voltage",)),
    )
    rig.csms.register("CP9", policy)
    rig = rig.again()
    assert rig.station("CP9").policy == policy
    rig.csms.register("CP10")
    assert [one.index for one in rig.csms.stations.values()] == [0, 1]


@looped
async def test_message_ids_never_repeat() -> None:
    """Ids of our calls differ over connections and over restarts of ours (2.0.1 part 4, 4.1.4)."""
    rig = Rig()
    seen = []
    for _ in range(2):
        for _ in range(2):
            charger = await rig.booted()
            charger.replies["ClearCache"] = {"status": "Accepted"}
            await rig.csms.call("CP1", "ClearCache", {})
            seen.append(charger.link.other.sent[-1].split('"')[1])
            charger.link.drop()
            await turns()
        rig = rig.again()
    assert len(set(seen)) == 4


@looped
async def test_call_of_an_absent_station() -> None:
    """A call to a station that is not connected fails at once, by name."""
    rig = Rig()
    rig.csms.register("CP1")
    with pytest.raises(LinkLost, match="CP1: not connected"):
        await rig.csms.call("CP1", "ClearCache", {})


@looped
async def test_two_parts_may_not_answer_the_same() -> None:
    """A table with an action twice is a defect that is told when the system is built."""
    rig = Rig()
    with pytest.raises(ValueError, match="two parts answer it"):
        type(rig.csms)(rig.clock, rig.journal, (*rig.core.parts, *rig.core.parts), rig.facts.append)
