"""What a planner's CSV says, and everything that can be wrong with it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from twin.errors import ScenarioError
from twin.grid.feeder import Feeder
from twin.studies.powerflow.loads import Drawn, read_loads


def read(feeder: Feeder, place: Path, text: str, **options: object) -> Drawn:
    """Read a CSV of this text."""
    path = place / "loads.csv"
    path.write_text(text, encoding="utf-8")
    return read_loads(feeder, loads=path, **options)  # type: ignore[arg-type]


def problems(feeder: Feeder, place: Path, text: str, **options: object) -> list[str]:
    """Every problem of a CSV of this text."""
    with pytest.raises(ScenarioError) as raised:
        read(feeder, place, text, **options)
    return str(raised.value).splitlines()


def drawn(loads: Drawn, step: int = 0) -> np.ndarray:
    """(2, nb, phases) W and var drawn in a step."""
    return loads.profile.means(loads.bounds_s[step], loads.bounds_s[step + 1])[0]


class TestSnapshot:
    def test_without_a_file_the_net_draws_what_it_says(self, line: Feeder) -> None:
        """10 kW less 4 kW of sun at bus B."""
        loads = read_loads(line)
        assert loads.steps == 1
        assert drawn(loads)[:, 1, 0].tolist() == [6_000.0, 2_000.0]

    def test_an_element_keeps_the_ratio_of_its_nominal_powers(self, line: Feeder, tmp_path: Path) -> None:
        """5 kW of a house of 10 kW and 2 kvar draw 1 kvar; the roof has no row and is at rest, which is said."""
        loads = read(line, tmp_path, "element,kw\nhouse,5\n")
        assert drawn(loads)[:, 1, 0].tolist() == [5_000.0, 1_000.0]
        assert loads.notes == ("1 generator(s) and storage(s) without a row are at rest",)

    def test_reactive_power_may_be_given(self, line: Feeder, tmp_path: Path) -> None:
        """A generator's power counts against the load; an empty cell says nothing."""
        loads = read(line, tmp_path, "element,kw,kvar\nhouse,5,-0.5\nroof,2,\n")
        assert drawn(loads)[:, 1, 0].tolist() == [3_000.0, -500.0]

    def test_powers_of_buses_replace_what_the_net_has(self, line: Feeder, tmp_path: Path) -> None:
        """Neither the house nor the roof remain; the power factor is 1."""
        loads = read(line, tmp_path, "BUS, kW\nB,7\n")
        assert drawn(loads)[:, :, 0].tolist() == [[0.0, 7_000.0], [0.0, 0.0]]
        assert loads.notes == ("the rows replace the net's own 2 loads and generators",)

    def test_rows_may_name_a_phase(self, line: Feeder, tmp_path: Path) -> None:
        """Two rows of one house add up, each on its phase; what names none is balanced."""
        rows = "element,kw,kvar,phase\nhouse,4,0,a\nhouse,2,1,L3\nroof,3,0,\n"
        at_b = drawn(read(line, tmp_path, rows, phases="balanced"))[:, 1]
        assert at_b == pytest.approx(np.array([[3_000.0, -1_000.0, 1_000.0], [0.0, 0.0, 1_000.0]]))

    def test_buses_may_name_a_phase(self, line: Feeder, tmp_path: Path) -> None:
        """A third of what names none, all of what names one."""
        at_b = drawn(read(line, tmp_path, "bus,kw,phase\nB,3,b\nA,6,\n", phases="balanced"))[0]
        assert at_b == pytest.approx(np.array([[2_000.0] * 3, [0.0, 3_000.0, 0.0]]))

    def test_everything_wrong_is_said_at_once(self, line: Feeder, tmp_path: Path) -> None:
        """Unknown names with near matches, no numbers, NaN, phases, rows of another length, doubled ones."""
        rows = "element,kw,kvar,phase\nhous,1,,\nhouse,many,,\nhouse,nan,,x\nroof,1,inf,\nroof,1\nroof,,,\nB,1,,\n,1,,\n"
        assert problems(line, tmp_path, rows, phases="balanced") == [
            "loads.csv:2: line has no load, storage or generator in service `hous`, did you mean `house`?",
            "loads.csv:3: kw: `many` is not a number",
            "loads.csv:4: element `house` has a power in line 3 already",
            "loads.csv:4: kw: nan is not finite",
            "loads.csv:4: phase `x` does not exist; write a, b or c, or nothing for all three",
            "loads.csv:5: kvar: inf is not finite",
            "loads.csv:6: 2 cells, the header has 4",
            "loads.csv:7: element `roof` has a power in line 5 already",
            "loads.csv:7: kw is empty: write 0 for none",
            (
                "loads.csv:8: line has no load, storage or generator in service `B`: it is a bus; name the column "
                "`bus` to give powers of buses"
            ),
            "loads.csv:9: no element is named",
        ]

    def test_a_phase_needs_three_phases(self, line: Feeder, tmp_path: Path) -> None:
        """A symmetric power flow would quietly spread it."""
        assert problems(line, tmp_path, "bus,kw,phase\nB,1,a\n") == [
            "loads.csv:2: phase `a` has no meaning in a symmetric power flow: add --three-phase"
        ]

    def test_columns_that_are_missing_or_unknown(self, line: Feeder, tmp_path: Path) -> None:
        """All of the header's problems."""
        assert problems(line, tmp_path, "elemnt,kW,kW,fase\nhouse,1,1,a\n") == [
            "loads.csv:1: column `kw` is named twice",
            "loads.csv:1: no column `element` or `bus`; a snapshot has element,kw or bus,kw, a series begins with `time`",
            "loads.csv:1: unknown column `elemnt`, did you mean `element`?",
            "loads.csv:1: unknown column `fase`, did you mean `phase`?",
        ]

    def test_a_forgotten_load_is_asked_for(self, line: Feeder, tmp_path: Path) -> None:
        """It would look like a light feeder."""
        assert problems(line, tmp_path, "element,kw\nroof,1\n") == [
            "loads.csv: no row for load `house` (1 missing): write 0 to leave a load out"
        ]

    def test_a_file_that_is_none(self, line: Feeder, tmp_path: Path) -> None:
        """Its whole path, and why."""
        with pytest.raises(ScenarioError, match=r"absent.csv: cannot be read: No such file or directory"):
            read_loads(line, loads=tmp_path / "absent.csv")
        (tmp_path / "loads.csv").write_bytes(b"element,kw\n\xff\xfe,1\n")
        with pytest.raises(ScenarioError, match="cannot be read: no text in UTF-8"):
            read_loads(line, loads=tmp_path / "loads.csv")

    def test_a_snapshot_has_no_time(self, line: Feeder) -> None:
        """A period would mean nothing."""
        with pytest.raises(ScenarioError, match="--from: a snapshot has no time"):
            read_loads(line, begin="2016-01-18")


