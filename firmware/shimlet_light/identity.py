"""Who this board is: a 32-byte seed in a file, made at the first start from the hardware's
randomness.

In goes the path of the seed file, out comes the Identity that the core wants. The seed is never
shown, and replaced only by replace(): whoever has it is this node. Called by running.py and by the
command `identity-new` of the serial line.
"""

import os

from shimlet.identity import Identity
from shimlet_crypto import ed25519, public_key
from shimlet_crypto.blake2b import blake2b_into

from shimlet_light import files

SEED_FILE = "identity.seed"
_SEED_BYTES = 32


class IdentityError(Exception):
    """The seed file cannot be used or made; the text is a sentence for the operator."""


class BoardIdentity(Identity):
    """An Ed25519 key pair by shimlet_crypto. `seed`: 32 bytes."""

    def __init__(self, seed: bytes) -> None:
        self._seed = seed
        super().__init__(public_key(seed))

    def sign(self, buf: bytearray, start: int, length: int, out: bytearray, at: int) -> None:
        """See Identity."""
        ed25519.sign_into(self._seed, self.public_key, buf, start, length, out, at)

    def verify(
        self, buf: bytearray, key_at: int, start: int, length: int, signature_at: int
    ) -> bool:
        """See Identity."""
        return ed25519.verify_in(buf, key_at, buf, start, length, buf, signature_at)

    def blake2b(self, data: bytes) -> bytes:
        """See Identity."""
        out = bytearray(32)
        blake2b_into(data, 0, len(data), 32, out, 0)
        return bytes(out)


def load(path: str = SEED_FILE) -> BoardIdentity:
    """The identity of the seed file; at the first start a new one. IdentityError if damaged."""
    try:
        seed = files.read(path, _SEED_BYTES)
        if seed is None:
            seed = os.urandom(_SEED_BYTES)
            files.write(path, seed)
    except OSError as error:
        raise IdentityError(f"{error}.")
    damage = _damage(seed)
    if damage:
        raise IdentityError(
            f"{path} {damage}. It is the board's identity, so nothing replaces it by itself: "
            "put back a copy of it, or delete it, which makes the board a new node with a new key."
        )
    return BoardIdentity(seed)


def replace(seed: bytes, path: str = SEED_FILE) -> None:
    """Make the board another node: put `seed` in the place of the old one, in one step.

    It counts from the next start. ValueError: not 32 bytes, or one byte repeated. OSError: a
    sentence; the old seed is kept.
    """
    damage = _damage(seed)
    if damage:
        raise ValueError(f"The new seed {damage}.")
    files.write(path, bytes(seed))


def _damage(seed: bytes) -> str:
    """What is wrong with the content of a seed file; "" for nothing."""
    if len(seed) > _SEED_BYTES:
        return f"is longer than {_SEED_BYTES} bytes"
    if len(seed) < _SEED_BYTES:
        return f"has {len(seed)} bytes instead of {_SEED_BYTES}"
    if seed == bytes([seed[0]]) * _SEED_BYTES:
        return "holds one byte repeated, as erased flash does"
    return ""
