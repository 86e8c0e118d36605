"""Ed25519 (RFC 8032) in viper: public keys, signing, verifying. Allocates nothing on the heap.

In: seeds, keys, messages and signatures as parts of buffers. Out: bytes written into buffers of
the caller, or a bool. Called through `shimlet_crypto.ed25519`.

Signing and deriving keys take the same steps on the same memory for all secrets: no branch, no
index and no big int depends on one, and table entries are selected by reading all. What remains
is the processor: ESP32, RP2040 and the Cortex-M3 multiply in constant time; where a chip does not
(a Cortex-M0 with the slow multiplier does), or has a data cache in front of its RAM, signing may
be timed. Verifying takes as long as its public numbers want.

Secrets stay in the buffers of this module until the next call. One thread at a time.

Verifying wants s * B - h * A - R to be the neutral point. It multiplies this by an odd v with
u = +-v * h mod 8 * L, u and v half as long as h: so half of the doublings go. The order of all
points divides 8 * L and v is odd, so the product is neutral if, and only if, the sum is.
"""

from micropython import const

from .curve import (
    base_multiple,
    combine,
    compress_into,
    decompress,
    is_neutral,
    keep_multiples,
    recall,
    x_into,
)
from .scalar import (
    comb_bits,
    finish,
    halve,
    is_below,
    load,
    multiply_add,
    reduce,
    row_of,
    store,
)
from .sha512 import Sha512

# Numbers of 32 bytes, the lowest first.
_L = (
    b"\xed\xd3\xf5\x5c\x1a\x63\x12\x58\xd6\x9c\xf7\xa2\xde\xf9\xde\x14"
    b"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x10"
)
_P = b"\xed" + b"\xff" * 30 + b"\x7f"
# The y of the 8 points whose order divides 8.
_SMALL = (
    b"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
    b"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
    b"\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
    b"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
    b"\x26\xe8\x95\x8f\xc2\xb2\x27\xb0\x45\xc3\xf4\x89\xf2\xef\x98\xf0"
    b"\xd5\xdf\xac\x05\xd3\xc6\x33\x39\xb1\x38\x02\x88\x6d\x53\xfc\x05"
    b"\xc7\x17\x6a\x70\x3d\x4d\xd8\x4f\xba\x3c\x0b\x76\x0d\x10\x67\x0f"
    b"\x2a\x20\x53\xfa\x2c\x39\xcc\xc6\x4e\xc7\xfd\x77\x92\xac\x03\x7a"
    b"\xec\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f"
)
# Places of limbs in `_words`: 40 each but for the last two. The upper 20 of the nonce are 0.
_NONCE = const(0)
_HASH = const(40)
_ZERO = const(60)
_R = const(80)
_PRODUCT = const(120)
_SCALAR = const(160)
_words = bytearray(210 * 4)  # 180 are for numbers, all for the script of `combine`
_limits = bytearray(41 * 4)
_digest = bytearray(64)
# The keys of the last signers and the x of their opposite points. No key is all ones.
_KNOWN = const(4)
_keys = bytearray(b"\xff" * 32 * _KNOWN)
_xs = bytearray(32 * _KNOWN)
_x = bytearray(32)
_next = bytearray(1)
# Buffer, start and length of the message, buffer of the signature. Not arguments all the way: a
# function with more than about ten variables would have them on the heap.
_message = [None, 0, 0, None]
_bits = bytearray(32)
_r = bytearray(32)
_hash = Sha512()


def _prepare() -> None:
    """The limbs of L, (L - 2**252) * 2**8 and L - 2**252, as `reduce` wants them."""
    load(_L, 0, 32, _limits, 0, 20)
    load(b"\0" + _L[:16], 0, 17, _limits, 20, 11)
    load(_L, 0, 16, _limits, 31, 10)


_prepare()
del _prepare  # its memory is free again


def public_key_into(seed, out, at: int) -> None:
    """Write the 32-byte public key of a 32-byte seed to out[at:at + 32]."""
    _expand(seed)
    load(_digest, 0, 32, _words, _PRODUCT, 40)
    _reduce(_PRODUCT)
    _base_multiple(_PRODUCT)
    compress_into(out, at)


def sign_into(seed, public_key, buf, start: int, length: int, out, at: int) -> None:
    """Sign buf[start:start + length]: write 64 bytes to out[at:at + 64].

    `public_key` must be the one of `seed`: a signature made with another one gives the seed away.
    """
    _take(buf, start, length)
    _sign(seed, public_key)
    _respond(out, at)


def _sign(seed, public_key) -> None:
    """R, the challenge and the secrets for S."""
    _expand(seed)
    load(_digest, 0, 32, _words, _SCALAR, 20)
    _hash.reset()
    _hash.update(_digest, 32, 32)
    _finish_hash(_NONCE)
    _base_multiple(_NONCE)
    compress_into(_r, 0)  # apart from `out`, which may be the buffer of the message
    _challenge(_r, 0, public_key, 0)
    _message[0] = None


