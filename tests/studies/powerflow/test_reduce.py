"""Quantiles that are counted as the steps come by, against numpy's of all values at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandapower as pp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from twin.domain.ids import Array
from twin.studies import power_flow
from twin.studies.powerflow.reduce import Quantiles

from .conftest import line_net, volts_at_b

WIDTH = 0.25


def counter(count: int = 1) -> Quantiles:
    """Bins from 0 to 25."""
    return Quantiles(count, low=0.0, width=WIDTH, bins=100)


@given(
    values=hnp.arrays(float, st.tuples(st.integers(1, 30), st.just(2)), elements=st.floats(0.0, 24.0)),
    cut=st.integers(0, 30),
    q=st.sampled_from([0.0, 0.05, 0.5, 0.95, 1.0]),
)
def test_they_are_those_of_numpy_to_half_a_bin_wherever_a_stretch_ends(
    values: Array, cut: int, q: float
) -> None:
    """Equal weights, in one stretch or two."""
    found = counter(2)
    for part in (values[:cut], values[cut:]):
        found.take(part, np.ones(len(part)))
    exact = np.quantile(values, q, axis=0, method="inverted_cdf")
    assert np.abs(found.at(q) - exact).max() <= WIDTH / 2 + 1e-12


def test_a_long_step_counts_by_its_length() -> None:
    """One hour at 10, three at 2: the median is 2; each by itself it would be between."""
    found = counter()
    found.take(np.array([[10.0], [2.0]]), np.array([1.0, 3.0]))
    assert found.at(0.75)[0] == pytest.approx(2.0 + WIDTH / 2)
    assert found.at(0.76)[0] == pytest.approx(10.0 + WIDTH / 2)


def test_what_is_out_of_service_has_none_and_what_is_beyond_the_bins_is_in_the_last() -> None:
    """NaN, 99 of at most 25, and -3."""
    found = counter(3)
    found.take(np.array([[np.nan, 99.0, -3.0]]), np.ones(1))
    assert np.isnan(found.at(0.5)[0])
    assert found.at(0.5)[1:].tolist() == [25.0 - WIDTH / 2, WIDTH / 2]


@pytest.mark.parametrize("const_z_pct", [0.0, 1e-9], ids=["compiled", "pandapower"])
def test_tables_of_a_series_have_them_whoever_solves_it(place: Path, const_z_pct: float) -> None:
    """Four hours of 20, 10, 10 and 5 kW: half of the time not more than 10, at most 5 % of it less than 20's voltage."""
    net = line_net()
    net.load["q_mvar"] = 0.0
    net.load["const_z_p_percent"] = const_z_pct
    pp.to_json(net, str(place / "line.json"))
    hours = ("20", "10", "10", "5")
    rows = "".join(f"2026-01-12T0{k}:00Z,{kw}\n" for k, kw in enumerate(hours))
    (place / "hours.csv").write_text(f"time,house\n{rows}")
    found = power_flow("line.json", "hours.csv")
    assert bool(found.summary["fallback"]) == bool(const_z_pct)
    b = found.buses.set_index("bus").loc["B"]
    for name, kw in (("vm_p05_pu", 20), ("vm_p50_pu", 10), ("vm_p95_pu", 5)):
        assert b[name] == pytest.approx(volts_at_b(kw * 1e3), abs=0.0005 + 1e-9)
    (line,) = found.branches.to_dict("records")
    low, middle, high = (line[f"loading_p{q}_pct"] for q in ("05", "50", "95"))
    assert high == pytest.approx(line["loading_max_pct"], abs=0.25 + 1e-9)
    assert low < middle < high


def test_a_snapshot_has_none(place: Path) -> None:
    """One instant is no distribution."""
    found = power_flow("line.json")
    assert not [name for name in (*found.buses, *found.branches) if "_p05_" in name]
