"""Cars, connectors and files for the tests of the population."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import pytest

from twin.domain.specs import Connection, EvseSpec, VehicleSpec
from twin.world.population.demand import DriverGroup
from twin.world.population.draw import Drawing, draw_all

Draw = Callable[..., Drawing]


def _car(model: str, usable_kwh: float, phases: int, ac_kw: float, *, dc: bool = True) -> VehicleSpec:
    return VehicleSpec(
        model=model,
        usable_wh=usable_kwh * 1000,
        ac_phases=phases,
        ac_max_w=ac_kw * 1000,
        dc_max_w=100_000.0,
        taper_soc=0.5,
        taper_end=0.2,
        dc=dc,
    )


@pytest.fixture(scope="session")
def cars() -> dict[str, VehicleSpec]:
    """A town car of 20 kWh, a family car of 60 kWh and a barge of 110 kWh; AC efficiency 0.9."""
    cars = (_car("town", 20, 1, 3.6, dc=False), _car("family", 60, 3, 11), _car("barge", 110, 3, 11))
    return {c.model: c for c in cars}


@pytest.fixture(scope="session")
def mix() -> dict[str, float]:
    return {"town": 1.0, "family": 2.0, "barge": 1.0}


def street(n: int, site: str = "street") -> list[EvseSpec]:
    return [
        EvseSpec(
            id=f"{site}-{i + 1}/1",
            station=f"{site}-{i + 1}",
            site=site,
            bus="b",
            connection=Connection.L1L2L3,
            max_a=16,
        )
        for i in range(n)
    ]


@pytest.fixture(scope="session")
def evses() -> Callable[[int], list[EvseSpec]]:
    """EVSEs of 11 kW at the site `street`, named street-1/1 and so on."""
    return street


@pytest.fixture(scope="session")
def draw_week(cars: dict[str, VehicleSpec]) -> Draw:
    """Draw a week from Monday 2026-01-12 00:00 in Berlin, at up to 100 EVSEs of one street."""

    def draw(
        *groups: DriverGroup,
        seed: int = 1,
        days: float = 7.0,
        start: str = "2026-01-12T00:00:00+01:00",
        sites: Mapping[str, Sequence[int]] | None = None,
    ) -> Drawing:
        return draw_all(
            groups,
            seed=seed,
            start=datetime.fromisoformat(start),
            horizon_s=days * 86_400,
            time_zone="Europe/Berlin",
            vehicles=cars,
            sites=sites or {"street": range(100)},
            evses=street(100),
        )

    return draw


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str, str], Path]:
    """Write a file and return its path."""

    def write(name: str, text: str) -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8", newline="")
        return path

    return write
