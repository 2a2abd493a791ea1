"""What each key of a section means: the docstrings below its fields, read from the source.

pydantic can do this when a class is made, for every class, at every start (`use_attribute_docstrings`);
that costs more than checking a file of 3,000 lines. Only the JSON Schema and some problems need it.
"""

from __future__ import annotations

import ast
import inspect
import sys
from functools import cache
from itertools import pairwise

from twin.scenario.fields import Section


@cache
def field_docs(model: type[Section]) -> dict[str, str]:
    """Return the documentation of each key, as written in files, with that of inherited keys."""
    out: dict[str, str] = {}
    for cls in reversed(model.__mro__):
        if issubclass(cls, Section):
            out.update(_own(cls))
    fields = model.model_fields
    return {(fields[name].alias or name): text for name, text in out.items() if name in fields}


def _own(cls: type) -> dict[str, str]:
    found = next(
        (n for n in _module(cls.__module__).body if isinstance(n, ast.ClassDef) and n.name == cls.__name__),
        None,
    )
    body = found.body if found is not None else []
    out: dict[str, str] = {}
    for field, text in pairwise(body):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(text, ast.Expr)
            and isinstance(text.value, ast.Constant)
            and isinstance(text.value.value, str)
        ):
            out[field.target.id] = inspect.cleandoc(text.value.value)
    return out


@cache
def _module(name: str) -> ast.Module:
    return ast.parse(inspect.getsource(sys.modules[name]))
