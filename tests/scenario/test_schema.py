"""The schema that editors use, and rules that every key of the language follows."""

from __future__ import annotations

import json
import typing
from pathlib import Path

import pytest
from annotated_types import Ge, Gt, Le, Lt
from jsonschema import Draft202012Validator

from twin.scenario import model, schema  # importing the model defines every section
from twin.scenario.docs import field_docs
from twin.scenario.fields import Section
from twin.scenario.files import read_document

ROOT = Path(__file__).parents[2]
SHIPPED = sorted((ROOT / "scenarios").glob("*.yaml"))
VALIDATOR = Draft202012Validator(schema.json_schema())
SUFFIXES = (
    "_a",
    "_w",
    "_kw",
    "_v",
    "_h",
    "_s",
    "_min",
    "_kwh",
    "_wh",
    "_pct",
    "_pu",
    "_km",
    "_mva",
    "_days",
    "_per_year",
)
PURE = {  # numbers without a unit
    "schema_version", "days", "seed", "power_flow_every", "scale", "evses", "count", "per_evse", "share",
    "visits_per_weekday", "visits_per_weekend_day", "visits_per_week", "hourly_share", "price_per_kwh",
    "stay_energy_correlation", "mix", "r0_r1", "x0_x1", "c0_c1", "vk0_vk", "mag0",
    "volt_var", "volt_watt", "min_power_factor", "accounts_known", "account", "terminal", "app", "wallet",
    "insufficient_funds", "do_not_honor", "processing_error", "expired_card", "lost_card", "fraudulent",
}  # fmt: skip


def sections() -> list[type[Section]]:
    """Every section of the language."""
    out: list[type[Section]] = []
    queue: list[type[Section]] = [Section]
    while queue:
        queue += (more := queue.pop().__subclasses__())
        out += more
    return sorted(set(out), key=lambda s: s.__name__)


def test_the_shipped_schema_is_current() -> None:
    """If not: python -m twin.scenario.schema."""
    assert (ROOT / "scenarios" / "schema.json").read_text(encoding="utf-8") == schema.text()


def test_the_schema_is_one() -> None:
    """Of draft 2020-12."""
    Draft202012Validator.check_schema(schema.json_schema())


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.stem)
def test_editors_find_nothing_wrong_with_shipped_files(path: Path) -> None:
    """And the first line tells them where the schema is."""
    assert path.read_text().startswith("# yaml-language-server: $schema=schema.json\n")
    assert [e.message for e in VALIDATOR.iter_errors(read_document(path).value)] == []


def test_editors_see_what_loading_would_refuse() -> None:
    """A wrong key and a missing one; in an extending file only the wrong one."""
    document = read_document(SHIPPED[0]).value
    del document["days"]
    document["sede"] = 1
    assert sorted(e.message for e in VALIDATOR.iter_errors(document)) == [
        "'days' is a required property",
        "Additional properties are not allowed ('sede' was unexpected)",
    ]
    part = {"extends": "a.yaml", "sede": 1, "guard": None, "sites": {"a": {"operator": "b"}}}
    assert [e.message for e in VALIDATOR.iter_errors(part)] == [
        "Additional properties are not allowed ('sede' was unexpected)"
    ]


@pytest.mark.parametrize("section", sections(), ids=lambda s: s.__name__)
def test_every_key_is_documented(section: type[Section]) -> None:
    """Hover texts and the reference come from these docstrings; `archetype` and the like explain themselves."""
    own = {field.alias or name for name, field in section.model_fields.items()}
    undocumented = own - set(field_docs(section)) - {"archetype", "source", "mode", "file"}
    assert not undocumented
    assert section.__doc__


@pytest.mark.parametrize("section", sections(), ids=lambda s: s.__name__)
def test_every_number_has_its_unit_and_its_bounds(section: type[Section]) -> None:
    """`limit_kw`, not `limit`; and no number may be absurd."""
    for name in section.model_fields:
        bounds = list(numbers(typing.get_type_hints(section, include_extras=True)[name]))
        if not bounds:
            continue
        assert name.endswith(SUFFIXES) or name in PURE, f"{section.__name__}.{name} has no unit"
        for kinds in bounds:
            assert kinds & {Gt, Ge}, f"{section.__name__}.{name} has no lower bound"
            assert kinds & {Lt, Le}, f"{section.__name__}.{name} has no upper bound"


def numbers(hint: object, outside: frozenset[type] = frozenset()) -> typing.Iterator[frozenset[type]]:
    """Yield, for every number in an annotation, the kinds of bounds around it."""
    if typing.get_origin(hint) is typing.Annotated:
        inner, *marks = typing.get_args(hint)
        found = {type(m) for mark in marks for m in getattr(mark, "metadata", [mark])}
        yield from numbers(inner, outside | frozenset(found))
    elif hint in (int, float):
        yield outside
    elif hint is not model.OptionValue:
        for inner in typing.get_args(hint):
            if inner not in typing.get_args(model.OptionValue) or inner in (int, float):
                yield from numbers(inner, outside)


def test_the_schema_text_is_json() -> None:
    """Sorted, so that a change shows as a small difference."""
    assert list(json.loads(schema.text())) == sorted(json.loads(schema.text()))
