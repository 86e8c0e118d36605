"""BLAKE2b (RFC 7693) without a key, digests of 1 to 64 bytes, in viper: for 32-bit words.

In: any bytes-like object, or a part of one. Out: the digest, written into a buffer of the caller.
Called through `shimlet_crypto.blake2b`. Nothing here allocates but `blake2b`.

A 64-bit word is two 32-bit halves, the low one first; for carries, constant time, and why the
expressions look as they do, see `sha512`. Its working buffer holds here, in 64-bit words: the
matrix (16) and behind it the block of the message (16), so that one byte says where a word is;
the chaining value (8), and the start values, which are those of SHA-512 (8).
"""

import micropython

from .sha512 import OUTSIDE, START, WORK, copy

# Where the four words are that each of the eight mixings of a round works on: the four columns,
# then the four diagonals.
_PLACES = (
    b"\x00\x20\x40\x60\x08\x28\x48\x68\x10\x30\x50\x70\x18\x38\x58\x78"
    b"\x00\x28\x50\x78\x08\x30\x58\x60\x10\x38\x40\x68\x18\x20\x48\x70"
)
# Where each of the twelve rounds finds its 16 words of the message, two for each mixing.
_ORDER = (
    b"\x80\x88\x90\x98\xa0\xa8\xb0\xb8\xc0\xc8\xd0\xd8\xe0\xe8\xf0\xf8"
    b"\xf0\xd0\xa0\xc0\xc8\xf8\xe8\xb0\x88\xe0\x80\x90\xd8\xb8\xa8\x98"
    b"\xd8\xc0\xe0\x80\xa8\x90\xf8\xe8\xd0\xf0\x98\xb0\xb8\x88\xc8\xa0"
    b"\xb8\xc8\x98\x88\xe8\xe0\xd8\xf0\x90\xb0\xa8\xd0\xa0\x80\xf8\xc0"
    b"\xc8\x80\xa8\xb8\x90\xa0\xd0\xf8\xf0\x88\xd8\xe0\xb0\xc0\x98\xe8"
    b"\x90\xe0\xb0\xd0\x80\xd8\xc0\x98\xa0\xe8\xb8\xa8\xf8\xf0\x88\xc8"
    b"\xe0\xa8\x88\xf8\xf0\xe8\xa0\xd0\x80\xb8\xb0\x98\xc8\x90\xc0\xd8"
    b"\xe8\xd8\xb8\xf0\xe0\x88\x98\xc8\xa8\x80\xf8\xa0\xc0\xb0\x90\xd0"
    b"\xb0\xf8\xf0\xc8\xd8\x98\x80\xc0\xe0\x90\xe8\xb8\x88\xa0\xd0\xa8"
    b"\xd0\x90\xc0\xa0\xb8\xb0\x88\xa8\xf8\xd8\xc8\xf0\x98\xe0\xe8\x80"
    b"\x80\x88\x90\x98\xa0\xa8\xb0\xb8\xc0\xc8\xd0\xd8\xe0\xe8\xf0\xf8"
    b"\xf0\xd0\xa0\xc0\xc8\xf8\xe8\xb0\x88\xe0\x80\x90\xd8\xb8\xa8\x98"
)


@micropython.viper
def _begin(to: ptr8, source: ptr8, length: int, count: int):
    """Write zeros behind the `length` bytes of this block; fill the matrix.

    `to` and `source` are the working buffer, `count` the bytes of message with this block, and
    for the last block ~count.
    """
    source = ptr8(int(source) + 256)
    end = int(to) + 128
    to = ptr8(int(to) + 128 + length)
    while int(to) != int(source):
        to[0] = 0
        to = ptr8(int(to) + 1)
    to = ptr8(int(to) - 256)
    while int(to) != end:  # the chaining value and the start values
        ptr32(to)[0] = ptr32(source)[0]
        ptr32(to)[1] = ptr32(source)[1]
        ptr32(to)[2] = ptr32(source)[2]
        ptr32(to)[3] = ptr32(source)[3]
        to = ptr8(int(to) + 16)
        source = ptr8(int(source) + 16)
    to = ptr8(int(to) - 128)
    last = count >> 31
    ptr32(to)[24] ^= count ^ last
    ptr32(to)[28] ^= last
    ptr32(to)[29] ^= last


