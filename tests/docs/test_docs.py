"""What the documentation shows works: its Python runs, its scenarios load, its errors are those given."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

import twin
from twin.cli.app import app
from twin.errors import ScenarioError
from twin.scenario.loader import load

from .conftest import PAGES, ROOT, Block, blocks

TESTED_ELSEWHERE = ROOT / "docs" / "strategies.md"  # by tests/control/strategies
WITH_PYTHON = [page for page in PAGES if page != TESTED_ELSEWHERE and blocks(page, "python")]
YAML = [block for page in PAGES if page != TESTED_ELSEWHERE for block in blocks(page, "yaml")]
BROKEN = "broken.yaml"
NORWAY = (
    "session_ID;Garage_ID;User_ID;User_type;Shared_ID;Start_plugin;Start_plugin_hour;End_plugout;"
    "End_plugout_hour;El_kWh;Duration_hours;month_plugin;weekdays_plugin\r\n"
    "1;Ga;Ga-1;Private;NA;21.12.2018 10:20;10;21.12.2018 12:23;12;3,3;2,05;Dec;Friday\r\n"
)
BASE_LOAD = "time,total_kw\n2016-01-17T23:00Z,40\n2016-01-20T23:00Z,60\n2016-01-26T00:00Z,50\n"


@pytest.fixture
def beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the shipped scenarios and every file that the pages show or name, under its title."""
    folder = tmp_path / "scenarios"
    shutil.copytree(ROOT / "scenarios", folder)
    for page in PAGES:
        for block in blocks(page, "csv", "json", "yaml"):
            if block.title:
                (folder / block.title).write_text(block.text, encoding="utf-8")
    (folder / "base.csv").write_text(BASE_LOAD, encoding="utf-8")
    (folder / "ev_charging_reports.csv").write_text(NORWAY, encoding="utf-8")
    monkeypatch.chdir(folder)
    return folder


def complete(block: Block) -> bool:
    return any(line.startswith(("sites:", "extends:")) for line in block.text.splitlines())


@pytest.mark.parametrize("page", WITH_PYTHON, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_its_python_runs(page: Path, project: Path) -> None:
    """From top to bottom, as a reader would type it, in the project's folder after `make run`."""
    namespace: dict[str, object] = {}
    for block in blocks(page, "python"):
        code = "\n" * block.line + block.text  # a traceback names the line of the page
        exec(compile(code, block.page, "exec"), namespace)


@pytest.mark.parametrize("block", [b for b in YAML if complete(b) and b.title != BROKEN], ids=str)
def test_its_scenarios_load(block: Block, beside: Path) -> None:
    """Every complete scenario is valid, with the files beside it that the pages show."""
    (beside / "shown.yaml").write_text(block.text, encoding="utf-8")
    assert load("shown.yaml").sites


@pytest.mark.parametrize("block", [b for b in YAML if not complete(b)], ids=str)
def test_its_fragments_fit_a_scenario_of_the_same_page(block: Block, beside: Path) -> None:
    """A part of a scenario can be merged over the street, or over a scenario on its page."""
    wholes = [b for b in YAML if b.page == block.page and complete(b) and b.title != BROKEN]
    for k, whole in enumerate(wholes):
        (beside / f"whole-{k}.yaml").write_text(whole.text, encoding="utf-8")
    problems = []
    for base in ("10-street.yaml", *(f"whole-{k}.yaml" for k in range(len(wholes)))):
        (beside / "shown.yaml").write_text(f"extends: {base}\n{block.text}", encoding="utf-8")
        try:
            load("shown.yaml")
        except ScenarioError as error:
            problems.append(str(error))
        else:
            return
    raise AssertionError("\n".join(problems))


def test_the_errors_that_it_shows_are_those_given(beside: Path) -> None:
    """Line by line."""
    (shown,) = (b.text for b in blocks(ROOT / "docs" / "scenarios.md", "text"))
    with pytest.raises(ScenarioError) as raised:
        load(BROKEN)
    assert str(raised.value) == shown.rstrip("\n")


def test_the_street_is_as_the_readme_says(project: Path) -> None:
    """Minutes, loading and energy of both runs."""
    street, managed = (twin.open_run(f"results/{n}").summary for n in ("10-street", "11-street-managed"))
    said = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert f"rating for {street['violation_minutes']:.0f} minutes of a winter week" in said
    assert f"at {street['max_trafo_loading_pct']:.0f} % at most" in said
    assert f"it stays at {managed['max_trafo_loading_pct']:.0f} %" in said
    assert managed["energy_delivered_kwh"] == pytest.approx(street["energy_delivered_kwh"], rel=1e-4)
    tutorial = " ".join((ROOT / "docs" / "first-run.md").read_text(encoding="utf-8").split())
    assert f"for {street['violation_minutes']:.0f} minutes in the first run" in tutorial


def test_the_first_command_of_the_tutorial_says_what_is_shown(project: Path) -> None:
    """One sentence and two paths."""
    (shown,) = (b.text for b in blocks(ROOT / "docs" / "first-run.md", "text"))
    done = CliRunner().invoke(app, ["run", "scenarios/00-hello.yaml", "--out", "results/00-hello", "--force"])
    assert done.exit_code == 0
    assert done.stderr.split() == shown.split()


def test_the_import_that_it_shows_says_what_is_shown(beside: Path) -> None:
    """One of two ACN sessions has no end; the other one is written."""
    shown = blocks(ROOT / "docs" / "replay.md", "text")[0]
    done = CliRunner().invoke(app, ["import", "sessions", "acn.json", "imported.csv"])
    assert done.exit_code == 0
    assert done.stderr == shown.text
    assert (beside / "imported.csv").read_text().count("\n") == 2
