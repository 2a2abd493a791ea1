"""Named random streams: the only source of randomness.

A stream is named down to its purpose, not drawn in turn. Two strategies then face the same drivers
even if they make them queue in another order, and one draw more moves no other. Making a generator
costs 12 µs, so draw in bulk, before the run.
"""

from __future__ import annotations

import hashlib

import numpy as np


def stream(seed: int, *name: str | int) -> np.random.Generator:
    """Return the random stream of one named purpose, for example `stream(7, "driver", "d-12", "stays")`.

    Args:
        seed: The run's seed, >= 0.
        name: What the stream is for, from the general to the particular.
    """
    digest = hashlib.blake2s("/".join(map(str, name)).encode(), digest_size=16).digest()
    return np.random.default_rng([seed, *np.frombuffer(digest, dtype="<u4").tolist()])
