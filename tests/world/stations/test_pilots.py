"""Control foresees what a station makes of a limit: the rule in Python is that of the kernel."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twin.domain.fleet import Fleet
from twin.domain.pilots import pilot_w, sent_w, told_w
from twin.domain.specs import Connection, EvseSpec
from twin.world.stations.simulated import SimulatedStations

SPECS = tuple(
    EvseSpec(id=f"s/{k}", station="s", site="a", bus=None, **values)  # type: ignore[arg-type]
    for k, values in enumerate(
        (
            {},
            {"voltage_v": 231.37},
            {"step_a": 1.0},
            {"step_a": 1.0, "voltage_v": 231.37},
            {"levels_a": (6.0, 10.0, 13.0, 16.0), "connection": Connection.L1},
            {"dc_max_w": 150_000.0},
            {"connection": Connection.L1_L2, "voltage_v": 208.0, "max_a": 32.0},
        ),
        start=1,
    )
)


@settings(deadline=None)
@given(st.floats(0.0, 200_000.0))
def test_a_limit_means_the_same_to_control_and_to_the_station(limit_w: float) -> None:
    """Every kind of EVSE, to the last bit."""
    fleet = Fleet(SPECS)
    SimulatedStations(fleet).set_limits(np.arange(len(SPECS)), np.full(len(SPECS), limit_w))
    expected = [pilot_w(spec, spec.voltage_v * spec.connection.phases, limit_w) for spec in SPECS]
    assert fleet.limit_w.tolist() == expected


@settings(deadline=None)
@given(st.floats(0.0, 200_000.0))
def test_what_is_sent_means_what_was_asked(limit_w: float) -> None:
    """In tenths of a W on the wire, and yet the same pilot at the station."""
    for spec in SPECS:
        w_per_a = spec.voltage_v * spec.connection.phases
        power_w = pilot_w(spec, w_per_a, limit_w)
        sent = sent_w(power_w)
        assert sent == round(sent, 1)
        assert sent - power_w < 0.1
        assert told_w(sent) == sent
        assert pilot_w(spec, w_per_a, sent) == pytest.approx(power_w, rel=1e-12)
        assert power_w <= limit_w * (1.0 + 1e-9)


@pytest.mark.parametrize(
    ("limit_w", "expected_w"),
    [(7_360.27, 7_360.2), (4_139.9, 0.0), (4_140.0, 4_140.0), (11_040.0, 11_040.0), (99_999.0, 11_040.0)],
)
def test_limits_have_tenths_of_a_watt(limit_w: float, expected_w: float) -> None:
    """6 to 16 A on three phases of 230 V: 4,140 to 11,040 W, in steps that a profile can tell."""
    assert pilot_w(SPECS[0], 690.0, limit_w) == pytest.approx(expected_w, abs=1e-9)
