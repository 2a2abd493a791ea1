"""The audit log where several people ask at once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from twin.errors import SettingsError
from twin.store.memory import MemoryJournal


class SlowJournal(MemoryJournal):
    """Writes what was appended in one turn of the loop together, as a group commit does."""

    def commit(self) -> Any:
        """Return what is done one turn later."""
        return asyncio.sleep(0)


def test_calls_at_the_same_time_have_each_its_own_outcome(tell: Any) -> None:
    """Two calls whose lines go to the disk together: each line has what its own call came to."""

    async def story(world: Any) -> None:
        await world.station(Reset={"status": "Rejected"}, ClearCache={"status": "Accepted"})
        calls = "/v1/stations/CP1/calls"
        await asyncio.gather(
            world.ask("POST", f"{calls}/Reset", json={"type": "Soft"}),
            world.ask("POST", f"{calls}/ClearCache", json={}),
        )
        lines = (await world.ask("GET", "/v1/audit")).json()["audit"]
        assert {line["what"]: line["outcome"] for line in lines} == {
            "call CP1 Reset": "Rejected",
            "call CP1 ClearCache": "Accepted",
        }

    tell(story, journal=SlowJournal(keep=True))


@pytest.mark.parametrize("text", ['"\\ud800"', str(2**64)])
def test_a_body_that_no_frame_can_hold_is_refused(tell: Any, text: str) -> None:
    """Half a character, a number of 65 bits: 422, nothing is sent and nothing recorded."""

    async def story(world: Any) -> None:
        station = await world.station(DataTransfer={"status": "Accepted"})
        response = await world.ask(
            "POST",
            "/v1/stations/CP1/calls/DataTransfer?validate=off",
            content='{"vendorId": ' + text + "}",
            headers={"Content-Type": "application/json"},
        )
        assert (response.status_code, response.json()["code"]) == (422, "invalid-request")
        assert station.asked == []
        assert (await world.ask("GET", "/v1/audit")).json()["audit"] == []

    tell(story)


class FullJournal(MemoryJournal):
    """Keeps what comes first; then the disk is full."""

    full = False

    def commit(self) -> Any:
        """Fail as the database does."""
        if not self.full:
            return None
        failed = asyncio.get_running_loop().create_future()
        failed.set_exception(SettingsError("x.db: refuses to keep the journal: database or disk is full"))
        return failed


def test_nothing_is_sent_that_cannot_be_audited(tell: Any) -> None:
    """A full disk is 503 with its reason, not a defect of twin."""
    journal = FullJournal(keep=True)

    async def story(world: Any) -> None:
        station = await world.station(ClearCache={"status": "Accepted"})
        journal.full = True
        response = await world.ask("POST", "/v1/stations/CP1/calls/ClearCache", json={})
        assert (response.status_code, response.json()["code"]) == (503, "journal")
        assert "disk is full" in response.json()["error"]
        assert station.asked == []
        journal.full = False

    tell(story, journal=journal)
