"""Workers that fail, are killed, or lose their parent; in a module of its own, which they import at once."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from pathlib import Path

import pytest

from twin.errors import Problem, ScenarioError, SettingsError
from twin.studies.hosting import processes as module
from twin.studies.hosting.processes import in_processes


class Note:
    """A task that leaves a file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, number: int) -> None:
        (self.folder / str(number)).write_text(str(os.getpid()))


def refuse(number: int) -> None:
    """A task that finds its input unusable."""
    raise ScenarioError([Problem("s.yaml", number, "grid", "no such net")])


def kill_oneself(_number: int) -> None:
    """A task for which the memory is too small."""
    os.kill(os.getpid(), signal.SIGKILL)


def test_every_number_is_done_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five tasks, two workers of two tasks each at a time: the last worker is a new one."""
    monkeypatch.setattr(module, "DRAWS_PER_WORKER", 2)
    told: list[int] = []
    in_processes(Note(tmp_path), range(5), 2, lambda: told.append(1))
    assert sorted(path.name for path in tmp_path.iterdir()) == list("01234")
    assert len(told) == 5
    first, last = ((tmp_path / name).read_text() for name in "04")
    assert first != last
    assert not multiprocessing.active_children()


def test_an_error_of_a_worker_is_told_as_it_is() -> None:
    """With its file and line, and no process stays."""
    with pytest.raises(ScenarioError, match=r"^s.yaml:7: grid: no such net$"):
        in_processes(refuse, [7], 2, lambda: None)
    assert not multiprocessing.active_children()


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_a_worker_that_is_killed_is_told() -> None:
    """With what is kept and what to try."""
    with pytest.raises(SettingsError, match=r"^a worker process was killed .* finished draws are kept"):
        in_processes(kill_oneself, [0, 1], 2, lambda: None)
