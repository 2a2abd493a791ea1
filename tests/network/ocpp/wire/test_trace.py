"""Traces as JSON lines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.link import Record
from twin.network.ocpp.wire.trace import Masker, TraceFile, read


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
        trace = TraceFile(path)
        trace(record)
        trace.close()
    assert list(read(path)) == records


def test_a_line_that_a_crash_cut_short_is_left_out(tmp_path: Path) -> None:
    """Only as the last one; elsewhere it is an error that names its line."""
    path = tmp_path / "trace.jsonl"
    trace = TraceFile(path)
    trace(Record(0.0, "CP1", Version.V201, True, "[]", ""))
    trace.close()
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:20])
    assert len(list(read(path))) == 1
    path.write_bytes(whole[:20] + b"\n" + whole)
    with pytest.raises(ValueError, match=r"trace\.jsonl:1"):
        list(read(path))
