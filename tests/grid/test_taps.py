"""Tap changers in the loop against pandapower's own control, and what they remember."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandapower as pp
import pytest
from pandapower.control import ContinuousTapControl, DiscreteTapControl

import twin
from twin.domain.droop import VOLT_VAR, Curve, Droop
from twin.domain.ports import Grid
from twin.errors import ScenarioError
from twin.grid.common import balance_error
from twin.grid.droop_grid import DroopGrid, Droops, add_droop, lowers
from twin.grid.feeder import Feeder, index_feeder
from twin.grid.make import make_grid
from twin.grid.profiles import constant
from twin.grid.taps import HUNTING, TapGrid, tap_controls
from twin.report.page import write_report
from twin.results.audit import audit_tables

EVSE_BUSES = ["far", "near"]


def mv_lv_net(*, tap_side: str = "hv", controlled: str = "lv", step_pct: float = 1.5) -> pp.pandapowerNet:
    """110/20 kV with an on-load tap changer, 8 km of cable, a 20/0.4 kV transformer with another one, a street."""
    net = pp.create_empty_network()
    hv, mv, ring = (pp.create_bus(net, kv, name=n) for kv, n in ((110, "hv"), (20, "mv"), (20, "ring")))
    near, far = (pp.create_bus(net, 0.4, name=n) for n in ("near", "far"))
    pp.create_ext_grid(net, hv, vm_pu=1.02)
    common = {"tap_neutral": 0, "tap_min": -9, "tap_max": 9, "tap_pos": 0, "tap_changer_type": "Ratio"}
    pp.create_transformer_from_parameters(
        net, hv, mv, sn_mva=25, vn_hv_kv=110, vn_lv_kv=20, vkr_percent=0.4, vk_percent=12, pfe_kw=14, i0_percent=0.07,
        tap_side=tap_side, tap_step_percent=step_pct, shift_degree=150, name="substation", **common,
    )  # fmt: skip
    pp.create_line(net, mv, ring, 8.0, "NA2XS2Y 1x185 RM/25 12/20 kV", name="cable")
    pp.create_transformer_from_parameters(
        net, ring, near, sn_mva=0.63, vn_hv_kv=20, vn_lv_kv=0.4, vkr_percent=1.2, vk_percent=6, pfe_kw=1.2,
        i0_percent=0.3, tap_side="hv", tap_step_percent=2.5, shift_degree=150, name="kiosk",
        **(common | {"tap_min": -4, "tap_max": 4}),
    )  # fmt: skip
    pp.create_line(net, near, far, 0.25, "NAYY 4x150 SE", name="street")
    pp.create_load(net, ring, p_mw=12.0, q_mvar=4.0, name="town")
    pp.create_load(net, far, p_mw=0.15, q_mvar=0.03, name="houses")
    DiscreteTapControl(net, 0, 0.99, 1.02, side=controlled)
    DiscreteTapControl(net, 1, 0.98, 1.02, side="lv")
    return net


def grid_of(net: pp.pandapowerNet, buses: Sequence[str] = EVSE_BUSES, **options) -> Grid:
    """The net behind the port, with an EVSE at each end of the street."""
    feeder = index_feeder(net, "town")
    return make_grid(feeder, buses, constant(feeder, 1.0), **options)


def by_pandapower(
    net: pp.pandapowerNet, watts: np.ndarray, buses: Sequence[str] = EVSE_BUSES, q_per_p: float = 0.0
) -> bool:
    """Solve in place with pandapower's controllers; taps stay where they come to."""
    net.load.loc[net.load.name == "evse", "in_service"] = False
    rows = [pp.create_load(net, int(net.bus.index[net.bus.name == b][0]), 0.0, name="evse") for b in buses]
    net.load.loc[rows, "p_mw"] = watts / 1e6
    net.load.loc[rows, "q_mvar"] = q_per_p * watts / 1e6
    try:
        pp.runpp(net, run_control=True, tolerance_mva=1e-8, calculate_voltage_angles=True)
    except pp.auxiliary.ControllerNotConverged:
        return False
    return True


