"""The section `grid.switching`: what is opened and closed during the run, and when."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, model_validator

from twin.errors import Problem
from twin.scenario.document import Document
from twin.scenario.document import Path as KeyPath
from twin.scenario.fields import Instant, Section, wrong

if TYPE_CHECKING:
    from twin.scenario.model import Scenario

AT: KeyPath = ("grid", "switching")

ElementName = Annotated[str, Field(min_length=1, examples=["LV2.101 Line 7"])]


class Switching(Section):
    """Elements that change at an instant, all at once."""

    at: Instant
    """When: an instant of a power flow, so a multiple of `period_s` times `power_flow_every` after the start."""
    open: tuple[ElementName, ...] = ()
    """Lines, transformers and switches to open, by name, or as `line 7` where a name is not unique."""
    close: tuple[ElementName, ...] = ()
    """Lines, transformers and switches to close."""

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        if not self.open and not self.close:
            raise wrong("give `open`, `close` or both")
        both = sorted(set(self.open) & set(self.close))
        if both:
            raise wrong(f"`{both[0]}` cannot be opened and closed at once; remove one")
        return self


def switching_problems(document: Document, scenario: Scenario, base_dir: Path) -> Iterator[Problem]:
    """Yield what is wrong with the instants and names of a schedule; reads the net only if there is one."""
    if scenario.grid is None or not scenario.grid.switching:
        return
    from twin.scenario.feeder import wrong_switching  # noqa: PLC0415 -- pandapower: most scenarios switch nothing

    here = scenario.located(base_dir / scenario.path.name)
    for path, text in [*wrong_instants(here), *wrong_switching(here, scenario.grid)]:
        yield document.problem((*AT, *path), text)


def wrong_instants(scenario: Scenario) -> list[tuple[KeyPath, str]]:
    """Return what is wrong with the instants, each with its place below the section."""
    section = scenario.grid
    if section is None:
        return []
    step_s = scenario.period_s * section.power_flow_every
    found: list[tuple[KeyPath, str]] = []
    instants = [action.at for action in section.switching]
    for i, at in enumerate(instants):
        text = _outside(scenario, at) or _between(scenario, at, step_s) or _too_early(scenario, instants, i)
        if text:
            found.append(((i, "at"), text))
    return found


def civil(scenario: Scenario, at: datetime) -> str:
    """Return an instant as the scenario's clocks show it."""
    return at.astimezone(scenario.zone).isoformat()


def _outside(scenario: Scenario, at: datetime) -> str:
    if scenario.start <= at < scenario.end:
        return ""
    span = f"{civil(scenario, scenario.start)} to {civil(scenario, scenario.end)}"
    return f"{civil(scenario, at)} is outside the run, which is from {span}"


def _between(scenario: Scenario, at: datetime, step_s: int) -> str:
    since_s = (at - scenario.start).total_seconds()
    below_s = since_s // step_s * step_s
    if since_s == below_s:
        return ""
    near = [scenario.start + timedelta(seconds=s) for s in (below_s, below_s + step_s)]
    choice = " or ".join(f"`{civil(scenario, t)}`" for t in near if t < scenario.end)
    return f"{civil(scenario, at)} lies inside the {step_s} s between two power flows; take {choice}"


def _too_early(scenario: Scenario, instants: Sequence[datetime], i: int) -> str:
    if i == 0 or instants[i] > instants[i - 1]:
        return ""
    before = civil(scenario, instants[i - 1])
    return f"{civil(scenario, instants[i])} is not after {before}, the instant before it; bring them in order"
