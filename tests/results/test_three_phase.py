"""Runs with three phases: what the tables, the violations and the key figures say about each of them."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.results.conftest import FEEDER, THREE_PHASE, state
from twin.results.buffers import FeederBuffer
from twin.results.feeder import en50160, voltages
from twin.results.violations import ViolationTracker, _unbalancing

MV, LV = [1.02, 1.02, 1.02], [1.0, 1.0, 1.0]
ONLY_L1, ONLY_L2, EVENLY = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (1 / 3, 1 / 3, 1 / 3)


def _end(*by_phase, vuf_pct=0.0, ev_w=3000.0, **values):
    """A solved instant of three phases: voltages and unbalance of the last bus."""
    return state(vm_pu=[MV, LV, list(by_phase)], vuf_pct=np.array([0.0, 0.0, vuf_pct]), ev_w=ev_w, **values)


FINE = _end(0.97, 0.98, 0.99, vuf_pct=0.5)
UNEVEN = _end(0.93, 0.99, 0.99, vuf_pct=2.5)


class TestTables:
    """What reaches the disk."""

    def test_buses_have_a_column_per_phase_and_the_lowest_in_the_usual_one(self, bench):
        """The lowest phase is what most readers want; the unbalance stands beside it."""
        b = bench("lv", "end", grid=THREE_PHASE)
        b.tick(1000.0, 0.0, solved=_end(0.99, 0.95, 1.01, vuf_pct=1.25))
        buses = b.finish().buses
        assert [c.name for c in buses.columns] == [
            "t_s",
            "bus",
            "vm_pu",
            "vm_a_pu",
            "vm_b_pu",
            "vm_c_pu",
            "vuf_pct",
        ]
        end = buses.to_pandas().set_index("bus").loc["end"]
        assert end.drop("t_s").tolist() == [0.95, 0.99, 0.95, 1.01, 1.25]

    def test_a_symmetric_run_has_none_of_these_columns(self, bench):
        """Its files are what they were."""
        b = bench("lv", "end", grid=True)
        b.tick(1000.0, 0.0, solved=state())
        buses = b.finish().buses
        assert buses.to_arrow().column_names == ["t_s", "bus", "vm_pu"]
        with pytest.raises(ValueError, match="buses has no column vm_a_pu; it has: t_s, bus, vm_pu"):
            buses.pivot("vm_a_pu")

    def test_every_phase_has_a_wide_form(self, bench):
        """Like any column of a dense table."""
        b = bench("lv", "end", grid=THREE_PHASE)
        b.tick(1000.0, 0.0, solved=_end(0.99, 0.95, 1.01))
        assert b.finish().buses.pivot("vm_c_pu").iloc[0].tolist() == [1.02, 1.0, 1.01]

    def test_without_a_solution_no_phase_and_no_unbalance_is_told(self, bench):
        """NaN everywhere, also where a solver left a zero."""
        b = bench("lv", "end", grid=THREE_PHASE)
        b.tick(1000.0, 0.0, solved=_end(*3 * [np.nan], vuf_pct=0.0))
        end = b.finish().buses.to_pandas().set_index("bus").loc["end"]
        assert end.drop("t_s").isna().all()

    def test_more_instants_than_fit_at_first_come_back_as_they_were(self):
        """A day of five minutes has 288; here are 300, each with its own values."""
        buffer = FeederBuffer(THREE_PHASE)
        vm_pu = np.linspace(0.9, 1.1, 300 * 9).reshape(300, 3, 3)
        for k in range(300):
            buffer.solved(300.0 * k, state(vm_pu=vm_pu[k], vuf_pct=vm_pu[k, :, 0]))
        rows = buffer.flush()["buses"]
        for phase, name in enumerate(("vm_a_pu", "vm_b_pu", "vm_c_pu")):
            np.testing.assert_array_equal(rows[name].to_numpy().reshape(300, 3), vm_pu[:, :, phase])
        np.testing.assert_array_equal(rows["vm_pu"].to_numpy(), vm_pu.min(axis=2).ravel())
        np.testing.assert_array_equal(rows["vuf_pct"].to_numpy(), vm_pu[:, :, 0].ravel())

    def test_they_are_read_back_in_the_shape_in_which_they_were_solved(self, bench):
        """(instants, buses, phases)."""
        b = bench("lv", "end", grid=THREE_PHASE, part_s=300.0)
        for solved in (FINE, UNEVEN):
            b.tick(1000.0, 0.0, solved=solved)
        parts = list(voltages(b.finish()))
        np.testing.assert_array_equal(np.concatenate([p.vm_pu for p in parts]), [FINE.vm_pu, UNEVEN.vm_pu])
        np.testing.assert_array_equal(np.concatenate([p.vuf_pct for p in parts])[:, 2], [0.5, 2.5])

    def test_the_topology_says_how_many_phases_there_are(self, bench):
        """And what unbalance is allowed where."""
        found = bench("lv", grid=THREE_PHASE).finish().topology
        assert found.phases == 3
        assert found.vuf_max_pct.tolist() == [np.inf, 2.0, 2.0]


class TestViolations:
    """Who is behind a limit that one phase breaks."""

    def _sessions(self, solved, *by_phase_wh):
        """Kind and sessions of the violations of one instant; all EVSEs are at the end of the line."""
        tracker = ViolationTracker(THREE_PHASE, ["end"] * len(by_phase_wh))
        for row in range(len(by_phase_wh)):
            tracker.session_of_row(row, f"car-{row}")
        tracker.solved(300.0, solved, FINE, np.array(by_phase_wh))
        return {row["kind"]: row["sessions"] for row in tracker.close()}

    def test_an_unbalance_beyond_its_limit_is_an_interval_of_its_own_kind(self):
        """Two instants, the worse of them named."""
        tracker = ViolationTracker(THREE_PHASE, ["end"])
        for k, solved in enumerate((FINE, UNEVEN, _end(0.92, 0.99, 0.99, vuf_pct=3.0), FINE), start=1):
            ended, _, _ = tracker.solved(300.0 * k, solved, FINE, np.zeros((1, 3)))
        (row,) = ended
        assert (row["element"], row["kind"], row["worst"], row["limit"]) == (
            "end",
            "voltage unbalance",
            3.0,
            2.0,
        )
        assert (row["start_s"], row["end_s"]) == (300.0, 900.0)

    def test_a_low_voltage_is_told_with_the_phase_at_its_worst(self):
        """First L1 is low, then L3 is lower, then L2 is low but not as far."""
        tracker = ViolationTracker(THREE_PHASE, ["end"])
        for k, by_phase in enumerate([(0.89, 1.0, 1.0), (1.0, 0.99, 0.86), (1.0, 0.88, 1.0)], start=1):
            tracker.solved(300.0 * k, _end(*by_phase), FINE, np.zeros((1, 3)))
        (row,) = tracker.close()
        assert (row["kind"], row["worst"], row["phase"]) == ("low voltage", 0.86, "L3")

    def test_one_bus_can_be_low_on_one_phase_and_high_on_another(self, bench):
        """The table keeps both; the unbalance has no phase."""
        b = bench("lv", "end", grid=THREE_PHASE)
        solved = _end(0.88, 1.0, 1.12, vuf_pct=3.0)
        b.tick(1000.0, 0.0, solved=solved, without=FINE)
        rows = b.finish().violations.to_arrow(["kind", "phase"]).to_pylist()
        assert {row["kind"]: row["phase"] for row in rows} == {
            "low voltage": "L1",
            "high voltage": "L3",
            "voltage unbalance": None,
        }

    def test_behind_an_unbalance_stand_those_who_draw_on_the_low_phase(self):
        """Not the car on a high phase, not the one that draws evenly; the largest first."""
        found = self._sessions(UNEVEN, [100.0, 0.0, 0.0], [0.0, 300.0, 0.0], [200.0] * 3, [150.0, 0.0, 0.0])
        assert found == {"voltage unbalance": "car-3 car-0"}

    def test_who_injects_on_a_high_phase_raises_the_unbalance_too(self):
        """It is raised by what lifts that phase."""
        assert self._sessions(UNEVEN, [0.0, -100.0, 0.0]) == {"voltage unbalance": "car-0"}

    def test_behind_a_low_phase_stand_those_who_draw_on_it(self):
        """The car on L2 lifts L1 through the neutral; the three-phase car draws on all of them."""
        low = _end(0.88, 0.97, 0.98)
        found = self._sessions(low, [0.0, 300.0, 0.0], [100.0] * 3, [250.0, 0.0, 0.0])
        assert found == {"low voltage": "car-2 car-1"}

    def test_behind_a_high_phase_stand_those_who_draw_on_the_others(self):
        """What is drawn on L1 lifts L3 through the neutral; drawn evenly it lowers all three."""
        high = _end(1.0, 1.05, 1.12)
        found = self._sessions(high, [300.0, 0.0, 0.0], [100.0] * 3, [0.0, 0.0, 250.0])
        assert found == {"high voltage": "car-0"}

    def test_behind_a_high_phase_stand_those_who_inject_evenly(self):
        """As in a symmetric feeder."""
        assert self._sessions(_end(1.0, 1.05, 1.12), [-100.0] * 3) == {"high voltage": "car-0"}

    def test_a_bus_can_be_too_low_and_too_high_at_once(self):
        """On different phases."""
        assert sorted(self._sessions(_end(0.88, 1.0, 1.12), [10.0, 0.0, 0.0])) == [
            "high voltage",
            "low voltage",
        ]

    def test_behind_a_transformer_stand_all_by_all_that_they_drew(self):
        """Whatever the phase."""
        full = _end(0.97, 0.98, 0.99, loading_pct=np.array([40.0, 110.0]))
        found = self._sessions(full, [0.0, 90.0, 0.0], [40.0] * 3)
        assert found == {"transformer loading": "car-1 car-0"}

    def test_phases_without_any_difference_have_nobody_behind_their_unbalance(self):
        """Three equal magnitudes say nothing about who turned their angles."""
        assert self._sessions(_end(0.97, 0.97, 0.97, vuf_pct=2.5), [10.0, 0.0, 0.0]) == {
            "voltage unbalance": ""
        }

    @given(
        base=st.lists(st.floats(0.0, 0.02), min_size=3, max_size=3), phase=st.integers(0, 2),
        x_per_r=st.floats(0.05, 0.35), r0_per_r1=st.floats(2.0, 5.0),
    )  # fmt: skip
    def test_magnitudes_tell_who_adds_to_the_negative_sequence(self, base, phase, x_per_r, r0_per_r1):
        """Against the complex voltages behind a cable: one more car on a phase, its V2 before and after."""
        a = np.exp(2j * np.pi / 3)
        source = np.array([1.0, a**2, a])
        z1 = 1.0 + 1j * x_per_r
        z0 = r0_per_r1 * z1
        own, mutual = (z0 + 2 * z1) / 3, (z0 - z1) / 3
        z = np.full((3, 3), mutual) + np.eye(3) * (own - mutual)

        def solved(power):
            v = source - z @ (np.array(power) * source)
            return v, abs(v @ [1.0, a**2, a]) / 3

        before, v2_pu = solved(base)
        weight = _unbalancing(np.abs(before))[phase]
        assume(v2_pu > 1e-3)
        assume(abs(weight) > 0.5)
        more = np.array(base)
        more[phase] += 1e-6
        assert np.sign(solved(more)[1] - v2_pu) == np.sign(weight)

    def test_the_recorder_knows_on_which_phases_a_car_drew(self, bench):
        """Two cars of 3 kW at one bus, on L1 and L2; L1 is the low one."""
        b = bench("end", "end", grid=THREE_PHASE)
        b.recorder.session_of_row(0, "a/1#1")
        b.recorder.session_of_row(1, "b/1#1")
        b.tick(3000.0, 3000.0, solved=UNEVEN, without=FINE, shares=(ONLY_L1, ONLY_L2))
        assert b.finish().violations.to_pandas()["sessions"].tolist() == ["a/1#1"]

    def test_what_an_empty_station_needs_is_no_draw_of_a_session(self, bench):
        """Standby is drawn from the grid, but nothing at the connector."""
        b = bench("end", grid=THREE_PHASE)
        b.recorder.session_of_row(0, "a/1#1")
        interval_w = 20.0
        b.fleet.plugged[:] = True
        from tests.results.conftest import interval_of

        interval = interval_of(b.fleet)
        interval.grid_w[:], interval.phase_w[0] = interval_w, interval_w
        b.recorder.grid(300.0, interval, UNEVEN, FINE)
        b.recorder.tick(300.0, b.fleet, interval, None, {})
        assert b.finish().violations.to_pandas()["sessions"].tolist() == [""]


class TestKeyFigures:
    """The summary of a three-phase run."""

    def _summary(self, bench, *solves, grid=THREE_PHASE):
        b = bench("lv", "end", grid=grid)
        for solved in solves:
            b.tick(1000.0, 0.0, solved=solved, without=FINE if grid is THREE_PHASE else state())
        return b.finish().summary

    def test_voltages_are_those_of_the_lowest_and_the_highest_phase(self, bench):
        """0.95 on L2 and 1.03 on L3; the medium voltage has no charger and does not count."""
        found = self._summary(bench, _end(0.99, 0.95, 1.03, vuf_pct=1.5), FINE)
        assert (found["min_vm_pu"], found["max_vm_pu"], found["max_vuf_pct"]) == (0.95, 1.03, 1.5)

    def test_minutes_are_told_by_kind_of_limit(self, bench):
        """Uneven for two ticks of five minutes, low in the second of them."""
        low = _end(0.88, 0.99, 0.99, vuf_pct=2.5)
        found = self._summary(bench, UNEVEN, low, FINE)
        minutes = {
            key: found[f"{key}_minutes"]
            for key in (
                "low_voltage",
                "high_voltage",
                "unbalance",
                "line_overload",
                "trafo_overload",
                "violation",
            )
        }
        assert minutes == {
            "low_voltage": 5.0, "high_voltage": 0.0, "unbalance": 10.0, "line_overload": 0.0, "trafo_overload": 0.0,
            "violation": 10.0,
        }  # fmt: skip

    def test_overlapping_elements_count_once_per_kind(self, bench):
        """Two buses are low in the same five minutes."""
        both = state(vm_pu=np.array([1.0, 0.88, 0.87]), ev_w=3000.0)
        assert self._summary(bench, both, grid=True)["low_voltage_minutes"] == 5.0

    def test_a_symmetric_run_says_nothing_about_unbalance(self, bench):
        """Null is not 0: it was not looked at."""
        found = self._summary(bench, state(), grid=True)
        assert [found[key] for key in ("max_vuf_pct", "unbalance_minutes", "en50160_vuf_ok")] == [None] * 3

    def test_a_run_without_a_grid_has_no_minutes_by_kind(self, bench):
        """There was no limit."""
        b = bench("lv")
        b.tick(1000.0)
        found = b.finish().summary
        assert found["low_voltage_minutes"] is None
        assert found["violation_minutes"] == 0.0


class TestEn50160:
    """Week by week, phase by phase."""

    def _verdict(self, bench, *by_window):
        """Verdict at the end of the line; one (L1, L2, L3, vuf_pct) per ten minutes."""
        b = bench("end", grid=THREE_PHASE, period_s=600.0)
        for *by_phase, vuf_pct in by_window:
            b.tick(0.0, solved=_end(*by_phase, vuf_pct=vuf_pct))
        run = b.finish()
        verdicts = {verdict.bus: verdict for verdict in en50160(run)}
        return verdicts["end"], run.summary

    def test_each_phase_may_be_outside_for_five_percent_of_the_time(self, bench):
        """Of 20 windows L1 is low in one and L2 in another: 95 % each, though 90 % of all."""
        plain = (1.0, 1.0, 1.0, 0.0)
        verdict, found = self._verdict(bench, (0.88, 1.0, 1.0, 0.0), (1.0, 0.89, 1.0, 0.0), *[plain] * 18)
        assert (verdict.ok, verdict.voltage_ok) == (True, True)
        assert (verdict.share, verdict.phase) == (pytest.approx(0.95), "L1")
        assert verdict.lowest_pu == pytest.approx(0.88)
        assert found["en50160_ok"] is True

    def test_one_phase_that_is_outside_for_longer_breaks_it(self, bench):
        """L3 in two of 20 windows."""
        low = (1.0, 1.0, 0.88, 0.0)
        verdict, _ = self._verdict(bench, low, low, *[(1.0, 1.0, 1.0, 0.0)] * 18)
        assert (verdict.ok, verdict.voltage_ok, verdict.vuf_ok, verdict.phase) == (False, False, True, "L3")

    def test_the_highest_phase_is_judged_too(self, bench):
        """1.12 pu on L2 is never allowed, whatever the others are."""
        verdict, _ = self._verdict(bench, (0.95, 1.12, 1.0, 0.0), *[(1.0, 1.0, 1.0, 0.0)] * 39)
        assert (verdict.voltage_ok, verdict.highest_pu) == (False, pytest.approx(1.12))

    @pytest.mark.parametrize(("windows", "ok"), [(1, True), (2, False)])
    def test_the_unbalance_may_be_above_two_percent_for_five_percent_of_the_time(self, bench, windows, ok):
        """Of 20 windows; the voltage is fine in all."""
        bad = [(0.96, 1.0, 1.0, 2.1)] * windows
        verdict, found = self._verdict(bench, *bad, *[(1.0, 1.0, 1.0, 2.0)] * (20 - windows))
        assert (verdict.voltage_ok, verdict.vuf_ok, verdict.ok) == (True, ok, ok)
        assert verdict.vuf_share == pytest.approx(1 - windows / 20)
        assert verdict.highest_vuf_pct == pytest.approx(2.1)
        assert (found["en50160_ok"], found["en50160_vuf_ok"]) == (ok, ok)

    def test_ten_minutes_of_unbalance_are_a_mean_of_squares(self, bench):
        """Five minutes at 1 % and five at 3 %: sqrt((1 + 9) / 2) = 2.236 %."""
        b = bench("end", grid=THREE_PHASE, period_s=300.0)
        for vuf_pct in (1.0, 3.0):
            b.tick(0.0, solved=_end(1.0, 1.0, 1.0, vuf_pct=vuf_pct))
        (_, verdict) = en50160(b.finish())
        assert verdict.highest_vuf_pct == pytest.approx(5**0.5)

    def test_a_symmetric_feeder_has_no_phase_and_no_unbalance(self, bench):
        """What was not looked at is not a number."""
        b = bench("end", grid=replace(FEEDER), period_s=600.0)
        b.tick(0.0, solved=state())
        (_, verdict) = en50160(b.finish())
        assert (verdict.phase, verdict.vuf_ok) == ("", True)
        assert np.isnan([verdict.vuf_share, verdict.highest_vuf_pct]).all()
