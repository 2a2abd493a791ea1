"""What the page of a three-phase run says about its phases, its unbalance and its transformers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from tests.report.conftest import three_phases
from twin.domain.ageing import thermal
from twin.report import compare, html, page, sweep
from twin.report.chapters import ageing, limits, phases, provenance, voltage
from twin.report.figures import phases as figures
from twin.report.frames import Frames
from twin.report.layout import way_to
from twin.report.style import LIMIT
from twin.results.ageing import TransformerAgeing

MakeFrames = Callable[..., Frames]
BERLIN = ZoneInfo("Europe/Berlin")
FIGURES = {"max_vuf_pct": 2.6, "unbalance_minutes": 60.0, "min_vm_pu": 0.88, "max_vm_pu": 1.03}


@pytest.fixture
def frames(make_frames: MakeFrames) -> Frames:
    """Two days with three phases; B is low on L2 and uneven in one hour."""
    return make_frames(summary=FIGURES, **three_phases())


@pytest.fixture
def ax() -> Axes:
    """Empty axes, without pyplot."""
    return Figure().add_subplot()


def aged(
    loading_pct: float = 100.0, hours: int = 48, name: str = "trafo", unsolved: int = 0
) -> TransformerAgeing:
    found = None if unsolved else thermal(np.full(hours, loading_pct), 3600.0)
    return TransformerAgeing(
        transformer=name, unsolved=unsolved, t_s=np.arange(1.0, hours + 1.0) * 3600.0, thermal=found
    )


class TestTheChapter:
    def test_says_which_phase_is_low_and_how_uneven_the_worst_bus_is(self, frames: Frames) -> None:
        """With the other two phases, the instant, and the limit."""
        said = phases.chapter(frames).blocks[0].text
        assert said.startswith(
            "The lowest voltage was 0.880 pu on L2 at B on Mon 18 Jan 19:00, while L1 was at 1.020 and L3 at 1.030 pu."
        )
        assert "Of the lowest 1 % of all voltages 100 % are on L2." in said
        assert "The highest unbalance was 2.60 % at B on Mon 18 Jan 19:00." in said
        assert said.endswith("That is beyond the limit of 2.0 %; 1 bus was beyond theirs, for 1 h in all.")

    def test_says_that_the_limit_was_kept_or_that_there_is_none(self, make_frames: MakeFrames) -> None:
        """A limit that nobody set is not kept."""
        calm = three_phases(violations=pd.DataFrame(columns=["element", "kind", "start_s", "end_s"]))
        assert "The limit of 2.0 % was kept everywhere." in phases.chapter(make_frames(**calm)).blocks[0].text
        free = calm | {"topology": replace(calm["topology"], vuf_max_pct=np.full(3, np.inf))}
        assert phases.chapter(make_frames(**free)).blocks[0].text.endswith("No limit was set for it.")

    def test_shows_three_figures_and_the_worst_buses(self, frames: Frames) -> None:
        """Over time, along the feeder, the unbalance; the lowest bus stands first, with its phases."""
        _, over_time, row, worst = phases.chapter(frames).blocks
        assert over_time.title == "Voltage of each phase at B, the bus with the lowest"
        assert [item.title for item in row.items] == [
            "Along the feeder on Mon 18 Jan 19:00; bold: the way to B", "Voltage unbalance at B, the worst bus",
        ]  # fmt: skip
        at = "Mon 18 Jan 19:00"
        assert worst.rows[0] == ("B", "0.880", "L2", at, "1.030", "L3", "2.60", at)
        assert [row[0] for row in worst.rows] == ["B", "A"]

    def test_is_absent_where_the_feeder_is_taken_as_symmetric(self, make_frames: MakeFrames) -> None:
        """And without a feeder."""
        assert phases.chapter(make_frames()) is None
        assert phases.chapter(make_frames(topology=None)) is None

    def test_without_any_solution_it_says_so(self, make_frames: MakeFrames) -> None:
        """No phase to name."""
        tables = three_phases()
        gone = tables["buses"].assign(
            **dict.fromkeys(("vm_pu", "vm_a_pu", "vm_b_pu", "vm_c_pu", "vuf_pct"), np.nan)
        )
        (block,) = phases.chapter(make_frames(**tables | {"buses": gone})).blocks
        assert block.text == "No interval has a solution."

    def test_long_runs_are_drawn_by_the_worst_of_each_bin(self, make_frames: MakeFrames) -> None:
        """3,000 five-minute instants: bins of three keep the one instant at 0.88 pu and 2.6 %."""
        t_s = np.arange(1, 3001) * 300.0
        bad = t_s == 300.0 * 1500
        b = pd.DataFrame(
            {
                "t_s": t_s,
                "bus": "B",
                "vm_a_pu": 1.0,
                "vm_b_pu": np.where(bad, 0.88, 1.0),
                "vm_c_pu": 1.0,
                "vuf_pct": np.where(bad, 2.6, 0.1),
            }
        )
        made = make_frames(**three_phases(buses=b.assign(vm_pu=b["vm_b_pu"])))
        drawn, width_s = phases._thinned(made, b.set_index("t_s")[["vm_b_pu"]], "min")
        assert (len(drawn), width_s, float(drawn["vm_b_pu"].min())) == (1000, 900.0, 0.88)


class TestOtherChapters:
    def test_the_voltage_s_extremes_are_those_of_the_phases(self, frames: Frames) -> None:
        """Lowest on L2, highest on L3."""
        said = voltage.chapter(frames).blocks[1].text
        assert said == (
            "The lowest voltage was 0.880 pu on L2 at B on Mon 18 Jan 19:00, the highest 1.030 pu on L3 at B on Mon 18 Jan 19:00."
        )

    def test_the_band_of_the_day_holds_every_phase(self, frames: Frames) -> None:
        """The highest phase is in it, though the table's usual column has the lowest."""
        band = voltage.band(frames)
        assert (band["low"].min(), band["high"].max()) == (0.88, 1.03)

    def test_en50160_tells_phase_and_unbalance(self, frames: Frames) -> None:
        """B keeps the voltage but not the unbalance."""
        said = voltage.quality(frames.en50160)
        assert said.tone == "bad"
        assert said.text.startswith(
            "EN 50160 is not kept at 1 of 2 buses (the voltage at 0, the unbalance at 1); it asks for 95 % of the 10-minute "
            "means of each phase in the run (shorter than a week, judged as it is) within Un ± 10 % and all of them within "
            "Un + 10 % / − 15 %, and 95 % of those of the unbalance within 2 %."
        )
        assert "The weakest bus is B on L2: 98.00 % of its" in said.text
        assert said.text.endswith(
            "The most uneven is B: 94.00 % of its 10-minute means of the unbalance lie within 2 %, the highest is 2.60 %."
        )
        made = voltage.weakest(frames.en50160)
        assert made.rows[0] == ("B", "no", "L2", "98.00 %", "0.880", "1.000", "94.00 %", "2.60")
        assert len(made.columns) == 8

    def test_violations_name_the_phase_and_the_unbalance(self, frames: Frames) -> None:
        """In sentences and in the table."""
        assert limits.sentences(frames) == [
            "In 1 h of the 2 days the bus B was below its lower voltage limit; worst 0.880 pu (L2) on Mon 18 Jan 19:00.",
            "In 1 h of the 2 days the bus B was beyond its limit of the voltage unbalance; worst 2.60 % on Mon 18 Jan 19:00.",
        ]
        assert [row[4] for row in limits.each(frames).rows] == ["2.60 %", "0.880 pu (L2)"]

    def test_a_high_voltage_is_that_of_the_highest_phase(self, frames: Frames) -> None:
        """Its moment is looked up there, not in the lowest phase."""
        row = pd.Series(
            {
                "kind": "high voltage",
                "element": "B",
                "start_s": 0.0,
                "end_s": 172_800.0,
                "worst": 1.03,
                "phase": "L3",
            }
        )
        assert limits.worst_moment(frames, row) == "Mon 18 Jan 19:00"
        assert limits.farthest(row) == "1.030 pu (L3)"

    def test_a_card_shows_the_unbalance_only_with_three_phases(
        self, frames: Frames, make_frames: MakeFrames
    ) -> None:
        """Marked, because its limit is broken."""
        (card,) = (c for c in page.cards(frames) if c.name == "Highest unbalance")
        assert (card.value, card.unit, card.tone, card.detail) == ("2.60", "%", "bad", "limit 2.0 %")
        assert "Highest unbalance" not in {c.name for c in page.cards(make_frames())}

    def test_the_whole_page_holds_the_chapter(self, frames: Frames, make_frames: MakeFrames) -> None:
        """Between voltage and map; a symmetric page has no word of it."""
        text = html.render(page.page(frames))
        assert text.index('id="voltage"') < text.index('id="phases"') < text.index('id="map"')
        plain = html.render(page.page(make_frames()))
        assert 'id="phases"' not in plain
        assert "unbalance" not in plain

    def test_runs_beside_each_other_show_the_unbalance_where_it_is_known(
        self, frames: Frames, make_frames: MakeFrames
    ) -> None:
        """A dash for the symmetric run; no row between two of them."""
        names = ("one", "three")
        rows = compare.key_figures((make_frames(), frames), names).blocks[-1].rows
        assert ("Highest voltage unbalance (%)", "–", "2.60", "–") in rows
        plain = compare.key_figures((make_frames(), make_frames()), names).blocks[-1].rows
        assert not [row for row in plain if "unbalance" in row[0]]

    def test_a_sweep_draws_the_unbalance_where_every_run_knows_it(self) -> None:
        """And has no column of dashes where none does."""
        known = {seed: FIGURES | {"max_vuf_pct": 1.0 + seed, "violation_minutes": 0.0} for seed in (1, 2)}
        unknown = {
            seed: each | {"max_vuf_pct": None, "unbalance_minutes": None} for seed, each in known.items()
        }
        titles = [item.title for item in sweep.figures({"a": known}, "stamp").blocks[0].items]
        assert "Highest voltage unbalance by seed" in titles
        assert "Highest voltage unbalance (%)" in sweep.seeds({"a": known}).blocks[0].columns
        assert "Highest voltage unbalance (%)" not in sweep.seeds({"a": unknown}).blocks[0].columns


