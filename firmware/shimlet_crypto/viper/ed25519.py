"""Ed25519 (RFC 8032) in viper: public keys, signing, verifying. Allocates nothing on the heap.

In: seeds, keys, messages and signatures as parts of buffers. Out: bytes written into buffers of
the caller, or a bool. Called through `shimlet_crypto.ed25519`.

Signing and deriving keys take the same steps on the same memory for all secrets: no branch, no
index and no big int depends on one, and table entries are selected by reading all. What remains
is up to the compiler and the processor:

- armv7m, armv7emsp, rv32imc, x86: the compiler makes no branch of a comparison as a number.
- armv6m (RP2040), xtensawin (ESP32): it makes a short one. SHA-512 has such comparisons, for
  carries; so the time of hashing the seed, and its prefix with the message, depends on them, by
  one instruction each. The curve and the numbers mod L have none.
- All: a chip may multiply small numbers faster. ESP32, RP2040 and the Cortex-M3 take equally long
  for all products of 32 bits; ask the maker of another one.
- `viper-rolled`: the number of a table entry passes through Python's small ints, which are
  shifted and masked alone.

Verifying takes as long as its public numbers want.

Secrets stay in memory until the next call. One thread at a time.

Verifying wants s * B - h * A - R to be the neutral point. It multiplies this by an odd v with
u = +-v * h mod 8 * L, u and v half as long as h: so half of the doublings go. The order of all
points divides 8 * L and v is odd, so the product is neutral if, and only if, the sum is.
"""

from micropython import const

from .curve import base_multiple, combine, compress_into, decompress, keep_multiples
from .scalar import find, halve, is_below, load, multiply_add, reduce, store
from .sha512 import RUNNING, WORK, copy

# Numbers of 32 bytes, the lowest first.
_L = (
    b"\xed\xd3\xf5\x5c\x1a\x63\x12\x58\xd6\x9c\xf7\xa2\xde\xf9\xde\x14"
    b"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x10"
)
_EIGHT_L = (
    b"\x68\x9f\xae\xe7\xd2\x18\x93\xc0\xb2\xe6\xbc\x17\xf5\xce\xf7\xa6"
    b"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80"
)
_P = (
    b"\xed\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f"
)
# The y of the 8 points whose order divides 8. The first one serves as 0, too.
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
# L - 2**252, ten limbs of 13 bits in two bytes each.
_LOW = b"\xed\x13\xae\x07\x97\x06\xc6\x04\x81\x05\x6b\x0e\xde\x0b\xd4\x1b\xf9\x1e\xa6\x00"
# Where in WORK, in bytes: 32 bytes each of R, S, the key; a digest; the bits for the comb.
_R = const(0)
_S = const(32)
_KEY = const(64)
_DIGEST = const(96)
_BITS = const(440)
# Limbs, when registers are free and the table not: for `halve`, the hash the second of four;
# S; a product.
_HALVES = const(480)
_HASH = const(560)
_FACTOR = const(800)
_PRODUCT = const(880)
_X = const(480)
_Y = const(560)
# Limbs, when the table is free: the secret scalar, the nonce, the challenge.
_SCALAR = const(2000)
_NONCE = const(2080)
_CHALLENGE = const(2240)
# Of the last signers and the one at hand: five keys, and 160 bytes further the x of their
# opposite points.
_KEYS = const(3280)
_END = const(3440)
# Public key and where in it, the message's buffer, start and length, signature and where in it;
# last, the row of the one at hand. Not arguments all the way: a function with more than about
# ten variables would have them on the heap.
_given = [None, 0, None, 0, 0, None, 0, _KEYS]


def public_key_into(seed, out, at: int) -> None:
    """Write the 32-byte public key of a 32-byte seed to out[at:at + 32]."""
    _expand(seed)
    load(_DIGEST, 32, WORK, WORK, _NONCE)
    load(0, 32, _SMALL, WORK, _NONCE + 80)
    _base_multiple(_NONCE)
    compress_into(out, at)


def sign_into(seed, public_key, buf, start: int, length: int, out, at: int) -> None:
    """Sign buf[start:start + length]: write 64 bytes to out[at:at + 64].

    `public_key` must be the one of `seed`: a signature made with another one gives the seed away.
    """
    _given[0] = public_key
    _given[1] = 0
    _given[2] = buf
    _given[3] = start
    _given[4] = length
    _given[5] = WORK
    _given[6] = _R
    _sign(seed)
    _respond(out, at)


def _sign(seed) -> None:
    _expand(seed)
    load(_DIGEST, 32, WORK, WORK, _SCALAR)
    RUNNING.reset()
    RUNNING.update(WORK, _DIGEST + 32, 32)
    _finish_hash(_NONCE)
    _base_multiple(_NONCE)
    compress_into(WORK, _R)
    _challenge(_CHALLENGE)
    multiply_add(_CHALLENGE, _SCALAR, WORK, _NONCE, -1)
    reduce(_NONCE, 0, WORK, _LOW, 0)
    store(_NONCE, 0, WORK, WORK, _S)


