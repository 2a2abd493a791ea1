"""A line that can be solved by hand, as a file like a planner's."""

from __future__ import annotations

import math
from pathlib import Path

import pandapower as pp
import pytest

from twin.grid.feeder import Feeder, index_feeder


def line_net() -> pp.pandapowerNet:
    """A source at 0.4 kV, and 1 km of 0.4 ohm to a house: 10 kW, 2 kvar; beside it 4 kW of sun that is off."""
    net = pp.create_empty_network()
    a, b = pp.create_bus(net, 0.4, name="A"), pp.create_bus(net, 0.4, name="B")
    pp.create_ext_grid(net, a)
    pp.create_line_from_parameters(
        net, a, b, 1.0, r_ohm_per_km=0.4, x_ohm_per_km=1e-9, c_nf_per_km=0.0, max_i_ka=0.02, name="L"
    )  # fmt: skip
    pp.create_load(net, b, p_mw=0.010, q_mvar=0.002, name="house")
    pp.create_sgen(net, b, p_mw=0.004, name="roof")
    return net


def volts_at_b(p_w: float) -> float:
    """Voltage in pu behind 0.4 ohm at 0.4 kV: v (1 - v) = P R / U², for a power factor of 1."""
    return (1.0 + math.sqrt(1.0 - 4.0 * p_w * 0.4 / 400.0**2)) / 2.0


@pytest.fixture
def line() -> Feeder:
    """The hand-made line."""
    return index_feeder(line_net(), "line")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder with the line as `line.json`."""
    pp.to_json(line_net(), str(tmp_path / "line.json"))
    monkeypatch.chdir(tmp_path)
    return tmp_path
