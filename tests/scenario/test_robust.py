"""Whatever a file says, it is a scenario or gives problems: nothing else escapes."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from twin.errors import Problem, ScenarioError
from twin.scenario.files import read_document
from twin.scenario.loader import load
from twin.scenario.toml_reader import read_toml
from twin.scenario.yaml_reader import read_yaml

SCENARIOS = Path(__file__).parents[2] / "scenarios"
SHIPPED = [
    read_document(path).value for path in sorted(SCENARIOS.glob("*.yaml")) if "managed" not in path.name
]
ODD: list[Any] = [
    None, True, -1, 0, 10**400, 1e308, float("nan"), "", "x", "L1", "2016-03-27T02:30:00+01:00", "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59-23:59", [], [None], [[]], {}, {"x": None}, {"": {}}, ["a", 1], "../x", "\x00", "a" * 5000,
]  # fmt: skip


def problems_of(action: Callable[[], object]) -> tuple[Problem, ...]:
    """What an action finds wrong: nothing, or a ScenarioError with at least one problem."""
    try:
        action()
    except ScenarioError as exc:
        return exc.problems or (Problem("", 0, "", ""),)
    return ()


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every path in a document."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(p for key, item in items for p in places(item, (*path, key)))][bool(not path) :]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_an_odd_value_anywhere_gives_a_problem_or_nothing(folder: Path, data: st.DataObject) -> None:
    """Up to three places of a shipped scenario hold something strange; every problem has a file and a text."""
    import json

    document = copy.deepcopy(data.draw(st.sampled_from(SHIPPED)))
    for _ in range(data.draw(st.integers(1, 3))):
        *parents, last = data.draw(st.sampled_from(places(document)))
        node = document
        for step in parents:
            node = node[step]
        node[last] = copy.deepcopy(data.draw(st.sampled_from(ODD)))
    (folder / "s.yaml").write_text(json.dumps(document).replace("NaN", ".nan").replace("Infinity", ".inf"))
    for problem in problems_of(lambda: load("s.yaml")):
        assert problem.file
        assert problem.text
        assert "\n" not in problem.text


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_a_document_or_a_problem(text: str) -> None:
    """As YAML and as TOML."""
    for read in (read_yaml, read_toml):
        assert all(problem.file == "f" for problem in problems_of(partial(read, text, "f")))
