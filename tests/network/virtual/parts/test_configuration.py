"""Configuration of both dialects on one store."""

import pytest

from twin.network.ocpp.wire.errors import Refusal
from twin.network.virtual.parts import standard
from twin.network.virtual.parts.configuration import Configuration

HEARTBEAT = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "HeartbeatInterval"}}
CORE_KEYS = {
    "AllowOfflineTxForUnknownId", "AuthorizationCacheEnabled", "AuthorizeRemoteTxRequests",
    "ClockAlignedDataInterval", "ConnectionTimeOut", "ConnectorPhaseRotation", "GetConfigurationMaxKeys",
    "HeartbeatInterval", "LocalAuthorizeOffline", "LocalPreAuthorize", "MeterValuesAlignedData",
    "MeterValuesSampledData", "MeterValueSampleInterval", "NumberOfConnectors", "ResetRetries",
    "StopTransactionOnEVSideDisconnect", "StopTransactionOnInvalidId", "StopTxnAlignedData", "StopTxnSampledData",
    "SupportedFeatureProfiles", "TransactionMessageAttempts", "TransactionMessageRetryInterval",
    "UnlockConnectorOnEVSideDisconnect",
}  # fmt: skip
"""Required keys of 1.6 chapter 9.1."""
OTHER_KEYS = {
    "LocalAuthListEnabled", "LocalAuthListMaxLength", "SendLocalListMaxLength", "ReserveConnectorZeroSupported",
    "ChargeProfileMaxStackLevel", "ChargingScheduleAllowedChargingRateUnit", "ChargingScheduleMaxPeriods",
    "MaxChargingProfilesInstalled", "SupportedFileTransferProtocols", "AuthorizationKey", "CpoName",
    "SecurityProfile", "CertificateSignedMaxChainSize", "CertificateStoreMaxLength", "AdditionalRootCertificateCheck",
}  # fmt: skip
"""Of 9.2 to 9.4 and of the security extension."""


def fit(host):
    standard.define(host)
    return Configuration(host, lambda security: security < 3)


def test_every_required_key_of_16_is_there(host16):
    """All keys of core, local list, reservation, smart charging, firmware and security are told."""
    part = fit(host16)
    told = host16.obey(part, "GetConfiguration", {})["configurationKey"]
    assert (CORE_KEYS | OTHER_KEYS) - {entry["key"] for entry in told} == set()


def test_one_store_serves_both_dialects(host16, make_host):
    """What 1.6 sets as HeartbeatInterval survives as the variable of 2.x."""
    host16.obey(fit(host16), "ChangeConfiguration", {"key": "HeartbeatInterval", "value": "77"})
    later = make_host(store=host16.store)
    told = later.obey(fit(later), "GetVariables", {"getVariableData": [HEARTBEAT]})
    assert told["getVariableResult"][0]["attributeValue"] == "77"


def test_a_full_inventory_comes_in_parts(host):
    """Every variable is told once; parts are numbered from 0 and only the last says that nothing follows."""
    part = fit(host)
    answer = host.obey(part, "GetBaseReport", {"requestId": 5, "reportBase": "FullInventory"})
    parts = host.told("NotifyReport")
    assert answer == {"status": "Accepted"}
    assert [p["seqNo"] for p in parts] == list(range(len(parts)))
    assert [p["tbc"] for p in parts] == [True] * (len(parts) - 1) + [False]
    assert sum(len(p["reportData"]) for p in parts) == len(list(host.variables))
    assert {p["requestId"] for p in parts} == {5}


def test_a_report_of_nothing_is_an_empty_set(host):
    """A component that is not there is EmptyResultSet and no message follows."""
    asked = {"requestId": 1, "componentVariable": [{"component": {"name": "Nothing"}}]}
    assert host.obey(fit(host), "GetReport", asked) == {"status": "EmptyResultSet"}
    assert host.asked == []


def test_too_many_items_are_refused(host):
    """51 variables where 50 fit are answered with an error."""
    with pytest.raises(Refusal):
        host.obey(fit(host), "GetVariables", {"getVariableData": [HEARTBEAT] * 51})


@pytest.mark.parametrize(
    ("value", "status"), [("x" * 15, "Rejected"), ("x" * 16, "Accepted"), ("x" * 41, "Rejected")]
)
def test_a_password_has_16_to_40_characters(host, value, status):
    """Too short and too long passwords are rejected, and none can be read back."""
    named = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}}
    part = fit(host)
    told = host.obey(part, "SetVariables", {"setVariableData": [{**named, "attributeValue": value}]})
    assert told["setVariableResult"][0]["attributeStatus"] == status
    read = host.obey(part, "GetVariables", {"getVariableData": [named]})
    assert "attributeValue" not in read["getVariableResult"][0]


def test_a_security_profile_is_only_raised_in_16(host16):
    """With a password to 2, which the station has the root for; to 3 not without a certificate; never down."""
    part = fit(host16)

    def change(key, value):
        return host16.obey(part, "ChangeConfiguration", {"key": key, "value": value})["status"]

    assert change("SecurityProfile", "2") == "Rejected"
    change("AuthorizationKey", "0123456789abcdef0123")
    told = [change("SecurityProfile", value) for value in ("0", "2", "2", "1", "3", "4", "x")]
    assert told == ["Rejected", "Accepted", *["Rejected"] * 5]


def test_a_security_profile_is_read_only_in_2(host):
    """It follows from the network profile that is in use."""
    part = fit(host)
    item = {
        "component": {"name": "SecurityCtrlr"},
        "variable": {"name": "SecurityProfile"},
        "attributeValue": "1",
    }
    told = host.obey(part, "SetVariables", {"setVariableData": [item]})
    assert told["setVariableResult"][0]["attributeStatus"] == "Rejected"
