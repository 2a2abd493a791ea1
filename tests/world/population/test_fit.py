"""The fit itself, on made-up recordings whose truth is known."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from twin.rng import stream
from twin.world.population import fit as fit_module
from twin.world.population.fit import (
    ENERGY_LEVELS,
    User,
    _energy_quantiles,
    _means,
    _plugged_weeks,
    main,
    split,
)
from twin.world.population.fit_check import distance
from twin.world.population.fitted import tables_from

Written = Callable[[str, str], Path]


def user(name: str, weeks: float = 10.0, n: int = 30, kwh: float = 10.0) -> User:
    rng = stream(1, name)
    return User(
        name=name,
        shared=False,
        weeks=weeks,
        hour_of_week=rng.uniform(0, 168, n),
        stay_h=rng.uniform(2, 10, n),
        energy_kwh=rng.uniform(0.5, 1.5, n) * kwh,
    )


def test_a_third_of_the_users_is_held_back_across_the_range_of_weekly_energy() -> None:
    """Of 30 users with 1 to 30 kWh per visit, one of each three neighbours is held back."""
    users = [user(f"u{k:02d}", kwh=k + 1.0) for k in range(30)]
    fitted, held = split(users)
    assert len(held) == 10
    assert {u.name for u in fitted} | {u.name for u in held} == {u.name for u in users}
    assert not {u.name for u in fitted} & {u.name for u in held}
    ranked = sorted(users, key=lambda u: u.visits_per_week * u.energy_kwh.mean())
    names = {u.name for u in held}
    assert all(sum(u.name in names for u in ranked[i : i + 3]) == 1 for i in range(0, 30, 3))


def test_the_split_depends_on_its_seed_alone() -> None:
    """The order of the users is of no consequence."""
    users = [user(f"u{k:02d}", kwh=k + 1.0) for k in range(12)]
    assert {u.name for u in split(users)[1]} == {u.name for u in split(users[::-1])[1]}
    assert {u.name for u in split(users, 5)[1]} != {u.name for u in split(users, 6)[1]}


def test_interpolated_quantiles_keep_the_mean() -> None:
    """A piecewise linear quantile function through a few points would not, by itself."""
    u = user("a", n=41)
    assert _means(_energy_quantiles(u)[None, :])[0] == pytest.approx(u.energy_kwh.mean())
    assert _means(np.array([ENERGY_LEVELS]))[0] == pytest.approx(0.5)


def test_hours_plugged_in_are_counted_around_the_week() -> None:
    """Sunday 23:30 for an hour and a half: half an hour on Sunday, an hour on Monday."""
    one = User(
        name="a",
        shared=False,
        weeks=1,
        hour_of_week=np.array([167.5]),
        stay_h=np.array([1.5]),
        energy_kwh=np.array([1.0]),
    )
    plugged = _plugged_weeks(one)
    assert (plugged[167], plugged[0], plugged.sum()) == (0.5, 1.0, 1.5)


def test_the_distance_of_two_samples_is_the_largest_gap() -> None:
    """Half of one sample lies below all of the other."""
    assert distance(np.array([1.0, 2.0, 5.0, 6.0]), np.array([3.0, 4.0, 5.0, 6.0])) == pytest.approx(0.5)
    assert distance(np.array([1.0, 1.0, 2.0]), np.array([1.0, 2.0, 1.0])) == 0


def _recording() -> str:
    """24 users over 12 weeks, four kinds; everybody plugs in around 18:00 and takes 6 kWh in nine hours."""
    rng = stream(1, "recording")
    rows: list[str] = []
    for u in range(24):
        every_days, kind = (4, "Shared") if u % 4 == 0 else ((4, 2, 1)[u % 4 - 1], "Private")
        for day in range(0, 84, every_days):
            start = datetime(2019, 1, 7, 18, tzinfo=UTC) + timedelta(
                days=day, minutes=int(rng.integers(-60, 60))
            )
            end = start + timedelta(hours=9, minutes=int(rng.integers(-60, 60)))
            kwh = f"{rng.uniform(4, 8):.2f}".replace(".", ",")
            times = f"{start:%d.%m.%Y %H:%M};{end:%d.%m.%Y %H:%M}"
            rows.append(f"{len(rows) + 1};G;u{u};{kind};{times};{kwh};NA")
    header = "session_ID;Garage_ID;User_ID;User_type;Start_plugin;End_plugout;El_kWh;Duration_hours"
    return "\r\n".join([header, *rows]) + "\r\n"


def test_the_command_writes_tables_that_return_what_was_recorded(
    written: Written, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Arrivals around 18:00, stays of nine hours, six kWh a visit: the whole way from CSV to drawn visits."""
    monkeypatch.setattr(fit_module, "REPLICAS", 10)
    out = tmp_path / "tables.json"
    main([str(written("reports.csv", _recording())), "--out", str(out), "--splits", "1"])
    doc = json.loads(out.read_text(encoding="utf-8"))
    assert doc["counts"]["users_fitted"] == 16
    tables = tables_from(doc)
    peak_hour = int(np.argmax(tables.hazard_per_h[1].reshape(7, 24).sum(axis=0)))
    assert 17 <= peak_hour <= 20
    figures = dict(
        line.rsplit(maxsplit=3)[:2] for line in capsys.readouterr().out.splitlines() if "ratio" in line
    )
    assert float(figures["kWh per week, ratio"]) == pytest.approx(1.0, abs=0.1)