class TestAgeing:
    def test_a_transformer_at_its_rating_ages_normally(self, make_frames: MakeFrames) -> None:
        """98 degrees, 48 hours of life in 48 hours."""
        said, row = ageing.blocks(make_frames(ageing=[aged()]))
        assert said.text.startswith(
            "The hottest spot of trafo reached 98.0 °C; the run used 48.0 h of its life in 48 h: 1.00 times normal ageing. By IEC 60076-7"
        )
        assert row.items[1].rows == (("trafo", "98.0", "48.0", "1.00"),)

    def test_the_one_that_aged_most_stands_first(self, make_frames: MakeFrames) -> None:
        """Whatever the order of the net."""
        _, row = ageing.blocks(make_frames(ageing=[aged(60.0, name="calm"), aged(110.0, name="busy")]))
        assert [cells[0] for cells in row.items[1].rows] == ["busy", "calm"]

    def test_steps_without_a_solution_leave_it_unknown(self, make_frames: MakeFrames) -> None:
        """No figure, a dash and the reason."""
        said, made = ageing.blocks(make_frames(ageing=[aged(unsolved=3)]))
        assert said.text.startswith("Of 1 transformer nobody can tell, because 3 steps had no solution")
        assert made.rows == (("trafo", "–", "–", "–"),)

    def test_a_spot_that_is_too_hot_for_the_model_is_called_so(self, make_frames: MakeFrames) -> None:
        """150 % for two days."""
        said, _ = ageing.blocks(make_frames(ageing=[aged(150.0)]))
        assert "Above 140 °C gas bubbles may form in the oil" in said.text

    def test_it_stands_in_the_chapter_on_the_transformer(self, make_frames: MakeFrames) -> None:
        """Nothing of it where no transformer carried anything."""
        assert "Hottest spot of the winding" in html.render(page.page(make_frames(ageing=[aged()])))
        assert ageing.blocks(make_frames()) == ()


