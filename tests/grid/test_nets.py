"""Nets from every source, and what is said about nets that cannot be used."""

import random  # noqa: TID251 -- what pandapower uses
from pathlib import Path

import numpy as np
import pandapower as pp
import pandas as pd
import pytest
from pandapower.io_utils import to_dict_of_dfs

from twin.errors import ScenarioError, SolverError
from twin.grid.feeder import Feeder, index_feeder
from twin.grid.nets import NetSource, builtin_names, load_feeder

from .conftest import line_net

NO_NUMBER = "is not a finite number; give a number, 0 where there is none"
NO_RATING = "is no rating; give the current that the line carries for long, in kA"
NO_CABLE = "is negative, as only lines of 60 kV and more may be; give 0 or more"


def test_every_builtin_net_is_found_by_the_name_of_its_function():
    """Functions that need arguments are not on the list."""
    names = builtin_names()
    assert {"create_kerber_dorfnetz", "create_cigre_network_lv", "mv_oberrhein"} <= set(names)
    assert "sorted_from_json" not in names


@pytest.mark.parametrize(
    ("kind", "ref", "text"),
    [
        (
            "builtin",
            "create_kerber_dorfnetx",
            (
                "scenario: grid.net.builtin: pandapower has no network `create_kerber_dorfnetx`, did you mean "
                "`create_kerber_dorfnetz`?"
            ),
        ),
        (
            "simbench",
            "1-LV-rural2--0-sv",
            "scenario: grid.net.simbench: SimBench has no net `1-LV-rural2--0-sv`, did you mean `1-LV-rural2--0-sw`?",
        ),
        (
            "file",
            "net.csv",
            "scenario: grid.net.file: net.csv is neither a pandapower JSON (.json) nor an Excel file (.xlsx)",
        ),
        ("file", "missing.json", "scenario: grid.net.file: missing.json does not exist"),
    ],
)
def test_an_unknown_source_gets_one_clear_error(kind: str, ref: str, text: str):
    """The message names the key and the nearest name that exists."""
    with pytest.raises(ScenarioError) as caught:
        load_feeder(NetSource(kind, ref))  # type: ignore[arg-type]
    assert str(caught.value) == text


@pytest.mark.parametrize("suffix", [".json", ".xlsx"])
def test_a_file_that_pandapower_wrote_loads_with_the_same_names(tmp_path: Path, suffix: str):
    """JSON and Excel give the same feeder, named after the file."""
    path = tmp_path / f"mine{suffix}"
    if suffix == ".json":
        pp.to_json(line_net(), str(path))
    else:
        # pandapower's own to_excel needs xlsxwriter; this is the same sheet per table.
        with pd.ExcelWriter(path, engine="openpyxl") as book:
            for table, rows in to_dict_of_dfs(line_net()).items():
                rows.to_excel(book, sheet_name=table)
    feeder = load_feeder(NetSource("file", str(path)))
    assert feeder.name == f"file:mine{suffix}"
    assert feeder.buses == ("A", "B")
    assert feeder.branches == ("L",)
    assert feeder.units.names == ("home",)
    assert feeder.units.p_w == pytest.approx([10_000.0])


@pytest.mark.parametrize("text", ["{not json", "{}", "[]", "7", '{"bus": 1}', "", "\xff"])
@pytest.mark.parametrize("suffix", ["json", "xlsx"])
def test_a_file_that_holds_no_net_is_refused(tmp_path: Path, text: str, suffix: str):
    """Whatever pandapower's reader raises becomes one sentence that names the file, without Python's words."""
    path = tmp_path / f"broken.{suffix}"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(ScenarioError) as caught:
        load_feeder(NetSource("file", str(path)))
    writer = {"json": "pp.to_json", "xlsx": "pp.to_excel"}[suffix]
    said = f"broken.{suffix} holds no pandapower net: expected what `{writer}` writes"
    assert str(caught.value) == f"scenario: grid.net.file: {said}"


def test_a_net_without_a_source_is_refused():
    """Nothing could feed it."""
    net = line_net()
    net.ext_grid.in_service = False
    with pytest.raises(
        SolverError, match="line has no source: neither an external grid nor a slack generator"
    ):
        index_feeder(net, "line")


def test_an_island_with_a_load_is_refused_by_name():
    """The bus and the load that nothing feeds are named."""
    net = line_net()
    island = pp.create_bus(net, 0.4, name="C")
    pp.create_load(net, island, p_mw=0.001, name="cut off")
    with pytest.raises(SolverError) as caught:
        index_feeder(net, "line")
    assert str(caught.value) == (
        "line: bus `C` is in an island without a source, which leaves load cut off unsupplied"
    )


