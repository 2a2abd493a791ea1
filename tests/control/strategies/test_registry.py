"""Strategies by name: options, messages, and strategies from elsewhere."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twin.control.strategies import registry
from twin.control.strategies.priority import LeastLaxityFirst
from twin.domain.specs import LimitGroup
from twin.errors import SettingsError

PAGE = Path(__file__).parents[3] / "docs" / "strategies.md"


def block(language: str) -> str:
    """The one code block of the page in that language."""
    return PAGE.read_text(encoding="utf-8").split(f"```{language}\n")[1].split("```")[0]


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the path in which a package can be 'installed'."""
    monkeypatch.syspath_prepend(tmp_path)
    registry._entry_points.cache_clear()
    yield tmp_path
    registry._entry_points.cache_clear()


def install(folder: Path, points: str, code: str = "", module: str = "elsewhere") -> None:
    info = folder / f"{module}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(f"[twin.strategies]\n{points}\n", encoding="utf-8")
    (folder / f"{module}.py").write_text(code, encoding="utf-8")


def test_the_twin_ships_six() -> None:
    """The names of the documentation."""
    assert set(registry.names()) >= {
        "uncontrolled",
        "equal-share",
        "first-come-first-served",
        "earliest-deadline-first",
        "least-laxity-first",
        "round-robin",
    }


def test_options_become_fields() -> None:
    """A whole number will do for a number."""
    made = registry.make("least-laxity-first", {"relative": True, "unknown_stay_h": 3})
    assert made == LeastLaxityFirst(relative=True, unknown_stay_h=3.0)
    assert isinstance(made.unknown_stay_h, float)


@pytest.mark.parametrize(
    ("name", "options", "problems"),
    [
        (
            "least-laxity-frist",
            {},
            [("", "unknown strategy 'least-laxity-frist', did you mean 'least-laxity-first'?")],
        ),
        (
            "least-laxity-first",
            {"relatives": True, "unknown_stay_h": "8 h", "uninterrupted": 1},
            [
                ("relatives", "unknown option of least-laxity-first, did you mean 'relative'?"),
                ("unknown_stay_h", "'8 h' is not a number"),
                ("uninterrupted", "1 is not true or false"),
            ],
        ),
        ("uncontrolled", {"zzz": 1}, [("zzz", "unknown option of uncontrolled, there are none")]),
        (
            "equal-share",
            {"zzz": 1},
            [("zzz", "unknown option of equal-share, give one of follow_draw, turn_min")],
        ),
        ("equal-share", {"turn_min": True}, [("turn_min", "true is not a number")]),
        ("equal-share", {"turn_min": -1}, [("turn_min", "-1 is not usable, give a finite number >= 0")]),
        (
            "round-robin",
            {"order": "least-laxity"},
            [("order", "'least-laxity' is not a choice, did you mean 'least-laxity-first'?")],
        ),
    ],
)
def test_every_problem_is_named_with_its_remedy(
    name: str, options: dict[str, object], problems: list[tuple[str, str]]
) -> None:
    """All at once, each with the option it belongs to; `make` raises the same."""
    assert registry.problems(name, options) == problems
    with pytest.raises(ValueError) as raised:  # noqa: PT011 -- the whole text is compared below
        registry.make(name, options)
    assert str(raised.value) == "\n".join(f"{key}: {text}" if key else text for key, text in problems)


def test_a_name_that_resembles_nothing_lists_the_choices() -> None:
    """No near match: all names."""
    ((_, text),) = registry.problems("zzz")
    assert text == f"unknown strategy 'zzz', give one of {', '.join(registry.names())}"


def test_a_description_reads_like_help() -> None:
    """Type, default and meaning of each option; several lines of a docstring become one."""
    described = registry.describe("equal-share")
    assert str(described).splitlines()[0] == (
        "equal-share: Split what the shared limits allow evenly, in W; what one car cannot take goes to the others."
    )
    assert str(described.options[0]) == (
        "  turn_min (a number, default 15.0)\n"
        "      How long a turn lasts, in minutes: contactors and cars wear when switched every tick. "
        "0: every tick."
    )
    assert registry.describe("round-robin").options[0].kind == (
        "first-come-first-served | earliest-deadline-first | least-laxity-first"
    )


