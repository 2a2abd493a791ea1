"""Passwords as hashes, in bytes and in hexadecimal, two at a time."""

from __future__ import annotations

import base64

import pytest

from twin.network.ocpp.security.passwords import Passwords, from_header, generated, hashed


def test_the_right_password_matches_and_another_does_not() -> None:
    """A hash is of one password only."""
    stored = hashed(b"correct horse battery")
    check = Passwords().check
    assert check([stored], b"correct horse battery") == (0, False)
    assert check([stored], b"correct horse batterz") is None


def test_a_hash_does_not_hold_the_password_and_two_hashes_of_one_differ() -> None:
    """What is stored is salted."""
    stored = hashed(b"secret-of-the-station")
    assert "secret" not in stored
    assert stored != hashed(b"secret-of-the-station")


def test_old_and_new_password_are_valid_during_a_rotation() -> None:
    """The place tells which of the two was used."""
    both = [hashed(b"old-old-old-old-old"), hashed(b"new-new-new-new-new")]
    check = Passwords().check
    assert [check(both, b"old-old-old-old-old"), check(both, b"new-new-new-new-new")] == [
        (0, False),
        (1, False),
    ]


def test_verbatim_hexadecimal_is_taken_and_flagged() -> None:
    """A station that presents the text of its AuthorizationKey instead of the bytes gets in, with a remark."""
    assert Passwords().check([hashed(bytes.fromhex("00ff10"))], b"00FF10") == (0, True)


def test_bytes_are_taken_where_the_operator_typed_their_hexadecimal_text() -> None:
    """The same confusion the other way round."""
    assert Passwords().check([hashed(b"00FF10")], bytes.fromhex("00ff10")) == (0, True)


def test_a_second_login_is_checked_without_the_costly_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand reconnects cost no thousand times 10 ms; a wrong password still fails."""
    passwords = Passwords()
    stored = hashed(b"correct horse battery")
    passwords.check([stored], b"correct horse battery")
    monkeypatch.setattr("twin.network.ocpp.security.passwords._digest", lambda *_: b"never")
    assert passwords.check([stored], b"correct horse battery")
    assert passwords.check([stored], b"wrong") is None


def test_nobody_gets_in_where_no_password_is_set() -> None:
    """Absence of a password is not a password."""
    assert Passwords().check([], b"") is None


def test_generated_passwords_fit_both_versions() -> None:
    """20 printable characters: 16 to 40 for 2.x, at most 20 bytes for 1.6."""
    made = {generated() for _ in range(50)}
    assert len(made) == 50
    assert all(len(word) == 20 and word.isalnum() for word in made)


@pytest.mark.parametrize(
    ("header", "read"),
    [
        ("Basic " + base64.b64encode(b"CP:1:a\xff").decode(), ("CP", b"1:a\xff")),
        ("basic " + base64.b64encode(b"CP:").decode(), ("CP", b"")),
        ("Bearer abc", None),
        ("Basic !!!", None),
        ("Basic " + base64.b64encode(b"nocolon").decode(), None),
        ("", None),
    ],
)
def test_headers_of_basic_auth(header: str, read: tuple[str, bytes] | None) -> None:
    """The password is bytes, behind the first colon; what is no such header is none."""
    assert from_header(header) == read
