"""From a document to a Scenario: what pydantic finds, said with line, path and remedy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from twin.errors import Problem
from twin.scenario.document import Document, Path
from twin.scenario.fields import NO_OFFSET, Section
from twin.scenario.instants import without_offset, zone_of
from twin.scenario.model import Scenario
from twin.scenario.nearest import hint

_TYPES = {
    "float_type": "a number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "float_parsing": "a number",
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "string_type": "text",
    "dict_type": "a mapping of keys to values",
    "model_type": "a mapping of keys to values",
    "model_attributes_type": "a mapping of keys to values",
    "tuple_type": "a list",
    "list_type": "a list",
    "decimal_type": "a price such as 0.32",
    "decimal_parsing": "a price such as 0.32",
    "finite_number": "a finite number",
}
_BOUNDS = {
    "greater_than": ("above", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("below", "lt"),
    "less_than_equal": ("at most", "le"),
}
NO_STATION = "no station; give a site `stations: {list: {..}}`, a `table` or `each_load`"
_HANDLED_ABOVE = ("extends", "overrides")


def to_scenario(document: Document) -> tuple[Scenario | None, list[Problem]]:
    """Return the scenario that a document describes, or None and everything that is wrong with it."""
    value = {k: v for k, v in document.value.items() if k not in _HANDLED_ABOVE}
    try:
        return Scenario.model_validate(value), []
    except ValidationError as exc:
        errors = exc.errors(include_url=False)
    problems = [_problem(document, error) for error in errors if not _follows(error, errors)]
    return None, problems


def _follows(error: Any, errors: Sequence[Any]) -> bool:
    """Whether an error is but the consequence of another one: a list too short for its wrong items."""
    if error["type"] != "too_short":
        return False
    loc = error["loc"]
    return any(len(e["loc"]) > len(loc) and e["loc"][: len(loc)] == loc for e in errors)


def explain(exc: ValidationError, model: type[Section]) -> Iterator[tuple[str, str]]:
    """Yield (key, what is wrong) for the errors of one flat model, as of a row of a table."""
    for error in exc.errors(include_url=False):
        yield ".".join(map(str, error["loc"])), _say(error, model)


def _problem(document: Document, error: Any) -> Problem:
    path = _path_in_file(document, error["loc"], missing=error["type"] == "missing")
    if error["type"] == NO_OFFSET:
        return document.problem(path, without_offset(error["ctx"]["civil"], zone_of(document)))
    return document.problem(path, _say(error, _section_at(document, path[:-1])))


def _path_in_file(document: Document, loc: Path, *, missing: bool) -> Path:
    """Drop what pydantic adds to a path: tags of unions, `[key]` of mappings."""
    path: Path = ()
    value: Any = document.value
    for i, step in enumerate(loc):
        last = i == len(loc) - 1
        if isinstance(value, dict) and (step in value or (last and missing)):
            path, value = (*path, step), value.get(step)
        elif isinstance(value, list) and isinstance(step, int):
            path, value = (*path, step), value[step] if step < len(value) else None
        elif missing and last:
            path = (*path, step)
    return path


def _say(error: Any, model: type[Section] | None) -> str:
    """Say what is wrong, and what would be right."""
    kind, given, context = error["type"], error["input"], error.get("ctx", {})
    if kind == "extra_forbidden":
        return f"unknown key{hint(str(error['loc'][-1]), keys_of(model))}"
    if kind == "missing":
        return f"missing; {_describe(model, str(error['loc'][-1]))}"
    if kind in _BOUNDS:
        word, key = _BOUNDS[kind]
        return f"must be {word} {_number(context[key])}, got {_shown(given)}"
    if kind in _TYPES:
        return f"expected {_TYPES[kind]}, got {_shown(given)}"
    if kind in ("literal_error", "enum"):
        return _choice(given, context["expected"])
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        return _tag(error, context)
    if kind == "string_pattern_mismatch":
        return _pattern(error, context["pattern"])
    if kind == "too_short" and error["loc"] == ("sites",):
        return NO_STATION
    if kind in ("too_short", "too_long"):
        few = "min_length" if kind == "too_short" else "max_length"
        word = "at least" if kind == "too_short" else "at most"
        return f"needs {word} {context[few]} item(s), got {context['actual_length']}"
    return str(error["msg"])


def _choice(given: Any, expected: str) -> str:
    choices = [c.strip("'") for c in expected.replace(" or ", ", ").split(", ")]
    near = hint(given, choices) if isinstance(given, str) else ""
    return f"{_shown(given)} is no choice{near or '; known: ' + ', '.join(f'`{c}`' for c in choices)}"


def _tag(error: Any, context: Any) -> str:
    key = str(context["discriminator"]).strip("'")
    if error["type"] == "union_tag_not_found":
        if not isinstance(error["input"], dict):
            return f"expected a mapping with `{key}`, got {_shown(error['input'])}"
        return f"`{key}` is missing; it says what kind of thing this is"
    near = _choice(context["tag"], context["expected_tags"])
    return f"{key}: {near}"


def _pattern(error: Any, pattern: str) -> str:
    given = _shown(error["input"])
    if "A-Za-z0-9_-" in pattern:
        return f"{given} is no name; use letters, digits, `-` and `_`, at most 64"
    if "24:00" in pattern:
        return f"{given} is no time of day; write it as `22:30`"
    return f"{given} does not fit; expected the form {pattern}"


def _number(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,g}"


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, str):
        return f"`{value if len(value) <= 80 else value[:77] + '...'}`"
    return f"{value:g}" if isinstance(value, float) else str(value)


def keys_of(model: type[Section] | None) -> list[str]:
    """Return the keys that a section knows, as they are written in files."""
    if model is None:
        return []
    return [info.alias or name for name, info in model.model_fields.items()]


def _describe(model: type[Section] | None, key: str) -> str:
    """Say what a required key is for: the first sentence of its documentation."""
    from twin.scenario.docs import field_docs  # noqa: PLC0415 -- reads source; only problems need it

    text = field_docs(model).get(key, "") if model else ""
    return f"required: {text}" if text else "it is required"


def _section_at(document: Document, path: Path) -> type[Section] | None:
    """Return the model of the section at `path`, choosing among unions by what the file says."""
    annotation: Any = Scenario
    value: Any = document.value
    for step in path:
        found = _pick(annotation, value)
        if isinstance(found, type) and issubclass(found, Section):
            field = _field(found, str(step))
            if field is None:
                return None
            annotation = field.annotation
        else:
            annotation = get_args(found)[-1 if get_origin(found) is dict else 0] if get_args(found) else None
        value = value.get(step) if isinstance(value, dict) else None
    found = _pick(annotation, value)
    return found if isinstance(found, type) and issubclass(found, Section) else None


def _field(model: type[Section], key: str) -> FieldInfo | None:
    return next((f for n, f in model.model_fields.items() if (f.alias or n) == key), None)


def _pick(annotation: Any, value: Any) -> Any:
    """Return what an annotation means for `value`: without Annotated and None, one member of a union."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) not in (Union, UnionType):
        return annotation
    members = [_pick(m, value) for m in get_args(annotation) if m is not NoneType]
    return max(members, key=lambda m: _fits(m, value)) if members else None


def _fits(member: Any, value: Any) -> int:
    """How well a member of a union fits a mapping: its discriminating key, then keys in common."""
    if not (isinstance(member, type) and issubclass(member, Section) and isinstance(value, dict)):
        return -1
    score = 0
    for key in keys_of(member):
        if key in value:
            field = _field(member, key)
            score += 100 if field is not None and value[key] in get_args(field.annotation) else 1
    return score
