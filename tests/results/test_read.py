"""Reading a run back."""

import json
import subprocess
import sys

import numpy as np
import pytest

from tests.results.conftest import FEEDER, state
from twin.errors import SettingsError
from twin.results.manifest import FORMAT
from twin.results.read import open_run


def _message(path):
    with pytest.raises(SettingsError) as raised:
        open_run(path)
    return str(raised.value)


def test_a_run_says_what_it_is(bench):
    """In a notebook its name is enough to see what one has."""
    run = bench("lv", "end").finish()
    assert repr(run) == (
        f"Run {run.path}: street, seed 7, uncontrolled\n  2 EVSEs, 0 days from 2016-01-18T00:00:00+01:00; finished\n"
        "  tables: sessions, meter, limits, ticks, buses, branches, violations, invoices, payments, settlements, leakage, ledger, events"
    )
    assert run.name == "run"
    assert run.scenario_text == "description: x\n"
    assert [evse["id"] for evse in run.evses] == ["a/1", "b/1"]


def test_a_table_says_what_its_columns_mean(bench):
    """Unit and meaning, without opening the documentation."""
    b = bench()
    b.tick(1000.0, 0.0)
    meter = b.finish().meter
    assert repr(meter).splitlines()[0] == "meter: 1 rows in 1 parts"
    assert meter.columns[2] == ("power_w", "W", "mean over the interval; positive draws")


def test_columns_can_be_chosen(bench):
    """Also of a table that is empty."""
    run = bench().finish()
    assert run.sessions.to_arrow(["driver", "site"]).column_names == ["driver", "site"]
    assert run.sessions.to_pandas().empty


def test_the_topology_comes_back_as_it_was(bench):
    """With its NaN coordinates and its limits."""
    found = bench(grid=True).finish().topology
    for name in FEEDER.__slots__:
        np.testing.assert_array_equal(getattr(found, name), getattr(FEEDER, name))


def test_times_are_civil_and_exact_across_the_change_of_clocks(bench):
    """On 27 March 2016 Berlin's clocks went from 02:00 to 03:00."""
    from datetime import datetime

    run = bench(epoch=datetime.fromisoformat("2016-03-27T00:00:00+01:00")).finish()
    found = run.times([3600.0, 7200.0, 7200.25])
    assert [str(t) for t in found] == [
        "2016-03-27 01:00:00+01:00", "2016-03-27 03:00:00+02:00", "2016-03-27 03:00:00.250000+02:00",
    ]  # fmt: skip


def test_buses_pivot_to_one_column_per_bus(bench):
    """Over several parts; the index is civil time."""
    b = bench(grid=True, part_s=300.0)
    for vm in (0.95, 0.94):
        b.tick(1000.0, 0.0, solved=state(vm_pu=np.array([1.0, 1.0, vm])))
    wide = b.finish().buses.pivot()
    assert wide.columns.tolist() == ["mv", "lv", "end"]
    assert wide["end"].tolist() == [0.95, 0.94]
    assert str(wide.index[0]) == "2016-01-18 00:05:00+01:00"


def test_the_meter_pivots_with_gaps_where_no_car_was(bench):
    """NaN is not zero: there was nothing to meter."""
    b = bench()
    b.tick(1000.0, 0.0)
    b.tick(1000.0, 500.0)
    run = b.finish()
    np.testing.assert_array_equal(run.meter.pivot(), [[1000.0, np.nan], [1000.0, 500.0]])
    assert run.meter.pivot("register_wh")["a/1"].tolist() == pytest.approx([83.333333, 166.666667])


def test_only_dense_tables_have_a_wide_form(bench):
    """And only for columns that they have."""
    run = bench().finish()
    with pytest.raises(
        ValueError, match="sessions has no wide form; these have: meter, limits, buses, branches"
    ):
        run.sessions.pivot()
    with pytest.raises(ValueError, match="meter has no column vm_pu"):
        run.meter.pivot("vm_pu")


def test_what_is_no_run_is_refused_with_the_remedy(tmp_path, bench):
    """A missing folder, an empty one, a folder of runs, a broken manifest, another format."""
    assert _message(tmp_path / "x") == (
        f"{tmp_path / 'x'}: there is no such folder; name the run folder that `twin run` printed"
    )
    empty = tmp_path / "empty"
    empty.mkdir()
    assert _message(empty) == (
        f"{empty}: holds no run (manifest.json is missing); name the folder that `twin run` printed"
    )
    runs = [bench(name=f"seed-{k}").finish() for k in range(5)]
    assert (
        _message(tmp_path)
        == f"{tmp_path}: is a folder of runs; name one of them: seed-0, seed-1, seed-2 and 2 more"
    )
    manifest = runs[0].path / "manifest.json"
    manifest.write_text("{")
    assert _message(runs[0].path).startswith(f"{manifest}: cannot be read (")
    manifest.write_text(json.dumps({"format": 99}))
    assert _message(runs[0].path) == (
        f"{runs[0].path}: was written in format 99, this version reads {FORMAT}; run the scenario again"
    )


def test_importing_results_loads_nothing_heavy():
    """Neither Arrow nor compiled code: the package is a name until one of its modules is used."""
    heavy = "{'pyarrow', 'numba', 'pandas', 'scipy', 'pandapower'}"
    code = f"import sys, twin.results; print(sorted({heavy} & set(sys.modules)))"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        == "[]\n"
    )
