"""The page of all keys is written by the code."""

from __future__ import annotations

import importlib.util
from types import ModuleType

import pytest

from .conftest import ROOT


@pytest.fixture
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "scenario_reference", ROOT / "tools" / "scenario_reference.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_current(tool: ModuleType) -> None:
    """If not: make reference."""
    assert (ROOT / "docs" / "scenario-reference.md").read_text(encoding="utf-8") == tool.page()


def test_a_row_says_what_may_stand_there_and_what_does_if_nothing_is_said(tool: ModuleType) -> None:
    """Value, default and meaning; required keys are bold; bounds are those that are checked."""
    page = tool.page()
    assert "| `max_a` | number ≥ 1, ≤ 250 | 16 | Largest current per phase" in page
    assert "| **`days`** | number > 0, ≤ 3,660 | required | Length in civil days" in page
    assert "| `if_full` | `wait`, `leave`, `elsewhere` | leave | What they do" in page


def test_a_section_that_no_chapter_has_is_told(tool: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new section cannot be forgotten."""
    monkeypatch.setitem(tool.CHAPTERS, "`tariffs`", ("Tariff",))
    with pytest.raises(ValueError, match=r"sections and chapters differ: \['PriceWindow'\]"):
        tool.page()
