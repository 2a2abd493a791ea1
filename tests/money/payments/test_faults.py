"""Rates that cannot be, and the distributions of what they are."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from twin.money.payments.faults import Faults, exponential, lognormal


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
