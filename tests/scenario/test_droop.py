"""The section `grid.droop`: what it takes, what it refuses, and what a run makes of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import twin
from twin.domain.droop import VOLT_VAR, VOLT_WATT, Curve
from twin.results.audit import audit_tables
from twin.scenario.droop import evse_droop, pv_droop
from twin.scenario.loader import load

from .conftest import Told

STREET = """\
start: 2016-01-18T00:00:00+01:00
days: 1
time_zone: Europe/Berlin
period_s: 900
seed: 3
grid:
  net: {builtin: create_kerber_landnetz_freileitung_1}
  base_load: {source: constant, scale: 0.2}
DROOP
sites:
  street:
    stations:
      each_load: {connection: L1L2L3, max_a: 32}
drivers:
  households: {archetype: home}
"""


def with_droop(*lines: str) -> str:
    """The street with a droop section of these lines."""
    return STREET.replace("DROOP", "\n".join(["  droop:", *(f"    {line}" for line in lines)]))


class TestSection:
    def test_names_and_points(self, folder: Path) -> None:
        """Standards by name, own curves as pairs, the power factor of the standard."""
        text = with_droop(
            "evse: {volt_var: vde-4105, volt_watt: [[0.9, 0], [0.95, 1]]}",
            "pv: {volt_var: ieee-1547-b, volt_watt: ieee-1547}",
        )
        (folder / "s.yaml").write_text(text)
        section = load("s.yaml").grid.droop
        evse, pv = evse_droop(section.evse), pv_droop(section.pv)
        assert (evse.volt_var, evse.volt_watt) == (VOLT_VAR["vde-4105"], Curve(((0.9, 0.0), (0.95, 1.0))))
        assert (pv.volt_var, pv.volt_watt) == (VOLT_VAR["ieee-1547-b"], VOLT_WATT["ieee-1547"])
        assert (evse.min_power_factor, pv.min_power_factor) == (0.9, 0.0)

    def test_vde_4105_brings_its_power_factor(self, folder: Path) -> None:
        """0.9, unless the scenario says another one."""
        for given, factor in (("", 0.9), (", min_power_factor: 0.95", 0.95)):
            (folder / "s.yaml").write_text(with_droop(f"pv: {{volt_var: vde-4105{given}}}"))
            assert pv_droop(load("s.yaml").grid.droop.pv).min_power_factor == factor

    @pytest.mark.parametrize(
        ("line", "message"),
        [
            ("evse: {volt_var: [[0.9, -0.4], [1.1, 0.4]]}", "evse.volt_var: shares must never rise"),
            ("evse: {volt_watt: [[0.9, 1.0], [1.1, 0.4]]}", "evse.volt_watt: shares must never fall"),
            ("pv: {volt_watt: [[1.1, 1.0], [1.0, 0.4]]}", "must ascend"),
            ("pv: {min_power_factor: 0.9}", "give `volt_var`, `volt_watt` or both"),
            ("pv: {volt_var: vde-4106}", "volt_var"),
        ],
    )
    def test_what_cannot_be_used_is_refused_with_its_line(self, told: Told, line: str, message: str) -> None:
        """File, line, and what would be right."""
        lines = told(with_droop(line))
        assert lines
        assert all(text.startswith("s.yaml:10: grid.droop.") for text in lines)
        assert any(message in text for text in lines)


class TestRuns:
    def run_of(self, folder: Path, name: str, droop: str):
        (folder / f"{name}.yaml").write_text(STREET.replace("DROOP", f"  droop: {droop}" if droop else ""))
        return twin.run(twin.load(f"{name}.yaml"), out=name)

    def test_droop_of_chargers_keeps_the_voltage_up_and_every_balance(self, folder: Path) -> None:
        """Reactive power lifts the lowest voltage for nothing; active power gives way for the rest."""
        plain = self.run_of(folder, "plain", "")
        volt_var = self.run_of(folder, "volt-var", "{evse: {volt_var: ieee-1547-a}}")
        both = self.run_of(
            folder, "both", "{evse: {volt_var: ieee-1547-a, volt_watt: [[0.90, 0], [0.99, 1]]}}"
        )
        lowest = [run.summary["min_vm_pu"] for run in (plain, volt_var, both)]
        assert lowest[0] < lowest[1] < lowest[2]
        assert volt_var.summary["energy_delivered_kwh"] == plain.summary["energy_delivered_kwh"]
        assert both.summary["peak_kw"] < plain.summary["peak_kw"]
        for run in (plain, volt_var, both):
            audit_tables(run)
            assert abs(run.summary["energy_balance_error_kwh"]) < 1e-3
        limits = both.limits.to_pandas()
        assert limits["reason"].notna().any()

    def test_the_manifest_names_the_curves_and_a_run_repeats(self, folder: Path) -> None:
        """Bit by bit."""
        first, second = (self.run_of(folder, n, "{evse: {volt_var: vde-4105}}") for n in ("a", "b"))
        manifest = json.loads((folder / "a" / "manifest.json").read_text())
        points = np.array(manifest["grid"]["droop"]["evse"]["volt_var"])
        np.testing.assert_allclose(points, VOLT_VAR["vde-4105"].points)
        assert first.buses.to_pandas().equals(second.buses.to_pandas())
