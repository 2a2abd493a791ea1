"""Print docs/scenario-reference.md from the JSON Schema, which comes from the models' docstrings.

`make reference` writes the page; a test compares it.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from typing import Any

from twin.scenario.schema import json_schema

Schema = Mapping[str, Any]

CHAPTERS: dict[str, tuple[str, ...]] = {
    "The file": ("Scenario",),
    "`grid`": (
        "Grid", "Net", "SimbenchLoad", "CsvLoad", "ConstantLoad", "NoLoad", "Assume", "GridLimits",
        "GridDroop", "EvseDroop", "PvDroop", "Switching",
    ),
    "`tariffs`": ("Tariff", "PriceWindow"),
    "`payments`": (
        "Payments", "Hold", "Accounts", "Offline", "Weights", "Provider", "DeclineCodes", "ProviderFees", "CardFee",
    ),
    "`sites`": ("Site", "Limit", "Stations", "EachLoad", "Station"),
    "`drivers`": ("HomeDrivers", "WorkDrivers", "PublicDrivers", "ReplayDrivers", "Says"),
    "`demand`": ("Fitted", "Parametric", "Arrival", "Peak", "Stay", "Energy", "PublicDemand"),
    "`vehicles`, `strategy`, `guard`, `faults`, `run`": (
        "Vehicles", "StrategyChoice", "Guard", "Fault", "Run", "Virtual",
    ),
}  # fmt: skip
TITLES = {
    "Scenario": "Top level",
    "SimbenchLoad": "Base load from SimBench",
    "CsvLoad": "Base load from a CSV",
    "ConstantLoad": "Constant base load",
    "NoLoad": "No base load",
    "Assume": "Assumed data",
    "GridLimits": "Limits of the grid",
    "GridDroop": "Droop",
    "EvseDroop": "Droop of chargers",
    "PvDroop": "Droop of generators",
    "Switching": "Switching",
    "PriceWindow": "Window with a price of its own",
    "Hold": "Holds",
    "Accounts": "Accounts",
    "Offline": "Offline stations",
    "Weights": "Ways to pay",
    "Provider": "Payment provider",
    "DeclineCodes": "Codes of declines",
    "ProviderFees": "Fees of the provider",
    "CardFee": "Fee of a payment",
    "EachLoad": "A station at each load",
    "HomeDrivers": "Drivers at home",
    "WorkDrivers": "Drivers at work",
    "PublicDrivers": "Passers-by",
    "ReplayDrivers": "Recorded sessions",
    "Says": "What drivers say",
    "Fitted": "Fitted demand",
    "Parametric": "Parametric demand",
    "Arrival": "Arrivals",
    "Peak": "Peak of arrivals",
    "PublicDemand": "Demand of passers-by",
    "StrategyChoice": "Strategy",
    "Run": "Run",
    "Virtual": "Virtual stations",
}
NAMES = "#/$defs/"
HEAD = """\
# Every key of a scenario

Required keys are **bold**. Every other key may be left out; its default is named. Units are in the names. Keys that
no section knows are errors. How the keys work together is told in [Scenarios](scenarios.md).

