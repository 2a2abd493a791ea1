"""What a page says of payments: amounts that a reader can add up, reasons, waits; and what depends on a varied setting."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from twin.report import html, keys
from twin.report.chapters import payments
from twin.report.figures import payments as draw
from twin.report.figures.spread import over_values
from twin.report.frames import Frames
from twin.report.page import page
from twin.report.varied import Varied, chapter, varied

MakeFrames = Callable[..., Frames]
ASSUMED = "payments are simulated; every rate of the provider is an assumption"


def wish(session: str, **values: Any) -> dict[str, Any]:
    """One row of `settlements`: 10 kWh for 5.00 EUR, held by card within a second, and got."""
    row = {
        "wish": session, "session": session, "evse": "e1", "operator": "stadtwerk", "driver": "d-1", "means": "terminal",
        "asked_s": 0.0, "latency_s": 1.0, "granted": True, "grounds": "held", "reason": "", "currency": "EUR",
        "metered_wh": 10_000, "paid_wh": 10_000, "billed_minor": 500, "credited_minor": 0, "captured_minor": 500,
        "lost_minor": 0, "settled_s": 100.0,
    }  # fmt: skip
    return row | values


def hold(session: str, **values: Any) -> dict[str, Any]:
    """One row of `payments`: 20.00 EUR held for two hours, 5.00 EUR captured, 0.17 EUR for the provider."""
    row = {
        "payment": f"{session}.1", "kind": "hold", "session": session, "evse": "e1", "operator": "stadtwerk", "driver": "d-1",
        "means": "terminal", "status": "captured", "reason": "", "currency": "EUR", "asked_s": 0.0, "latency_s": 1.0,
        "held_s": 7_200.0, "authorised_minor": 2_000, "captured_minor": 500, "refunded_minor": 0, "disputed_minor": 0,
        "fee_minor": 17, "unused_minor_hours": 3_000.0,
    }  # fmt: skip
    return row | values


@pytest.fixture
def paid(make_frames: MakeFrames) -> Frames:
    """Two holds, of which one is disputed; one account that has not paid its 4 kWh yet; one who was refused."""
    owed = wish(
        "e2#1", means="account", grounds="account", latency_s=0.0, metered_wh=4_000, paid_wh=0, billed_minor=200,
        captured_minor=0, settled_s=np.nan,
    )  # fmt: skip
    refused = wish(
        "", granted=False, grounds="declined", reason="do_not_honor", metered_wh=0, paid_wh=0, billed_minor=0,
        captured_minor=0, latency_s=3.0,
    )  # fmt: skip
    lost = {
        "session": "e2#1", "operator": "stadtwerk", "means": "account", "reason": "open", "energy_wh": 4_000,
        "amount_minor": 200, "currency": "EUR", "asked_s": 0.0,
    }  # fmt: skip
    return make_frames(
        manifest={"payments": {"provider": {"kind": "simulated"}}, "assumptions": [ASSUMED, "The tap changer stays."]},
        settlements=pd.DataFrame([wish("e1#1"), wish("e1#2"), owed, refused]),
        payments=pd.DataFrame([hold("e1#1"), hold("e1#2", status="disputed", disputed_minor=500)]),
        leakage=pd.DataFrame([lost]),
    )  # fmt: skip


def texts(frames: Frames) -> str:
    made = payments.chapter(frames)
    assert made is not None
    return " ".join(block.text for block in made.blocks if block.kind == "text")


def tables(frames: Frames) -> dict[str, Any]:
    made = payments.chapter(frames)
    assert made is not None
    items = [item for block in made.blocks for item in (block.items if block.kind == "row" else (block,))]
    return {item.title: item.rows for item in items if item.kind == "table"}


class TestTheChapter:
    def test_is_left_out_where_nobody_was_charged(self, make_frames: MakeFrames) -> None:
        """No chapter, no link to it."""
        assert payments.chapter(make_frames()) is None
        assert "payments" not in {section.anchor for section in page(make_frames()).sections}

    def test_says_what_was_billed_got_and_kept(self, paid: Frames) -> None:
        """12.00 billed, 10.00 got, 0.34 of fees, 5.00 taken back by a bank: 4.66 stay."""
        said = texts(paid)
        assert "12.00 EUR were billed with tax, and 10.00 EUR (83.3 %) were got" in said
        assert "kept 0.34 EUR, so that 4.66 EUR stay after fees and disputes" in said
        assert "1 payment over 5.00 EUR was disputed: 1 disputed." in said
        assert tables(paid)["Money by operator"] == (
            ("stadtwerk", "3", "12.00 EUR", "10.00 EUR", "0.00 EUR", "5.00 EUR", "0.34 EUR", "4.66 EUR"),
        )

    def test_a_dispute_that_was_won_takes_nothing(self, paid: Frames) -> None:
        """The payment counts as captured again."""
        won = paid.payments.assign(status="captured")
        assert payments.by_operator(paid.settlements, won, "EUR").rows[0][-1] == "9.66 EUR"

    def test_every_kwh_that_was_not_paid_has_a_reason(self, paid: Frames) -> None:
        """4 of 24 kWh are still open; nothing is unexplained."""
        assert "4.0 of 24.0 kWh (16.7 %) were not paid for; 2.00 EUR were billed and not got" in texts(paid)
        assert "Unexplained: 0.000 kWh." in texts(paid)
        assert tables(paid)["Not got, by reason"] == (("open", "1", "2.00 EUR", "4.0"),)

    def test_what_nobody_can_explain_is_not_hidden(self, paid: Frames) -> None:
        """Without the reason 4 kWh are left."""
        assert "Unexplained: 4.000 kWh." in payments.unpaid(paid.settlements, paid.leakage.head(0), "EUR")

    def test_waits_are_those_of_the_summary(self, paid: Frames) -> None:
        """0, 1, 1 and 3 s: the median is 1, the 95th percentile lies 0.85 of the way from 1 to 3."""
        assert "took 1.0 s in the median, 2.7 s at the 95th percentile" in texts(paid)
        assert "4 wishes to charge were decided, 1 of them refused (25.0 %)" in texts(paid)
        assert ("terminal", "refused", "declined", "do_not_honor", "1") in tables(paid)[
            "Grounds of decisions by means of payment"
        ]

    def test_the_burden_of_holds_is_money_times_hours(self, paid: Frames) -> None:
        """Twice 15.00 EUR for two hours."""
        assert "2 holds blocked 40.00 EUR on cards, of which 25.0 % were spent" in texts(paid)
        assert "The burden on drivers is 60 EUR·h" in texts(paid)

    def test_tells_what_is_assumed(self, paid: Frames) -> None:
        """Of the payments, not of the feeder."""
        assert f"Assumed: {ASSUMED}." in texts(paid)

    def test_stands_on_the_page_with_three_figures(self, paid: Frames) -> None:
        """What was not got, holds, waits; the page needs nothing but itself."""
        made = payments.chapter(paid)
        assert made is not None
        rows = [block.items for block in made.blocks if block.kind == "row"]
        assert sum(item.kind == "picture" for items in rows for item in items) == 3
        text = html.render(page(paid))
        assert 'id="payments"' in text
        assert 'src="http' not in text

    def test_nobody_came(self, make_frames: MakeFrames) -> None:
        """One sentence."""
        assert "Nobody wanted to charge." in texts(make_frames(manifest={"payments": {}}))


class TestFigures:
    def test_the_wait_begins_at_the_share_that_waits_for_nobody(self) -> None:
        """Half of them are not asked: the curve begins above 50 %."""
        ax = draw.latency(np.array([0.0, 0.0, 1.0, 2.0]), ax=Figure().add_subplot())
        assert ax.lines[0].get_ydata().tolist() == [75.0, 100.0]

    def test_leakage_has_a_scale_for_each_quantity(self) -> None:
        """Both begin at zero."""
        figure = Figure()
        draw.leakage(
            {"open": 2.0, "free": 0.0}, {"open": 4.0, "free": 1.0}, ax=figure.add_subplot(), currency="EUR"
        )
        assert [ax.get_xlim()[0] for ax in figure.axes] == [0.0, 0.0]

    def test_a_varied_figure_goes_through_the_means(self) -> None:
        """(1 + 3) / 2 = 2, then 5."""
        ax = over_values([0.0, 4.0], [[1.0, 3.0], [5.0]], ax=Figure().add_subplot(), setting="x", what="y")
        assert ax.lines[0].get_xydata().tolist() == [[0.0, 2.0], [4.0, 5.0]]


def runs(*texts: str) -> Any:
    """A run per scenario, of which only the resolved scenario is known."""
    return {f"s{k}": {1: SimpleNamespace(scenario_text=text)} for k, text in enumerate(texts)}


class TestAVariedSetting:
    def test_is_the_only_number_in_which_scenarios_differ(self) -> None:
        """In the order of its values; an exact decimal is written as a text."""
        found = varied(runs("a: {b: '5.5'}\nseed: 1", "a: {b: '2'}\nseed: 2"))
        assert found == Varied("a.b", {"s1": 2.0, "s0": 5.5})
        assert list(found.values) == ["s1", "s0"]

    @pytest.mark.parametrize(
        "texts",
        [
            ("a: 1",),
            ("a: 1", "a: 1"),
            ("{a: 1, b: 1}", "{a: 2, b: 2}"),
            ("a: x", "a: y"),
            ("a: true", "a: 2"),
        ],
        ids=["one", "alike", "two settings", "names", "a switch"],
    )
    def test_is_none_otherwise(self, texts: tuple[str, ...]) -> None:
        """There is no axis to draw over."""
        assert varied(runs(*texts)) is None

    def test_draws_what_changes_and_leaves_out_the_rest(self) -> None:
        """Captured falls, refused is the same: one figure; without a common currency none."""
        found = Varied("payments.provider.decline_pct", {"s0": 0.0, "s1": 10.0})
        summaries = {"s0": {1: {"captured": 9.0, "refused": 1}}, "s1": {1: {"captured": 8.0, "refused": 1}}}
        made = chapter(found, summaries, "EUR", "stamp")
        assert made is not None
        assert [item.title for item in made.blocks[0].items] == ["Captured"]
        nothing = chapter(found, summaries, None, "stamp")
        assert nothing is not None
        assert nothing.blocks[0].text == "No key figure changes with payments.provider.decline_pct."


def test_amounts_of_a_comparison_are_in_their_currency(make_frames: MakeFrames) -> None:
    """Captured 10.00 against 8.00 EUR; nothing is subtracted across currencies."""
    figure = next(one for one in keys.FIGURES if one.key == "captured")
    first, second = (make_frames(summary={"captured": value}) for value in (10.0, 8.0))
    assert keys.row((first, second), figure) == ("Captured (EUR)", "10.00", "8.00", "−2.00")
    assert keys.row((first, make_frames(summary={"captured": 8.0, "currency": "CHF"})), figure) is None
