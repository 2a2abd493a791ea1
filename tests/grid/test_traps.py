"""Each way in which a conversion of a net has gone wrong somewhere is put in by hand: the self-check names it.

A wrong model is read from a net that lacks something, while pandapower solves the net as it is. Tolerances are
narrow (1e-6 pu), so that what would make a plausible wrong number is always an error.
"""

import copy
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandapower as pp
import pytest

from twin.errors import SolverError
from twin.grid import make
from twin.grid.feeder import Feeder, index_feeder
from twin.grid.make import make_grid
from twin.grid.model import Model, read_model
from twin.grid.plan import Plan
from twin.grid.profiles import constant

Spoil = Callable[[Any], None]


def crooked_net() -> pp.pandapowerNet:
    """Stub of medium-voltage cable, tapped transformer, cables with a ring that is open, a doubled one, a shunt."""
    net = pp.create_empty_network()
    source, high = (pp.create_bus(net, 20.0, name=name) for name in ("source", "high"))
    low, left, right, end, far = (
        pp.create_bus(net, 0.4, name=name) for name in ("low", "left", "right", "end", "far")
    )
    pp.create_ext_grid(net, source, vm_pu=1.03, s_sc_max_mva=500.0, rx_max=0.1, x0x_max=1.0, r0x0_max=0.1)
    line(net, source, high, "stub", 12.0, c_nf_per_km=300.0, r_ohm_per_km=0.2, x_ohm_per_km=0.12)
    pp.create_transformer_from_parameters(
        net, high, low, sn_mva=0.25, vn_hv_kv=20.0, vn_lv_kv=0.4, vk_percent=6.0, vkr_percent=1.4,
        pfe_kw=0.8, i0_percent=0.4, shift_degree=150.0, vector_group="Dyn", vk0_percent=6.0, vkr0_percent=1.4,
        mag0_percent=1e9, mag0_rx=0.0, si0_hv_partial=0.9, tap_side="hv", tap_neutral=0.0, tap_min=-2.0,
        tap_max=2.0, tap_step_percent=2.5, tap_pos=1.0, tap_changer_type="Ratio", name="T",
    )  # fmt: skip
    line(net, low, left, "to left", 0.1)
    line(net, low, right, "to right", 0.15)
    line(net, left, end, "doubled", 0.12, parallel=2)
    ring = line(net, end, right, "ring", 0.05)
    pp.create_switch(net, right, ring, et="l", closed=False)
    pp.create_switch(net, end, far, et="b", closed=True)
    pp.create_shunt(net, left, p_mw=0.0005, q_mvar=-0.01, name="capacitor")
    pp.create_asymmetric_load(net, right, p_a_mw=0.012, p_b_mw=0.002, q_c_mvar=0.003, type="wye", name="one")
    pp.create_asymmetric_load(net, far, p_b_mw=0.014, q_b_mvar=0.002, p_c_mw=0.004, type="wye", name="two")
    return net


def line(net: pp.pandapowerNet, a: int, b: int, name: str, length_km: float, **columns: float) -> int:
    """Add a cable of 150 mm2 that carries 270 A, its zero sequence three to four times as much."""
    data = {"r_ohm_per_km": 0.206, "x_ohm_per_km": 0.08, "c_nf_per_km": 830.0, "parallel": 1} | columns
    return int(
        pp.create_line_from_parameters(
            net, a, b, length_km, max_i_ka=0.27, name=name, **data,
            r0_ohm_per_km=4.0 * data["r_ohm_per_km"], x0_ohm_per_km=3.0 * data["x_ohm_per_km"],
            c0_nf_per_km=0.5 * data["c_nf_per_km"],
        )
    )  # fmt: skip


def build(feeder: Feeder, phases: int, evse: str = "left") -> Any:
    """Make the grid of a feeder with one charger of 6 kW."""
    shares = None if phases == 1 else np.full((len(feeder.units), 3), 1.0 / 3.0)
    return make_grid(
        feeder,
        [evse],
        constant(feeder, 1.0, shares),
        evse_max_w=np.array([6_000.0]),
        phases=phases,  # type: ignore[arg-type]
    )


