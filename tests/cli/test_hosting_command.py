"""`twin hosting` as it is typed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

Cli = Callable[..., Any]
FEW = ("--draws", "3", "--penetrations", "0.5,1", "--workers", "1")


def test_it_says_how_many_chargers_the_street_takes(cli: Cli, street: Path) -> None:
    """Shares with intervals, what limits, the capacity and the files on stderr; nothing on stdout."""
    told = cli("hosting", street, "--override", "weak", *FEW)
    assert (told.code, told.out) == (0, "")
    assert "Of 3 draws, % with a violation (95 % interval)" in told.err
    assert "3  100 (44-100)" in told.err  # 3 of 3 draws
    assert "a violation is: one element outside its limit at any time" in told.err
    assert "limits first: line loading at " in told.err
    assert "hosting capacity at a risk of 5 %: " in told.err
    folder = Path("results/hosting-street")
    for line in (f"study: {folder}", f"figure: {folder}/hosting.png", f"report: {folder}/report.html"):
        assert line in told.err.splitlines()
    table = pq.read_table(folder / "draws.parquet")
    assert table["draw"].to_pylist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert table["evses"].to_pylist() == [0, 7, 13] * 3


def test_draws_too_few_for_the_risk_are_told(cli: Cli, street: Path) -> None:
    """Beside the capacity that they suggest; a street in trouble without any charger does not need more."""
    assert "cannot tell a share of 0 from the risk" in cli("hosting", street, *FEW).err
    weak = cli("hosting", street, "--set", "grid.limits={line_loading_pct: 1}", *FEW, "--out", "out").err
    assert "no charger: the base load alone breaks a limit too often" in weak
    assert "cannot tell" not in weak


def test_with_json_the_summary_is_on_stdout(cli: Cli, street: Path) -> None:
    """What was asked, every share with its interval, the capacity; the same as in the folder."""
    told = cli("hosting", street, *FEW, "--seed", "7", "--rule", "en50160", "--out", "out", "--json")
    found = json.loads(told.out)
    assert (found["scenario"], found["seed"], found["rule"], found["draws"]) == ("street", 7, "en50160", 3)
    assert [level["penetration"] for level in found["levels"]] == [0.0, 0.5, 1.0]
    assert set(found["levels"][0]["shares"]["any"]) == {"mean", "low", "high", "n"}
    assert found["capacity"]["risk"] == 0.05
    assert found["feeder"]["net"] == "builtin:create_kerber_landnetz_freileitung_1"
    kept = json.loads(Path("out/summary.json").read_text())
    assert {key: found[key] for key in kept} == kept


def test_the_same_command_goes_on_and_another_one_is_refused(cli: Cli, street: Path) -> None:
    """More draws are the same question; another rule is not, unless one insists."""
    assert cli("hosting", street, *FEW, "--out", "out").code == 0
    first = Path("out/draws/draw-00000.parquet")
    before = first.stat().st_mtime_ns
    assert cli("hosting", street, *FEW[2:], "--draws", "4", "--out", "out").code == 0
    assert first.stat().st_mtime_ns == before
    told = cli("hosting", street, *FEW, "--out", "out", "--tolerance-min", "60")
    assert (told.code, told.out) == (2, "")
    assert told.err == (
        "out: holds a study of another question (tolerance min was 0.0, now 60.0); name another folder with "
        "--out, or replace it with --force\n"
    )
    assert cli("hosting", street, *FEW, "--out", "out", "--tolerance-min", "60", "--force").code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--penetrations", "0.5;1"), "--penetrations: `0.5;1` is no list of shares; write for example 0.2,0.4,0.6,0.8,1.0"),
        (("--rule", "strict"), "--rule: expected instant or en50160, got `strict`"),
        (("--set", "days=8", "--rule", "en50160"), "street.yaml: --rule en50160 judges one week, the run has 8 days; add --set days=7"),
        (("--out", "street.yaml"), "street.yaml: is a file; name another output folder"),
    ],
    ids=lambda value: value[-1] if isinstance(value, tuple) else "",
)  # fmt: skip
def test_what_cannot_be_asked_exits_with_2(
    cli: Cli, street: Path, arguments: tuple[str, ...], said: str
) -> None:
    """One sentence, and no folder."""
    before = sorted(Path.cwd().iterdir())
    assert cli("hosting", street, *FEW, *arguments) == (2, "", f"{said}\n")
    assert sorted(Path.cwd().iterdir()) == before
