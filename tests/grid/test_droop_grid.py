"""The feeder with droop behind the port: what it balances, what it curtails, what it tells."""

from dataclasses import replace

import numpy as np
import pandapower as pp
import pytest

from twin.domain.droop import VOLT_VAR, VOLT_WATT, Curve, Droop
from twin.domain.grid import NO_SOLUTION, broken
from twin.domain.phases import PhaseShares
from twin.domain.specs import Connection, EvseSpec
from twin.errors import SolverError
from twin.grid.common import balance_error
from twin.grid.droop import share_at
from twin.grid.droop_grid import Droops, add_droop
from twin.grid.feeder import Feeder, index_feeder
from twin.grid.make import make_grid
from twin.grid.nets import NetSource, load_feeder
from twin.grid.profiles import constant

from .conftest import load_buses

EV_LOW = Curve(((0.90, 0.0), (0.97, 1.0)))


@pytest.fixture(scope="module")
def solar() -> Feeder:
    """Kerber's village with 50 kW of sun on every second roof: 29 inverters."""
    net = pp.networks.create_kerber_dorfnetz()
    pp.create_sgens(net, net.load.bus.to_numpy()[::2], p_mw=0.05, q_mvar=0.0)
    return index_feeder(net, "solar village")


def at_level(feeder: Feeder, droops: Droops | None, level: float):
    """Every load and generator of the net at `level` times its power; two EVSEs."""
    grid = make_grid(feeder, load_buses(feeder)[:2], constant(feeder, level))
    return grid if droops is None else add_droop(grid, droops)


def village_grid(village: Feeder, droops: Droops | None, *, max_w: float = 11_000.0):
    """Kerber's village with its nominal load and an EVSE at every house."""
    grid = make_grid(village, load_buses(village), constant(village, 1.0), evse_max_w=np.full(57, max_w))
    return grid if droops is None else add_droop(grid, droops)


class TestVoltVar:
    def test_chargers_raise_the_lowest_voltage_and_the_power_balances(self, village: Feeder) -> None:
        """Every house charges: with VDE 4105 the end of the street is higher, nobody charges less."""
        watts = np.full(57, 4_000.0)
        plain = village_grid(village, None).solve(0.0, 0.0, watts)
        droop = Droops(evse=Droop(kind="evse", volt_var=VOLT_VAR["vde-4105"]))
        helped = village_grid(village, droop).solve(0.0, 0.0, watts)
        assert np.nanmin(plain.vm_pu) < 0.96
        assert np.nanmin(helped.vm_pu) > np.nanmin(plain.vm_pu) + 0.002
        assert helped.ev_w == plain.ev_w == 57 * 4_000.0
        assert balance_error(helped) < 1e-7
        assert helped.pv_curtailed_w == 0.0

    def test_idle_chargers_change_nothing(self, village: Feeder) -> None:
        """Without active power there is no reactive power at a power factor of 0.9."""
        droop = Droops(evse=Droop(kind="evse", volt_var=VOLT_VAR["ieee-1547-b"]))
        rest = np.zeros(57)
        plain, drooped = (village_grid(village, d).solve(0.0, 0.0, rest) for d in (None, droop))
        np.testing.assert_allclose(drooped.vm_pu, plain.vm_pu, atol=1e-12)

    def test_the_same_question_has_the_same_answer_whatever_was_asked_before(self, village: Feeder) -> None:
        """No memory: results do not depend on the order of solves, to the last bit."""
        droop = Droops(evse=Droop(kind="evse", volt_var=VOLT_VAR["vde-4105"]))
        grid = village_grid(village, droop)
        first = grid.solve(0.0, 0.0, np.full(57, 4_000.0))
        grid.solve(0.0, 0.0, np.full(57, 500.0))
        again = grid.solve(0.0, 0.0, np.full(57, 4_000.0))
        assert np.array_equal(first.vm_pu, again.vm_pu)
        fresh = village_grid(village, droop)
        fresh.solve(0.0, 0.0, np.full(57, 500.0))
        assert np.array_equal(first.vm_pu, fresh.solve(0.0, 0.0, np.full(57, 4_000.0)).vm_pu)

    def test_the_guard_can_linearise_it(self, village: Feeder) -> None:
        """With set-points held: more charging at the end of the street lowers its voltage."""
        grid = village_grid(village, Droops(evse=Droop(kind="evse", volt_var=VOLT_VAR["vde-4105"])))
        state = grid.solve(0.0, 0.0, np.full(57, 4_000.0))
        answer = grid.sensitivity(state, np.array([3]))
        assert answer.dvm_pu_per_w.shape == (116, 1, 1)
        assert np.nanmin(answer.dvm_pu_per_w) < 0.0


