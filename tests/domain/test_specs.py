"""How EVSEs are connected, and the limits that they share."""

import numpy as np
import pytest

from twin.domain.site_limits import site_limits
from twin.domain.specs import Connection, EvseSpec, LimitGroup, SiteSpec


def evse(name: str, **kwargs: object) -> EvseSpec:
    """An EVSE at the site `s`."""
    return EvseSpec(id=f"{name}/1", station=name, site="s", bus=None, **kwargs)


class TestConnection:
    @pytest.mark.parametrize("connection", [Connection.L1L2L3, Connection.L2L3L1, Connection.L3L1L2])
    def test_three_phases_add_up_to_no_neutral_current(self, connection: Connection) -> None:
        """One ampere on each of three phases leaves nothing in the neutral."""
        assert abs(sum(connection.phasors(3))) == pytest.approx(0, abs=1e-12)
        np.testing.assert_allclose(np.abs(connection.phasors(3)), [1, 1, 1])

    def test_a_rotated_station_puts_a_one_phase_car_on_its_first_conductor(self) -> None:
        """L2L3L1 is the rotation that moves the single-phase car to L2."""
        np.testing.assert_allclose(np.abs(Connection.L2L3L1.phasors(1)), [0, 1, 0])

    def test_two_phases_use_the_first_two_conductors(self) -> None:
        """A two-phase car at L3L1L2 loads L3 and L1."""
        np.testing.assert_allclose(np.abs(Connection.L3L1L2.phasors(2)), [1, 0, 1])

    def test_a_line_to_line_current_flows_out_and_back(self) -> None:
        """One ampere from L1 to L2 is one ampere in each, opposite."""
        l1, l2, l3 = Connection.L1_L2.phasors(1)
        assert l1 == pytest.approx(-l2)
        assert abs(l1) == pytest.approx(1)
        assert l3 == 0

    def test_three_equal_line_to_line_loads_draw_root_three_per_conductor(self) -> None:
        """A balanced delta of 1 A per branch has line currents of 1.732 A."""
        branches = (Connection.L1_L2, Connection.L2_L3, Connection.L3_L1)
        total = np.sum([c.phasors(1) for c in branches], axis=0)
        np.testing.assert_allclose(np.abs(total), [3**0.5] * 3)


class TestSiteLimits:
    def test_a_station_without_a_group_hangs_on_the_sites_root(self) -> None:
        """The first group without a parent catches everything."""
        site = SiteSpec(id="s", operator="o", tariff="t", groups=(LimitGroup(name="main", limit_a=100),))
        limits = site_limits([site], [evse("a")])
        assert limits.names == ("s/main",)
        assert limits.leaf.tolist() == [0]

    def test_parents_stand_before_children_whatever_the_order(self) -> None:
        """Compiled code walks from a leaf up to smaller indices."""
        groups = (LimitGroup(name="row", parent="main", limit_a=32), LimitGroup(name="main", limit_a=100))
        site = SiteSpec(id="s", operator="o", tariff="t", groups=groups, group_of_station={"a": "row"})
        limits = site_limits([site], [evse("a"), evse("b")])
        assert limits.names == ("s/main", "s/row")
        assert limits.parent.tolist() == [-1, 0]
        assert limits.leaf.tolist() == [1, 0]

    def test_groups_that_hang_on_each_other_are_refused(self) -> None:
        """A ring of groups has no root."""
        groups = (LimitGroup(name="a", parent="b"), LimitGroup(name="b", parent="a"))
        with pytest.raises(ValueError, match="hang on each other"):
            site_limits([SiteSpec(id="s", operator="o", tariff="t", groups=groups)], [])

    def test_eleven_kilowatt_on_three_phases_are_16_ampere_each(self) -> None:
        """11,040 W = 3 x 230 V x 16 A."""
        limits = site_limits([SiteSpec(id="s", operator="o", tariff="t")], [evse("a")])
        np.testing.assert_allclose(np.abs(limits.phasor_per_w[3, 0] * 11_040), [16, 16, 16])

    def test_standby_is_taken_off_every_group_above(self) -> None:
        """Two stations with 690 W standby on three phases: 1 A each, 2 A and 1,380 W less for charging."""
        groups = (
            LimitGroup(name="main", limit_a=100, limit_w=50_000),
            LimitGroup(name="row", parent="main", limit_a=32),
        )
        site = SiteSpec(id="s", operator="o", tariff="t", groups=groups, group_of_station={"a": "row"})
        limits = site_limits([site], [evse("a", standby_w=690.0), evse("b", standby_w=690.0)])
        np.testing.assert_allclose(limits.limit_a, [98, 31])
        np.testing.assert_allclose(limits.limit_w, [48_620, np.inf])

    def test_no_group_means_no_limit(self) -> None:
        """A site without groups leaves its EVSEs free."""
        limits = site_limits([SiteSpec(id="s", operator="o", tariff="t")], [evse("a")])
        assert len(limits) == 0
        assert limits.leaf.tolist() == [-1]


class TestPilots:
    def test_levels_raise_the_floor(self) -> None:
        """With 8, 16, 24 and 32 A the smallest pilot is 8 A, and plans may count on steps of 8 A."""
        spec = evse("a", max_a=32, levels_a=(8.0, 16.0, 24.0, 32.0))
        assert (spec.floor_a, spec.even_step_a) == (8, 8)

    def test_a_coarse_step_raises_the_floor(self) -> None:
        """6 A cannot be signalled in steps of 4 A: the smallest pilot is 8 A."""
        assert evse("a", step_a=4.0).floor_a == 8

    def test_uneven_levels_have_no_step(self) -> None:
        """6, 16 and 32 A share no step; the station rounds plans down to a level."""
        assert evse("a", max_a=32, levels_a=(6.0, 16.0, 32.0)).even_step_a == 0

    def test_whole_amperes_from_six_on_are_steps_of_one(self) -> None:
        """6, 7, .. 16 A."""
        assert evse("a", levels_a=tuple(float(a) for a in range(6, 17))).even_step_a == 1
