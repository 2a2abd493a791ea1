"""What a central system may send, and what becomes of it: no message is forgotten."""

import sys

import pytest

from twin.network.api.catalogue import actions
from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.errors import Code, Refusal
from twin.network.virtual.parts.fit import outfit
from twin.network.virtual.unsupported import WHY_NOT

NOT_SUPPORTED = {
    Version.V16: set(),
    Version.V201: {"PublishFirmware", "UnpublishFirmware"},
    Version.V21: {
        "AFRRSignal", "ClearDERControl", "GetDERControl", "NotifyAllowedEnergyTransfer", "NotifyWebPaymentStarted",
        "PublishFirmware", "RequestBatterySwap", "SetDERControl", "UnpublishFirmware",
    },
}  # fmt: skip
NUMBER = {Version.V16: 26, Version.V201: 40, Version.V21: 55}


@pytest.mark.parametrize("version", list(Version))
def test_every_action_is_handled_or_refused_with_a_reason(make, version):
    """The schemas' messages that stations do not send themselves: each has a handler, or a reason why not."""
    station = make(version, fit=outfit).station
    table = {}
    for action in sorted(actions(version)):
        handled = (version, action) in station._handlers
        table[action] = "handled" if handled else f"not supported: {WHY_NOT[action]}"
    sys.stdout.writelines(f"{version.number:6}{action:30}{what}\n" for action, what in table.items())
    refused = {action for action, what in table.items() if what != "handled"}
    assert refused == NOT_SUPPORTED[version]
    assert len(table) == NUMBER[version]


@pytest.mark.parametrize(
    ("version", "action"), [(version, action) for version, names in NOT_SUPPORTED.items() for action in sorted(names)]
)  # fmt: skip
def test_what_is_not_supported_is_said_with_its_reason(make, version, action):
    """The answer is NotSupported, and tells why."""
    station = make(version, fit=outfit).station
    with pytest.raises(Refusal) as told:
        station.handle(action, {})
    assert told.value.code is Code.NOT_SUPPORTED
    assert str(told.value).endswith(WHY_NOT[action])


def test_no_reason_is_left_over():
    """Each action with a reason is refused in some version."""
    assert set(WHY_NOT) == set().union(*NOT_SUPPORTED.values())
