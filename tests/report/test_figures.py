from __future__ import annotations

from collections.abc import Callable
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from twin.report.figures import drivers, feeder, power, spread, voltage
from twin.report.style import CYCLE, LIMIT, data_uri, draw, strokes, styled, svg
from twin.results.statistics import Interval

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def ax() -> Axes:
    """Empty axes, without pyplot."""
    return Figure().add_subplot()


def hours(n: int) -> pd.DatetimeIndex:
    """Ends of n hours from midnight in Berlin."""
    return pd.date_range("2016-01-18 01:00", periods=n, freq="h", tz=BERLIN)


class TestLoadDuration:
    def test_is_the_sorted_loading_over_the_share_of_time(self, ax: Axes) -> None:
        """20, 110, 50, 80 %: at least 110 for a quarter of the time, at least 80 for half of it."""
        power.load_duration(pd.DataFrame({"trafo": [20.0, 110.0, 50.0, 80.0]}), ax=ax)
        line = ax.get_lines()[0]
        np.testing.assert_allclose(line.get_xdata(), [0, 25, 50, 75, 100])
        np.testing.assert_allclose(line.get_ydata(), [110, 110, 80, 50, 20])

    def test_intervals_without_a_solution_are_no_time(self, ax: Axes) -> None:
        """NaN is left out, not drawn as zero."""
        power.load_duration(pd.DataFrame({"trafo": [40.0, np.nan]}), ax=ax)
        np.testing.assert_allclose(ax.get_lines()[0].get_ydata(), [40, 40])

    def test_the_rating_is_the_only_red(self, ax: Axes) -> None:
        """Six curves and one limit: red is kept for the limit."""
        with styled():
            axes = Figure().add_subplot()
            power.load_duration(pd.DataFrame({f"s{k}": [50.0, 120.0] for k in range(6)}), ax=axes)
        colours = [to_hex(line.get_color()).lower() for line in axes.get_lines()]
        assert colours.count(LIMIT.lower()) == 1
        assert list(axes.get_lines()[-1].get_ydata()) == [100.0, 100.0]

    def test_has_one_named_curve_per_strategy(self, ax: Axes) -> None:
        """The legend tells them apart."""
        power.load_duration(pd.DataFrame({"uncontrolled": [1.0], "managed": [2.0]}), ax=ax)
        legend = ax.get_legend()
        assert legend is not None
        assert [text.get_text() for text in legend.get_texts()] == ["uncontrolled", "managed"]


def test_charging_is_stacked_on_the_base_load(ax: Axes) -> None:
    """20 kW of base load and 30 kW of charging reach 50 kW; 5 kW of generation lie below zero."""
    frame = pd.DataFrame({"base_kw": 20.0, "ev_kw": 30.0, "pv_kw": 5.0, "head_kw": 45.0}, index=hours(3))
    power.power_over_time(frame, ax=ax, zone=BERLIN, rating_kva=100.0)
    spans = [
        (c.get_paths()[0].vertices[:, 1].min(), c.get_paths()[0].vertices[:, 1].max()) for c in ax.collections
    ]
    assert spans == [(0, 20), (20, 50), (-5, 0)]
    assert [list(line.get_ydata()) for line in ax.get_lines()] == [[45, 45, 45], [100, 100]]


def test_limits_stand_beside_measured_power(ax: Axes) -> None:
    """Wanted 22, allowed 11, drawn 10 kW."""
    frame = pd.DataFrame({"wanted_kw": 22.0, "limit_kw": 11.0, "ev_kw": 10.0}, index=hours(2))
    power.limits_and_power(frame, ax=ax, zone=BERLIN)
    assert [line.get_ydata()[0] for line in ax.get_lines()] == [22.0, 11.0]
    assert ax.collections[0].get_paths()[0].vertices[:, 1].max() == 10.0


def test_the_coincidence_of_all_chargers_is_named(ax: Axes) -> None:
    """Two chargers, factor 0.75."""
    curve = pd.DataFrame({"chargers": [1, 2], "factor": [1.0, 0.75], "low": [1.0, 0.7], "high": [1.0, 0.8]})
    power.coincidence(curve, ax=ax, chargers=2)
    np.testing.assert_allclose(ax.get_lines()[0].get_xydata(), [[1, 1], [2, 0.75]])
    assert [text.get_text() for text in ax.texts] == ["2 chargers: 0.75"]


