"""What a certificate says and what is wrong with it; the hash data by which OCPP names certificates."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from twin.network.clock import instant as instant  # noqa: PLC0414  re-exported

_SMALLEST_RSA, _SMALLEST_EC = 2048, 224
"""Bits: 1.6 security whitepaper A00.FR.503 and .504, 2.0.1 A00.FR.503 and .504."""


class Subject(NamedTuple):
    """Whose certificate or request it is."""

    common_name: str
    organisation: str


def chain(pem: str) -> list[x509.Certificate]:
    """Read one or more certificates, the leaf first.

    Raises:
        ValueError: There is none, or one cannot be read.
    """
    return x509.load_pem_x509_certificates(pem.encode())


def subject(named: x509.Certificate | x509.CertificateSigningRequest) -> Subject:
    """Return common name and organisation; empty where absent."""
    return Subject(
        _first(named.subject, NameOID.COMMON_NAME), _first(named.subject, NameOID.ORGANIZATION_NAME)
    )


def problems(certificate: x509.Certificate, at: datetime) -> list[str]:
    """Say why a certificate must not be accepted at an instant; empty: it may."""
    found = weaknesses(certificate.public_key())
    if at < certificate.not_valid_before_utc:
        found.append(f"not valid before {certificate.not_valid_before_utc:%Y-%m-%dT%H:%M:%SZ}")
    if at > certificate.not_valid_after_utc:
        found.append(f"expired at {certificate.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}")
    return found


def weaknesses(key: object) -> list[str]:
    """Say why a public key is too weak or of a kind that OCPP does not name; empty: it is strong enough."""
    if isinstance(key, rsa.RSAPublicKey):
        return (
            [f"RSA key of {key.key_size} bits, at least {_SMALLEST_RSA}"]
            if key.key_size < _SMALLEST_RSA
            else []
        )
    if isinstance(key, ec.EllipticCurvePublicKey):
        return (
            [f"EC key of {key.key_size} bits, at least {_SMALLEST_EC}"] if key.key_size < _SMALLEST_EC else []
        )
    return ["a key that is neither RSA nor EC"]


def issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether the name and the signature of the issuer are on it."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def hash_data(certificate: x509.Certificate, issuer: x509.Certificate) -> dict[str, str]:
    """Return CertificateHashDataType with SHA256.

    Name: hash over the issuer's distinguished name in DER. Key: hash over the bits of the issuer's public key
    without tag and length. Serial number: hexadecimal without leading zeros (OCPP 2.0.1 part 2, 2.11).
    """
    key = issuer.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey):
        bits = key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    else:
        bits = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)
    return {
        "hashAlgorithm": "SHA256",
        "issuerNameHash": hashlib.sha256(certificate.issuer.public_bytes()).hexdigest(),
        "issuerKeyHash": hashlib.sha256(bits).hexdigest(),
        "serialNumber": f"{certificate.serial_number:x}",
    }


def _first(name: x509.Name, what: x509.ObjectIdentifier) -> str:
    found = name.get_attributes_for_oid(what)
    return str(found[0].value) if found else ""
