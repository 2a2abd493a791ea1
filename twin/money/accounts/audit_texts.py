"""I11: no text that leaves the twin holds a card's number or a whole token."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from twin.money.accounts.audit_facts import Finding

_RUN: Final = re.compile(r"(?<![\w.])(?:\d[ -]?){12,18}\d(?!\w)")
"""13 to 19 digits, in groups or not, that are no part of a word or of a decimal."""
_SCHEME: Final = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})"  # Visa
    r"|(?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}"  # Mastercard
    r"|3[47]\d{13}"  # American Express
    r"|3(?:0[0-5]|[689]\d)\d{11}(?:\d\d)?"  # Diners Club
    r"|35\d{14}"  # JCB
    r"|6(?:011|5\d\d|4[4-9]\d)\d{12}(?:\d{3})?"  # Discover
    r"|62\d{14,17}"  # UnionPay
    r"|(?:50|5[6-9]|6[37-9])\d{11,17}"  # Maestro
)
"""Beginnings and lengths that schemes give out: milliseconds since 1970 and most other long numbers are none of them."""
_WORD: Final = re.compile(r"[0-9A-Za-z*:_-]{4,}")


def luhn(digits: str) -> bool:
    """Return whether the last digit is the check digit of the others (ISO/IEC 7812-1, annex B)."""
    doubled = (int(digit) * (1 + k % 2) for k, digit in enumerate(reversed(digits)))
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def card_numbers(text: str) -> list[str]:
    """Return every card number in a text, as digits only."""
    found = (re.sub(r"[ -]", "", match.group()) for match in _RUN.finditer(text))
    return [digits for digits in found if _SCHEME.fullmatch(digits) and luhn(digits)]


def audit_texts(texts: Iterable[tuple[str, str]], tokens: Iterable[str] = ()) -> list[Finding]:
    """I11: look through texts for numbers of cards and for tokens.

    Args:
        texts: Each with its name: the lines of a log, a report, an export.
        tokens: Of drivers, whole; those of less than 4 characters cannot be told from words.
    """
    known = {token.casefold() for token in tokens if len(token) >= 4}
    return [Finding("I11", f"text {name}", detail) for name, text in texts for detail in _held(text, known)]


def _held(text: str, known: set[str]) -> Iterator[str]:
    for number in card_numbers(text):
        yield f"holds a card's number: {number[:6]}…{number[-4:]}"
    for token in sorted(known.intersection(word.casefold() for word in _WORD.findall(text))):
        yield f"holds a whole token: {token[:2]}… of {len(token)} characters"
