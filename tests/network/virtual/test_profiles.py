"""Charging profiles at a virtual station: what it refuses, and how it says so."""

from __future__ import annotations

import pytest

from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.errors import CallFailed, Code

SCHEDULE = {
    "chargingRateUnit": "A",
    "startSchedule": "2026-01-01T00:00:00Z",
    "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 8.0}],
}
DEFAULT = {"stackLevel": 0, "chargingProfilePurpose": "TxDefaultProfile", "chargingProfileKind": "Absolute"}


def test_an_unknown_connector_of_16_is_an_error(make):
    """1.6 errata 3.39: PropertyConstraintViolation, not a refusal."""
    bench = make(Version.V16).start()
    bench.until(60.0)
    profile = {"chargingProfileId": 1, **DEFAULT, "chargingSchedule": SCHEDULE}
    with pytest.raises(CallFailed) as error:
        bench.ask("SetChargingProfile", {"connectorId": 7, "csChargingProfiles": profile})
    assert error.value.code == Code.PROPERTY_CONSTRAINT_VIOLATION.value


def test_an_unknown_evse_of_201_is_refused_by_name(make):
    """2.0.1 K01.FR.28."""
    bench = make(Version.V201).start()
    bench.until(60.0)
    profile = {"id": 1, **DEFAULT, "chargingSchedule": [{"id": 1, **SCHEDULE}]}
    answer = bench.ask("SetChargingProfile", {"evseId": 7, "chargingProfile": profile})
    info = {"reasonCode": "InvalidValue", "additionalInfo": "UnknownEvse"}
    assert answer == {"status": "Rejected", "statusInfo": info}
