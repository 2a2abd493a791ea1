"""LU without pivoting of a matrix whose pattern is known: strict arithmetic, the same bits on every CPU."""

# compiled functions take flat arguments

from __future__ import annotations

import numpy as np

from twin.domain.ids import Array
from twin.grid.jit import compiled


@compiled
def factorise(
    l_ptr: Array, l_idx: Array, u_ptr: Array, u_idx: Array, rows: Array, columns: Array, values: Array
) -> tuple[Array, Array, Array]:  # pragma: no cover
    """Factorise P matrices of one pattern.

    Args:
        l_ptr: (n + 1,) rows of the strictly lower factor.
        l_idx: Its columns, ascending in each row.
        u_ptr: (n + 1,) rows of the strictly upper factor.
        u_idx: Its columns, ascending in each row.
        rows: (k,) row of each entry of the matrices; entries of one place are added up.
        columns: (k,) column of each entry.
        values: (k, P).

    Returns:
        Values of L without its unit diagonal, of U without its diagonal, and 1 / the diagonal of U (n, P);
        not finite where a matrix is singular.
    """
    n, width = len(l_ptr) - 1, values.shape[1]
    lower = np.zeros((len(l_idx), width), dtype=np.complex128)
    upper = np.zeros((len(u_idx), width), dtype=np.complex128)
    inverse = np.zeros((n, width), dtype=np.complex128)
    for e in range(len(rows)):
        i, j = rows[e], columns[e]
        for c in range(width):
            if i == j:
                inverse[i, c] += values[e, c]
            elif j < i:
                lower[l_ptr[i] + np.searchsorted(l_idx[l_ptr[i] : l_ptr[i + 1]], j), c] += values[e, c]
            else:
                upper[u_ptr[i] + np.searchsorted(u_idx[u_ptr[i] : u_ptr[i + 1]], j), c] += values[e, c]
    work = np.zeros((n, width), dtype=np.complex128)
    for i in range(n):
        for c in range(width):
            for k in range(l_ptr[i], l_ptr[i + 1]):
                work[l_idx[k], c] = lower[k, c]
            for k in range(u_ptr[i], u_ptr[i + 1]):
                work[u_idx[k], c] = upper[k, c]
            work[i, c] = inverse[i, c]
            for k in range(l_ptr[i], l_ptr[i + 1]):
                j = l_idx[k]
                factor = work[j, c] * inverse[j, c]
                lower[k, c] = factor
                for p in range(u_ptr[j], u_ptr[j + 1]):
                    work[u_idx[p], c] -= factor * upper[p, c]
            for k in range(u_ptr[i], u_ptr[i + 1]):
                upper[k, c] = work[u_idx[k], c]
            d = work[i, c]
            size = d.real * d.real + d.imag * d.imag
            if size > 0.0:
                inverse[i, c] = complex(d.real / size, -d.imag / size)
            else:
                inverse[i, c] = complex(np.nan, np.nan)
    return lower, upper, inverse