@micropython.viper
def _mix(lo: uint, hi: uint, work: ptr32, places: ptr8, order: ptr8):
    """The twelve rounds of eight mixings; then add the matrix to the chaining value."""
    end = int(order) + 192
    while int(order) != end:
        place = places
        n = 8
        while n:
            lo = uint(work)
            a = ptr32(place[0] + int(lo))
            b = ptr32(place[1] + int(lo))
            c = ptr32(place[2] + int(lo))
            d = ptr32(place[3] + int(lo))
            x = ptr32(order[0] + int(lo))
            y = ptr32(order[1] + int(lo))
            lo = uint(b[0])  # a += b + x
            hi = uint(a[0]) + lo
            t = int(hi < lo)
            lo = uint(x[0]) + hi
            hi = uint(int(lo < hi) + t + a[1] + b[1] + x[1])
            a[0] = lo
            a[1] = hi
            hi = uint(d[1]) ^ hi  # d = (d ^ a) >>> 32; from here `hi` is the low half
            lo = uint(d[0]) ^ lo
            d[0] = hi
            d[1] = lo
            t = c[1] + int(lo)  # c += d
            lo = uint(c[0]) + hi
            c[0] = lo
            hi = uint(int(lo < hi) + t)
            c[1] = hi
            lo = uint(b[0]) ^ lo  # b = (b ^ c) >>> 24
            hi = uint(b[1]) ^ hi
            b[1] = hi >> 24 | lo << 8
            lo = lo >> 24 | hi << 8
            b[0] = lo
            hi = uint(a[0]) + lo  # a += b + y
            t = int(hi < lo)
            lo = uint(y[0]) + hi
            hi = uint(int(lo < hi) + t + a[1] + b[1] + y[1])
            a[0] = lo
            a[1] = hi
            lo = uint(d[0]) ^ lo  # d = (d ^ a) >>> 16
            hi = uint(d[1]) ^ hi
            ptr16(d)[3] = lo
            ptr16(d)[1] = hi
            ptr16(d)[0] = lo >> 16
            ptr16(d)[2] = hi >> 16
            lo = uint(d[0])  # c += d
            t = c[1] + d[1]
            hi = uint(c[0]) + lo
            c[0] = hi
            lo = uint(int(hi < lo) + t)
            c[1] = lo
            hi = uint(b[0]) ^ hi  # b = (b ^ c) <<< 1; `hi` is the low half again
            lo = uint(b[1]) ^ lo
            b[0] = (lo >> 31) + hi + hi
            b[1] = (hi >> 31) + lo + lo
            place = ptr8(int(place) + 4)
            order = ptr8(int(order) + 2)
            n -= 1
    n = 16
    while n:
        work[64] = work[64] ^ work[0] ^ work[16]
        work = ptr32(int(work) + 4)
        n -= 1


def blake2b_into(buf, start: int, length: int, size: int, out, at: int) -> None:
    """Write BLAKE2b of buf[start:start + length] to out[at:at + size].

    ValueError if `size` is not in 1 to 64, or if a buffer has not the bytes named.
    """
    if not 1 <= size <= 64:
        raise ValueError("a BLAKE2b digest has 1 to 64 bytes")
    if start < 0 or length < 0 or start + length > len(buf) or at < 0 or at + size > len(out):
        raise ValueError(OUTSIDE)
    _start(size)
    _absorb(buf, start, length)
    _write(out, at, size)


# Functions of their own: one with more than eleven variables and arguments of a call, together,
# takes its frame from the heap.


def _start(size: int) -> None:
    copy(WORK, START, 256, 0, 64)
    copy(WORK, START, 320, 0, 64)
    WORK[256] ^= size
    WORK[258] ^= 1
    WORK[259] ^= 1


def _write(out, at: int, size: int) -> None:
    copy(out, WORK, at, 256, size)


def _absorb(buf, start: int, length: int) -> None:
    done = 128
    while done < length:  # the last block, full or not, is for below
        copy(WORK, buf, 128, start, 128)
        _compress(128, done)
        start += 128
        done += 128
    copy(WORK, buf, 128, start, length + 128 - done)
    _compress(length + 128 - done, ~length)


def _compress(length: int, count: int) -> None:
    _begin(WORK, WORK, length, count)
    _mix(0, 0, WORK, _PLACES, _ORDER)


def blake2b(data, size: int = 32) -> bytes:
    """BLAKE2b of bytes: `size` bytes, 1 to 64 (ValueError)."""
    out = bytearray(size)
    blake2b_into(data, 0, len(data), size, out, 0)
    return bytes(out)


# See `sha512`. The answer is the example of RFC 7693.
if blake2b(b"abc", 64)[:8] != b"\xba\x80\xa5\x3f\x98\x1c\x4d\x0d":
    raise ImportError("BLAKE2b in viper is wrong on this interpreter")
