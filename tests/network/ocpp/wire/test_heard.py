"""Ids of calls that were heard."""

from __future__ import annotations

from twin.network.ocpp.wire.heard import Heard, Seen


def test_an_id_is_new_once() -> None:
    """The same body again is a repetition, another body a reuse."""
    heard = Heard(10)
    assert [heard.see("1", "a"), heard.see("1", "a"), heard.see("1", "b")] == [
        Seen.NEW,
        Seen.REPEATED,
        Seen.REUSED,
    ]


def test_answers_are_kept_as_long_as_their_ids() -> None:
    """Two ids fit; the third drives out the first and its answer."""
    heard = Heard(2)
    for message_id in ("1", "2", "3"):
        heard.see(message_id, message_id)
        heard.answered(message_id, message_id)
    assert [heard.answer(message_id) for message_id in ("1", "2", "3")] == [None, "2", "3"]
    heard.answered("1", "late")
    assert heard.answer("1") is None


def test_a_reused_id_forgets_the_answer_to_the_other_call() -> None:
    """It must not be repeated for the new one."""
    heard = Heard(2)
    heard.see("1", "a")
    heard.answered("1", "a")
    heard.see("1", "b")
    assert heard.answer("1") is None
