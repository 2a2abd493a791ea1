"""Print how many sessions a CPU-second prices: a flat tariff, and one with time bands and an idle fee.

Sessions are random (seeded), of eight hours each, spread over a year of civil time in Europe/Berlin. Each figure is
the CPU time of pricing all of them, best of five; tariffs are compiled once before. `--sessions` sets their number.
"""

from __future__ import annotations

import argparse
import platform
import sys
from datetime import UTC, datetime, time
from decimal import Decimal
from time import process_time

from twin.money.billing.model import (
    Component,
    Dimension,
    Doing,
    Element,
    Measured,
    Period,
    Restrictions,
    Tariff,
    Tax,
)
from twin.money.billing.pricing import Pricer
from twin.rng import stream

YEAR_MS = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp()) * 1000
STAY_MS = 8 * 3_600_000
VAT = (Tax("VAT", Decimal(19)),)


def per_kwh(price: str) -> Component:
    """A price of energy with VAT, billed per Wh."""
    return Component(Dimension.ENERGY, Decimal(price), VAT, 1)


FLAT = Tariff(id="flat", currency="EUR", elements=(Element(components=(per_kwh("0.49"),)),))
BANDS = Tariff(
    id="bands",
    currency="EUR",
    elements=(
        Element(
            components=(per_kwh("0.39"),), restrictions=Restrictions(start_time=time(22), end_time=time(6))
        ),
        Element(
            components=(per_kwh("0.59"),),
            restrictions=Restrictions(start_time=time(17), end_time=time(20), days=frozenset(range(5))),
        ),
        Element(components=(per_kwh("0.49"),)),
        Element(
            components=(Component(Dimension.PARKING_TIME, Decimal(6), VAT, 60),),
            restrictions=Restrictions(min_idle_s=3600, start_time=time(8), end_time=time(20)),
        ),
    ),
)


def sessions(count: int, periods: int, seed: int) -> list[Measured]:
    """Random sessions: they charge for the first part of their stay, and idle for the rest."""
    rng = stream(seed, "bench tariffs", periods)
    found = []
    for _ in range(count):
        start_ms = YEAR_MS + int(rng.integers(0, 364 * 86_400)) * 1000
        full = max(1, round(periods * float(rng.uniform(0.3, 1.0))))
        energies = [int(e) for e in rng.integers(50, 900, full)] + [0] * (periods - full)
        found.append(
            Measured(
                periods=tuple(
                    Period(
                        start_ms + k * STAY_MS // periods,
                        energy,
                        Doing.CHARGING if energy else Doing.PARKING,
                    )
                    for k, energy in enumerate(energies)
                ),
                end_ms=start_ms + STAY_MS,
            )
        )
    return found


def rate(tariff: Tariff, batch: list[Measured]) -> float:
    """Sessions per CPU-second, best of five."""
    pricer = Pricer(tariff, "Europe/Berlin")
    best = float("inf")
    for _ in range(5):
        begun = process_time()
        for session in batch:
            pricer.price(session)
        best = min(best, process_time() - begun)
    return len(batch) / best


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    print(
        f"Python {sys.version.split()[0]}, {platform.machine()}, {options.sessions} sessions, seed {options.seed}"
    )
    print("| tariff | metered periods | sessions per CPU-second | wanted |")
    print("|---|---:|---:|---:|")
    for tariff, periods, wanted in (
        (FLAT, 1, 20_000),
        (FLAT, 12, 20_000),
        (BANDS, 12, 4_000),
        (BANDS, 96, 4_000),
    ):
        count = rate(tariff, sessions(options.sessions, periods, options.seed))
        print(f"| {tariff.id} | {periods} | {count:,.0f} | {wanted:,} |")


if __name__ == "__main__":
    main()
