"""Error codes as each version spells them, and which code tells which violation.

Sent: the version's own spelling. Read: every spelling that is in the field, for stations mix them.
"""

from __future__ import annotations

from types import MappingProxyType

from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.errors import Code

_SPELT_16 = {
    Code.FORMAT_VIOLATION: "FormationViolation",
    Code.OCCURRENCE_CONSTRAINT_VIOLATION: "OccurenceConstraintViolation",
    # 1.6J has no word for these two
    Code.RPC_FRAMEWORK_ERROR: "GenericError",
    Code.MESSAGE_TYPE_NOT_SUPPORTED: "GenericError",
}
"""OCPP-J 1.6 4.2.3, table 7; its errata 5.1 and 5.2 keep both misspellings."""

_READ = {code.value.lower(): code for code in Code} | {
    "formationviolation": Code.FORMAT_VIOLATION,
    "formatviolationerror": Code.FORMAT_VIOLATION,
    "occurenceconstraintviolation": Code.OCCURRENCE_CONSTRAINT_VIOLATION,
}

_BY_KEYWORD_2 = MappingProxyType(
    {
        "required": Code.OCCURRENCE_CONSTRAINT_VIOLATION,
        "minItems": Code.OCCURRENCE_CONSTRAINT_VIOLATION,
        "maxItems": Code.OCCURRENCE_CONSTRAINT_VIOLATION,
        "additionalProperties": Code.FORMAT_VIOLATION,
        "type": Code.TYPE_CONSTRAINT_VIOLATION,
    }
)
"""Whatever is not listed is a field with an invalid value: PropertyConstraintViolation (2.x part 4, 4.3)."""

_BY_KEYWORD_16 = MappingProxyType(
    {
        "required": Code.PROTOCOL_ERROR,
        "minItems": Code.OCCURRENCE_CONSTRAINT_VIOLATION,
        "maxItems": Code.OCCURRENCE_CONSTRAINT_VIOLATION,
        "additionalProperties": Code.FORMAT_VIOLATION,
        "enum": Code.FORMAT_VIOLATION,
        "type": Code.TYPE_CONSTRAINT_VIOLATION,
        "maxLength": Code.TYPE_CONSTRAINT_VIOLATION,
    }
)
"""1.6J calls an incomplete payload ProtocolError; CiString20 and its like are types there, enums part of the PDU."""


def spell(code: Code, version: Version) -> str:
    """Return a code as `version` writes it."""
    if version is Version.V16:
        return _SPELT_16.get(code, code.value)
    return code.value


def read(text: str) -> Code | None:
    """Return the code that is meant by any spelling, None for one that is in no version."""
    return _READ.get(text.strip().lower())


def of_keyword(keyword: str, version: Version) -> Code:
    """Return what a violated keyword of a JSON schema is called in a CALLERROR."""
    table = _BY_KEYWORD_16 if version is Version.V16 else _BY_KEYWORD_2
    return table.get(keyword, Code.PROPERTY_CONSTRAINT_VIOLATION)
