"""Scenario files written into an empty folder, and what loading them says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from twin.errors import ScenarioError
from twin.scenario.loader import load

Told = Callable[..., list[str]]

MINIMAL = """\
start: 2016-01-18T00:00:00+01:00
days: 7
time_zone: Europe/Berlin
sites:
  home:
    stations:
      list:
        wallbox: {max_a: 16}
drivers:
  family: {archetype: home}
"""
"""Ten lines that are a scenario: tests append to it or change a line."""


@pytest.fixture
def minimal() -> str:
    """Return the smallest scenario."""
    return MINIMAL


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder, so that messages name files without their folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def told(folder: Path) -> Told:
    """Write a file, load it, and return the lines of the error; empty where there is none."""

    def tell(
        text: str | bytes | None,
        name: str = "s.yaml",
        *,
        override: Sequence[str] = (),
        settings: Sequence[str] = (),
    ) -> list[str]:
        if text is not None:
            (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
        try:
            load(name, override=override, settings=settings)
        except ScenarioError as exc:
            return str(exc).splitlines()
        return []

    return tell