def test_checking_options_loads_no_compiled_code() -> None:
    """`twin validate` answers at once: numba stays out."""
    code = (
        "import sys; from twin.control.strategies import registry;"
        "[registry.make(name) for name in registry.names()];"
        "sys.exit('numba' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_page_shows_a_strategy_that_works(installed: Path, park: Any, car: Any) -> None:
    """Its code, installed by its entry point, found by name, serves the smallest need first."""
    points = tomllib.loads(block("toml"))["project"]["entry-points"]["twin.strategies"]
    assert points == {"smallest-need-first": "my_package.strategies:SmallestNeedFirst"}
    install(installed, "smallest-need-first = elsewhere:SmallestNeedFirst", block("python"))
    strategy = registry.make("smallest-need-first", {"unknown_energy_kwh": 5})
    assert registry.describe("smallest-need-first").options[0].doc == "Stands for an unknown energy."
    cars = [car(requested_wh=9e3), car(requested_wh=1e3), car(), car(requested_wh=5.0, delivered_wh=5.0)]
    plan = strategy.plan(park(cars, [LimitGroup(name="main", limit_a=70.0)]), None)
    assert plan.order is not None
    assert plan.order.tolist() == [1, 2, 0, 3]
    np.testing.assert_allclose(plan.limit_w / 230.0, [6, 32, 32, 0])


REQUIRED = """
from dataclasses import dataclass
@dataclass(frozen=True)
class Picky:
    rounds: int
    def __post_init__(self):
        if self.rounds > 9:
            raise ValueError("nobody has so much time")
    def plan(self, view, state, /):
        ...
def plain(): ...
"""


def test_options_without_a_default_must_be_given(installed: Path) -> None:
    """Missing, half a round, and a refusal that names no option."""
    install(installed, "picky = elsewhere2:Picky", REQUIRED, "elsewhere2")
    assert registry.problems("picky") == [("rounds", "is missing")]
    assert registry.problems("picky", {"rounds": 1.5}) == [("rounds", "1.5 is not a whole number")]
    assert registry.problems("picky", {"rounds": 10}) == [("", "nobody has so much time")]
    assert str(registry.describe("picky").options[0]) == "  rounds (a whole number, required)"


@pytest.mark.parametrize(
    ("point", "text"),
    [
        ("elsewhere3:Gone", "strategy 'odd': elsewhere3:Gone cannot be loaded"),
        ("nowhere_at_all:X", "strategy 'odd': nowhere_at_all:X cannot be loaded"),
        ("elsewhere3:plain", "strategy 'odd': elsewhere3:plain is not a dataclass with a method `plan`"),
    ],
)
def test_what_is_no_strategy_is_named(installed: Path, point: str, text: str) -> None:
    """A broken plug-in is the machine's fault, not the scenario's."""
    install(installed, f"odd = {point}", REQUIRED, "elsewhere3")
    with pytest.raises(SettingsError) as raised:
        registry.find("odd")
    assert str(raised.value).startswith(text)


def test_two_of_one_name_are_refused(installed: Path) -> None:
    """Which one would run must not depend on the order of installation."""
    install(installed, "uncontrolled = elsewhere4:Picky", REQUIRED, "elsewhere4")
    with pytest.raises(SettingsError, match="strategy 'uncontrolled' is registered twice"):
        registry.names()


def test_without_any_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch, installed: Path) -> None:
    """A source tree that is not installed has no entry points."""
    monkeypatch.setattr("importlib.metadata.entry_points", lambda **_: [])
    with pytest.raises(SettingsError, match=r"install the package \(pip install -e \.\)"):
        registry.names()
