"""Schemas of all messages, and what was added to them."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire import schemas

V16, V201, V21 = Version.V16, Version.V201, Version.V21


@pytest.mark.parametrize(("version", "count"), [(V16, 39), (V201, 64), (V21, 91)])
def test_every_message_of_every_version_compiles(version: Version, count: int) -> None:
    """39, 64 and 91 actions; the one that 2.1 sends unconfirmed has no response."""
    actions = schemas.actions(version)
    assert len(actions) == count
    for action in actions:
        assert schemas.requests(version)[action]
        if action in schemas.unconfirmed(version):
            assert action not in schemas.responses(version)
        else:
            assert schemas.responses(version)[action]


@pytest.mark.parametrize("name", ["Fly", "../v16/schemas/Heartbeat", "BootNotificationResponse", ""])
def test_a_name_that_is_no_action_is_a_key_error_and_not_kept(name: str) -> None:
    """What a peer sends as action never becomes a path, nor grows a table."""
    known = schemas.requests(V201)
    before = len(known)
    with pytest.raises(KeyError):
        known[name]
    assert len(known) == before
    assert name not in known


STATUS_2: dict[str, Any] = {
    "timestamp": "2026-01-01T00:00:00Z",
    "connectorStatus": "Available",
    "evseId": 1,
    "connectorId": 1,
}
STATUS_16: dict[str, Any] = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("2026-01-01T00:00:00Z", True),
        ("2026-01-01T00:00:00.123+02:00", True),
        ("2026-02-30T00:00:00Z", False),
        ("2026-01-01T00:00:00", False),
        ("2026-01-01 00:00:00Z", False),
        ("yesterday", False),
        ("", False),
    ],
)
@pytest.mark.parametrize("version", Version)
def test_instants_are_rfc_3339(version: Version, text: str, right: bool) -> None:
    """With date, time and offset, and of a day that exists."""
    payload = {**(STATUS_2 if version.two else STATUS_16), "timestamp": text}
    assert schemas.requests(version)["StatusNotification"].valid(payload) is right


@pytest.mark.parametrize(
    ("version", "action", "payload", "path", "bad"),
    [
        (V16, "StatusNotification", STATUS_16, "connectorId", -1),
        (V201, "StatusNotification", STATUS_2, "evseId", -1),
        (V21, "StatusNotification", STATUS_2, "connectorId", -1),
        (V201, "GetTransactionStatus", {"transactionId": "a-1"}, "transactionId", "a b"),
        (V21, "GetTransactionStatus", {"transactionId": "a-1"}, "transactionId", "a/b"),
        (V201, "Authorize", {"idToken": {"idToken": "AA", "type": "ISO14443"}}, "idToken.idToken", "ä"),
        (V16, "StatusNotification", STATUS_16, "connectorId", float("nan")),
        (V16, "StatusNotification", STATUS_16, "connectorId", float("inf")),
    ],
)
def test_ranges_and_alphabets_are_checked(
    version: Version, action: str, payload: dict[str, Any], path: str, bad: object
) -> None:
    """What the schemas of OCPP leave to the text of the specification."""
    schema = schemas.requests(version)[action]
    assert schema.valid(payload)
    spoilt: Any = copy.deepcopy(payload)
    *steps, last = path.split(".")
    holder = spoilt
    for step in steps:
        holder = holder[step]
    holder[last] = bad
    assert not schema.valid(spoilt)
    assert path.replace(".", "/") in schemas.check(schema, spoilt)


def test_a_token_of_2_1_may_hold_any_text() -> None:
    """It is no identifierString any more."""
    payload = {"idToken": {"idToken": "ä b", "type": "Local"}}
    assert schemas.requests(V21)["Authorize"].valid(payload)


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("Authorize", {"idTag": "SECRET" * 5}),
        ("ChangeConfiguration", {"key": "AuthorizationKey", "value": "SECRET" * 100}),
    ],
)
def test_what_is_wrong_with_a_secret_is_said_without_it(action: str, payload: dict[str, Any]) -> None:
    """The words go to logs, traces and CALLERRORs."""
    text = schemas.check(schemas.requests(V16)[action], payload)
    assert "breaks the rule maxLength" in text
    assert "SECRET" not in text
