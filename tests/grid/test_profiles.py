"""Base load over time: exact means, SimBench's year, files with every trap."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import simbench
from hypothesis import given, settings
from hypothesis import strategies as st

from twin.errors import ScenarioError
from twin.grid.feeder import Feeder, index_feeder
from twin.grid.profiles import Profile, constant, read_profile
from twin.grid.series import BaseLoad, Series

from .conftest import START, line_net

DAY_S = 86_400.0
LINE = index_feeder(line_net(), "line")


def follow(feeder: Feeder, times_s: list[float], values: list[float], interpolation: str) -> Profile:
    """A profile in which the only unit follows one series."""
    series = Series(times_s=np.array(times_s), values=np.array(values)[:, None], end_s=np.inf)
    rows = np.zeros(1, dtype=np.int64)
    return Profile(feeder.units, 2, series, (rows, rows), interpolation)  # type: ignore[arg-type]


def test_a_step_holds_its_value_until_the_next_sample(line: Feeder):
    """10 kW at level 1, then 2: the interval that straddles the change has the mean by time."""
    profile = follow(line, [0.0, 900.0], [1.0, 2.0], "step")
    assert profile.means(0.0, 900.0)[1] == pytest.approx(10_000.0)
    assert profile.means(600.0, 1_200.0)[1] == pytest.approx(15_000.0)
    assert profile.means(900.0, 900.0)[1] == pytest.approx(20_000.0)


def test_a_line_is_integrated_exactly(line: Feeder):
    """From 1 to 2 over 900 s the mean of [300, 600] is the value in its middle, 1.5."""
    profile = follow(line, [0.0, 900.0], [1.0, 2.0], "linear")
    assert profile.means(300.0, 600.0)[1] == pytest.approx(15_000.0)
    assert profile.means(450.0, 450.0)[1] == pytest.approx(15_000.0)


def test_the_last_value_holds_beyond_the_samples(line: Feeder):
    """Only a forecast past the end of a run looks there."""
    for interpolation in ("step", "linear"):
        assert follow(line, [0.0, 900.0], [1.0, 2.0], interpolation).means(900.0, 1_800.0)[
            1
        ] == pytest.approx(2e4)


@settings(deadline=None)
@given(
    values=st.lists(st.floats(0.0, 5.0), min_size=2, max_size=8),
    cuts=st.tuples(st.floats(0.0, 1.0), st.floats(0.0, 1.0), st.floats(0.0, 1.0)),
    interpolation=st.sampled_from(["step", "linear"]),
)
def test_means_of_two_parts_make_the_mean_of_the_whole(values: list[float], cuts: tuple, interpolation: str):
    """Energy is additive over any cut, whatever the samples."""
    profile = follow(LINE, [900.0 * k for k in range(len(values))], values, interpolation)
    a, b, c = (900.0 * (len(values) - 1) * cut for cut in sorted(cuts))

    def energy(start_s: float, end_s: float) -> float:
        return profile.means(start_s, end_s)[1] * (end_s - start_s)

    assert energy(a, b) + energy(b, c) == pytest.approx(energy(a, c), abs=1e-3)


def test_generation_counts_against_the_draw_of_its_bus(street: Feeder):
    """At noon the photovoltaics of the street appear as generation and as negative draw."""
    june = datetime.fromisoformat("2016-06-01T00:00:00+02:00")
    profile = read_profile(street, BaseLoad(source="simbench"), june, DAY_S)
    per_bus, drawn_w, generated_w = profile.means(13 * 3600.0, 14 * 3600.0)
    assert generated_w > 40_000.0
    assert per_bus[0].sum() == pytest.approx(drawn_w - generated_w)


def test_simbench_profiles_equal_those_that_simbench_computes(street: Feeder):
    """Every load and generator, P and Q, at a row in winter and one in summer time."""
    absolute = simbench.get_absolute_values(street.net, profiles_instead_of_study_cases=True)
    units = street.units
    for instant, row in (
        ("2016-01-18T07:30:00+01:00", 17 * 96 + 30),
        ("2016-07-03T12:00:00+02:00", 184 * 96 + 44),
    ):
        profile = read_profile(street, BaseLoad(source="simbench"), datetime.fromisoformat(instant), 900.0)
        power = profile.unit_means(0.0, 900.0)
        for table in ("load", "sgen"):
            mine = [t == table for t in units.table]
            expected = absolute[table, "p_mw"].loc[row, units.index[mine]] * 1e6
            np.testing.assert_allclose(power[0, mine], expected, atol=1e-6)
        loads = [t == "load" for t in units.table]
        expected = absolute["load", "q_mvar"].loc[row, units.index[loads]] * 1e6
        np.testing.assert_allclose(power[1, loads], expected, atol=1e-6)


def test_simbench_labels_are_german_civil_time(street: Feeder):
    """At 03:00 on the day the clocks go forward the row labelled 03:00 is read: 2 to 3 is missing."""
    labels = street.net.profiles["load"]["time"].tolist()
    row = labels.index("27.03.2016 03:00")
    assert labels[row - 1] == "27.03.2016 01:45"
    instant = datetime.fromisoformat("2016-03-27T03:00:00+02:00")
    profile = read_profile(street, BaseLoad(source="simbench"), instant, 900.0)
    absolute = simbench.get_absolute_values(street.net, profiles_instead_of_study_cases=True)
    assert profile.means(0.0, 900.0)[1] == pytest.approx(absolute["load", "p_mw"].loc[row].sum() * 1e6)


def test_scale_multiplies_every_unit(street: Feeder):
    """Half the load, half the generation."""
    full = read_profile(street, BaseLoad(source="simbench"), START, DAY_S).means(0.0, DAY_S)
    half = read_profile(street, BaseLoad(source="simbench", scale=0.5), START, DAY_S).means(0.0, DAY_S)
    np.testing.assert_allclose(half[0], 0.5 * full[0])
    assert half[1:] == pytest.approx([0.5 * full[1], 0.5 * full[2]])


def test_constant_and_none(line: Feeder):
    """Nominal powers times a factor, or nothing."""
    assert constant(line, 0.3).means(0.0, 300.0)[1] == pytest.approx(3_000.0)
    assert read_profile(line, BaseLoad(source="none"), START, 300.0).means(0.0, 300.0)[1] == 0.0
    assert read_profile(line, BaseLoad(source="constant", scale=2.0), START, 300.0).means(5.0, 7.0)[1] == 2e4


def test_a_year_that_is_too_short_says_what_it_covers(street: Feeder):
    """The last instant of SimBench's year, and the one that the run needs."""
    start = datetime.fromisoformat("2016-12-30T00:00:00+01:00")
    with pytest.raises(ScenarioError) as caught:
        read_profile(street, BaseLoad(source="simbench"), start, 3 * DAY_S)
    assert str(caught.value) == (
        "scenario: grid.base_load: base load covers 2016-01-01T00:00:00+01:00 to 2017-01-01T00:00:00+01:00, "
        "the run needs 2016-12-30T00:00:00+01:00 to 2017-01-02T00:00:00+01:00"
    )


