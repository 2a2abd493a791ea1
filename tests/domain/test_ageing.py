"""Temperatures and ageing of transformers against hand-made figures and an independent integrator."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from twin.domain.ageing import (
    DISTRIBUTION_ONAN,
    POWER_ONAN,
    Thermal,
    Transformer,
    ageing_rate,
    thermal,
)

ANNEX = Transformer(
    oil_rise_k=45.0,
    hot_spot_rise_k=35.0,
    loss_ratio=8.0,
    oil_exponent=0.8,
    winding_exponent=1.3,
    oil_time_min=150.0,
    winding_time_min=7.0,
    k11=0.5,
    k21=2.0,
    k22=2.0,
)
"""The transformer of the standard's example of the differential equations (IEC 60076-7, annex C)."""
ANNEX_LOAD_PCT = 100.0 * np.array(
    [
        0.81, 0.87, 0.88, 0.86, 0.90, 0.92, 0.95, 0.96, 0.97, 1.00, 1.70, 1.70, 1.73, 1.72, 1.69, 1.68, 1.71, 1.69,
        1.67, 1.68, 1.63, 1.59, 1.53, 1.49, 1.41, 1.38, 1.32, 1.28, 1.21, 1.19, 0.87, 0.88, 0.87, 0.86, 0.85, 0.87,
        0.83, 0.86, 0.85, 0.82, 0.86,
    ]
)  # fmt: skip
ANNEX_AMBIENT_C = np.array(
    [
        30.3, 29.9, 29.8, 29.5, 29.6, 29.5, 29.5, 28.9, 29.0, 28.6, 28.0, 28.7, 27.8, 28.1, 27.9, 27.1, 26.9, 26.7,
        27.2, 26.7, 26.9, 26.5, 26.2, 26.3, 25.4, 25.6, 25.3, 24.8, 24.5, 24.3, 24.1, 24.3, 24.1, 23.4, 23.6, 23.8,
        23.1, 23.3, 23.1, 22.3, 22.2,
    ]
)  # fmt: skip
"""41 instants, 3 minutes apart."""
LOADS_PCT = st.lists(st.floats(0.0, 200.0), min_size=1, max_size=40)


def annex() -> Thermal:
    """The annex's 120 minutes after the steady state of its instant 0."""
    return thermal(
        ANNEX_LOAD_PCT,
        180.0,
        ambient_c=ANNEX_AMBIENT_C,
        transformer=ANNEX,
        paper="upgraded",
    )


def by_euler(transformer: Transformer, load: np.ndarray, ambient_c: np.ndarray, step_min: float, parts: int):
    """The difference equations of the standard (8.2.3), word by word: top oil and hot spot per step."""
    k21, k22, tau_o = transformer.k21, transformer.k22, transformer.oil_time_min
    r, x, y = transformer.loss_ratio, transformer.oil_exponent, transformer.winding_exponent
    oil = ((1 + load[0] ** 2 * r) / (1 + r)) ** x * transformer.oil_rise_k + ambient_c[0]
    first = k21 * load[0] ** y * transformer.hot_spot_rise_k
    second = (k21 - 1) * load[0] ** y * transformer.hot_spot_rise_k
    rows = [(oil, oil + first - second)]
    dt = step_min / parts
    for k, a in zip(load[1:], ambient_c[1:], strict=True):
        for _ in range(parts):
            ultimate = ((1 + k**2 * r) / (1 + r)) ** x * transformer.oil_rise_k
            oil += dt / (transformer.k11 * tau_o) * (ultimate - (oil - a))
            first += (
                dt / (k22 * transformer.winding_time_min) * (k21 * transformer.hot_spot_rise_k * k**y - first)
            )
            second += dt / (tau_o / k22) * ((k21 - 1) * transformer.hot_spot_rise_k * k**y - second)
        rows.append((oil, oil + first - second))
    return np.array(rows).T


