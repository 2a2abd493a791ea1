"""Rates that cannot be, windows, back-off."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.money.payments.backoff import Backoff
from twin.money.payments.faults import Faults, exponential, lognormal
from twin.money.payments.windows import YEAR_S, Windows
from twin.rng import uniform, uniforms


class TestFaults:
    def test_every_wrong_rate_is_named_at_once(self) -> None:
        """One message for all of them."""
        with pytest.raises(ValueError, match="faults of a provider") as raised:
            Faults(
                action=1.5, declines={"bad_luck": 0.1, "lost_card": -0.1}, timeout_s=0.0, latency_p99_s=0.1
            )
        text = str(raised.value)
        for part in (
            "action is 1.5, and must be within 0 to 1",
            "declines: bad_luck is unknown",
            "declines: lost_card is -0.1",
            "timeout_s is 0.0, and must be above 0",
            "latency_p99_s is 0.1, and must be at least the median of 0.6",
        ):
            assert part in text

    @pytest.mark.parametrize("field", [f.name for f in fields(Faults) if f.name != "declines"])
    def test_no_field_takes_what_cannot_be(self, field: str) -> None:
        """A negative number and no number at all are refused everywhere."""
        for wrong in (-1.0, float("nan")):
            with pytest.raises(ValueError, match=field):
                replace(Faults(), **{field: wrong})

    def test_half_of_the_answers_take_the_median_and_one_in_a_hundred_the_99th_percentile(self) -> None:
        """The distribution is given by the two."""
        faults = Faults(latency_s=0.6, latency_p99_s=3.0)
        assert lognormal(0.6, faults.latency_sigma, 0.5) == pytest.approx(0.6)
        assert lognormal(0.6, faults.latency_sigma, 0.99) == pytest.approx(3.0)
        assert Faults.none().latency_sigma == 0.0

    def test_distributions_stay_finite_at_the_ends(self) -> None:
        """A draw of 0 is the lower end, one short of 1 the upper."""
        for draw in (0.0, 1 - 2**-32):
            assert 0 < lognormal(1.0, 1.0, draw) < 1e4
            assert 0 <= exponential(1.0, draw) < 30


class TestUniform:
    def test_the_same_name_draws_the_same(self) -> None:
        """And another name, another seed, another."""
        assert uniform(1, "a", 2) == uniform(1, "a", 2)
        assert len({uniform(1, "a", 2), uniform(2, "a", 2), uniform(1, "a", 3), uniform(1, "a")}) == 4

    def test_draws_are_spread_evenly_and_apart(self) -> None:
        """Mean 1/2, variance 1/12, no correlation between the purposes: 20,000 names."""
        draws = np.array([uniforms(7, "spread", k) for k in range(20_000)])
        assert draws.shape == (20_000, 8)
        assert draws.min() >= 0
        assert draws.max() < 1
        np.testing.assert_allclose(draws.mean(axis=0), 0.5, atol=0.01)
        np.testing.assert_allclose(draws.var(axis=0), 1 / 12, atol=0.003)
        np.testing.assert_allclose(np.corrcoef(draws.T), np.eye(8), atol=0.03)


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


class TestBackoff:
    def test_delays_double_up_to_the_ceiling_and_end(self) -> None:
        """0.5, 1, 2, 4, 8 s without jitter; after the sixth try, no more."""
        backoff = Backoff(jitter=0.0)
        assert [backoff.delay_s(k, 0.9) for k in range(1, 7)] == [0.5, 1.0, 2.0, 4.0, 8.0, None]

    @given(st.integers(1, 20), st.floats(0, 1, exclude_max=True), st.floats(0, 1))
    def test_jitter_only_shortens(self, failed: int, draw: float, jitter: float) -> None:
        """Between the whole delay and what jitter leaves of it."""
        whole_s = Backoff(jitter=0.0, attempts_max=99).delay_s(failed, draw)
        delay_s = Backoff(jitter=jitter, attempts_max=99).delay_s(failed, draw)
        assert whole_s is not None
        assert delay_s is not None
        assert whole_s * (1 - jitter) - 1e-12 <= delay_s <= whole_s

    def test_every_wrong_number_is_named(self) -> None:
        """All at once."""
        with pytest.raises(ValueError, match=r"first delay -1 s.*factor 0.*jitter 2.*attempts 0"):
            Backoff(first_s=-1, factor=0, jitter=2, attempts_max=0)
