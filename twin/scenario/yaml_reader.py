"""YAML 1.2 with the line of every value."""

from __future__ import annotations

from typing import Any

from twin.scenario.document import Document
from twin.scenario.yaml_lines import read_lines


def read_yaml(text: str, file: str) -> Document:
    """Parse `text`; `file` is how problems name it.

    Raises:
        ScenarioError: The text is not YAML, has duplicate keys, or is no mapping.
    """
    plain = read_lines(text, file)
    if plain is not None:
        return plain
    from twin.scenario.yaml_tokens import read_tokens  # noqa: PLC0415 -- most files do not need ruamel.yaml

    return read_tokens(text, file)


def read_scalar(text: str) -> Any:
    """Return the value of a `--set` option: any YAML value on one line.

    Raises:
        ScenarioError: The text is not YAML.
    """
    return read_yaml(f"value: {text}\n", "--set").value["value"]