SERIES = "time,total_kw\n2026-01-12T00:00+01:00,1\n2026-01-12T01:00+01:00,2\n2026-01-12T01:30+01:00,3\n"


class TestSeries:
    def test_a_sample_holds_until_the_next_and_the_last_as_long_as_the_one_before(
        self, line: Feeder, tmp_path: Path
    ) -> None:
        """An hour, half an hour, half an hour; the times are those of the file."""
        loads = read(line, tmp_path, SERIES)
        assert np.diff(loads.bounds_s).tolist() == [3_600.0, 1_800.0, 1_800.0]
        assert [drawn(loads, k)[0, 1, 0] for k in range(3)] == [1_000.0, 2_000.0, 3_000.0]
        assert str(loads.instant(loads.bounds_s[-1])) == "2026-01-12 02:00:00+01:00"

    def test_a_period_keeps_the_steps_inside(self, line: Feeder, tmp_path: Path) -> None:
        """Times without an offset are those of the file."""
        loads = read(line, tmp_path, SERIES, begin="2026-01-12T00:30", end="2026-01-12T02:00")
        assert loads.steps == 2
        assert str(loads.instant(loads.bounds_s[0])) == "2026-01-12 01:00:00+01:00"

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            ({"begin": "2027-01-01"}, "no step lies between them; loads.csv covers 2026-01-12 00:00:00"),
            ({"begin": "tomorrow"}, "--from: `tomorrow` is not a time like"),
            ({"time_zone": "Berlin"}, "--time-zone: no time zone is called `Berlin`"),
            ({"profiles": "simbench"}, "--loads and --profiles exclude each other"),
        ],
    )
    def test_options_that_do_not_fit(
        self, line: Feeder, tmp_path: Path, options: dict[str, str], said: str
    ) -> None:
        """What the file covers is said."""
        with pytest.raises(ScenarioError, match=said):
            read(line, tmp_path, SERIES, **options)

    def test_everything_wrong_is_said_with_its_line(self, line: Feeder, tmp_path: Path) -> None:
        """Unknown columns, times that do not ascend, no numbers, NaN: all at once."""
        rows = "time,hause\n2026-01-12T01:00Z,1\n2026-01-12T00:00Z,2\n2026-01-12T02:00Z,x\n2026-01-12T03:00Z,nan\nnoon,1\n"
        assert [text.partition(": ")[0] for text in problems(line, tmp_path, rows)] == [
            "loads.csv:1",
            "loads.csv:1",
            "loads.csv:3",
            "loads.csv:4",
            "loads.csv:5",
            "loads.csv:6",
        ]

    def test_a_column_of_no_load(self, line: Feeder, tmp_path: Path) -> None:
        """With the one that was meant, and the one that is missing."""
        told = problems(line, tmp_path, "time,hous\n2026-01-12T00:00Z,1\n2026-01-12T01:00Z,1\n")
        assert "unknown column `hous`, did you mean `house`?" in told[1]
        assert "no column for load `house`" in told[0]

    def test_only_simbench_has_profiles(self, line: Feeder) -> None:
        """A net without them, and a name that is none."""
        with pytest.raises(ScenarioError, match="line carries no SimBench profiles"):
            read_loads(line, profiles="simbench")
        with pytest.raises(ScenarioError, match="no profiles `bdew`; known: `simbench`"):
            read_loads(line, profiles="bdew")
