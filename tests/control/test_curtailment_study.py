"""The study behind docs/grid-limits.md, on a small slice: what the guard promises, against an independent optimum."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

TOOL = Path(__file__).parents[2] / "tools" / "curtailment_study.py"


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    """The tool as a module."""
    spec = importlib.util.spec_from_file_location("curtailment_study", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def result(tool: ModuleType):
    """Three snapshots each of a village and an urban net in three phases, with pilots from 6 A."""
    village, _, city = tool.NETS
    return tool.study({village: 3, city: 3}, 7, phases=3, local=True, pilots=True)


def test_least_curtailment_takes_at_least_thirty_percent_less_than_common_scaling(result):
    """Lines and voltages are in trouble, the transformer is not: most cars do not matter."""
    assert result.kwh("least-curtailment") <= 0.7 * result.kwh("common scaling")


def test_least_curtailment_is_within_two_percent_of_the_resolved_optimum(result):
    """Cutting planes with full power flows, and HiGHS: nobody curtails less than the bound."""
    assert result.kwh("optimum") <= result.kwh("least-curtailment") <= 1.02 * result.kwh("optimum")


def test_every_answer_keeps_every_limit_and_none_needed_the_fallback(result):
    """Proven by the power flow within three rounds."""
    assert (result.broken, result.fallbacks) == (0, 0)
    assert max(result.rounds) <= 3


def test_no_safe_division_is_cut_off_by_the_bound(result):
    """The optimum is a bound only if every power that the feeder carries lies within its cuts."""
    assert result.cut_off_w < 1.0


def test_the_fair_rule_is_fairer_and_the_worst_driver_gets_more(result):
    """By bus and by driver; it costs kWh."""
    least, fair = result.outcomes["least-curtailment"], result.outcomes["fair"]
    assert np.mean(fair.jain) > np.mean(least.jain)
    assert np.mean(fair.worst) > np.mean(least.worst)
    assert result.kwh("least-curtailment") < result.kwh("fair") < result.kwh("common scaling")
