from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from twin.report import compare, html, sweep
from twin.report.frames import Frames
from twin.report.model import Table
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
        assert rows["Served share (%)"] == ("50.0", "60.0", "+10.0")

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
        assert rows["Served share (%)"].startswith("−2.0 (")

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

    def test_reads_summaries_from_runs(self, tmp_path: Path) -> None:
        """Grouped by scenario, ordered by seed, one page."""
        runs = [
            SimpleNamespace(manifest={"scenario": name, "seed": seed}, summary=found)
            for name, of in SEEDS.items() for seed, found in reversed(of.items())
        ]  # fmt: skip
        path = sweep.write_sweep_report(cast("Any", SimpleNamespace(runs=runs)), tmp_path / "report.html")
        text = path.read_text(encoding="utf-8")
        assert "street · managed" in text
        assert "3 seeds: 1 to 3" in text