def _respond(out, at: int) -> None:
    _forget()
    copy(out, WORK, at, _R, 64)  # last, for `out` may be the buffer of the message


def verify_in(
    key, key_at: int, buf, start: int, length: int, signature, signature_at: int
) -> bool:
    """Whether signature[signature_at:+64] is right for buf[start:+length] and key[key_at:+32].

    The rules are those of libsodium: S below L, key and R not of small order, key reduced and on
    the curve, and R equal to the result byte for byte.
    """
    _given[0] = key
    _given[1] = key_at
    _given[2] = buf
    _given[3] = start
    _given[4] = length
    _given[5] = signature
    _given[6] = signature_at
    return _verify()


def _verify() -> bool:
    answer = _is_right()
    _forget()
    return answer


def _forget() -> None:
    _given[0] = _given[2] = _given[5] = None


def _is_right() -> bool:
    """The same for what was given; the key of a good signature is remembered."""
    copy(WORK, _given[5], _R, _given[6], 64)
    copy(WORK, _given[0], _KEY, _given[1], 32)
    if not is_below(31, _S, WORK, _L):
        return False
    row = _take_key()
    if row < 0 or not _is_good(_R) or not decompress(_R):
        return False
    keep_multiples(1)
    _challenge(_HASH)
    if not _is_balanced():
        return False
    if row == _given[7]:
        copy(WORK, _given[0], row, _given[1], 32)
        _given[7] = row + 32 if row + 32 < _END else _KEYS
    return True


def _take_key() -> int:
    """Make the key's opposite point 0 of `combine`; answer its row, or -1: it is bad.

    The row of the one at hand may hold a key that is no longer, or not yet, known.
    """
    if not _is_good(_KEY):
        return -1
    row = find(_KEY, _KEYS, WORK, WORK)
    if row >= 0 and row != _given[7]:
        load(row + 160, 32, WORK, WORK, _X)
        WORK[_KEY + 31] &= 127
        load(_KEY, 32, WORK, WORK, _Y)
    else:
        row = _given[7]
        if not decompress(_KEY):
            return -1
        store(_X, 0, WORK, WORK, row + 160)
    keep_multiples(0)
    return row


def _is_good(at: int) -> bool:
    """Whether y is below P and not that of a point of small order."""
    top = WORK[at + 31]
    WORK[at + 31] = top & 127
    good = is_below(31, at, WORK, _P) and find(at, 0, WORK, _SMALL) < 0
    WORK[at + 31] = top
    return good


def _is_balanced() -> bool:
    """Whether S * B - h * A - R is the neutral point: see above."""
    load(0, 32, _EIGHT_L, WORK, _HALVES)
    found = halve(0, 0, WORK, _HALVES)
    u = _HALVES + 40 * (found & 2)
    load(_S, 32, WORK, WORK, _FACTOR)
    multiply_add(u + 160, _FACTOR, WORK, _PRODUCT, 0)
    _signs_of(_PRODUCT)
    return combine(u, found & 1)


def _expand(seed) -> None:
    """The secret scalar and the 32-byte prefix of a seed, to `_DIGEST`."""
    RUNNING.reset()
    RUNNING.update(seed, 0, 32)
    RUNNING.digest_into(WORK, _DIGEST)
    WORK[_DIGEST] &= 248
    WORK[_DIGEST + 31] = WORK[_DIGEST + 31] & 63 | 64


def _challenge(at: int) -> None:
    """SHA-512 of R, the key and the message, mod L, as limbs."""
    RUNNING.reset()
    RUNNING.update(_given[5], _given[6], 32)
    RUNNING.update(_given[0], _given[1], 32)
    _finish_hash(at)


def _finish_hash(at: int) -> None:
    """Hash the message, too; 40 limbs there become the digest mod L, the upper 20 of them 0."""
    RUNNING.update(_given[2], _given[3], _given[4])
    RUNNING.digest_into(WORK, _DIGEST)
    load(_DIGEST, 64, WORK, WORK, at)
    reduce(at, 0, WORK, _LOW, 0)


def _signs_of(at: int) -> None:
    """The 40 limbs there, mod L, as bits for the comb.

    The sum of the comb goes from 2**0 to 2**254, bit i + 1 being set where 2**i is not taken
    away. So it is odd, and twice the sum of what is added is the number plus 2**255 - 1.
    """
    reduce(at, 0, WORK, _LOW, 1)
    store(at, 0, WORK, WORK, _BITS)
    WORK[_BITS + 31] |= 128


def _base_multiple(at: int) -> None:
    """The point becomes the multiple of B by the number there."""
    _signs_of(at)
    base_multiple()
