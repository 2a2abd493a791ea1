"""Writes the XML file that the Transparenzsoftware (S.A.F.E. e.V.) opens: signed records with the public key beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape


class SignedValue(NamedTuple):
    """One signed record of a transaction."""

    text: str
    """OCMF, verbatim."""
    public_key: str
    """SubjectPublicKeyInfo, hexadecimal."""
    context: str = ""
    """Transaction.Begin or Transaction.End, where a transaction has a record for each; empty: one record holds both."""


def transparency_xml(values: Sequence[SignedValue], transaction: int = 1) -> str:
    """Return the file of one transaction."""
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', "<values>"]
    for value in values:
        context = f' context="{value.context}"' if value.context else ""
        lines += [
            f'  <value transactionId="{transaction}"{context}>',
            f'    <signedData format="OCMF" encoding="plain">{escape(value.text)}</signedData>',
            f'    <publicKey encoding="plain">{value.public_key}</publicKey>',
            "  </value>",
        ]
    return "\n".join([*lines, "</values>", ""])
