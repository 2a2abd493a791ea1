"""`twin run` says what became of the money, where a provider collects it."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_what_was_billed_captured_and_not_paid_is_one_line(cli):
    """The reasons add up to what was not paid, and both to what was billed."""
    answer = cli("run", ROOT / "scenarios/40-payments.yaml", "--set", "days=1", "--out", "paid", "--json")
    line = next(one for one in answer.err.splitlines() if "captured" in one)
    billed, captured, lost = (float(line.split(word)[0].split()[-n].replace(",", "")) for word, n in
                              (("billed", 2), ("captured", 1), ("not paid", 1)))  # fmt: skip
    assert round(captured + lost, 2) == billed
    assert "overrun" in line
    assert line.endswith("refused")


def test_where_nobody_collects_nothing_is_said_of_money(cli):
    """The first example has prices, and no provider."""
    assert "captured" not in cli("run", ROOT / "scenarios/00-hello.yaml", "--out", "free").err
