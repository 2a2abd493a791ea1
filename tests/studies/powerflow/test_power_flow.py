"""The study from a file to its tables, with numbers checked by hand."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandapower as pp
import pandas as pd
import pyarrow.parquet as pq
import pytest

from twin.errors import ScenarioError, SettingsError
from twin.studies import power_flow

from .conftest import line_net, volts_at_b

HOURS = "time,house\n2026-01-12T00:00+01:00,10\n2026-01-12T01:00+01:00,20\n2026-01-12T02:00+01:00,20\n2026-01-12T03:00+01:00,5\n2026-01-12T04:00+01:00,20\n"
"""Five hours at 10, 20, 20, 5 and 20 kW."""


@pytest.fixture
def series(place: Path) -> Path:
    """The five hours, as a file; the house draws no reactive power."""
    net = line_net()
    net.load["q_mvar"] = 0.0
    pp.to_json(net, str(place / "line.json"))
    path = place / "hours.csv"
    path.write_text(HOURS)
    return path


class TestSnapshot:
    def test_voltage_and_loading_are_those_of_a_hand_calculation(self, place: Path) -> None:
        """10 kW over 0.4 ohm at 0.4 kV: 0.97434 pu; the current is P / (sqrt(3) V) over 20 A."""
        (place / "loads.csv").write_text("bus,kw\nB,10\n")
        found = power_flow("line.json", "loads.csv", loading_pct=70)
        v_pu = volts_at_b(10_000.0)
        current_a = 10_000.0 / (math.sqrt(3.0) * 400.0 * v_pu)
        assert found.summary["voltage_pu"]["lowest"] == {
            "element": "B",
            "value": pytest.approx(v_pu, abs=1e-9),
            "at": None,
        }
        assert found.summary["loading_pct"]["line"]["value"] == pytest.approx(
            100.0 * current_a / 20.0, abs=1e-6
        )
        assert found.summary["loading_pct"]["transformer"] is None
        assert found.summary["losses_kw"] == pytest.approx(3.0 * 0.4 * current_a**2 / 1e3, abs=1e-6)
        assert found.summary["head_kw"] == pytest.approx(10.0 + found.summary["losses_kw"], abs=1e-6)
        (violation,) = found.violations.to_dict("records")
        assert (violation["element"], violation["kind"], violation["limit"]) == ("L", "line loading", 70.0)
        assert not found.is_series

    def test_a_limit_that_equals_the_value_is_kept(self, place: Path) -> None:
        """Asked for again with the found voltage as the limit."""
        lowest_pu = power_flow("line.json").summary["voltage_pu"]["lowest"]["value"]
        assert power_flow("line.json", vm_min_pu=lowest_pu).summary["violations"] == {}
        above = power_flow("line.json", vm_min_pu=lowest_pu + 1e-9).summary["violations"]
        assert above == {"low voltage": {"elements": 1, "intervals": 1}}

    def test_too_much_load_has_no_solution_and_no_numbers(self, place: Path) -> None:
        """Beyond U²/4R = 100 kW there is none; the mismatch is told."""
        (place / "loads.csv").write_text("element,kw\nhouse,150\n")
        found = power_flow("line.json", "loads.csv")
        assert found.summary["voltage_pu"] == {"lowest": None, "highest": None}
        assert found.summary["head_kw"] is None
        assert found.summary["unsolved_steps"] == 1
        (violation,) = found.violations.to_dict("records")
        assert violation["kind"] == "no solution"
        assert violation["mismatch_w"] > 1.0
        assert math.isnan(violation["worst"])
        assert found.buses["vm_min_pu"].isna().all()
        json.dumps(found.summary, allow_nan=False)

    def test_limits_that_cannot_be_are_refused_together(self, place: Path) -> None:
        """Before the net is loaded."""
        with pytest.raises(ScenarioError) as raised:
            power_flow("nothing.json", vm_min_pu=1.2, vm_max_pu=1.1, loading_pct=-1, vuf_pct=1)
        assert str(raised.value).splitlines() == [
            "twin powerflow: --loading: -1 is not above 0",
            "twin powerflow: --unbalance: a symmetric power flow has no unbalance: add --three-phase",
            "twin powerflow: --vm-min: 1.2 pu is not below --vm-max 1.1 pu",
        ]

    def test_what_the_kernel_does_not_carry_is_solved_by_pandapower_and_said(self, place: Path) -> None:
        """A load of constant impedance: the voltage of a divider, 0.4 ohm before U²/P."""
        net = line_net()
        net.load["const_z_p_percent"] = net.load["const_z_q_percent"] = 100.0
        net.load["q_mvar"] = 0.0
        net.sgen["in_service"] = False
        pp.to_json(net, str(place / "elastic.json"))
        found = power_flow("elastic.json")
        house_ohm = 400.0**2 / 10_000.0
        assert found.summary["voltage_pu"]["lowest"]["value"] == pytest.approx(
            house_ohm / (house_ohm + 0.4), abs=1e-6
        )
        assert found.summary["solver"] == "pandapower"
        assert "house" in found.summary["fallback"]


class TestSeries:
    def test_extremes_come_with_their_element_and_instant(self, series: Path) -> None:
        """20 kW comes three times; the first counts. 5 kW is the highest voltage at B, but A stands at 1."""
        found = power_flow("line.json", series)
        lowest = found.summary["voltage_pu"]["lowest"]
        assert lowest == {
            "element": "B",
            "value": pytest.approx(volts_at_b(20_000.0), abs=1e-9),
            "at": "2026-01-12T01:00+01:00",
        }
        b = found.buses.set_index("bus").loc["B"]
        assert b["vm_max_pu"] == pytest.approx(volts_at_b(5_000.0), abs=1e-9)
        assert b["vm_max_at"] == pd.Timestamp("2026-01-12T03:00+01:00")
        means = [volts_at_b(kw * 1e3) for kw in (10, 20, 20, 5, 20)]
        assert b["vm_mean_pu"] == pytest.approx(np.mean(means), abs=1e-9)

    def test_violations_are_intervals_of_consecutive_steps(self, series: Path) -> None:
        """Below 0.96 pu in hours 1 and 2, and again in hour 4."""
        found = power_flow("line.json", series, vm_min_pu=0.96, loading_pct=1_000)
        rows = found.violations[["element", "kind", "start", "end", "minutes"]].to_numpy().tolist()
        first, second = (pd.Timestamp(f"2026-01-12T0{hour}:00+01:00") for hour in (1, 4))
        hour = pd.Timedelta(hours=1)
        assert rows == [
            ["B", "low voltage", first, first + 2 * hour, 120.0],
            ["B", "low voltage", second, second + hour, 60.0],
        ]
        assert found.summary["violations"] == {
            "low voltage": {"elements": 1, "intervals": 2, "element_hours": 3.0}
        }
        assert found.buses.set_index("bus").loc["B", "hours_low"] == 3.0
        (summed,) = found.by_element().to_dict("records")
        assert (summed["intervals"], summed["hours"]) == (2, 3.0)

    def test_energy_is_what_is_drawn_and_what_is_lost(self, series: Path) -> None:
        """75 kWh and the losses; each hour's are v (1 - v) less v² ... that is P (1 / v - 1)."""
        found = power_flow("line.json", series)
        lost_kwh = sum(kw * (1.0 / volts_at_b(kw * 1e3) - 1.0) for kw in (10, 20, 20, 5, 20))
        assert found.summary["losses_kwh"] == pytest.approx(lost_kwh, abs=1e-6)
        assert found.summary["energy_kwh"] == pytest.approx(75.0 + lost_kwh, abs=1e-6)
        assert found.summary["head_at"] == "2026-01-12T01:00+01:00"

    def test_a_step_without_a_solution_is_told_and_counts_nowhere(self, place: Path) -> None:
        """150 kW in the second of three hours."""
        (place / "loads.csv").write_text(
            "time,house\n2026-01-12T00:00Z,10\n2026-01-12T01:00Z,150\n2026-01-12T02:00Z,10\n"
        )
        found = power_flow("line.json", "loads.csv", loading_pct=1_000)
        (missing,) = found.summary["unsolved"]
        assert missing["at"] == "2026-01-12T01:00+00:00"
        assert missing["mismatch_w"] > 1.0
        assert found.summary["violations"]["no solution"]["element_hours"] == 1.0
        assert found.steps["losses_w"].isna().tolist() == [False, True, False]
        assert found.summary["voltage_pu"]["lowest"]["value"] > 0.9

    def test_progress_is_told_up_to_the_last_step(self, series: Path) -> None:
        """From nothing to all."""
        told: list[tuple[int, int]] = []
        power_flow("line.json", series, on_steps=lambda *now: told.append(now))
        assert (told[0], told[-1]) == ((0, 5), (5, 5))


