"""Ed25519 (RFC 8032): public keys, signing, verifying, with plain ints.

In: seeds, keys, messages and signatures as parts of buffers. Out: bytes written into buffers of
the caller, or a bool. Called by the node's identity, and through `shimlet_crypto`.

Signing makes the same calls in the same order for every key, without secret-dependent branches.
But big ints are not constant-time: how long one multiplication takes, and what it allocates,
depends on its numbers, and table entries are picked by secret bits. So whoever can measure a
signature to the microsecond, many times, may learn about the key.
"""

from .curve import (
    L,
    base_multiple,
    compress_into,
    decompress,
    has_small_order,
    minus_multiple_plus_base,
)
from .sha512 import Sha512, sha512


def public_key_into(seed, out, at: int) -> None:
    """Write the 32-byte public key of a 32-byte seed to out[at:at + 32]."""
    scalar, _ = _expand(seed)
    compress_into(base_multiple(scalar), out, at)


def sign_into(seed, public_key, buf, start: int, length: int, out, at: int) -> None:
    """Sign buf[start:start + length]: write 64 bytes to out[at:at + 64].

    `public_key` must be the one of `seed`: a signature made with another one gives the seed away.
    """
    scalar, prefix = _expand(seed)
    nonce = _hash_to_scalar(prefix, b"", buf, start, length)
    signature = bytearray(64)  # apart from `out`, which may be the buffer of the message
    compress_into(base_multiple(nonce), signature, 0)
    challenge = _hash_to_scalar(signature[:32], public_key, buf, start, length)
    signature[32:] = ((nonce + challenge * scalar) % L).to_bytes(32, "little")
    out[at : at + 64] = signature


def verify_in(
    key, key_at: int, buf, start: int, length: int, signature, signature_at: int
) -> bool:
    """Whether signature[signature_at:+64] is right for buf[start:+length] and key[key_at:+32].

    The rules are those of libsodium: S below L, key and R not of small order, key reduced and on
    the curve, and R equal to the result byte for byte.
    """
    r = bytes(signature[signature_at : signature_at + 32])
    s = int.from_bytes(signature[signature_at + 32 : signature_at + 64], "little")
    if s >= L or has_small_order(r, 0) or has_small_order(key, key_at):
        return False
    point = decompress(key, key_at)
    if point is None:
        return False
    challenge = _hash_to_scalar(r, key[key_at : key_at + 32], buf, start, length)
    expected = bytearray(32)
    compress_into(minus_multiple_plus_base(challenge, point, s), expected, 0)
    return expected == r


def _expand(seed) -> tuple:
    """The secret scalar (mod L) and the 32-byte prefix that belong to a seed."""
    digest = sha512(seed)
    scalar = int.from_bytes(digest[:32], "little")
    scalar = scalar & ((1 << 254) - 8) | 1 << 254
    return scalar % L, digest[32:]


def _hash_to_scalar(first, second, buf, start: int, length: int) -> int:
    """SHA-512 of two strings and a part of a buffer, as a number mod L."""
    running = Sha512()
    running.update(first, 0, len(first))
    running.update(second, 0, len(second))
    running.update(buf, start, length)
    digest = bytearray(64)
    running.digest_into(digest, 0)
    return int.from_bytes(digest, "little") % L
