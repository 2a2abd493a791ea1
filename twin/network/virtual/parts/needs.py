"""What a car says it needs (2.x K15, NotifyEVChargingNeeds), where it speaks ISO 15118."""

from __future__ import annotations

import math
from typing import NamedTuple

from twin.domain.ports import PlugIn
from twin.domain.specs import EvseSpec
from twin.network.ocpp.wire.link import Payload
from twin.network.virtual.parts.base import Host


class Needs(NamedTuple):
    """What the car tells its station."""

    energy_wh: float
    departure_s: float | None
    """On the station's own clock; None: unknown."""
    phases: int
    """0: DC."""
    min_a: float
    max_a: float
    max_v: float = 230.0
    soc: float | None = None
    """0..1; DC only."""
    capacity_wh: float | None = None


def needs_of(car: PlugIn, evse: EvseSpec, offset_s: float) -> Needs:
    """Return what a car tells at an EVSE.

    Args:
        car: As it was plugged in; its departure is what the driver said.
        evse: Where.
        offset_s: What the station's own clock shows more than that of the run.
    """
    vehicle = car.vehicle
    departure_s = None if math.isnan(car.said_departure_s) else car.said_departure_s + offset_s
    if evse.dc_max_w is None:
        phases = min(vehicle.ac_phases, evse.connection.phases)
        return Needs(car.energy_wh, departure_s, phases, evse.min_a, vehicle.ac_max_a, evse.voltage_v)
    max_a = vehicle.dc_max_w / _DC_V
    soc = car.arrival_wh / vehicle.usable_wh
    return Needs(car.energy_wh, departure_s, 0, 0.0, max_a, _DC_V, soc, vehicle.usable_wh)


_DC_V = 400.0
"""Of the battery: what the catalogue does not say."""
_ALTERNATING = {1: "AC_single_phase", 2: "AC_two_phase", 3: "AC_three_phase"}


def charging_needs(host: Host, needs: Needs) -> Payload:
    """Return a ChargingNeedsType: whole Wh, A and V."""
    told: Payload = {"requestedEnergyTransfer": _ALTERNATING.get(needs.phases, "DC")}
    if needs.departure_s is not None:
        told["departureTime"] = host.stamp(needs.departure_s)
    if needs.phases:
        told["acChargingParameters"] = {
            "energyAmount": round(needs.energy_wh), "evMinCurrent": round(needs.min_a),
            "evMaxCurrent": round(needs.max_a), "evMaxVoltage": round(needs.max_v),
        }  # fmt: skip
        return told
    direct: Payload = {
        "evMaxCurrent": round(needs.max_a), "evMaxVoltage": round(needs.max_v),
        "energyAmount": round(needs.energy_wh), "evMaxPower": round(needs.max_a * needs.max_v),
    }  # fmt: skip
    if needs.soc is not None:
        direct["stateOfCharge"] = round(100 * needs.soc)
    if needs.capacity_wh is not None:
        direct["evEnergyCapacity"] = round(needs.capacity_wh)
    told["dcChargingParameters"] = direct
    return told


def notify(host: Host, evse: int, needs: Needs) -> None:
    """Tell the central system what a car needs; 1.6 has no such message."""
    if host.version.two:
        host.ask("NotifyEVChargingNeeds", {"evseId": evse, "chargingNeeds": charging_needs(host, needs)})