def test_a_net_without_simbench_profiles_says_so(line: Feeder):
    """The message offers what would work."""
    with pytest.raises(
        ScenarioError, match="line carries no SimBench profiles: choose csv, constant or none"
    ):
        read_profile(line, BaseLoad(source="simbench"), START, DAY_S)


def csv_profile(path: Path, feeder: Feeder, text: str, end_s: float = 1_800.0, **options: str) -> Profile:
    """Read `text` as a base load file."""
    file = path / "base.csv"
    file.write_text(text)
    return read_profile(feeder, BaseLoad(source="csv", file=file, **options), START, end_s)  # type: ignore[arg-type]


def test_a_csv_by_load_name_with_offsets(tmp_path: Path, line: Feeder):
    """Power in kW; the last step lasts as long as the one before."""
    text = "time,home\n2016-01-18T00:00:00+01:00,4\n2016-01-17T23:15:00Z,8\n"
    profile = csv_profile(tmp_path, line, text)
    assert profile.means(0.0, 900.0)[1] == pytest.approx(4_000.0)
    assert profile.means(900.0, 1_800.0)[1] == pytest.approx(8_000.0)


def test_a_total_is_shared_by_nominal_power(tmp_path: Path, street: Feeder):
    """Every load gets its share, with its own ratio of reactive power."""
    text = "time,total_kw,pv_total_kw\n2016-01-18T00:00,100,20\n2016-01-18T01:00,100,20\n"
    profile = csv_profile(tmp_path, street, text, time_zone="Europe/Berlin")
    _, drawn_w, generated_w = profile.means(0.0, 1_800.0)
    assert (drawn_w, generated_w) == pytest.approx((100e3, 20e3))
    power, units = profile.unit_means(0.0, 1_800.0), street.units
    loads = ~units.generates
    np.testing.assert_allclose(power[0, loads] / units.p_w[loads], 100e3 / units.p_w[loads].sum())
    np.testing.assert_allclose(power[1, loads] * units.p_w[loads], power[0, loads] * units.q_var[loads])


def test_the_hour_that_comes_twice_is_read_in_order(tmp_path: Path, line: Feeder):
    """Local times without an offset: the second 02:00 is an hour after the first."""
    stamps = ["01:00", "02:00", "02:00", "03:00"]
    rows = "".join(f"2016-10-30T{t},{k}\n" for k, t in enumerate(stamps))
    file = tmp_path / "autumn.csv"
    file.write_text("time,home\n" + rows)
    start = datetime.fromisoformat("2016-10-30T01:00:00+02:00")
    base = BaseLoad(source="csv", file=file, time_zone="Europe/Berlin")
    profile = read_profile(line, base, start, 4 * 3600.0)
    assert [profile.means(3600.0 * k, 3600.0 * (k + 1))[1] for k in range(4)] == [0.0, 1e3, 2e3, 3e3]


