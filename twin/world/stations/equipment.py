"""What a car and an EVSE can do together, as the numbers that the kernel reads."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from twin.domain import fleet as f
from twin.domain.fleet import Fleet
from twin.domain.ids import Array, Matrix, Vector
from twin.domain.specs import EvseSpec, VehicleSpec
from twin.world.stations import kernel as k


def connection(vehicle: VehicleSpec, spec: EvseSpec) -> Vector:
    """Return the first `kernel.CONNECTION` columns of a row: this car at this EVSE, shape (CONNECTION,).

    A car uses min(its phases, the EVSE's) phases at its rated current per phase, so a three-phase 11 kW
    car draws 3.7 kW at one phase of 230 V. Line-to-line, its one phase sees the EVSE's voltage.

    Raises:
        ValueError: The car has no DC inlet, and the EVSE is one for DC.
    """
    out = np.zeros(k.CONNECTION)
    if spec.dc_max_w is None:
        phases = min(vehicle.ac_phases, spec.connection.phases)
        w_per_a = spec.voltage_v * phases
        out[k.W_PER_A] = w_per_a
        out[k.PHASES] = phases
        out[k.MAX_W] = min(largest_pilot_a(spec), pilot_for_a(vehicle.ac_max_a, spec)) * w_per_a
        out[k.MIN_W] = spec.floor_a * w_per_a
        out[k.STEP_W] = spec.even_step_a * w_per_a
        out[k.CAP_W] = vehicle.ac_max_a * w_per_a
        out[k.EFFICIENCY] = vehicle.ac_efficiency
    else:
        if not vehicle.dc:
            raise ValueError(f"{spec.id}: {vehicle.model} has no DC inlet")
        out[k.PHASES] = spec.connection.phases
        out[k.MAX_W] = min(spec.dc_max_w, vehicle.dc_max_w / vehicle.dc_efficiency + vehicle.standby_w)
        out[k.CAP_W] = math.inf
        out[k.EFFICIENCY] = vehicle.dc_efficiency
    out[k.OWN_W] = vehicle.standby_w
    out[k.USABLE_WH] = vehicle.usable_wh
    out[k.PEAK_W] = vehicle.dc_max_w
    out[k.KNEE_WH] = vehicle.taper_soc * vehicle.usable_wh
    if vehicle.taper_soc < 1.0:
        fall = vehicle.dc_max_w * (1.0 - vehicle.taper_end)
        out[k.FALL_PER_H] = fall / (vehicle.usable_wh * (1.0 - vehicle.taper_soc))
    return out


def largest_pilot_a(spec: EvseSpec) -> float:
    """The largest current that an AC EVSE can signal."""
    if spec.levels_a:
        return max((a for a in spec.levels_a if a <= spec.max_a * (1.0 + k.TINY)), default=0.0)
    if spec.step_a:
        return math.floor(spec.max_a / spec.step_a * (1.0 + k.TINY)) * spec.step_a
    return spec.max_a


def pilot_for_a(current_a: float, spec: EvseSpec) -> float:
    """The smallest pilot that lets a car draw `current_a`.

    A session's MAX_W is the power of that pilot: rounding a car's 15.7 A down to a step would cost it
    energy at every EVSE that nobody limits.
    """
    wanted = max(current_a, spec.min_a) * (1.0 - k.TINY)
    if spec.levels_a:
        return min((a for a in spec.levels_a if a >= wanted), default=spec.levels_a[-1])
    if spec.step_a:
        return math.ceil(wanted / spec.step_a) * spec.step_a
    return max(current_a, spec.min_a)


def levels_matrix(specs: Sequence[EvseSpec]) -> Matrix:
    """The discrete pilots of each EVSE, shape (n, most levels), padded with NaN."""
    width = max((len(s.levels_a) for s in specs), default=0)
    out = np.full((len(specs), max(width, 1)), np.nan)
    for row, spec in enumerate(specs):
        out[row, : len(spec.levels_a)] = spec.levels_a
    return out


def kinds(specs: Sequence[EvseSpec]) -> list[int]:
    """A number per EVSE, equal for EVSEs that differ only in name and place."""
    seen: dict[EvseSpec, int] = {}
    plain = (dataclasses.replace(s, id="", station="", site="", bus=None) for s in specs)
    return [seen.setdefault(s, len(seen)) for s in plain]


def initial_state(fleet: Fleet, shares: Array, start_s: float) -> Matrix:
    """The truth before anybody came: shape (n, STATE).

    `shares`, (4, n, 3), are each phase's share of an EVSE's power by phases in use, 0: standby.
    """
    state = np.zeros((len(fleet), k.STATE))
    columns = (f.W_PER_A, f.PHASES, f.MAX_W, f.MIN_W, f.STEP_W)
    state[:, : k.STEP_W + 1] = fleet.data[list(columns)].T
    state[:, [k.ARRIVED_S, k.DEPARTURE_S, k.REQUESTED_WH, k.FINISHED_S]] = np.nan
    state[:, k.LAST_S] = start_s
    state[:, k.SHARE : k.SHARE + 3] = state[:, k.IDLE_SHARE : k.IDLE_SHARE + 3] = shares[0]
    for row, spec in zip(state, fleet.specs, strict=True):
        row[k.EVSE_EFFICIENCY] = spec.efficiency
        row[k.EVSE_STANDBY_W] = spec.standby_w
        row[k.RESOLUTION_WH] = spec.meter_resolution_wh
        row[k.DC] = float(spec.dc_max_w is not None)
        row[k.MAX_PILOT] = spec.max_a if spec.dc_max_w is None else spec.dc_max_w
        row[k.MIN_PILOT] = spec.min_a
        row[k.STEP_A] = spec.step_a
    return state