class TestVoltageBand:
    def test_folds_all_days_and_buses_onto_one_day(self) -> None:
        """At 18:07 of two days: 0.90, 0.94, 0.98 and 1.00 pu; the median is 0.96."""
        buses = pd.DataFrame({"vm_pu": [0.90, 0.94, 0.98, 1.00]})
        middle = pd.Series(
            pd.to_datetime(["2016-01-18 18:07", "2016-01-18 18:07", "2016-01-19 18:07", "2016-01-19 18:07"])
        )
        band = voltage.band_by_time_of_day(buses, middle)
        assert list(band.index) == [18.125]
        np.testing.assert_allclose(band[["low", "p50", "high"]].to_numpy(), [[0.90, 0.96, 1.00]])

    def test_draws_fan_median_and_both_limits(self, ax: Axes) -> None:
        """Limits in red at 0.9 and 1.1 pu."""
        band = pd.DataFrame(
            {"low": [0.92], "p05": [0.93], "p50": [0.96], "p95": [0.99], "high": [1.0]}, index=[18.125]
        )
        voltage.voltage_band(band, ax=ax)
        median, low, high = ax.get_lines()
        assert list(median.get_ydata()) == [0.96]
        assert [low.get_ydata()[0], high.get_ydata()[0]] == [0.9, 1.1]
        assert {low.get_color(), high.get_color()} == {LIMIT}


def test_the_weakest_bus_stands_first(ax: Axes) -> None:
    """Lowest means 0.97 and 0.91: the second bus is drawn at 1."""
    voltage.bus_ranges(pd.DataFrame({"lowest_pu": [0.97, 0.91], "highest_pu": [1.0, 0.99]}), ax=ax)
    lines = next(c for c in ax.collections if isinstance(c, LineCollection))
    np.testing.assert_allclose(lines.get_segments(), [[[1, 0.91], [1, 0.99]], [[2, 0.97], [2, 1.0]]])


class TestFeederMap:
    def paint(self, ax: Axes, share: list[float], lowest: list[float]) -> None:
        feeder.feeder_map(
            xy=np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 1.0]]), from_bus=np.array([1, 0]), to_bus=np.array([2, 1]),
            is_trafo=np.array([False, True]), share_of_limit=np.array(share), lowest_pu=np.array(lowest), limit_pu=0.9, ax=ax,
        )  # fmt: skip

    def test_draws_each_branch_between_its_buses_with_its_loading(self, ax: Axes) -> None:
        """40 % on the line, 80 % on the transformer."""
        self.paint(ax, [0.4, 0.8], [np.nan, 0.99, 0.95])
        lines = next(c for c in ax.collections if isinstance(c, LineCollection))
        np.testing.assert_allclose(lines.get_segments(), [[[1, 0], [2, 1]], [[0, 0], [1, 0]]])
        np.testing.assert_allclose(lines.get_array(), [40, 80])

    def test_only_what_is_beyond_its_limit_is_red(self, ax: Axes) -> None:
        """The transformer at 112 % and the bus at 0.89 pu; not the line, not the other bus."""
        self.paint(ax, [0.4, 1.12], [np.nan, 0.99, 0.89])
        lines = next(c for c in ax.collections if isinstance(c, LineCollection))
        assert [to_hex(c).upper() == LIMIT for c in lines.to_rgba(lines.get_array())] == [False, True]
        dots = [c for c in ax.collections if isinstance(c, PathCollection)][-1]
        assert [to_hex(c).upper() == LIMIT for c in dots.get_edgecolors()] == [False, True]

    def test_a_branch_that_was_never_solved_has_no_colour_of_its_own(self, ax: Axes) -> None:
        """NaN is masked: neither loaded nor red."""
        self.paint(ax, [np.nan, 0.5], [np.nan, 0.99, 0.98])
        lines = next(c for c in ax.collections if isinstance(c, LineCollection))
        assert np.ma.getmaskarray(lines.get_array()).tolist() == [True, False]


class TestDrivers:
    def test_missing_energy_stands_on_what_was_delivered(self, ax: Axes) -> None:
        """15 kWh delivered, 5 missing: the upper bar runs from 15 to 20."""
        days = pd.DataFrame({"delivered_kwh": [15.0], "missing_kwh": [5.0]}, index=["Mon 18 Jan"])
        drivers.served_by_day(days, ax=ax)
        lower, upper = ax.patches
        assert (lower.get_height(), upper.get_y(), upper.get_height()) == (15.0, 15.0, 5.0)

    def test_an_hour_without_cars_is_drawn_as_zero(self, ax: Axes) -> None:
        """24 bars, 7 kWh at 18 h."""
        drivers.by_hour(pd.Series([7.0], index=[18]), ax=ax, what="Energy missing (kWh)")
        heights = [bar.get_height() for bar in ax.patches]
        assert len(heights) == 24
        assert heights[18] == sum(heights) == 7.0

    def test_the_worst_served_stand_first(self, ax: Axes) -> None:
        """Shares of 1.0 and 0.5: half of the sessions are at 50 %."""
        drivers.served_share(pd.DataFrame({"home": [1.0, 0.5, np.nan]}), ax=ax)
        np.testing.assert_allclose(ax.get_lines()[0].get_xydata(), [[0, 50], [50, 50], [100, 100]])

    def test_a_bus_stands_at_its_voltage_and_its_share(self, ax: Axes) -> None:
        """0.91 pu, 80 %."""
        drivers.served_by_bus(pd.DataFrame({"lowest_pu": [0.91], "share": [0.8], "sessions": [3]}), ax=ax)
        np.testing.assert_allclose(ax.collections[0].get_offsets(), [[0.91, 80]])


