"""The how-to page of `twin powerflow`: its commands run, and print what it shows."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., Any]
PAGE = (Path(__file__).parents[2] / "docs" / "power-flow.md").read_text(encoding="utf-8")
_CONSOLE = re.compile(r"```console\n(.*?)```(?:\n\n```text\n(.*?)```)?", re.DOTALL)
SHOWN = [
    pytest.param(line.removeprefix("$ twin "), said, id=line.removeprefix("$ twin "))
    for commands, said in _CONSOLE.findall(PAGE)
    for line in commands.splitlines()
]


@pytest.fixture
def files(place: Path) -> Path:
    """The CSVs that the page shows, under their titles."""
    for title, text in re.findall(r'```csv title="([^"]+)"\n(.*?)```', PAGE, re.DOTALL):
        (place / title).write_text(text, encoding="utf-8")
    return place


@pytest.mark.parametrize(("line", "said"), SHOWN)
def test_a_command_of_the_page_prints_what_it_shows(cli: Cli, files: Path, line: str, said: str) -> None:
    """To the letter, where the page shows it."""
    told = cli(*shlex.split(line))
    assert told.code == 0, told.err
    assert told.out == said or not said
