"""What a route accepts: every other parameter is refused as unknown, and every value is read as its type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from twin.money.payments.bank_errors import invalid
from twin.money.payments.server.forms import Form

Shape: TypeAlias = "Mapping[str, str | Shape]"
"""Parameter to its type (`int`, `bool`, `str`, `time`, `strings`, `metadata`), or to a nested shape."""
Params: TypeAlias = "dict[str, int | bool | str | list[str] | dict[str, str] | Params]"

EXPAND: Shape = {"expand": "strings"}
PAGE: Shape = {"limit": "int", "starting_after": "str", "ending_before": "str"}
METADATA_MAX = 50
METADATA_KEY_MAX = 40
METADATA_VALUE_MAX = 500


def read(form: Form, shape: Shape, prefix: str = "") -> Params:
    """Read a form.

    Raises:
        BankError: A parameter is unknown or not of its type; the error names it as Stripe does, `a[b]`.
    """
    out: Params = {}
    for key, value in form.items():
        name = f"{prefix}[{key}]" if prefix else key
        kind = shape.get(key)
        if kind is None:
            raise invalid("parameter_unknown", f"Received unknown parameter: {name}", name)
        if isinstance(kind, str):
            out[key] = _value(value, kind, name)
        elif isinstance(value, str):
            raise invalid("parameter_invalid", f"Invalid object: {name}", name)
        else:
            out[key] = read(value, kind, name)
    return out


def _value(value: Form | str, kind: str, name: str) -> int | bool | str | list[str] | dict[str, str]:
    if kind == "metadata":
        return _metadata(value, name)
    if kind == "strings":
        return _strings(value, name)
    if not isinstance(value, str):
        raise invalid("parameter_invalid", f"Invalid string: {name}", name)
    if kind == "bool":
        if value not in {"true", "false"}:
            raise invalid("parameter_invalid", f"Invalid boolean: {value}", name)
        return value == "true"
    if kind in {"int", "time"}:
        return _integer(value, name)
    if not value:
        text = f"You passed an empty string for '{name}'. We assume empty values are an attempt to unset a parameter."
        raise invalid("parameter_invalid_empty", text, name)
    return value


def _integer(value: str, name: str) -> int:
    if not value.removeprefix("-").isdecimal() or not value.isascii() or len(value) > 18:
        raise invalid("parameter_invalid_integer", f"Invalid integer: {value}", name)
    return int(value)


def _strings(value: Form | str, name: str) -> list[str]:
    if isinstance(value, str):
        raise invalid("parameter_invalid", f"Invalid array: {name}", name)
    out = [value[key] for key in sorted(value, key=lambda key: (len(key), key))]
    texts = [text for text in out if isinstance(text, str)]
    if len(texts) != len(out):
        raise invalid("parameter_invalid", f"Invalid array: {name}", name)
    return texts


def _metadata(value: Form | str, name: str) -> dict[str, str]:
    if isinstance(value, str):
        if not value:
            return {}
        raise invalid("parameter_invalid", f"Invalid object: {name}", name)
    out = {key: text for key, text in value.items() if isinstance(text, str)}
    long = [k for k, v in out.items() if len(k) > METADATA_KEY_MAX or len(v) > METADATA_VALUE_MAX]
    if len(out) != len(value) or len(out) > METADATA_MAX or long:
        text = (
            f"Metadata has at most {METADATA_MAX} keys of {METADATA_KEY_MAX} characters, "
            f"with values of {METADATA_VALUE_MAX}."
        )
        raise invalid("metadata_invalid", text, name)
    return out


def text(params: Params, key: str, default: str = "") -> str:
    """Return a string parameter."""
    value = params.get(key, default)
    assert isinstance(value, str)
    return value


def number(params: Params, key: str) -> int | None:
    """Return an integer parameter, None if it is absent."""
    value = params.get(key)
    assert value is None or isinstance(value, int)
    return value


def flag(params: Params, key: str) -> bool:
    """Return a boolean parameter, False if it is absent."""
    return params.get(key, False) is True


def strings(params: Params, key: str) -> list[str]:
    """Return a list parameter."""
    value = params.get(key, [])
    assert isinstance(value, list)
    return value


def metadata(params: Params) -> dict[str, str]:
    """Return the metadata."""
    value = params.get("metadata", {})
    assert isinstance(value, dict)
    return {key: text for key, text in value.items() if isinstance(text, str)}


def within(params: Params, *path: str) -> Params:
    """Return a nested object, empty if it is absent."""
    here = params
    for key in path:
        inner = here.get(key, {})
        assert isinstance(inner, dict)
        here = inner  # type: ignore[assignment]  # metadata are strings, and no shape nests into them
    return here


def need(params: Params, *keys: str) -> None:
    """Refuse a request that lacks a parameter.

    Raises:
        BankError: `parameter_missing`, of the first.
    """
    for key in keys:
        if key not in params:
            raise invalid("parameter_missing", f"Missing required param: {key}.", key)


def choice(params: Params, key: str, allowed: tuple[str, ...], default: str = "") -> str:
    """Return a string that is one of a few.

    Raises:
        BankError: It is none of them.
    """
    value = text(params, key, default)
    if value and value not in allowed:
        raise invalid("parameter_invalid", f"Invalid {key}: must be one of {', '.join(allowed)}", key)
    return value
