"""What depends on a setting that was varied: key figures over its values, where scenarios differ in one number alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from twin.report.figures.spread import over_values
from twin.report.keys import FIGURES, MONEY, Figure, titled
from twin.report.keys import value as of_summary
from twin.report.model import Picture, Row, Section, Text, picture

if TYPE_CHECKING:
    from twin.results.read import Run

DRAWN = (
    "captured", "leaked", "unpaid_kwh", "refused", "authorisation_p95_s", "served_share", "violation_minutes", "revenue",
)  # fmt: skip
"""Those that do not change are left out."""
_OWN = frozenset(("seed", "description"))


class Varied(NamedTuple):
    """A setting with a number of each scenario."""

    setting: str
    """`payments.provider.decline_pct`."""
    values: Mapping[str, float]
    """By scenario, ascending."""


def varied(runs: Mapping[str, Mapping[int, Run]]) -> Varied | None:
    """Return the only setting in which scenarios differ; None where it is another number than one, or no number."""
    from ruamel.yaml import YAML  # noqa: PLC0415 -- with the rest of the report

    load = YAML(typ="safe").load
    flat = {name: dict(_leaves(load(next(iter(of.values())).scenario_text))) for name, of in runs.items()}
    if len(flat) < 2:
        return None
    keys = dict.fromkeys(key for found in flat.values() for key in found)
    differing = [key for key in keys if len({repr(found.get(key)) for found in flat.values()}) > 1]
    if len(differing) != 1:
        return None
    values = {name: _number(found.get(differing[0])) for name, found in flat.items()}
    known = {name: value for name, value in values.items() if value is not None}
    if len(known) < len(values) or len(set(known.values())) < len(known):
        return None
    return Varied(differing[0], dict(sorted(known.items(), key=lambda item: item[1])))


def _leaves(node: Any, above: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Every value of a resolved scenario by its place, without what names a run."""
    pairs = node.items() if isinstance(node, Mapping) else enumerate(node) if isinstance(node, list) else None
    if pairs is None:
        yield ".".join(above), node
        return
    for key, value in pairs:
        if above or key not in _OWN:
            yield from _leaves(value, (*above, str(key)))


def _number(value: Any) -> float | None:
    """A number, if only as the text of an exact decimal."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except ValueError:
        return None


def chapter(
    found: Varied | None,
    summaries: Mapping[str, Mapping[int, Mapping[str, Any]]],
    currency: str | None,
    stamp: str,
) -> Section | None:
    """Draw what changes with the setting; None where nothing was varied.

    Args:
        found: The setting.
        summaries: Of each run, by scenario and seed.
        currency: Of all runs; None: amounts may not be compared.
        stamp: At the corner of every figure.
    """
    if found is None:
        return None
    by_key = {figure.key: figure for figure in FIGURES}
    pictures = []
    for key in DRAWN:
        if key in MONEY and not currency:
            continue
        columns = _columns(found, summaries, by_key[key])
        if columns is not None:
            pictures.append(_picture(found, by_key[key], columns, currency or "", stamp))
    look = f"Each dot is one run, the line the mean over the seeds. All that differs between the scenarios is {found.setting}."
    blocks = (
        (Row(items=tuple(pictures)),)
        if pictures
        else (Text(text=f"No key figure changes with {found.setting}."),)
    )
    return Section(anchor="varied", title=f"Over {found.setting}", look=look, blocks=blocks)


def _columns(
    found: Varied, summaries: Mapping[str, Mapping[int, Mapping[str, Any]]], figure: Figure
) -> list[Sequence[float]] | None:
    """Values of every seed, by value of the setting; None where a run has none, or all agree."""
    scaled: list[Sequence[float]] = []
    for name in found.values:
        column = [of_summary(summary, figure) for summary in summaries[name].values()]
        known = [one for one in column if one is not None]
        if len(known) < len(column):
            return None
        scaled.append(known)
    return scaled if len({one for column in scaled for one in column}) > 1 else None


def _picture(
    found: Varied, figure: Figure, columns: list[Sequence[float]], currency: str, stamp: str
) -> Picture:
    what = titled(figure, currency)
    setting = found.setting.rpartition(".")[2]
    return picture(
        lambda ax: over_values(list(found.values.values()), columns, ax=ax, setting=setting, what=what),
        title=figure.name, alt=f"{what} over {found.setting}: one dot per run, a line through the means.", stamp=stamp,
    )  # fmt: skip
