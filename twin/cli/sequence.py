"""`twin sequence`: a trace of OCPP messages as a page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def sequence(
    trace: Annotated[
        Path,
        typer.Argument(
            help="What `twin csms --trace` or `twin station --trace` wrote, or the `messages.jsonl` of a run.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="The page; by default beside the trace, as `.html`.", show_default=False),
    ] = None,
    station: Annotated[
        list[str], typer.Option(help="Only this station; may be given several times.", show_default=False)
    ] = [],  # noqa: B006 -- typer reads it, nobody changes it
    last: Annotated[int, typer.Option(min=0, help="Only the last so many messages; 0: all.")] = 5_000,
) -> None:
    """Show a trace of OCPP messages as a sequence of arrows on one HTML page, with payloads and faults."""
    from twin.errors import SettingsError
    from twin.network.ocpp.wire.sequence import page
    from twin.network.ocpp.wire.trace import read

    try:
        reading = read(trace)
    except OSError as error:
        raise SettingsError(f"{trace}: cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise SettingsError(f"{error}; give a file that --trace wrote") from None
    records = [record for record in reading.records if not station or record.station in station]
    if not records:
        known = ", ".join(sorted({record.station for record in reading.records})[:8])
        raise SettingsError(
            f"{trace}: no message of {', '.join(station) or 'any station'}; it has {known or 'none'}"
        )
    shown = records[-last:] if last else records
    target = trace.with_suffix(".html") if out is None else out
    title = trace.stem if not station else f"{trace.stem}: {', '.join(station)}"
    try:
        target.write_text(page(reading._replace(records=tuple(shown)), title=title), encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"{target}: cannot be written ({error.strerror})") from None
    left = len(records) - len(shown)
    typer.echo(
        f"sequence: {target} ({len(shown)} messages{f', {left} earlier ones left out' if left else ''})"
    )
