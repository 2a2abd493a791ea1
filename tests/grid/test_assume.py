"""Zero-sequence data that a net lacks: given, said, or refused by name."""

from __future__ import annotations

import math
from dataclasses import fields, replace

import numpy as np
import pandapower as pp
import pytest
from pandapower import networks

from twin.errors import ScenarioError, SolverError
from twin.grid.assume import Assume, complete, split_vector_group
from twin.grid.nets import NetSource, load_feeder

ALL = Assume(vector_group="Dyn5", r0_r1=4.0, x0_x1=3.0, c0_c1=0.5, vk0_vk=0.9, mag0=100.0, s_sc_max_mva=250.0)


def trafo_net(**trafo: object) -> pp.pandapowerNet:
    """20 kV, a 400 kVA transformer, two lines of 0.2 + 0.08j ohm/km: nothing of zero sequence."""
    net = pp.create_empty_network(add_stdtypes=False)
    mv, lv, end = (pp.create_bus(net, kv, name=name) for kv, name in ((20.0, "MV"), (0.4, "LV"), (0.4, "E")))
    pp.create_ext_grid(net, mv)
    values = {"vk_percent": 4.0, "vkr_percent": 1.2, "pfe_kw": 0.0, "i0_percent": 0.0, "shift_degree": 150.0}
    pp.create_transformer_from_parameters(
        net, mv, lv, sn_mva=0.4, vn_hv_kv=20.0, vn_lv_kv=0.4, name="T", **values | trafo
    )
    for name in ("L1", "L2"):
        pp.create_line_from_parameters(net, lv, end, 0.1, 0.2, 0.08, 300.0, 0.27, name=name)
    pp.create_load(net, end, 0.01, name="home")
    return net


def test_each_assumption_is_a_factor_on_the_positive_sequence():
    net = trafo_net()
    complete(net, ALL, "net")
    line, trafo, source = net.line.iloc[1], net.trafo.iloc[0], net.ext_grid.iloc[0]
    assert (line.r0_ohm_per_km, line.x0_ohm_per_km, line.c0_nf_per_km) == pytest.approx((0.8, 0.24, 150.0))
    assert (trafo.vk0_percent, trafo.vkr0_percent, trafo.mag0_percent) == pytest.approx((3.6, 1.08, 10_000.0))
    assert (trafo.vector_group, trafo.mag0_rx, trafo.si0_hv_partial) == ("Dyn", 0.0, 0.9)
    assert (source.s_sc_max_mva, source.rx_max, source.x0x_max, source.r0x0_max) == (250.0, 0.1, 1.0, 0.1)


def test_every_assumption_is_said_with_its_value_and_how_many_elements_it_concerns():
    assert complete(trafo_net(), ALL, "net") == (
        "vector group Dyn5 of 1 transformer (grid.assume.vector_group)",
        "r0_ohm_per_km = 4 x r_ohm_per_km of 2 lines (grid.assume.r0_r1)",
        "x0_ohm_per_km = 3 x x_ohm_per_km of 2 lines (grid.assume.x0_x1)",
        "c0_nf_per_km = 0.5 x c_nf_per_km of 2 lines (grid.assume.c0_c1)",
        "vk0_percent = 0.9 x vk_percent of 1 transformer (grid.assume.vk0_vk)",
        "vkr0_percent = 0.9 x vkr_percent of 1 transformer (grid.assume.vk0_vk)",
        "mag0_percent = 10000 of 1 transformer (grid.assume.mag0)",
        "s_sc_max_mva = 250 of 1 external grid (grid.assume.s_sc_max_mva)",
        "mag0_rx = 0 of 1 transformer (fixed)",
        "si0_hv_partial = 0.9 of 1 transformer (fixed)",
        "rx_max = 0.1 of 1 external grid (fixed)",
        "x0x_max = 1 of 1 external grid (fixed)",
        "r0x0_max = 0.1 of 1 external grid (fixed)",
    )


def test_a_completed_net_is_solved_by_pandapower_in_three_phases():
    """10 kW on three phases: each phase drops as the symmetric power flow says."""
    net = trafo_net()
    complete(net, ALL, "net")
    pp.runpp_3ph(net)
    pp.runpp(net, calculate_voltage_angles=True)
    phases = net.res_bus_3ph[["vm_a_pu", "vm_b_pu", "vm_c_pu"]].to_numpy()
    np.testing.assert_allclose(phases, net.res_bus.vm_pu.to_numpy()[:, None] * np.ones(3), atol=1e-6)


def test_what_the_net_says_is_kept_and_not_assumed():
    net = trafo_net()
    net.line["r0_ohm_per_km"] = [0.7, math.nan]
    net.trafo["vector_group"] = "Yzn"
    net.ext_grid["s_sc_max_mva"] = 90.0
    said = complete(net, ALL, "net")
    assert net.line.r0_ohm_per_km.tolist() == pytest.approx([0.7, 0.8])
    assert net.trafo.vector_group.tolist() == ["Yzn"]
    assert net.ext_grid.s_sc_max_mva.tolist() == [90.0]
    assert "r0_ohm_per_km = 4 x r_ohm_per_km of 1 line (grid.assume.r0_r1)" in said
    assert not [text for text in said if "vector group" in text or "s_sc_max_mva" in text]


