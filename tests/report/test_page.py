from __future__ import annotations

import base64
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from twin.errors import SettingsError
from twin.report import compare, html, page
from twin.report.chapters import control, drivers, feeder, limits, money, provenance, voltage
from twin.report.frames import Frames
from twin.report.model import Page, Text, table
from twin.results.schema import TABLES

MakeFrames = Callable[..., Frames]

CHAPTERS = [
    "limits", "loading", "voltage", "map", "coincidence", "control", "energy", "fairness", "waiting", "money", "audit", "what",
]  # fmt: skip


def empty(name: str) -> pd.DataFrame:
    return TABLES[name].empty_table().to_pandas()


class Links(HTMLParser):
    """Collects every address that a browser would load or follow, and every anchor."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.anchors: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in {"src", "srcset", "href", "action", "data", "poster"}:
                self.addresses.append(value or "")
            if name == "id" and value:
                self.anchors.append(value)


def links(text: str) -> Links:
    found = Links()
    found.feed(text)
    return found


@pytest.fixture(scope="module")
def written(make_frames: MakeFrames) -> str:
    """The page of the two-day run."""
    return html.render(page.page(make_frames()))


class TestThePage:
    def test_needs_nothing_but_itself(self, written: str) -> None:
        """Every address is inside the page; no style sheet asks for more."""
        outside = [a for a in links(written).addresses if not a.startswith(("data:", "#"))]
        assert outside == []
        assert "url(" not in written
        assert "@import" not in written

    def test_has_every_chapter_and_a_way_to_each(self, written: str) -> None:
        """Anchors in the order of reading, each with its link."""
        found = links(written)
        assert found.anchors == CHAPTERS
        assert [a for a in found.addresses if a.startswith("#")] == [f"#{name}" for name in CHAPTERS]

    def test_says_first_what_is_wrong_with_the_feeder(self, written: str) -> None:
        """One hour at 112 %, its time in civil words."""
        sentence = "In 1 h of the 2 days the transformer trafo was above its rating; worst 112.0 % on Mon 18 Jan 19:00."
        assert written.count(sentence) == 1
        assert written.index(sentence) < written.index("<section")

    def test_stays_small_enough_to_send(self, written: str) -> None:
        """Three million bytes at most."""
        assert len(written.encode()) < 3_000_000

    def test_states_the_run_in_every_figure(self, written: str, make_frames: MakeFrames) -> None:
        """The stamp's text is drawn as a comment and paths in each SVG."""
        images = re.findall(r"data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)", written)
        assert len(images) > 10
        assert all(make_frames().stamp.encode() in base64.b64decode(image) for image in images)

    def test_is_the_same_text_every_time(self, written: str, make_frames: MakeFrames) -> None:
        """Same run, same bytes."""
        assert html.render(page.page(make_frames())) == written

    def test_escapes_what_people_wrote(self, make_frames: MakeFrames) -> None:
        """A driver called `<script>` stays a name, in cells, headings and descriptions."""
        evil = "<script>alert(1)</script>"
        sessions = make_frames().sessions.assign(driver=evil, operator=evil, bus=evil)
        text = html.render(
            page.page(make_frames(sessions=sessions, manifest={"description": evil, "scenario": evil}))
        )
        assert "<script" not in text
        assert "&lt;script&gt;" in text

    def test_warns_when_the_run_did_not_reach_its_end(self, make_frames: MakeFrames) -> None:
        """An interrupted run is shown as far as it went."""
        warning = "This run did not reach its end (interrupted); everything below covers what was written"
        assert page.unfinished(make_frames(manifest={"outcome": "interrupted"})) == warning
        assert page.unfinished(make_frames()) == ""

    def test_an_unfinished_run_served_so_far(self, make_frames: MakeFrames) -> None:
        """Its share is no result yet: the card and the sentence say so."""
        killed = make_frames(manifest={"outcome": "running"})
        assert page.cards(killed)[0].name == "Energy served so far"
        said = drivers.said(killed, drivers.with_shares(killed.sessions))
        assert "15 kWh of it so far (50.0 %)" in said
        assert "Cars that were still there when it was last written are not among them." in said
        assert page.cards(make_frames())[0].name == "Energy served"

    def test_a_feeder_without_any_solution_has_no_peak(self, make_frames: MakeFrames) -> None:
        """A dash with its reason, not 0.0 kW."""
        none = make_frames(summary={"peak_kw": None, "energy_from_grid_kwh": None})
        (card,) = (c for c in page.cards(none) if c.name == "Feeder's peak")
        assert (card.value, card.unit, card.detail) == ("–", "", "no power flow has a solution")
        assert html.render(page.page(none))

    def test_a_page_is_whole_or_absent(
        self, make_frames: MakeFrames, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A disk that fails at the last step leaves the page that was there, and nothing beside it."""
        target = tmp_path / "page.html"
        target.write_text("before")

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(Path, "replace", full)
        with pytest.raises(SettingsError, match=r"page\.html: cannot be written \(No space left"):
            html.write(page.page(make_frames()), target)
        assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("page.html", "before")]

    def test_the_name_of_a_table_does_not_scroll_with_it(self, written: str) -> None:
        """It stands before the box that scrolls."""
        assert "<caption" not in written
        assert re.search(
            r'<p class="caption" aria-hidden="true">By element</p>\s*<div class="scroll"', written
        )

    def test_refuses_a_place_that_cannot_be_written(self, tmp_path: Path) -> None:
        """A file where a folder is needed: the message names the page."""
        (tmp_path / "taken").write_text("")
        bare = Page(
            kicker="", title="", lead="", facts=(), verdict=Text(text=""), verdict_title="", cards=(), sections=(), footer=""
        )  # fmt: skip
        with pytest.raises(SettingsError, match=r"taken/page\.html: cannot be written"):
            html.write(bare, tmp_path / "taken" / "page.html")


class TestEmptyRuns:
    def test_without_a_grid_there_is_no_chapter_about_it(self, make_frames: MakeFrames) -> None:
        """No feeder: no loading, no voltage, no map; drivers and money stay."""
        tables = {name: empty(name) for name in ("buses", "branches", "violations")}
        ticks = make_frames().ticks.assign(
            base_w=float("nan"), pv_w=float("nan"), slack_w=float("nan"), converged=None
        )
        text = html.render(
            page.page(make_frames(topology=None, ticks=ticks, en50160=pd.DataFrame(), **tables))
        )
        assert links(text).anchors == [
            c for c in CHAPTERS if c not in {"limits", "loading", "voltage", "map"}
        ]
        assert "No feeder was simulated" in text

    def test_without_sessions_every_chapter_says_so(self, make_frames: MakeFrames) -> None:
        """Nobody came: no figure of nothing, no division by zero."""
        names = ("sessions", "invoices", "limits", "events", "violations")
        zeros = {"sessions": 0, "served_share": 1.0, "jain_index": None, "revenue": 0.0, "currency": ""}
        text = html.render(
            page.page(make_frames(summary=zeros, coincidence=pd.DataFrame(), **{n: empty(n) for n in names}))
        )
        assert text.count("Nobody came in this run.") == 2
        assert "No session was priced." in text
        assert "nan" not in re.sub(r"base64,[A-Za-z0-9+/=]+", "", text).lower().replace("finance", "")

    def test_without_violations_the_page_says_that_all_limits_were_kept(
        self, make_frames: MakeFrames
    ) -> None:
        """In the banner and in the chapter."""
        frames = make_frames(violations=empty("violations"))
        kept = "All voltages and loadings stayed within their limits for all of the 2 days."
        chapter = limits.chapter(frames)
        assert chapter is not None
        assert chapter.blocks == (limits.verdict(frames),)
        assert (limits.verdict(frames).text, limits.verdict(frames).tone) == (kept, "good")

    def test_a_net_without_limits_is_drawn_without_limits(self, make_frames: MakeFrames) -> None:
        """Infinite limits are no numbers to show, in cards, tables or scales."""
        topology = make_frames().topology
        assert topology is not None
        free = replace(
            topology, vm_min_pu=np.full(3, -np.inf), vm_max_pu=np.full(3, np.inf), max_loading_pct=np.full(2, np.inf),
            head_va_rating=float("inf"),
        )  # fmt: skip
        made = make_frames(topology=free, violations=empty("violations"))
        text = re.sub(r"base64,[A-Za-z0-9+/=]+", "", html.render(page.page(made)))
        assert "no limit was set" in text
        assert not re.search(r"\b(inf|nan)\b", text)
        assert compare.sections((made, made))

    def test_without_a_single_tick_the_page_is_still_a_page(self, make_frames: MakeFrames) -> None:
        """A run that was killed at once has empty tables."""
        tables = {
            name: empty(name) for name in TABLES if name in Frames.__dataclass_fields__ and name != "meter"
        }
        made = make_frames(
            en50160=pd.DataFrame(), coincidence=pd.DataFrame(), manifest={"outcome": "running"}, **tables
        )
        assert "did not reach its end" in html.render(page.page(made))


class TestViolations:
    def rows(self, **values: object) -> dict[str, object]:
        return {
            "element": "line A-B", "kind": "line loading", "start_s": 0.0, "end_s": 3_600.0, "worst": 105.0, "limit": 100.0,
            "without_charging": False, "minutes_by_charging": 60.0, "sessions": "", "phase": None, "detail": None,
        } | values  # fmt: skip

    def test_overlapping_ones_count_once(self) -> None:
        """0 to 60 min and 30 to 90 min are 90 min."""
        frame = pd.DataFrame([self.rows(), self.rows(element="other", start_s=1_800.0, end_s=5_400.0)])
        assert limits.union_minutes(frame) == 90.0

    @pytest.mark.parametrize(
        ("without", "minutes", "said"),
        [(False, 60.0, "charging"), (True, 20.0, "partly charging (20 min)"), (True, 0.0, "not charging")],
    )
    def test_the_cause_is_named(self, without: bool, minutes: float, said: str) -> None:
        """From what the second power flow without charging found."""
        assert limits.cause(pd.Series({"without_charging": without, "minutes_by_charging": minutes})) == said

    def test_several_elements_of_a_kind_are_counted_and_the_worst_is_named(
        self, make_frames: MakeFrames
    ) -> None:
        """Two buses below their limit; B went lowest, at 19:00."""
        frames = make_frames(violations=pd.DataFrame([
            self.rows(element="A", kind="low voltage", start_s=64_800.0, end_s=68_400.0, worst=0.92, limit=0.95),
            self.rows(element="B", kind="low voltage", start_s=64_800.0, end_s=68_400.0, worst=0.91, limit=0.95),
        ]))  # fmt: skip
        assert limits.sentences(frames) == [
            "In 1 h of the 2 days 2 buses were below their lower voltage limit; worst 0.910 pu at B on Mon 18 Jan 19:00."
        ]

    def test_a_feeder_without_a_solution_is_said_in_words(self, make_frames: MakeFrames) -> None:
        """NaN is no number to show."""
        row = self.rows(element="feeder", kind="no solution", worst=float("nan"), limit=float("nan"))
        (said,) = limits.sentences(make_frames(violations=pd.DataFrame([row])))
        assert said == (
            "In 1 h of the 2 days the power flow had no solution: the feeder as modelled cannot carry that load at all."
        )

    def test_no_solution_tells_why_where_that_is_known(self, make_frames: MakeFrames) -> None:
        """Each reason in a sentence of its own, and in the table where other kinds have a value."""
        row = self.rows(element="feeder", kind="no solution", worst=float("nan"), limit=float("nan"))
        later = {"start_s": 7_200.0, "end_s": 9_000.0, "detail": "droop oscillation"}
        frames = make_frames(violations=pd.DataFrame([row, row | later]))
        assert limits.sentences(frames)[1] == (
            "In 30 min of the 2 days the power flow had no solution: droop oscillation."
        )
        assert [row[4] for row in limits.each(frames).rows] == ["–", "droop oscillation"]

    def test_a_long_table_says_where_the_whole_one_lies(self, make_frames: MakeFrames) -> None:
        """40 violations: 25 are shown, the longest first, and the rest is not silent."""
        rows = [self.rows(element=f"line {k:02d}", end_s=3_600.0 + k) for k in range(40)]
        made = limits.each(make_frames(violations=pd.DataFrame(rows)))
        assert (len(made.rows), made.rows[0][0]) == (25, "line 39")
        assert made.note == "The first 25 of 40 rows; the whole table is violations/ in the run's folder."


class TestRegulation:
    def test_nothing_is_said_where_nothing_was_done(self, make_frames: MakeFrames) -> None:
        """No inverter, no tap changer."""
        assert feeder.regulation(make_frames()) == []

    def test_inverters_and_tap_changers_are_told_with_their_numbers(self, make_frames: MakeFrames) -> None:
        """2 of 8 kWh were held back; T1 moved up and down again, T2 once."""
        events = pd.DataFrame([
            {"t_s": t_s, "kind": "tap", "subject": trafo, "detail": "", "value": position}
            for t_s, trafo, position in ((3_600.0, "T1", 1.0), (7_200.0, "T1", -1.0), (7_200.0, "T2", 3.0))
        ])  # fmt: skip
        made = make_frames(events=events, summary={"pv_kwh": 6.0, "pv_curtailed_kwh": 2.0})
        (said,) = feeder.regulation(made)
        assert said.text == (
            "At high voltage inverters held back 2.0 of the 8.0 kWh that they could have generated (25.0 %). "
            "Tap changers moved to hold the voltage: T1 2 times (between −1 and 1) and T2 1 time (to 3)."
        )


class TestChapters:
    def test_energy_beyond_what_was_wanted_does_not_hide_what_others_miss(self) -> None:
        """12 of 10 kWh and 5 of 10 kWh: 5 kWh are missing, not 3."""
        shares = drivers.with_shares(
            pd.DataFrame({"requested_wh": [10e3, 10e3], "delivered_wh": [12e3, 5e3]})
        )
        assert shares["missing_wh"].sum() == 5e3
        assert list(shares["share"]) == [1.0, 0.5]

    def test_a_stay_that_is_too_short_is_told_apart_from_a_lack_of_power(
        self, make_frames: MakeFrames
    ) -> None:
        """Half an hour at 11 kW is 5.5 of 10 kWh, whatever the strategy."""
        sessions = make_frames().sessions.head(2)
        hurried = sessions.assign(departure_s=sessions["plugged_s"] + 1_800.0)
        said = [drivers.energy(make_frames(sessions=each)).blocks[0] for each in (sessions, hurried)]
        assert ["1 of them stayed too short" in str(block) for block in said] == [False, True]

    def test_what_the_end_of_the_run_cut_off_is_not_held_against_anybody(
        self, make_frames: MakeFrames
    ) -> None:
        """An open session is counted apart: neither in the sentence about those that ended nor in their table."""
        sessions = make_frames().sessions.assign(
            outcome=["served", "open", "served"],
            finished_s=[70_000.0, np.nan, np.nan],
            delivered_wh=[10e3, 5e3, 9e3],
        )
        made = drivers.energy(make_frames(sessions=sessions))
        assert drivers.said(make_frames(sessions=sessions), drivers.with_shares(sessions)) == (
            "3 sessions wanted 30 kWh and got 24 kWh of it (80.0 %). 1 session was cut off by the end of the run and misses "
            "5 kWh, which nobody has failed to deliver yet. Of the 2 sessions that ended before the run did, 1 session got "
            "less than 99 % of what its driver wanted. Together they miss 1 kWh: 95.0 % was served."
        )
        assert "e2#1" not in str(made.blocks[-1])

    def test_without_cut_off_sessions_the_sentence_is_short(self, make_frames: MakeFrames) -> None:
        """30 wanted, 15 got: what is missing is one number."""
        frames = make_frames()
        said = drivers.said(frames, drivers.with_shares(frames.sessions))
        assert said.startswith(
            "3 sessions wanted 30 kWh and got 15 kWh of it (50.0 %); 15 kWh are missing. 2 sessions got"
        )

    def test_fairness_is_told_of_the_sessions_that_are_drawn(self, make_frames: MakeFrames) -> None:
        """100 % and 0 % of two that ended: (1 + 0)² / (2 · 1) = 0.5; the open one is left out, in the card too."""
        sessions = make_frames().sessions.assign(
            outcome=["served", "open", "reneged"], finished_s=[70_000.0, np.nan, np.nan]
        )
        frames = make_frames(sessions=sessions)
        made = drivers.fairness(frames)
        assert made is not None
        said = str(made.blocks[0])
        assert (
            "Of the 2 sessions that ended before the run did, Jain's index over the served share is 0.500 per session"
            in said
        )
        assert "The worst of them got 0 %" in said
        assert "1 car that left without charging counts with 0 %." in said
        assert "1 session that the end of the run cut off is left out of this chapter." in said
        (card,) = (c for c in page.cards(frames) if c.name == "Fairness")
        assert (card.value, "not cut off" in card.detail) == ("0.500", True)

    def test_a_car_that_is_still_there_but_full_counts_as_served(self, make_frames: MakeFrames) -> None:
        """It has all it wanted: the end of the run took nothing from it."""
        sessions = make_frames().sessions.assign(outcome="open", finished_s=[70_000.0, np.nan, np.nan])
        assert list(drivers.whole(sessions)["session"]) == ["e1#1"]

    def test_the_guard_is_told_by_element(self, make_frames: MakeFrames) -> None:
        """11 kW wanted, 7 kW in force for an hour: the trafo held back 4 kWh of one charger."""
        guard = control.interventions(make_frames())
        assert guard.loc["trafo"].to_dict() == {"ticks": 1.0, "chargers": 1.0, "withheld_kwh": 4.0}

    def test_what_the_guard_held_back_is_the_sum_from_plan_to_plan(self, make_frames: MakeFrames) -> None:
        """An arrival in the middle of the hour made the guard lower more: 4.5 kWh, not 4."""
        held = make_frames().ticks.assign(curtailed_wh=0.0)
        held.loc[18, "curtailed_wh"] = 4_500.0
        said = control.chapter(make_frames(ticks=held)).blocks[0]
        assert "It held back 4.5 kWh of what the strategy would have allowed" in str(said)
        nothing = make_frames().limits.head(0)
        said = control.chapter(make_frames(ticks=held, limits=nothing)).blocks[0]
        assert "only between two ticks, after an arrival: it held back 4.5 kWh" in str(said)

    def test_what_the_guard_could_not_help_is_said(self, make_frames: MakeFrames) -> None:
        """An over-voltage from generation: the page says that less charging is no remedy, and where."""
        told = {"t_s": 64_800.0, "kind": "helpless", "subject": "Bus 7", "detail": "", "value": None}
        events = pd.DataFrame([*make_frames().events.to_dict("records"), told])
        said = str(control.chapter(make_frames(events=events)).blocks[1])
        assert "Less charging could not keep Bus 7 within limits" in said
        assert "Less charging" not in str(control.chapter(make_frames()).blocks)

    def test_a_limit_stands_beside_the_interval_it_was_in_force(self, make_frames: MakeFrames) -> None:
        """Row k of the table limits the interval after it."""
        ticks = make_frames().ticks.head(2).assign(limit_w=[5_000.0, 9_000.0], ev_w=[1_000.0, 2_000.0])
        aligned = control.aligned(make_frames(ticks=ticks))
        assert list(aligned["limit_kw"])[1:] == [5.0]
        assert list(aligned["ev_kw"]) == [1.0, 2.0]

    def test_a_long_run_is_drawn_by_bins_and_keeps_its_peak(self, make_frames: MakeFrames) -> None:
        """4,032 ticks become 672 points; the line still reaches the one peak of 300 kW."""
        ticks = pd.concat([make_frames().ticks] * 84, ignore_index=True)
        ticks["t_s"] = (ticks.index + 1) * 3600.0
        ticks.loc[2_000, "slack_w"] = 300_000.0
        drawn, width_s = feeder.drawn_power(make_frames(ticks=ticks))
        assert (len(drawn), width_s, drawn["head_kw"].max()) == (672, 21_600.0, 300.0)

    def test_en50160_is_one_sentence_with_its_numbers(self, make_frames: MakeFrames) -> None:
        """Kept at both buses; B is the weakest."""
        said = voltage.quality(make_frames().en50160)
        assert said.tone == "good"
        assert "kept at all 2 buses" in said.text
        assert "The weakest bus is B: 97.00 %" in said.text

    def test_en50160_that_is_not_kept_is_counted_by_bus(self, make_frames: MakeFrames) -> None:
        """One of two."""
        said = voltage.quality(make_frames().en50160.assign(ok=[True, False]))
        assert (said.tone, said.text.startswith("EN 50160 is not kept at 1 of 2 buses")) == ("bad", True)

    def test_revenue_is_told_by_operator_and_by_price(self, make_frames: MakeFrames) -> None:
        """3.20 and 1.60 EUR at 0.32 EUR/kWh."""
        frames = make_frames()
        assert money.by_operator(frames.sessions).rows == (
            ("stadtwerk", "3", "15.0", "4.80 EUR", "0.3200 EUR"),
        )
        assert money.by_price(frames.invoices).rows == (
            ("stadtwerk", "household", "energy", "0.32 EUR/kWh", "–", "15.0 kWh", "4.80 EUR"),
        )

    def test_energy_that_does_not_balance_is_not_hidden(self, make_frames: MakeFrames) -> None:
        """One kWh is missing."""
        first = provenance.audit(make_frames(summary={"energy_balance_error_kwh": 1.0})).blocks[0]
        assert first.kind == "text"
        assert (first.tone, first.text.startswith("Energy does not balance")) == ("bad", True)

    def test_every_assumption_and_fallback_is_listed(self, make_frames: MakeFrames) -> None:
        """The run's own and those of its feeder model."""
        grid = {
            "assumptions": ["symmetric"],
            "notes": ["tap is a ratio"],
            "fallback": "pandapower: several slacks",
        }
        assert provenance.caveats(make_frames(manifest={"grid": grid}).manifest) == [
            ("Assumption", "The tap changer stays where it is."),
            ("Assumption of the feeder", "symmetric"),
            ("Note on the feeder", "tap is a ratio"),
            ("Fallback of the feeder", "pandapower: several slacks"),
        ]

    def test_keys_become_words_with_their_unit(self) -> None:
        """For people, not for programs."""
        keys = ("worst_session_error_wh", "seed", "self_check.max_dvm_pu", "epoch")
        said = [
            "Worst session error (Wh)",
            "Seed",
            "Self-check: largest difference of a voltage (pu)",
            "Start",
        ]
        assert [provenance.label(key) for key in keys] == said

    def test_a_table_that_fits_has_no_note(self) -> None:
        """Three rows of three."""
        assert table("t", [("a", "left")], [("1",), ("2",), ("3",)], most=3).note == ""
