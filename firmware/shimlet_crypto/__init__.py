"""Ed25519 signatures (RFC 8032), SHA-512 and BLAKE2b for MicroPython, in Python alone.

Bytes go in, bytes come out; any bytes-like object will do for bytes. Mistakes of the caller raise
ValueError, a signature that is not right is just False. For buffers and offsets instead, see
`ed25519`, `sha512` and `blake2b` in the modules of these names. `backend` says which arithmetic
runs, "viper", "viper-rolled" or "bigint": see `chosen`, where `WHY` says why it is not viper. How
far signing is safe from being timed: see `viper.ed25519` and `bigint.ed25519`.
"""

from .chosen import BACKEND  # isort: skip - first, and from here: see chosen about the stack
from . import ed25519
from .blake2b import blake2b as blake2b
from .sha512 import sha512 as sha512

backend = BACKEND


def public_key(seed) -> bytes:
    """The 32-byte public key of a 32-byte secret seed (ValueError for another length)."""
    _must_have_32(seed, "seed")
    out = bytearray(32)
    ed25519.public_key_into(seed, out, 0)
    return bytes(out)


def sign(seed, message, public_key=None) -> bytes:
    """The 64-byte signature of a message.

    Hand in the public key of `seed` if you have it: deriving it costs as much as signing. It has
    to be the right one: a signature made with another one gives the seed away.
    """
    _must_have_32(seed, "seed")
    if public_key is None:
        public_key = bytearray(32)
        ed25519.public_key_into(seed, public_key, 0)
    _must_have_32(public_key, "public key")
    out = bytearray(64)
    ed25519.sign_into(seed, public_key, message, 0, len(message), out, 0)
    return bytes(out)


def verify(public_key, message, signature) -> bool:
    """Whether the signature is that of the key's owner for this message."""
    if len(public_key) != 32 or len(signature) != 64:
        return False
    return ed25519.verify_in(public_key, 0, message, 0, len(message), signature, 0)


def _must_have_32(data, what: str) -> None:
    if len(data) != 32:
        raise ValueError("a " + what + " has 32 bytes")
