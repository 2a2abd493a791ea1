"""`twin powerflow` as it is typed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandapower as pp
import pytest

Cli = Callable[..., Any]
SERIES = "time,total_kw\n2026-01-12T00:00+01:00,10\n2026-01-12T01:00+01:00,40\n2026-01-12T02:00+01:00,10\n"


@pytest.fixture
def net(place: Path) -> str:
    """A source, a line of 0.4 ohm rated for 20 A, a house of 10 kW, as a file."""
    net = pp.create_empty_network()
    a, b = pp.create_bus(net, 0.4, name="A"), pp.create_bus(net, 0.4, name="B")
    pp.create_ext_grid(net, a)
    pp.create_line_from_parameters(
        net, a, b, 1.0, r_ohm_per_km=0.4, x_ohm_per_km=1e-9, c_nf_per_km=0.0, max_i_ka=0.02, name="cable"
    )
    pp.create_load(net, b, p_mw=0.010, name="house")
    pp.to_json(net, str(place / "street.json"))
    (place / "day.csv").write_text(SERIES)
    (place / "civil.csv").write_text("time,total_kw\n2016-01-18T00:00,1\n2016-01-18T01:00,2\n")
    (place / "nothing.json").write_text("{}")
    return "street.json"


def test_a_snapshot_prints_voltages_and_loadings(cli: Cli, net: str) -> None:
    """Tables on stdout; how long it took and what was assumed on stderr."""
    told = cli("powerflow", net)
    assert told.code == 0
    assert "file:street.json: 1 symmetric power flow with the net's own loads" in told.out
    assert "Every bus, line and transformer keeps its limits" in told.out
    assert "0.9743 pu" in told.out
    assert "74.1 %" in told.out
    assert "1 power flow in " in told.err
    assert "assumed: ideal source" in told.err


def test_a_series_prints_when_a_limit_is_broken_and_for_how_long(cli: Cli, net: str) -> None:
    """40 kW for an hour are too much; a broken limit is a finding, not an error."""
    told = cli("powerflow", net, "--loads", "day.csv", "--vm-min", "0.9")
    assert told.code == 0
    (row,) = (
        line for line in told.out.splitlines() if "low voltage" in line and "B" in line and "pu" in line
    )
    assert "0.887 pu" in row
    assert "Mon 12 Jan 2026 01:00" in row
    assert "1 h" in row
    assert "low voltage: 1 element, 1 time, 1 h in all" in " ".join(told.out.split())


def test_json_is_all_that_stands_on_stdout(cli: Cli, net: str) -> None:
    """With the same figures."""
    told = cli("powerflow", net, "--loads", "day.csv", "--from", "2026-01-12T01:00", "--json")
    found = json.loads(told.out)
    assert (found["steps"], found["from"], found["to"]) == (
        2,
        "2026-01-12T01:00+01:00",
        "2026-01-12T03:00+01:00",
    )
    assert found["voltage_pu"]["lowest"]["element"] == "B"


def test_a_folder_gets_tables_map_and_page(cli: Cli, net: str, place: Path) -> None:
    """Where they are stands on stderr; a second time only with --force."""
    told = cli("powerflow", net, "--out", "found")
    assert told.err.splitlines()[-3:] == ["tables: found", "map: found/map.svg", "report: found/report.html"]
    assert (place / "found" / "report.html").read_text().startswith("<!doctype html>")
    again = cli("powerflow", net, "--out", "found")
    assert again.code == 2
    assert again.err == (
        "found: holds a power flow already; name another output folder, or replace it with --force\n"
    )
    assert cli("powerflow", net, "--out", "found", "--force").code == 0


def test_a_voltage_that_has_no_solution_is_told_and_no_number_is_made_up(
    cli: Cli, net: str, place: Path
) -> None:
    """150 kW over 0.4 ohm at 0.4 kV."""
    (place / "heavy.csv").write_text("element,kw\nhouse,150\n")
    told = cli("powerflow", net, "--loads", "heavy.csv")
    assert told.code == 0
    assert "no solution in 1 step" in told.out
    assert "W out of balance" in told.out
    assert "pu" not in told.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("strete.json",), "net: strete.json does not exist, did you mean `street.json`?\n"),
        (
            ("street.json", "--year", "--profiles", "bdew"),
            "twin powerflow: --year: excludes --profiles bdew\n",
        ),
        (
            ("street.json", "--assume", "r0_r1=4"),
            "twin powerflow: --assume: a symmetric power flow needs no zero sequence: add --three-phase\n",
        ),
        (
            ("street.json", "--three-phase", "--assume", "r0_x1=4,x0_x1=-1,mag0"),
            (
                "twin powerflow: --assume: `mag0` is no pair like r0_r1=4\n"
                "twin powerflow: --assume: unknown key `r0_x1`, did you mean `x0_x1`?\n"
                "twin powerflow: --assume: x0_x1: `-1` is no number above 0\n"
            ),
        ),
        (
            ("street.json", "--year"),
            (
                "twin powerflow: --profiles: file:street.json carries no SimBench profiles: "
                "give a series of your own, --loads FILE\n"
            ),
        ),
        (
            ("street.json", "--loads", "civil.csv"),
            (
                "civil.csv:2: 2016-01-18T00:00 has no offset: write one, or give --time-zone\n"
                "civil.csv:3: 2016-01-18T01:00 has no offset: write one, or give --time-zone\n"
            ),
        ),
        (
            ("nothing.json",),
            "net: nothing.json holds no pandapower net: expected what `pp.to_json` writes\n",
        ),
        (
            ("street.json", "--phases", "uneven"),
            "twin powerflow: --phases: a symmetric power flow has no phases for `uneven`: add --three-phase\n",
        ),
        (
            ("street.json", "--three-phase", "--phases", "random"),
            "twin powerflow: --phases: `random` is none of balanced, single, uneven\n",
        ),
        (
            ("street.json", "--loads", "day.csv", "--time-zone", "Berlin"),
            "twin powerflow: --time-zone: no time zone is called `Berlin`; write one like Europe/Berlin\n",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_cannot_be_used_exits_with_2(cli: Cli, net: str, arguments: tuple[str, ...], said: str) -> None:
    """Every problem on stderr, nothing on stdout."""
    assert cli("powerflow", *arguments) == (2, "", said)


def test_missing_zero_sequence_data_is_asked_for_by_the_option_that_gives_it(cli: Cli, net: str) -> None:
    """One line per key."""
    told = cli("powerflow", net, "--three-phase")
    assert told.code == 2
    keys = [line.split()[3].removesuffix("=..:") for line in told.err.splitlines()]
    assert keys == ["c0_c1", "r0_r1", "s_sc_max_mva", "x0_x1"]
    options = "c0_c1=1,r0_r1=4,s_sc_max_mva=100,x0_x1=1"
    told = cli("powerflow", net, "--three-phase", "--assume", options, "--json")
    assert told.code == 0
    found = json.loads(told.out)
    assert found["unbalance_pct"]["value"] == pytest.approx(0.0, abs=1e-6)
    assert "r0_ohm_per_km = 4 x r_ohm_per_km of 1 line (--assume r0_r1)" in found["assumptions"]


def test_a_load_on_one_phase_pulls_that_phase_down(cli: Cli, net: str, place: Path) -> None:
    """Return over 4 times the resistance: Z of one phase = (R0 + 2 R1) / 3 = 0.8 ohm at 231 V: v (1 - v) = P Z / U²."""
    (place / "one.csv").write_text("element,kw,phase\nhouse,4,b\n")
    options = ("--assume", "c0_c1=1,r0_r1=4,s_sc_max_mva=1e9,x0_x1=1")
    told = cli("powerflow", net, "--loads", "one.csv", "--three-phase", *options, "--out", "found", "--json")
    assert told.code == 0
    found = json.loads(told.out)
    drop = 4_000.0 * 0.8 / (400.0**2 / 3.0)
    assert found["voltage_pu"]["lowest"]["value"] == pytest.approx(
        (1.0 + (1.0 - 4.0 * drop) ** 0.5) / 2.0, abs=1e-6
    )
    header, _, row = (place / "found" / "buses.csv").read_text().splitlines()[:3]
    at_b = dict(zip(header.split(","), row.split(","), strict=True))
    assert float(at_b["vm_b_pu"]) == pytest.approx(found["voltage_pu"]["lowest"]["value"])
    assert float(at_b["vm_a_pu"]) > 0.99
    assert float(at_b["vm_c_pu"]) > 0.99
