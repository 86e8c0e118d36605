"""BLAKE2b (RFC 7693) without a key, digests of 1 to 64 bytes, in viper: for 32-bit words.

In: any bytes-like object, or a part of one. Out: the digest, written into a buffer of the caller.
Called through `shimlet_crypto.blake2b`. Nothing here allocates but `blake2b`.

A 64-bit word is two 32-bit halves, the low one first; for carries, constant time, and why the
expressions look as they do, see `sha512`. All hashes share one working buffer: no two threads at
once. It holds, in 64-bit words: the matrix (16) and behind it the block of the message (16), so
that one byte says where a word is; the chaining value (8), and the start values (8).
"""

import micropython

# The start values of SHA-512, low halves first.
_START = (
    b"\x08\xc9\xbc\xf3\x67\xe6\x09\x6a\x3b\xa7\xca\x84\x85\xae\x67\xbb"
    b"\x2b\xf8\x94\xfe\x72\xf3\x6e\x3c\xf1\x36\x1d\x5f\x3a\xf5\x4f\xa5"
    b"\xd1\x82\xe6\xad\x7f\x52\x0e\x51\x1f\x6c\x3e\x2b\x8c\x68\x05\x9b"
    b"\x6b\xbd\x41\xfb\xab\xd9\x83\x1f\x79\x21\x7e\x13\x19\xcd\xe0\x5b"
)
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
_WORK = bytearray(320) + _START


@micropython.viper
def _reset(work: ptr32, size: int):
    """Set the chaining value for a digest of `size` bytes."""
    i = 64
    while i < 80:
        work[i] = work[i + 16]
        i += 1
    work[64] ^= 0x01010000 ^ size


@micropython.viper
def _begin(to: ptr8, source: ptr8, start: int, length: int, count: int):
    """Take the block source[start:start + length], zeros behind it; fill the matrix.

    `to` is the working buffer, `count` the bytes of message with this block, and for the last
    block ~count.
    """
    to = ptr8(int(to) + 128)
    end = int(to) + 128
    source = ptr8(int(source) + start)
    while length >= 8:
        to[0] = source[0]
        to[1] = source[1]
        to[2] = source[2]
        to[3] = source[3]
        to[4] = source[4]
        to[5] = source[5]
        to[6] = source[6]
        to[7] = source[7]
        to = ptr8(int(to) + 8)
        source = ptr8(int(source) + 8)
        length -= 8
    while length:
        to[0] = source[0]
        to = ptr8(int(to) + 1)
        source = ptr8(int(source) + 1)
        length -= 1
    while int(to) != end:
        to[0] = 0
        to = ptr8(int(to) + 1)
    source = to
    to = ptr8(int(to) - 256)
    while int(source) != end + 128:  # the chaining value and the start values
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


@micropython.viper
def _write(out: ptr8, chain: ptr8, at: int, size: int):
    """Write the first `size` bytes of the chaining value."""
    out = ptr8(int(out) + at)
    chain = ptr8(int(chain) + 256)
    while size:
        out[0] = chain[0]
        out = ptr8(int(out) + 1)
        chain = ptr8(int(chain) + 1)
        size -= 1


def blake2b_into(buf, start: int, length: int, size: int, out, at: int) -> None:
    """Write BLAKE2b of buf[start:start + length] to out[at:at + size].

    ValueError if `size` is not in 1 to 64, or if a buffer has not the bytes named.
    """
    if not 1 <= size <= 64:
        raise ValueError("a BLAKE2b digest has 1 to 64 bytes")
    if start < 0 or length < 0 or start + length > len(buf) or at < 0 or at + size > len(out):
        raise ValueError("the bytes named are not in the buffer")
    _reset(_WORK, size)
    _absorb(buf, start, length)
    _write(out, _WORK, at, size)


def _absorb(buf, start: int, length: int) -> None:
    # A function of its own: one with more than eleven variables and arguments of calls would
    # take its frame from the heap.
    done = 128
    while done < length:  # the last block, full or not, is for below
        _begin(_WORK, buf, start, 128, done)
        _mix(0, 0, _WORK, _PLACES, _ORDER)
        start += 128
        done += 128
    _begin(_WORK, buf, start, length + 128 - done, ~length)
    _mix(0, 0, _WORK, _PLACES, _ORDER)


def blake2b(data, size: int = 32) -> bytes:
    """BLAKE2b of bytes: `size` bytes, 1 to 64 (ValueError)."""
    out = bytearray(size)
    blake2b_into(data, 0, len(data), size, out, 0)
    return bytes(out)


# See `sha512`. The answer is the example of RFC 7693.
if blake2b(b"abc", 64)[:8] != b"\xba\x80\xa5\x3f\x98\x1c\x4d\x0d":
    raise ImportError("BLAKE2b in viper is wrong on this interpreter")
