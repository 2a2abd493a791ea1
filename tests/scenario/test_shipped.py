"""The scenarios that come with the twin."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from twin.scenario.loader import load
from twin.scenario.stations import expand
from twin.scenario.yaml_lines import read_lines

ROOT = Path(__file__).parents[2]
SHIPPED = sorted((ROOT / "scenarios").glob("*.yaml"))


def evses(name: str) -> int:
    """How many EVSEs a shipped scenario has."""
    return len(expand(load(ROOT / "scenarios" / f"{name}.yaml"))[1])


def test_there_are_six() -> None:
    """From one charger to a week of payments."""
    assert [p.stem for p in SHIPPED] == [
        "00-hello",
        "10-street",
        "11-street-managed",
        "20-workplace",
        "30-replay",
        "40-payments",
    ]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.stem)
def test_each_is_valid_and_plain(path: Path) -> None:
    """Valid, and read the fast way."""
    assert load(path).name == path.stem
    assert read_lines(path.read_text(), path.name) is not None


def test_their_sizes_are_those_promised() -> None:
    """One charger, one at each of 99 loads, 54 at work, four at the depot, 18 at two operators."""
    sizes = {p.stem: evses(p.stem) for p in SHIPPED}
    assert sizes == {
        "00-hello": 1,
        "10-street": 99,
        "11-street-managed": 99,
        "20-workplace": 54,
        "30-replay": 4,
        "40-payments": 18,
    }


def test_the_managed_street_differs_by_its_management_only() -> None:
    """Same feeder, same drivers, same seed: they can be compared pair by pair."""
    street, managed = (load(ROOT / "scenarios" / f"{n}.yaml") for n in ("10-street", "11-street-managed"))
    changed = {key for key in type(street).model_fields if getattr(street, key) != getattr(managed, key)}
    assert changed == {"description", "strategy", "guard"}


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.stem)
def test_what_a_run_keeps_is_the_scenario_again(path: Path, folder: Path) -> None:
    """The resolved scenario, written and loaded, is the same; its files are found from its folder."""
    from twin.scenario.dump import as_yaml

    scenario = load(path)
    (folder / "data").symlink_to(ROOT / "scenarios" / "data")
    (folder / "again.yaml").write_text(as_yaml(scenario))
    assert load("again.yaml") == scenario.located(Path("again.yaml"))


def test_checking_loads_nothing_heavy() -> None:
    """Neither pandapower nor numpy, for a SimBench feeder with a strategy and a guard."""
    heavy = "('pandapower', 'simbench', 'numpy', 'pandas', 'numba', 'mesa', 'scipy', 'pyarrow', 'sqlalchemy')"
    code = (
        "import sys, twin\n"
        f"twin.load({str(ROOT / 'scenarios' / '11-street-managed.yaml')!r})\n"
        f"print([m for m in {heavy} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
