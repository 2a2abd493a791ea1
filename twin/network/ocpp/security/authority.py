"""A certificate authority for tests: roots, servers, stations and answers to signing requests, RSA and EC.

It keeps its key beside its certificate and asks nobody who somebody is: never let a real network trust it.
"""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal, TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from twin.errors import SettingsError
from twin.network.ocpp.security import certificates

Kind: TypeAlias = Literal["ec", "rsa"]
PrivateKey: TypeAlias = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
PublicKey: TypeAlias = ec.EllipticCurvePublicKey | rsa.RSAPublicKey
ROOT_DAYS = 3650
LEAF_DAYS = 365
_BACKDATED = timedelta(minutes=5)
"""Certificates begin a little in the past: the clocks of stations are not exact."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A key pair with its certificate."""

    key_pem: str
    certificate_pem: str
    """The leaf first, then what issued it, without the root."""


@dataclass(frozen=True, slots=True)
class Authority:
    """A root and its key."""

    key: PrivateKey
    certificate: x509.Certificate

    @property
    def pem(self) -> str:
        """The root, for those who shall trust it."""
        return _pem(self.certificate)

    @classmethod
    def create(cls, at: datetime, *, kind: Kind = "ec", name: str = "Twin test CA") -> Authority:
        """Return a new root, valid for `ROOT_DAYS` from `at`."""
        key = new_key(kind)
        who = _name(name, "Twin")
        builder = _builder(who, who, _public(key), at, ROOT_DAYS).add_extension(
            x509.BasicConstraints(ca=True, path_length=1), critical=True
        )
        usage = _usage(key_cert_sign=True, crl_sign=True)
        return cls(key, builder.add_extension(usage, critical=True).sign(key, hashes.SHA256()))

    @classmethod
    def kept(cls, folder: Path, at: datetime, *, kind: Kind = "ec") -> Authority:
        """Return the root of a folder; made there at the first call, the key readable by its owner only.

        Raises:
            SettingsError: The folder cannot be read or written, or holds something else.
        """
        key_file, certificate_file = folder / "ca.key", folder / "ca.pem"
        try:
            if key_file.exists():
                return cls(
                    _own_key(key_file.read_bytes()),
                    x509.load_pem_x509_certificate(certificate_file.read_bytes()),
                )
            made = cls.create(at, kind=kind)
            folder.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(key_pem(made.key))
            certificate_file.write_text(made.pem)
        except (OSError, ValueError) as error:
            raise SettingsError(f"{folder}: no certificate authority can be kept here ({error})") from None
        return made

    def server(self, names: list[str], at: datetime, *, kind: Kind = "ec", days: float = LEAF_DAYS) -> Issued:
        """Return a key and certificate for a server that is reached by these names or addresses."""
        return self._leaf(names[0], "", at, kind, days, names)

    def client(
        self,
        identity: str,
        at: datetime,
        *,
        kind: Kind = "ec",
        organisation: str = "Twin",
        days: float = LEAF_DAYS,
    ) -> Issued:
        """Return a key and certificate for a station: its identity is the common name."""
        return self._leaf(identity, organisation, at, kind, days, [])

    @staticmethod
    def read(csr: str) -> tuple[x509.CertificateSigningRequest, str]:
        """Read a request in PEM; return it with the common name that it is for.

        Raises:
            ValueError: It cannot be read.
        """
        try:
            request = x509.load_pem_x509_csr(csr.encode())
        except ValueError:
            raise ValueError("the request is no PKCS 10 in PEM") from None
        return request, certificates.subject(request).common_name

    def sign(self, request: x509.CertificateSigningRequest, at: datetime, days: float = LEAF_DAYS) -> str:
        """Return the certificate of a station as PEM.

        Raises:
            ValueError: The request is not signed by its own key, or the key is too weak.
        """
        if not request.is_signature_valid:
            raise ValueError("the request is not signed by its own key")
        key = request.public_key()
        if weak := certificates.weaknesses(key):
            raise ValueError(weak[0])
        assert isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey)
        return _pem(self._sign(request.subject, key, at, days, []))

    def _leaf(
        self, common_name: str, organisation: str, at: datetime, kind: Kind, days: float, names: list[str]
    ) -> Issued:
        key = new_key(kind)
        made = self._sign(_name(common_name, organisation), _public(key), at, days, names)
        return Issued(key_pem(key), _pem(made))

    def _sign(
        self, who: x509.Name, key: PublicKey, at: datetime, days: float, names: list[str]
    ) -> x509.Certificate:
        purpose = ExtendedKeyUsageOID.SERVER_AUTH if names else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = (
            _builder(who, self.certificate.subject, key, at, days)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(digital_signature=True, key_encipherment=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(_public(self.key)), critical=False
            )
        )
        if names:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False
            )
        return builder.sign(self.key, hashes.SHA256())


def new_key(kind: Kind) -> PrivateKey:
    """Return a new private key: EC on P-256, or RSA with 2048 bits."""
    return (
        ec.generate_private_key(ec.SECP256R1())
        if kind == "ec"
        else rsa.generate_private_key(public_exponent=65537, key_size=2048)
    )


def signing_request(key: PrivateKey, common_name: str, organisation: str = "Twin") -> str:
    """Return a certificate signing request as PEM, as a station sends it in SignCertificate."""
    request = x509.CertificateSigningRequestBuilder().subject_name(_name(common_name, organisation))
    return request.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def key_pem(key: PrivateKey) -> str:
    """Return a private key as unencrypted PKCS 8."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def _builder(
    who: x509.Name, issuer: x509.Name, key: PublicKey, at: datetime, days: float
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - _BACKDATED)
        .not_valid_after(at + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _public(key: PrivateKey) -> PublicKey:
    return key.public_key()


def _own_key(pem: bytes) -> PrivateKey:
    key = serialization.load_pem_private_key(pem, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise ValueError("the key is neither RSA nor EC")  # noqa: TRY004 -- told to the user as an unusable file
    return key


def _name(common_name: str, organisation: str) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    if organisation:
        parts.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation))
    return x509.Name(parts)


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _usage(
    *,
    digital_signature: bool = False,
    key_encipherment: bool = False,
    key_cert_sign: bool = False,
    crl_sign: bool = False,
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=key_encipherment,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()
