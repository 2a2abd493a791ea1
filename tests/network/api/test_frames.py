"""The latest frames of stations."""

import asyncio

from twin.network.api.frames import PER_STATION, TOTAL_BYTES, Frames
from twin.network.clock import LoopClock
from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.link import Record


async def told(stations, frames, characters):
    """Return what is kept of so many frames of so many stations."""
    kept = Frames(LoopClock(asyncio.get_running_loop(), 0))
    for number in range(frames):
        for station in range(stations):
            text = str(number).ljust(characters, "x")
            kept.record(Record(0.0, f"S{station}", Version.V201, False, text, ""))
    return kept


def test_a_station_alone_has_its_last_twenty_frames():
    """Of thirty frames the last twenty are shown, oldest first."""
    shown = asyncio.run(told(1, 30, 1_000)).of("S0", 100)
    assert len(shown) == PER_STATION
    assert str(shown[0]["text"]).rstrip("x") == "10"
    assert str(shown[-1]["text"]).rstrip("x") == "29"


def test_many_stations_share_the_room():
    """A thousand stations with frames of 1,700 characters keep two each: 4,000 bytes, 2,000 a frame; the latest."""
    assert TOTAL_BYTES == 4_000_000
    kept = asyncio.run(told(1_000, 5, 1_700))
    assert [str(one["text"]).rstrip("x") for one in kept.of("S7", 100)] == ["3", "4"]
