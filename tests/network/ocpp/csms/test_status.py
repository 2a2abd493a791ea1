"""What statuses say of connectors and cables."""

from __future__ import annotations

import pytest

from twin.domain.events import (
    CablePlugged,
    CableUnplugged,
    ChargingSuspended,
    Faulted,
    Recovered,
    StatusReported,
)
from twin.network.ocpp.versions import Version

from .rig import Rig, looped

CABLE = (CablePlugged, CableUnplugged, ChargingSuspended, Faulted, Recovered)


def _names(rig: Rig) -> list[str]:
    return [type(fact).__name__ for fact in rig.told(*CABLE)]


@looped
async def test_session_of_16() -> None:
    """Preparing means a car, Available after the transaction that it left; the same status twice says nothing."""
    rig = Rig()
    charger = await rig.booted()
    for status in (
        "Available",
        "Preparing",
        "Preparing",
        "Charging",
        "SuspendedEV",
        "SuspendedEV",
        "Finishing",
    ):
        await charger.status(status)
    await charger.status("Available")
    assert _names(rig) == ["CablePlugged", "ChargingSuspended", "CableUnplugged"]
    assert len(rig.told(StatusReported)) == 8
    assert rig.station().evse(1).status == "Available"


@pytest.mark.parametrize("version", [Version.V201, Version.V21], ids=lambda one: one.number)
@looped
async def test_occupied_and_available_of_2x(version: Version) -> None:
    """Occupied is a car, Available none."""
    rig = Rig()
    charger = await rig.booted(version=version)
    for status in ("Occupied", "Available"):
        await charger.status(status)
    assert _names(rig) == ["CablePlugged", "CableUnplugged"]


@looped
async def test_fault_and_recovery() -> None:
    """Faulted tells why; any other status after it is a recovery."""
    rig = Rig()
    charger = await rig.booted()
    await charger.status("Faulted", errorCode="GroundFailure", vendorErrorCode="E7")
    await charger.status("Available")
    faulted, recovered = rig.told(*CABLE)
    assert (faulted.error, faulted.evse) == ("GroundFailure E7", "CP1/1")
    assert isinstance(recovered, Recovered)


@looped
async def test_connector_0_is_the_station() -> None:
    """The status of connector 0 is kept, and says nothing of a cable."""
    rig = Rig()
    charger = await rig.booted()
    await charger.status("Available", connector=0)
    await charger.status("Faulted", connector=0)
    assert _names(rig) == []
    assert rig.station().evse(0).status == "Faulted"


@looped
async def test_older_status_does_not_overwrite() -> None:
    """A status from a queue that is older than the last one is noted, not believed."""
    rig = Rig()
    charger = await rig.booted()
    await charger.status("Charging")
    await charger.status("Available", timestamp=charger.at(500.0))
    assert rig.station().evse(1).status == "Charging"
    assert rig.rules() == ["older-status"]


@looped
async def test_a_clock_that_was_ahead_and_is_set_is_believed() -> None:
    """Two hours ahead it said Charging and 7 kW; after its boot the clock is right, and what it says now counts."""
    rig = Rig()
    charger = await rig.booted()
    await charger.status("Charging", timestamp=charger.at(8_200.0))
    await charger.values(8_200.0, 7000, measurand="Power.Active.Import")
    charger = await rig.booted()
    await rig.go_to(1_010.0)
    await charger.status("Available", timestamp=charger.at(1_010.0))
    await charger.values(1_010.0, 0, measurand="Power.Active.Import")
    evse = rig.station().evse(1)
    assert (evse.status, evse.status_s) == ("Available", 1_010.0)
    assert evse.readings == {("Power.Active.Import", ""): (1_010.0, 0.0)}
    assert "older-status" not in rig.rules()


@looped
async def test_status_survives_a_restart() -> None:
    """Status and cable are known again; the same status then is no news."""
    rig = Rig()
    await (await rig.booted()).status("Preparing")
    rig = rig.again()
    assert rig.station().evse(1).status == "Preparing"
    assert rig.core.statuses.plugged("CP1", 1)
    charger = await rig.booted()
    await charger.status("Charging")
    assert _names(rig) == []


@looped
async def test_available_during_a_transaction_waits_for_its_end() -> None:
    """The cable is out only when the transaction is over, however it is told."""
    rig = Rig()
    charger = await rig.booted()
    await charger.status("Preparing")
    await charger.start(990.0)
    await charger.status("Available")
    assert _names(rig) == ["CablePlugged"]
    await charger.stop(1, 999.0, 1500)
    assert _names(rig) == ["CablePlugged", "CableUnplugged"]
