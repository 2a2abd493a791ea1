"""Times in which nobody answers."""

from __future__ import annotations

import pytest

from twin.money.payments.windows import YEAR_S, Windows


class TestWindows:
    def test_as_many_begin_as_are_wanted(self) -> None:
        """Twelve a year of ten minutes each: two hours of the year are inside, over a hundred years."""
        windows = Windows(3, "outage", 12.0, 600.0)
        inside = sum(windows.until_s(300.0 * k) is not None for k in range(int(100 * YEAR_S / 300)))
        assert inside * 300.0 / (100 * YEAR_S) == pytest.approx(12 * 600 / YEAR_S, rel=0.15)

    def test_none_ever_where_none_are_wanted(self) -> None:
        """Not even in a thousand years."""
        assert Windows(3, "outage", 0.0, 600.0).until_s(1_000 * YEAR_S) is None

    def test_longer_ones_begin_at_the_same_instants(self) -> None:
        """What is inside a short outage is inside the long one."""
        short, long = (Windows(3, "outage", 500.0, mean_s) for mean_s in (600.0, 6_000.0))
        for k in range(20_000):
            if short.until_s(500.0 * k) is not None:
                assert long.until_s(500.0 * k) is not None
            else:
                long.until_s(500.0 * k)