class TestFiles:
    def test_a_folder_holds_tables_summary_map_and_page(self, series: Path, tmp_path: Path) -> None:
        """Parquet for programs, CSV for spreadsheets, the same rows in both."""
        found = power_flow("line.json", series, vm_min_pu=0.96)
        found.write(tmp_path / "out")
        names = sorted(path.name for path in (tmp_path / "out").iterdir())
        assert names == [
            "branches.csv",
            "branches.parquet",
            "buses.csv",
            "buses.parquet",
            "map.svg",
            "report.html",
            "steps.parquet",
            "summary.json",
            "violations.csv",
            "violations.parquet",
        ]
        assert json.loads((tmp_path / "out" / "summary.json").read_text()) == found.summary
        read = pq.read_table(tmp_path / "out" / "violations.parquet")
        assert (
            read.to_pandas()["element"].tolist()
            == pd.read_csv(tmp_path / "out" / "violations.csv")["element"].tolist()
        )
        assert pq.read_schema(tmp_path / "out" / "steps.parquet").field("losses_w").metadata == {
            b"unit": b"W"
        }
        page = (tmp_path / "out" / "report.html").read_text()
        assert "low voltage: 1 element, 2 times, 3 h in all" in page
        assert "as a tree, since the net has no coordinates" in page

    def test_the_same_study_makes_the_same_bytes(self, series: Path, tmp_path: Path) -> None:
        """All files."""
        folders = [tmp_path / "one", tmp_path / "two"]
        for folder in folders:
            power_flow("line.json", series).write(folder)
        for path in folders[0].iterdir():
            assert path.read_bytes() == (folders[1] / path.name).read_bytes(), path.name

    def test_nobody_elses_work_is_written_over(self, place: Path) -> None:
        """A folder with other files, never; an earlier study only if asked."""
        found = power_flow("line.json")
        with pytest.raises(SettingsError, match=r"holds `line.json`, which is no part of a power flow"):
            found.write(place, replace=True)
        found.write(place / "out")
        with pytest.raises(SettingsError, match="holds a power flow already"):
            found.write(place / "out")
        found.write(place / "out", replace=True)
        (place / "file").write_text("")
        with pytest.raises(SettingsError, match="is a file"):
            found.write(place / "file")

    def test_a_study_without_any_solution_still_has_a_page(self, place: Path) -> None:
        """And says so."""
        (place / "loads.csv").write_text("element,kw\nhouse,150\n")
        found = power_flow("line.json", "loads.csv")
        found.write(place / "out")
        assert "no solution in 1 step" in (place / "out" / "report.html").read_text()


