"""The resolved scenario as text: what a run keeps beside its tables, and what its hash is made of."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from twin.errors import Problem, ScenarioError
from twin.scenario.fields import FILES
from twin.scenario.files import why_unreadable
from twin.scenario.model import Scenario

_DIGEST_BYTES = 6
"""Twelve hexadecimal digits: enough to tell the scenarios of one person apart."""
_ENDLESS = 1_000_000
"""Columns: a value is never broken into lines."""


def as_yaml(scenario: Scenario, *, beside: Path | None = None) -> str:
    """Return every value of a scenario, defaults included, in the order of the model.

    Args:
        scenario: As loaded.
        beside: Folder that the text will lie in: files are named from there, so that it can be run
            again. None: files are named as they were written.
    """
    if beside is None:
        return _text(scenario, str)
    folder = beside.resolve()
    return _text(scenario, lambda name: _seen_from(folder, scenario.base_dir, name))


def scenario_hash(scenario: Scenario) -> str:
    """Return twelve hexadecimal digits of everything a run depends on: each value, and what its files hold.

    Where the files lie, and what they are called, does not matter.

    Raises:
        ScenarioError: A file cannot be read.
    """
    digests = {name: _digest(_content(scenario.base_dir / name)) for name in _files(scenario)}
    return _digest(json.dumps(_plain(scenario, digests.__getitem__)).encode())


def _text(scenario: Scenario, name_of: Callable[[str], str]) -> str:
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.width = _ENDLESS
    yaml.sort_base_mapping_type_on_output = False
    text = StringIO()
    yaml.dump(_plain(scenario, name_of), text)
    return text.getvalue()


def _plain(scenario: Scenario, name_of: Callable[[str], str]) -> dict[str, Any]:
    return scenario.model_dump(mode="json", by_alias=True, context={FILES: name_of})


def _files(scenario: Scenario) -> list[str]:
    """Every file that a scenario names."""
    names: list[str] = []

    def note(name: str) -> str:
        names.append(name)
        return name

    _plain(scenario, note)
    return names


def _seen_from(folder: Path, base_dir: Path, name: str) -> str:
    """Name a file from another folder; one that was named from the root stays so."""
    if Path(name).is_absolute():
        return name
    file = (base_dir / name).resolve()
    try:
        return Path(os.path.relpath(file, folder)).as_posix()
    except ValueError:  # another drive: nothing leads there from here
        return str(file)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as exc:
        raise ScenarioError([Problem(str(path), 0, "", why_unreadable(path, exc))]) from None


def _digest(content: bytes) -> str:
    return hashlib.blake2s(content, digest_size=_DIGEST_BYTES).hexdigest()
