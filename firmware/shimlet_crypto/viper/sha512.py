"""SHA-512 (FIPS 180-4) in viper, for interpreters with 32-bit words and native code.

In: any bytes-like object, or a part of one. Out: 64 bytes, written into a buffer of the caller.
Called through `shimlet_crypto.sha512`. Nothing here allocates but `Sha512()` and `sha512`.

A 64-bit word is two 32-bit halves, the low one first. Adding x takes two lines, and the carry is
what an unsigned comparison answers: lo = x_low + lo; hi = (x_low > lo) + hi + x_high. So no branch
depends on data, but those short ones that the compiler makes of comparisons on armv6m and xtensa.

WORK is the memory of all modules here, since only one of them works at a time: no two threads at
once. In bytes, from 0: a script of points; registers (480, see `curve`) or numbers mod L; in
their place, while hashing, the schedule and state (480) and what `RUNNING` holds (1184); the
numbers 1 and d (1840); addends of points (2000); the keys of the last signers (3280).

Of the 704 bytes for hashing, the end is used first: the eight words of the state, and below them
the 80 words of the message schedule, the first one highest. Each round needs the schedule's next
word and has one new word of state, which takes its place; so the state moves down by one word a
round, and no word is ever copied from one of its eight names to the next.

Why it is written like this: the compiler keeps the first two variables of a function in
registers (so they are arguments, and called with 0), and an expression is cheap as long as each
right operand is a variable or a constant. So rotations are chains of shifts in one direction:
x >> 14 ^ x >> 18 is (x >> 4 ^ x) >> 14.
"""

import micropython

