"""Idempotency keys: the first answer, whatever it was."""

from __future__ import annotations

import pytest

from twin.money.payments.bank_errors import BankError
from twin.money.payments.bank_keys import Keys

Answer = tuple[int, str]


def test_the_first_answer_is_given_again_even_a_server_error() -> None:
    """A saved 500 stays a 500: the key is burnt."""
    keys: Keys[Answer] = Keys()
    assert keys.begin("k", "capture 100", 0.0) is None
    keys.save("k", (500, "server error"))
    assert keys.begin("k", "capture 100", 1.0) == (500, "server error")
    assert keys.begin("k", "capture 100", 86_399.0) == (500, "server error")


def test_a_key_is_new_again_after_a_day() -> None:
    """And not a second before."""
    keys: Keys[Answer] = Keys()
    keys.begin("k", "a", 0.0)
    keys.save("k", (200, "a"))
    assert keys.begin("k", "a", 86_399.9) == (200, "a")
    assert keys.begin("k", "b", 86_400.0) is None


def test_other_parameters_under_the_same_key_are_an_error_that_changes_nothing() -> None:
    """400, `idempotency_error`; the first answer stays."""
    keys: Keys[Answer] = Keys()
    keys.begin("k", "a", 0.0)
    keys.save("k", (200, "a"))
    with pytest.raises(BankError) as raised:
        keys.begin("k", "b", 1.0)
    assert (raised.value.status, raised.value.kind, raised.value.ran) == (400, "idempotency_error", False)
    assert keys.begin("k", "a", 2.0) == (200, "a")


def test_a_second_request_while_the_first_is_under_way_is_a_conflict_that_is_not_kept() -> None:
    """409; once the first is answered, its answer is given."""
    keys: Keys[Answer] = Keys()
    keys.begin("k", "a", 0.0)
    with pytest.raises(BankError) as raised:
        keys.begin("k", "a", 0.1)
    assert raised.value.status == 409
    keys.save("k", (200, "a"))
    assert keys.begin("k", "a", 0.2) == (200, "a")


def test_a_request_that_was_never_executed_leaves_its_key_free() -> None:
    """A parameter was wrong: the same key may be used for the right one."""
    keys: Keys[Answer] = Keys()
    keys.begin("k", "wrong", 0.0)
    keys.release("k")
    assert keys.begin("k", "right", 1.0) is None


def test_a_key_that_was_released_and_taken_again_lives_its_whole_day() -> None:
    """The end of its first life does not end the second."""
    keys: Keys[Answer] = Keys()
    keys.begin("k", "wrong", 0.0)
    keys.release("k")
    keys.begin("k", "right", 50_000.0)
    keys.save("k", (200, "right"))
    assert keys.begin("k", "right", 100_000.0) == (200, "right")


@pytest.mark.parametrize("length", [0, 256])
def test_a_key_has_1_to_255_characters(length: int) -> None:
    """Others are refused; 255 are fine."""
    keys: Keys[Answer] = Keys()
    with pytest.raises(BankError, match="1 to 255 characters"):
        keys.begin("k" * length, "a", 0.0)
    assert keys.begin("k" * 255, "a", 0.0) is None
