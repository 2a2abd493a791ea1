"""The loopback server in a thread of its own, so that blocking code beside it may call it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from twin.money.payments.server import sockets
from twin.money.payments.server.loopback import Loopback

T = TypeVar("T")
HOST: Final = "127.0.0.1"


class LoopbackThread:
    """Runs a `Loopback` in a thread; use it as a context manager.

    Args:
        make: Makes the server, on its loop.
        port: To listen on; 0: any that is free.
    """

    def __init__(self, make: Callable[[asyncio.AbstractEventLoop], Loopback], port: int = 0) -> None:
        self._make = make
        self._port = port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="stripe-loopback", daemon=True)
        self._serving: set[asyncio.Task[None]] = set()
        self.server: Loopback
        self.url = ""

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self._do(self._start())
        except BaseException:
            self._stop_loop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._do(self._end())
        self._stop_loop()

    def call(self, action: Callable[[Loopback], T]) -> T:
        """Do something on the server's loop and return what it returned."""

        async def run() -> T:
            return action(self.server)

        return self._do(run())

    def advance(self, t_s: float) -> None:
        """See `Loopback.advance`."""
        self._do(self.server.advance(t_s))

    def settle(self) -> None:
        """See `Loopback.settle`."""
        self._do(self.server.settle())

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _start(self) -> None:
        self.server = self._make(self._loop)
        self._listening = await asyncio.start_server(self._connected, HOST, self._port)
        self.url = f"http://{HOST}:{self._listening.sockets[0].getsockname()[1]}"

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        await sockets.serve(reader, writer, self.server.answer)

    async def _end(self) -> None:
        self._listening.close()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        await self.server.close()

    def _stop_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