def spoil_net(spoil: Spoil) -> Callable[[Feeder, int], Model]:
    """Read the model from a copy of the net that is spoiled."""

    def read(feeder: Feeder, phases: int = 1) -> Model:
        net = copy.deepcopy(feeder.net)
        spoil(net)
        return read_model(replace(feeder, net=net), phases)  # type: ignore[arg-type]

    return read


def spoil_model(spoil: Callable[[Model], Model]) -> Callable[[Feeder, int], Model]:
    """Spoil the model that was read."""
    return lambda feeder, phases=1: spoil(read_model(feeder, phases))


def set_cell(table: str, columns: str | list[str], value: Any, row: int = 0) -> Spoil:
    """Write cells of one row."""

    def spoil(net: pp.pandapowerNet) -> None:
        net[table].loc[row, columns] = value

    return spoil


def swap_columns(table: str, one: str, other: str) -> Spoil:
    """Exchange two columns."""

    def spoil(net: pp.pandapowerNet) -> None:
        net[table][[one, other]] = net[table][[other, one]].to_numpy()

    return spoil


def magnetised(net: pp.pandapowerNet) -> None:
    """Zero-sequence impedance as pandapower's default makes it: magnetising 1 times short-circuit impedance."""
    net.trafo["mag0_percent"] = 100.0


def without(table: str) -> Spoil:
    """Empty a table."""
    return lambda net: net.__setitem__(table, net[table].iloc[:0])


def by_power(model: Model) -> Model:
    """Rate the transformer by S / sn at the voltage of its source, 1.03, instead of by current."""
    trafo = model.end_element == 5
    return replace(model, end_pct=np.where(trafo, model.end_pct * 1.03, model.end_pct))


def other_base(model: Model) -> Model:
    """Take powers per phase for powers of all phases."""
    return replace(model, base_va=model.base_va * 3.0)


def crossed_buses(model: Model) -> Model:
    """Take the load at `left` for that at `right`."""
    node = model.node.copy()
    node[[3, 4]] = node[[4, 3]]
    return replace(model, node=node)


def weak_upstream(model: Model) -> Model:
    """Make the negative sequence of the upstream grid a hundred times weaker."""
    return replace(model, source_y=model.source_y * np.array([0.01, 1.0]))


TRAPS: dict[str, tuple[tuple[int, ...], Callable[..., Model], str]] = {
    "the tap position is dropped": ((1, 3), spoil_net(set_cell("trafo", "tap_pos", 0.0)), "voltage of `(low|left|right|end|far)"),
    "a step is taken for the neutral": ((1, 3), spoil_net(set_cell("trafo", "tap_neutral", 1.0)), "voltage of `(low|left|right|end|far)"),
    "a tap is on the other side": ((1, 3), spoil_net(set_cell("trafo", "tap_side", "lv")), "voltage of `(low|left|right|end|far)"),
    "an open line end is taken for closed": ((1, 3), spoil_net(set_cell("switch", "closed", True)), "voltage of `"),
    "all switches are ignored": ((1,), spoil_net(without("switch")), "voltage of `far"),
    "parallel systems are ignored": ((1, 3), spoil_net(set_cell("line", "parallel", 1, 3)), "`(left|end|far|doubled)"),
    "r and x are exchanged": ((1, 3), spoil_net(swap_columns("line", "r_ohm_per_km", "x_ohm_per_km")), "voltage of `"),
    "r0 and x0 are exchanged": ((3,), spoil_net(swap_columns("line", "r0_ohm_per_km", "x0_ohm_per_km")), "voltage of `"),
    "zero is taken for positive sequence": (
        (1, 3), spoil_net(swap_columns("line", "r_ohm_per_km", "r0_ohm_per_km")), "voltage of `",
    ),
    "the transformer magnetises in the zero sequence": ((3,), spoil_net(magnetised), "voltage of `(low|right|left|end)"),
    "the magnetisation is dropped": (
        (1, 3), spoil_net(set_cell("trafo", ["i0_percent", "pfe_kw"], 0.0)), "`(stub|T|low|high|left|right|end|far)",
    ),
    "capacitance of the cable is dropped": (
        (1, 3), spoil_net(set_cell("line", "c_nf_per_km", 0.0)), "`(stub|T|low|high)",
    ),
    "the shunt is lost": ((1, 3), spoil_net(without("shunt")), "`(left|to left|end|far|low)"),
    "the phase shift is missing": ((3,), spoil_net(set_cell("trafo", "shift_degree", 0.0)), "`(high|stub|T|low)"),
    "the phases behind the transformer are rotated": (
        (3,), spoil_net(set_cell("trafo", "shift_degree", 30.0)), "`(high|stub|T|low)",
    ),
    "the transformer is loaded by power instead of by current": ((1, 3), spoil_model(by_power), "loading of `T`"),
    "the base power is that of one phase": ((1, 3), spoil_model(other_base), "`"),
    "a load hangs on another bus": ((1, 3), spoil_model(crossed_buses), "voltage of `(left|right)"),
    "the negative sequence of the upstream grid is another": ((3,), spoil_model(weak_upstream), "`"),
}  # fmt: skip


