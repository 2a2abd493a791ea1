"""What is seen of virtual stations while they run, and told at the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.live import Live
from rich.table import Table

from twin.network.virtual.load import Load

_RECENT = 2_000
"""Answers of which the table shows percentiles."""


class View:
    """A table that is drawn anew, on a terminal; nothing elsewhere.

    Args:
        console: Where.
        load: What.
    """

    def __init__(self, console: Console, load: Load) -> None:
        self._load = load
        self._live = (
            Live(console=console, auto_refresh=False, transient=True) if console.is_terminal else None
        )
        self._before = (0.0, 0)

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, passed_s: float) -> None:
        """Draw it, `passed_s` after the begin."""
        if self._live is not None:
            self._live.update(self._table(passed_s), refresh=True)

    def _table(self, passed_s: float) -> Table:
        load, answers = self._load, self._load.answers
        sent = sum(answers.calls.values())
        before_s, before = self._before
        rate = (sent - before) / (passed_s - before_s) if passed_s > before_s else 0.0
        self._before = (passed_s, sent)
        table = Table(title=f"{len(load.stations.stations)} virtual stations, {passed_s:.0f} s")
        for heading in (
            "online",
            "charging",
            "cars",
            "calls/s",
            "p50 ms",
            "p95 ms",
            "p99 ms",
            "errors",
            "queued",
        ):
            table.add_column(heading, justify="right")
        recent = [
            f"{answers.percentile_ms(p, _RECENT):.1f}" if answers.latency_s else "-" for p in (50, 95, 99)
        ]
        errors = str(sum(answers.errors.values()))
        table.add_row(
            str(load.online), str(load.charging), str(load.guests.came), f"{rate:.0f}", *recent, errors,
            str(load.queued),
        )  # fmt: skip
        return table


def lines(summary: Mapping[str, Any]) -> Iterator[str]:
    """Yield the sentences of a summary, for people."""
    yield (
        f"{summary['stations']} stations, {summary['online']} online at the end, {summary['cars']} cars, "
        f"{summary['seconds']:g} s, {summary['cpu_s']:g} s of CPU"
    )
    yield (
        f"connections: {summary['connections']} opened, {summary['lost']} lost, {summary['refused']} refused"
    )
    for reason, number in summary["reasons"].items():
        yield f"  {number} x {reason}"
    yield f"calls: {summary['calls']} sent, {summary['answered']} answered, {summary['queued']} wait"
    if summary["p50_ms"] is not None:
        yield "answers: " + ", ".join(f"p{p} {summary[f'p{p}_ms']:.1f} ms" for p in (50, 95, 99))
    for title, key in (
        ("errors", "errors"),
        ("deviations of the central system", "deviations"),
        ("faults", "faults"),
    ):
        if summary[key]:
            yield f"{title}: " + ", ".join(f"{name} {number}" for name, number in summary[key].items())
