"""Stripe's request format: form-encoded, with nested keys: `transfer_data[destination]=acct_1&expand[0]=latest_charge`."""

from __future__ import annotations

import re
from typing import TypeAlias
from urllib.parse import parse_qsl

from twin.money.payments.bank_errors import invalid

Form: TypeAlias = "dict[str, Form | str]"
"""Nested parameters; a list is a form with numbers as keys."""

_KEY = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_PART = re.compile(r"\[([^\[\]]*)\]")
PARAMETERS_MAX = 1_000


def parse(text: str) -> Form:
    """Read a query or a body.

    Raises:
        BankError: A key is not of that form, means two things, or there are too many.
    """
    form: Form = {}
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=PARAMETERS_MAX, errors="strict")
    except (ValueError, UnicodeDecodeError):
        raise invalid(
            "parameter_invalid_string_encoding", "The request is no readable form.", "body"
        ) from None
    for key, value in pairs:
        match = _KEY.fullmatch(key)
        if match is None:
            raise invalid("parameter_unknown", f"Received unknown parameter: {key}", key)
        _put(form, [match[1], *_PART.findall(match[2])], value, key)
    return form


def _put(form: Form, path: list[str], value: str, key: str) -> None:
    here = form
    for part in path[:-1]:
        inner = here.setdefault(_name(here, part), {})
        if isinstance(inner, str):
            raise invalid("parameter_invalid_string_empty", f"Invalid object: {key}", key)
        here = inner
    last = _name(here, path[-1])
    if last in here:
        raise invalid("parameter_invalid", f"{key} is given twice.", key)
    here[last] = value


def _name(form: Form, part: str) -> str:
    """`expand[]` is the next number."""
    return part or str(len(form))