@pytest.fixture(autouse=True)
def nothing_proved_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some traps spoil code at runtime, which no kept verdict could know."""
    monkeypatch.setenv("TWIN_CACHE", str(tmp_path))


@pytest.mark.parametrize(
    ("trap", "phases"), [(trap, phases) for trap, (when, *_) in TRAPS.items() for phases in when]
)
def test_the_self_check_names_an_element_that_differs(
    trap: str, phases: int, monkeypatch: pytest.MonkeyPatch
):
    """The error says the net, the quantity, the element, both values and the point."""
    _, read, where = TRAPS[trap]
    feeder = index_feeder(crooked_net(), "crooked")
    monkeypatch.setattr(make, "read_model", read)
    text = r"crooked: (voltage|loading|unbalance) of `.*` is .* compiled and .* in pandapower \("
    with pytest.raises(SolverError, match=text) as caught:
        build(feeder, phases)
    assert re.search(where, str(caught.value)), str(caught.value)


@pytest.mark.parametrize("phases", [1, 3])
def test_the_net_of_the_traps_passes_as_it_is(phases: int):
    """Whatever a trap finds, it is the trap's doing."""
    assert build(index_feeder(crooked_net(), "crooked"), phases).provenance["fallback"] == ""


@pytest.mark.parametrize("order", [(0, 2, 1), (1, 0, 2), (1, 2, 0)])
def test_phases_in_another_order_are_found(order: tuple[int, ...], monkeypatch: pytest.MonkeyPatch):
    """Two phases of all loads exchanged, or all three turned: the voltage of a phase is named."""
    solve_with = Plan.solve_with

    def swapped(plan: Plan, base: np.ndarray, *rest: Any, **options: Any) -> Any:
        return solve_with(plan, np.ascontiguousarray(base[..., list(order)]), *rest, **options)

    monkeypatch.setattr(Plan, "solve_with", swapped)
    with pytest.raises(SolverError, match=r"crooked: voltage of `\w+ phase [abc]` is .* compiled and"):
        build(index_feeder(crooked_net(), "crooked"), 3)


@pytest.mark.parametrize("spoil", [swap_columns("line", "r0_ohm_per_km", "x0_ohm_per_km"), magnetised])
def test_a_wrong_zero_sequence_is_found_where_all_loads_are_balanced(
    spoil: Spoil, monkeypatch: pytest.MonkeyPatch
):
    """The check looks at phases that the run's own loads would never tell apart."""
    net = crooked_net()
    net.asymmetric_load = net.asymmetric_load.iloc[:0]
    pp.create_load(net, 5, 0.012, 0.003, name="balanced")
    monkeypatch.setattr(make, "read_model", spoil_net(spoil))
    with pytest.raises(SolverError, match=r"crooked: .* compiled and"):
        build(index_feeder(net, "crooked"), 3)
