"""The pieces of a hosting study: settings, draws, verdicts, shares, the capacity, the folder."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.domain.grid import GridTopology
from twin.domain.specs import Connection, EvseSpec
from twin.errors import SettingsError
from twin.results.statistics import Interval, proportion
from twin.studies.hosting.draws import draw, existing, station_rows, turn_connection, turned
from twin.studies.hosting.flow import Extremes
from twin.studies.hosting.folder import finished, open_folder
from twin.studies.hosting.judge import judge
from twin.studies.hosting.settings import Settings, counts, make_settings
from twin.studies.hosting.summary import capacity, draws_needed, summarise
from twin.studies.hosting.table import DRAWS, part_path, read_draws, write_draw


class TestSettings:
    def test_what_the_command_line_says_is_read(self) -> None:
        """Shares by commas; 0 is looked at in any case."""
        made = make_settings("0.5, 1", "en50160", 30.0, "scenario")
        assert made == Settings(
            penetrations=(0.5, 1.0), rule="en50160", tolerance_min=30.0, phases="scenario"
        )
        assert made.levels == (0.0, 0.5, 1.0)

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (("a,b", "instant", 0.0, "drawn"), "--penetrations: `a,b` is no list of shares; write for example 0.2,0.4,0.6,0.8,1.0"),
            (("0,0.5", "instant", 0.0, "drawn"), "--penetrations: expected ascending shares above 0 and up to 1, each once, got 0, 0.5"),
            (("1,0.5", "instant", 0.0, "drawn"), "--penetrations: expected ascending shares above 0 and up to 1, each once, got 1, 0.5"),
            (("nan", "instant", 0.0, "drawn"), "--penetrations: expected ascending shares above 0 and up to 1, each once, got nan"),
            (
                ("2", "ever", -1.0, "any"),
                ("--penetrations: expected ascending shares above 0 and up to 1, each once, got 2\n"
                "--rule: expected instant or en50160, got `ever`\n"
                "--phases: expected drawn or scenario, got `any`\n"
                "--tolerance-min: expected minutes from 0 on, got -1"),
            ),
        ],
    )  # fmt: skip
    def test_what_cannot_be_asked_is_told_all_at_once(self, arguments: Any, said: str) -> None:
        """With the option, what was expected and what came."""
        with pytest.raises(SettingsError) as raised:
            make_settings(*arguments)
        assert str(raised.value) == said

    def test_counts_are_rounded_half_up(self) -> None:
        """Of 99 stations 20 % are 19.8: 20; of 5 stations a half is 2.5: 3."""
        assert counts((0.0, 0.2, 0.4, 0.6, 0.8, 1.0), 99) == (0, 20, 40, 59, 79, 99)
        assert counts((0.5,), 5) == (3,)


def evse(name: str, connection: Connection = Connection.L1L2L3) -> EvseSpec:
    return EvseSpec(id=name, station=name.split("/", maxsplit=1)[0], site="s", bus="b", connection=connection)


class TestDraws:
    def test_seed_and_number_decide_everything(self) -> None:
        """The same world again, another one with another number or seed."""
        one, again, other, elsewhere = draw(7, 3, 50), draw(7, 3, 50), draw(7, 4, 50), draw(8, 3, 50)
        assert (one.order == again.order).all()
        assert (one.turns == again.turns).all()
        assert one.seed == again.seed
        for another in (other, elsewhere):
            assert (one.order != another.order).any()
            assert (one.turns != another.turns).any()
            assert one.seed != another.seed

    @given(st.integers(0, 2**40), st.integers(0, 500), st.integers(1, 40))
    def test_more_chargers_keep_those_that_are_there(self, seed: int, number: int, stations: int) -> None:
        """Sets are nested, and at full penetration everybody has one."""
        world = draw(seed, number, stations)
        rows = station_rows([evse(f"a{k}/1") for k in range(stations)])
        sets = [set(existing(world, rows, count).tolist()) for count in range(stations + 1)]
        assert [len(chosen) for chosen in sets] == list(range(stations + 1))
        assert all(small < large for small, large in itertools.pairwise(sets))

    def test_every_station_is_as_likely_to_be_first(self) -> None:
        """Of 3,000 draws over five stations 600 each, give or take four standard deviations (22)."""
        firsts = Counter(int(draw(1, k, 5).order[0]) for k in range(3_000))
        assert all(abs(firsts[k] - 600) < 4 * 22 for k in range(5))

    def test_every_phase_is_as_likely(self) -> None:
        """Of 3,000 turns 1,000 each, give or take four standard deviations (26)."""
        turns = Counter(np.concatenate([draw(1, k, 30).turns for k in range(100)]).tolist())
        assert set(turns) == {0, 1, 2}
        assert all(abs(n - 1_000) < 4 * 26 for n in turns.values())

    def test_a_station_comes_with_all_its_evses(self) -> None:
        """Three stations of one, two and one outlets; the second alone has rows 1 and 2."""
        evses = [evse(name) for name in ("a/1", "b/1", "b/2", "c/1")]
        rows = station_rows(evses)
        assert [of.tolist() for of in rows] == [[0], [1, 2], [3]]
        world = draw(0, 0, 3)
        first = rows[int(world.order[0])]
        assert existing(world, rows, 1).tolist() == first.tolist()

    @pytest.mark.parametrize(
        ("connection", "once", "twice"),
        [("L1", "L2", "L3"), ("L3", "L1", "L2"), ("L1L2L3", "L2L3L1", "L3L1L2"), ("L2-L3", "L3-L1", "L1-L2")],
    )
    def test_a_connection_turns_within_its_kind(self, connection: str, once: str, twice: str) -> None:
        """L1 becomes L2, whatever it is the first conductor of; three turns are none."""
        start = Connection(connection)
        assert [turn_connection(start, k).value for k in range(4)] == [connection, once, twice, connection]

    def test_the_outlets_of_a_station_turn_together(self) -> None:
        """An installer rotates them against each other, which the draw keeps."""
        evses = [evse("a/1", Connection.L1), evse("a/2", Connection.L2), evse("b/1", Connection.L1)]
        made = turned(evses, station_rows(evses), np.array([1, 0]))
        assert [e.connection.value for e in made] == ["L2", "L3", "L1"]


def topology(phases: int = 3, vuf_pct: float = 2.0) -> GridTopology:
    """A medium-voltage bus, two buses where cars charge; one transformer, one line of half the rating."""
    return GridTopology(
        name="tiny",
        buses=("mv", "near", "far"),
        bus_vn_kv=np.array([20.0, 0.4, 0.4]),
        charging_level=np.array([False, True, True]),
        branches=("cable", "trafo"),
        is_trafo=np.array([False, True]),
        from_bus=np.array([1, 0]),
        to_bus=np.array([2, 1]),
        bus_xy=np.full((3, 2), np.nan),
        vm_min_pu=np.array([0.97, 0.9, 0.9]),
        vm_max_pu=np.array([1.05, 1.1, 1.1]),
        max_loading_pct=np.array([50.0, 100.0]),
        head_va_rating=1e5,
        phases=phases,
        vuf_max_pct=np.full(3, vuf_pct),
    )


def extremes(**changes: Any) -> Extremes:
    """A week of five-minute steps in which nothing is wrong, but for the changes."""
    fine = Extremes(
        steps=2016,
        unsolved=0,
        vm_min_pu=np.array([1.0, 0.99, 0.95]),
        vm_max_pu=np.array([1.0, 1.01, 1.02]),
        vuf_max_pct=np.array([0.0, 0.5, 1.0]),
        loading_max_pct=np.array([40.0, 60.0]),
        low_steps=np.zeros(3, dtype=np.int64),
        high_steps=np.zeros(3, dtype=np.int64),
        vuf_steps=np.zeros(3, dtype=np.int64),
        over_steps=np.zeros(2, dtype=np.int64),
        slack_max_w=1e4,
    )
    return fine._replace(
        **{key: np.asarray(value) if isinstance(value, list) else value for key, value in changes.items()}
    )


def verdict(
    settings: Settings | None = None, grid: GridTopology | None = None, **changes: Any
) -> dict[str, Any]:
    return judge(extremes(**changes), grid or topology(), settings or Settings(), 5.0)


class TestJudge:
    def test_nothing_wrong_is_no_violation(self) -> None:
        """Worst values are told all the same: of the level where cars charge."""
        row = verdict()
        assert not row["violated"]
        assert (row["low_element"], row["low_pu"]) == ("far", 0.95)
        assert (row["high_element"], row["high_pu"]) == ("far", 1.02)
        assert (row["line_element"], row["line_pct"]) == ("cable", 40.0)
        assert (row["trafo_element"], row["trafo_pct"]) == ("trafo", 60.0)
        assert (row["unbalance_element"], row["unbalance_pct"]) == ("far", 1.0)

    @pytest.mark.parametrize(
        ("reason", "changes", "element", "minutes"),
        [
            ("low", {"vm_min_pu": [1.0, 0.99, 0.89], "low_steps": [0, 0, 3]}, "far", 15.0),
            ("low", {"vm_min_pu": [0.96, 0.99, 0.95], "low_steps": [2, 0, 0]}, "mv", 10.0),
            ("high", {"vm_max_pu": [1.0, 1.11, 1.02], "high_steps": [0, 1, 0]}, "near", 5.0),
            ("line", {"loading_max_pct": [51.0, 60.0], "over_steps": [4, 0]}, "cable", 20.0),
            ("trafo", {"loading_max_pct": [40.0, 101.0], "over_steps": [0, 1]}, "trafo", 5.0),
            ("unbalance", {"vuf_max_pct": [0.0, 2.1, 1.0], "vuf_steps": [0, 2, 0]}, "near", 10.0),
        ],
    )
    def test_each_reason_stands_alone(
        self, reason: str, changes: dict[str, Any], element: str, minutes: float
    ) -> None:
        """Only the limit that is broken is named, with its element and for how long."""
        row = verdict(**changes)
        assert [key for key in ("low", "high", "line", "trafo", "unbalance", "unsolved") if row[key]] == [
            reason
        ]
        assert (row["violated"], row[f"{reason}_element"]) == (True, element)
        assert (row[f"{reason}_min"], row[f"{reason}_elements"]) == (minutes, 1)

    def test_no_solution_is_a_violation_whatever_is_tolerated(self) -> None:
        """There is nothing that one could be lenient about."""
        row = verdict(Settings(tolerance_min=1e4), unsolved=1)
        assert (row["violated"], row["unsolved"], row["unsolved_steps"]) == (True, True, 1)

    @pytest.mark.parametrize(("steps", "violated"), [(6, False), (7, True)])
    def test_minutes_can_be_tolerated(self, steps: int, violated: bool) -> None:
        """30 minutes are six steps of five; the seventh is too many."""
        row = verdict(Settings(tolerance_min=30.0), loading_max_pct=[40.0, 120.0], over_steps=[0, steps])
        assert row["trafo"] is violated

    @pytest.mark.parametrize(("steps", "violated"), [(100, False), (101, True)])
    def test_en50160_allows_5_percent_of_the_week(self, steps: int, violated: bool) -> None:
        """100.8 of 2,016 steps: 100 are fewer, 101 are more."""
        row = verdict(Settings(rule="en50160"), vm_min_pu=[1.0, 0.99, 0.88], low_steps=[0, 0, steps])
        assert row["low"] is violated
        row = verdict(Settings(rule="en50160"), vuf_max_pct=[0.0, 3.0, 1.0], vuf_steps=[0, steps, 0])
        assert row["unbalance"] is violated

    def test_en50160_never_allows_less_than_85_percent_nor_too_much(self) -> None:
        """One step is enough, as it is for a loading."""
        rule = Settings(rule="en50160")
        assert verdict(rule, vm_min_pu=[1.0, 0.99, 0.849], low_steps=[0, 0, 1])["low"]
        assert not verdict(rule, vm_min_pu=[1.0, 0.99, 0.851], low_steps=[0, 0, 1])["low"]
        assert verdict(rule, vm_max_pu=[1.0, 1.11, 1.0], high_steps=[0, 1, 0])["high"]
        assert verdict(rule, loading_max_pct=[40.0, 101.0], over_steps=[0, 1])["trafo"]

    def test_a_line_counts_by_its_own_limit(self) -> None:
        """60 % on a cable that may carry 50 % is worse than 110 % on one that may carry 100 %."""
        two_lines = topology()
        grid = GridTopology(
            **{
                **{f: getattr(two_lines, f) for f in two_lines.__slots__},
                "is_trafo": np.array([False, False]),
            }
        )
        row = verdict(grid=grid, loading_max_pct=[60.0, 110.0], over_steps=[1, 1])
        assert (row["line_element"], row["line_elements"]) == ("cable", 2)
        assert (row["trafo"], row["trafo_element"]) == (False, "")

    def test_a_symmetric_feeder_has_no_unbalance(self) -> None:
        """Nothing is told about what was not solved."""
        row = verdict(grid=topology(phases=1))
        assert (row["unbalance"], row["unbalance_element"]) == (False, "")
        assert np.isnan(row["unbalance_pct"])

    def test_elements_out_of_service_are_not_told(self) -> None:
        """NaN is neither worst nor best."""
        row = verdict(vm_min_pu=[1.0, 0.99, np.nan], loading_max_pct=[np.nan, 60.0])
        assert (row["low_element"], row["line_element"]) == ("near", "")

    def test_without_any_limit_the_most_extreme_value_is_told(self) -> None:
        """Unbalance has no limit unless the scenario gives one."""
        row = verdict(grid=topology(vuf_pct=np.inf))
        assert (row["unbalance"], row["unbalance_element"], row["unbalance_pct"]) == (False, "far", 1.0)


@pytest.mark.parametrize(
    ("count", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_shares_have_the_published_intervals(count: int, n: int, low: float, high: float) -> None:
    """R. G. Newcombe, Statistics in Medicine 17 (1998) 857-872, table I, method 3: four digits."""
    found = proportion(count, n)
    assert (found.low, found.high) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


class TestCapacity:
    def test_73_draws_can_show_that_a_feeder_keeps_a_risk_of_5_percent(self) -> None:
        """Wilson's upper end of 0 of n is z² / (n + z²): at most 5 % from n = 19 z² = 72.99 on."""
        assert draws_needed(0.05) == 73
        assert draws_needed(0.5) == 4  # z² = 3.84

    def test_it_is_where_the_line_crosses_the_risk(self) -> None:
        """0 at 40 %, 20 % of the draws at 60 %: 5 % on a straight line at 45 %."""
        shares = [Interval(m, m, m, 100) for m in (0.0, 0.0, 0.2, 0.9)]
        found = capacity((0.0, 0.4, 0.6, 1.0), shares)
        assert (found.penetration, found.beyond) == (pytest.approx(0.45), False)

    def test_its_ends_are_those_of_the_shares(self) -> None:
        """Upper ends cross earlier, lower ends later."""
        shares = [Interval(0.0, 0.0, 0.0, 100), Interval(0.1, 0.05, 0.2, 100), Interval(1.0, 0.55, 1.0, 100)]
        found = capacity((0.0, 0.5, 1.0), shares)
        assert found.low == pytest.approx(0.125)
        assert found.penetration == pytest.approx(0.25)
        assert found.high == pytest.approx(0.5)

    def test_a_feeder_that_keeps_the_risk_throughout_takes_at_least_all(self) -> None:
        """5 % is still accepted."""
        found = capacity((0.0, 1.0), [Interval(0.0, 0.0, 0.02, 200), Interval(0.05, 0.0, 0.09, 200)])
        assert (found.penetration, found.high, found.beyond) == (1.0, 1.0, True)
        assert found.low == pytest.approx(0.03 / 0.07)

    def test_a_feeder_in_trouble_takes_none(self) -> None:
        """The base load alone violates."""
        found = capacity((0.0, 1.0), [Interval(1.0, 0.9, 1.0, 50)] * 2)
        assert (found.penetration, found.low, found.high) == (0.0, 0.0, 0.0)

    @given(st.lists(st.floats(0, 1), min_size=2, max_size=6))
    def test_its_interval_holds_it(self, means: list[float]) -> None:
        """Whatever the shares are."""
        shares = [Interval(m, max(0.0, m - 0.1), min(1.0, m + 0.1), 50) for m in means]
        found = capacity(np.linspace(0, 1, len(means)).tolist(), shares)
        assert found.low <= found.penetration <= found.high


