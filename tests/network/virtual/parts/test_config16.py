"""Configuration keys of 1.6."""

import pytest

from twin.network.ocpp.wire.errors import Refusal
from twin.network.virtual.parts.config16 import change_configuration, get_configuration
from twin.network.virtual.variables import Access, Kind, Variable, Variables

INTERVAL = Variable(
    component="OCPPCommCtrlr", variable="HeartbeatInterval", key="HeartbeatInterval",
    kind=Kind.INTEGER, default="300", low=1,
)  # fmt: skip
MODEL = Variable(component="C", variable="Model", key="Model", access=Access.READ, default="x")
SECRET = Variable(component="C", variable="Password", key="AuthorizationKey", access=Access.WRITE)
LATER = Variable(component="C", variable="Url", key="Url", reboot=True, default="a")
ONLY_TWO = Variable(component="C", variable="NoKey")


@pytest.fixture
def variables():
    made = Variables()
    for variable in (INTERVAL, MODEL, SECRET, LATER, ONLY_TWO):
        made.define(variable)
    return made


def change(variables, key, value, checks=None):
    return change_configuration(variables, {"key": key, "value": value}, checks or {})["status"]


def test_all_keys_are_told(variables):
    """Without `key` every key is answered; what 1.6 has no name for is not."""
    told = get_configuration(variables, {}, 10)
    assert [k["key"] for k in told["configurationKey"]] == [
        "HeartbeatInterval",
        "Model",
        "AuthorizationKey",
        "Url",
    ]
    assert "unknownKey" not in told


def test_some_keys_are_told_and_the_unknown_named(variables):
    """Keys are found whatever their case; unknown ones are listed."""
    told = get_configuration(variables, {"key": ["heartbeatinterval", "Nothing"]}, 10)
    assert told == {
        "configurationKey": [{"key": "HeartbeatInterval", "readonly": False, "value": "300"}],
        "unknownKey": ["Nothing"],
    }


def test_a_password_is_never_told(variables):
    """What can only be written is listed without its value."""
    variables.write(SECRET, "hunter2")
    told = get_configuration(variables, {"key": ["AuthorizationKey"]}, 10)
    assert told["configurationKey"] == [{"key": "AuthorizationKey", "readonly": False}]


def test_too_many_keys_are_refused(variables):
    """Three keys where two fit are answered with an error."""
    with pytest.raises(Refusal):
        get_configuration(variables, {"key": ["a", "b", "c"]}, 2)


@pytest.mark.parametrize(
    ("key", "value", "status"),
    [
        ("HeartbeatInterval", "60", "Accepted"),
        ("HeartbeatInterval", " 60 ", "Accepted"),
        ("HeartbeatInterval", "0", "Rejected"),
        ("HeartbeatInterval", "soon", "Rejected"),
        ("Model", "y", "Rejected"),
        ("Nothing", "1", "NotSupported"),
        ("Url", "b", "RebootRequired"),
    ],
)
def test_changes_are_judged(variables, key, value, status):
    """A good value is taken, a bad one and a read-only key are rejected, an unknown key is not supported."""
    assert change(variables, key, value) == status


def test_what_needs_a_reboot_waits_for_it(variables):
    """The old value counts until the station has booted."""
    change(variables, "Url", "b")
    assert variables.text(LATER) == "a"
    variables.rebooted()
    assert variables.text(LATER) == "b"


def test_a_check_has_the_last_word(variables):
    """A value of the right type is rejected where the state of the station forbids it."""
    assert change(variables, "HeartbeatInterval", "60", {INTERVAL.name: lambda text: False}) == "Rejected"
    assert variables.text(INTERVAL) == "300"
