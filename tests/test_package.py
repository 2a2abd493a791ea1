"""The package as a whole: its public names, and what importing it costs."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import twin

ROOT = Path(__file__).parents[1]
HEAVY = (
    "pandapower",
    "mesa",
    "numba",
    "pandas",
    "sqlalchemy",
    "stripe",
    "simbench",
    "scipy",
    "pyarrow",
    "matplotlib",
)
PUBLIC = [
    "FleetView",
    "Plan",
    "Run",
    "Scenario",
    "ScenarioError",
    "Strategy",
    "TwinError",
    "compare",
    "load",
    "open_run",
    "price",
    "run",
    "sweep",
    "write_report",
]  # fmt: skip


def heavy_after(code: str) -> list[str]:
    """Which heavy packages a fresh interpreter has loaded after `code`."""
    told = f"import json, sys\n{code}\nsys.stderr.write(json.dumps([m for m in {HEAVY} if m in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    loaded: list[str] = json.loads(done.stderr)
    return loaded


def command(*arguments: str) -> str:
    """Code that runs a command and comes back."""
    return (
        f"sys.argv = {['twin', *arguments]}\n"
        "from twin.cli import main\n"
        "try:\n    main()\nexcept SystemExit as stop:\n    assert not stop.code, stop.code"
    )


def test_importing_loads_nothing_heavy() -> None:
    """Not even numpy's friends: names are loaded on first use."""
    assert heavy_after("import twin") == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("run", "--help"),
        ("powerflow", "--help"),
        ("validate", str(ROOT / "scenarios" / "00-hello.yaml")),
        ("validate", str(ROOT / "scenarios" / "10-street.yaml")),
        ("schema",),
        ("vehicles",),
    ],
    ids=lambda arguments: " ".join(Path(a).name for a in arguments),
)
def test_light_commands_load_nothing_heavy(arguments: tuple[str, ...]) -> None:
    """Help, checking a scenario on a SimBench feeder, the schema and the catalogue answer at once."""
    assert heavy_after(command(*arguments)) == []


def test_the_public_names_are_these() -> None:
    """Adding or losing one is a decision."""
    assert sorted(twin.__all__) == PUBLIC


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_has_a_home_and_a_docstring(name: str) -> None:
    """What is promised is there, and says what it is."""
    assert getattr(twin, name).__doc__


def test_names_are_offered_before_they_are_loaded() -> None:
    """Completion in a notebook sees them all."""
    assert set(PUBLIC) < set(dir(twin))


def test_an_unknown_name_is_an_attribute_error() -> None:
    """As of any module."""
    with pytest.raises(AttributeError, match=r"^module 'twin' has no attribute 'rum'$"):
        twin.rum  # noqa: B018


def test_the_version_is_that_of_the_package() -> None:
    """One place says it."""
    assert twin.__version__ == metadata.version("twin")
