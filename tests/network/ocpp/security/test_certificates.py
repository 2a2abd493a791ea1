"""Certificates of the test authority, RSA and EC, and what is wrong with others."""

from __future__ import annotations

import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from twin.errors import SettingsError
from twin.network.ocpp.security import certificates
from twin.network.ocpp.security.authority import Authority, Kind, key_pem, new_key, signing_request

AT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.create(AT)


@pytest.mark.parametrize("kind", ["ec", "rsa"])
def test_a_request_is_signed_for_both_kinds_of_keys(authority: Authority, kind: Kind) -> None:
    """The certificate has the name of the request, the request's key and the authority's signature."""
    key = new_key(kind)
    request = x509.load_pem_x509_csr(signing_request(key, "CP1", "ACME").encode())
    made = certificates.chain(authority.sign(request, AT, days=10))[0]
    assert certificates.subject(made) == ("CP1", "ACME")
    assert made.public_key() == key.public_key()
    assert certificates.issued_by(made, authority.certificate)
    assert certificates.problems(made, AT + timedelta(days=9)) == []


def test_expired_and_not_yet_valid_certificates_have_a_problem(authority: Authority) -> None:
    """Before its first and after its last day."""
    made = certificates.chain(authority.client("CP1", AT, days=10).certificate_pem)[0]
    assert certificates.problems(made, AT + timedelta(days=11)) == ["expired at 2026-01-11T00:00:00Z"]
    assert certificates.problems(made, AT - timedelta(days=1)) == ["not valid before 2025-12-31T23:55:00Z"]


def test_a_short_key_is_refused(authority: Authority) -> None:
    """RSA with 1024 bits is not signed."""
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    request = x509.load_pem_x509_csr(signing_request(weak, "CP1").encode())
    with pytest.raises(ValueError, match="1024 bits"):
        authority.sign(request, AT)


def test_another_authority_did_not_issue_it(authority: Authority) -> None:
    """The same name with another key does not count."""
    made = certificates.chain(Authority.create(AT).client("CP1", AT).certificate_pem)[0]
    assert not certificates.issued_by(made, authority.certificate)


@pytest.mark.parametrize("kind", ["ec", "rsa"])
def test_hash_data_has_the_lengths_of_sha256_and_the_serial_in_hexadecimal(kind: Kind) -> None:
    """64 digits each; the key hash is that of the subject key identifier's bits."""
    authority = Authority.create(AT, kind=kind)
    data = certificates.hash_data(authority.certificate, authority.certificate)
    assert [len(data["issuerNameHash"]), len(data["issuerKeyHash"])] == [64, 64]
    assert int(data["serialNumber"], 16) == authority.certificate.serial_number


def test_openssl_takes_the_server_certificate(authority: Authority, tmp_path: Path) -> None:
    """The pair loads into a TLS context, the root into that of a client."""
    issued = authority.server(["127.0.0.1", "localhost"], AT)
    pair = tmp_path / "pair.pem"
    pair.write_text(issued.certificate_pem + issued.key_pem)
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(pair)
    client = ssl.create_default_context(cadata=authority.pem)
    assert client.cert_store_stats()["x509_ca"] == 1


def test_a_kept_authority_is_the_same_next_time_and_its_key_is_private(tmp_path: Path) -> None:
    """The second call reads what the first wrote."""
    made = Authority.kept(tmp_path / "ca", AT)
    assert Authority.kept(tmp_path / "ca", AT).certificate == made.certificate
    assert stat.S_IMODE((tmp_path / "ca" / "ca.key").stat().st_mode) == 0o600
    assert key_pem(made.key) == (tmp_path / "ca" / "ca.key").read_text()


def test_a_folder_with_something_else_is_unusable(tmp_path: Path) -> None:
    """The message names the folder."""
    (tmp_path / "ca.key").write_text("nonsense")
    with pytest.raises(SettingsError, match="no certificate authority"):
        Authority.kept(tmp_path, AT)
