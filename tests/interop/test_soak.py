"""A short soak: what `make soak` does for ten minutes."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.timeout(180)
def test_twenty_stations_go_wrong_for_twenty_seconds():
    """Nothing is left over, nothing is booked twice or not at all, and no line was logged."""
    done = subprocess.run(
        [sys.executable, "-m", "tools.soak", "--stations", "20", "--minutes", "0.34", "--speed", "30"],
        cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    assert "nothing is wrong" in done.stdout
