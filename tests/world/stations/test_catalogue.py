"""The vehicle catalogue: real figures, with sources, that the physics reproduces."""

from __future__ import annotations

import subprocess
import sys

import pytest

from twin.errors import ScenarioError
from twin.world.stations import catalogue as c

DC = [model for model, entry in c.entries().items() if entry.spec.dc]


@pytest.mark.parametrize("model", DC)
def test_the_physics_reproduces_the_published_charging_time(make, model):
    """At a DC charger that does not limit, the real kernel needs the published minutes within 10 %."""
    entry = c.entries()[model]
    spec = entry.spec
    bench = make.Bench(make.evse(dc_max_w=1e6))
    start_wh, end_wh = (share / 100.0 * spec.usable_wh for share in (entry.dc_from_pct, entry.dc_to_pct))
    bench.start(0.0, 0, make.car(spec, arrival_wh=start_wh, energy_wh=1e6))
    minutes = c.dc_minutes(spec, entry.dc_from_pct, entry.dc_to_pct)
    bench.stations.advance(60.0 * minutes)
    truth = bench.truth()
    assert truth.battery_wh == pytest.approx(end_wh - start_wh, rel=1e-9)
    assert minutes == pytest.approx(entry.dc_minutes, rel=0.10)


@pytest.mark.parametrize("model", DC)
def test_the_taper_is_the_fitted_one(model):
    """Nobody chose a taper by hand: each follows from the published peak and time."""
    entry = c.entries()[model]
    fitted = c.fit_taper(entry.spec, entry.dc_from_pct, entry.dc_to_pct, entry.dc_minutes)
    assert (entry.spec.taper_soc, entry.spec.taper_end) == fitted


def test_the_catalogue_holds_enough_real_models():
    """At least 25 models, at least 25 of them with a published 10 to 80 % time, each with two sources."""
    rows = c.entries().values()
    assert len(rows) >= 25
    assert sum(e.dc_from_pct == 10.0 and e.dc_to_pct == 80.0 for e in rows) >= 25
    assert all(e.source and e.source_date and e.checked_against for e in rows)


def test_models_have_one_two_and_three_phases():
    """Cars of one, two and three phases, with and without a DC inlet."""
    specs = c.catalogue().values()
    assert {s.ac_phases for s in specs} == {1, 2, 3}
    assert {s.dc for s in specs} == {True, False}


def test_the_c_zero_is_not_what_the_open_list_says():
    """One phase and 3.7 kW, not three phases and 11 kW with 100 kW of DC."""
    spec = c.vehicle("citroen-c-zero")
    assert (spec.ac_phases, spec.ac_max_w, spec.dc_max_w) == (1, 3_700.0, 40_000.0)


def test_the_default_mix_names_models_of_the_catalogue():
    """Every model of the default mix exists and has a positive weight."""
    assert set(c.DEFAULT_MIX) <= set(c.catalogue())
    assert min(c.DEFAULT_MIX.values()) > 0.0


def test_an_unknown_model_is_told_its_neighbours():
    """A misspelt model is answered with the nearest ones."""
    with pytest.raises(ScenarioError) as caught:
        c.vehicle("vw-id3")
    assert str(caught.value) == (
        "vehicles: vw-id3: not in the catalogue, did you mean `vw-id3-pro` or `vw-id4-pro`?"
    )
    with pytest.raises(ScenarioError, match="not in the catalogue, see docs"):
        c.vehicle("9999")


def test_damage_is_reported_with_its_line():
    """Every bad value of a file at once, each with line, column, value and range."""
    head = (
        "model,name,usable_kwh,ac_phases,ac_kw,dc_peak_kw,dc_kw,taper_soc,taper_end,"
        "dc_from_pct,dc_to_pct,dc_minutes,source,source_date,checked_against\n"
    )
    good = "a-1,A,50,3,11,100,100,0.3,0.15,10,80,30,S,2020,T\n"
    text = head + good + good + (
        "B_1,B,500,4,11,100,120,0.3,0.15,10,80,x,,soon,T\n"
        "c-1,C,50,1,22,100,120,0.3,0.15,10,80,30,S,2020,T\n"
        "d-1,D,50,3,22,100,120,0.3,0.15,10,80,30,S,2020,T\n"
    )  # fmt: skip
    with pytest.raises(ScenarioError) as caught:
        c.parse(text, "cars.csv")
    assert str(caught.value).splitlines() == [
        "cars.csv:3: model: a-1 is listed twice",
        "cars.csv:4: ac_phases: '4' is not within 1 to 3",
        "cars.csv:4: dc_minutes: 'x' is not within 8 to 120",
        "cars.csv:4: model: 'B_1' is no id: lower case, digits, dashes",
        "cars.csv:4: source: is missing",
        "cars.csv:4: source_date: 'soon' is no year",
        "cars.csv:4: usable_kwh: '500' is not within 5 to 150",
        "cars.csv:5: ac_kw: 22 kW is more than 63 A per phase",
        "cars.csv:6: dc_kw: 120 kW is above the published peak",
    ]


def test_the_documentation_shows_every_model(request):
    """docs/vehicles.md lists each model with its published and its computed minutes."""
    text = (request.config.rootpath / "docs" / "vehicles.md").read_text(encoding="utf-8")
    for model, entry in c.entries().items():
        line = next((line for line in text.splitlines() if line.startswith(f"| {model} |")), "")
        assert line, model
        if entry.spec.dc:
            assert (
                f"| {entry.dc_minutes:g} | {c.dc_minutes(entry.spec, entry.dc_from_pct, entry.dc_to_pct):.1f} |"
                in line
            )


def test_reading_the_catalogue_loads_no_heavy_library():
    """`twin validate` checks models without numba, pandas or scipy."""
    code = (
        "import sys; from twin.world.stations.catalogue import catalogue; catalogue(); "
        "print([m for m in ('numba', 'pandas', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
