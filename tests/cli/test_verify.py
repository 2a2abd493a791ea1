"""`twin verify`: two answers, one exit code."""

from __future__ import annotations

import json

import pytest

from twin.money.papers.ocmf import Meter, SignedReading, Signer
from twin.money.papers.transparency import SignedValue, transparency_xml

SIGNER = Signer(7, "CP1/1", Meter(serial="M-1"), 0)
KEY = SIGNER.public_key_der.hex()
WHOLE = SIGNER.record((SignedReading(0.0, "B", 1_000), SignedReading(3_600.0, "E", 12_345)), "CARD-1")


@pytest.fixture
def record(tmp_path):
    """A record of a whole transaction, in a file."""
    path = tmp_path / "session.ocmf"
    path.write_text(WHOLE)
    return path


def test_a_right_record_is_told_in_words(cli, record):
    """Both readings, both answers, exit code 0."""
    answer = cli("verify", record, "--public-key", KEY)
    assert answer.code == 0
    assert "E  12.345 kWh" in answer.out
    assert "signature: valid" in answer.out
    assert "rules, record 1: kept" in answer.out


def test_a_changed_record_ends_with_one(cli, record):
    """The value was raised: the signature says so, the rules do not."""
    record.write_text(WHOLE.replace("12.345", "12.346"))
    answer = cli("verify", record, "--public-key", KEY)
    assert answer.code == 1
    assert "signature: invalid" in answer.out
    assert "rules, record 1: kept" in answer.out


def test_the_key_may_stand_in_a_file(cli, record, tmp_path):
    """As an operator publishes it."""
    key = tmp_path / "station.pem"
    key.write_text(KEY)
    assert cli("verify", record, "--public-key", key).code == 0


def test_xml_brings_its_own_key_and_that_is_said(cli, tmp_path):
    """Whoever wrote the file chose the key."""
    path = tmp_path / "session.xml"
    path.write_text(transparency_xml([SignedValue(WHOLE, KEY)]))
    answer = cli("verify", path)
    assert answer.code == 0
    assert "compare it with the one on the station" in answer.out


def test_json_has_both_answers(cli, record):
    """Exact values as strings."""
    plain = json.loads(cli("verify", record, "--json", "--public-key", KEY).out)
    assert (plain["signature"], plain["rules"]) == (True, True)
    assert plain["records"][0]["readings"][1]["value"] == "12.345"


def test_without_a_key_the_answer_is_not_good(cli, record):
    """Nothing was proved."""
    answer = cli("verify", record)
    assert answer.code == 1
    assert "not checked" in answer.out


@pytest.mark.parametrize("content", ["hello", "", "\x00\xff"])
def test_unusable_files_are_one_sentence(cli, record, content):
    """Exit code 2 with the file's name."""
    record.write_text(content)
    answer = cli("verify", record)
    assert answer.code == 2
    assert "session.ocmf" in answer.err


def test_a_missing_file_is_one_sentence(cli, tmp_path):
    """Exit code 2 with the file's name."""
    answer = cli("verify", tmp_path / "no.ocmf")
    assert answer.code == 2
    assert "no.ocmf" in answer.err
