"""PyPI `ocpp-csms` as the central system of our 1.6 stations: the same stories as with Node."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections import Counter
from typing import Any

import ocpp_csms
from ocpp.charge_point import camel_to_snake_case, remove_nones, snake_to_camel_case
from ocpp.v16 import call

from . import words
from .our_stations import Told, by_card, by_remote, offline, stations


class PythonCentral:
    """Speaks like `Bridge` to the stories."""

    def __init__(self, told: Told) -> None:
        self._told = told
        self._refused: set[str] = set()
        self.events: Counter[str] = Counter()
        self.server = ocpp_csms.CentralSystem(
            host="127.0.0.1", port=0, heartbeat_interval=86_400, ping_interval=None, authenticate=self._let_in
        )
        self.server.add_listener(lambda event: self.events.update([type(event).__name__]))

    async def _let_in(self, identity: str, _password: str | None) -> bool:
        return identity not in self._refused

    async def call(self, identity: str, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        """Call a station."""
        request = getattr(call, action)(**camel_to_snake_case(payload))
        answer = await self.server.charge_points[identity].async_call(request)
        return dict(snake_to_camel_case(remove_nones(dataclasses.asdict(answer))))

    async def do(self, what: str, *, identity: str) -> None:
        """Refuse a station, or admit it again."""
        if what == "admit":
            self._refused.discard(identity)
        else:
            self._refused.add(identity)
            await self.server.charge_points[identity].async_disconnect()

    def told(self, identity: str, action: str) -> list[dict[str, Any]]:
        """Return what a station told and was answered, from its own trace."""
        frames = [(r.outbound, json.loads(r.frame)) for r in self._told.records if r.station == identity]
        answered = {frame[1] for outbound, frame in frames if not outbound and frame[0] == 3}
        return [
            frame[3]
            for outbound, frame in frames
            if outbound and frame[0] == 2 and frame[2] == action and frame[1] in answered
        ]


async def at_ocpp_csms() -> Told:
    """Tell the stories of transactions."""
    told = Told()
    central = PythonCentral(told)
    async with (
        central.server as server,
        stations(f"ws://127.0.0.1:{server.port}", words.V16, told, 3) as load,
    ):
        await asyncio.gather(
            by_card(central, load, words.V16, told),
            by_remote(central, load, words.V16, told),
            offline(central, load, words.V16, told),
        )
        configuration = await server.charge_points["TWIN-1"].async_get_configuration()
    told.facts |= {"configuration": len(configuration.values), "events": central.events}
    return told
