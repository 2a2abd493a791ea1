"""Signed meter data: is the signature right, and are the rules of calibration law kept? Two questions, two answers.

Reads OCMF (Open Charge Metering Format, S.A.F.E. e.V.), plain or hexadecimal, and the XML file of the
Transparenzsoftware. Parsing, curves and rules are those of pyocmf, which follows the Transparenzsoftware.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from decimal import Decimal
from enum import Enum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from pyocmf import OCMF
from pyocmf.compliance.models import IssueSeverity
from pyocmf.core.reading import Reading as OcmfReading
from pyocmf.exceptions import CryptoError, EncodingError, PyOCMFError, SpecWarning
from pyocmf.models.public_key import PublicKey
from pyocmf.utils.xml import OcmfContainer, OcmfRecord

from twin.errors import SettingsError

_KEY_PREFIXES = ("oca:base16:asn1:", "oca:base64:asn1:")
"""How OCPP carries a public key (OCA, Signed Meter Values, 3.1)."""


class Signature(Enum):
    """What the signature says."""

    VALID = "valid"
    """The bytes are those that the owner of the key signed."""
    INVALID = "invalid"
    """Data, signature or key were changed, or do not belong together."""
    UNCHECKED = "not checked"
    """There is no key, or it cannot be used."""


class Reading(NamedTuple):
    """One value of the billing register, as signed."""

    at: str
    """With the meter's own offset and the state of its clock, as it stands in the record."""
    reason: str
    """B begin, E end, and so on (OCMF, table 8)."""
    value: Decimal | None
    unit: str


class Record(NamedTuple):
    """One signed record."""

    meter: str
    """Its serial number, else that of the signing gateway."""
    readings: tuple[Reading, ...]
    signature: Signature
    why: str
    """What a reader should know of the answer; empty: nothing."""
    own_key: bool
    """Whether it was checked with a key that came with the record itself: compare it with the station's."""
    deviations: tuple[str, ...]
    """From the format, that the Transparenzsoftware accepts."""


class Rules(NamedTuple):
    """The rules of calibration law (Eichrecht) for one transaction, or for a record that stands alone."""

    records: tuple[int, ...]
    """Which records of the file, from 0."""
    errors: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def kept(self) -> bool:
        """Whether energy may be billed by these records; warnings do not count."""
        return not self.errors


class Evidence(NamedTuple):
    """What was found in a file of signed meter data."""

    records: tuple[Record, ...]
    rules: tuple[Rules, ...]

    @property
    def signed(self) -> bool:
        """Whether every signature was checked and is right."""
        return all(record.signature is Signature.VALID for record in self.records)

    @property
    def kept(self) -> bool:
        """Whether the rules are kept in every transaction."""
        return all(rules.kept for rules in self.rules)


def verify(text: str, public_key: str | None = None) -> Evidence:
    """Check signed meter data.

    Args:
        text: One or more OCMF records, a line each (plain or hexadecimal), or the XML of the Transparenzsoftware.
        public_key: DER of the station's key as hexadecimal or Base64, PEM, or as OCPP carries it. Absent: the keys that
            came with the records.

    Raises:
        SettingsError: The text holds no record that can be read, or the key is none.
    """
    key = None if public_key is None else read_key(public_key)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", SpecWarning)
        container, deviations = _records(text, caught)
    records = tuple(_record(one, key, told) for one, told in zip(container, deviations, strict=True))
    return Evidence(records, tuple(_rules(container)))


def read_key(text: str) -> str:
    """Return a public key as hexadecimal DER.

    Raises:
        SettingsError: It is no public key of an elliptic curve.
    """
    key = text.strip()
    for prefix in _KEY_PREFIXES:
        key = key.removeprefix(prefix)
    if "BEGIN PUBLIC KEY" in key:
        key = "".join(line for line in key.splitlines() if "PUBLIC KEY" not in line)
    try:
        return PublicKey.from_string("".join(key.split())).key
    except (CryptoError, EncodingError) as error:
        raise SettingsError(
            f"public key {key[:24]}…: {error}; expected SubjectPublicKeyInfo as hexadecimal, Base64 or PEM"
        ) from None


def _records(text: str, caught: list[warnings.WarningMessage]) -> tuple[OcmfContainer, list[tuple[str, ...]]]:
    """Parse every record, and say of each what deviates from the format (of XML: of the file as a whole)."""
    stripped = text.lstrip("\ufeff \t\r\n")
    try:
        if stripped.startswith("<"):
            container = _from_xml(stripped)
            told = tuple(dict.fromkeys(str(one.message) for one in caught))
            return container, [told] * len(container)
        lines = [line.strip() for line in stripped.splitlines() if line.strip()]
        if not lines:
            raise SettingsError("there is no record; expected OCMF|…|… or the XML of the Transparenzsoftware")
        records: list[OcmfRecord] = []
        deviations: list[tuple[str, ...]] = []
        for line in lines:
            before = len(caught)
            records.append(OcmfRecord(OCMF.from_string(line)))
            deviations.append(tuple(dict.fromkeys(str(one.message) for one in caught[before:])))
        return OcmfContainer(_paired(records)), deviations
    except (PyOCMFError, ValueError) as error:  # entities in XML are ValueErrors of defusedxml
        raise SettingsError(f"no signed meter data that can be read: {error}") from None


def _from_xml(text: str) -> OcmfContainer:
    with TemporaryDirectory() as folder:  # pyocmf reads files only
        path = Path(folder) / "values.xml"
        path.write_text(text, encoding="utf-8")
        return OcmfContainer.from_xml(path)


def _paired(records: Sequence[OcmfRecord]) -> list[OcmfRecord]:
    """Two records alone, a begin and an end of one meter, are one transaction, as in the XML."""
    if len(records) != 2:
        return list(records)
    begin, end = records
    begin.transaction_id = end.transaction_id = 1
    begin.context, end.context = "Transaction.Begin", "Transaction.End"
    return [begin, end]


def _record(record: OcmfRecord, key: str | None, deviations: tuple[str, ...]) -> Record:
    ocmf = record.ocmf
    own = None if record.public_key is None else record.public_key.key
    used = key or own or ocmf.embedded_public_key
    signature, why = _checked(ocmf, used)
    return Record(
        meter=ocmf.payload.MS or ocmf.payload.GS or "",
        readings=tuple(_reading(one) for one in ocmf.payload.RD),
        signature=signature,
        why=why,
        own_key=used is not None and key is None,
        deviations=deviations,
    )


def _reading(one: OcmfReading) -> Reading:
    at = f"{one.timestamp.isoformat(timespec='milliseconds')} {one.time_status}"
    return Reading(at, str(one.TX or ""), one.RV, str(one.RU or ""))


def _checked(ocmf: OCMF, key: str | None) -> tuple[Signature, str]:
    if key is None:
        return Signature.UNCHECKED, "no public key came with it; give the station's"
    try:
        right = ocmf.verify_signature(key)
    except (CryptoError, EncodingError) as error:
        return Signature.INVALID, str(error)
    return (
        (Signature.VALID, "")
        if right
        else (Signature.INVALID, "data, signature and key do not belong together")
    )


def _rules(container: OcmfContainer) -> Iterable[Rules]:
    place = {id(record): number for number, record in enumerate(container)}
    for result in container.check_eichrecht():
        said = [(issue.severity is IssueSeverity.ERROR, str(issue)) for issue in result.issues]
        yield Rules(
            tuple(place[id(record)] for record in result.records),
            tuple(text for error, text in said if error),
            tuple(text for error, text in said if not error),
        )
