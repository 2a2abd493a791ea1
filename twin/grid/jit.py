"""How the compiled functions of the grid are compiled."""

from __future__ import annotations

from numba import njit

compiled = njit(cache=True, nogil=True, error_model="numpy")
"""Strict IEEE arithmetic (no fastmath: it would differ between CPU types), division by zero gives infinity
instead of an exception, which no vector instruction could raise, and other threads run meanwhile."""

inlined = njit(cache=True, nogil=True, error_model="numpy", inline="always")
"""For what is called once per row of a block: passing its arrays would take as long as the work."""