def test_a_complete_net_needs_no_assumption_and_stays_as_it_is():
    """The European LV feeder brings everything, as text in places."""
    net = networks.ieee_european_lv_asymmetric()
    before = net.line.copy()
    assert complete(net, None, "eu") == ()
    assert net.line.equals(before)


def test_a_standard_type_of_the_net_is_data_not_an_assumption():
    net = trafo_net()
    net.line["std_type"] = ["cable", None]
    net.trafo["std_type"] = "T400"
    pp.create_std_type(
        net, {"r0_ohm_per_km": 0.66, "r_ohm_per_km": 0.2, "x_ohm_per_km": 0.08, "c_nf_per_km": 300.0, "max_i_ka": 0.3},
        "cable",
    )  # fmt: skip
    net.std_types["trafo"]["T400"] = {"vector_group": "Dyn5", "vk0_percent": 3.9}
    said = complete(net, ALL, "net")
    assert net.line.r0_ohm_per_km.tolist() == pytest.approx([0.66, 0.8])
    assert (net.trafo.vector_group[0], net.trafo.vk0_percent[0]) == ("Dyn", 3.9)
    assert not [text for text in said if "vector group" in text or text.startswith("vk0_percent")]


def test_without_assumptions_every_missing_key_is_named_at_once():
    with pytest.raises(ScenarioError) as caught:
        complete(trafo_net(), None, "net")
    assert [str(problem) for problem in caught.value.problems] == [
        (
            "scenario: grid.assume.c0_c1: 2 lines of net without c0_nf_per_km: "
            "give its ratio to c_nf_per_km, for example 1: at low voltage it hardly matters"
        ),
        (
            "scenario: grid.assume.mag0: 1 transformer of net without mag0_percent: "
            "give Zm0/Zk0, for example 100 for shell-type cores, 10 for three limbs"
        ),
        (
            "scenario: grid.assume.r0_r1: 2 lines of net without r0_ohm_per_km: "
            "give its ratio to r_ohm_per_km, for example 4 for a four-core cable whose fourth conductor alone "
            "carries the return"
        ),
        (
            "scenario: grid.assume.s_sc_max_mva: 1 external grid of net without s_sc_max_mva: "
            "give a value, for example 100 to 500 at 10 to 20 kV"
        ),
        (
            "scenario: grid.assume.vector_group: 1 transformer of net without vector_group: "
            "give one, for example Dyn5"
        ),
        (
            "scenario: grid.assume.vk0_vk: 1 transformer of net without vk0_percent: "
            "give its ratio to vk_percent, for example 1 for Dyn; 0.85 to 1 with three limbs"
        ),
        (
            "scenario: grid.assume.x0_x1: 2 lines of net without x0_ohm_per_km: "
            "give its ratio to x_ohm_per_km, for example 4 for a four-core cable whose fourth conductor alone "
            "carries the return"
        ),
    ]


@pytest.mark.parametrize("key", [field.name for field in fields(Assume)])
def test_one_missing_key_is_enough_to_be_refused(key: str):
    with pytest.raises(ScenarioError) as caught:
        complete(trafo_net(), replace(ALL, **{key: None}), "net")
    assert [problem.path for problem in caught.value.problems] == [f"grid.assume.{key}"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("Dyn5", ("Dyn", 5)), ("dyn11", ("Dyn", 11)), ("YNyn0", ("YNyn", 0)), ("YZN", ("Yzn", None))],
)
def test_a_clock_number_is_split_off(text: str, expected: tuple[str, int | None]):
    assert split_vector_group(text) == expected


@pytest.mark.parametrize("text", ["Dyn12", "Xyz", "", "Dyn5n", "5"])
def test_an_impossible_vector_group_says_what_is_known(text: str):
    with pytest.raises(ValueError, match="expected Dyn, YNyn, Yzn, Yy, Yd, Dy, Dd, with or without a clock"):
        split_vector_group(text)


def test_a_vector_group_of_the_net_that_nobody_solves_names_the_transformer():
    net = trafo_net(vector_group="Yyn0")
    with pytest.raises(SolverError, match=r"^net: trafo `T`: `Yyn0` is no vector group that a three-phase"):
        complete(net, ALL, "net")


def test_a_clock_number_that_contradicts_the_phase_shift_is_refused():
    with pytest.raises(SolverError) as caught:
        complete(trafo_net(shift_degree=30.0), ALL, "net")
    assert str(caught.value) == (
        "net: trafo `T`: vector group Dyn5 shifts by 150 degrees, shift_degree says 30; "
        "leave out the clock number, or mend the net"
    )


def test_only_three_phases_need_assumptions():
    source = NetSource("builtin", "create_kerber_landnetz_freileitung_1")
    assert load_feeder(source).assumptions == ()
    with pytest.raises(ScenarioError, match=r"grid\.assume\.r0_r1"):
        load_feeder(source, phases=3)
    shift = replace(ALL, vector_group="Dyn")
    assert len(load_feeder(source, phases=3, assume=shift).assumptions) > 5