def _respond(out, at: int) -> None:
    """Write R and S."""
    multiply_add(0, 0, _words, _PRODUCT, _HASH, _SCALAR, _NONCE)
    _reduce(_PRODUCT)
    store(_words, _PRODUCT, out, at + 32)
    load(_r, 0, 32, _words, _PRODUCT, 20)
    store(_words, _PRODUCT, out, at)


def verify_in(
    key, key_at: int, buf, start: int, length: int, signature, signature_at: int
) -> bool:
    """Whether signature[signature_at:+64] is right for buf[start:+length] and key[key_at:+32].

    The rules are those of libsodium: S below L, key and R not of small order, key reduced and on
    the curve, and R equal to the result byte for byte.
    """
    _take(buf, start, length)
    _message[3] = signature
    return _verify(key, key_at, signature_at)


def _verify(key, key_at: int, signature_at: int) -> bool:
    """The same for what was taken, which is let go."""
    answer = _is_right(key, key_at, _message[3], signature_at)
    _message[0] = _message[3] = None
    return answer


def _is_right(key, key_at: int, r, r_at: int) -> bool:
    if not _has_s(r, r_at + 32):
        return False
    row = _take_key(key, key_at)
    if row < -1 or not _take_r(r, r_at):
        return False
    _challenge(r, r_at, key, key_at)
    if not _is_balanced():
        return False
    if row < 0:
        _remember(key, key_at)
    return True


def _has_s(buf, at: int) -> bool:
    """Take S, if it is below L."""
    load(buf, at, 32, _words, _SCALAR, 20)
    return is_below(buf, at, 255, _L)


def _take_key(key, at: int) -> int:
    """Make the key's opposite point 0 of `combine`; answer where it is known, -1 new, -2 bad."""
    if not _is_good(key, at):
        return -2
    row = row_of(key, at, 255, _keys, _KNOWN)
    if row >= 0:
        recall(_xs, 32 * row, key, at)
    elif decompress(key, at):
        x_into(_x, 0)
    else:
        return -2
    keep_multiples(0)
    return row


def _take_r(buf, at: int) -> bool:
    """Make the opposite of R point 1 of `combine`; False if R is bad."""
    if not _is_good(buf, at) or not decompress(buf, at):
        return False
    keep_multiples(1)
    return True


def _is_balanced() -> bool:
    """Whether S * B - h * A - R is the neutral point: see above."""
    found = halve(0, 0, _words, _HASH, _R, _NONCE, _limits)
    second = 20 if found & 2 else 0
    multiply_add(0, 0, _words, _PRODUCT, second, _SCALAR, _ZERO)
    _reduce(_PRODUCT)
    _signs_of(_PRODUCT)
    combine(_words, _R + second, second, found & 1, _bits)
    return is_neutral()


def _take(buf, start: int, length: int) -> None:
    """Remember which message it is."""
    _message[0] = buf
    _message[1] = start
    _message[2] = length


def _is_good(buf, at: int) -> bool:
    """Whether y is below P and not that of a point of small order."""
    return is_below(buf, at, 127, _P) and row_of(buf, at, 127, _SMALL, 5) < 0


def _remember(key, at: int) -> None:
    """Keep the key of a good signature and its x in place of the oldest ones."""
    row = _next[0]
    _next[0] = (row + 32) % (32 * _KNOWN)
    for i in range(32):
        _keys[row + i] = key[at + i]
        _xs[row + i] = _x[i]


def _expand(seed) -> None:
    """The secret scalar and the 32-byte prefix of a seed, to `_digest`."""
    _hash.reset()
    _hash.update(seed, 0, 32)
    _hash.digest_into(_digest, 0)
    _digest[0] &= 248
    _digest[31] = _digest[31] & 63 | 64


def _challenge(r, r_at: int, key, key_at: int) -> None:
    """SHA-512 of R, the key and the message, mod L, to `_HASH`."""
    _hash.reset()
    _hash.update(r, r_at, 32)
    _hash.update(key, key_at, 32)
    _finish_hash(_HASH)


def _finish_hash(at: int) -> None:
    """Hash the message, too, and put the digest mod L at 40 limbs; the upper 20 are 0 then."""
    _hash.update(_message[0], _message[1], _message[2])
    _hash.digest_into(_digest, 0)
    load(_digest, 0, 64, _words, at, 40)
    _reduce(at)


def _reduce(at: int) -> None:
    """The 40 limbs there, mod L."""
    reduce(0, 0, _words, at, _limits)
    finish(_words, at, _limits)


def _signs_of(at: int) -> None:
    """The number there, below L, as signs for the comb, to `_bits`."""
    comb_bits(_words, at, _limits, at + 20)
    store(_words, at + 20, _bits, 0)
    load(_L, 0, 0, _words, at + 20, 20)  # to 0


def _base_multiple(at: int) -> None:
    """The point becomes the multiple of B by the number there, below L."""
    _signs_of(at)
    base_multiple(_bits)
