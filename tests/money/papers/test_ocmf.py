"""Signed meter values, checked by an implementation of OCMF from elsewhere."""

import json

import pytest
from pyocmf.core.ocmf import OCMF

from twin.money.papers.ocmf import Meter, SignedReading, Signer

EPOCH_NS = 1_767_225_600 * 10**9
SESSION = (SignedReading(0.0, "B", 1_000), SignedReading(3_600.0, "E", 8_234))


@pytest.fixture
def signer():
    return Signer(7, "cs-1", Meter(serial="M-1"), EPOCH_NS)


def test_a_record_verifies_against_the_published_key(signer):
    """Another implementation of OCMF accepts the signature with the station's public key."""
    record = OCMF.from_string(signer.record(SESSION, "TAG1"), strict=True)
    assert record.verify_signature(signer.public_key_der.hex())


def test_a_changed_reading_does_not_verify(signer):
    """One digit of the energy changed after signing is found out."""
    record = OCMF.from_string(signer.record(SESSION, "TAG1").replace("8.234", "8.235"))
    assert not record.verify_signature(signer.public_key_der.hex())


def test_another_stations_key_does_not_verify(signer):
    """Each station has a key of its own."""
    other = Signer(7, "cs-2", Meter(serial="M-2"), EPOCH_NS)
    record = OCMF.from_string(signer.record(SESSION, "TAG1"))
    assert not record.verify_signature(other.public_key_der.hex())


def test_a_whole_session_is_fit_for_billing(signer):
    """Begin and end in one record fulfil what German calibration law asks of them."""
    record = OCMF.from_string(signer.record(SESSION, "TAG1"))
    assert [issue.code for issue in record.check_eichrecht() if issue.severity.name == "ERROR"] == []


def test_readings_are_kwh_of_the_register(signer):
    """1,000 Wh and 8,234 Wh stand as 1.0 and 8.234 kWh, in order, with their reasons."""
    payload = json.loads(signer.record(SESSION).split("|")[1])
    assert [(r["TX"], r["RV"], r["RU"]) for r in payload["RD"]] == [("B", 1.0, "kWh"), ("E", 8.234, "kWh")]
    assert payload["RD"][1]["TM"] == "2026-01-01T01:00:00,000+0000 S"


def test_pages_are_counted(signer):
    """Each record is a page of its own, so that none can be left out unseen."""
    assert [json.loads(signer.record(SESSION).split("|")[1])["PG"] for _ in range(2)] == ["T1", "T2"]


def test_the_same_seed_signs_the_same_bytes():
    """Two stations of one seed and name have one key and deterministic signatures."""
    first, again = (Signer(3, "cs", Meter(serial="M"), EPOCH_NS).record(SESSION) for _ in range(2))
    assert first == again


def test_the_price_that_the_driver_was_told_is_signed_too(signer):
    """Field TT, at most 250 characters, and a record with it verifies strictly."""
    record = OCMF.from_string(signer.record(SESSION, "TAG1", "0.40 EUR/kWh " * 30), strict=True)
    assert record.payload.TT.startswith("0.40 EUR/kWh")
    assert len(record.payload.TT) == 250
    assert record.verify_signature(signer.public_key_der.hex())
