"""Whole studies of hosting capacity on feeders that one can work out by hand."""

from __future__ import annotations

import gc
import itertools
import json
import signal
import subprocess
import sys
import time
import weakref
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandapower as pp
import pytest

import twin
from twin.domain.ids import Array
from twin.errors import ScenarioError, SettingsError
from twin.results.statistics import proportion
from twin.rng import stream
from twin.scenario.build import build
from twin.scenario.model import Scenario
from twin.studies.hosting import Settings, hosting
from twin.studies.hosting.charging import Charged, Street
from twin.studies.hosting.draws import draw, station_rows
from twin.studies.hosting.feeder import Feeding
from twin.studies.hosting.flow import StepFlow
from twin.studies.hosting.page import caution, page, write_figure, write_page
from twin.studies.hosting.study import Study

FORK = """\
description: A fork of two short cables, one car on the left, two on the right.
start: 2016-01-18T00:00:00+00:00
days: 0.25
period_s: 900
grid:
  net: {file: fork.json}
  base_load: {source: none}
sites:
  street:
    stations:
      list:
        ann: {bus: left, max_a: 16}
        bob: {bus: right, max_a: 16}
        cid: {bus: right, max_a: 16}
drivers: {cars: {archetype: replay, file: cars.csv}}
"""
"""A car draws 11 kW, 15.9 A: one is 79 % of a cable's 20 A, two are 159 %."""
CAR_W = 11_000.0

CARS = """\
session,site,evse,driver,arrival,departure,energy_kwh,vehicle
1,street,ann/1,ann,2016-01-18T01:00:00Z,2016-01-18T05:00:00Z,8,vw-id3-pro
2,street,bob/1,bob,2016-01-18T01:00:00Z,2016-01-18T05:00:00Z,8,vw-id3-pro
3,street,cid/1,cid,2016-01-18T01:00:00Z,2016-01-18T05:00:00Z,8,vw-id3-pro
"""

HOUSES = """\
description: Five households whose cars feel nothing of each other.
start: 2016-01-18T00:00:00+01:00
days: 2
time_zone: Europe/Berlin
period_s: 900
grid:
  net: {builtin: create_kerber_landnetz_freileitung_1}
  base_load: {source: constant, scale: 0.5}
sites: {street: {stations: {each_load: {max_a: 16, standby_w: 5}}}}
drivers: {family: {archetype: home, per_evse: 1.5, demand: {fitted: residential-norway, visits_per_week: 14}}}
overrides:
  three: {grid: {phases: 3, assume: {vector_group: Dyn5, r0_r1: 4, x0_x1: 4, c0_c1: 1, vk0_vk: 1, mag0: 100, s_sc_max_mva: 100}}}
"""
THREE = ("grid.phases=3", "grid.assume={r0_r1: 4, x0_x1: 4, c0_c1: 1, s_sc_max_mva: 100}")


def fork_net() -> pp.pandapowerNet:
    """A source at 0.4 kV, and 10 m of cable to the left and to the right."""
    net = pp.create_empty_network()
    head, left, right = (pp.create_bus(net, 0.4, name=name) for name in ("head", "left", "right"))
    pp.create_ext_grid(net, head)
    for bus, name in ((left, "cable left"), (right, "cable right")):
        pp.create_line_from_parameters(
            net, head, bus, 0.01, r_ohm_per_km=0.2, x_ohm_per_km=0.08, c_nf_per_km=0.0, max_i_ka=0.02, name=name
        )  # fmt: skip
    return net


