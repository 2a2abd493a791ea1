"""Feeders that tests share: a hand-made line, and the SimBench street of the main scenario."""

from datetime import datetime

import numpy as np
import pandapower as pp
import pytest

from twin.grid.feeder import Feeder, index_feeder
from twin.grid.nets import NetSource, load_feeder

START = datetime.fromisoformat("2016-01-18T00:00:00+01:00")


def line_net(*, length_km: float = 1.0, max_i_ka: float = 0.1) -> pp.pandapowerNet:
    """Source, 1 km of line of 0.4 ohm (no reactance), one load of 10 kW at its end, at 0.4 kV."""
    net = pp.create_empty_network()
    a, b = pp.create_bus(net, 0.4, name="A"), pp.create_bus(net, 0.4, name="B")
    pp.create_ext_grid(net, a)
    pp.create_line_from_parameters(
        net,
        a,
        b,
        length_km,
        r_ohm_per_km=0.4,
        x_ohm_per_km=1e-9,
        c_nf_per_km=0.0,
        max_i_ka=max_i_ka,
        name="L",
    )
    pp.create_load(net, b, p_mw=0.010, name="home")
    return net


@pytest.fixture
def line() -> Feeder:
    """The hand-made line."""
    return index_feeder(line_net(), "line")


@pytest.fixture(scope="session")
def street() -> Feeder:
    """SimBench 1-LV-rural2--0-sw with its profiles."""
    return load_feeder(NetSource("simbench", "1-LV-rural2--0-sw"))


@pytest.fixture(scope="session")
def village() -> Feeder:
    """Kerber's village: 116 buses, 57 loads."""
    return load_feeder(NetSource("builtin", "create_kerber_dorfnetz"))


def load_buses(feeder: Feeder) -> list[str]:
    """Bus name of every load, in the order of the units."""
    return [feeder.buses[b] for b in feeder.units.bus[~feeder.units.generates]]


def nothing(count: int) -> np.ndarray:
    """EVSEs at rest."""
    return np.zeros(count)
