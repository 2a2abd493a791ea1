"""The guard on three phases: the phase in trouble gives way, relief counts, and what charging relieves is not fought."""

import math

import numpy as np
import pytest

from twin.control.guard import Guard
from twin.domain.fleet import Fleet
from twin.domain.grid import GridState, GridTopology, Sensitivity
from twin.domain.ids import Array, Matrix, Rows
from twin.domain.specs import Connection, EvseSpec

TURN = np.exp(2j * np.pi * np.arange(3) / 3.0)
W = 1e-3


class PhaseBench:
    """One line to one bus. Loading is that of the fullest phase at 10 % per kW; a kW lowers its own phase by 0.01 pu.

    Each kW also lifts the other two phases by 0.002 pu, as a shifting neutral does. Unbalance is that of the
    three powers: 1 % per kW of their negative-sequence sum.
    """

    def __init__(self, base_kw: tuple[float, float, float] = (0.0, 0.0, 0.0), vuf_max_pct: float = math.inf):
        self.base_kw = np.array(base_kw)
        self.shares_seen: Matrix | None = None
        self.provenance: dict[str, object] = {}
        self.topology = GridTopology(
            name="bench",
            buses=("B",),
            bus_vn_kv=np.array([0.4]),
            charging_level=np.array([True]),
            branches=("L",),
            is_trafo=np.array([False]),
            from_bus=np.zeros(1, dtype=np.int64),
            to_bus=np.zeros(1, dtype=np.int64),
            bus_xy=np.full((1, 2), np.nan),
            vm_min_pu=np.array([0.9]),
            vm_max_pu=np.array([1.1]),
            max_loading_pct=np.array([100.0]),
            head_va_rating=np.inf,
            phases=3,
            vuf_max_pct=np.array([vuf_max_pct]),
        )

    def _at(self, kw: Array) -> tuple[Array, float, Array]:
        vm_pu = 1.0 - 0.01 * kw + 0.002 * (kw.sum() - kw)
        return vm_pu, float(10.0 * kw.max()), np.array([abs(kw @ TURN)])

    def solve(self, start_s: float, end_s: float, evse_w: Array, /) -> GridState:
        """Linear voltages, the fullest phase, and the length of the negative-sequence sum."""
        assert evse_w.shape[1] == 3
        kw = self.base_kw + evse_w.sum(axis=0) * W
        vm_pu, loading_pct, vuf_pct = self._at(kw)
        return GridState(
            vm_pu=vm_pu[None, :],
            vuf_pct=vuf_pct,
            loading_pct=np.array([loading_pct]),
            slack_w=0.0,
            losses_w=0.0,
            base_w=0.0,
            pv_w=0.0,
            ev_w=float(evse_w.sum()),
            converged=True,
            mismatch_w=0.0,
            iterations=1,
        )

    def sensitivity(self, state: GridState, rows: Rows, shares: Matrix, /) -> Sensitivity:
        """Exact; the powers are found back from the voltages."""
        self.shares_seen = shares
        kw = np.linalg.solve(-0.012 * np.eye(3) + 0.002, state.vm_pu[0] - 1.0)
        dvm = ((-0.012 * np.eye(3) + 0.002) @ shares.T) * W
        fullest = int(kw.argmax())
        sum_kw = kw @ TURN
        toward = (sum_kw.conjugate() / max(abs(sum_kw), 1e-12)) * TURN
        return Sensitivity(
            dvm_pu_per_w=dvm[None, :, :],
            dloading_pct_per_w=10.0 * W * shares[:, fullest][None, :],
            dvuf_pct_per_w=(shares @ toward.real)[None, :] * W,
        )


def fleet_of(*connections: Connection) -> Fleet:
    """EVSEs of 32 A with a car each and no smallest pilot; one phase is 7.36 kW."""
    fleet = Fleet(
        [
            EvseSpec(id=f"s{i}/1", station=f"s{i}", site="x", bus="B", connection=c, max_a=32.0)
            for i, c in enumerate(connections)
        ]
    )
    fleet.plugged[:] = 1.0
    fleet.min_w[:] = 0.0
    return fleet


def protect(bench: PhaseBench, fleet: Fleet, plan_w: list[float], **options):
    """No margin, so that numbers can be checked by hand."""
    return Guard(bench, fleet, margin_pct=0.0, **options).protect(300.0, 300.0, np.array(plan_w))


def test_only_the_car_on_the_full_phase_gives_way():
    """9 kW of base on L1 leave 1 kW there; the car on L2 has 10 kW and keeps its 5."""
    bench = PhaseBench((9.0, 0.0, 0.0))
    guarded = protect(bench, fleet_of(Connection.L1, Connection.L2), [5_000.0, 5_000.0])
    assert guarded.limit_w == pytest.approx([1_000.0, 5_000.0], abs=5.0)
    assert guarded.reasons == {0: "L"}


def test_a_car_counts_on_the_phases_it_uses():
    """An L2L3L1 charger with a one-phase car draws on L2; with three phases a third on each."""
    fleet = fleet_of(Connection.L2L3L1, Connection.L1L2L3)
    fleet.phases[0] = 1.0
    bench = PhaseBench((0.0, 8.0, 0.0))
    guarded = protect(bench, fleet, [5_000.0, 3_000.0])
    assert bench.shares_seen == pytest.approx(np.array([[0, 1, 0], [1 / 3, 1 / 3, 1 / 3]]))
    assert guarded.limit_w == pytest.approx([1_000.0, 3_000.0], abs=5.0)


