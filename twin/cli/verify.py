"""`twin verify`: signed meter data, checked as a driver would: signature and rules."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from twin.money.papers.evidence import Evidence, Record, Rules


def verify(
    file: Annotated[
        Path,
        typer.Argument(
            help="OCMF text (one record a line, plain or hexadecimal) or the XML of the Transparenzsoftware (S.A.F.E.).",
            show_default=False,
        ),
    ],
    public_key: Annotated[
        str | None,
        typer.Option(
            help="The station's key, as hexadecimal, Base64 or PEM, or a file with it; by default the key that came "
            "with each record, which proves nothing about the station.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print both answers on stdout as JSON.")] = False,
) -> None:
    """Check signed meter data: is every signature right, and are the rules of German calibration law (Eichrecht) kept?

        twin verify receipt.ocmf --public-key 3059301306…

    Two answers: a right signature says that nobody changed the values, the rules say that energy may be billed by them.
    Exit codes: 0 both are good, 1 one of them is not, 2 unusable input.
    """
    from twin.errors import SettingsError
    from twin.money.papers import evidence

    try:
        text = file.read_text(encoding="utf-8")
        key = _key(public_key)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{getattr(error, 'filename', None) or file}: cannot be read ({error})") from None
    try:
        found = evidence.verify(text, key)
    except SettingsError as error:
        raise SettingsError(f"{file}: {error}") from None
    typer.echo(json.dumps(_plain(found), indent=2) if as_json else "\n".join(_lines(found)))
    if not (found.signed and found.kept):
        raise typer.Exit(1)


def _key(given: str | None) -> str | None:
    """Take a key, or read it from a file of that name."""
    if given is None or "\n" in given or len(given) > 200 or not Path(given).is_file():
        return given
    return Path(given).read_text(encoding="utf-8")


def _lines(found: Evidence) -> list[str]:
    """Both answers for people."""
    lines: list[str] = []
    for number, record in enumerate(found.records, 1):
        lines += _of_record(number, record)
    for rules in found.rules:
        lines += _of_rules(rules)
    return lines


def _of_record(number: int, record: Record) -> list[str]:
    why = f" ({record.why})" if record.why else ""
    own = (
        ["  the key came with the record: compare it with the one on the station"]
        if record.own_key and not record.why
        else []
    )
    return [
        f"record {number}, meter {record.meter or 'unknown'}",
        *(f"  {one.at}  {one.reason}  {one.value} {one.unit}" for one in record.readings),
        f"  signature: {record.signature.value}{why}",
        *own,
        *(f"  format: {one}" for one in record.deviations),
    ]


def _of_rules(rules: Rules) -> list[str]:
    which = " and ".join(str(number + 1) for number in rules.records)
    return [
        f"rules, record {which}: {'kept' if rules.kept else 'not kept'}",
        *(f"  {one}" for one in rules.errors),
        *(f"  warning: {one}" for one in rules.warnings),
    ]


def _plain(found: Evidence) -> dict[str, object]:
    return {
        "signature": found.signed,
        "rules": found.kept,
        "records": [
            {
                "meter": record.meter,
                "signature": record.signature.value,
                "why": record.why,
                "own_key": record.own_key,
                "deviations": list(record.deviations),
                "readings": [
                    {"at": one.at, "reason": one.reason, "value": None if one.value is None else str(one.value), "unit": one.unit}
                    for one in record.readings
                ],
            }
            for record in found.records
        ],
        "transactions": [
            {
                "records": [number + 1 for number in rules.records],
                "kept": rules.kept,
                "errors": list(rules.errors),
                "warnings": list(rules.warnings),
            }
            for rules in found.rules
        ],
    }  # fmt: skip