def test_an_island_without_consumers_is_only_a_dead_bus():
    """A spare busbar is no error, but no EVSE can hang on it."""
    net = line_net()
    pp.create_bus(net, 0.4, name="spare")
    feeder = index_feeder(net, "line")
    assert feeder.supplied.tolist() == [True, True, False]
    with pytest.raises(ScenarioError, match="bus `spare` of line is out of service or has no source"):
        feeder.bus_positions(["B", "spare"])


@pytest.mark.parametrize(
    ("table", "column", "value", "text"),
    [
        ("line", "length_km", 0.0, "length_km 0.0 is not positive; give a value above 0"),
        ("line", "r_ohm_per_km", np.nan, f"r_ohm_per_km nan {NO_NUMBER}"),
        ("line", "c_nf_per_km", np.nan, f"c_nf_per_km nan {NO_NUMBER}"),
        ("line", "c_nf_per_km", -1.0, f"c_nf_per_km -1.0 {NO_CABLE}"),
        ("line", "x_ohm_per_km", -0.1, f"x_ohm_per_km -0.1 {NO_CABLE}"),
        ("line", "r0_ohm_per_km", -0.1, f"r0_ohm_per_km -0.1 {NO_CABLE}"),
        ("line", "x0_ohm_per_km", np.inf, "x0_ohm_per_km inf is infinite; give a number"),
        ("line", "max_i_ka", 0.0, f"max_i_ka 0.0 {NO_RATING}"),
        ("line", "to_bus", 7, "to_bus 7 is no bus of the net; give the index of one, or remove the element"),
        ("load", "p_mw", np.inf, f"p_mw inf {NO_NUMBER}"),
        ("load", "scaling", np.nan, f"scaling nan {NO_NUMBER}"),
        ("storage", "q_mvar", np.nan, f"q_mvar nan {NO_NUMBER}"),
        ("asymmetric_load", "p_b_mw", np.nan, f"p_b_mw nan {NO_NUMBER}"),
        ("asymmetric_load", "q_c_mvar", -np.inf, f"q_c_mvar -inf {NO_NUMBER}"),
        ("sgen", "scaling", np.inf, f"scaling inf {NO_NUMBER}"),
        ("trafo", "i0_percent", np.nan, f"i0_percent nan {NO_NUMBER}"),
        ("trafo", "pfe_kw", np.inf, f"pfe_kw inf {NO_NUMBER}"),
        ("trafo", "shift_degree", np.nan, f"shift_degree nan {NO_NUMBER}"),
        ("trafo", "vkr_percent", np.nan, f"vkr_percent nan {NO_NUMBER}"),
        (
            "trafo",
            "vkr_percent",
            7.0,
            "vkr_percent 7.0 is more than vk_percent, of which it is the real part; mend one of them",
        ),
        (
            "trafo",
            "vk0_percent",
            0.0,
            "vk0_percent 0.0 is not positive; give a value above 0, or none for an assumption",
        ),
        (
            "trafo",
            "vkr0_percent",
            6.5,
            "vkr0_percent 6.5 is more than vk0_percent, of which it is the real part; mend one of them",
        ),
        (
            "trafo",
            "mag0_percent",
            -1.0,
            "mag0_percent -1.0 is not positive; give a value above 0, or none for an assumption",
        ),
    ],
)
def test_an_impossible_parameter_is_refused_with_its_element(
    table: str, column: str, value: float, text: str
):
    """Solvers would answer NaN, or nothing at all."""
    net = full_net()
    index_feeder(net, "full")
    net[table].loc[0, column] = value
    with pytest.raises(SolverError) as caught:
        index_feeder(net, "full")
    assert str(caught.value) == f"full: {table} `{net[table].name[0]}`: {text}"


def full_net() -> pp.pandapowerNet:
    """The line, and behind it one of everything else that a net may hold."""
    net = line_net()
    pp.create_storage(net, 1, p_mw=0.001, max_e_mwh=0.01, name="battery")
    pp.create_sgen(net, 1, p_mw=0.001, name="roof")
    pp.create_asymmetric_load(net, 1, p_a_mw=0.001, name="flat")
    pp.create_transformer_from_parameters(
        net, 1, pp.create_bus(net, 0.4, name="C"), 0.1, 0.4, 0.4, 1.0, 6.0, 0.2, 0.3, vk0_percent=6.0,
        vkr0_percent=1.0, mag0_percent=100.0, mag0_rx=0.0, si0_hv_partial=0.9, vector_group="Dyn", name="T",
    )  # fmt: skip
    return net


def test_everything_that_is_impossible_is_said_at_once():
    """A line per table and column, with the first of its elements."""
    net = full_net()
    pp.create_load(net, 0, p_mw=np.nan, name="shop")
    net.load.loc[0, "p_mw"] = np.nan
    net.trafo.loc[0, "pfe_kw"] = np.nan
    with pytest.raises(SolverError) as caught:
        index_feeder(net, "full")
    assert str(caught.value).splitlines() == [
        f"full: trafo `T`: pfe_kw nan {NO_NUMBER}",
        f"full: load `home`: p_mw nan {NO_NUMBER} (and 1 more)",
    ]


