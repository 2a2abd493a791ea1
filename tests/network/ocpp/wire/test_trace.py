"""Traces as JSON lines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.link import Record
from twin.network.ocpp.wire.trace import Masker, TraceFile, read

EPOCH_NS = 1_767_225_600 * 1_000_000_000


@pytest.mark.parametrize(
    "frame",
    [
        '[2,"1","ChangeConfiguration",{"key":"AuthorizationKey","value":"SECRET"}]',
        '[2,"1","ChangeConfiguration",{"value":"SECRET","key":"AuthorizationKey"}]',
        '[2,"1","ChangeConfiguration",{"key" : "AuthorizationKey", "value" : "a\\"SECRET"}]',
        '[2,"1","SetVariables",{"setVariableData":[{"attributeValue":"SECRET","component":{"name":"SecurityCtrlr"},"variable":{"name":"BasicAuthPassword"}}]}]',
        '[2,"1","SetVariables",{"setVariableData":[{"component":{"name":"SecurityCtrlr"},"variable":{"name":"BasicAuthPassword"},"attributeValue":"SECRET"}]}]',
        '[2,"1","SetNetworkProfile",{"connectionData":{"vpn":{"password":"SECRET"}}}]',
        '[2,"1","SetNetworkProfile",{"connectionData":{"apn":{"apnPassword":"SECRET"}}}]',
        '[2,"1","GetDiagnostics",{"location":"ftp://user:SECRET@host/x"}]',
        '[2,"1","Authorize",{"idTag":"SECRET"}]',
        '[2,"1","Authorize",{"idToken":{"idToken":"SECRET","type":"ISO14443"}}]',
        '[2,"1","Authorize",{"idTag":"SECRET"',
    ],
)
def test_secrets_are_masked(frame: str) -> None:
    """Keys, passwords, tokens, in either order, in addresses, and in half a frame."""
    masked = Masker()(frame)
    assert "SECRET" not in masked
    assert "***" in masked


def test_the_rest_stays_as_it_was() -> None:
    """Only the secret of several values is masked, and what is masked is JSON still."""
    frame = (
        '[2,"1","SetVariables",{"setVariableData":['
        '{"attributeValue":"10","component":{"name":"A"},"variable":{"name":"HeartbeatInterval"}},'
        '{"attributeValue":"SECRET","component":{"name":"S"},"variable":{"name":"BasicAuthPassword"}}]}]'
    )
    assert [one["attributeValue"] for one in json.loads(Masker()(frame))[3]["setVariableData"]] == [
        "10",
        "***",
    ]


def test_tokens_may_be_left_readable() -> None:
    """For debugging with the operator's own cards."""
    frame = '[2,"1","Authorize",{"idTag":"CARD"}]'
    assert Masker(tokens=False)(frame) == frame


def test_records_are_read_back(tmp_path: Path) -> None:
    """One line each, appended to what is there."""
    records = [
        Record(1.5, "CP1", Version.V16, False, '[2,"1","Heartbeat",{}]', ""),
        Record(1.5, "CP1", Version.V16, True, "[]", "not-an-array"),
    ]
    path = tmp_path / "trace.jsonl"
    for record in records:
        trace = TraceFile(path, EPOCH_NS)
        trace(record)
        trace.close()
    assert read(path) == (EPOCH_NS, True, tuple(records))


def test_a_line_that_a_crash_cut_short_is_left_out(tmp_path: Path) -> None:
    """Only as the last one; elsewhere it is an error that names its line."""
    path = tmp_path / "trace.jsonl"
    trace = TraceFile(path, EPOCH_NS)
    trace(Record(0.0, "CP1", Version.V201, True, "[]", ""))
    trace.close()
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:20])
    assert len(read(path).records) == 1
    path.write_bytes(whole + whole[:20] + b"\n" + whole)
    with pytest.raises(ValueError, match=r"trace\.jsonl:3"):
        read(path)


def test_times_count_from_the_first_epoch(tmp_path: Path) -> None:
    """The second start was an hour later: its 1.5 s are 3,601.5 s of the trace."""
    path = tmp_path / "trace.jsonl"
    for later_s in (0, 3_600):
        trace = TraceFile(path, EPOCH_NS + later_s * 1_000_000_000)
        trace(Record(1.5, "CP1", Version.V16, True, "[]", ""))
        trace.close()
    assert [record.t_s for record in read(path).records] == [1.5, 3_601.5]


def test_what_is_older_than_a_second_survives_a_kill(tmp_path: Path) -> None:
    """Nobody closed the file: the record of second 1 is there, with all before it."""
    path = tmp_path / "trace.jsonl"
    trace = TraceFile(path, EPOCH_NS)
    for t_s in (0.5, 1.0):
        trace(Record(t_s, "CP1", Version.V16, True, "[]", ""))
    assert [record.t_s for record in read(path).records] == [0.5, 1.0]
    trace.close()


def test_another_file_is_no_trace(tmp_path: Path) -> None:
    """One clear sentence, with the line."""
    path = tmp_path / "report.html"
    path.write_text("<html>")
    with pytest.raises(ValueError, match=r"report\.html:1: no line of a trace"):
        read(path)