class TestAgainstPandapower:
    @pytest.mark.parametrize(("tap_side", "step_pct"), [("hv", 1.5), ("lv", 1.5), ("hv", -1.5)])
    def test_the_same_taps_and_voltages_over_a_day(self, tap_side: str, step_pct: float) -> None:
        """Ten loads up and down, each begun where the last one ended: the band's memory included."""
        logging.getLogger("pandapower").setLevel(logging.ERROR)
        net = mv_lv_net(tap_side=tap_side, step_pct=step_pct)
        buses = ["ring", "far"]
        grid = grid_of(mv_lv_net(tap_side=tap_side, step_pct=step_pct), buses, evse_q_per_p=0.6)
        assert isinstance(grid, TapGrid)
        random = np.random.default_rng(3)
        seen = set()
        for watts in random.uniform([-12e6, 0], [2e6, 100e3], (10, 2)):
            assert by_pandapower(net, watts, buses, 0.6)
            state = grid.solve(0.0, 0.0, watts)
            grid.keep(state)
            assert list(state.tap_pos) == net.trafo.tap_pos.tolist()
            np.testing.assert_allclose(state.vm_pu[:, 0], net.res_bus.vm_pu, atol=1e-7)
            np.testing.assert_allclose(
                state.loading_pct, [*net.res_line.loading_percent, *net.res_trafo.loading_percent], atol=1e-3
            )
            assert balance_error(state) < 1e-7
            seen.add(state.tap_pos)
        assert len({substation for substation, _ in seen}) >= 2
        assert len({kiosk for _, kiosk in seen}) >= 2
        assert grid.compiled >= len(seen)

    def test_a_tap_at_its_end_stays_there(self) -> None:
        """A town that no tap can hold: both sides stop at the last position and the voltage is told as it is."""
        net, ours = mv_lv_net(), mv_lv_net()
        for each in (net, ours):
            each.trafo.loc[1, ["tap_min", "tap_max"]] = -1, 1
            each.load.loc[1, "p_mw"] = 0.45
        watts = np.array([100e3, 0.0])
        assert by_pandapower(net, watts)
        state = grid_of(ours).solve(0.0, 0.0, watts)
        assert state.tap_pos[1] == net.trafo.tap_pos[1] == -1
        np.testing.assert_allclose(state.vm_pu[:, 0], net.res_bus.vm_pu, atol=1e-7)
        assert state.vm_pu[3, 0] < 0.98

    def test_taps_that_hunt_have_no_solution_in_either(self) -> None:
        """A band narrower than a step: no position keeps it."""
        net, ours = mv_lv_net(), mv_lv_net()
        for each in (net, ours):
            narrow = each.controller.object.iloc[1]
            narrow.vm_lower_pu, narrow.vm_upper_pu = 1.0005, 1.001
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert not by_pandapower(net, np.zeros(2))
        state = grid_of(ours).solve(0.0, 0.0, np.zeros(2))
        assert not state.converged
        assert state.problem == HUNTING
        assert np.isnan(state.vm_pu).all()
        assert np.isnan(state.slack_w)


class TestMemory:
    def test_solving_moves_no_tap_and_keeping_does(self) -> None:
        """Probes of a plan leave the start of later solves alone."""
        grid = grid_of(mv_lv_net())
        assert isinstance(grid, TapGrid)
        assert grid.kept == (0, 0)
        heavy = grid.solve(0.0, 0.0, np.array([200e3, 200e3]))
        assert heavy.tap_pos != (0, 0)
        assert grid.kept == (0, 0)
        again = grid.solve(0.0, 0.0, np.array([200e3, 200e3]))
        assert np.array_equal(again.vm_pu, heavy.vm_pu)
        grid.keep(heavy)
        assert grid.kept == heavy.tap_pos

    def test_the_band_remembers_where_it_came_from(self) -> None:
        """The same load from above and from below stands at different positions, both inside the band."""
        watts = np.array([60e3, 60e3])
        found = []
        for before in (np.zeros(2), np.array([280e3, 200e3])):
            grid = grid_of(mv_lv_net())
            assert isinstance(grid, TapGrid)
            grid.keep(grid.solve(0.0, 0.0, before))
            found.append(grid.solve(0.0, 0.0, watts))
        assert found[0].tap_pos != found[1].tap_pos
        assert all(0.98 <= state.vm_pu[3, 0] <= 1.02 for state in found)

    def test_an_interval_without_solution_keeps_the_taps(self) -> None:
        """The last good positions hold."""
        grid = grid_of(mv_lv_net())
        assert isinstance(grid, TapGrid)
        lost = grid.solve(0.0, 0.0, np.array([5e6, 5e6]))
        assert not lost.converged
        grid.keep(lost)
        assert grid.kept == (0, 0)

    def test_a_position_is_compiled_once(self) -> None:
        """The second time it comes from the cache."""
        grid = grid_of(mv_lv_net())
        assert isinstance(grid, TapGrid)
        first = grid.at((2, 0))
        assert grid.at((2, 0)) is first