def test_every_bad_row_is_named_with_its_line(tmp_path: Path, line: Feeder):
    """All problems at once."""
    text = (
        "time,home\n"
        "2016-01-18T00:00:00+01:00,1\n"
        "2016-01-18T00:15:00,1\n"
        "tomorrow,1\n"
        "2016-01-18T00:45:00+01:00,x\n"
        "2016-01-18T00:45:00+01:00,1,2\n"
        "2016-01-18T00:00:00+01:00,1\n"
        "2016-01-18T01:00:00+01:00,nan\n"
    )
    with pytest.raises(ScenarioError) as caught:
        csv_profile(tmp_path, line, text)
    assert str(caught.value).splitlines() == [
        "base.csv:3: 2016-01-18T00:15:00 has no offset: write one, or name the file's time_zone",
        "base.csv:4: `tomorrow` is not a time like 2016-01-18T00:00:00+01:00",
        "base.csv:5: `x` is not a power in kW",
        "base.csv:6: 3 cells, the header has 2",
        "base.csv:7: 2016-01-18T00:00:00+01:00 does not follow the row before it",
        "base.csv:8: a power is not finite",
    ]


def test_a_time_that_does_not_exist_is_refused(tmp_path: Path, line: Feeder):
    """Half past two on the day the clocks go forward."""
    text = "time,home\n2016-03-27T01:30,1\n2016-03-27T02:30,1\n"
    with pytest.raises(ScenarioError) as caught:
        csv_profile(tmp_path, line, text, time_zone="Europe/Berlin")
    assert str(caught.value) == (
        "base.csv:3: 2016-03-27T02:30 does not exist in Europe/Berlin: the clocks change"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("time,home\n", "base.csv: needs two rows at least"),
        ("home\n1\n", "base.csv:1: the first line names the columns: time, then powers in kW"),
        ("time,home,home\n", "base.csv:1: a column is named twice"),
    ],
)
def test_a_file_without_a_usable_head_is_refused(tmp_path: Path, line: Feeder, text: str, message: str):
    """Before anything is read from it."""
    with pytest.raises(ScenarioError) as caught:
        csv_profile(tmp_path, line, text)
    assert str(caught.value) == message


def test_columns_are_matched_to_loads(tmp_path: Path, line: Feeder):
    """A misspelt load is unknown, and its own column is then missing."""
    rows = "2016-01-18T00:00:00+01:00,1\n2016-01-18T00:15:00+01:00,1\n"
    with pytest.raises(ScenarioError) as caught:
        csv_profile(tmp_path, line, "time,hoem\n" + rows)
    assert str(caught.value).splitlines() == [
        "base.csv:1: no column for load `home` (1 missing): write 0 to leave a load out",
        "base.csv:1: unknown column `hoem`, did you mean `home`?; expected load names, `total_kw` or `pv_total_kw`",
    ]


def test_a_file_shorter_than_the_run_says_what_it_covers(tmp_path: Path, line: Feeder):
    """Straight lines end with the last sample, steps hold for one more."""
    rows = "time,home\n2016-01-18T00:00:00+01:00,1\n2016-01-18T00:15:00+01:00,1\n"
    csv_profile(tmp_path, line, rows)
    with pytest.raises(ScenarioError) as caught:
        csv_profile(tmp_path, line, rows, interpolation="linear")
    assert str(caught.value) == (
        "base.csv: base load covers 2016-01-18T00:00:00+01:00 to 2016-01-18T00:15:00+01:00, "
        "the run needs 2016-01-18T00:00:00+01:00 to 2016-01-18T00:30:00+01:00"
    )


def test_an_unreadable_file_is_one_clear_error(line: Feeder):
    """The path is named as given."""
    base = BaseLoad(source="csv", file=Path("no-such.csv"))
    with pytest.raises(ScenarioError, match=r"no-such\.csv: cannot be read"):
        read_profile(line, base, START, 300.0)


def test_a_start_without_an_offset_is_a_defect_of_the_caller(line: Feeder):
    """Scenario files cannot contain one."""
    with pytest.raises(ValueError, match="needs an offset"):
        read_profile(line, BaseLoad(source="none"), START.replace(tzinfo=None) + timedelta(0), 300.0)


@settings(deadline=None)
@given(
    values=st.lists(st.tuples(st.floats(0.0, 5.0), st.floats(0.0, 5.0)), min_size=2, max_size=8),
    phases=st.sampled_from([1, 3]),
)
def test_many_samples_at_once_are_the_means_from_each_to_the_next(
    values: list[tuple[float, float]], phases: int
):
    """P follows one series and Q the other; three phases have shares of 1/2, 1/3 and 1/6."""
    series = Series(times_s=900.0 * np.arange(len(values)), values=np.array(values), end_s=np.inf)
    shares = np.array([[1 / 2, 1 / 3, 1 / 6]]) if phases == 3 else None
    units = replace(LINE.units, q_var=np.array([2_000.0]))
    profile = Profile(units, 2, series, (np.array([0]), np.array([1])), "step", shares)
    many = profile.samples(1, len(values))
    one_by_one = [profile.means(900.0 * k, 900.0 * (k + 1))[0] for k in range(1, len(values))]
    assert many.shape == (2, len(values) - 1, 2, phases)
    assert many.transpose(1, 0, 2, 3) == pytest.approx(np.array(one_by_one), abs=1e-6)
