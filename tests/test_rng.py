"""Draws that come one by one."""

from __future__ import annotations

import numpy as np

from twin.rng import uniform, uniforms


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
