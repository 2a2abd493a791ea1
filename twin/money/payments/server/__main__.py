"""Run the loopback server for other programs: `python -m twin.money.payments.server --port 12111`."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
import time
from collections.abc import Callable

from twin.money.payments.faults import Faults
from twin.money.payments.server.loopback import KEY, Loopback
from twin.money.payments.server.thread import LoopbackThread
from twin.network.clock import LoopClock

PORT = 12_111


def main(arguments: list[str], wait: Callable[[], None]) -> int:
    """Serve until `wait` returns; real time, on this machine only.

    Args:
        arguments: Of the command line.
        wait: Returns when the server shall end.
    """
    parser = argparse.ArgumentParser(prog="python -m twin.money.payments.server", description=__doc__)
    parser.add_argument("--port", type=int, default=PORT, help="to listen on, 0 for any (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of names and faults (%(default)s)")
    parser.add_argument("--faults", action="store_true", help="let things go wrong at the assumed rates")
    parser.add_argument("--webhooks", metavar="URL", help="send every event there")
    chosen = parser.parse_args(arguments)
    faults = Faults() if chosen.faults else Faults.none()

    def make(loop: asyncio.AbstractEventLoop) -> Loopback:
        clock = LoopClock(loop, time.time_ns())
        return Loopback(clock, faults=faults, seed=chosen.seed, sleep=chosen.faults)

    with LoopbackThread(make, chosen.port) as thread:
        sys.stdout.write(f"listening on {thread.url}, key {KEY}\n")
        if chosen.webhooks:
            endpoint = thread.call(lambda server: server.deliveries.register(chosen.webhooks, ["*"]))
            sys.stdout.write(f"webhooks to {endpoint.url}, signed by {endpoint.secret}\n")
        sys.stdout.flush()
        wait()
    return 0


def _until_interrupted() -> None:
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            time.sleep(3_600.0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], _until_interrupted))