class TestProvenance:
    def test_the_self_check_is_told_with_its_numbers(self, make_frames: MakeFrames) -> None:
        """What solved, where it was compared, how far it was."""
        grid = {
            "solver": "compiled fixed point", "fallback": "",
            "self_check": {"points": ["no load", "nominal"], "max_dvm_pu": 2.5e-9, "max_dloading_pct": 1e-7, "max_dvuf_pct": 3e-7},
        }  # fmt: skip
        (said,) = provenance.solver(make_frames(manifest={"grid": grid}, **three_phases()))
        assert said.text == (
            "Power flows: compiled fixed point. Before the run it was compared with pandapower (no load; nominal): the largest "
            "differences were 2.5e-09 pu of a voltage, 1.0e-07 % of a loading and 3.0e-07 % of an unbalance."
        )
        (plain,) = provenance.solver(make_frames(manifest={"grid": grid}))
        assert "unbalance" not in plain.text

    def test_a_fallback_is_told_with_its_reason(self, make_frames: MakeFrames) -> None:
        """In the audit and among the assumptions."""
        grid = {
            "solver": "pandapower",
            "fallback": "generator `G 1` holds a voltage",
            "assumptions": ["r0/r1 = 4 assumed for 95 lines"],
        }
        made = make_frames(manifest={"grid": grid})
        (said,) = provenance.solver(made)
        assert (
            said.text
            == "Power flows: pandapower. The compiled feeder was not used: generator `G 1` holds a voltage."
        )
        rows = provenance.caveats(made.manifest)
        assert ("Assumption of the feeder", "r0/r1 = 4 assumed for 95 lines") in rows
        assert ("Fallback of the feeder", "generator `G 1` holds a voltage") in rows

    def test_a_run_that_does_not_say_is_not_spoken_for(self, make_frames: MakeFrames) -> None:
        """Without a grid there is no solver."""
        assert provenance.solver(make_frames(manifest={"grid": None})) == []


