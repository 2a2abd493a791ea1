"""Jain's index of fairness."""

from __future__ import annotations

import numpy as np

from twin.domain.ids import Vector


def jain_index(shares: Vector) -> float | None:
    """1 where all shares are equal, 1/n where one of n has everything; None of nothing.

    Source: Jain, Chiu, Hawe, "A quantitative measure of fairness and discrimination", DEC-TR-301, 1984.
    Where all get nothing, all get the same: 1.
    """
    if not len(shares):
        return None
    squares = float(np.sum(shares**2))
    return 1.0 if squares == 0.0 else float(np.sum(shares)) ** 2 / (len(shares) * squares)