def test_all_phases_of_a_line_are_seen_at_once():
    """12 kW wanted on each phase of a line for 10: three cars give 2 kW each, in one round."""
    fleet = fleet_of(Connection.L1, Connection.L2, Connection.L3)
    fleet.max_w[:] = 12_000.0
    guarded = protect(PhaseBench(), fleet, [12_000.0, 11_999.0, 11_998.0])
    assert guarded.limit_w == pytest.approx([10_000.0] * 3, abs=5.0)
    assert guarded.rounds == 1


def test_a_car_that_lifts_another_phases_voltage_is_left_alone():
    """L1 is at 0.9 pu with 4 kW less: the car on L2 lifts it by 0.002 pu per kW, so only the one on L1 gives way."""
    bench = PhaseBench((6.0, 0.0, 0.0))
    bench.topology.max_loading_pct[0] = 1_000.0
    guarded = protect(bench, fleet_of(Connection.L1, Connection.L2), [7_000.0, 5_000.0])
    assert guarded.limit_w == pytest.approx([5_000.0, 5_000.0], abs=5.0)
    (only,) = guarded.interventions
    assert (only.element, only.kind) == ("B", "low voltage")


def test_an_over_voltage_that_a_car_on_another_phase_causes_is_curtailed():
    """L3 is at 1.096 pu by its PV; 2 kW elsewhere lift it to the limit, the rest has to go."""
    bench = PhaseBench((0.0, 0.0, -9.6))
    guarded = protect(bench, fleet_of(Connection.L1, Connection.L3), [5_000.0, 0.0])
    assert guarded.limit_w[0] == pytest.approx(2_000.0, abs=15.0)
    (only,) = guarded.interventions
    assert (only.element, only.kind) == ("B", "high voltage")
    assert str(only.event()["detail"]).startswith("high voltage, 1.1060 pu planned, limit 1.1 pu")


def test_under_an_over_voltage_the_car_on_that_phase_helps_and_goes_on():
    """L3 is above its limit without charging: the car on L3 relieves it, nothing is fought, and it is said."""
    bench = PhaseBench((0.0, 0.0, -11.0))
    guarded = protect(bench, fleet_of(Connection.L1, Connection.L3), [0.0, 500.0])
    assert guarded.limit_w.tolist() == [0.0, 500.0]
    assert guarded.interventions == ()
    assert guarded.helpless == ("B",)


def test_unbalance_is_curtailed_on_the_phase_that_makes_it():
    """5 kW on L1 and 2 on L2 unbalance by 4.36 %; 3 % are allowed: L1 gives way, L2 balances and stays."""
    bench = PhaseBench(vuf_max_pct=3.0)
    guarded = protect(bench, fleet_of(Connection.L1, Connection.L2), [5_000.0, 2_000.0])
    left = guarded.limit_w / 1e3
    assert abs(left[0] * TURN[0] + left[1] * TURN[1]) <= 3.0
    assert left[1] == pytest.approx(2.0)
    assert left[0] == pytest.approx(1.0 + math.sqrt(6.0), abs=0.02)  # x^2 - 2x + 4 = 9
    (only,) = guarded.interventions
    assert (only.element, only.kind) == ("B", "voltage unbalance")
    assert str(only.event()["detail"]).startswith("voltage unbalance, 4.36 % planned, limit 3 %")


def test_unbalance_of_the_base_load_does_not_stop_the_cars_that_reduce_it():
    """The street itself is unbalanced by 4 %: the car on L1 adds to it and stops, the one on L2 takes off it."""
    bench = PhaseBench((4.0, 0.0, 0.0), vuf_max_pct=3.0)
    guarded = protect(bench, fleet_of(Connection.L1, Connection.L2), [3_000.0, 1_000.0])
    assert guarded.limit_w[1] == pytest.approx(1_000.0)
    state = bench.solve(0.0, 0.0, np.array([[guarded.limit_w[0], guarded.limit_w[1], 0.0]]))
    assert state.vuf_pct[0] <= 4.0 + 1e-9


@pytest.mark.parametrize("rule", ["least-curtailment", "fair", "urgent-first"])
def test_every_rule_keeps_every_limit_of_every_phase(rule):
    """Forty random plans of nine cars on a street with a limit for the unbalance: each answer is within all limits."""
    rng = np.random.default_rng(11)
    connections = [c for c in Connection if not c.line_to_line] + [
        Connection.L1,
        Connection.L2,
        Connection.L3,
    ]
    curtailed = 0
    for _ in range(40):
        base = tuple(rng.uniform(0.0, 3.0, 3))
        bench = PhaseBench(base, vuf_max_pct=3.0)
        fleet = fleet_of(*connections)
        fleet.max_w[:] = rng.uniform(0.0, 4_000.0, len(fleet))
        order = rng.permutation(len(fleet))
        guard = Guard(bench, fleet, margin_pct=0.0, rule=rule)
        guarded = guard.protect(300.0, 300.0, fleet.max_w.copy(), order=order)
        shares = guard._shares.of(fleet.phases)
        state = bench.solve(0.0, 0.0, shares * guarded.limit_w[:, None])
        assert state.loading_pct[0] <= 100.0 + 1e-6
        assert state.vm_pu.min() >= 0.9 - 1e-9
        assert state.vuf_pct[0] <= 3.0 + 1e-6
        curtailed += guarded.limit_w.sum() < fleet.max_w.sum() - 1.0
    assert curtailed > 10
