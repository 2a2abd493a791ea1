"""Nets with complete zero-sequence data, and random points at which they are solved."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

import numpy as np
import pandapower as pp

from twin.grid.nets import NetSource, load_feeder

NETS: dict[str, tuple[str, str]] = {
    "CIGRE LV": ("builtin", "create_cigre_network_lv"),
    "Kerber Dorfnetz": ("builtin", "create_kerber_dorfnetz"),
    "SimBench rural": ("simbench", "1-LV-rural3--0-sw"),
    "SimBench urban": ("simbench", "1-LV-urban6--0-sw"),
    "IEEE European LV": ("builtin", "ieee_european_lv_asymmetric"),
    "CIGRE MV": ("builtin", "create_cigre_network_mv"),
}


def complete(net: pp.pandapowerNet) -> pp.pandapowerNet:
    """Fill in what a net lacks for its zero sequence, in place, with round numbers and ideal sources."""
    line, trafo, grid = net.line, net.trafo, net.ext_grid
    _fill(line, "r0_ohm_per_km", 4.0 * line.r_ohm_per_km)
    _fill(line, "x0_ohm_per_km", 4.0 * line.x_ohm_per_km)
    _fill(line, "c0_nf_per_km", 0.5 * line.c_nf_per_km)
    _fill(trafo, "vk0_percent", trafo.vk_percent)
    _fill(trafo, "vkr0_percent", trafo.vkr_percent)
    _fill(trafo, "vector_group", "Dyn")
    trafo["vector_group"] = trafo.vector_group.str.rstrip("0123456789")
    trafo["mag0_percent"] = 1e9
    _fill(trafo, "mag0_rx", 0.0)
    _fill(trafo, "si0_hv_partial", 0.9)
    grid["s_sc_max_mva"] = 1e9
    grid["rx_max"], grid["r0x0_max"], grid["x0x_max"] = 0.1, 0.1, 1.0
    return net


def _fill(rows: Any, column: str, values: Any) -> None:
    if column not in rows:
        rows[column] = values
    else:
        rows[column] = rows[column].where(rows[column].notna(), values)


def net_of(name: str) -> pp.pandapowerNet:
    """Return a copy of one of NETS, its zero sequence complete."""
    return copy.deepcopy(_load(name))


@cache
def _load(name: str) -> pp.pandapowerNet:
    kind, ref = NETS[name]
    net = load_feeder(NetSource(kind, ref)).net  # type: ignore[arg-type]
    net.pop("profiles", None)
    return complete(net)


def nominal_w(net: pp.pandapowerNet) -> tuple[np.ndarray, np.ndarray]:
    """(nb, 3) what the net's loads draw, each phase as its table says."""
    position = {bus: i for i, bus in enumerate(net.bus.index)}
    power = np.zeros((2, len(net.bus), 3))
    for load in net.load[net.load.in_service.astype(bool)].itertuples():
        share = np.array([load.p_mw, load.q_mvar]) * load.scaling * 1e6 / 3.0
        power[:, position[load.bus]] += share[:, None]
    for load in net.asymmetric_load[net.asymmetric_load.in_service.astype(bool)].itertuples():
        each = [
            [getattr(load, f"{k}_{phase}_{unit}") for phase in "abc"]
            for k, unit in (("p", "mw"), ("q", "mvar"))
        ]
        power[:, position[load.bus]] += np.array(each) * load.scaling * 1e6
    return power[0], power[1]


def random_point(
    net: pp.pandapowerNet, rng: np.random.Generator, *, load: float = 0.6
) -> tuple[np.ndarray, np.ndarray]:
    """(nb, 3) drawn W and var: every phase of every loaded bus at random, a tenth of them feeding back.

    Args:
        net: The net.
        rng: Where the numbers come from.
        load: Mean over the net's nominal load.
    """
    p_w, q_var = nominal_w(net)
    shape = p_w.shape
    factor = load * rng.uniform(0.0, 2.0, shape) * np.where(rng.random(shape) < 0.1, -1.0, 1.0)
    return p_w * factor, q_var * load * rng.uniform(0.0, 2.0, shape)