class TestSteadyState:
    def test_rated_load_at_20_degrees_is_the_design_point(self) -> None:
        """20 + 55 + 23 = 98 degrees C, and non-upgraded paper ages normally."""
        day = thermal(np.full(96, 100.0), 900.0, ambient_c=20.0)
        np.testing.assert_allclose(day.top_oil_c, 75.0, rtol=1e-12)
        np.testing.assert_allclose(day.hot_spot_c, 98.0, rtol=1e-12)
        assert day.hot_spot_max_c == pytest.approx(98.0)
        assert day.relative_ageing == pytest.approx(1.0, rel=1e-12)
        assert day.loss_of_life_h == pytest.approx(24.0)
        assert day.loss_of_life_pct == pytest.approx(100 * 24 / 180_000)

    def test_half_load_by_hand(self) -> None:
        """Losses (1 + 5/4)/6 = 0.375; 55 x 0.375^0.8 = 25.095 K; 23 x 0.5^1.6 = 7.587 K."""
        rest = thermal(np.full(10, 50.0), 3600.0, ambient_c=10.0)
        assert rest.top_oil_c[-1] == pytest.approx(10.0 + 25.095, abs=1e-3)
        assert rest.hot_spot_c[-1] == pytest.approx(10.0 + 25.095 + 7.587, abs=2e-3)

    def test_the_annex_begins_at_its_published_temperatures(self) -> None:
        """IEC 60076-7 annex C: 63.9 degrees C top oil, and 26.6 K above it at the hot spot."""
        start = thermal(np.array([81.0]), 180.0, ambient_c=30.3, transformer=ANNEX)
        assert start.top_oil_c[0] == pytest.approx(63.9, abs=0.05)
        assert start.hot_spot_c[0] == pytest.approx(63.9 + 26.6, abs=0.1)

    def test_an_unloaded_transformer_is_warmed_by_its_iron(self) -> None:
        """55 x (1/6)^0.8 = 13.12 K, no gradient."""
        idle = thermal(np.zeros(3), 900.0, ambient_c=0.0)
        assert idle.hot_spot_c[-1] == pytest.approx(13.117, abs=1e-3)
        assert idle.hot_spot_c[-1] == idle.top_oil_c[-1]


