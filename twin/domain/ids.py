"""Names of things, and the array types that cross every seam."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

SiteId: TypeAlias = str
StationId: TypeAlias = str
EvseId: TypeAlias = str
"""`station/number`, for example `depot-1/2`."""
DriverId: TypeAlias = str
SessionId: TypeAlias = str
"""`evse#k`: the k-th transaction of an EVSE, counted from 1; never from arrival order of messages."""

Vector: TypeAlias = npt.NDArray[np.float64]
Matrix: TypeAlias = npt.NDArray[np.float64]
Rows: TypeAlias = npt.NDArray[np.int64]
"""Indices of EVSEs in the fleet's columns."""
Mask: TypeAlias = npt.NDArray[np.bool_]
Complexes: TypeAlias = npt.NDArray[np.complex128]
Array: TypeAlias = npt.NDArray[Any]
