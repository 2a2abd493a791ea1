"""The hands at virtual stations, over HTTP."""

import asyncio

import httpx
import pytest

from twin.cli.station_api import app, serve
from twin.network.clock import LoopClock
from twin.network.ocpp.versions import Version
from twin.network.virtual.dial import Target
from twin.network.virtual.guests import default_evses
from twin.network.virtual.load import Load, LoadOptions

NOWHERE = Target(url="ws://127.0.0.1:1")


def with_api(steps, guests=()):
    """Run `steps(client, load)` against the API of one station that finds no central system."""

    async def run():
        clock = LoopClock(asyncio.get_running_loop(), 1_767_225_600 * 10**9, 1_000.0)
        load = Load(NOWHERE, default_evses(1), LoadOptions(version=Version.V201), clock, guests)
        load.start()
        transport = httpx.ASGITransport(app(load))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            await steps(client, load)
        await load.stop()

    asyncio.run(run())


AT = "/v1/stations/TWIN-1/evses/1"


def test_plug_present_and_unplug():
    """A car comes, a card is shown, the car leaves: each step is seen in the answer."""

    async def steps(client, load):
        plugged = await client.post(f"{AT}/plug", json={"model": "vw-id3-pro", "soc": 0.5, "energy_kwh": 10})
        assert plugged.json()["evses"][0]["status"] == "Occupied"
        assert (await client.post(f"{AT}/plug", json={})).status_code == 409
        assert (await client.post(f"{AT}/present", json={"token": "A"})).status_code == 200
        assert (await client.post(f"{AT}/ready", json={"on": False})).status_code == 200
        gone = await client.post(f"{AT}/unplug")
        assert gone.json()["evses"][0]["plugged"] is False
        assert (await client.post(f"{AT}/unplug")).status_code == 409
        assert (await client.post(f"{AT}/ready", json={"on": True})).status_code == 409
        assert (await client.post(f"{AT}/plug", json={})).status_code == 200

    with_api(steps)


def test_power_and_faults():
    """Without mains a station is down; an unknown fault is named with those that are known."""

    async def steps(client, load):
        cut = await client.post("/v1/stations/TWIN-1/power", json={"on": False})
        assert cut.json()["up"] is False
        assert (await client.post("/v1/stations/TWIN-1/power", json={"on": True})).status_code == 200
        assert (await client.post("/v1/stations/TWIN-1/faults/refuse", json={"on": True})).status_code == 200
        assert (await client.post("/v1/stations/TWIN-1/faults/refuse", json={"on": False})).status_code == 200
        unknown = await client.post("/v1/stations/TWIN-1/faults/crash", json={"on": True})
        assert (unknown.status_code, "drop" in unknown.text) == (404, True)
        assert (await client.get("/v1/summary")).json()["faults"] == {"refuse": 1}

    with_api(steps)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/stations/NOBODY/evses/1/plug", {}, 404),
        ("/v1/stations/TWIN-1/evses/2/plug", {}, 404),
        (f"{AT}/plug", {"model": "horse"}, 422),
        (f"{AT}/plug", {"soc": 2}, 422),
        (f"{AT}/plug", {"soc": 1.0, "energy_kwh": -1}, 422),
        (f"{AT}/present", {"token": ""}, 422),
    ],
)
def test_what_cannot_be_done_says_why(path, body, status):
    """Unknown places, cars and values have their own status."""

    async def steps(client, load):
        assert (await client.post(path, json=body)).status_code == status

    with_api(steps)


def test_stations_are_shown():
    """Status, meter and screen of each station."""

    async def steps(client, load):
        [one] = (await client.get("/v1/stations")).json()
        shown = (await client.get("/v1/stations/TWIN-1")).json()
        assert (one["identity"], one["up"], one["online"]) == ("TWIN-1", True, False)
        assert shown["display"] == []
        assert (await client.get("/v1/stations/NOBODY")).status_code == 404

    with_api(steps)


def test_it_listens_where_it_says_and_to_nobody_else():
    """A request under a name that is not this machine's is refused."""

    async def run():
        clock = LoopClock(asyncio.get_running_loop(), 0)
        load = Load(NOWHERE, default_evses(1), LoadOptions(version=Version.V16), clock)
        async with serve(load, "127.0.0.1:0") as address, httpx.AsyncClient() as client:
            assert (await client.get(f"http://{address}/v1/stations")).status_code == 200
            foreign = await client.get(f"http://{address}/v1/stations", headers={"Host": "evil.example"})
            assert foreign.status_code == 400

    asyncio.run(run())
