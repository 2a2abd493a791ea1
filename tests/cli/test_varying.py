"""`twin run --vary`: one scenario with several values of a setting."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from twin.cli.app import app
from twin.cli.varying import variants
from twin.errors import ScenarioError

HELLO = Path(__file__).parents[2] / "scenarios" / "00-hello.yaml"


def test_every_combination_of_values_is_a_scenario() -> None:
    """Two settings of two values: four scenarios with names of their own; brackets hold a list together."""
    made = variants(HELLO, ["days=1,2", "seed=3,4"], settings=["period_s=900"])
    assert [s.name for s in made] == [
        "00-hello-days-1-seed-3", "00-hello-days-1-seed-4", "00-hello-days-2-seed-3", "00-hello-days-2-seed-4",
    ]  # fmt: skip
    assert {s.period_s for s in made} == {900}
    assert [(s.days, s.seed) for s in made] == [(1, 3), (1, 4), (2, 3), (2, 4)]


@pytest.mark.parametrize("text", ["days", "days=", "=1,2", "days=1,,2"])
def test_a_setting_without_values_is_said(text: str) -> None:
    """What was written, and what would be right."""
    with pytest.raises(ScenarioError, match=r"--vary: `.*` is no setting with values; write for example"):
        variants(HELLO, [text])


def test_runs_are_compared_on_one_page(tmp_path: Path) -> None:
    """A run each, the figures of each on stdout, and the page of the sweep."""
    out = tmp_path / "varied"
    said = CliRunner().invoke(
        app, ["run", str(HELLO), "--vary", "days=1,2", "--out", str(out), "--json", "--workers", "1"]
    )
    assert said.exit_code == 0, said.output
    figures = json.loads(said.stdout)
    assert list(figures) == ["00-hello-days-1", "00-hello-days-2"]
    assert figures["00-hello-days-2"]["intervals"]["days"]["mean"] == 2.0
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "00-hello-days-1" in page
    assert "00-hello-days-2" in page