def test_a_year_of_simbench_agrees_with_pandapower_step_by_step() -> None:
    """Two hours around a change of clocks, from the net's own profile tables, by runpp."""
    import simbench

    from twin.grid.nets import NetSource, load_feeder

    net: Any = load_feeder(NetSource("simbench", "1-LV-rural1--0-sw")).net
    found = power_flow(
        "1-LV-rural1--0-sw", profiles="simbench", begin="2016-03-27T00:00", end="2016-03-27T04:00"
    )
    assert found.steps["end"].iloc[-1].isoformat() == "2016-03-27T04:00:00+02:00"
    assert len(found.steps) == 12  # an hour is missing
    first = 86 * 96
    absolute = simbench.get_absolute_values(net, profiles_instead_of_study_cases=True)
    for k in (0, 5, 11):
        for (table, column), values in absolute.items():
            if len(values.columns):
                net[table].loc[values.columns, column] = values.iloc[first + k]
        pp.runpp(net, trafo_loading="current", numba=False)
        assert found.steps["lowest_pu"].iloc[k] == pytest.approx(net.res_bus.vm_pu.min(), abs=1e-6)
        assert found.steps["trafo_pct"].iloc[k] == pytest.approx(
            net.res_trafo.loading_percent.max(), abs=1e-3
        )
        assert found.steps["slack_w"].iloc[k] == pytest.approx(net.res_ext_grid.p_mw.sum() * 1e6, abs=1.0)
