"""Phases of loads and generators: the rules, their draws, and the means per bus and phase."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandapower as pp
import pytest

from twin.grid.feeder import Feeder, Units, index_feeder
from twin.grid.profiles import constant, read_profile
from twin.grid.series import BaseLoad
from twin.grid.unit_phases import unit_shares

from .conftest import START, line_net

if TYPE_CHECKING:
    from twin.grid.series import PhaseRule

THIRDS = [1 / 3] * 3
RULES: tuple[PhaseRule, ...] = ("balanced", "single", "uneven")


def units(
    *loads_kw: float, generators_kw: tuple[float, ...] = (), storages_kw: tuple[float, ...] = ()
) -> Units:
    """Units of a line with these instead of its own load."""
    net = line_net()
    net.load = net.load.iloc[:0]
    for k, kw in enumerate(loads_kw):
        pp.create_load(net, 1, kw / 1e3, name=f"load {k}")
    for k, kw in enumerate(generators_kw):
        pp.create_sgen(net, 1, kw / 1e3, name=f"pv {k}")
    for k, kw in enumerate(storages_kw):
        pp.create_storage(net, 1, kw / 1e3, max_e_mwh=0.01, name=f"battery {k}")
    return index_feeder(net, "line").units


def asymmetric() -> Feeder:
    """One load of 3, 2 and 1 kW with 0.3, 0 and -0.1 kvar, and a generator of 2 kW on the second phase."""
    net = line_net()
    net.load = net.load.iloc[:0]
    pp.create_asymmetric_load(
        net, 1, p_a_mw=3e-3, p_b_mw=2e-3, p_c_mw=1e-3, q_a_mvar=3e-4, q_c_mvar=-1e-4, name="flat", scaling=0.5
    )
    pp.create_asymmetric_sgen(net, 1, p_b_mw=2e-3, name="roof")
    return index_feeder(net, "line")


def largest(shares: np.ndarray) -> np.ndarray:
    return shares.max(axis=1)


class TestRules:
    def test_balanced_is_a_third_on_each_phase(self) -> None:
        found = unit_shares(units(3.0, 50.0, generators_kw=(4.0,)), "balanced", 1)
        assert found.tolist() == [THIRDS] * 3

    def test_single_puts_what_one_phase_can_feed_on_one(self) -> None:
        """23 kVA is 100 A, 4.6 kVA the limit of VDE-AR-N 4105; a kVA more is balanced."""
        made = units(3.0, 23.0, 24.0, generators_kw=(4.6, 5.6), storages_kw=(4.6, 5.6))
        found = unit_shares(made, "single", 1)
        single = {name: share.max() == 1.0 for name, share in zip(made.names, found, strict=True)}
        assert single == {
            "load 0": True, "load 1": True, "load 2": False, "battery 0": True, "battery 1": False,
            "pv 0": True, "pv 1": False,
        }  # fmt: skip
        assert found[made.names.index("load 2")].tolist() == THIRDS

    def test_single_uses_each_phase_as_often(self) -> None:
        """Of 3,000 draws a third each: 1,000 with a standard deviation of 26."""
        counts = unit_shares(units(*[3.0] * 3_000), "single", 7).sum(axis=0)
        assert counts.sum() == 3_000
        assert np.abs(counts - 1_000).max() < 100

    def test_uneven_households_have_half_of_their_draw_on_one_phase(self) -> None:
        """Dirichlet(2, 2, 2): the largest share is 0.535 on average; shares vary by 1/sqrt(31.5) = 0.178."""
        found = unit_shares(units(*[3.0] * 2_000), "uneven", 7)
        assert largest(found).mean() == pytest.approx(0.535, abs=0.01)
        assert found.std(axis=0) == pytest.approx([0.178] * 3, abs=0.01)

    def test_uneven_large_loads_are_nearly_balanced(self) -> None:
        """100 kVA are twenty households: Dirichlet(40, 40, 40), whose shares vary by 0.043."""
        found = unit_shares(units(*[100.0] * 2_000), "uneven", 7)
        assert found.std(axis=0) == pytest.approx([0.043] * 3, abs=0.003)

    def test_uneven_generators_follow_the_connection_rule(self) -> None:
        made = units(generators_kw=(4.0, 30.0))
        found = unit_shares(made, "uneven", 1)
        assert sorted(found[0].tolist()) == [0.0, 0.0, 1.0]
        assert found[1].tolist() == THIRDS

    @pytest.mark.parametrize("rule", RULES)
    def test_shares_sum_to_one(self, rule: PhaseRule, street: Feeder) -> None:
        found = unit_shares(street.units, rule, 3)
        np.testing.assert_allclose(found.sum(axis=1), 1.0, rtol=1e-12)
        assert (found >= 0.0).all()


class TestDraws:
    @pytest.mark.parametrize("rule", RULES)
    def test_the_same_seed_gives_the_same_phases(self, rule: PhaseRule, street: Feeder) -> None:
        assert (unit_shares(street.units, rule, 3) == unit_shares(street.units, rule, 3)).all()

    @pytest.mark.parametrize("rule", ["single", "uneven"])
    def test_another_seed_gives_others(self, rule: PhaseRule, street: Feeder) -> None:
        assert (unit_shares(street.units, rule, 3) != unit_shares(street.units, rule, 4)).any()

    @pytest.mark.parametrize("rule", ["single", "uneven"])
    def test_another_load_leaves_the_phases_of_the_rest_alone(self, rule: PhaseRule) -> None:
        few, more = (unit_shares(units(*loads), rule, 3) for loads in ((3.0, 4.0), (3.0, 4.0, 5.0)))
        assert (more[:2] == few).all()


class TestMeans:
    def test_one_phase_has_one_column(self, line: Feeder) -> None:
        profile = constant(line, 1.0)
        assert profile.phases == 1
        assert profile.means(0.0, 900.0)[0].tolist() == [[[0.0], [10_000.0]], [[0.0], [0.0]]]

    def test_three_phases_sum_to_the_symmetric_means(self, street: Feeder) -> None:
        """Active and reactive power of every bus, at noon in June with its photovoltaics."""
        june = datetime.fromisoformat("2016-06-01T00:00:00+02:00")
        base = BaseLoad(source="simbench", phases="uneven")
        symmetric = read_profile(street, base, june, 86_400.0)
        three = read_profile(street, base, june, 86_400.0, phases=3, seed=5)
        assert (symmetric.phases, three.phases) == (1, 3)
        for start_s in (7 * 3600.0, 12 * 3600.0):
            one, *sums = symmetric.means(start_s, start_s + 300.0)
            per_phase, *same = three.means(start_s, start_s + 300.0)
            assert per_phase.shape == (2, len(street.buses), 3)
            np.testing.assert_allclose(per_phase.sum(axis=2), one[:, :, 0], atol=1e-6)
            assert same == pytest.approx(sums)
        assert (symmetric.unit_means(0.0, 900.0) == three.unit_means(0.0, 900.0)).all()

    def test_reactive_power_stays_with_the_active_power_of_its_phase(self) -> None:
        """One load with cos phi 0.95: q over p is the same on every phase, whatever the shares."""
        net = line_net()
        net.load["q_mvar"] = 0.010 * np.tan(np.arccos(0.95))
        feeder = index_feeder(net, "line")
        profile = read_profile(feeder, BaseLoad(source="constant", phases="uneven"), START, 900.0, phases=3)
        p_w, q_var = profile.means(0.0, 900.0)[0][:, 1]
        assert (p_w > 0.0).all()
        np.testing.assert_allclose(q_var / p_w, np.tan(np.arccos(0.95)))

    @pytest.mark.parametrize("rule", RULES)
    def test_asymmetric_rows_say_themselves_where_they_draw(self, rule: PhaseRule) -> None:
        """Scaled by the row's own factor and the scenario's; generation counts against the draw."""
        base = BaseLoad(source="constant", scale=2.0, phases=rule)
        profile = read_profile(asymmetric(), base, START, 900.0, phases=3)
        power, drawn_w, generated_w = profile.means(0.0, 900.0)
        np.testing.assert_allclose(power[0, 1], [3_000.0, 2_000.0 - 4_000.0, 1_000.0])
        np.testing.assert_allclose(power[1, 1], [300.0, 0.0, -100.0])
        assert (drawn_w, generated_w) == pytest.approx((6_000.0, 4_000.0))

    def test_a_csv_column_divides_as_the_asymmetric_row_does(self, tmp_path: Path) -> None:
        """12 kW in proportion 3 : 2 : 1, each phase with its own ratio of reactive power."""
        file = tmp_path / "base.csv"
        file.write_text("time,flat\n2016-01-18T00:00:00+01:00,12\n2016-01-18T00:15:00+01:00,12\n")
        base = BaseLoad(source="csv", file=file)
        power = read_profile(asymmetric(), base, START, 900.0, phases=3).means(0.0, 900.0)[0]
        np.testing.assert_allclose(power[0, 1], [6_000.0, 4_000.0, 2_000.0])
        np.testing.assert_allclose(power[1, 1], [600.0, 0.0, -200.0])

    def test_a_csv_column_of_an_asymmetric_row_without_power_is_balanced(self, tmp_path: Path) -> None:
        feeder = asymmetric()
        feeder.net.asymmetric_load[[f"{x}_{p}" for x in ("p_a", "p_b", "p_c") for p in ("mw",)]] = 0.0
        file = tmp_path / "base.csv"
        file.write_text("time,flat\n2016-01-18T00:00:00+01:00,12\n2016-01-18T00:15:00+01:00,12\n")
        profile = read_profile(
            index_feeder(feeder.net, "line"), BaseLoad(source="csv", file=file), START, 900.0, phases=3
        )
        np.testing.assert_allclose(profile.means(0.0, 900.0)[0][:, 1], [[4_000.0] * 3, [0.0] * 3])

    def test_shares_of_one_profile_make_another_at_nominal_power(self, street: Feeder) -> None:
        """What a self-check at nominal load needs: the phases of the run."""
        run = read_profile(
            street, BaseLoad(source="simbench", phases="single"), START, 900.0, phases=3, seed=2
        )
        nominal = constant(street, 1.0, run.shares).means(0.0, 0.0)[0]
        drawn = street.units.p_w * np.where(street.units.generates, -1.0, 1.0)
        expected = np.zeros((len(street.buses), 3))
        np.add.at(expected, street.units.bus, drawn[:, None] * run.shares)
        np.testing.assert_allclose(nominal[0], expected, atol=1e-9)