class TestInverters:
    def test_volt_watt_holds_back_what_is_told_and_the_rest_balances(self, solar: Feeder) -> None:
        """Beyond 1.06 pu generation stays on the line to 20 % at 1.10; what is left is what the slack sees."""
        droops = Droops(pv=Droop(kind="pv", volt_watt=VOLT_WATT["ieee-1547"], min_power_factor=0.0))
        free, held = (at_level(solar, d, 1.0).solve(0.0, 900.0, np.zeros(2)) for d in (None, droops))
        assert np.nanmax(free.vm_pu) > 1.07
        assert 1.06 < np.nanmax(held.vm_pu) < np.nanmax(free.vm_pu) - 0.005
        assert held.pv_curtailed_w > 10_000.0
        assert held.pv_w + held.pv_curtailed_w == pytest.approx(free.pv_w)
        assert balance_error(held) < 1e-7
        assert held.slack_w > free.slack_w
        roofs = solar.units.bus[solar.units.generates]
        allowed_w = share_at(VOLT_WATT["ieee-1547"], held.vm_pu[roofs, 0]) * 50_000.0
        assert held.pv_w == pytest.approx(float(allowed_w.sum()), rel=1e-5)

    def test_volt_var_keeps_all_the_energy(self, solar: Feeder) -> None:
        """Lower voltage, nothing curtailed."""
        droops = Droops(pv=Droop(kind="pv", volt_var=VOLT_VAR["vde-4105"]))
        free, held = (at_level(solar, d, 1.0).solve(0.0, 900.0, np.zeros(2)) for d in (None, droops))
        assert np.nanmax(held.vm_pu) < np.nanmax(free.vm_pu) - 0.005
        assert held.pv_curtailed_w == 0.0
        assert held.pv_w == free.pv_w
        assert balance_error(held) < 1e-7

    def test_both_together_curtail_less_than_volt_watt_alone(self, solar: Feeder) -> None:
        """Reactive power takes a part of the rise away."""
        watt = Droop(kind="pv", volt_watt=VOLT_WATT["ieee-1547"], min_power_factor=0.9)
        both = replace(watt, volt_var=VOLT_VAR["ieee-1547-b"])
        alone, together = (
            at_level(solar, Droops(pv=d), 1.0).solve(0.0, 900.0, np.zeros(2)) for d in (watt, both)
        )
        assert together.pv_curtailed_w < 0.8 * alone.pv_curtailed_w

    def test_at_night_nothing_differs(self, solar: Feeder) -> None:
        """No sun, no answer."""
        droops = Droops(pv=Droop(kind="pv", volt_var=VOLT_VAR["vde-4105"], volt_watt=VOLT_WATT["ieee-1547"]))
        free, held = (at_level(solar, d, 0.0).solve(0.0, 900.0, np.zeros(2)) for d in (None, droops))
        np.testing.assert_allclose(held.vm_pu, free.vm_pu, atol=1e-12)


class TestThreePhases:
    def test_a_single_phase_charger_raises_its_own_phase(self) -> None:
        """A house of the IEEE feeder charges on one phase after the other; the power still balances."""
        feeder = load_feeder(NetSource("builtin", "ieee_european_lv_asymmetric"), phases=3)
        evses = [
            EvseSpec(id=f"{c}/1", station=f"{c}", site="s", bus=None, connection=c)
            for c in (Connection.L1, Connection.L2, Connection.L3)
        ]
        shares = PhaseShares(evses)
        bus = int(feeder.units.bus[-1])
        grid = make_grid(
            feeder,
            [feeder.buses[bus]] * 3,
            constant(feeder, 1.0, np.full((len(feeder.units), 3), 1 / 3)),
            evse_max_w=np.full(3, 7_400.0),
            phases=3,
            shares=shares,
        )
        droops = Droops(evse=Droop(kind="evse", volt_var=Curve(((0.9, 0.4), (1.06, 0.4), (1.12, 0.0)))))
        drooping = add_droop(grid, droops)
        for phase in range(3):
            watts = shares.split(np.where(np.arange(3) == phase, 7_000.0, 0.0), np.ones(3))
            plain, helped = grid.solve(0.0, 0.0, watts), drooping.solve(0.0, 0.0, watts)
            assert helped.vm_pu[bus, phase] > plain.vm_pu[bus, phase] + 5e-4
            assert balance_error(helped) < 1e-7


