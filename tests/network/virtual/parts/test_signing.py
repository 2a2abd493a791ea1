"""When a meter signs."""

import json

import pytest
from pyocmf.core.ocmf import OCMF

from twin.network.virtual.parts import standard
from twin.network.virtual.parts.base import Token
from twin.network.virtual.parts.signing import BEGIN, END, KEY_FORMAT, MeterSigner


def fit(host, on=True):
    standard.define(host)
    host.variables.write(standard.SIGN, str(on).lower())
    return MeterSigner(host)


def session(signer):
    """Sign a transaction from 1,000 to 3,500 Wh."""
    token = Token("A")
    return [
        signer.sign(1, "t-1", token, 0.0, 1_000.0, BEGIN),
        signer.sign(1, "t-1", token, 60.0, 2_000.0, "Sample.Periodic"),
        signer.sign(1, "t-1", token, 3_600.0, 3_500.4, END),
    ]


def test_begin_and_end_are_signed(host):
    """The begin alone, nothing in between, and both readings at the end; each verifies."""
    begin, between, end = session(fit(host))
    assert between is None
    for signed, readings in ((begin, [1.0]), (end, [1.0, 3.5])):
        record = OCMF.from_string(signed.data)
        assert record.verify_signature(signed.public_key.removeprefix(KEY_FORMAT))
        assert [float(reading.RV) for reading in record.payload.RD] == readings


def test_nothing_is_signed_where_it_is_off(host):
    """SignReadings false: no signature at all."""
    assert session(fit(host, on=False)) == [None] * 3


@pytest.mark.parametrize(
    ("when", "sent"),
    [("EveryMeterValue", [True, True]), ("OncePerTransaction", [True, False]), ("Never", [False, False])],
)
def test_the_public_key_goes_along_as_set(host, when, sent):
    """With every value, with the first of a transaction, or never."""
    signer = fit(host)
    host.variables.write(standard.PUBLIC_KEY, when)
    begin, _, end = session(signer)
    assert [bool(signed.public_key) for signed in (begin, end)] == sent


def test_the_published_key_is_the_meters(host16):
    """1.6 tells the key of EVSE 1 as MeterPublicKey1."""
    begin, *_ = session(fit(host16))
    published = host16.variables.text(host16.variables.by_key("MeterPublicKey1"))
    assert begin.public_key.removeprefix(KEY_FORMAT) == published


def test_each_meter_counts_its_own_pages(host):
    """The first record of EVSE 2 is page 1, whatever EVSE 1 signed."""
    signer = fit(host)
    session(signer)
    other = signer.sign(2, "t-2", None, 0.0, 0.0, BEGIN)
    assert json.loads(other.data.split("|")[1])["PG"] == "T1"