# The first 64 fractional bits of the square roots of the first 8 primes, low halves first.
START = (
    b"\x08\xc9\xbc\xf3\x67\xe6\x09\x6a\x3b\xa7\xca\x84\x85\xae\x67\xbb"
    b"\x2b\xf8\x94\xfe\x72\xf3\x6e\x3c\xf1\x36\x1d\x5f\x3a\xf5\x4f\xa5"
    b"\xd1\x82\xe6\xad\x7f\x52\x0e\x51\x1f\x6c\x3e\x2b\x8c\x68\x05\x9b"
    b"\x6b\xbd\x41\xfb\xab\xd9\x83\x1f\x79\x21\x7e\x13\x19\xcd\xe0\x5b"
)
# The same of the cube roots of the first 80 primes.
_CONSTANTS = (
    b"\x22\xae\x28\xd7\x98\x2f\x8a\x42\xcd\x65\xef\x23\x91\x44\x37\x71"
    b"\x2f\x3b\x4d\xec\xcf\xfb\xc0\xb5\xbc\xdb\x89\x81\xa5\xdb\xb5\xe9"
    b"\x38\xb5\x48\xf3\x5b\xc2\x56\x39\x19\xd0\x05\xb6\xf1\x11\xf1\x59"
    b"\x9b\x4f\x19\xaf\xa4\x82\x3f\x92\x18\x81\x6d\xda\xd5\x5e\x1c\xab"
    b"\x42\x02\x03\xa3\x98\xaa\x07\xd8\xbe\x6f\x70\x45\x01\x5b\x83\x12"
    b"\x8c\xb2\xe4\x4e\xbe\x85\x31\x24\xe2\xb4\xff\xd5\xc3\x7d\x0c\x55"
    b"\x6f\x89\x7b\xf2\x74\x5d\xbe\x72\xb1\x96\x16\x3b\xfe\xb1\xde\x80"
    b"\x35\x12\xc7\x25\xa7\x06\xdc\x9b\x94\x26\x69\xcf\x74\xf1\x9b\xc1"
    b"\xd2\x4a\xf1\x9e\xc1\x69\x9b\xe4\xe3\x25\x4f\x38\x86\x47\xbe\xef"
    b"\xb5\xd5\x8c\x8b\xc6\x9d\xc1\x0f\x65\x9c\xac\x77\xcc\xa1\x0c\x24"
    b"\x75\x02\x2b\x59\x6f\x2c\xe9\x2d\x83\xe4\xa6\x6e\xaa\x84\x74\x4a"
    b"\xd4\xfb\x41\xbd\xdc\xa9\xb0\x5c\xb5\x53\x11\x83\xda\x88\xf9\x76"
    b"\xab\xdf\x66\xee\x52\x51\x3e\x98\x10\x32\xb4\x2d\x6d\xc6\x31\xa8"
    b"\x3f\x21\xfb\x98\xc8\x27\x03\xb0\xe4\x0e\xef\xbe\xc7\x7f\x59\xbf"
    b"\xc2\x8f\xa8\x3d\xf3\x0b\xe0\xc6\x25\xa7\x0a\x93\x47\x91\xa7\xd5"
    b"\x6f\x82\x03\xe0\x51\x63\xca\x06\x70\x6e\x0e\x0a\x67\x29\x29\x14"
    b"\xfc\x2f\xd2\x46\x85\x0a\xb7\x27\x26\xc9\x26\x5c\x38\x21\x1b\x2e"
    b"\xed\x2a\xc4\x5a\xfc\x6d\x2c\x4d\xdf\xb3\x95\x9d\x13\x0d\x38\x53"
    b"\xde\x63\xaf\x8b\x54\x73\x0a\x65\xa8\xb2\x77\x3c\xbb\x0a\x6a\x76"
    b"\xe6\xae\xed\x47\x2e\xc9\xc2\x81\x3b\x35\x82\x14\x85\x2c\x72\x92"
    b"\x64\x03\xf1\x4c\xa1\xe8\xbf\xa2\x01\x30\x42\xbc\x4b\x66\x1a\xa8"
    b"\x91\x97\xf8\xd0\x70\x8b\x4b\xc2\x30\xbe\x54\x06\xa3\x51\x6c\xc7"
    b"\x18\x52\xef\xd6\x19\xe8\x92\xd1\x10\xa9\x65\x55\x24\x06\x99\xd6"
    b"\x2a\x20\x71\x57\x85\x35\x0e\xf4\xb8\xd1\xbb\x32\x70\xa0\x6a\x10"
    b"\xc8\xd0\xd2\xb8\x16\xc1\xa4\x19\x53\xab\x41\x51\x08\x6c\x37\x1e"
    b"\x99\xeb\x8e\xdf\x4c\x77\x48\x27\xa8\x48\x9b\xe1\xb5\xbc\xb0\x34"
    b"\x63\x5a\xc9\xc5\xb3\x0c\x1c\x39\xcb\x8a\x41\xe3\x4a\xaa\xd8\x4e"
    b"\x73\xe3\x63\x77\x4f\xca\x9c\x5b\xa3\xb8\xb2\xd6\xf3\x6f\x2e\x68"
    b"\xfc\xb2\xef\x5d\xee\x82\x8f\x74\x60\x2f\x17\x43\x6f\x63\xa5\x78"
    b"\x72\xab\xf0\xa1\x14\x78\xc8\x84\xec\x39\x64\x1a\x08\x02\xc7\x8c"
    b"\x28\x1e\x63\x23\xfa\xff\xbe\x90\xe9\xbd\x82\xde\xeb\x6c\x50\xa4"
    b"\x15\x79\xc6\xb2\xf7\xa3\xf9\xbe\x2b\x53\x72\xe3\xf2\x78\x71\xc6"
    b"\x9c\x61\x26\xea\xce\x3e\x27\xca\x07\xc2\xc0\x21\xc7\xb8\x86\xd1"
    b"\x1e\xeb\xe0\xcd\xd6\x7d\xda\xea\x78\xd1\x6e\xee\x7f\x4f\x7d\xf5"
    b"\xba\x6f\x17\x72\xaa\x67\xf0\x06\xa6\x98\xc8\xa2\xc5\x7d\x63\x0a"
    b"\xae\x0d\xf9\xbe\x04\x98\x3f\x11\x1b\x47\x1c\x13\x35\x0b\x71\x1b"
    b"\x84\x7d\x04\x23\xf5\x77\xdb\x28\x93\x24\xc7\x40\x7b\xab\xca\x32"
    b"\xbc\xbe\xc9\x15\x0a\xbe\x9e\x3c\x4c\x0d\x10\x9c\xc4\x67\x1d\x43"
    b"\xb6\x42\x3e\xcb\xbe\xd4\xc5\x4c\x2a\x7e\x65\xfc\x9c\x29\x7f\x59"
    b"\xec\xfa\xd6\x3a\xab\x6f\xcb\x5f\x17\x58\x47\x4a\x8c\x19\x44\x6c"
)
WORK = bytearray(3600)
OUTSIDE = "the bytes named are not in the buffer"


def aligned(table):
    """The same bytes where words can be read: constants in flash may lie at any address.

    x86 and ARM from armv7m on (1 and 5 to 8 in MicroPython's numbers) read words anywhere.
    """
    from sys import implementation

    from uctypes import addressof

    anywhere = (getattr(implementation, "_mpy", 0) >> 10 & 15) in (1, 5, 6, 7, 8)
    return table if anywhere or addressof(table) & 3 == 0 else bytearray(table)


