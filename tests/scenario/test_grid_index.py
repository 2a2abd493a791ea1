"""Names of buses and loads without pandapower equal those of the net with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandapower as pp
import pandas as pd
import pytest
import simbench
from pandapower import networks
from pandapower.io_utils import to_dict_of_dfs

from twin.domain.naming import unique_names
from twin.scenario.grid_index import GridIndex, UnknownNet, index_net, known_nets


def names_in(net: Any) -> GridIndex:
    """The names of a loaded net, straight from its tables."""
    buses = unique_names(net.bus.name.tolist(), net.bus.index.tolist())
    label = dict(zip(net.bus.index, buses, strict=True))
    loads = []
    for rows in (net.load, net.asymmetric_load):
        called = unique_names(rows.name.tolist(), rows.index.tolist())
        loads += [
            (name, label[bus]) for name, bus, on in zip(called, rows.bus, rows.in_service, strict=True) if on
        ]
    return GridIndex(buses, tuple(loads))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "code",
    [
        "1-LV-rural2--0-sw",
        "1-LV-semiurb4--1-no_sw",
        "1-MV-urban--1-no_sw",  # buses fused where bus-bus switches were
        "1-MVLV-rural-1.108-2-sw",  # a low-voltage grid behind its transformer
    ],
)
def test_a_simbench_code_has_the_names_of_its_net(code: str) -> None:
    """Same buses and loads, in the same order."""
    assert index_net("simbench", code, Path()) == names_in(simbench.get_simbench_net(code))


def test_low_voltage_subnets_of_simbench_have_no_switches_between_buses() -> None:
    """Why their Switch.csv need not be read: every switch has one auxiliary end of its own."""
    folder = Path(simbench.__file__).parent / "networks"
    for scenario in "012":
        tables = folder / f"1-complete_data-mixed-all-{scenario}-sw"
        nodes = [line.split(";") for line in (tables / "Node.csv").read_text().splitlines()[1:]]
        auxiliary = {row[0] for row in nodes if row[1] == "auxiliary"}
        seen: set[str] = set()
        for line in (tables / "Switch.csv").read_text().splitlines()[1:]:
            _, first, second, _, _, _, subnet, _ = line.split(";")
            if subnet.startswith("LV"):
                ends = {first, second} & auxiliary
                assert len(ends) == 1, line
                assert not ends & seen, line
                seen |= ends


@pytest.mark.parametrize(
    "name",
    [
        "create_kerber_dorfnetz",
        "create_cigre_network_lv",
        "create_cigre_network_mv",
        "ieee_european_lv_asymmetric",
    ],
)
def test_the_shipped_list_is_that_of_pandapower(name: str) -> None:
    """Samples: if one differs, run tools/list_nets.py."""
    assert index_net("builtin", name, Path()) == names_in(getattr(networks, name)())


def test_the_shipped_list_has_every_simbench_code() -> None:
    """246 of them."""
    assert known_nets()["simbench"] == simbench.collect_all_simbench_codes()


@pytest.fixture
def odd_net() -> Any:
    """A net whose buses share a name, have none, or have a number; one load is switched off."""
    net = pp.create_empty_network()
    for name in ("head", "same", "same", None, "7"):
        pp.create_bus(net, 0.4, name=name)
    pp.create_ext_grid(net, 0)
    pp.create_load(net, 1, 0.001, name="kitchen")
    pp.create_load(net, 2, 0.001, name="off", in_service=False)
    pp.create_load(net, 3, 0.001)
    return net


EXPECTED = GridIndex(("head", "1", "2", "3", "7"), (("kitchen", "1"), ("2", "3")))


def test_a_json_file_is_read_directly(odd_net: Any, tmp_path: Path) -> None:
    """As pandapower itself would name its elements."""
    pp.to_json(odd_net, str(tmp_path / "net.json"))
    assert index_net("file", "net.json", tmp_path) == EXPECTED
    assert names_in(pp.from_json(str(tmp_path / "net.json"))) == EXPECTED


@pytest.mark.filterwarnings("ignore")
def test_an_excel_file_is_read_directly(odd_net: Any, tmp_path: Path) -> None:
    """As pandapower itself would name its elements; the sheets are those that its `to_excel` writes."""
    with pd.ExcelWriter(tmp_path / "net.xlsx", engine="openpyxl") as book:
        for sheet, table in to_dict_of_dfs(odd_net).items():
            table.to_excel(book, sheet_name=sheet)
    assert index_net("file", "net.xlsx", tmp_path) == EXPECTED
    assert index_net("file", "net.xlsx", tmp_path) == names_in(pp.from_excel(str(tmp_path / "net.xlsx")))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("net.txt", b"", "net.txt is neither a pandapower JSON (.json) nor an Excel file (.xlsx)"),
        ("net.json", b"{}", "net.json is no net as pandapower's `to_json` writes it ('_object')"),
        (
            "net.json",
            b'{"_object": {}}',
            "net.json holds no pandapower net: it has no table of named buses",
        ),
        (
            "net.xlsx",
            b"PK",
            "net.xlsx is no net as pandapower's `to_excel` writes it (File is not a zip file)",
        ),
    ],
)
def test_a_file_that_is_no_net_says_so(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    """Whatever is inside."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UnknownNet) as raised:
        index_net("file", name, tmp_path)
    assert str(raised.value) == message
