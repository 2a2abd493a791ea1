"""A central system in memory, its API without a socket, and stations on pipes that answer from a script."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from twin.network.api.access import Role
from twin.network.api.app import application
from twin.network.api.compose import Options, System
from twin.network.api.files import FileService
from twin.network.clock import LoopClock
from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.endpoint import Endpoint
from twin.network.ocpp.wire.errors import Code, Refusal
from twin.network.ocpp.wire.pipe import counter, pipe
from twin.store.memory import MemoryJournal

EPOCH_NS = 1_767_225_600 * 1_000_000_000
BOOT = {
    Version.V16: {"chargePointVendor": "Acme", "chargePointModel": "One"},
    Version.V201: {"reason": "PowerUp", "chargingStation": {"vendorName": "Acme", "model": "One"}},
}
BOOT[Version.V21] = BOOT[Version.V201]


class ScriptedStation:
    """A station at the other end of a pipe. `answers` maps an action to a payload, or to a function of the request."""

    def __init__(self, system: System, identity: str, version: Version, answers: Mapping[str, Any]) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self._answers = answers
        mine, theirs = pipe(version, identity)
        self.version = version
        self.endpoint = Endpoint(
            mine, self._handle, clock=system.clock, station_side=True, new_id=counter(identity)
        )
        mine.join(self.endpoint)
        theirs.join(system.csms.attach(theirs, "127.0.0.1:1"))

    async def boot(self) -> dict[str, Any]:
        """Say BootNotification and let the set-up that follows run dry."""
        answer = await self.call("BootNotification", BOOT[self.version])
        for _ in range(300):
            await asyncio.sleep(0)
        self.asked.clear()
        return answer

    async def call(self, action: str, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Call the central system."""
        return await self.endpoint.call(action, dict(payload))

    def _handle(self, action: str, payload: dict[str, Any]) -> Any:
        self.asked.append((action, payload))
        answer = self._answers.get(action)
        if answer is None:
            raise Refusal(Code.NOT_SUPPORTED, "not in the script")
        return answer(payload) if callable(answer) else answer


class World:
    """What a test holds in hand."""

    def __init__(self, folder: Path, journal: MemoryJournal, options: Options) -> None:
        self.journal = journal
        clock = LoopClock(asyncio.get_running_loop(), EPOCH_NS)
        files = FileService(folder, "http://testserver", largest=1000)
        self.system = System(clock, journal, options, files=files)
        self.system.restore()
        for role in Role:
            self.system.access.grant(role.name.lower(), role, f"token-of-{role.name.lower()}-1")
        self.api = httpx.AsyncClient(
            transport=httpx.ASGITransport(application(self.system)), base_url="http://testserver"
        )

    async def ask(self, method: str, path: str, *, role: str = "operate", **more: Any) -> httpx.Response:
        """Ask the API with the token of a role; none where the role is empty."""
        headers = dict(more.pop("headers", {}))
        if role:
            headers["Authorization"] = f"Bearer token-of-{role}-1"
        return await self.api.request(method, path, headers=headers, **more)

    async def station(
        self, version: Version = Version.V16, identity: str = "CP1", **answers: Any
    ) -> ScriptedStation:
        """Return a registered station that is connected and booted."""
        self.system.csms.register(identity)
        one = ScriptedStation(self.system, identity, version, answers)
        await one.boot()
        return one


Story = Callable[[World], Awaitable[None]]


@pytest.fixture
def tell(tmp_path: Path) -> Callable[..., None]:
    """Return what runs a story in a new world."""

    def run(story: Story, *, journal: MemoryJournal | None = None, options: Options = Options()) -> None:  # noqa: B008
        async def all_of_it() -> None:
            world = World(tmp_path / "files", journal or MemoryJournal(keep=True), options)
            try:
                await story(world)
            finally:
                await world.api.aclose()
                world.system.csms.close()
                for _ in range(20):
                    await asyncio.sleep(0)

        asyncio.run(all_of_it())

    return run
