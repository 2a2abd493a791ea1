"""OCPP by others, as a process of Node: an end that says what the test wants said, and refuses what is no OCPP."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from twin.network.ocpp.wire.link import Record

NODE = Path(__file__).parent / "node"
PATIENCE_S = 60.0
_LONGEST_LINE = 1 << 22


class Said(NamedTuple):
    """A call that the other end received."""

    identity: str
    action: str
    payload: dict[str, Any]


class Refused(Exception):
    """A command that did not succeed: an OCPP error, or no connection."""

    def __init__(self, error: dict[str, Any]) -> None:
        self.code: str = error["code"]
        super().__init__(f"{error['code']}: {error['why']}")


def needs_packages() -> None:
    """Say what to do where the packages of npm are missing."""
    missing = not (NODE / "node_modules" / "ocpp-rpc").is_dir()
    assert not missing, "packages of npm are missing: run `make interop-packages`"


class Bridge:
    """The other end. `answer` maps (version, action, payload) to what it answers."""

    def __init__(
        self, process: asyncio.subprocess.Process, answer: Callable[[str, str, dict[str, Any]], Any]
    ) -> None:
        self._process, self._answer = process, answer
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self.said: list[Said] = []
        self.failures: list[dict[str, Any]] = []
        """What its strict mode found, in either direction."""

    async def read(self) -> None:
        """Take its lines until it ends."""
        assert self._process.stdout is not None
        async for text in self._process.stdout:
            line = json.loads(text)
            if "ask" in line:
                self.said.append(Said(line["identity"], line["action"], line["payload"]))
                version = line["protocol"].removeprefix("ocpp")
                self._write(
                    {"reply": line["ask"], "payload": self._answer(version, line["action"], line["payload"])}
                )
            elif "failure" in line:
                self.failures.append(line["failure"])
            elif "error" in line:
                self._waiting.pop(line["done"]).set_exception(Refused(line["error"]))
            else:
                self._waiting.pop(line["done"]).set_result(line["result"])

    def do(self, what: str, **more: Any) -> Awaitable[Any]:
        """Give a command; the awaitable is its result. Raises `Refused`."""
        number = len(self._waiting) + 1
        while number in self._waiting:
            number += 1
        self._waiting[number] = asyncio.get_running_loop().create_future()
        self._write({"id": number, "do": what, **more})
        return self._waiting[number]

    async def call(self, identity: str, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        """Call our end; return its answer. Raises `Refused`."""
        answer: dict[str, Any] = await self.do("call", identity=identity, action=action, payload=payload)
        return answer

    def told(self, identity: str, action: str) -> list[dict[str, Any]]:
        """Return the payloads of what it received from a station, or for one."""
        return [s.payload for s in self.said if (s.identity, s.action) == (identity, action)]

    def _write(self, line: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(line).encode() + b"\n")


@asynccontextmanager
async def bridge(answer: Callable[[str, str, dict[str, Any]], Any]) -> AsyncIterator[Bridge]:
    """Run the other end; it is gone when the context ends."""
    needs_packages()
    process = await asyncio.create_subprocess_exec(
        "node", "bridge.mjs", cwd=NODE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, limit=_LONGEST_LINE
    )
    one = Bridge(process, answer)
    reading = asyncio.create_task(one.read())
    try:
        yield one
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()
        await reading


async def until(happened: Callable[[], Any], what: str) -> None:
    """Wait for something; fail when it does not come."""
    for _ in range(int(PATIENCE_S * 100)):
        if happened():
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"did not happen: {what}")


def check(records: Iterable[tuple[str, Record]]) -> dict[str, Any]:
    """Hold frames, each with the name of its run, against schemas that belong to neither end."""
    needs_packages()
    lines = (
        json.dumps({
            "group": f"{run} {record.station}",
            "version": record.version.number,
            "outbound": record.outbound,
            "frame": record.frame,
        })
        for run, record in records
    )  # fmt: skip
    done = subprocess.run(
        ["node", "check.mjs"], cwd=NODE, input="\n".join(lines), capture_output=True, text=True, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found
