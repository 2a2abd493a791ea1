"""Certificates of a station: roots that it trusts, its own with a real key pair, renewal before the end."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from twin.money.papers.keys import derived_key
from twin.network.ocpp.security import certificates
from twin.network.ocpp.security.authority import key_pem, signing_request
from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.errors import WireError
from twin.network.ocpp.wire.link import Answer, Payload
from twin.network.virtual.parts.base import EVERY, TWO, Handlers, Host, Outcome
from twin.network.virtual.parts.plain import Alarm, PlainPart, Triggers, status
from twin.network.virtual.parts.standard import (
    ORGANISATION,
    SECURITY_PROFILE,
    SIGNING_REPEATS,
    SIGNING_WAIT,
)

TRUSTED, OWN = "trusted-certificates", "own-certificates"
MOST = 30
"""Roots that fit (CertificateStoreMaxLength)."""
RENEWAL = timedelta(days=30)
"""A certificate that ends sooner is renewed (A03)."""
_CHECK_S = 86_400.0
STATION = "ChargingStationCertificate"
CENTRAL = {"CSMSRootCertificate", "CentralSystemRootCertificate"}
"""Types of roots that central systems show certificates of."""


class Trusted(NamedTuple):
    """One root."""

    kind: str
    pem: str

    @property
    def hash_data(self) -> dict[str, str]:
        """By which OCPP names it."""
        certificate = certificates.chain(self.pem)[0]
        return certificates.hash_data(certificate, certificate)


class OwnCertificate(NamedTuple):
    """What the station shows when it connects with TLS, as PEM."""

    key: str
    chain: str


class Certificates(PlainPart):
    """Roots and the station's own certificate.

    Args:
        host: The station.
    """

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self._pending: dict[str, str] = {}
        """Private keys that wait for their certificate, by its type."""
        self._alarm, self._renewal = Alarm(host), Alarm(host)

    def handlers(self) -> Handlers:
        """InstallCertificate, DeleteCertificate, GetInstalledCertificateIds, CertificateSigned."""
        return {
            **{(version, "InstallCertificate"): self._install for version in EVERY},
            **{(version, "DeleteCertificate"): self._delete for version in EVERY},
            **{(version, "CertificateSigned"): self._signed for version in EVERY},
            (Version.V16, "GetInstalledCertificateIds"): self._ids_16,
            **{(version, "GetInstalledCertificateIds"): self._ids_2 for version in TWO},
        }

    def triggers(self) -> Triggers:
        """SignChargePointCertificate (1.6), SignChargingStationCertificate, SignV2GCertificate."""
        return {
            (Version.V16, "SignChargePointCertificate"): lambda _: self.ask_for(STATION),
            **{(v, "SignChargingStationCertificate"): lambda _: self.ask_for(STATION) for v in TWO},
            **{(v, "SignV2GCertificate"): lambda _: self.ask_for("V2GCertificate") for v in TWO},
        }

    @property
    def trusted(self) -> list[Trusted]:
        """The roots that were installed, the oldest first."""
        return [Trusted(*row) for _, row in self.host.store.rows(TRUSTED)]

    def own(self, kind: str = STATION) -> OwnCertificate | None:
        """Return the station's certificate of a type, to connect with."""
        rows: dict[str, Any] = dict(self.host.store.rows(OWN))
        return OwnCertificate(*rows[kind]) if kind in rows else None

    @property
    def roots(self) -> list[str]:
        """The installed roots of central systems, as PEM."""
        return [one.pem for one in self.trusted if one.kind in CENTRAL]

    def able(self, security: int) -> bool:
        """Whether it could connect with a security profile (A05.FR.02, A05.FR.03).

        What it was set up with, it has: only a higher profile than the present one needs certificates over OCPP.
        """
        present = self.host.variables.integer(SECURITY_PROFILE)
        trusts = security < 2 or present >= 2 or bool(self.roots)
        return trusts and (security < 3 or present >= 3 or self.own() is not None)

    def _install(self, payload: Payload) -> Answer:
        try:
            certificate = certificates.chain(payload["certificate"])[0]
        except ValueError:
            return self._plain("Rejected", "InvalidCertificate")
        bad = certificates.problems(
            certificate, certificates.instant(self.host.clock.epoch_ns, self.host.now_s)
        )
        if bad:
            return self._plain("Rejected", "InvalidCertificate", bad[0])
        one = Trusted(payload["certificateType"], payload["certificate"])
        known = {key for key, _ in self.host.store.rows(TRUSTED)}
        key = f"{one.kind} {one.hash_data['issuerKeyHash']} {one.hash_data['serialNumber']}"
        if len(known | {key}) > MOST:
            return self._plain("Failed", "NoCertificateSpace")
        self.host.store.put(TRUSTED, key, list(one))
        return {"status": "Accepted"}

    def _plain(self, value: str, reason: str, detail: str = "") -> Payload:
        """1.6 has no statusInfo."""
        return status(value, reason, detail) if self.host.version.two else {"status": value}

    def _delete(self, payload: Payload) -> Answer:
        """The station's own certificate cannot be deleted (M04.FR.06)."""
        wanted = {name: str(value).lower() for name, value in payload["certificateHashData"].items()}
        for key, row in self.host.store.rows(TRUSTED):
            if _same(Trusted(*row).hash_data, wanted):
                self.host.store.drop(TRUSTED, key)
                return {"status": "Accepted"}
        own = self.own()
        if own is not None:
            chain = certificates.chain(own.chain)
            if _same(certificates.hash_data(chain[0], chain[-1]), wanted):
                return {"status": "Failed"}
        return {"status": "NotFound"}

    def _ids_16(self, payload: Payload) -> Answer:
        found = [one.hash_data for one in self.trusted if one.kind == payload["certificateType"]]
        return {"status": "Accepted", "certificateHashData": found} if found else {"status": "NotFound"}

    def _ids_2(self, payload: Payload) -> Answer:
        kinds = payload.get("certificateType")
        found = [
            {"certificateType": one.kind, "certificateHashData": one.hash_data}
            for one in self.trusted
            if not kinds or one.kind in kinds
        ]
        return {"status": "Accepted", "certificateHashDataChain": found} if found else {"status": "NotFound"}

    def ask_for(self, kind: str, tries: int | None = None) -> None:
        """Make a key pair and send a signing request; again, after longer and longer waits, until it is signed
        (A02.FR.17 to .19).
        """
        host = self.host
        left = host.variables.integer(SIGNING_REPEATS) if tries is None else tries
        key = derived_key(host.settings.seed, host.settings.identity, kind, host.next_id("key"))
        self._pending[kind] = key_pem(key)
        csr = signing_request(key, host.settings.identity, host.variables.text(ORGANISATION))
        payload: Payload = {"csr": csr}
        if host.version.two:
            payload["certificateType"] = kind
        wait_s = host.variables.number(SIGNING_WAIT) * 2 ** (host.variables.integer(SIGNING_REPEATS) - left)

        def then(outcome: Outcome) -> None:
            refused = not isinstance(outcome, WireError) and outcome.get("status") == "Rejected"
            if left > 0 and not refused and kind in self._pending:
                self._alarm.after(wait_s, lambda: self.ask_for(kind, left - 1))

        host.ask("SignCertificate", payload, then)

    def _signed(self, payload: Payload) -> Answer:
        """Take a certificate only for the key that asked for it, and only if it is valid now (A02.FR.06)."""
        kind = payload.get("certificateType", STATION)
        pending = self._pending.get(kind)
        why = "no certificate was asked for" if pending is None else self._wrong(pending, payload)
        if why or pending is None:
            event = (
                "InvalidChargingStationCertificate"
                if self.host.version.two
                else "InvalidChargePointCertificate"
            )
            self.host.refused(event, why[:255])
            return self._plain("Rejected", "InvalidCertificate", why)
        self._alarm.cancel()
        del self._pending[kind]
        self.host.store.put(OWN, kind, [pending, payload["certificateChain"]])
        return {"status": "Accepted"}

    def _wrong(self, pending: str, payload: Payload) -> str:
        try:
            leaf = certificates.chain(payload["certificateChain"])[0]
        except ValueError as error:
            return str(error)
        key = serialization.load_pem_private_key(pending.encode(), None)
        if _public(leaf) != key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        ):
            return "the certificate is for another key"
        bad = certificates.problems(leaf, certificates.instant(self.host.clock.epoch_ns, self.host.now_s))
        return bad[0] if bad else ""

    def connected(self) -> None:
        """Renew what ends soon, today and every day."""
        own = self.own()
        if own is not None:
            now = certificates.instant(self.host.clock.epoch_ns, self.host.now_s)
            if certificates.chain(own.chain)[0].not_valid_after_utc - now < RENEWAL:
                self.ask_for(STATION)
            self._renewal.after(_CHECK_S, self.connected)

    def disconnected(self) -> None:
        """Offline, nothing can be renewed."""
        self._renewal.cancel()


def _same(known: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    return all(
        known[name].lower() == wanted.get(name, "")
        for name in ("issuerNameHash", "issuerKeyHash", "serialNumber")
    )


def _public(certificate: x509.Certificate) -> bytes:
    return certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