class TestTransient:
    def test_one_time_constant_covers_63_percent_of_the_oils_way(self) -> None:
        """From 0 to rated load: after k11 tau_o = 180 min the oil has made 1 - 1/e of its way."""
        warm = thermal(np.full(180, 100.0), 60.0, start_loading_pct=0.0)
        idle_c = 20.0 + 55.0 * (1 / 6) ** 0.8
        assert warm.top_oil_c[-1] == pytest.approx(idle_c + (75.0 - idle_c) * (1 - np.exp(-1)), rel=1e-12)

    def test_the_standards_difference_equations_give_the_same_in_small_steps(self) -> None:
        """Annex C with Euler's rule at 3/400 min, load and ambient of each instant held over its step."""
        oil_c, hot_c = by_euler(ANNEX, ANNEX_LOAD_PCT / 100, ANNEX_AMBIENT_C, 3.0, 400)
        ours = annex()
        np.testing.assert_allclose(ours.top_oil_c, oil_c, atol=0.01)
        np.testing.assert_allclose(ours.hot_spot_c, hot_c, atol=0.02)

    def test_the_standards_own_step_is_within_its_known_error(self) -> None:
        """Euler's rule with the annex's 3 min runs ahead of the exact solution, by less than 4 K in the jump."""
        _, hot_c = by_euler(ANNEX, ANNEX_LOAD_PCT / 100, ANNEX_AMBIENT_C, 3.0, 1)
        ours = annex()
        gap = np.abs(ours.hot_spot_c - hot_c)
        assert gap.max() < 4.0
        assert gap.mean() < 2.0

    @pytest.mark.parametrize("transformer", [DISTRIBUTION_ONAN, POWER_ONAN, ANNEX])
    def test_an_ode_solver_agrees(self, transformer: Transformer) -> None:
        """The differential equations as printed, by scipy's DOP853, and the ageing as a fourth state."""
        load = np.array([0.3, 1.4, 1.4, 0.2, 0.9])
        t = transformer

        def slope(_: float, s: np.ndarray, k: float) -> list[float]:
            oil = t.oil_rise_k * ((1 + t.loss_ratio * k * k) / (1 + t.loss_ratio)) ** t.oil_exponent
            winding = t.hot_spot_rise_k * k**t.winding_exponent
            hot = s[0] + s[1] - s[2]
            return [
                (oil - (s[0] - 25.0)) / (t.k11 * t.oil_time_min),
                (t.k21 * winding - s[1]) / (t.k22 * t.winding_time_min),
                ((t.k21 - 1) * winding - s[2]) * t.k22 / t.oil_time_min,
                2 ** ((hot - 98) / 6) / 60,
            ]

        idle = t.hot_spot_rise_k * load[0] ** t.winding_exponent
        losses = ((1 + t.loss_ratio * load[0] ** 2) / (1 + t.loss_ratio)) ** t.oil_exponent
        state = np.array([25.0 + t.oil_rise_k * losses, t.k21 * idle, (t.k21 - 1) * idle, 0.0])
        hot = []
        for k in load:
            state = solve_ivp(slope, (0, 45), state, args=(k,), method="DOP853", rtol=1e-10, atol=1e-10).y[
                :, -1
            ]
            hot.append(state[0] + state[1] - state[2])
        ours = thermal(load * 100, 2700.0, ambient_c=25.0, transformer=t)
        np.testing.assert_allclose(ours.hot_spot_c, hot, atol=1e-7)
        assert ours.loss_of_life_h == pytest.approx(state[3], rel=2e-3)

    def test_the_rise_over_oil_overshoots_in_power_transformers(self) -> None:
        """With k21 = 2 the rise over oil exceeds its final 26 K after a jump (IEC 60076-7, figure of f2)."""
        jump = thermal(np.full(200, 100.0), 300.0, transformer=POWER_ONAN, start_loading_pct=0.0)
        rise_k = jump.hot_spot_c - jump.top_oil_c
        assert rise_k.max() > 1.2 * 26.0
        assert rise_k[-1] == pytest.approx(26.0, abs=0.1)

    def test_the_highest_is_found_within_a_step(self) -> None:
        """One long step after a jump, of a winding in oil that hardly warms: its overshoot is not at the end."""
        cold_oil = replace(POWER_ONAN, oil_rise_k=0.0)
        jump = thermal(np.array([150.0]), 86_400.0, transformer=cold_oil, start_loading_pct=20.0)
        assert jump.hot_spot_max_c > jump.hot_spot_c[-1] + 5.0


class TestAgeing:
    @pytest.mark.parametrize(
        ("hot_c", "paper", "rate"),
        [
            (98.0, "non-upgraded", 1.0),
            (104.0, "non-upgraded", 2.0),
            (80.0, "non-upgraded", 0.125),
            (140.0, "non-upgraded", 128.0),
            (110.0, "upgraded", 1.0),
            (98.0, "upgraded", 0.282),
            (140.0, "upgraded", 17.2),
            (100.0, "upgraded", 0.350),
        ],
    )
    def test_the_standards_table_of_rates(self, hot_c: float, paper, rate: float) -> None:
        """IEC 60076-7 table 3 (relative ageing rates by temperature); F_AA of IEEE C57.91 table 1 at 140 is 17.2."""
        assert float(ageing_rate(np.array([hot_c]), paper)[0]) == pytest.approx(rate, rel=3e-3)

    def test_the_rate_keeps_the_shape(self) -> None:
        """Tables of temperatures give tables of rates."""
        assert ageing_rate(np.full((2, 3), 98.0)).tolist() == [[1.0] * 3] * 2

    def test_the_annex_ages_faster_than_normal(self) -> None:
        """Its overload of 1.7 heats the hot spot to 175 degrees C: two hours use more than five days of life."""
        run = annex()
        assert run.duration_h == pytest.approx(41 * 3 / 60)
        assert 5 * 24 < run.loss_of_life_h < 6 * 24
        assert run.hot_spot_max_c == pytest.approx(175.0, abs=1.0)

    def test_six_kelvin_double_the_ageing_of_a_constant_load(self) -> None:
        """A step in ambient of 6 K, everything else equal."""
        cold, warm = (thermal(np.full(4, 80.0), 900.0, ambient_c=c) for c in (14.0, 20.0))
        assert warm.loss_of_life_h == pytest.approx(2 * cold.loss_of_life_h)


