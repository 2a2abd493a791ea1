"""An oracle that we did not write: the types of Stripe's SDK, read from its annotations."""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import sys
import types
import typing
from typing import Any

import stripe
from stripe._stripe_object import UntypedStripeObject
from typing_extensions import get_type_hints, is_typeddict

_NONE = type(None)
_OPTIONS = frozenset(stripe.RequestOptions.__annotations__)


class _Scope(dict[str, Any]):
    """Names of one module of the SDK: what it imports only while types are checked as well."""

    def __init__(self, module: str) -> None:
        super().__init__(vars(sys.modules[module]))
        self._from = _imports(module)
        self |= {"Any": Any, "NotRequired": typing.NotRequired}

    def __missing__(self, name: str) -> Any:
        module, original = self._from[name]
        self[name] = found = getattr(importlib.import_module(module), original)
        return found


@functools.cache
def _imports(module: str) -> dict[str, tuple[str, str]]:
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    return {
        alias.asname or alias.name: (node.module, alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }


@functools.cache
def fields(thing: type) -> dict[str, Any]:
    """Attribute to its type: of a resource class, or of a TypedDict."""
    out: dict[str, Any] = {}
    for base in reversed(thing.__mro__):
        if base.__module__.startswith("stripe") and base is not stripe.StripeObject:
            for key, hint in inspect.get_annotations(base).items():
                if not key.startswith("_") and key != "OBJECT_NAME":
                    out[key] = _resolve(hint, base)
    return out


def _resolve(hint: Any, owner: type) -> Any:
    scope = _Scope(owner.__module__)
    for outer in _outer(owner):
        scope |= {name: value for name, value in vars(outer).items() if isinstance(value, type)}
    holder = type("Holder", (), {"__annotations__": {"x": hint}, "__module__": owner.__module__})
    return get_type_hints(holder, {}, scope)["x"]


def _outer(owner: type) -> list[type]:
    """Return a class and those that hold it: nested types are named from within."""
    out: list[Any] = [sys.modules[owner.__module__]]
    for part in owner.__qualname__.split("."):
        out.append(getattr(out[-1], part))
    return out[1:]


def faults(value: Any, hint: Any, path: str) -> list[str]:
    """Return what is wrong with a JSON value, by the SDK's type of it."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return []
    if origin in (typing.Union, types.UnionType):
        if value is None:
            return [] if _NONE in args else [f"{path}: null"]
        tried = [faults(value, arg, path) for arg in args if arg is not _NONE]
        return min(tried, key=len)
    if origin is typing.Literal:
        return [] if value in args else [f"{path}: {value!r} is none of {args}"]
    if origin in (list, typing.List):  # noqa: UP006 -- as the SDK writes it
        if not isinstance(value, list):
            return [f"{path}: no list"]
        return [text for k, one in enumerate(value) for text in faults(one, args[0], f"{path}[{k}]")]
    if origin is stripe.ListObject:
        if not isinstance(value, dict) or value.get("object") != "list":
            return [f"{path}: no list object"]
        inner = [text for one in value["data"] for text in faults(one, args[0], f"{path}.data")]
        return inner + [f"{path}: lacks {key}" for key in ("has_more", "url") if key not in value]
    if origin is UntypedStripeObject:
        return [] if isinstance(value, dict) else [f"{path}: no object"]
    if origin is not None:
        raise AssertionError(f"{path}: {hint}")
    if hint in (int, str, bool, float):
        good = type(value) is hint or (hint is float and type(value) is int)
        return [] if good else [f"{path}: {value!r} is no {hint.__name__}"]
    return lacking(value, hint, path)


def lacking(value: Any, thing: type, path: str = "") -> list[str]:
    """Return what is wrong with an object: keys that are missing, unknown, or of another type."""
    path = path or thing.__name__
    if not isinstance(value, dict):
        return [f"{path}: {value!r} is no object"]
    if thing is UntypedStripeObject:
        return []
    known = fields(thing)
    out = [f"{path}: unknown key {key}" for key in value if key not in known]
    for key, hint in known.items():
        if key in value:
            out += faults(value[key], hint, f"{path}.{key}")
        elif _NONE not in typing.get_args(hint):
            out.append(f"{path}: lacks {key}")
    return out


def unknown_keys(params: dict[str, Any], typed: type, path: str = "") -> list[str]:
    """Return the keys of a request that its TypedDict does not have."""
    own = {key: hint for key, hint in typed.__annotations__.items() if key not in _OPTIONS}
    hints = {key: _resolve(hint, typed) for key, hint in own.items()}
    out = []
    for key, value in params.items():
        if key not in hints:
            out.append(f"{path}{typed.__name__}: {key}")
            continue
        inner = _typed_dict(hints[key])
        if isinstance(value, dict) and inner is not None:
            out += unknown_keys(value, inner, f"{path}{key}.")
    return out


def _typed_dict(hint: Any) -> type | None:
    """Return the TypedDict within a hint, None where it has none."""
    if is_typeddict(hint):
        return hint
    for arg in typing.get_args(hint):
        found = _typed_dict(arg)
        if found is not None:
            return found
    return None