_TABLE = aligned(_CONSTANTS)
del _CONSTANTS


@micropython.viper
def copy(to: ptr8, source: ptr8, to_at: int, source_at: int, length: int):
    """Copy bytes: a slice would be allocated first."""
    to = ptr8(int(to) + to_at)
    source = ptr8(int(source) + source_at)
    while length >= 4:
        to[0] = source[0]
        to[1] = source[1]
        to[2] = source[2]
        to[3] = source[3]
        to = ptr8(int(to) + 4)
        source = ptr8(int(source) + 4)
        length -= 4
    while length:
        to[0] = source[0]
        to = ptr8(int(to) + 1)
        source = ptr8(int(source) + 1)
        length -= 1


@micropython.viper
def _schedule(lo: uint, hi: uint, work: ptr32, source: ptr8, start: int):
    """Write the 80 words of the message schedule of the block source[start:start + 128]."""
    source = ptr8(int(source) + start)
    w = ptr32(int(work) + 1112)  # the place of the word that comes next
    n = 16
    while n:
        w[1] = ((source[0] << 8 | source[1]) << 8 | source[2]) << 8 | source[3]
        w[0] = ((source[4] << 8 | source[5]) << 8 | source[6]) << 8 | source[7]
        source = ptr8(int(source) + 8)
        w = ptr32(int(w) - 8)
        n -= 1
    n = 64
    while n:
        lo = uint(w[30])  # the word of 15 rounds ago
        hi = uint(w[31])
        low = ((lo >> 1 ^ lo) >> 6 ^ lo) >> 1 ^ ((hi << 6 ^ hi) << 1 ^ hi) << 24
        high = ((hi >> 1 ^ hi) >> 6 ^ hi) >> 1 ^ (lo << 7 ^ lo) << 24
        lo = uint(w[4])  # of 2 rounds ago
        hi = uint(w[5])
        sum_high = ((lo >> 10 ^ hi) >> 13 ^ hi) >> 6 ^ (lo << 10 ^ hi) << 3
        lo = ((hi >> 10 ^ lo) >> 13 ^ lo) >> 6 ^ ((hi << 13 ^ hi) << 10 ^ lo) << 3
        hi = sum_high
        lo = low + lo
        hi = uint(low > lo) + hi + high
        lo = uint(w[14]) + lo
        hi = uint(uint(w[14]) > lo) + hi + w[15]
        lo = uint(w[32]) + lo
        hi = uint(uint(w[32]) > lo) + hi + w[33]
        w[0] = lo
        w[1] = hi
        w = ptr32(int(w) - 8)
        n -= 1


@micropython.viper
def _rounds(lo: uint, hi: uint, work: ptr32, table: ptr32, state: ptr32):
    """Run the 80 rounds on the schedule in `work`, and add what comes out to the state."""
    work = ptr32(int(work) + 480)
    s = ptr32(int(work) + 640)
    n = 0
    while n < 16:
        s[n] = state[n]
        n += 1
    s = ptr32(int(s) - 8)  # s[0]: schedule, then the new a; s[2], s[4] ... s[16]: a, b ... h
    n = 80
    while n:
        lo = uint(s[10])  # e
        hi = uint(s[11])
        low = ((lo >> 4 ^ lo) >> 5 ^ hi) >> 9 ^ ((lo << 5 ^ hi) << 4 ^ hi) << 14
        high = ((hi >> 4 ^ hi) >> 5 ^ lo) >> 9 ^ ((hi << 5 ^ lo) << 4 ^ lo) << 14
        lo = uint((s[12] ^ s[14]) & int(lo) ^ s[14])  # f where e has ones, g elsewhere
        hi = uint((s[13] ^ s[15]) & int(hi) ^ s[15])
        lo = low + lo
        hi = uint(low > lo) + hi + high
        lo = uint(s[16]) + lo  # h
        hi = uint(uint(s[16]) > lo) + hi + s[17]
        lo = uint(s[0]) + lo
        hi = uint(uint(s[0]) > lo) + hi + s[1]
        lo = uint(table[0]) + lo
        hi = uint(uint(table[0]) > lo) + hi + table[1]
        sum_low = lo
        sum_high = hi
        lo = uint(s[8]) + lo  # d becomes the new e
        hi = uint(uint(s[8]) > lo) + hi + s[9]
        s[8] = lo
        s[9] = hi
        lo = uint(s[2])  # a
        hi = uint(s[3])
        low = ((lo >> 21 ^ hi) >> 5 ^ hi) >> 2 ^ ((lo << 5 ^ lo) << 21 ^ hi) << 4
        high = ((hi >> 21 ^ lo) >> 5 ^ lo) >> 2 ^ ((hi << 5 ^ hi) << 21 ^ lo) << 4
        lo = uint((s[4] | int(lo)) & s[6] | s[4] & int(lo))  # what two of a, b, c have
        hi = uint((s[5] | int(hi)) & s[7] | s[5] & int(hi))
        lo = low + lo
        hi = uint(low > lo) + hi + high
        lo = sum_low + lo
        s[0] = lo
        s[1] = uint(sum_low > lo) + hi + sum_high
        s = ptr32(int(s) - 8)
        table = ptr32(int(table) + 8)
        n -= 1
    n = 8
    while n:
        lo = uint(state[0])
        hi = uint(work[0]) + lo
        state[0] = hi
        state[1] = int(hi < lo) + state[1] + work[1]
        state = ptr32(int(state) + 8)
        work = ptr32(int(work) + 8)
        n -= 1