def test_every_seed_is_a_dot_and_the_mean_a_diamond_with_its_interval(ax: Axes) -> None:
    """Two seeds at 90 and 110 %, mean 100 %, interval from 80 to 120 %."""
    spread.by_seed(
        {"street": [90.0, 110.0]},
        {"street": Interval(100.0, 80.0, 120.0, 2)},
        ax=ax,
        what="Loading (%)",
        limit=105.0,
    )
    dots, bar = ax.collections
    np.testing.assert_allclose(dots.get_offsets()[:, 1], [90, 110])
    np.testing.assert_allclose(bar.get_segments()[0][:, 1], [80, 120])
    assert [list(line.get_ydata()) for line in ax.get_lines()] == [[100.0], [105.0, 105.0]]


@pytest.mark.parametrize(
    ("dots", "low", "high"),
    [
        ([100.01, 100.01], 0.0, np.inf),
        ([0.0, 0.0], 0.0, np.inf),
        ([1.0, 4.0], 0.0, np.inf),
        ([100.0, 99.9], 0.0, 100.0),
    ],
)
def test_a_scale_over_seeds_is_readable_and_possible(
    ax: Axes, dots: list[float], low: float, high: float
) -> None:
    """Equal values get a scale of some width, without an offset, within what the figure can be."""
    spread.by_seed(
        {"a": dots}, {"a": Interval(float(np.mean(dots)), None, None, 2)}, ax=ax, what="x", low=low, high=high
    )
    bottom, top = ax.get_ylim()
    assert low <= bottom <= min(dots)
    assert max(dots) <= top <= high
    assert top - bottom >= 0.01 * max(dots)
    assert not ax.yaxis.get_major_formatter().get_useOffset()


def test_curves_keep_their_colour_when_one_is_missing(ax: Axes) -> None:
    """The second run's curve alone is still the second colour and is still named."""
    power.load_duration(pd.DataFrame({"b": [1.0]}), ax=ax, strokes=strokes(["a", "b"]))
    assert ax.get_lines()[0].get_color() == CYCLE[1]
    assert ax.get_legend() is not None


def test_more_runs_than_colours_are_told_apart_by_dashes() -> None:
    """The seventh curve has the first colour, dashed."""
    made = strokes([str(k) for k in range(7)])
    assert (made["6"]["color"], made["6"]["linestyle"]) == (CYCLE[0], "--")


class TestStyle:
    def paint(self, ax: Axes) -> None:
        power.load_duration(pd.DataFrame({"trafo": [20.0, 110.0]}), ax=ax)

    def test_a_figure_states_its_run_in_small_grey_at_the_corner(self) -> None:
        """Five points, lower right."""
        figure = draw(self.paint, size_in=(4, 3), stamp="run-1 · scenario abc")
        (stamp,) = figure.texts
        assert (stamp.get_text(), stamp.get_fontsize(), stamp.get_ha()) == (
            "run-1 · scenario abc",
            5,
            "right",
        )

    def test_the_same_figure_has_the_same_bytes(self) -> None:
        """No dates, no random ids."""
        with styled():
            one, two = (data_uri(draw(self.paint, size_in=(4, 3), stamp="s")) for _ in range(2))
        assert one == two

    def test_no_date_stands_in_the_file(self) -> None:
        """A date would make two equal runs differ."""
        assert "dc:date" not in svg(draw(self.paint, size_in=(4, 3), stamp="s"))


FIGURES: list[Callable[[Axes], Axes]] = [
    lambda ax: power.load_duration(pd.DataFrame({"t": [1.0]}), ax=ax),
    lambda ax: power.power_over_time(
        pd.DataFrame({"base_kw": 1.0, "ev_kw": 1.0, "pv_kw": 0.0, "head_kw": 2.0}, index=hours(2)),
        ax=ax,
        zone=BERLIN,
    ),
    lambda ax: power.limits_and_power(
        pd.DataFrame({"wanted_kw": 1.0, "limit_kw": 1.0, "ev_kw": 1.0}, index=hours(2)), ax=ax, zone=BERLIN
    ),
    lambda ax: voltage.voltage_band(
        pd.DataFrame({"low": [1.0], "p05": [1.0], "p50": [1.0], "p95": [1.0], "high": [1.0]}, index=[0.125]),
        ax=ax,
    ),
    lambda ax: drivers.served_by_day(
        pd.DataFrame({"delivered_kwh": [1.0], "missing_kwh": [0.0]}, index=["Mon"]), ax=ax
    ),
    lambda ax: drivers.served_share(pd.DataFrame({"home": [1.0]}), ax=ax),
]


@pytest.mark.parametrize("paint", FIGURES)
def test_a_figure_returns_its_axes_and_names_the_unit_of_its_values(
    paint: Callable[[Axes], Axes], ax: Axes
) -> None:
    """A number without a unit is no figure."""
    assert paint(ax) is ax
    assert ax.get_ylabel().endswith(")")
