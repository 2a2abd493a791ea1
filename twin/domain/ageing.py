"""Hot-spot temperature and loss of life of oil-immersed transformers, from a series of loadings.

The thermal model is that of IEC 60076-7:2018, 8.2 (the same as IEC 60076-7:2005, 8.2): the top oil follows
the total losses with one time constant, the hot-spot rise above it is the difference of a fast and a slow
response to the current:

    k11 tau_o  d theta_o/dt   = ((1 + R K^2) / (1 + R))^x rise_o - (theta_o - theta_a)
    k22 tau_w  d rise_h1/dt   = k21 K^y rise_h - rise_h1
    tau_o/k22  d rise_h2/dt   = (k21 - 1) K^y rise_h - rise_h2
    theta_h = theta_o + rise_h1 - rise_h2

with K the current over its rating. The difference equations of 8.2.3 step them with Euler's rule and ask for
steps below half the smallest time constant. Loadings are means of intervals here, and for an input that is
constant the equations have an exact step, 1 - exp(-dt/tau) in place of dt/tau: it is used, so that
temperatures do not depend on the step at all. Within an interval the ageing is summed in sub-steps of at most
a sixteenth of the smallest time constant.

Ageing is that of the winding's paper: IEC 60076-7:2018, 6.3, equations for non-upgraded and for thermally
upgraded paper; the latter is also the ageing acceleration factor F_AA of IEEE C57.91-2011, 5.2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numba import njit

from twin.domain.ids import Array, Vector

Paper = Literal["non-upgraded", "upgraded"]
NORMAL_LIFE_H = 180_000.0
"""Life at relative ageing 1: until paper is left with a degree of polymerisation of 200 (IEEE C57.91-2011, 5.2.1)."""
_SUB_STEPS_PER_TIME_CONSTANT = 16
_ZERO_C_IN_K = 273.0
"""As both standards round it in the ageing equation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transformer:
    """Thermal constants of a type of transformer.

    Attributes:
        oil_rise_k: Top-oil rise over ambient in steady state at rated load.
        hot_spot_rise_k: Hot-spot rise over top oil in steady state at rated load.
        loss_ratio: R, load losses at rated current over no-load losses.
        oil_exponent: x, of the losses.
        winding_exponent: y, of the current.
        oil_time_min: tau_o, average oil time constant.
        winding_time_min: tau_w, winding time constant.
        k11, k21, k22: Of the thermal model.
    """

    oil_rise_k: float
    hot_spot_rise_k: float
    loss_ratio: float
    oil_exponent: float
    winding_exponent: float
    oil_time_min: float
    winding_time_min: float
    k11: float
    k21: float
    k22: float

    def __post_init__(self) -> None:
        """Refuse constants with which the equations mean nothing."""
        positive = ("oil_exponent", "winding_exponent", "oil_time_min", "winding_time_min", "k11", "k22")
        others = ("oil_rise_k", "hot_spot_rise_k", "loss_ratio")
        bad = [
            f"{name} is {getattr(self, name)}"
            for name in positive
            if not 0.0 < getattr(self, name) < math.inf
        ]
        bad += [
            f"{name} is {getattr(self, name)}" for name in others if not 0.0 <= getattr(self, name) < math.inf
        ]
        bad += [f"k21 is {self.k21}"] if not 1.0 <= self.k21 < math.inf else []
        if bad:
            raise ValueError(f"thermal constants must be positive and k21 at least 1: {', '.join(bad)}")

    def time_constants_min(self) -> tuple[float, float, float]:
        """Of the top oil, of the fast and of the slow part of the hot-spot rise."""
        return self.k11 * self.oil_time_min, self.k22 * self.winding_time_min, self.oil_time_min / self.k22


