"""A central system in a process of its own that kills itself, and the parent that starts it again by forking.

Reads one number per line: at which event the next central system dies (0: never). An event is a frame that came in
before it is handled, a commit that was asked for before it is written, and a frame that goes out before it is sent:
the last two of a transaction message lie on either side of its commit; so is a transaction whose messages are about to
be made one. Writes `port N PID` and `died`.

Further arguments: `compact` has messages made one all the time; `answer-early` and `count-twice` make it wrong in one
way each, which the test must notice.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence

from twin.network.clock import LoopClock
from twin.network.ocpp.csms.core import Core
from twin.network.ocpp.csms.csms import Csms
from twin.network.ocpp.csms.summary import Compaction
from twin.network.ocpp.csms.transaction import Transaction
from twin.network.ocpp.csms.transactions16 import Transactions16
from twin.network.ocpp.wire.admission import Open
from twin.network.ocpp.wire.server import Listen, serve
from twin.store.sql import SqlJournal

EPOCH_NS = 1_767_225_600 * 1_000_000_000
COMPACT_S = 0.002


class Doomed(SqlJournal):
    """A journal whose process dies at its `left`-th event."""

    left = 0
    early = False
    """Whether messages about transactions are answered before they are safe."""
    kind = ""

    def event(self, *_: object) -> None:
        """One event more."""
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def commit(self) -> asyncio.Future[None] | None:
        """Count what is asked for, not what is done."""
        future = super().commit()
        if future is not None:
            self.event()
        return None if self.early and self.kind.startswith("transaction.") else future

    def append(self, stream: str, kind: str, body: Mapping[str, object], /) -> int:
        """Remember what it was."""
        self.kind = kind
        return super().append(stream, kind, body)

    def replace(self, numbers: Sequence[int], stream: str, kind: str, body: Mapping[str, object], /) -> None:
        """Count it; it may be under way when the next event kills."""
        self.event()
        super().replace(numbers, stream, kind, body)


async def _serve(url: str, left: int, how: Sequence[str]) -> None:
    clock = LoopClock(asyncio.get_running_loop(), EPOCH_NS)
    journal = Doomed(url)
    core = Core(clock, journal, lambda _: None, unknown_tokens="accept")
    csms = Csms(clock, journal, core.parts, core.desk.sink, accept="any", trace=journal.event, desk=core.desk)
    csms.restore()
    journal.early = "answer-early" in how
    if "count-twice" in how:
        Transaction.knows = lambda *_: False  # type: ignore[method-assign]
        Transactions16._same = lambda *_: None  # type: ignore[method-assign]
    if "compact" in how:
        Compaction(core.ledger, journal, clock, every_s=COMPACT_S).start()
    journal.left = left
    server = await serve(csms.attach, [Listen()], gate=Open(), clock=clock)
    sys.stdout.write(f"port {server.ports[0]} {os.getpid()}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


def main() -> None:
    """Start central systems as long as somebody asks for one."""
    for line in iter(sys.stdin.readline, ""):
        child = os.fork()
        if child == 0:
            asyncio.run(_serve(sys.argv[1], int(line), sys.argv[2:]))
        os.waitpid(child, 0)
        sys.stdout.write("died\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