def row(number: int, penetration: float, **changes: Any) -> dict[str, Any]:
    """A row of the table of draws without a violation, but for the changes."""
    return (
        {
            "draw": number,
            "penetration": penetration,
            "stations": round(4 * penetration),
            "evses": round(4 * penetration),
        }
        | verdict()
        | {
            "ev_peak_w": 1e4 * penetration,
            "requested_wh": 2e4 * penetration,
            "delivered_wh": 1.5e4 * penetration,
        }
        | changes
    )


class TestTable:
    def test_what_is_written_is_read_again_in_order(self, tmp_path: Path) -> None:
        """One file per draw, with what the feeder is."""
        (tmp_path / "draws").mkdir()
        for number in (1, 0):
            write_draw(tmp_path, number, [row(number, p) for p in (0.0, 1.0)], {"net": "tiny"})
        rows = read_draws(tmp_path, 2)
        assert rows.column_names == DRAWS.names
        assert rows["draw"].to_pylist() == [0, 0, 1, 1]
        assert json.loads(rows.schema.metadata[b"twin.feeder"]) == {"net": "tiny"}

    def test_a_summary_counts_draws(self, tmp_path: Path) -> None:
        """Four draws: with all chargers the transformer is too small in three, the cable in one of these."""
        (tmp_path / "draws").mkdir()
        hot = {"violated": True, "trafo": True, "trafo_pct": 110.0}
        both = hot | {"line": True, "line_element": "cable"}
        for number, full in enumerate((hot, hot, both, {})):
            write_draw(tmp_path, number, [row(number, 0.0), row(number, 0.5), row(number, 1.0, **full)], {})
        made = summarise(read_draws(tmp_path, 4))
        none, half, full = made.levels
        assert (made.draws, made.stations) == (4, 4)
        assert [level.shares["any"].mean for level in (none, half, full)] == [0.0, 0.0, 0.75]
        assert (none.violating["any"], full.violating["any"], full.violating["line"]) == (0, 3, 1)
        assert full.shares["trafo"] == proportion(3, 4)
        assert full.shares["line"] == proportion(1, 4)
        assert full.worst["trafo_pct"].median == 110.0
        assert (none.served_share, full.served_share) == (None, 0.75)
        assert made.capacity.penetration == pytest.approx(0.5 + 0.5 * 0.05 / 0.75)
        assert [(x.reason, x.element, x.draws, x.share) for x in made.limiting] == [
            ("trafo", "trafo", 3, 1.0),
            ("line", "cable", 1, pytest.approx(1 / 3)),
        ]

    def test_what_limits_is_what_breaks_first(self, tmp_path: Path) -> None:
        """At half penetration the cable, later the transformer too: the cable limits."""
        (tmp_path / "draws").mkdir()
        first = {"violated": True, "line": True, "line_element": "cable"}
        write_draw(tmp_path, 0, [row(0, 0.0), row(0, 0.5, **first), row(0, 1.0, **first, trafo=True)], {})
        (found,) = summarise(read_draws(tmp_path, 1)).limiting
        assert (found.reason, found.element) == ("line", "cable")


