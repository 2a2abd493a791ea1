"""Near matches: what somebody may have meant."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches

_LIST_UP_TO = 8


def hint(name: str, known: Collection[str]) -> str:
    """Return `, did you mean ...?`, or else the choice where it is small; empty without either."""
    close = get_close_matches(name, known, n=1, cutoff=0.6)
    if not close:
        by_lower = {k.lower(): k for k in known}
        close = [by_lower[c] for c in get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)]
    if close:
        return f", did you mean `{close[0]}`?"
    if 0 < len(known) <= _LIST_UP_TO:
        return f"; known: {', '.join(f'`{k}`' for k in known)}"
    return ""
