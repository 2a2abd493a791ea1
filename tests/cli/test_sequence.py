"""`twin sequence`: a trace becomes a page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.link import Record
from twin.network.ocpp.wire.trace import TraceFile

Cli = Callable[..., Any]


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """Two stations, a heartbeat each."""
    path = tmp_path / "trace.jsonl"
    writer = TraceFile(path, 0)
    for number, name in enumerate(("CP1", "CP2")):
        writer(Record(float(number), name, Version.V16, False, f'[2,"{number}","Heartbeat",{{}}]', ""))
    writer.close()
    return path


def test_the_page_stands_beside_the_trace(cli: Cli, trace: Path) -> None:
    """Every message, and where to look."""
    page = trace.with_suffix(".html")
    assert cli("sequence", trace) == (0, f"sequence: {page} (2 messages)\n", "")
    assert page.read_text().count("Heartbeat") >= 2


def test_one_station_and_the_last_message_can_be_asked_for(cli: Cli, trace: Path) -> None:
    """What is left out is told."""
    out = trace.with_name("cp2.html")
    assert cli("sequence", trace, "--station", "CP2", "--out", out).out == f"sequence: {out} (1 messages)\n"
    assert cli("sequence", trace, "--last", "1", "--out", out).out.endswith(
        "(1 messages, 1 earlier ones left out)\n"
    )


def test_what_cannot_be_shown_is_one_sentence(cli: Cli, trace: Path) -> None:
    """A station that is not there, a file that is none, a file that is no trace."""
    assert cli("sequence", trace, "--station", "CP9")[::2] == (
        2,
        f"{trace}: no message of CP9; it has CP1, CP2\n",
    )
    assert "cannot be read" in cli("sequence", trace.with_name("no.jsonl")).err
    trace.write_text("<html>")
    assert cli("sequence", trace)[::2][1].startswith("trace.jsonl:1: no line of a trace")