@micropython.viper
def _pad(held: ptr8, used: int, total: int):
    """End the block by a bit 1 and zeros; `total`, if not below 0, is the length of all."""
    held = ptr8(int(held) + 64)
    i = used
    while i < 128:
        held[i] = 0
        i += 1
    held[used] = 128
    if total >= 0:
        held[123] = total >> 29
        held[124] = total >> 21
        held[125] = total >> 13
        held[126] = total >> 5
        held[127] = total << 3


@micropython.viper
def _write(i: int, at: int, out: ptr8, state: ptr8):
    """Write the 64 bytes of the state, high bytes first; i is 64."""
    out = ptr8(int(out) + at)
    while i:
        i -= 1
        out[i] = state[i ^ 7]


class Sha512:
    """A running hash: `update` as often as you like, then `digest_into` once.

    Its state (64 bytes) and block (128) are in a buffer of its own or in one that is given.
    """

    def __init__(self, held=None):
        self._held = bytearray(192) if held is None else held
        self.reset()

    def reset(self) -> None:
        """Begin anew, with the same memory."""
        copy(self._held, START, 0, 0, 64)
        self._total = 0

    def update(self, buf, start: int, length: int) -> None:
        """Add the bytes buf[start:start + length]; ValueError if the buffer has fewer."""
        if start < 0 or length < 0 or start + length > len(buf):
            raise ValueError(OUTSIDE)
        while length:
            n = min(128 - (self._total & 127), length)
            if n == 128:
                self._compress(buf, start)
            else:
                copy(self._held, buf, 64 + (self._total & 127), start, n)
                if (self._total + n) & 127 == 0:
                    self._compress(self._held, 64)
            self._total += n
            start += n
            length -= n

    def digest_into(self, out, at: int) -> None:
        """Write the 64 bytes of the digest to out[at:at + 64]; the object is used up."""
        if at < 0 or at + 64 > len(out):
            raise ValueError(OUTSIDE)
        used = self._total & 127
        held = self._held
        if used < 112:
            _pad(held, used, self._total)
        else:  # no room left for the length: it needs a block of its own
            _pad(held, used, -1)
            self._compress(held, 64)
            _pad(held, 0, self._total)
            held[64] = 0
        self._compress(held, 64)
        _write(64, at, out, held)

    def _compress(self, source, start: int) -> None:
        _schedule(0, 0, WORK, source, start)
        _rounds(0, 0, WORK, _TABLE, self._held)


RUNNING = Sha512(memoryview(WORK)[1184:1376])  # for `ed25519`, too: one hash at a time


def sha512_into(buf, start: int, length: int, out, at: int) -> None:
    """Write SHA-512 of buf[start:start + length] to out[at:at + 64]."""
    RUNNING.reset()
    RUNNING.update(buf, start, length)
    RUNNING.digest_into(out, at)


def sha512(data) -> bytes:
    """SHA-512 of bytes: 64 bytes."""
    out = bytearray(64)
    sha512_into(data, 0, len(data), out, 0)
    return bytes(out)


# A compiler may be wrong without a word (MicroPython 1.25's own is, on some processors), and this
# is wrong where words have 64 bits. The answer is the example of FIPS 180-4.
if sha512(b"abc")[:8] != b"\xdd\xaf\x35\xa1\x93\x61\x7a\xba":
    raise ImportError("SHA-512 in viper is wrong on this interpreter")
