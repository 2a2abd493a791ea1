"""What is remembered of what happened, and for whom."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from twin.network.api.events import EventLog

CLOCK: Any = SimpleNamespace(now_s=0.0, epoch_ns=0)


def test_a_station_that_floods_pushes_out_its_own_events_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Six are kept, three of one station: after ten of the noisy one, the quiet one's is still there."""
    monkeypatch.setattr("twin.network.api.events.KEPT", 6)
    monkeypatch.setattr("twin.network.api.events.KEPT_OF_ONE", 3)
    log = EventLog(CLOCK)
    log.tell("quiet", "x", {})
    for _ in range(10):
        log.tell("noisy", "x", {})
    page = log.after(0, limit=10)
    assert [(event.number, event.station) for event in page.events] == [
        (1, "quiet"),
        (9, "noisy"),
        (10, "noisy"),
        (11, "noisy"),
    ]
    assert (page.next, page.missed) == (11, True)
    assert not log.after(8, limit=10).missed
    assert [event.number for event in log.after(0, limit=2).events] == [1, 9]
    assert log.after(0, limit=2).next == 9


def test_many_stations_push_out_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two are kept: of three stations the first is forgotten."""
    monkeypatch.setattr("twin.network.api.events.KEPT", 2)
    log = EventLog(CLOCK)
    for name in "abc":
        log.tell(name, "x", {})
    assert [event.station for event in log.after(0, limit=9).events] == ["b", "c"]
    assert log.after(0, limit=9).missed
    assert not log.after(1, limit=9, station="c").missed