@pytest.fixture
def fork(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The fork as a planner's files, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    pp.to_json(fork_net(), "fork.json")
    Path("cars.csv").write_text(CARS)
    Path("fork.yaml").write_text(FORK)
    return Path("fork.yaml")


@pytest.fixture
def houses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Thirteen households on one of Kerber's feeders."""
    monkeypatch.chdir(tmp_path)
    Path("houses.yaml").write_text(HOUSES)
    return Path("houses.yaml")


def by_level(rows: list[dict[str, Any]]) -> dict[float, dict[str, Any]]:
    return {row["penetration"]: row for row in rows}


THIRDS = Settings(penetrations=(1 / 3, 2 / 3, 1.0), phases="scenario")
PAIRS = {frozenset(pair): 1 / 3 for pair in itertools.combinations(range(3), 2)}


class TestFork:
    def test_whether_two_cars_are_too_many_depends_on_who_they_are(self, fork: Path) -> None:
        """One is never too much, three always; of the three pairs only bob and cid share a cable."""
        study = Study(twin.load(fork), THIRDS)
        seen: dict[frozenset[int], set[bool]] = {pair: set() for pair in PAIRS}
        for number in range(30):
            none, one, two, three = study.rows(number)
            assert [row["evses"] for row in (none, one, two, three)] == [0, 1, 2, 3]
            assert (none["violated"], one["violated"], three["violated"]) == (False, False, True)
            assert (three["line_element"], three["line_min"]) == ("cable right", 45.0)
            pair = frozenset(draw(1, number, 3).order[:2].tolist())
            seen[pair].add(two["violated"])
        assert seen == {frozenset({0, 1}): {False}, frozenset({0, 2}): {False}, frozenset({1, 2}): {True}}

    def test_its_share_is_one_in_three(self, fork: Path) -> None:
        """What combinatorics says lies within the interval; the loadings are those of Ohm's law."""
        done = hosting(twin.load(fork), "out", draws=120, settings=THIRDS, workers=1)
        none, one, two, three = done.summary.levels
        assert [level.shares["any"].mean for level in (none, one, three)] == [0.0, 0.0, 1.0]
        found = two.shares["line"]
        assert found == two.shares["any"]
        assert found.low is not None
        assert found.high is not None
        assert found.low < 1 / 3 < found.high
        assert [three.shares[key].mean for key in ("low", "high", "trafo", "unbalance", "unsolved")] == [
            0.0
        ] * 5
        ampere = CAR_W / (np.sqrt(3) * 400)
        assert one.worst["line_pct"].median == pytest.approx(100 * ampere / 20, rel=2e-3)
        assert three.worst["line_pct"].median == pytest.approx(200 * ampere / 20, rel=4e-3)
        assert three.worst["ev_peak_w"].median == pytest.approx(3 * CAR_W)
        assert three.served_share == pytest.approx(1.0)
        assert [(x.reason, x.element, x.share) for x in done.summary.limiting] == [
            ("line", "cable right", 1.0)
        ]
        share = found.mean
        assert done.summary.capacity.penetration == pytest.approx(1 / 3 + 0.05 / share / 3)

    def test_minutes_can_be_tolerated(self, fork: Path) -> None:
        """8 kWh take 44 minutes: three steps of a quarter hour are outside, 45 minutes are no more than 45."""
        settings = Settings(penetrations=(1.0,), tolerance_min=45.0)
        assert not Study(twin.load(fork), settings).rows(0)[1]["violated"]
        settings = Settings(penetrations=(1.0,), tolerance_min=44.0)
        assert Study(twin.load(fork), settings).rows(0)[1]["violated"]

    def test_a_guard_keeps_every_draw_within_its_limits(self, fork: Path) -> None:
        """It takes longer, but everybody gets what they want, and each penetration is simulated on its own."""
        scenario = twin.load(fork, settings=["guard={margin_pct: 1}"])
        rows = by_level(Study(scenario, THIRDS).rows(0))
        assert not any(row["violated"] for row in rows.values())
        assert rows[1.0]["line_pct"] == pytest.approx(99.0, abs=1.0)
        assert rows[1.0]["delivered_wh"] == pytest.approx(rows[1.0]["requested_wh"], rel=1e-3)
        assert rows[1.0]["ev_peak_w"] < 2.3 * CAR_W

    def test_stations_that_answer_to_their_voltage_do_so_in_every_draw(self, fork: Path) -> None:
        """Two cars lower the voltage of 1 km of cable; with a Volt-Watt they draw less, and long enough to be full."""
        net = fork_net()
        net.line["length_km"] = 1.0
        net.line["max_i_ka"] = 0.1
        pp.to_json(net, "fork.json")
        droop = "grid.droop={evse: {volt_watt: [[0.95, 0], [1.0, 1]]}}"
        plain, lowered = (
            by_level(Study(twin.load(fork, settings=more), THIRDS).rows(0))[1.0] for more in ([], [droop])
        )
        assert lowered["low_pu"] > plain["low_pu"] + 0.005
        assert lowered["ev_peak_w"] < 0.9 * plain["ev_peak_w"]
        assert lowered["delivered_wh"] == pytest.approx(plain["delivered_wh"], rel=1e-3)

    def test_a_sites_own_limit_counts_for_those_that_exist(self, fork: Path) -> None:
        """16 A for all: one car has them alone, three share them, and no cable is overloaded."""
        scenario = twin.load(
            fork, settings=["strategy=equal-share", "sites.street.limits={main: {limit_a: 16}}"]
        )
        rows = by_level(Study(scenario, THIRDS).rows(0))
        for penetration in (1 / 3, 2 / 3, 1.0):
            assert CAR_W <= rows[penetration]["ev_peak_w"] <= 16 * 690 + 1e-6
            assert not rows[penetration]["violated"]

    def test_two_cars_of_one_phase_are_too_many_on_the_same_one(self, fork: Path) -> None:
        """A cable carries 20 A per phase, a car draws 16 A: bob and cid violate where their phases agree."""
        one_phase = [f"sites.street.stations.list.{name}.connection=L1" for name in ("ann", "bob", "cid")]
        scenario = twin.load(fork, settings=[*THREE, *one_phase])
        drawn = Study(scenario, Settings(penetrations=(1.0,)))
        agree = []
        for number in range(40):
            full = drawn.rows(number)[1]
            turns = draw(1, number, 3).turns
            agree.append(bool(turns[1] == turns[2]))
            assert full["line"] is agree[-1]
            assert full["violated"] is agree[-1]
        share = proportion(sum(agree), len(agree))
        assert share.low is not None
        assert share.high is not None
        assert share.low < 1 / 3 < share.high
        written = Study(scenario, Settings(penetrations=(1.0,), phases="scenario"))
        assert all(written.rows(number)[1]["line"] for number in range(3))

    def test_two_seeds_agree_within_their_intervals(self, fork: Path) -> None:
        """Other draws, the same truth."""
        shares = []
        for seed in (1, 2):
            done = hosting(
                twin.load(fork, settings=[f"seed={seed}"]),
                f"out-{seed}",
                draws=60,
                settings=THIRDS,
                workers=1,
            )
            shares.append(done.summary.levels[2].shares["any"])
        first, second = shares
        assert first.mean != second.mean
        assert None not in (first.low, first.high, second.low, second.high)
        assert max(first.low or 0, second.low or 0) < min(first.high or 0, second.high or 0)


class TestCharging:
    def test_where_nothing_couples_a_part_of_the_week_is_the_week_of_a_part(self, houses: Path) -> None:
        """Taken out of the run with all chargers, or simulated with these alone: the same powers and energies."""
        scenario = twin.load(houses)
        street = Street(scenario, 3)
        visits = street.week(5, street.evses)
        assert street.independent(visits)
        everybody = street.charge(visits, street.evses, np.arange(len(street.evses)))
        for rows in (np.array([0]), np.array([2, 3, 7, 11]), np.arange(12)):
            alone = street.charge(visits, street.evses, rows)
            masked = everybody.only(rows)
            assert masked.power_w.max() > 3_000
            np.testing.assert_allclose(masked.power_w, alone.power_w, atol=1e-6)
            np.testing.assert_allclose(masked.delivered_wh, alone.delivered_wh, atol=1e-6)
            np.testing.assert_allclose(masked.requested_wh, alone.requested_wh)

    @pytest.mark.parametrize(
        "coupled",
        [
            ("strategy=equal-share",),
            ("guard={}",),
            ("drivers.family.per_evse=null", "drivers.family.count=20"),
            ("drivers.family.if_full=elsewhere",),
            ("grid.droop={evse: {volt_watt: [[0.9, 0.2], [0.95, 1]]}}",),
        ],
        ids=lambda settings: settings[-1],
    )
    def test_whatever_couples_chargers_is_seen(self, houses: Path, coupled: tuple[str, ...]) -> None:
        """A strategy that divides, a guard, drivers without a charger of their own or who try another one."""
        scenario = twin.load(houses, settings=list(coupled))
        street = Street(scenario, 1)
        assert not street.independent(street.week(5, street.evses))

    def test_it_is_the_charging_of_a_run(self, houses: Path) -> None:
        """With the run's own seed and all chargers, the feeder sees what `twin run` records, and the standby."""
        scenario = twin.load(houses, settings=["days=1"])
        street = Street(scenario, 1)
        charged = street.charge(street.week(scenario.seed, street.evses), street.evses, np.arange(13))
        run = twin.run(scenario, out="run")
        ticks = run.ticks.to_pandas()
        np.testing.assert_allclose(charged.power_w.sum(axis=(1, 2)), ticks["ev_w"] + 13 * 5.0, atol=1e-6)

    def test_power_flow_at_every_nth_tick_sees_means(self, houses: Path) -> None:
        """Means of two ticks: half the steps, the same energy."""
        every, second = (
            _everybody(twin.load(houses, settings=[f"grid.power_flow_every={n}"])) for n in (1, 2)
        )
        assert second.power_w.shape[0] * 2 == every.power_w.shape[0]
        np.testing.assert_allclose(second.power_w, (every.power_w[::2] + every.power_w[1::2]) / 2)

    def test_a_week_that_nobody_needs_any_more_is_forgotten_at_once(self, houses: Path) -> None:
        """Not when the garbage collector comes by: hundreds of draws of 5 MB would wait for it."""
        gc.disable()
        try:
            kept = weakref.ref(_everybody(twin.load(houses)).power_w)
            assert kept() is None
        finally:
            gc.enable()

    def test_a_car_of_one_phase_draws_where_its_charger_is_turned_to(self, fork: Path) -> None:
        """`L1` is the first column; a three-phase charger feeds all three alike."""
        scenario = twin.load(fork, settings=["sites.street.stations.list.bob.connection=L3"])
        power_w = Street(scenario, 3)
        charged = power_w.charge(power_w.week(1, power_w.evses), power_w.evses, np.arange(3))
        np.testing.assert_allclose(charged.power_w.max(axis=0)[0], [CAR_W / 3] * 3)
        np.testing.assert_allclose(charged.power_w.max(axis=0)[1], [0, 0, CAR_W / 3])


def _everybody(scenario: Scenario) -> Charged:
    street = Street(scenario, 1)
    return street.charge(street.week(1, street.evses), street.evses, np.arange(len(street.evses)))


class TestFeeder:
    @pytest.mark.parametrize("override", [(), ("three",)], ids=["symmetric", "three phases"])
    def test_one_call_says_what_the_loop_says(self, houses: Path, override: tuple[str, ...]) -> None:
        """Extremes and counts of a day with heavy, uneven charging: batch against the port, step by step."""
        scenario = twin.load(
            houses, override=override, settings=["days=0.5", "grid.limits.line_loading_pct=60"]
        )
        feeding = Feeding(scenario)
        street = Street(scenario, feeding.phases)
        evse_w = stream(3, "heavy").uniform(0, 11_000 / feeding.phases, (48, 13, feeding.phases))
        rows = np.arange(13)
        flow = feeding.draw(1, street.evses).flow(rows)
        assert not isinstance(flow, StepFlow)
        parts = build(scenario)
        parts.release()
        assert parts.grid is not None
        found = flow.extremes(evse_w)
        wanted = StepFlow(parts.grid, rows, np.arange(900.0, 43_201, 900)).extremes(evse_w)
        assert (found.steps, found.unsolved) == (48, 0)
        for name in ("vm_min_pu", "vm_max_pu", "vuf_max_pct", "loading_max_pct", "slack_max_w"):
            np.testing.assert_allclose(getattr(found, name), getattr(wanted, name), rtol=1e-7, err_msg=name)
        for name in ("low_steps", "high_steps", "vuf_steps", "over_steps"):
            assert getattr(found, name).tolist() == getattr(wanted, name).tolist(), name
        assert found.over_steps.max() > 0

    def test_a_load_that_has_no_solution_is_counted(self, houses: Path) -> None:
        """A megawatt at each house in one step of two: that step is unsolved, the other one is told."""
        scenario = twin.load(houses, settings=["days=0.25", "period_s=3600"])
        feeding = Feeding(scenario)
        evse_w: Array = np.zeros((6, 13, 1))
        evse_w[3] = 1e6
        found = feeding.draw(1, Street(scenario, 1).evses).flow(np.arange(13)).extremes(evse_w)
        assert (found.steps, found.unsolved) == (6, 1)
        assert np.nanmin(found.vm_min_pu) > 0.9

    def test_draws_give_base_loads_other_phases_if_the_scenario_draws_them(self, houses: Path) -> None:
        """Balanced loads are the same in every draw, single-phase ones are not: nor is the street without cars."""
        for rule, differs in (("balanced", False), ("single", True)):
            scenario = twin.load(houses, override=["three"], settings=[f"grid.base_load.phases={rule}"])
            study = Study(scenario, Settings(penetrations=(0.1,)))
            first, second = (study.rows(number)[0]["unbalance_pct"] for number in (0, 1))
            assert (first != second) is differs

    def test_what_the_kernel_does_not_carry_is_solved_step_by_step(self, fork: Path) -> None:
        """A voltage-dependent load of no power: pandapower finds the same overload, and the study says so."""
        net = fork_net()
        pp.create_load(net, 1, p_mw=0.0, const_z_p_percent=50.0, name="heater")
        pp.to_json(net, "fork.json")
        study = Study(twin.load(fork), Settings(penetrations=(1.0,)))
        full = study.rows(0)[1]
        assert (full["line"], full["line_element"], full["line_min"]) == (True, "cable right", 45.0)
        assert "heater" in study.feeder["fallback"]


class TestRefusals:
    def test_a_scenario_without_a_feeder_is_refused(self, hello: Path) -> None:
        """Before a folder is made."""
        with pytest.raises(
            ScenarioError, match="hosting capacity is that of a feeder: give the scenario a `grid`"
        ):
            hosting(twin.load(hello), "out", draws=2)
        assert not Path("out").exists()

    def test_en50160_judges_a_week(self, fork: Path) -> None:
        """Two weeks would hide a bad one behind a good one."""
        scenario = twin.load(fork).model_copy(update={"days": 14.0})
        said = "--rule en50160 judges one week, the run has 14 days; add --set days=7"
        with pytest.raises(ScenarioError, match=said):
            hosting(scenario.located(fork), "out", draws=2, settings=Settings(rule="en50160"))

    def test_draws_of_another_question_stay(self, fork: Path) -> None:
        """The seed is part of the question, the number of draws is not."""
        hosting(twin.load(fork), "out", draws=2, settings=THIRDS, workers=1)
        before = Path("out/draws.parquet").read_bytes()
        with pytest.raises(SettingsError, match=r"seed was 1, now 2"):
            hosting(twin.load(fork, settings=["seed=2"]), "out", draws=2, settings=THIRDS, workers=1)
        assert Path("out/draws.parquet").read_bytes() == before

    def test_no_draw_is_no_study(self, fork: Path) -> None:
        """From Python, too."""
        with pytest.raises(SettingsError, match="--draws: expected 1 or more, got 0"):
            hosting(twin.load(fork), "out", draws=0)


def files(folder: str) -> Mapping[str, tuple[int, int]]:
    """Inode and time of every finished draw: one that was done again has others."""
    return {p.name: (p.stat().st_ino, p.stat().st_mtime_ns) for p in Path(folder, "draws").glob("draw-*")}


class TestResuming:
    def test_the_number_of_workers_does_not_matter(self, fork: Path) -> None:
        """Every byte of the table and of the summary."""
        told: list[int] = []
        for workers in (1, 2):
            hosting(
                twin.load(fork), f"w{workers}", draws=4, settings=THIRDS, workers=workers,
                on_draw=lambda: told.append(1),
            )  # fmt: skip
        for name in ("draws.parquet", "summary.json"):
            assert Path("w1", name).read_bytes() == Path("w2", name).read_bytes()
        assert len(told) == 8

    def test_more_draws_keep_those_that_are_there(self, fork: Path) -> None:
        """Three, then five: the first three files are not touched, and the table is that of five at once."""
        scenario = twin.load(fork)
        hosting(scenario, "out", draws=3, settings=THIRDS, workers=1)
        before = files("out")
        hosting(scenario, "out", draws=5, settings=THIRDS, workers=1)
        after = files("out")
        assert {name: after[name] for name in before} == before
        hosting(scenario, "fresh", draws=5, settings=THIRDS, workers=1)
        assert Path("out/draws.parquet").read_bytes() == Path("fresh/draws.parquet").read_bytes()

    def test_force_does_everything_again(self, fork: Path) -> None:
        """Another question in the same folder."""
        hosting(twin.load(fork), "out", draws=2, settings=THIRDS, workers=1)
        done = hosting(
            twin.load(fork, settings=["seed=2"]), "out", draws=1, settings=THIRDS, workers=1, force=True
        )
        assert list(files("out")) == ["draw-00000.parquet"]
        assert done.asked["seed"] == 2

    def test_what_a_killed_study_leaves_is_completed(self, fork: Path) -> None:
        """Draws with a gap, another one half written, no table and no summary: in the end the bytes are the same."""
        for out in ("out", "fresh"):
            hosting(twin.load(fork), out, draws=4, settings=THIRDS, workers=1)
        for name in ("draws.parquet", "summary.json", "draws/draw-00001.parquet", "draws/draw-00003.parquet"):
            Path("out", name).unlink()
        Path("out/draws/.draw-00003.parquet.tmp").write_bytes(b"PAR1")
        hosting(twin.load(fork), "out", draws=4, settings=THIRDS, workers=1)
        for name in ("draws.parquet", "summary.json", *(f"draws/draw-0000{k}.parquet" for k in range(4))):
            assert Path("out", name).read_bytes() == Path("fresh", name).read_bytes()

    @pytest.mark.slow
    @pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
    def test_killed_and_started_again_it_goes_on_where_it_was(self, fork: Path) -> None:
        """Kill -9 of command and workers in the middle: no worker lives on, finished draws are kept."""
        command = [
            sys.executable, "-c", "import sys; from twin.cli import main; sys.argv[0] = 'twin'; main()",
            "hosting", str(fork), "--draws", "5000", "--penetrations", "0.34,0.67,1", "--out", "out",
        ]  # fmt: skip
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            _until(lambda: len(files("out")) >= 4)
            below = _children(child.pid)
            assert below
        finally:
            child.send_signal(signal.SIGKILL)
            child.wait()
        _until(lambda: not any(_alive(pid) for pid in below))
        before = files("out")
        settings = Settings(penetrations=(0.34, 0.67, 1.0))
        draws = max(int(name[5:10]) for name in before) + 3
        hosting(twin.load(fork), "out", draws=draws, settings=settings, workers=1)
        after = files("out")
        assert {name: after[name] for name in before} == before
        hosting(twin.load(fork), "fresh", draws=draws, settings=settings, workers=1)
        for name in ("draws.parquet", "summary.json"):
            assert Path("out", name).read_bytes() == Path("fresh", name).read_bytes()


def _until(true: Callable[[], bool], seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def _children(pid: int) -> list[int]:
    listed = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False
    )
    return [int(word) for word in listed.stdout.split()]


def _alive(pid: int) -> bool:
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return bool(state.stdout.strip()) and not state.stdout.strip().startswith("Z")


class TestPage:
    def test_it_says_what_was_found(self, fork: Path) -> None:
        """Shares with intervals, the capacity, the cable that limits; nothing but one file."""
        done = hosting(twin.load(fork), "out", draws=20, settings=THIRDS, workers=1)
        made = page(done)
        share, violating = done.summary.levels[2].shares["any"], done.summary.levels[2].violating["any"]
        assert violating == round(20 * share.mean) > 0
        assert "Hosting capacity at a risk of 5 %" in made.verdict.text
        assert "line loading at cable right (100 % of the draws that violate)" in made.verdict.text
        text = write_page(done).read_text(encoding="utf-8")
        assert (
            f"{violating}: {100 * share.mean:.1f} % ({100 * share.low:.1f} to {100 * share.high:.1f})" in text
        )  # type: ignore[operator]
        assert "cable right" in text
        assert "http" not in text.replace("http://www.w3.org", "")

    def test_the_figure_is_a_picture_and_always_the_same(self, fork: Path) -> None:
        """The same bytes from the same draws."""
        done = hosting(twin.load(fork), "out", draws=3, settings=THIRDS, workers=1)
        first = write_figure(done).read_bytes()
        assert first.startswith(b"\x89PNG")
        assert write_figure(done, Path("again.png")).read_bytes() == first

    def test_a_feeder_that_takes_all_says_at_least(self, fork: Path) -> None:
        """With cables of 60 A nothing ever happens; no interval is claimed for what was not reached."""
        scenario = twin.load(fork, settings=["grid.limits={line_loading_pct: 300}"])
        done = hosting(scenario, "out", draws=3, settings=THIRDS, workers=1)
        made = page(done)
        assert "at least 100 % of the stations (3 of 3)" in made.verdict.text
        assert caution(done.summary) == (  # Wilson: z² / (n + z²) of 3
            "3 draws cannot tell a share of 0 from the risk: without any violation it may still be 56 %, "
            "so the interval begins at 0; take --draws 73 or more"
        )
        assert "3 draws cannot tell" in made.verdict.text
        (limiting,) = (section for section in made.sections if section.anchor == "limiting")
        assert limiting.blocks[0].text == "No draw violates a limit at any penetration."  # type: ignore[union-attr]

    def test_with_draws_enough_or_trouble_without_chargers_nothing_is_cautioned(self, fork: Path) -> None:
        """73 draws without a violation tell enough; a base load that violates has nothing to do with draws."""
        done = hosting(twin.load(fork), "out", draws=2, settings=THIRDS, workers=1)
        none = done.summary.levels[0]
        assert caution(done.summary)
        bad = replace(none, violating={**none.violating, "any": 2})
        assert not caution(replace(done.summary, levels=(bad, *done.summary.levels[1:])))
        assert not caution(replace(done.summary, capacity=replace(done.summary.capacity, low=0.1)))

    def test_the_summary_is_plain_json(self, fork: Path) -> None:
        """What was asked, and every share; NaN would not be JSON."""
        hosting(twin.load(fork), "out", draws=2, settings=THIRDS, workers=1)
        found = json.loads(Path("out/summary.json").read_text(), parse_constant=pytest.fail)
        assert (found["scenario"], found["seed"], found["draws"], found["rule"]) == ("fork", 1, 2, "instant")
        assert found["levels"][3]["shares"]["line"] == {**proportion(2, 2).plain()}


def test_station_rows_follow_the_scenario(fork: Path) -> None:
    """Ann, Bob, Cid: what the draws permute."""
    street = Street(twin.load(fork), 1)
    assert [evse.id for evse in street.evses] == ["ann/1", "bob/1", "cid/1"]
    assert [rows.tolist() for rows in station_rows(street.evses)] == [[0], [1], [2]]
