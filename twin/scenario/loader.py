"""From a file to a checked scenario, or to everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from twin.errors import Problem, ScenarioError
from twin.scenario.compose import apply_overrides, compose, override_names
from twin.scenario.coverage import coverage_problems
from twin.scenario.document import Document
from twin.scenario.instants import instant_problems
from twin.scenario.model import Scenario
from twin.scenario.nearest import hint
from twin.scenario.phase_rules import phase_problems
from twin.scenario.references import reference_problems
from twin.scenario.stations import Placed, place, scenario_index
from twin.scenario.structure import NO_STATION, to_scenario
from twin.scenario.switching import switching_problems


def load(path: Path | str, *, override: Sequence[str] = (), settings: Sequence[str] = ()) -> Scenario:
    """Read a scenario, or raise one ScenarioError that lists every problem with its file and line.

    Args:
        path: A YAML or TOML file.
        override: Names of overrides in the file, applied in the order given.
        settings: `a.b.c=value`, applied last; the value is YAML.

    Raises:
        ScenarioError: The scenario cannot be used; nothing has been written.
    """
    file = Path(path)
    document = compose(file, override, settings)
    scenario, problems = _check(document, file.parent)
    for name in override_names(document):
        if name not in override:
            problems += _check(apply_overrides(document, [name]), file.parent)[1]
    if scenario is None or problems:
        raise ScenarioError(problems)
    return scenario.located(file)


def _check(document: Document, base_dir: Path) -> tuple[Scenario | None, list[Problem]]:
    """Check a composed document: its structure, its times, its names, and then how they fit together."""
    scenario, problems = to_scenario(document)
    problems += instant_problems(document)
    problems += reference_problems(document, base_dir)
    if scenario is not None:
        problems += phase_problems(document, scenario)
    if scenario is not None and not problems:
        problems += coverage_problems(document, scenario, base_dir)
        problems += _station_problems(document, scenario, base_dir)
    if scenario is not None and not problems:
        problems += switching_problems(document, scenario, base_dir)
    return scenario, problems


def _station_problems(document: Document, scenario: Scenario, base_dir: Path) -> Iterator[Problem]:
    index = scenario_index(scenario, base_dir)
    placed: list[Placed] = []
    for name in scenario.sites:
        here = list(place(scenario, name, base_dir, index))
        if not here:
            yield document.problem(("sites", name, "stations"), NO_STATION)
        placed += here
    first: dict[str, str] = {}
    for station in placed:
        if station.name in first:
            said = (
                f"station `{station.name}` is also at site `{first[station.name]}`; names are unique in a run"
            )
            yield document.problem(("sites", station.site, "stations", "list", station.name), said)
        first.setdefault(station.name, station.site)
    for j, name in enumerate(scenario.run.virtual.stations or ()):
        if name not in first:
            at = ("run", "virtual", "stations", j)
            yield document.problem(at, f"no station `{name}`{hint(name, first)}")
    evses = {f"{station.name}/{k + 1}" for station in placed for k in range(station.evses)}
    for i, fault in enumerate(scenario.faults):
        for j, evse in enumerate(fault.evses):
            if evse not in evses:
                yield document.problem(("faults", i, "evses", j), f"no EVSE `{evse}`{hint(evse, evses)}")