class TestInvariants:
    @given(LOADS_PCT, st.floats(0.0, 50.0))
    def test_more_load_is_never_cooler(self, loads: list[float], more_pct: float) -> None:
        """Of a distribution transformer, at every step, whatever the series."""
        less = thermal(np.array(loads), 900.0)
        more = thermal(np.array(loads) + more_pct, 900.0)
        assert (more.hot_spot_c >= less.hot_spot_c - 1e-9).all()
        assert more.loss_of_life_h >= less.loss_of_life_h * (1 - 1e-9)

    @given(LOADS_PCT)
    def test_splitting_every_step_changes_no_temperature(self, loads: list[float]) -> None:
        """A quarter hour in one step, or in three of five minutes: only the ageing's sum may differ a little."""
        whole = thermal(np.array(loads), 900.0, ambient_c=15.0, transformer=POWER_ONAN)
        parts = thermal(np.repeat(loads, 3), 300.0, ambient_c=15.0, transformer=POWER_ONAN)
        np.testing.assert_allclose(parts.hot_spot_c[2::3], whole.hot_spot_c, atol=1e-9)
        assert parts.loss_of_life_h == pytest.approx(whole.loss_of_life_h, rel=1e-2)

    @given(LOADS_PCT)
    def test_the_oil_stays_between_its_extremes(self, loads: list[float]) -> None:
        """Never below the steady state of the lowest load, never above that of the highest."""
        run = thermal(np.array(loads), 600.0)
        low, high = (thermal(np.array([x]), 600.0).top_oil_c[0] for x in (min(loads), max(loads)))
        assert low - 1e-9 <= run.top_oil_c.min()
        assert run.top_oil_c.max() <= high + 1e-9


class TestBadInput:
    @pytest.mark.parametrize(
        ("loads", "step_s", "options", "message"),
        [
            ([50.0, np.nan], 900.0, {}, "loading_pct of step 1 is nan"),
            ([50.0, -1.0], 900.0, {}, "loading_pct of step 1 is -1"),
            ([50.0, np.inf], 900.0, {}, "loading_pct of step 1 is inf"),
            ([], 900.0, {}, "at least one step"),
            ([50.0], 0.0, {}, "step_s must be positive"),
            ([50.0, 50.0], 900.0, {"ambient_c": np.zeros(3)}, "one value or 2"),
            ([50.0], 900.0, {"ambient_c": np.array([np.nan])}, "ambient_c of step 0"),
            ([50.0], 900.0, {"start_loading_pct": -5.0}, "start_loading_pct is -5"),
            ([50.0], 900.0, {"paper": "wood"}, "`wood`"),
        ],
    )
    def test_says_what_and_where(
        self, loads: list[float], step_s: float, options: dict, message: str
    ) -> None:
        """One sentence with the name, the step and the value."""
        with pytest.raises(ValueError, match=message):
            thermal(np.array(loads), step_s, **options)

    def test_a_transformer_without_time_constant_is_refused(self) -> None:
        """All wrong constants at once."""
        with pytest.raises(ValueError, match=r"oil_time_min is 0.*k21 is 0\.5"):
            Transformer(
                oil_rise_k=55.0, hot_spot_rise_k=23.0, loss_ratio=5.0, oil_exponent=0.8, winding_exponent=1.6,
                oil_time_min=0.0, winding_time_min=4.0, k11=1.0, k21=0.5, k22=2.0,
            )  # fmt: skip
