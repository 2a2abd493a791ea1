"""What a page is made of: sections of paragraphs, figures and tables, all plain text until the template."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from twin.report.style import data_uri, draw, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Align: TypeAlias = Literal["left", "right"]
Tone: TypeAlias = Literal["plain", "good", "bad"]

HALF_IN = (5.4, 3.3)
"""Beside another one on a desk, alone on a telephone; text stays readable in both."""
WIDE_IN = (11.0, 3.5)
NARROW_IN = (5.2, 3.7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A figure inside the page, with what it shows in words for those who cannot see it."""

    source: str
    narrow_source: str
    """The same drawn for a telephone; empty where one drawing serves both."""
    title: str
    alt: str
    wide: bool
    kind: Literal["picture"] = "picture"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table that people can copy; `note` says where the rest lies when it was shortened."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: frozenset[int] = frozenset()
    """Columns set to the right."""
    note: str = ""
    kind: Literal["table"] = "table"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Figures and tables side by side where there is room."""

    items: tuple[Picture | Table, ...]
    kind: Literal["row"] = "row"


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """One paragraph; a `bad` one is about a broken limit, a `good` one about a kept one."""

    text: str
    tone: Tone = "plain"
    kind: Literal["text"] = "text"


Block: TypeAlias = Picture | Row | Table | Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A chapter: what to look at first, then the blocks in order."""

    anchor: str
    title: str
    look: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A key figure."""

    name: str
    value: str
    unit: str = ""
    detail: str = ""
    tone: Tone = "plain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Everything the template needs."""

    kicker: str
    """What kind of page this is, above the title."""
    title: str
    lead: str
    facts: tuple[tuple[str, str], ...]
    """Name and value, under the title."""
    verdict: Text
    verdict_title: str
    cards: tuple[Card, ...]
    sections: tuple[Section, ...]
    footer: str


def picture(
    paint: Callable[[Axes], object],
    *,
    title: str,
    alt: str,
    stamp: str,
    size_in: tuple[float, float] = HALF_IN,
    narrow_in: tuple[float, float] | None = None,
) -> Picture:
    """Draw one figure; one wider than half a page is drawn a second time, `narrow_in`, for narrow screens."""
    with styled():
        source = data_uri(draw(paint, size_in=size_in, stamp=stamp))
        narrow = data_uri(draw(paint, size_in=narrow_in, stamp=stamp)) if narrow_in else ""
    wide = size_in[0] >= WIDE_IN[0]
    return Picture(source=source, narrow_source=narrow, title=title, alt=alt, wide=wide)


def wide_picture(paint: Callable[[Axes], object], *, title: str, alt: str, stamp: str) -> Picture:
    """Draw one figure over the whole page."""
    return picture(paint, title=title, alt=alt, stamp=stamp, size_in=WIDE_IN, narrow_in=NARROW_IN)


def table(
    title: str,
    columns: Sequence[tuple[str, Align]],
    rows: Sequence[Sequence[str]],
    *,
    total: int | None = None,
    most: int = 25,
    whole: str = "",
) -> Table:
    """Make a table of at most `most` rows; what is left out is counted and its place (`whole`) named.

    Args:
        title: What the rows are.
        columns: Name and alignment of each.
        rows: Texts, best first; callers with many may pass the first `most` and say how many there are.
        total: How many rows there are in truth.
        most: How many are shown.
        whole: Where the others lie, for example `in violations/`.
    """
    total = len(rows) if total is None else total
    note = (
        f"The first {most} of {total:,} rows; the whole table is {whole} in the run's folder."
        if total > most
        else ""
    )
    return Table(
        title=title,
        columns=tuple(name for name, _ in columns),
        rows=tuple(tuple(row) for row in rows[:most]),
        numeric=frozenset(k for k, (_, align) in enumerate(columns) if align == "right"),
        note=note,
    )
