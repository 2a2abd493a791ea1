from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from matplotlib.figure import Figure

from twin.report import compare, html, keys, sweep
from twin.report.frames import Frames
from twin.report.model import Picture, Table
from twin.report.style import CYCLE
from twin.results.statistics import Interval

MakeFrames = Callable[..., Frames]


@pytest.fixture
def pair(make_frames: MakeFrames) -> tuple[Frames, Frames]:
    """The street as it is, and managed: e2 gets 8 instead of 5 kWh, the transformer stays below 100 %."""
    before = make_frames()
    sessions = before.sessions.assign(delivered_wh=[10_000.0, 8_000.0, 0.0])
    branches = before.branches.assign(loading_pct=before.branches["loading_pct"].clip(upper=95.0))
    after = make_frames(
        manifest={"scenario": "11-street-managed", "strategy": "least-laxity-first", "guarded": True},
        summary={"violation_minutes": 0.0, "violations": 0, "served_share": 0.6},
        sessions=sessions, branches=branches, violations=before.violations.head(0),
    )  # fmt: skip
    return before, after


def tables(sections: Any) -> dict[str, Table]:
    return {block.title: block for section in sections for block in section.blocks if block.kind == "table"}


class TestComparison:
    def test_shows_every_key_figure_with_its_difference(self, pair: tuple[Frames, Frames]) -> None:
        """60 minutes outside limits against none: −60."""
        rows = {
            row[0]: row[1:]
            for row in tables(compare.sections(pair))["Key figures; differences against the first run"].rows
        }
        assert rows["Outside limits (min)"] == ("60", "0", "−60")
        assert rows["Served share, all sessions (%)"] == ("50.0", "60.0", "+10.0")

    def test_pairs_drivers_when_they_are_the_same(self, pair: tuple[Frames, Frames]) -> None:
        """Three drivers; one gains 3 kWh, so the mean is +1."""
        (row,) = tables(compare.sections(pair))[
            "Energy per driver against 10-street (kWh, the same drivers paired)"
        ].rows
        assert row[:3] == ("11-street-managed", "3", "+1.00")
        assert row[4:6] == ("1", "0")

    def test_does_not_pair_drivers_who_want_something_else(
        self, pair: tuple[Frames, Frames], make_frames: MakeFrames
    ) -> None:
        """Another seed: other energies, no pairs, and the page says so."""
        other = make_frames(sessions=pair[0].sessions.assign(requested_wh=1.0), manifest={"seed": 2})
        text = html.render(compare.comparison((pair[0], other)))
        assert "the same drivers paired" not in text
        assert "The runs faced different drivers" in text

    def test_draws_one_curve_per_run_on_one_scale_of_voltage(self, pair: tuple[Frames, Frames]) -> None:
        """Two bands, two load-duration figures, one figure of served shares."""
        made = {section.anchor: section for section in compare.sections(pair)}
        assert [
            len(b.items) for s in ("curves", "bands", "paired") for b in made[s].blocks if b.kind == "row"
        ] == [2, 2, 1]

    def test_needs_nothing_but_itself(self, pair: tuple[Frames, Frames]) -> None:
        """No address leads outside."""
        text = html.render(compare.comparison(pair))
        assert 'src="http' not in text
        assert 'href="http' not in text

    @pytest.mark.parametrize(
        ("second", "names"),
        [
            ({"scenario": "b"}, ["10-street", "b"]),
            ({"strategy": "guarded"}, ["10-street, uncontrolled", "10-street, guarded"]),
            ({"seed": 2}, ["10-street, uncontrolled, seed 1", "10-street, uncontrolled, seed 2"]),
            ({}, ["10-street-1 (1)", "10-street-1 (2)"]),
        ],
    )
    def test_names_runs_by_what_tells_them_apart(
        self, second: dict[str, Any], names: list[str], make_frames: MakeFrames
    ) -> None:
        """Scenario, else strategy, else seed, else a number."""
        assert compare.labels([make_frames(), make_frames(manifest=second)]) == names

    def test_amounts_of_two_currencies_are_never_subtracted(self, make_frames: MakeFrames) -> None:
        """4.80 EUR beside 4.80 USD: each with its own currency, no difference."""
        euro = make_frames()
        dollar = make_frames(sessions=euro.sessions.assign(currency="USD"), summary={"currency": "USD"})
        both = make_frames(
            sessions=euro.sessions.assign(currency=["EUR", "USD", "EUR"]),
            summary={"currency": "EUR USD", "revenue": None},
        )
        rows = tables(compare.sections((euro, dollar, both)))[
            "Key figures; differences against the first run"
        ].rows
        (money,) = (row for row in rows if row[0].startswith("Revenue"))
        assert money == ("Revenue", "4.80 EUR", "4.80 USD", "–", "3.20 EUR + 1.60 USD", "–")

    def test_one_currency_has_a_difference_and_a_run_without_prices_has_none_of_its_own(
        self, make_frames: MakeFrames
    ) -> None:
        """4.80 EUR against nothing sold."""
        frames = [make_frames(), make_frames(summary={"currency": "", "revenue": 0.0})]
        figure = next(f for f in keys.FIGURES if f.key == "revenue")
        assert keys.row(frames, figure) == ("Revenue (EUR)", "4.80", "0.00", "−4.80")

    def test_a_run_has_one_colour_on_the_whole_page(
        self, pair: tuple[Frames, Frames], make_frames: MakeFrames, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The first run has no feeder: the second one's only curve there still has the second colour, and a name."""
        drawn: list[Any] = []

        def caught(paint: Callable[[Any], object], **_: Any) -> Any:
            axes = Figure().add_subplot()
            paint(axes)
            drawn.append(axes)
            return Picture(source="", narrow_source="", title="", alt="", wide=False)

        monkeypatch.setattr(compare, "picture", caught)
        compare.sections((make_frames(topology=None, manifest={"scenario": "bare"}), pair[1]))
        of_run = {
            line.get_color()
            for axes in drawn
            for line in axes.get_lines()
            if line.get_label() == "11-street-managed"
        }
        assert of_run == {CYCLE[1]}
        assert all(axes.get_legend() is not None for axes in drawn)
        assert {
            line.get_color() for axes in drawn for line in axes.get_lines() if line.get_label() == "median"
        } == {CYCLE[1]}

    def test_sessions_cut_off_are_left_out_of_the_curves_and_the_page_says_so(
        self, pair: tuple[Frames, Frames], make_frames: MakeFrames
    ) -> None:
        """One open session in the first run."""
        cut = make_frames(
            sessions=pair[0].sessions.assign(outcome=["served", "open", "reneged"], finished_s=float("nan"))
        )
        text = html.render(compare.comparison((cut, pair[1])))
        assert "cut off are left out of the curves: 1 in 10-street and 0 in 11-street-managed." in text

    def test_a_killed_run_is_called_incomplete_and_its_drivers_stay_the_same(
        self, pair: tuple[Frames, Frames], make_frames: MakeFrames
    ) -> None:
        """Killed at 23:00: the visit that was to last until midnight has no row there."""
        late = pair[0].sessions.assign(departure_s=[79_200.0, 79_200.0, 86_400.0])
        whole = make_frames(sessions=late)
        killed = replace(
            make_frames(sessions=late.head(2), manifest={"outcome": "running", "scenario": "cut"}),
            duration_s=82_800.0,
        )
        page = compare.comparison((whole, killed))
        text = html.render(page)
        assert "cut is incomplete (killed, or still running): 23 h of 2 d were recorded." in page.verdict.text
        assert page.verdict.tone == "bad"
        assert "faced different drivers" not in text
        assert "As far as all of them were recorded, the runs faced the same drivers" in text
        (row,) = next(
            t for n, t in tables(compare.sections((whole, killed))).items() if "paired; only" in n
        ).rows
        assert row[:3] == ("cut", "2", "0.00")

    def test_refuses_a_single_run(self, tmp_path: Path) -> None:
        """There is nothing to compare."""
        with pytest.raises(ValueError, match="two or more runs, not 1"):
            compare.write_comparison([cast("Any", None)], tmp_path / "c.html")

    def test_works_without_a_grid_and_without_sessions(self, make_frames: MakeFrames) -> None:
        """What is not there is left out."""
        bare = make_frames(topology=None)
        empty = make_frames(topology=None, sessions=bare.sessions.head(0), violations=bare.violations.head(0))
        assert "Voltage over the day" not in html.render(compare.comparison((empty, empty)))


def summary(minutes: float, share: float) -> dict[str, Any]:
    return {
        "violation_minutes": minutes, "violation_minutes_by_charging": minutes, "served_share": share,
        "max_trafo_loading_pct": 101.0 if minutes else 90.0, "en50160_ok": True, "currency": "EUR",
    }  # fmt: skip


SEEDS = {
    "street": {1: summary(30.0, 1.0), 2: summary(0.0, 1.0), 3: summary(60.0, 1.0)},
    "managed": {1: summary(0.0, 0.98), 2: summary(0.0, 0.99), 3: summary(0.0, 0.97)},
}


class TestSweep:
    def test_counts_the_seeds_with_a_violation(self) -> None:
        """Two of three on the bare street, none of three when managed."""
        rows = sweep.violations(SEEDS).blocks[0]
        assert isinstance(rows, Table)
        assert [row[:3] for row in rows.rows] == [
            ("street", "2 of 3", "2 of 3"),
            ("managed", "0 of 3", "0 of 3"),
        ]

    def test_the_verdict_states_the_interval_of_the_share(self) -> None:
        """Wilson's interval of 2 of 3: 21 to 94 %."""
        assert (
            "street: limits are broken in 2 of 3 seeds (95 % interval of the share: 21 % to 94 %)."
            in sweep.verdict(SEEDS).text
        )

    def test_differences_are_taken_seed_by_seed(self) -> None:
        """−30, 0 and −60 minutes: −30 on average."""
        made = sweep.differences(SEEDS)
        assert made is not None
        rows = dict(cast("Table", made.blocks[0]).rows)
        assert rows["Outside limits (min)"].startswith("−30 (")
        assert rows["Served share, all sessions (%)"].startswith("−2.0 (")

    def test_one_scenario_has_no_differences(self) -> None:
        """There is nothing to take them from."""
        assert sweep.differences({"street": SEEDS["street"]}) is None

    def test_the_worst_seed_stands_first(self) -> None:
        """Seed 3 of the street was outside limits for an hour."""
        rows = cast("Table", sweep.seeds(SEEDS).blocks[0]).rows
        assert rows[0][:2] == ("street", "3")

    def test_a_single_seed_has_no_interval(self) -> None:
        """The mean alone."""
        assert sweep.interval_text(Interval(3.0, None, None, 1), 1) == "3.0"

    def test_few_seeds_are_counted_beside_their_interval(self) -> None:
        """Two seeds are said to be two."""
        assert sweep.interval_text(Interval(3.0, 1.0, 5.0, 2), 0) == "3 (1 to 5, n = 2)"
        assert sweep.interval_text(Interval(3.0, 1.0, 5.0, 20), 0) == "3 (1 to 5)"

    def test_what_has_no_limits_gets_no_verdict_about_them(self) -> None:
        """Neither in the banner nor as a chapter."""
        both = frozenset(SEEDS)
        made = sweep.page(SEEDS, "", limitless=both)
        assert "limits are broken" not in made.verdict.text
        assert "violations" not in [section.anchor for section in made.sections]
        assert "street: limits are broken in 2 of 3" in sweep.verdict(SEEDS, frozenset({"managed"})).text

    def test_other_drivers_are_not_called_the_same(self) -> None:
        """Two scenarios with demands of their own."""
        made = sweep.differences(SEEDS, frozenset({"managed"}))
        assert made is not None
        assert "The drivers of managed are not those of street" in made.look
        assert "paired" not in cast("Table", made.blocks[0]).title
        assert "paired" in cast("Table", cast("Any", sweep.differences(SEEDS)).blocks[0]).title

    def test_amounts_of_two_currencies_are_shown_but_not_subtracted(self) -> None:
        """1 EUR and 2 USD on average."""
        money = {
            name: {seed: {"revenue": amount, "currency": currency, "sessions": 1} for seed in (1, 2)}
            for name, amount, currency in (("a", 1.0, "EUR"), ("b", 2.0, "USD"))
        }
        rows = cast("Table", sweep.figures(money, "").blocks[1]).rows
        assert rows[-1] == ("Revenue", "1.00 EUR", "2.00 USD")
        made = sweep.differences(money)
        assert made is not None
        assert [row[0] for row in cast("Table", made.blocks[0]).rows] == ["Sessions"]

    def test_reads_summaries_from_runs(self, tmp_path: Path, make_frames: MakeFrames) -> None:
        """Grouped by scenario, ordered by seed, one page; limits and drivers are looked up."""
        limited = {
            "street": "sites: {s: {limits: {main: {limit_a: 50}}}}",
            "managed": "sites: {s: {limits: {}}}",
        }
        sessions = make_frames().sessions
        runs = [
            SimpleNamespace(
                manifest={"scenario": name, "seed": seed}, summary=found, topology=None, scenario_text=limited[name],
                sessions=SimpleNamespace(to_pandas=lambda name=name: sessions.assign(requested_wh=1.0 + (name == "managed"))),
            )
            for name, of in SEEDS.items() for seed, found in reversed(of.items())
        ]  # fmt: skip
        path = sweep.write_sweep_report(cast("Any", SimpleNamespace(runs=runs)), tmp_path / "report.html")
        text = path.read_text(encoding="utf-8")
        assert "street · managed" in text
        assert "3 seeds: 1 to 3" in text
        assert "street: limits are broken in 2 of 3 seeds" in text
        assert "managed: neither a feeder nor limits of sites" in text
        assert "The drivers of managed are not those of street" in text