class TestFigures:
    def hours(self, n: int) -> pd.DatetimeIndex:
        return pd.date_range("2016-01-18 01:00", periods=n, freq="h", tz=BERLIN)

    def test_each_phase_has_its_line_and_only_limits_are_red(self, ax: Axes) -> None:
        """Three lines, two limits."""
        frame = pd.DataFrame({"L1": [1.0, 0.93], "L2": [1.0, 1.04], "L3": [1.0, 1.05]}, index=self.hours(2))
        figures.voltage_by_phase(frame, ax=ax, zone=BERLIN, vm_min_pu=0.9, vm_max_pu=1.1)
        assert [list(line.get_ydata()) for line in ax.get_lines()[:3]] == [
            [1.0, 0.93],
            [1.0, 1.04],
            [1.0, 1.05],
        ]
        red = [
            line.get_ydata()[0]
            for line in ax.get_lines()
            if to_hex(line.get_color()).lower() == LIMIT.lower()
        ]
        assert red == [0.9, 1.1]

    def test_a_limit_far_from_every_voltage_does_not_flatten_the_lines(self, ax: Axes) -> None:
        """Voltages between 0.99 and 1.01 pu: 0.5 and 1.5 pu are not drawn."""
        frame = pd.DataFrame({"L1": [0.99], "L2": [1.0], "L3": [1.01]}, index=self.hours(1))
        figures.voltage_by_phase(frame, ax=ax, zone=BERLIN, vm_min_pu=0.5, vm_max_pu=1.5)
        assert len(ax.get_lines()) == 3
        assert ax.get_ylim()[0] > 0.98

    def test_a_profile_runs_from_the_head_to_the_bus(self, ax: Axes) -> None:
        """Two branches, three phases; a bus without a solution is left out."""
        vm_pu = np.array([[1.0, 1.0, 1.0], [0.98, 0.99, 1.0], [0.95, 0.98, 1.01], [np.nan] * 3])
        figures.voltage_profile(
            depth=np.array([0.0, 1.0, 2.0, np.nan]), from_bus=np.array([0, 1, 1]), to_bus=np.array([1, 2, 3]), vm_pu=vm_pu,
            path=[0, 1, 2], ax=ax, vm_min_pu=-np.inf, vm_max_pu=np.inf,
        )  # fmt: skip
        first = ax.get_lines()[0]
        assert list(first.get_xdata()) == [0, 1, 2]
        assert list(first.get_ydata()) == [1.0, 0.98, 0.95]
        assert [len(c.get_segments()) for c in ax.collections] == [2, 2, 2]

    def test_the_unbalance_has_its_limit_in_red(self, ax: Axes) -> None:
        """And room above it."""
        figures.unbalance_over_time(
            pd.Series([0.5, 1.0], index=self.hours(2)), ax=ax, zone=BERLIN, limit_pct=2.0
        )
        assert ax.get_lines()[-1].get_ydata()[0] == 2.0
        assert ax.get_ylim()[1] > 2.0

    def test_the_way_to_a_bus_is_counted_in_branches(self) -> None:
        """0 - 1 - 2 and 0 - 3; bus 4 has no way."""
        depth, path = way_to(2, 5, np.array([0, 1, 0]), np.array([1, 2, 3]), [0])
        np.testing.assert_array_equal(depth, [0, 1, 2, 1, np.nan])
        assert path == [0, 1, 2]
