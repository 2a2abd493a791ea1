"""Network connection profiles of 2.x."""

import pytest

from twin.network.virtual import catalogue as c
from twin.network.virtual.parts import standard
from twin.network.virtual.parts.configuration import Configuration
from twin.network.virtual.parts.network import Network, Profile

OTHER = {
    "ocppCsmsUrl": "ws://other.example/ocpp", "securityProfile": 1, "messageTimeout": 20, "ocppVersion": "OCPP20",
    "ocppTransport": "JSON", "ocppInterface": "Wired0",
}  # fmt: skip
APN = {"apn": "internet", "apnAuthentication": "AUTO"}


def fit(host, able=lambda _security: True):
    standard.define(host)
    return Network(host, able)


def give(host, part, slot=2, **more):
    asked = {"configurationSlot": slot, "connectionData": {**OTHER, **more}}
    return host.obey(part, "SetNetworkProfile", asked)["status"]


def order(host, part, text):
    """Set NetworkConfigurationPriority over the wire, and reboot where that is needed."""
    item = {
        "component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "NetworkConfigurationPriority"},
        "attributeValue": text,
    }  # fmt: skip
    config = Configuration(host, lambda _security: True, part.orders)
    answer = host.obey(config, "SetVariables", {"setVariableData": [item]})["setVariableResult"][0]
    host.variables.rebooted()
    part.booted()
    return answer["attributeStatus"]


@pytest.mark.parametrize(
    ("slot", "more"),
    [
        (999, {}), (1, {}), (2, {"ocppCsmsUrl": "http://x"}), (2, {"ocppCsmsUrl": "ws://"}),
        (2, {"securityProfile": 2}), (2, {"securityProfile": 4, "ocppCsmsUrl": "wss://x"}),
        (2, {"securityProfile": -1}), (2, {"messageTimeout": -1}), (2, {"ocppTransport": "SOAP"}),
        (2, {"ocppVersion": "OCPP16"}), (2, {"apn": APN}),
    ],
)  # fmt: skip
def test_a_profile_that_cannot_be_used_is_rejected(host, slot, more):
    """Unknown slots, the one in use, wrong URLs, other versions, modems: each is rejected and not kept."""
    part = fit(host)
    assert give(host, part, slot, **more) == "Rejected"
    assert list(host.store.rows("network-profiles")) == []


def test_a_lower_security_profile_is_rejected(host):
    """From profile 2 there is no way back to 1 (B09.FR.04)."""
    part = fit(host)
    host.variables.write(standard.SECURITY_PROFILE, "2")
    host.variables.rebooted()
    assert give(host, part) == "Rejected"
    assert give(host, part, ocppCsmsUrl="wss://x", securityProfile=2) == "Accepted"


def test_a_profile_is_dialled_after_the_next_boot(host):
    """Stored, put first, rebooted; its message time-out holds once it works."""
    part = fit(host)
    assert give(host, part) == "Accepted"
    assert part.profile is None
    assert order(host, part, "2,1") == "RebootRequired"
    assert part.profile == Profile("ws://other.example/ocpp", 1, 20)
    assert host.variables.text(standard.ACTIVE_SLOT) == "1"
    assert part.up()
    assert host.variables.text(standard.ACTIVE_SLOT) == "2"
    assert host.variables.integer(c.MESSAGE_TIMEOUT) == 20
    assert not part.up()


def test_the_next_slot_is_tried_after_the_attempts(host):
    """Two attempts each: 2, 2, 1, 1, 2; a boot begins with the first."""
    part = fit(host)
    host.variables.write(standard.CONNECTION_ATTEMPTS, "2")
    give(host, part)
    order(host, part, "2,1")
    slots = []
    for _ in range(5):
        slots.append(part.slot)
        part.failed()
    assert slots == ["2", "2", "1", "1", "2"]
    part.failed()
    part.failed()
    part.booted()
    assert part.slot == "2"


def test_the_slot_that_worked_last_is_tried_at_the_end(host):
    """Where it stands in no order any more: 2 fails, then 1 (B10.FR.07)."""
    part = fit(host)
    host.variables.write(standard.CONNECTION_ATTEMPTS, "1")
    give(host, part)
    order(host, part, "2")
    part.failed()
    assert part.slot == "1"


@pytest.mark.parametrize("text", ["", "3", "2,3", "7"])
def test_an_order_of_slots_that_are_not_set_is_rejected(host, text):
    """Only 1 and 2 are set."""
    part = fit(host)
    give(host, part)
    assert order(host, part, text) == "Rejected"


def test_a_slot_without_the_certificates_it_needs_is_no_choice(host):
    """Stored, but not to be put into the order (A05.FR.02, A05.FR.03)."""
    part = fit(host, able=lambda security: security < 3)
    assert give(host, part, ocppCsmsUrl="wss://x", securityProfile=3) == "Accepted"
    assert order(host, part, "2,1") == "Rejected"


def test_a_higher_security_profile_is_for_ever(host):
    """Once it worked, slot 1 is out of the order and cannot come back (A05.FR.06)."""
    part = fit(host)
    give(host, part, ocppCsmsUrl="wss://x", securityProfile=2)
    order(host, part, "2,1")
    assert part.up()
    assert host.variables.text(standard.SECURITY_PROFILE) == "2"
    assert host.variables.text(standard.PRIORITY) == "2"
    assert order(host, part, "2,1") == "Rejected"