def test_what_is_out_of_service_may_be_impossible():
    """Nobody solves it."""
    net = full_net()
    net.trafo.loc[0, ["pfe_kw", "vk_percent"]] = np.nan
    net.trafo.loc[0, "in_service"] = False
    assert index_feeder(net, "full").notes == ()


def test_zero_sequence_data_may_be_absent():
    """It is asked for where somebody solves three phases."""
    net = full_net()
    net.trafo.loc[0, ["vk0_percent", "vkr0_percent", "mag0_percent"]] = np.nan
    net.line.loc[0, "r0_ohm_per_km"] = np.nan
    assert index_feeder(net, "full").notes == ()


def test_a_line_without_a_rating_is_noted():
    """Its loading would be NaN, which is above no limit: whoever reads the results must know."""
    net = line_net()
    net.line.loc[0, "max_i_ka"] = np.nan
    told = "1 line has no max_i_ka: a loading is not known there and never a violation"
    assert index_feeder(net, "line", notes=("before",)).notes == ("before", told)
    told = "11 lines have no max_i_ka: a loading is not known there and never a violation"
    assert load_feeder(NetSource("builtin", "case11_iwamoto")).notes == (told,)


def test_a_transmission_line_may_have_a_negative_reactance():
    """A series capacitor, or a part of the net that somebody reduced to its equivalent."""
    net = load_feeder(NetSource("builtin", "iceland")).net
    assert (net.line.x_ohm_per_km < 0).sum() == 1


def test_an_unknown_bus_names_the_nearest_one(village: Feeder):
    """All unknown buses are listed at once."""
    with pytest.raises(ScenarioError) as caught:
        village.bus_positions(["loadbus_1_99", village.buses[3], "nowhere!"])
    assert len(caught.value.problems) == 2
    assert "has no bus `loadbus_1_99`, did you mean `loadbus_1_9`?" in str(caught.value)


def test_branches_without_a_name_of_their_own_go_by_table_and_index():
    """Doubled and missing names never make two elements look the same."""
    net = line_net()
    for name in ("twin", "twin", None):
        pp.create_line_from_parameters(
            net, 0, 1, 1.0, r_ohm_per_km=0.4, x_ohm_per_km=0.1, c_nf_per_km=0.0, max_i_ka=0.1, name=name
        )
    assert index_feeder(net, "line").branches == ("L", "line 1", "line 2", "line 3")


def test_the_tap_of_simbench_transformers_counts():
    """Pandapower >= 3 ignores the tap of a SimBench net: 0.017 pu on 1-MV-urban, which is restored here."""
    feeder = load_feeder(NetSource("simbench", "1-MV-urban--0-sw"))
    assert feeder.notes == ("2 row(s) of trafo had no tap_changer_type: taken as Ratio",)
    net = feeder.net
    pp.runpp(net)
    with_tap = net.res_bus.vm_pu.copy()
    net.trafo["tap_changer_type"] = None
    pp.runpp(net)
    assert np.abs(with_tap - net.res_bus.vm_pu).max() == pytest.approx(0.017, abs=0.001)


def test_a_simbench_net_is_read_once_and_changed_by_nobody():
    """Each caller has a net of its own: what one changes, the next does not see."""
    source = NetSource("simbench", "1-LV-rural1--0-sw")
    first = load_feeder(source)
    first.net.trafo.loc[0, "tap_changer_type"] = None
    first.net.load["p_mw"] = 0.0
    again = load_feeder(source)
    assert again.net.trafo.tap_changer_type.tolist() == ["Ratio"]
    assert again.net.load.p_mw.sum() > 0
    assert again.notes == first.notes


def test_a_tap_changer_that_is_known_stays_as_it_is():
    """Only what is missing is filled in."""
    feeder = load_feeder(NetSource("builtin", "mv_oberrhein"))
    assert feeder.notes == ()
    assert feeder.net.trafo.tap_changer_type.tolist() == ["Ratio", "Ratio"]


def test_nets_that_pandapower_draws_at_random_are_the_same_every_time():
    """Kerber's service cables are one of two types by chance; whoever draws beside it is not disturbed."""
    random.seed(1)
    first = load_feeder(NetSource("builtin", "create_kerber_dorfnetz"))
    ours = random.random()
    random.seed(2)
    again = load_feeder(NetSource("builtin", "create_kerber_dorfnetz"))
    random.seed(1)
    assert ours == random.random()
    assert first.net.line.equals(again.net.line)
    assert first.net.line.std_type.nunique() > 2
    assert first.notes == (
        "pandapower draws parts of create_kerber_dorfnetz at random: drawn with a seed that is always the same",
    )
    assert load_feeder(NetSource("builtin", "create_kerber_landnetz_freileitung_1")).notes == ()