class TestVoltWattOfChargers:
    def test_each_stands_on_its_own_curve(self, village: Feeder) -> None:
        """All at once, 11 kW: nobody draws more than the curve allows at the voltage that results."""
        grid = village_grid(village, Droops(evse=Droop(kind="evse", volt_watt=EV_LOW)))
        wish_w = np.full(57, 11_000.0)
        stands_w = grid.lower(0.0, 0.0, wish_w)
        state = grid.solve(0.0, 0.0, stands_w)
        seen_pu = state.vm_pu[village.bus_positions(load_buses(village)), 0]
        np.testing.assert_allclose(
            stands_w, np.minimum(wish_w, share_at(EV_LOW, seen_pu) * 11_000.0), atol=1.0
        )
        assert stands_w.min() < 10_000.0

    def test_the_solve_itself_never_changes_what_was_metered(self, village: Feeder) -> None:
        """Volt-Watt of EVSEs acts ahead, not on the closed interval."""
        grid = village_grid(village, Droops(evse=Droop(kind="evse", volt_watt=EV_LOW)))
        watts = np.full(57, 4_000.0)
        plain = village_grid(village, None).solve(0.0, 0.0, watts)
        assert grid.solve(0.0, 0.0, watts).ev_w == plain.ev_w
        np.testing.assert_allclose(grid.solve(0.0, 0.0, watts).vm_pu, plain.vm_pu, atol=1e-12)

    def test_without_volt_watt_wishes_stay(self, village: Feeder) -> None:
        """A feeder of Volt-VAR alone lowers nobody."""
        grid = village_grid(village, Droops(evse=Droop(kind="evse", volt_var=VOLT_VAR["vde-4105"])))
        assert grid.lower(0.0, 0.0, np.full(57, 4_000.0)).tolist() == [4_000.0] * 57


class TestTelling:
    def test_the_manifest_has_the_curves(self, village: Feeder) -> None:
        """As points, so that a reader can draw them."""
        told = village_grid(village, Droops(evse=Droop(kind="evse", volt_watt=EV_LOW))).provenance["droop"]
        assert told == {"evse": {"volt_watt": [[0.90, 0.0], [0.97, 1.0]], "min_power_factor": 0.9}}

    def test_a_collapse_is_no_solution_and_says_why(self, village: Feeder) -> None:
        """57 times 100 kW: NaN and a violation, no plausible number."""
        grid = village_grid(
            village, Droops(evse=Droop(kind="evse", volt_var=VOLT_VAR["vde-4105"])), max_w=1e5
        )
        state = grid.solve(0.0, 0.0, np.full(57, 1e5))
        assert not state.converged
        assert state.problem == "no solution"
        assert np.isnan(state.vm_pu).all()
        assert np.isnan(state.slack_w)
        assert [b.kind for b in broken(grid.topology, state)] == [NO_SOLUTION]

    def test_the_plain_feeder_cannot_carry_droop(self, village: Feeder) -> None:
        """The error names what stands in the way."""
        grid = make_grid(village, load_buses(village)[:1], constant(village, 1.0), plain=True)
        with pytest.raises(SolverError, match=r"create_kerber_dorfnetz: `grid\.droop` .* asked for"):
            add_droop(grid, Droops(evse=Droop(kind="evse", volt_watt=EV_LOW)))

    def test_a_power_that_is_no_number_names_its_evse(self, village: Feeder) -> None:
        """As every feeder does."""
        grid = village_grid(village, Droops(evse=Droop(kind="evse", volt_watt=EV_LOW)))
        with pytest.raises(ValueError, match="EVSE 3 is nan"):
            grid.solve(0.0, 0.0, np.where(np.arange(57) == 3, np.nan, 0.0))
