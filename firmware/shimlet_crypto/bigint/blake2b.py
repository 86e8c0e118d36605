"""BLAKE2b (RFC 7693) without a key, digests of 1 to 64 bytes, with plain ints.

In: any bytes-like object, or a part of one. Out: the digest, written into a buffer of the caller.
Called through `shimlet_crypto.blake2b`.

The 16 words of the working state are a 4 x 4 matrix, and every step treats its four columns
alike. So a row is one wide int of four lanes: 128 bits each, the word in the lower half, the
upper half free for carries and for the bits that a rotation moves. One big-int operation then
does the work of four, and starting one costs more than the work in it.
"""

_WORD = 0xFFFFFFFFFFFFFFFF
_ONES = 1 | 1 << 128 | 1 << 256 | 1 << 384
_LANES = _WORD * _ONES
# The start values of SHA-512, four to a row.
_START_LOW = (
    0x6A09E667F3BCC908
    | 0xBB67AE8584CAA73B << 128
    | 0x3C6EF372FE94F82B << 256
    | 0xA54FF53A5F1D36F1 << 384
)
_START_HIGH = (
    0x510E527FADE682D1
    | 0x9B05688C2B3E6C1F << 128
    | 0x1F83D9ABFB41BD6B << 256
    | 0x5BE0CD19137E2179 << 384
)
# In which order each of the ten rounds takes the 16 words of the message.
_ORDER = (
    b"\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"
    b"\x0e\x0a\x04\x08\x09\x0f\x0d\x06\x01\x0c\x00\x02\x0b\x07\x05\x03"
    b"\x0b\x08\x0c\x00\x05\x02\x0f\x0d\x0a\x0e\x03\x06\x07\x01\x09\x04"
    b"\x07\x09\x03\x01\x0d\x0c\x0b\x0e\x02\x06\x05\x0a\x04\x00\x0f\x08"
    b"\x09\x00\x05\x07\x02\x04\x0a\x0f\x0e\x01\x0b\x0c\x06\x08\x03\x0d"
    b"\x02\x0c\x06\x0a\x00\x0b\x08\x03\x04\x0d\x07\x05\x0f\x0e\x01\x09"
    b"\x0c\x05\x01\x0f\x0e\x0d\x04\x0a\x00\x07\x06\x03\x09\x02\x08\x0b"
    b"\x0d\x0b\x07\x0e\x0c\x01\x03\x09\x05\x00\x0f\x04\x08\x06\x02\x0a"
    b"\x06\x0f\x0e\x09\x0b\x03\x00\x08\x0c\x02\x0d\x07\x01\x04\x0a\x05"
    b"\x0a\x02\x08\x04\x07\x06\x01\x05\x0f\x0b\x09\x0e\x03\x0c\x0d\x00"
)


def blake2b_into(buf, start: int, length: int, size: int, out, at: int) -> None:
    """Write BLAKE2b of buf[start:start + length] to out[at:at + size]; size is 1 to 64."""
    if not 1 <= size <= 64:
        raise ValueError("a BLAKE2b digest has 1 to 64 bytes")
    low = _START_LOW ^ 0x01010000 ^ size
    high = _START_HIGH
    done = 0
    while length - done > 128:  # the last block, full or not, is for below
        words = _words(buf[start + done : start + done + 128])
        done += 128
        low, high = _compress(low, high, words, done, 0)
    last = bytes(buf[start + done : start + length])
    low, high = _compress(low, high, _words(last + bytes(128 - len(last))), length, _WORD)
    digest = _row_bytes(low) + _row_bytes(high)
    out[at : at + size] = digest[:size]


def blake2b(data, size: int = 32) -> bytes:
    """BLAKE2b of bytes: `size` bytes, 1 to 64 (ValueError)."""
    out = bytearray(size)
    blake2b_into(data, 0, len(data), size, out, 0)
    return bytes(out)


def _words(block) -> list:
    """The 16 words of a block, each as the 16 bytes of a lane."""
    return [bytes(block[i : i + 8]) + bytes(8) for i in range(0, 128, 8)]


def _row_bytes(row: int) -> bytes:
    """The 32 bytes of the four words in a row."""
    lanes = row.to_bytes(64, "little")
    return lanes[0:8] + lanes[16:24] + lanes[32:40] + lanes[48:56]


def _compress(low: int, high: int, words: list, counter: int, last: int) -> tuple:
    """Mix one block into the chaining value; `last` is all ones for the last block, else 0."""
    a, b, c = low, high, _START_LOW
    d = _START_HIGH ^ (counter & _WORD) ^ last << 256
    for r in range(12):
        at = r % 10 * 16
        a, b, c, d = _mix(a, b, c, d, words, at)
        # Turn the rows so that the diagonals stand in the columns, and back afterwards.
        a, b, c, d = _mix(a, _turn(b, 128), _turn(c, 256), _turn(d, 384), words, at + 8)
        b, c, d = _turn(b, 384), _turn(c, 256), _turn(d, 128)
    return low ^ a ^ c, high ^ b ^ d


def _turn(row: int, bits: int) -> int:
    """Move every lane `bits` / 128 places down, the lowest ones to the top."""
    return (row >> bits | row << 512 - bits) & _LANES


def _gather(words: list, at: int) -> int:
    """The row of message words for one half of a step: every second one from `at` on."""
    order = _ORDER
    return int.from_bytes(
        words[order[at]] + words[order[at + 2]] + words[order[at + 4]] + words[order[at + 6]],
        "little",
    )


def _mix(a: int, b: int, c: int, d: int, words: list, at: int) -> tuple:
    """The mixing function G of the RFC on four columns at once."""
    lanes = _LANES
    a = (a + b + _gather(words, at)) & lanes
    d ^= a
    d = (d >> 32 | d << 32) & lanes
    c = (c + d) & lanes
    b ^= c
    b = (b >> 24 | b << 40) & lanes
    a = (a + b + _gather(words, at + 1)) & lanes
    d ^= a
    d = (d >> 16 | d << 48) & lanes
    c = (c + d) & lanes
    b ^= c
    return a, (b >> 63 | b << 1) & lanes, c, d
