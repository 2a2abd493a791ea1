"""Firmware updates: 1.6 plain and signed, 2.x; each step in its order, failures by setting.

Downloading > Downloaded > [SignatureVerified] > (no transaction runs) > Installing > reboot > Installed
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any, Literal

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.link import Answer, Payload
from twin.network.virtual.parts.base import TWO, Handlers, Host
from twin.network.virtual.parts.plain import Alarm, PlainPart, Triggers, then
from twin.network.virtual.parts.transfer import Transfer

TABLE = "firmware"
Failure = Literal["", "DownloadFailed", "InvalidSignature", "InstallVerificationFailed", "InstallationFailed"]
_PLAIN = {
    "Downloaded",
    "DownloadFailed",
    "Downloading",
    "Idle",
    "InstallationFailed",
    "Installing",
    "Installed",
}
"""Statuses of FirmwareStatusNotification in 1.6."""
_PLAIN_OF = {"InvalidSignature": "InstallationFailed", "InstallVerificationFailed": "InstallationFailed"}
_FINAL = {
    "Installed",
    "DownloadFailed",
    "InvalidSignature",
    "InstallVerificationFailed",
    "InstallationFailed",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FirmwareOptions:
    """How updates go at this station."""

    install_s: float = 30.0
    fails: Failure = ""
    """Where every update fails; empty: nowhere."""
    verify: bool = False
    """Check the signature of what was downloaded; False takes any where a certificate can be read."""


@dataclass(frozen=True, slots=True)
class Update:
    """One update as it was asked for."""

    location: str
    retrieve_s: float
    install_s: float | None
    retries: int
    pause_s: float
    request_id: int | None
    """None: a plain one of 1.6."""
    certificate: str
    signature: str


class Firmware(PlainPart):
    """What answers UpdateFirmware and tells how it goes.

    Args:
        host: The station.
        transfer: How the file comes.
        options: How updates go here.
    """

    def __init__(self, host: Host, transfer: Transfer, options: FirmwareOptions) -> None:
        super().__init__(host)
        self._transfer, self._options = transfer, options
        self._update: Update | None = None
        self._status = "Idle"
        self._request_id: int | None = None
        self._alarm = Alarm(host)

    def handlers(self) -> Handlers:
        """UpdateFirmware, SignedUpdateFirmware."""
        return {
            (Version.V16, "UpdateFirmware"): self._update_16,
            (Version.V16, "SignedUpdateFirmware"): self._update_signed,
            **{(version, "UpdateFirmware"): self._update_signed for version in TWO},
        }

    def triggers(self) -> Triggers:
        """FirmwareStatusNotification."""
        return {(v, "FirmwareStatusNotification"): lambda _: self._repeat() for v in Version}

    def _repeat(self) -> None:
        """Tell the present status again; Idle where nothing is under way (1.6 4.5, L01.FR.25)."""
        if self._status in _FINAL:
            self._status = "Idle"
        self._send()

    def _update_16(self, payload: Payload) -> Answer:
        update = Update(
            payload["location"], self.host.read_stamp(payload["retrieveDate"]), None, payload.get("retries", 0),
            payload.get("retryInterval", 30), None, "", "",
        )  # fmt: skip
        return then({}, lambda: self._begin(update))

    def _update_signed(self, payload: Payload) -> Answer:
        firmware, stamp = payload["firmware"], self.host.read_stamp
        install = firmware.get("installDateTime")
        update = Update(
            firmware["location"], stamp(firmware["retrieveDateTime"]), None if install is None else stamp(install),
            payload.get("retries", 0), payload.get("retryInterval", 30), payload["requestId"],
            firmware.get("signingCertificate", ""), firmware.get("signature", ""),
        )  # fmt: skip
        if update.certificate and _certificate(update.certificate) is None:
            self.host.refused("InvalidFirmwareSigningCertificate", update.location[:255])
            return {"status": "InvalidCertificate"}
        if self._status == "Installing" and self._update is not None:
            return {"status": "Rejected"}  # L01.FR.24: what is being installed cannot be cancelled
        answer = "Accepted" if self._update is None else "AcceptedCanceled"
        return then({"status": answer}, lambda: self._begin(update))

    def _begin(self, update: Update) -> None:
        self._alarm.cancel()
        self._update, self._request_id = update, update.request_id
        if update.retrieve_s > self.host.now_s:
            if update.request_id is not None:
                self._tell("DownloadScheduled")
            self._alarm.at(update.retrieve_s, lambda: self._download(update, update.retries))
        else:
            self._download(update, update.retries)

    def _download(self, update: Update, tries: int) -> None:
        self._tell("Downloading")
        self._transfer.download(update.location, lambda data, why: self._got(update, tries, data, why))

    def _got(self, update: Update, tries: int, data: bytes, why: str) -> None:
        if update is not self._update:
            return  # another update took its place
        if (why or self._options.fails == "DownloadFailed") and tries > 0:
            self._alarm.after(update.pause_s, lambda: self._download(update, tries - 1))
            return
        if why or self._options.fails == "DownloadFailed":
            self._finish("DownloadFailed")
            return
        self._tell("Downloaded")
        if update.certificate and not self._verified(update, data):
            self.host.refused("InvalidFirmwareSignature", update.location[:255])
            self._finish("InvalidSignature")
            return
        if update.certificate:
            self._tell("SignatureVerified")
        if update.install_s is not None and update.install_s > self.host.now_s:
            self._tell("InstallScheduled")
            self._alarm.at(update.install_s, lambda: self._when_idle(update))
        else:
            self._when_idle(update)

    def _verified(self, update: Update, data: bytes) -> bool:
        if self._options.fails == "InvalidSignature":
            return False
        return not self._options.verify or verified(update.certificate, update.signature, data)

    def _when_idle(self, update: Update) -> None:
        """No EVSE takes a new transaction from here on; those that run come to their end (L01.FR.07)."""
        self.host.block("firmware", True)
        self.host.idle(lambda: self._install(update))

    def _install(self, update: Update) -> None:
        if update is not self._update:
            return
        self._tell("Installing")
        self._alarm.after(self._options.install_s, self._installed)

    def _installed(self) -> None:
        if self._options.fails in {"InstallationFailed", "InstallVerificationFailed"}:
            self._finish(self._options.fails)
            return
        if self._request_id is not None:
            self._tell("InstallRebooting")
        self.host.store.put(TABLE, "installed", self._request_id)
        self._update = None
        self.host.block("firmware", False)
        self.host.reboot("FirmwareUpdate")

    def _finish(self, status: str) -> None:
        self._update = None
        self._tell(status)
        self.host.block("firmware", False)

    def connected(self) -> None:
        """Tell that what was installed before the reboot runs."""
        for key, request_id in list(self.host.store.rows(TABLE)):
            self.host.store.drop(TABLE, key)
            self._request_id = request_id
            self._tell("Installed")
            self.host.refused("FirmwareUpdated", "")

    def _tell(self, status: str) -> None:
        self._status = status
        self._send()

    def _send(self) -> None:
        status, request_id = self._status, self._request_id
        if self.host.version.two:
            payload: dict[str, Any] = {"status": status}
            if request_id is not None and status != "Idle":
                payload["requestId"] = request_id
            self.host.ask("FirmwareStatusNotification", payload)
        elif request_id is not None and status != "Idle":
            self.host.ask("SignedFirmwareStatusNotification", {"status": status, "requestId": request_id})
        else:
            plain = _PLAIN_OF.get(status, status)
            if plain in _PLAIN:
                self.host.ask("FirmwareStatusNotification", {"status": plain})


def _certificate(pem: str) -> x509.Certificate | None:
    try:
        return x509.load_pem_x509_certificate(pem.encode())
    except ValueError:
        return None


def verified(pem: str, signature: str, data: bytes) -> bool:
    """Whether `signature` (base64) over the SHA-256 of `data` is the certificate's: RSA-PSS or ECDSA (L01.FR.11)."""
    certificate = _certificate(pem)
    try:
        raw = base64.b64decode(signature, validate=True)
        key = certificate.public_key() if certificate is not None else None
        if isinstance(key, rsa.RSAPublicKey):
            scheme = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.AUTO)
            key.verify(raw, data, scheme, hashes.SHA256())
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(raw, data, ec.ECDSA(hashes.SHA256()))
        else:
            return False
    except (InvalidSignature, binascii.Error):
        return False
    return True