This page is written by `make reference`; change the docstrings in `twin/scenario/` instead.
Besides these keys a file may have `extends: FILE` and `overrides: {NAME: {..}}`, see
[one file over another](scenarios.md#one-file-over-another).
"""


def page() -> str:
    """Return the page.

    Raises:
        ValueError: A section of the language stands in no chapter, or in two.
    """
    definitions: dict[str, Schema] = json_schema()["$defs"]
    wanted = {
        name for name in definitions if not name.endswith("Part") and name not in {"File", "ExtendingFile"}
    }
    listed = [name for names in CHAPTERS.values() for name in names]
    if sorted(listed) != sorted(wanted):
        raise ValueError(f"sections and chapters differ: {sorted({*listed} ^ wanted)}")
    parts = [HEAD]
    for chapter, names in CHAPTERS.items():
        parts.append(f"## {chapter}\n")
        parts += [_section(name, definitions[name]) for name in names]
    return "\n".join(parts)


def _section(name: str, body: Schema) -> str:
    lines = [f"### {_title(name)}\n", f"{body['description']}\n", "| key | value | default | meaning |"]
    lines.append("|---|---|---|---|")
    required = body.get("required", ())
    for key, value in body["properties"].items():
        shown = f"**`{key}`**" if key in required else f"`{key}`"
        cells = (shown, _values(value), _default(value, key in required), _meaning(key, value))
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _title(name: str) -> str:
    return TITLES.get(name, name)


def _meaning(key: str, value: Schema) -> str:
    """The docstring; a key without one says which kind of section this is."""
    known = {"file": "The file."}
    return str(value.get("description") or known.get(key, "Makes it this kind of section."))


def _link(reference: str) -> str:
    title = _title(reference.removeprefix(NAMES))
    return f"[{title[:1].lower() + title[1:]}](#{title.lower().replace(' ', '-')})"


def _values(value: Schema) -> str:
    """What may stand there, in a few words."""
    if "$ref" in value:
        return _link(value["$ref"])
    if "const" in value:
        return f"`{value['const']}`"
    if "enum" in value:
        return ", ".join(f"`{choice}`" for choice in value["enum"])
    for union in ("anyOf", "oneOf"):
        if union in value:
            members = [_values(member) for member in value[union] if member.get("type") != "null"]
            if len(members) > 4 and "text" in members:
                return "number, text, `true`, `false` or a list"
            if members == ["number", "text"]:  # the text of one keeps trailing zeros
                members = ["price"]
            return " or ".join(dict.fromkeys(members)) + _bounds(value, " ")
    return _plain(value)


def _plain(value: Schema) -> str:
    kind = value["type"]
    if kind == "array":
        item = _values(value["items"])
        several = re.sub(r"^(name|text|number)", r"\1s", item)
        return f"list of {several}{_length(value)}"
    if kind == "object":
        inner = next(iter(value.get("patternProperties", {}).values()), None)
        inner = value.get("additionalProperties") if inner is None else inner
        return f"by name: {_values(inner)}" if inner else "mapping"
    if kind in ("number", "integer"):
        word = "whole number" if kind == "integer" else "number"
        return word + _bounds(value, " ")
    if value.get("format") == "date-time":
        return "time with offset"
    if value.get("pattern", "").startswith("^(([01]"):
        return "`HH:MM`"
    if value.get("pattern", "").startswith("^[A-Za-z0-9]["):
        return "name"
    return {"boolean": "`true` or `false`", "string": "text"}[kind]


def _bounds(value: Schema, before: str) -> str:
    above, at_least = value.get("exclusiveMinimum"), value.get("minimum", value.get("ge"))
    below, at_most = value.get("exclusiveMaximum"), value.get("maximum", value.get("le"))
    parts = []
    if above is not None:
        parts.append(f"> {above:,g}" if isinstance(above, float) else f"> {above:,}")
    if at_least is not None:
        parts.append(f"≥ {at_least:,}")
    if below is not None:
        parts.append(f"< 2^{below.bit_length() - 1}" if below > 10**12 else f"< {below:,}")
    if at_most is not None:
        parts.append(f"≤ {at_most:,}")
    return before + ", ".join(parts) if parts else ""


def _length(value: Schema) -> str:
    low, high = value.get("minItems", 0), value.get("maxItems")
    if low == high and low:
        return f" ({low} items)"
    return f" (at least {low})" if low else ""


def _default(value: Schema, required: bool) -> str:
    if required:
        return "required"
    default = value.get("default")
    if "$ref" in value or default in (None, [], {}, ""):
        return ""
    if isinstance(default, dict) and "name" in default:
        return f"`{default['name']}`"  # of the strategy
    if isinstance(default, dict):
        said = {key: item for key, item in default.items() if item is not None}
        return "`{" + ", ".join(f"{key}: {item}" for key, item in said.items()) + "}`"
    if isinstance(default, list) and default == value.get("items", {}).get("enum"):
        return "all"
    if isinstance(default, float):
        return f"{default:,g}"
    return f"`{json.dumps(default)}`" if isinstance(default, bool) else f"{default}"


if __name__ == "__main__":
    sys.stdout.write(page())
