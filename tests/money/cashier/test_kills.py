"""SIGKILL: a process that keeps its books in SQLite dies wherever it is, and its successor ends with the same books."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.money.cashier.killing import Parent
from tests.money.cashier.test_crashes import LINE, PATIENT


@pytest.mark.parametrize("seed", [41, 42, 43])
def test_killing_the_process_changes_nothing_in_the_end(seed: int, tmp_path: Path) -> None:
    """A dozen kills and more per schedule, each at any instruction; the bank and the drivers live on."""
    whole = Parent(seed, tmp_path / "whole.db", PATIENT, LINE, 0)
    whole.run()
    expected, nothing = whole.end()
    assert not nothing
    killed = Parent(seed, tmp_path / "killed.db", PATIENT, LINE, 9)
    killed.run()
    ledger, found = killed.end()
    assert killed.kills >= 10
    assert not found
    assert ledger == expected