ASKED = {
    "scenario": "street",
    "scenario_hash": "abc",
    "seed": 1,
    "penetrations": [0.5, 1.0],
    "rule": "instant",
}


class TestFolder:
    def test_the_same_question_goes_on(self, tmp_path: Path) -> None:
        """Draws stay."""
        with open_folder(tmp_path / "out", ASKED, replace=False):
            write_draw(tmp_path / "out", 3, [row(3, 0.0)], {})
        with open_folder(tmp_path / "out", ASKED, replace=False):
            assert finished(tmp_path / "out", 3)
            assert not finished(tmp_path / "out", 2)

    def test_another_question_is_refused_by_what_differs(self, tmp_path: Path) -> None:
        """Draws of two questions are never mixed."""
        out = tmp_path / "out"
        with open_folder(out, ASKED, replace=False):
            write_draw(out, 0, [row(0, 0.0)], {})
        with (
            pytest.raises(SettingsError) as raised,
            open_folder(out, ASKED | {"seed": 2, "scenario_hash": "b", "rule": "en50160"}, replace=False),
        ):
            raise AssertionError
        assert str(raised.value) == (
            f"{out}: holds a study of another question (seed was 1, now 2; rule was instant, now en50160); "
            "name another folder with --out, or replace it with --force"
        )
        assert part_path(out, 0).is_file()

    def test_a_changed_scenario_is_told_in_words(self, tmp_path: Path) -> None:
        """A hash would tell nobody what to do."""
        out = tmp_path / "out"
        with open_folder(out, ASKED, replace=False):
            pass
        said = r"another question \(the scenario or a file that it names has changed; penetrations was 0.5, 1.0, now 1\)"
        changed = ASKED | {"scenario_hash": "def", "penetrations": [1]}
        with pytest.raises(SettingsError, match=said), open_folder(out, changed, replace=False):
            raise AssertionError

    def test_it_is_replaced_when_asked(self, tmp_path: Path) -> None:
        """The draws of the old question are gone."""
        with open_folder(tmp_path / "out", ASKED, replace=False):
            write_draw(tmp_path / "out", 0, [row(0, 0.0)], {})
        with open_folder(tmp_path / "out", ASKED | {"seed": 2}, replace=True):
            assert not finished(tmp_path / "out", 0)
        assert json.loads((tmp_path / "out" / "hosting.json").read_text())["seed"] == 2

    def test_what_is_no_study_stays_as_it_is(self, tmp_path: Path) -> None:
        """Also with --force: nobody's work is deleted."""
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / "thesis.txt").write_text("years")
        (tmp_path / "file").write_text("")
        for name, said in {
            "mine": "is not empty and holds no study of hosting capacity; name another output folder",
            "file": "is a file; name another output folder",
        }.items():
            with (
                pytest.raises(SettingsError, match=said),
                open_folder(tmp_path / name, ASKED, replace=True),
            ):
                raise AssertionError
        assert (tmp_path / "mine" / "thesis.txt").read_text() == "years"

    def test_two_studies_do_not_write_at_once(self, tmp_path: Path) -> None:
        """The second is told at once."""
        with (
            open_folder(tmp_path / "out", ASKED, replace=False),
            pytest.raises(SettingsError, match="another run is writing here"),
            open_folder(tmp_path / "out", ASKED, replace=False),
        ):
            raise AssertionError

    def test_one_that_was_killed_before_it_asked_is_begun_again(self, tmp_path: Path) -> None:
        """A lock and an empty folder are all that is there."""
        (tmp_path / "out" / "draws").mkdir(parents=True)
        (tmp_path / "out" / ".lock").touch()
        with open_folder(tmp_path / "out", ASKED, replace=False):
            assert (tmp_path / "out" / "hosting.json").is_file()
