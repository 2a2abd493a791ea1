"""What is behind stdout and stderr: a full disk, a pipe that nobody reads, a terminal without umlauts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TWIN = (sys.executable, "-c", "from twin.cli import main; main()")


@pytest.mark.parametrize("command", ["vehicles", "schema", "--help"])
def test_a_full_disk_behind_stdout_is_one_error(place: Path, command: str) -> None:
    """No trace, and exit code 2: twin has no defect."""
    with Path("/dev/full").open("w") as full:
        told = subprocess.run((*TWIN, command), check=False, stdout=full, stderr=subprocess.PIPE, text=True)
    said = "standard output: cannot be written (No space left on device); make room there\n"
    assert (told.returncode, told.stderr) == (2, said)


@pytest.mark.parametrize("command", ["vehicles", "schema"])
def test_a_pipe_that_nobody_reads_ends_quietly(place: Path, command: str) -> None:
    """`twin schema | head -1`: the code of a closed pipe, never 1, which says that a limit is violated."""
    reader, writer = os.pipe()
    os.close(reader)
    told = subprocess.run((*TWIN, command), check=False, stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert (told.returncode, told.stderr) == (141, "")


def test_a_terminal_without_umlauts_shows_their_codes(hello: Path) -> None:
    """Names of files are what they are."""
    hello.rename("grün.yaml")
    environment = os.environ | {"PYTHONIOENCODING": "cp1251"}
    for name, answer in {
        "grün.yaml": (0, b"gr\\xfcn.yaml: ok, 1 site, 1 EVSE, 1 day\n", b""),
        "grüm.yaml": (2, b"", b"gr\\xfcm.yaml: no such file, did you mean `gr\\xfcn.yaml`?\n"),
    }.items():
        told = subprocess.run((*TWIN, "validate", name), check=False, capture_output=True, env=environment)
        assert (told.returncode, told.stdout, told.stderr) == answer
