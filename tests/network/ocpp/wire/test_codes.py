"""Error codes in every spelling."""

from __future__ import annotations

import pytest

from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.codes import of_keyword, read, spell
from twin.network.ocpp.wire.errors import Code


@pytest.mark.parametrize("version", Version)
@pytest.mark.parametrize("code", Code)
def test_what_is_spelt_is_read_back(version: Version, code: Code) -> None:
    """Except where 1.6 has no word and says GenericError."""
    nameless = {Code.RPC_FRAMEWORK_ERROR, Code.MESSAGE_TYPE_NOT_SUPPORTED}
    expected = Code.GENERIC_ERROR if version is Version.V16 and code in nameless else code
    assert read(spell(code, version)) is expected


def test_1_6_spells_in_its_own_way() -> None:
    """Both misspellings are kept by the errata of 1.6."""
    assert spell(Code.FORMAT_VIOLATION, Version.V16) == "FormationViolation"
    assert spell(Code.OCCURRENCE_CONSTRAINT_VIOLATION, Version.V16) == "OccurenceConstraintViolation"
    assert spell(Code.FORMAT_VIOLATION, Version.V201) == "FormatViolation"
    assert spell(Code.OCCURRENCE_CONSTRAINT_VIOLATION, Version.V21) == "OccurrenceConstraintViolation"


def test_a_word_of_no_version_is_none() -> None:
    """The caller keeps the text."""
    assert read("Nonsense") is None


def test_a_missing_field_has_its_code_per_version() -> None:
    """1.6: the payload is incomplete; 2.x: an occurrence constraint."""
    assert of_keyword("required", Version.V16) is Code.PROTOCOL_ERROR
    assert of_keyword("required", Version.V201) is Code.OCCURRENCE_CONSTRAINT_VIOLATION
