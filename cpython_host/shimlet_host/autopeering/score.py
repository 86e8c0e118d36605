"""The score of two nodes under a salt (specification, "Selection"): who is close to whom.

s(id1, id2, salt) = the first 4 bytes, little-endian, of BLAKE2b-256(id1 || id2 || salt). Called by
selection.py.
"""

from hashlib import blake2b

WHOLE = 1 << 32  # scores lie below this


def score(id1: bytes, id2: bytes, salt: bytes) -> int:
    """0 .. 2**32-1; lower is closer."""
    return int.from_bytes(blake2b(id1 + id2 + salt, digest_size=32).digest()[:4], "little")


def auto_theta(k: int, potential: int) -> float:
    """The threshold for a network in which `potential` peers may become our neighbors.

    A fixed 0.01 would leave each node theta*n others to ask, too few in a network of some hundred.
    """
    return max(0.01, min(1.0, 4 * k / potential)) if potential else 1.0
