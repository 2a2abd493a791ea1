"""Signed meter values: begin and end of a transaction as one OCMF record (Open Charge Metering Format 1.0).

The key pair belongs to the station and follows from the seed, and the signature is the deterministic one of RFC 6979:
the same run signs the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Literal, NamedTuple

import orjson
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from twin.money.papers.keys import derived_key

ENCODING = "OCMF"
METHOD = "ECDSA-secp256r1-SHA256"
Reason = Literal["B", "C", "E", "L", "R", "P"]
"""Why it was read: begin, in between, end, end by the station itself, by the central system, by loss of power."""
TARIFF_TEXT_MAX = 250
"""Characters of field TT (OCMF, table 3)."""
_UNIX = datetime(1970, 1, 1, tzinfo=UTC)


class SignedReading(NamedTuple):
    """One reading of the billing register."""

    t_s: float
    reason: Reason
    energy_wh: int
    """Of the register, whole Wh as the station meters them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """Who measures: what stands beside every reading."""

    serial: str
    vendor: str = "Twin"
    model: str = "virtual"
    firmware: str = "1.0"
    direct_current: bool = False


class Signer:
    """The signing component of a station.

    Args:
        seed: Of the run, >= 0.
        station: Identity; with the seed it decides the key.
        meter: What measures.
        epoch_ns: The instant of `t_s == 0`, in nanoseconds since 1970.
    """

    def __init__(self, seed: int, station: str, meter: Meter, epoch_ns: int) -> None:
        self._key = partial(derived_key, seed, "station", station, "ocmf")  # seldom used: kept, it is large
        self._meter, self._station, self._epoch_ns = meter, station, epoch_ns
        self.page = 0
        """Pagination: how many records were signed; goes on over a reboot where the store is told."""

    @property
    def public_key_der(self) -> bytes:
        """The public key as SubjectPublicKeyInfo."""
        return (
            self._key()
            .public_key()
            .public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        )

    def record(self, readings: tuple[SignedReading, ...], token: str = "", tariff: str = "") -> str:
        """Sign readings of one transaction.

        Args:
            readings: One or more, in the order of time.
            token: Of the driver; empty: nobody was identified.
            tariff: What the driver was told of the price (field TT), cut to 250 characters; empty: nothing.

        Returns:
            `OCMF|{payload}|{signature}`; the signature covers the bytes between the bars.
        """
        self.page += 1
        payload = orjson.dumps(self._payload(readings, token, tariff))
        signature = self._key().sign(payload, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
        tail = orjson.dumps({"SA": METHOD, "SE": "hex", "SD": signature.hex()})
        return f"OCMF|{payload.decode()}|{tail.decode()}"

    def _payload(self, readings: tuple[SignedReading, ...], token: str, tariff: str) -> dict[str, object]:
        meter = self._meter
        told = {"TT": tariff[:TARIFF_TEXT_MAX]} if tariff else {}
        return {
            "FV": "1.0",
            "GI": "Twin virtual station",
            "GS": self._station,
            "GV": meter.firmware,
            "PG": f"T{self.page}",
            "MV": meter.vendor,
            "MM": meter.model,
            "MS": meter.serial,
            "MF": meter.firmware,
            "IS": bool(token),
            "IL": "HEARSAY" if token else "NONE",
            "IF": ["RFID_PLAIN", "OCPP_AUTH"] if token else [],
            "IT": "CENTRAL" if token else "NONE",
            "ID": token,
            **told,
            "RD": [self._reading(reading) for reading in readings],
        }

    def _reading(self, reading: SignedReading) -> dict[str, object]:
        return {
            "TM": f"{_instant(self._epoch_ns, reading.t_s)} S",
            "TX": reading.reason,
            "RV": reading.energy_wh / 1000,
            "RI": "1-b:1.8.0",
            "RU": "kWh",
            "RT": "DC" if self._meter.direct_current else "AC",
            "EF": "",
            "ST": "G",
        }


def _instant(epoch_ns: int, t_s: float) -> str:
    """Return an instant as OCMF writes it, in UTC: `2026-01-01T01:00:00,000+0000`."""
    at = _UNIX + timedelta(milliseconds=round((epoch_ns + t_s * 1e9) / 1_000_000))
    return f"{at:%Y-%m-%dT%H:%M:%S},{at.microsecond // 1000:03}+0000"
