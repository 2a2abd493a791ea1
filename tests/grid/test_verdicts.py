"""Self-checks that were passed are kept, and only for what they prove."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pandapower import networks

from twin.errors import SolverError
from twin.grid import compile as compiling
from twin.grid import self_check as proving
from twin.grid import verdicts
from twin.grid.compile import compile_net
from twin.grid.feeder import Feeder, index_feeder
from twin.grid.model import read_model


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for verdicts."""
    monkeypatch.setenv("TWIN_CACHE", str(tmp_path))
    return tmp_path / "self-checks"


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The feeders that are really checked, as it happens."""
    done: list[str] = []
    real = proving.self_check

    def spy(setup, plan):
        done.append(setup.feeder.name)
        return real(setup, plan)

    monkeypatch.setattr(proving, "self_check", spy)
    return done


def village(km: float = 1.0) -> Feeder:
    """A village, its cables longer by a factor."""
    net = networks.create_kerber_landnetz_freileitung_1()
    net.line["length_km"] *= km
    return index_feeder(net, "village")


def test_a_feeder_is_checked_once(cache: Path, checks: list[str]):
    """The second start finds the verdict of the first."""
    first, second = compile_net(village()), compile_net(village())
    assert checks == ["village"]
    assert first.fingerprint == second.fingerprint
    assert len(list(cache.iterdir())) == 1


def test_another_length_is_another_feeder(cache: Path, checks: list[str]):
    """A verdict says nothing about a net that differs in one number."""
    assert compile_net(village()).fingerprint != compile_net(village(1.001)).fingerprint
    assert len(checks) == 2


def test_a_wrong_model_is_not_covered_by_the_verdict_of_a_right_one(
    cache: Path, monkeypatch: pytest.MonkeyPatch
):
    """The arrays belong to the key, not only the tables they were read from."""
    compile_net(village())
    good = read_model(village())
    wrong = good.positive.y.copy()
    wrong[:, [0, 3]] *= 1.01
    wrong[:, [1, 2]] *= 1.01
    bad = replace(good, positive=replace(good.positive, y=wrong))
    monkeypatch.setattr(compiling, "read_model", lambda *_: bad)
    with pytest.raises(SolverError, match="compiled and"):
        compile_net(village())


def test_a_verdict_that_cannot_be_read_is_made_again(cache: Path, checks: list[str]):
    """Half a file must not stop anybody."""
    compile_net(village())
    (kept,) = cache.iterdir()
    kept.write_text('{"points": [')
    compile_net(village())
    assert len(checks) == 2
    assert verdicts.recall(kept.stem) is not None


def test_a_folder_that_cannot_be_written_only_costs_the_check(cache: Path, checks: list[str], tmp_path: Path):
    """As on a read-only home."""
    cache.write_text("a file where the folder should be")
    assert np.isfinite(compile_net(village()).solve(np.zeros((15, 1)), np.zeros((15, 1))).vm_pu).all()
    assert checks == ["village"]
