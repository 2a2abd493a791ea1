"""Key pairs of stations follow from the seed: the same run signs the same bytes."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric import ec

from twin import rng

_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of the curve secp256r1: a private key is a number from 1 to this less one."""


def derived_key(seed: int, *name: str | int) -> ec.EllipticCurvePrivateKey:
    """Return the secp256r1 key of one named purpose. For simulation only: who knows the seed knows the key."""
    secret = int.from_bytes(rng.stream(seed, *name).bytes(40), "big")
    return ec.derive_private_key(secret % (_ORDER - 1) + 1, ec.SECP256R1())
