"""Named random streams: the only source of randomness.

A stream is named down to its purpose, not drawn in turn. Two strategies then face the same drivers
even if they make them queue in another order, and one draw more moves no other. Making a generator
costs 12 µs, so draw in bulk, before the run.
"""

from __future__ import annotations

import hashlib
import struct
from typing import Final

import numpy as np

_EIGHT: Final = struct.Struct("<8I")
_UNIT: Final = 2.0**-32


def stream(seed: int, *name: str | int) -> np.random.Generator:
    """Return the random stream of one named purpose, for example `stream(7, "driver", "d-12", "stays")`.

    Args:
        seed: The run's seed, >= 0.
        name: What the stream is for, from the general to the particular.
    """
    digest = hashlib.blake2s("/".join(map(str, name)).encode(), digest_size=16).digest()
    return np.random.default_rng([seed, *np.frombuffer(digest, dtype="<u4").tolist()])


def uniforms(seed: int, *name: str | int) -> tuple[float, ...]:
    """Return eight uniform draws of one thing, each for a purpose of its own: cheap, and in no order.

    For what comes one by one (an operation, a message), where a stream would be made for a single draw: 2 µs for
    all eight. A probability is compared with the draw of its purpose, so changing it moves no other draw.

    Args:
        seed: The run's seed.
        name: What they are for, from the general to the particular.

    Returns:
        (8,) within [0, 1), in steps of 2**-32, independent of each other and of every other name.
    """
    text = f"{seed}/{'/'.join(map(str, name))}"
    a, b, c, d, e, f, g, h = _EIGHT.unpack(hashlib.blake2s(text.encode()).digest())
    # Written out: a generator takes longer than the digest.
    return a * _UNIT, b * _UNIT, c * _UNIT, d * _UNIT, e * _UNIT, f * _UNIT, g * _UNIT, h * _UNIT


def uniform(seed: int, *name: str | int) -> float:
    """Return one uniform draw within [0, 1): the first of `uniforms`."""
    return uniforms(seed, *name)[0]