DISTRIBUTION_ONAN = Transformer(
    oil_rise_k=55.0,
    hot_spot_rise_k=23.0,
    loss_ratio=5.0,
    oil_exponent=0.8,
    winding_exponent=1.6,
    oil_time_min=180.0,
    winding_time_min=4.0,
    k11=1.0,
    k21=1.0,
    k22=2.0,
)
"""Distribution transformers, natural oil and air: 98 degrees C at rated load and 20 degrees C around them.

Exponents, time constants and k from IEC 60076-7:2018 table 4 (2005: table 5); rises and loss ratio from the
characteristics of its load examples for distribution transformers.
"""
POWER_ONAN = Transformer(
    oil_rise_k=52.0,
    hot_spot_rise_k=26.0,
    loss_ratio=6.0,
    oil_exponent=0.8,
    winding_exponent=1.3,
    oil_time_min=210.0,
    winding_time_min=10.0,
    k11=0.5,
    k21=2.0,
    k22=2.0,
)
"""Medium and large power transformers with natural cooling; same tables. After a jump the rise over oil overshoots."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thermal:
    """Temperatures and ageing over a series of T steps.

    Attributes:
        top_oil_c: (T,) at the end of each step.
        hot_spot_c: (T,) at the end of each step.
        hot_spot_max_c: Highest of the whole series, also within steps.
        duration_h: Length of the series.
        loss_of_life_h: Hours of life used: the integral of the relative ageing rate.
    """

    top_oil_c: Vector
    hot_spot_c: Vector
    hot_spot_max_c: float
    duration_h: float
    loss_of_life_h: float

    @property
    def relative_ageing(self) -> float:
        """Hours of life used per hour; 1 is normal ageing (F_EQA of IEEE C57.91)."""
        return self.loss_of_life_h / self.duration_h

    @property
    def loss_of_life_pct(self) -> float:
        """Share of the normal life of 180,000 h that was used (IEEE C57.91-2011, 5.2.2)."""
        return 100.0 * self.loss_of_life_h / NORMAL_LIFE_H


def ageing_rate(hot_spot_c: Vector, paper: Paper = "non-upgraded") -> Vector:
    """Return the relative ageing rate at each hot-spot temperature, in the shape given.

    Args:
        hot_spot_c: Temperatures in degrees C.
        paper: `non-upgraded`: 2^((h - 98) / 6), 1 at 98 degrees C. `upgraded`: Arrhenius' law with 15,000 K,
            1 at 110 degrees C, equal to F_AA of IEEE C57.91.

    Raises:
        ValueError: A paper that the standards do not know.
    """
    hot = np.asarray(hot_spot_c, dtype=float)
    return np.asarray(_rates(hot.ravel(), _is_upgraded(paper)).reshape(hot.shape))


def thermal(
    loading_pct: Vector,
    step_s: float,
    *,
    ambient_c: Vector | float = 20.0,
    transformer: Transformer = DISTRIBUTION_ONAN,
    paper: Paper = "non-upgraded",
    start_loading_pct: float | None = None,
) -> Thermal:
    """Return temperatures and loss of life of a transformer.

    Args:
        loading_pct: (T,) mean current loading of each step in % of the rating.
        step_s: Length of each step in s.
        ambient_c: Temperature of the air around it in degrees C, one for all or (T,).
        transformer: Its thermal constants.
        paper: Of the winding.
        start_loading_pct: The series begins in the steady state of this loading; None: of the first step.

    Raises:
        ValueError: A value that is not finite or a negative loading, with its step; shapes that do not fit.
    """
    load = np.ascontiguousarray(loading_pct, dtype=float) / 100.0
    if load.ndim != 1 or not len(load):
        raise ValueError(f"loading_pct must be a series of at least one step, got shape {load.shape}")
    if not 0.0 < step_s < math.inf:
        raise ValueError(f"step_s must be positive, got {step_s}")
    ambient = np.asarray(ambient_c, dtype=float)
    if ambient.shape not in {(), load.shape}:
        raise ValueError(f"ambient_c must be one value or {len(load)}, got shape {ambient.shape}")
    ambient = np.ascontiguousarray(np.broadcast_to(ambient, load.shape))
    _finite("loading_pct", load * 100.0, load >= 0.0)
    _finite("ambient_c", ambient, np.isfinite(ambient))
    first = load[0] if start_loading_pct is None else start_loading_pct / 100.0
    if not 0.0 <= first < math.inf:
        raise ValueError(f"start_loading_pct is {start_loading_pct}")
    tau_min = transformer.time_constants_min()
    subs = max(1, math.ceil(step_s / 60.0 * _SUB_STEPS_PER_TIME_CONSTANT / min(tau_min)))
    gain = -np.expm1(-step_s / 60.0 / subs / np.array(tau_min))
    oil_c, hot_c = np.empty(len(load)), np.empty(len(load))
    max_c, mean_rate = _integrate(
        _targets(transformer, load), _targets(transformer, np.array([first]))[:, 0], ambient, gain, subs,
        _is_upgraded(paper), oil_c, hot_c,
    )  # fmt: skip
    hours = len(load) * step_s / 3600.0
    return Thermal(
        top_oil_c=oil_c,
        hot_spot_c=hot_c,
        hot_spot_max_c=max_c,
        duration_h=hours,
        loss_of_life_h=mean_rate * hours,
    )


def _finite(name: str, values: Vector, good: Array) -> None:
    bad = np.flatnonzero(~(good & np.isfinite(values)))
    if len(bad):
        raise ValueError(
            f"{name} of step {bad[0]} is {values[bad[0]]:g}: give a finite value, and no negative loading"
        )


def _is_upgraded(paper: str) -> bool:
    if paper not in {"non-upgraded", "upgraded"}:
        raise ValueError(f"paper must be `non-upgraded` or `upgraded`, got `{paper}`")
    return paper == "upgraded"


def _targets(transformer: Transformer, load: Vector) -> Array:
    """(3, T) steady states: rise of the top oil, fast and slow part of the hot-spot rise."""
    ratio, k21 = transformer.loss_ratio, transformer.k21
    losses = (1.0 + ratio * load**2) / (1.0 + ratio)
    winding_k = transformer.hot_spot_rise_k * load**transformer.winding_exponent
    return np.stack(
        [transformer.oil_rise_k * losses**transformer.oil_exponent, k21 * winding_k, (k21 - 1.0) * winding_k]
    )


@njit(cache=True)
def _rate(hot_c: float, upgraded: bool) -> float:  # pragma: no cover
    if upgraded:
        return math.exp(15_000.0 / (110.0 + _ZERO_C_IN_K) - 15_000.0 / (hot_c + _ZERO_C_IN_K))
    return 2.0 ** ((hot_c - 98.0) / 6.0)


@njit(cache=True)
def _rates(hot_c: Array, upgraded: bool) -> Array:  # pragma: no cover
    out = np.empty(len(hot_c))
    for i in range(len(hot_c)):
        out[i] = _rate(hot_c[i], upgraded)
    return out


@njit(cache=True)
def _integrate(
    target_k: Array,
    start_k: Array,
    ambient_c: Array,
    gain: Array,
    subs: int,
    upgraded: bool,
    oil_c: Array,
    hot_c: Array,
) -> tuple[float, float]:  # pragma: no cover
    """Step from the steady state `start_k`; write both temperatures, return the highest and the mean rate."""
    oil = start_k[0] + ambient_c[0]
    fast, slow = start_k[1], start_k[2]
    hot = oil + fast - slow
    highest, summed = hot, 0.0
    before = _rate(hot, upgraded)
    for k in range(len(ambient_c)):
        in_step = 0.0
        for _ in range(subs):
            oil += gain[0] * (target_k[0, k] + ambient_c[k] - oil)
            fast += gain[1] * (target_k[1, k] - fast)
            slow += gain[2] * (target_k[2, k] - slow)
            hot = oil + fast - slow
            highest = max(highest, hot)
            after = _rate(hot, upgraded)
            in_step += 0.5 * (before + after)
            before = after
        summed += in_step / subs
        oil_c[k], hot_c[k] = oil, hot
    return highest, summed / len(ambient_c)
