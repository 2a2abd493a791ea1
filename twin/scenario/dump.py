"""The resolved scenario as text: what a run keeps beside its tables, and what its hash is made of."""

from __future__ import annotations

from io import StringIO

from ruamel.yaml import YAML

from twin.scenario.model import Scenario


def as_yaml(scenario: Scenario) -> str:
    """Return every value of a scenario, defaults included, in the order of the model."""
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False
    text = StringIO()
    yaml.dump(scenario.model_dump(mode="json", by_alias=True), text)
    return text.getvalue()
