"""Workers that fail, are killed, or lose their parent; in a module of its own, which they import at once."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from twin.engine.processes import in_processes
from twin.errors import Problem, ScenarioError, SettingsError

UNIX = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")


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


def do(task: Callable[[int], object], numbers: list[int], **given: Any) -> None:
    """Two workers."""
    rest: dict[str, Any] = {"per_worker": 100, "on_done": lambda: None, **given}
    in_processes(task, numbers, workers=2, what="draws", **rest)


def test_every_item_is_done_once_and_pools_are_renewed(tmp_path: Path) -> None:
    """Five tasks, two workers of two tasks each at a time: the last worker is a new one."""
    told: list[int] = []
    do(Note(tmp_path), list(range(5)), per_worker=2, on_done=lambda: told.append(1))
    assert sorted(path.name for path in tmp_path.iterdir()) == list("01234")
    assert len(told) == 5
    first, last = ((tmp_path / name).read_text() for name in "04")
    assert first != last
    assert not multiprocessing.active_children()


def test_an_error_of_a_worker_is_told_as_it_is() -> None:
    """With its file and line, and no process stays."""
    with pytest.raises(ScenarioError, match=r"^s.yaml:7: grid: no such net$"):
        do(refuse, [7])
    assert not multiprocessing.active_children()


@UNIX
def test_a_worker_that_is_killed_is_told() -> None:
    """With what is kept and what to try."""
    said = (
        r"^a worker process was killed \(is the memory full\?\); finished draws are kept: "
        "start the same command again, perhaps with fewer --workers$"
    )
    with pytest.raises(SettingsError, match=said):
        do(kill_oneself, [0, 1])


PARENT = """\
    import time

    from twin.engine.processes import in_processes


    def task(number):
        if number:  # one works on, the other waits for its next task
            print("working", flush=True)
            time.sleep(600)


    if __name__ == "__main__":
        in_processes(task, [0, 1], workers=2, per_worker=9, on_done=lambda: None, what="tasks")
"""


@UNIX
def test_nobody_outlives_a_parent_that_was_killed(tmp_path: Path) -> None:
    """Whoever lives on holds the pipe open: it ends with the last worker, within seconds instead of minutes."""
    script = tmp_path / "parent.py"
    script.write_text(textwrap.dedent(PARENT))
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "working\n"
        parent.kill()
        assert parent.communicate(timeout=20)[0] == ""
