"""Idempotency keys as the real provider keeps them: the first answer, whatever it was, a server error included."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Generic, TypeVar

from twin.money.payments.bank_errors import BankError

Body = TypeVar("Body")

KEPT_S = 24 * 3_600.0
"""How long a key is known at least; then it counts as a new one."""
LENGTH_MAX = 255


@dataclass(slots=True)
class Kept(Generic[Body]):
    """The first request under a key."""

    fingerprint: object
    answer: Body | None = None
    """None: still under way."""


class Keys(Generic[Body]):
    """First answers by key.

    Use: `begin`; None means go on: then `save` the answer, or `release` the key where nothing was executed (a
    parameter was wrong). Any other answer is given again as it is.

    Args:
        kept_s: How long an answer is kept, seconds; the provider promises 24 h.
    """

    def __init__(self, kept_s: float = KEPT_S) -> None:
        self.kept_s = kept_s
        self._kept: dict[str, Kept[Body]] = {}
        self._ends: deque[tuple[float, str, Kept[Body]]] = deque()

    def begin(self, key: str, fingerprint: object, t_s: float) -> Body | None:
        """Return the saved answer, or None and take the key.

        Args:
            key: At most 255 characters.
            fingerprint: What was asked: equal for equal requests.
            t_s: Now.

        Raises:
            BankError: The key is too long or empty, was used for something else, or its first request is under
                way (409). None of these is saved.
        """
        if not 0 < len(key) <= LENGTH_MAX:
            text = f"Idempotency keys have 1 to {LENGTH_MAX} characters, and this one {len(key)}."
            raise BankError("idempotency_key_invalid", text, kind="idempotency_error", ran=False)
        if self._ends and self._ends[0][0] <= t_s:
            self._forget(t_s)
        kept = self._kept.get(key)
        if kept is None:
            kept = self._kept[key] = Kept(fingerprint)
            self._ends.append((t_s + self.kept_s, key, kept))
            return None
        if kept.fingerprint != fingerprint:
            text = f"Keys for idempotent requests can only be used with the same parameters: '{key}' was used before."
            raise BankError("idempotency_key_mismatch", text, kind="idempotency_error", ran=False)
        if kept.answer is None:
            text = f"Another request with the key '{key}' is under way."
            raise BankError("idempotency_key_in_use", text, status=409, kind="idempotency_error", ran=False)
        return kept.answer

    def save(self, key: str, answer: Body) -> Body:
        """Keep the answer of a key that `begin` took, and return it."""
        self._kept[key].answer = answer
        return answer

    def release(self, key: str) -> None:
        """Let go of a key: nothing was executed under it."""
        self._kept.pop(key, None)

    def _forget(self, t_s: float) -> None:
        ends = self._ends
        while ends and ends[0][0] <= t_s:
            _, key, kept = ends.popleft()
            if self._kept.get(key) is kept and kept.answer is not None:
                del self._kept[key]
