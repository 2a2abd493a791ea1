"""How long to wait after a 429."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.money.payments.backoff import Backoff


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
