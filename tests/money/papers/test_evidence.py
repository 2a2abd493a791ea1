"""Signed meter data: signature and rules are two answers."""

from __future__ import annotations

import base64
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twin.errors import SettingsError
from twin.money.papers.evidence import Signature, read_key, verify
from twin.money.papers.ocmf import Meter, SignedReading, Signer
from twin.money.papers.transparency import SignedValue, transparency_xml

EPOCH_NS = 1_767_225_600_000_000_000  # 2026-01-01T00:00:00Z


def signer() -> Signer:
    return Signer(7, "CP1/1", Meter(serial="M-1"), EPOCH_NS)


BEGIN, END = SignedReading(0.0, "B", 1_000), SignedReading(3_600.0, "E", 12_345)
KEY = signer().public_key_der.hex()
WHOLE = signer().record((BEGIN, END), "CARD-1")


def test_a_record_with_both_readings_is_right_and_keeps_the_rules():
    """11.345 kWh in an hour, signed by the station."""
    found = verify(WHOLE, KEY)
    assert found.signed
    assert found.kept
    (record,) = found.records
    assert [(one.reason, one.value, one.unit) for one in record.readings] == [
        ("B", Decimal(1), "kWh"),
        ("E", Decimal("12.345"), "kWh"),
    ]
    assert record.meter == "M-1"
    assert not record.own_key
    assert record.deviations == ()


@settings(max_examples=120, deadline=None)
@given(place=st.integers(0, len(WHOLE.split("|")[1]) - 1), change=st.integers(1, 90))
def test_one_changed_byte_of_what_was_signed_is_caught(place: int, change: int):
    """Wherever it is: the signature fails, or the record cannot be read any more."""
    head, payload, tail = WHOLE.split("|")
    other = chr((ord(payload[place]) - 32 + change) % 94 + 32)
    if other in {payload[place], "|"}:
        return
    tampered = f"{head}|{payload[:place]}{other}{payload[place + 1 :]}|{tail}"
    try:
        found = verify(tampered, KEY)
    except SettingsError:
        return
    assert not found.signed


def test_the_key_of_another_station_does_not_fit():
    """Same curve, other key."""
    other = Signer(7, "CP2/1", Meter(serial="M-2"), EPOCH_NS).public_key_der.hex()
    (record,) = verify(WHOLE, other).records
    assert record.signature is Signature.INVALID


def test_without_a_key_nothing_is_proved():
    """Not checked is not valid."""
    found = verify(WHOLE)
    assert found.records[0].signature is Signature.UNCHECKED
    assert not found.signed


def test_a_key_that_came_with_the_record_is_told():
    """Whoever changes the record can bring a key of his own."""
    with_key = transparency_xml([SignedValue(WHOLE, KEY)])
    (record,) = verify(with_key).records
    assert record.signature is Signature.VALID
    assert record.own_key


def test_a_right_signature_does_not_make_right_rules():
    """The register fell: properly signed, and yet no base for a bill."""
    fallen = signer().record((BEGIN, SignedReading(3_600.0, "E", 900)), "CARD-1")
    found = verify(fallen, KEY)
    assert found.signed
    assert not found.kept
    assert "VALUE_REGRESSION" in found.rules[0].errors[0]


def test_kept_rules_do_not_make_a_right_signature():
    """A value that was raised by hand keeps every rule."""
    found = verify(WHOLE.replace("12.345", "13.345"), KEY)
    assert found.kept
    assert not found.signed


def test_begin_and_end_in_records_of_their_own_are_one_transaction():
    """As lines of a text, and as values of the XML."""
    one = signer()
    lines = [one.record((BEGIN,), "CARD-1"), one.record((END,), "CARD-1")]
    for text in (
        "\n".join(lines),
        transparency_xml(
            [
                SignedValue(line, KEY, f"Transaction.{name}")
                for line, name in zip(lines, ("Begin", "End"), strict=True)
            ]
        ),
    ):
        found = verify(text, KEY)
        assert found.signed
        assert [(rules.records, rules.kept) for rules in found.rules] == [((0, 1), True)]


def test_a_begin_from_another_meter_breaks_the_rules():
    """Two records that do not belong together."""
    other = Signer(7, "CP2/1", Meter(serial="M-2"), EPOCH_NS)
    found = verify(f"{other.record((BEGIN,), 'CARD-1')}\n{signer().record((END,), 'CARD-1')}")
    assert any("SERIAL_MISMATCH" in text for text in found.rules[0].errors)


def test_hexadecimal_records_are_read():
    """As displays and QR codes carry them."""
    assert verify(WHOLE.encode().hex(), KEY).signed


@pytest.mark.parametrize(
    "written",
    [
        KEY,
        KEY.upper(),
        f"oca:base16:asn1:{KEY}",
        base64.b64encode(bytes.fromhex(KEY)).decode(),
        f"-----BEGIN PUBLIC KEY-----\n{base64.b64encode(bytes.fromhex(KEY)).decode()}\n-----END PUBLIC KEY-----\n",
    ],
)
def test_keys_are_read_in_every_usual_form(written: str):
    """Hexadecimal, Base64, PEM, and as OCPP carries them."""
    assert read_key(written).lower() == KEY


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "there is no record"),
        ("hello", "no signed meter data that can be read"),
        ("OCMF|{}|", "no signed meter data"),
        ("<values></values>", "No OCMF data found"),
        ("<values>", "Failed to parse XML"),
        (
            '<!DOCTYPE a [<!ENTITY b "c">]><values><value>&b;</value></values>',
            "no signed meter data that can be read",
        ),
    ],
)
def test_what_is_no_record_is_one_clear_error(text: str, words: str):
    """Nothing is guessed."""
    with pytest.raises(SettingsError, match=words):
        verify(text)


def test_a_key_that_is_none_is_one_clear_error():
    """It says what would be right."""
    with pytest.raises(SettingsError, match="expected SubjectPublicKeyInfo"):
        verify(WHOLE, "abcd")
