"""JSON Schema of scenario files, for editors: completion, hover texts and red lines while typing.

`python -m twin.scenario.schema` writes `scenarios/schema.json`; a test compares it.
"""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

from twin.scenario.docs import field_docs
from twin.scenario.fields import Section
from twin.scenario.model import Scenario

_PART = "Part"
"""Suffix of definitions in which nothing is required: what an extending file or an override may say."""


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a scenario file."""
    whole = Scenario.model_json_schema(ref_template="#/$defs/{model}")
    definitions = {**whole.pop("$defs"), "Scenario": whole}
    _document(definitions)
    parts = {name + _PART: _part(deepcopy(body)) for name, body in definitions.items()}
    named = {
        "extends": {
            "type": "string",
            "description": "Scenario file that this one is merged over, relative to it.",
        },
        "overrides": {
            "type": "object",
            "description": "Named changes, applied with `--override NAME`.",
            "additionalProperties": {"$ref": f"#/$defs/Scenario{_PART}"},
        },
    }
    file, extending = deepcopy(definitions["Scenario"]), deepcopy(parts["Scenario" + _PART])
    file["properties"]["overrides"] = named["overrides"]
    extending["properties"].update(named)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Twin scenario",
        "if": {"required": ["extends"]},
        "then": {"$ref": "#/$defs/ExtendingFile"},
        "else": {"$ref": "#/$defs/File"},
        "$defs": {**definitions, **parts, "File": file, "ExtendingFile": extending},
    }


def text() -> str:
    """Return the schema as it stands in `scenarios/schema.json`."""
    return json.dumps(json_schema(), indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def _document(definitions: dict[str, Any]) -> None:
    """Add the docstrings of every section and of its keys."""
    for model in _sections(Section):
        body = definitions.get(model.__name__)
        if body is None:
            continue
        body["description"] = inspect.cleandoc(model.__doc__ or "")
        for key, doc in field_docs(model).items():
            body["properties"][key]["description"] = doc


def _sections(base: type[Section]) -> Iterator[type[Section]]:
    for model in base.__subclasses__():
        yield model
        yield from _sections(model)


def _part(node: Any) -> Any:
    """Turn a definition into that of a part: nothing is required, and null removes a key."""
    if isinstance(node, list):
        return [_part(item) for item in node]
    if not isinstance(node, dict):
        return node
    out = {
        key: _part(value)
        for key, value in node.items()
        if key not in ("required", "discriminator", "minItems")
    }
    if "oneOf" in out:
        out["anyOf"] = out.pop("oneOf")
    if "$ref" in out:
        out["$ref"] += _PART
    properties = out.get("properties")
    if isinstance(properties, dict) and out.get("type") == "object":
        out["properties"] = {key: {"anyOf": [value, {"type": "null"}]} for key, value in properties.items()}
        for key, value in properties.items():
            if "description" in value:
                out["properties"][key]["description"] = value["description"]
    return out


def main(path: Path) -> None:
    """Write the schema."""
    path.write_text(text(), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "scenarios/schema.json"))
