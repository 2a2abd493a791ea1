"""Several EVSEs keep together within what is allowed for the whole station."""

from __future__ import annotations

import pytest

from twin.network.ocpp.versions import Version


def top(version: Version, amps: float) -> dict[str, object]:
    """The payload that sets a maximum of the station."""
    schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": amps}]}
    start = {"startSchedule": "2026-01-01T00:00:00Z"}
    common = {"stackLevel": 0, "chargingProfileKind": "Absolute"}
    if version is Version.V16:
        named = {"chargingProfileId": 1, "chargingProfilePurpose": "ChargePointMaxProfile", **common}
        return {"connectorId": 0, "csChargingProfiles": {**named, "chargingSchedule": {**schedule, **start}}}
    named = {"id": 1, "chargingProfilePurpose": "ChargingStationMaxProfile", **common}
    return {"evseId": 0, "chargingProfile": {**named, "chargingSchedule": [{"id": 1, **schedule, **start}]}}


@pytest.mark.parametrize("version", Version)
def test_two_cars_share_the_maximum_of_their_station(make, version):
    """20 A per phase: one car has its 16 A, two have 10 A each, and the one that stays has 16 A again."""
    bench = make(version, specs=(make.evse(1), make.evse(2))).start()
    bench.until(60.0)
    action = "SetChargingProfile"
    assert bench.ask(action, top(version, 20.0))["status"] == "Accepted"
    bench.charge("A", row=0)
    bench.until(120.0)
    assert bench.fleet.limit_w[0] == pytest.approx(16 * 690.0)
    bench.charge("B", row=1)
    bench.until(180.0)
    assert list(bench.fleet.limit_w) == pytest.approx([10 * 690.0, 10 * 690.0])
    bench.unplug(row=0)
    bench.until(240.0)
    assert bench.fleet.limit_w[1] == pytest.approx(16 * 690.0)