class TestPort:
    def test_its_states_can_be_linearised_at_their_taps(self) -> None:
        """One more W at `far`: the slope agrees with two solves at the same taps."""
        grid = grid_of(mv_lv_net())
        assert isinstance(grid, TapGrid)
        watts = np.array([200e3, 200e3])
        state = grid.solve(0.0, 0.0, watts)
        slope = grid.sensitivity(state).dvm_pu_per_w[4, 0, 0]
        fixed = grid.at(state.tap_pos)
        more, less = (fixed.solve(0.0, 0.0, watts + np.array([d, 0.0])).vm_pu[4, 0] for d in (500.0, -500.0))
        assert slope == pytest.approx((more - less) / 1_000.0, rel=1e-4)

    def test_the_manifest_names_the_tap_changers(self) -> None:
        """Transformer, bus, band and first position."""
        told = grid_of(mv_lv_net()).provenance["tap_changers"]
        assert told == [
            {"trafo": "substation", "bus": "mv", "band_pu": [0.99, 1.02], "start": 0},
            {"trafo": "kiosk", "bus": "near", "band_pu": [0.98, 1.02], "start": 0},
        ]

    def test_wrong_buses_are_told_before_the_run(self) -> None:
        """As of every feeder."""
        feeder = index_feeder(mv_lv_net(), "town")
        with pytest.raises(ScenarioError, match="no bus `fare`, did you mean `far`"):
            make_grid(feeder, ["fare"], constant(feeder, 1.0))

    def test_droop_and_taps_work_together(self) -> None:
        """Reactive power of the chargers keeps a tap from moving, and Volt-Watt asks at the kept positions."""
        base = grid_of(mv_lv_net(), evse_max_w=np.full(2, 250e3))
        droops = Droops(
            evse=Droop(
                kind="evse", volt_var=VOLT_VAR["ieee-1547-a"], volt_watt=Curve(((0.90, 0.0), (0.97, 1.0)))
            )
        )
        grid = add_droop(base, droops)
        assert isinstance(grid, TapGrid)
        assert isinstance(grid.inner, DroopGrid)
        state = grid.solve(0.0, 0.0, np.array([200e3, 100e3]))
        assert balance_error(state) < 1e-7
        drooping = lowers(grid)
        assert drooping is not None
        wish_w = np.array([250e3, 250e3])
        stands_w = drooping.lower(0.0, 0.0, wish_w)
        assert stands_w[0] < wish_w[0]
        assert drooping.evse_bus.tolist() == [4, 3]
        assert lowers(base) is None


SCENARIO = """\
start: 2016-01-18T00:00:00+01:00
days: 1
time_zone: Europe/Berlin
period_s: 3600
seed: 5
grid:
  net: {file: town.json}
  base_load: {source: csv, file: town.csv}
sites:
  depot:
    stations:
      list:
        a: {bus: far, max_a: 32}
        b: {bus: near, max_a: 32}
drivers:
  crews: {archetype: home}
strategy: equal-share
guard: {forecast: persistence}
"""


class TestRuns:
    def test_taps_follow_the_day_of_a_run_and_it_repeats(self, tmp_path: Path, monkeypatch) -> None:
        """The town's load rises by day; the controlled bus stays in its band, the audit holds, twice the same."""
        monkeypatch.chdir(tmp_path)
        pp.to_json(mv_lv_net(), "town.json")
        rows = [
            f"2016-01-{18 + h // 24}T{h % 24:02}:00:00+01:00,{12_000 + 3_000 * (6 < h < 20)},{30 + 90 * (8 < h < 20)}"
            for h in range(25)
        ]
        Path("town.csv").write_text("\n".join(["time,town,houses", *rows]))
        Path("town.yaml").write_text(SCENARIO)
        first, second = (twin.run(twin.load("town.yaml"), out=name) for name in ("a", "b"))
        audit_tables(first)
        assert first.buses.to_pandas().equals(second.buses.to_pandas())
        table = first.buses.to_pandas()
        near = table[table["bus"] == "near"]["vm_pu"]
        assert near.between(0.98 - 1e-9, 1.02 + 1e-9).all()
        moves = first.events.to_pandas().query("kind == 'tap'")
        told = json.loads(Path("a/manifest.json").read_text())["grid"]
        position = {tap["trafo"]: tap["start"] for tap in told["tap_changers"]}
        for move in moves.itertuples():  # each goes on where the one before ended
            assert move.detail == f"from {position[move.subject]} to {move.value:.0f}"
            position[move.subject] = int(move.value)
        assert len(moves) >= 2
        assert "Tap changers moved to hold the voltage: " in write_report(first).read_text(encoding="utf-8")
        assert [tap["trafo"] for tap in told["tap_changers"]] == ["substation", "kiosk"]
        assert told["fallback"] == ""


class TestWhatIsLeftToPandapower:
    def test_other_controllers(self) -> None:
        """A continuous tap, a three-winding transformer, or several levels: the plain feeder, which says so."""
        continuous = mv_lv_net()
        ContinuousTapControl(continuous, 1, 1.0)
        levels = mv_lv_net()
        levels.controller.loc[1, "level"] = 1
        for net in (continuous, levels):
            feeder = index_feeder(net, "town")
            assert tap_controls(feeder) is None
        grid = grid_of(levels)
        assert not isinstance(grid, TapGrid)
        assert "DiscreteTapControl" in str(grid.provenance["fallback"])

    def test_controllers_out_of_service_do_nothing(self) -> None:
        """Taps stay as the table has them, and the feeder is compiled."""
        net = mv_lv_net()
        net.controller["in_service"] = False
        grid = grid_of(net)
        assert not isinstance(grid, TapGrid)
        assert grid.provenance["fallback"] == ""

    def test_reading_a_net_does_not_change_it(self) -> None:
        """The feeder's own taps and controllers are as they were."""
        net = mv_lv_net()
        feeder: Feeder = index_feeder(net, "town")
        controls = tap_controls(feeder)
        assert controls is not None
        grid = TapGrid(feeder, controls, lambda f: make_grid(f, EVSE_BUSES, constant(f, 1.0)))
        grid.keep(grid.solve(0.0, 0.0, np.array([200e3, 200e3])))
        assert feeder.net.trafo.tap_pos.tolist() == [0, 0]
        assert len(feeder.net.controller) == 2
