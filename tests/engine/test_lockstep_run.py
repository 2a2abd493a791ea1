"""A run over sockets is the simulated run, to the resolution of meters and of the wire."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from twin.engine.run import run
from twin.network.ocpp.wire.trace import read
from twin.results.read import Run
from twin.scenario.loader import load

ROOT = Path(__file__).parents[2]
SMALL = """\
start: 2016-01-18T00:00:00+01:00
days: 1
time_zone: Europe/Berlin
tariffs:
  day: {currency: EUR, price_per_kwh: 0.3, time_of_use: [{from: "08:00", until: "10:00", price_per_kwh: 0.5}]}
sites:
  depot:
    limits: {main: {limit_kw: 20}}
    stations: {list: {one: {max_a: 16}, two: {max_a: 16, evses: 2}}}
drivers: {fleet: {archetype: replay, file: sessions.csv, format: twin}}
strategy: least-laxity-first
"""
SESSIONS = """\
session,site,evse,driver,arrival,departure,energy_kwh,vehicle
1,depot,one/1,a,2016-01-18T07:00:20+01:00,2016-01-18T09:40:00+01:00,12,vw-id3-pro
2,depot,two/1,a driver with a long name,2016-01-18T07:10:00+01:00,2016-01-18T12:00:00+01:00,20,vw-id3-pro
3,depot,two/2,c,2016-01-18T07:12:40+01:00,2016-01-18T11:00:00+01:00,9,nissan-leaf-40
4,depot,one/1,d,2016-01-18T11:00:00+01:00,2016-01-18T15:00:00+01:00,20,mg4-64
"""
VERSIONS = ("1.6", "2.0.1", "2.1")
MS = 1e-3
"""Instants on the wire have milliseconds."""
ROUNDING = 1e-6
"""Sums that are cut at other places."""


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three EVSEs at two stations with one limit, and four cars."""
    folder = tmp_path_factory.mktemp("small")
    (folder / "sessions.csv").write_text(SESSIONS, encoding="utf-8")
    path = folder / "small.yaml"
    path.write_text(SMALL, encoding="utf-8")
    return path


def go(path: Path, out: Path, *settings: str) -> Run:
    """Run with settings."""
    return run(load(path, settings=settings), out=out, force=True)


def virtual(version: str) -> tuple[str, str]:
    """Settings that put all stations behind sockets."""
    return "run.mode=virtual", f"run.virtual.version={version}"


def assert_same(one: Run, other: Run) -> None:
    """Sessions, invoices and limits are equal: texts and metered energy exactly, times to the wire's ms."""
    for name, slack in (("sessions", ROUNDING), ("invoices", MS), ("limits", ROUNDING)):
        left, right = (pd.DataFrame(run.table(name).to_pandas()) for run in (one, other))
        assert list(left.columns) == list(right.columns)
        assert len(left) == len(right)
        for column in left.columns:
            if left[column].dtype.kind == "f":
                np.testing.assert_allclose(right[column], left[column], rtol=0, atol=slack, err_msg=column)
            else:
                assert left[column].astype(str).tolist() == right[column].astype(str).tolist(), column
    metered = [run.table("sessions").to_pandas()["metered_wh"].tolist() for run in (one, other)]
    assert metered[0] == metered[1]


@pytest.fixture(scope="module")
def simulated(small: Path) -> Run:
    """The run without a wire."""
    return go(small, small.parent / "simulated")


@pytest.mark.parametrize("version", VERSIONS)
def test_a_small_site_is_the_same_over_sockets(small: Path, simulated: Run, version: str) -> None:
    """Four cars under one limit, with prices that change, one of them at a second EVSE."""
    assert len(simulated.table("sessions").to_pandas()) == 4
    assert_same(simulated, go(small, small.parent / f"virtual-{version}", *virtual(version)))


@pytest.mark.parametrize("version", VERSIONS)
def test_two_runs_write_the_same_bytes(small: Path, version: str) -> None:
    """Same seed, same tables, and the same messages."""
    settings = (*virtual(version), "run.virtual.trace=true")
    runs = [go(small, small.parent / f"twice-{version}-{k}", *settings) for k in range(2)]
    files = [{p.relative_to(r.path): p.read_bytes() for p in sorted(r.path.rglob("*.parquet"))} for r in runs]
    assert files[0]
    assert files[0] == files[1]
    texts = [sorted((r.path / "messages.jsonl").read_text(encoding="utf-8").splitlines()) for r in runs]
    assert texts[0] == texts[1]


def test_some_stations_may_stay_without_a_wire(small: Path, simulated: Run) -> None:
    """One fleet, two ways to reach it, the same sessions."""
    mixed = go(
        small, small.parent / "mixed", *virtual("1.6"), "run.virtual.stations=[two]", "run.virtual.trace=true"
    )
    assert_same(simulated, mixed)
    assert {record.station for record in read(mixed.path / "messages.jsonl").records} == {"two"}


def test_the_manifest_says_how_stations_were_reached(small: Path) -> None:
    """Mode, version, number of stations, sampling."""
    made = go(small, small.parent / "manifest", *virtual("2.1"))
    assert made.manifest["mode"] == "virtual"
    assert made.manifest["virtual"] == {"ocpp": "2.1", "stations": 2, "sample_interval_s": 300}


def test_an_unknown_station_is_named(small: Path) -> None:
    """Before anything runs."""
    with pytest.raises(Exception, match="no station `tow`"):
        load(small, settings=["run.virtual.stations=[tow]"])


@pytest.mark.parametrize(("name", "version"), [("10-street", "1.6"), ("11-street-managed", "2.0.1")])
def test_a_day_of_the_street_is_the_same_over_sockets(name: str, version: str, tmp_path: Path) -> None:
    """99 stations on a feeder."""
    path = ROOT / "scenarios" / f"{name}.yaml"
    one = go(path, tmp_path / "one", "days=1")
    assert_same(one, go(path, tmp_path / "other", "days=1", *virtual(version)))


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", ["10-street", "11-street-managed"])
def test_the_street_is_the_same_over_sockets(name: str, version: str, tmp_path: Path) -> None:
    """The whole week."""
    path = ROOT / "scenarios" / f"{name}.yaml"
    one = go(path, tmp_path / "one")
    assert_same(one, go(path, tmp_path / "other", *virtual(version)))
