"""Events, frames, metrics, tokens of the API, and its documentation."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from twin.errors import SettingsError
from twin.network.api.access import Access, Role
from twin.network.api.app import application
from twin.network.api.errors import LARGEST_BODY
from twin.network.api.events import KEPT, EventLog


def test_events_are_numbered_and_filtered(tell: Any) -> None:
    """After a boot there is a Connected and a Booted; `next` leads on."""

    async def story(world: Any) -> None:
        await world.station()
        page = (await world.ask("GET", "/v1/events?station=CP1", role="read")).json()
        kinds = [one["kind"] for one in page["events"]]
        assert kinds[:2] == ["Connected", "Booted"]
        assert page["missed"] is False
        again = (await world.ask("GET", f"/v1/events?after={page['next']}")).json()
        assert again["events"] == []

    tell(story)


def test_a_question_that_waits_is_answered_by_the_next_event(tell: Any) -> None:
    """A firmware notice arrives while it waits."""

    async def story(world: Any) -> None:
        station = await world.station()
        last = world.system.events.last
        asking = asyncio.ensure_future(world.ask("GET", f"/v1/events?after={last}&wait=30"))
        for _ in range(50):
            await asyncio.sleep(0)
        assert not asking.done()
        await station.call("FirmwareStatusNotification", {"status": "Installed"})
        events = (await asking).json()["events"]
        assert (events[0]["kind"], events[0]["body"]) == ("notice.firmware", {"status": "Installed"})

    tell(story)


def test_a_question_that_waits_in_vain_comes_back_empty(tell: Any) -> None:
    """After its time."""

    async def story(world: Any) -> None:
        response = await world.ask("GET", "/v1/events?after=0&wait=0.01")
        assert response.json() == {"events": [], "next": 0, "missed": False}

    tell(story)


def test_a_stream_sends_events_with_their_numbers(tell: Any) -> None:
    """Server-sent events, from a number on, until the system stops."""

    async def story(world: Any) -> None:
        for n in range(3):
            world.system.events.tell("CP1", "test", {"n": n})
        world.system.events.wait = None  # nothing may wait: the stream must end by `stopping`
        original = world.system.events.after

        def once(*args: Any, **more: Any) -> Any:
            world.system.stopping = True
            return original(*args, **more)

        world.system.events.after = once
        headers = {"Accept": "text/event-stream", "Last-Event-ID": "1"}
        response = await world.ask("GET", "/v1/events", headers=headers)
        assert response.headers["content-type"].startswith("text/event-stream")
        blocks = response.text.strip().split("\n\n")
        assert [block.split("\n")[0] for block in blocks] == ["id: 2", "id: 3"]

    tell(story)


def test_who_is_too_slow_is_told_that_events_are_missed(tell: Any) -> None:
    """Two more than are kept, of ten stations."""

    async def story(world: Any) -> None:
        events: EventLog = world.system.events
        for n in range(KEPT + 2):
            events.tell(f"CP{n % 10}", "test", {})
        assert events.after(0, limit=1).missed
        assert not events.after(2, limit=1).missed
        assert events.after(KEPT + 99, limit=1).missed

    tell(story)


def test_metrics_need_no_token_and_count(tell: Any) -> None:
    """One station online, frames in both directions."""

    async def story(world: Any) -> None:
        await world.station()
        text = (await world.ask("GET", "/metrics", role="")).text
        assert 'twin_stations{state="online"} 1.0' in text
        assert 'twin_frames_total{direction="in"}' in text
        assert "twin_transactions_open 0.0" in text

    tell(story)


def test_deviations_are_events_and_metrics(tell: Any) -> None:
    """An idTag that is too long is tolerated and told."""

    async def story(world: Any) -> None:
        station = await world.station()
        await station.endpoint.call("Authorize", {"idTag": "X" * 25}, validate=False)
        events = (await world.ask("GET", "/v1/events")).json()["events"]
        told = [one["body"] for one in events if one["kind"] == "deviation"]
        assert told[-1]["action"] == "Authorize"
        assert "twin_deviations_total" in (await world.ask("GET", "/metrics")).text

    tell(story)


@pytest.mark.parametrize("header", ["", "Basic abc", "Bearer", "Bearer wrong", "Bearer token-of-read-2"])
def test_without_a_valid_token_nothing_is_told(tell: Any, header: str) -> None:
    """401 with a hint."""

    async def story(world: Any) -> None:
        headers = {"Authorization": header} if header else {}
        response = await world.ask("GET", "/v1/stations", role="", headers=headers)
        assert (response.status_code, response.json()["code"]) == (401, "unauthorised")
        assert response.headers["www-authenticate"] == "Bearer"

    tell(story)


def test_a_token_file_has_names_roles_and_tokens(tmp_path: Path) -> None:
    """Comments and empty lines are allowed."""
    path = tmp_path / "tokens"
    path.write_text("# who\ngrafana read 0123456789abcdef\n\nshift stop fedcba9876543210 # night\n")
    access = Access.from_file(path)
    assert access.holder("fedcba9876543210") == ("shift", Role.STOP)
    assert access.holder("0123456789abcdeF") is None


@pytest.mark.parametrize(
    "text", ["anna read short", "anna king 0123456789abcdef", "0123456789abcdef", "# nothing"]
)
def test_a_token_file_that_is_wrong_is_named_without_its_secrets(tmp_path: Path, text: str) -> None:
    """The line's number is told, its text is not."""
    path = tmp_path / "tokens"
    path.write_text(text)
    with pytest.raises(SettingsError) as error:
        Access.from_file(path)
    assert "0123456789abcdef" not in str(error.value)
    assert "short" not in str(error.value)


def test_every_route_is_documented(tell: Any) -> None:
    """Summary and errors of each; the calls say what they do."""

    async def story(world: Any) -> None:
        paths = application(world.system).openapi()["paths"]
        assert "/v1/stations/{identity}/calls/{action}" in paths
        for path, methods in paths.items():
            for method, route in methods.items():
                assert route["summary"], (method, path)
                if path.startswith("/v1"):
                    assert "401" in route["responses"], (method, path)

    tell(story)


def test_a_body_that_is_too_large_is_refused_whoever_sends_it(tell: Any) -> None:
    """With its length told, and in chunks without."""

    async def chunks() -> Any:
        for _ in range(9):
            yield b" " * 1024 * 1024

    async def story(world: Any) -> None:
        told = await world.ask("PUT", "/v1/stations/CP1", role="", content=b" " * (LARGEST_BODY + 1))
        assert (told.status_code, told.json()["code"]) == (413, "too-large")
        silent = await world.ask("PUT", "/v1/stations/CP1", content=chunks())
        assert silent.status_code in {400, 413}
        assert not world.system.csms.stations

    tell(story)
