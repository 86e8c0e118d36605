"""Arithmetic mod P = 2**255 - 19 in viper, as short programs; in loops, to compile on a board.

In: `words`, registers of 20 limbs of 32 bits. Out: the same, changed. Called by `curve` alone.

An element is the sum of limb[i] * 2**(13 * i), limbs signed. A "unit" is a limb of 2**12, what
carrying leaves (but for limb 2, which may be 3 more). Sums and differences are not carried: their
units add. A product sums up 20 products of limbs, so the units of two factors, multiplied, may be
6.3 at most: 20 * 2**24 * 6.3 and what folding adds stay below 2**31. Each program in `curve` says
how it keeps to that. The top folds in as 2**260 = 608 mod P.

`script` is bytes, each a step: the upper two bits say which kind, the lower six are an argument.
255 ends the script. `programs` begins with a table of where programs start: byte 0 to 2 for kind
0 to 2, and for kind 3, which has no argument, byte 3 + number. It counts instructions, of four
bytes each, operation and up to three registers:

    0                end of the program
    1 d a b          d = a * b
    2 d a n          d = a ** (2 ** n), n from 1 on
    3 d a b          d = a + b
    4 d a b          d = a - b
    5 d a b          d = 2 * a + b, carried
    6 d a            d to d + 3 = entry argument >> 1 of the table of four elements each at a;
                     the opposite point (first two swapped, third negated) if the argument is odd
    7 d a            entry `argument` of the table at d = a to a + 3; limbs have 16 bits there
    8 d              find the entry of `comb` that the bits argument + 51 * (0 to 4) name, of the
                     bits at byte 440 of `words`. Of kind 0 they are secret: d and d + 1 become
                     the entry, in constant time
    9 d              d to d + 2 = what was found, unpacked

Compiled for a processor, the module that firmware/generator writes takes the place of this one.
There all of it is one viper function; here each stays below 2 KB of machine code, which is what
MicroPython 1.25 can compile for all processors.
"""

import micropython

FORM = "viper-rolled"

_wide = bytearray(160)


@micropython.native  # for the frame: of bytecode with so many variables it is on the heap
def run(x, y, words, script, programs, comb):  # noqa: C901 - a table of functions is slower
    """Run a script; x and y, 0, are only there because the unrolled form needs two registers."""
    at = 0
    source = entry = flip = 0
    while script[at] != 255:
        kind = script[at] >> 6
        arg = script[at] & 63
        at += 1
        pc = programs[kind if kind < 3 else 3 + arg] * 4
        while programs[pc]:
            op = programs[pc]
            d = programs[pc + 1] * 20
            a = programs[pc + 2] * 20
            n = programs[pc + 3]
            pc += 4
            if op == 1:
                _multiply(0, 0, words, a, n * 20, _wide)
                _reduce(_wide, words, d)
            elif op == 2:
                while n:
                    _multiply(0, 0, words, a, a, _wide)
                    _reduce(_wide, words, d)
                    a = d
                    n -= 1
            elif op == 3:
                _add(words, d, a, n * 20)
            elif op == 4:
                _subtract(words, d, a, n * 20)
            elif op == 5:
                _carry(words, d, a, n * 20)
            elif op == 6:
                _load(words, d, words, 2 * a + (arg >> 1) * 80, arg & 1)
            elif op == 7:
                _keep(words, 2 * d + arg * 80, words, a)
            elif op == 8:
                entry = _find(words, arg)  # no ifs about it, and no product: it may be secret
                flip = (entry & 1) - 1
                source, entry = comb, entry >> 1
                if not kind:
                    _select(words, d, comb, arg, entry)
                    source, entry = words, d * 2
            else:
                _unpack(source, entry, words, d, flip)


@micropython.viper
def _multiply(x: int, k: int, words: ptr32, a: int, b: int, wide: ptr32):
    """The 39 sums of products of a * b. x and k are any numbers: they will be registers."""
    k = 0
    while k < 39:
        wide[k] = 0
        k += 1
    p = ptr32(int(words) + (a << 2))
    q = ptr32(int(words) + (b << 2))
    w = wide
    k = 0
    while k < 20:
        x = q[k]
        w[0] = p[0] * x + w[0]
        w[1] = p[1] * x + w[1]
        w[2] = p[2] * x + w[2]
        w[3] = p[3] * x + w[3]
        w[4] = p[4] * x + w[4]
        w[5] = p[5] * x + w[5]
        w[6] = p[6] * x + w[6]
        w[7] = p[7] * x + w[7]
        w[8] = p[8] * x + w[8]
        w[9] = p[9] * x + w[9]
        w[10] = p[10] * x + w[10]
        w[11] = p[11] * x + w[11]
        w[12] = p[12] * x + w[12]
        w[13] = p[13] * x + w[13]
        w[14] = p[14] * x + w[14]
        w[15] = p[15] * x + w[15]
        w[16] = p[16] * x + w[16]
        w[17] = p[17] * x + w[17]
        w[18] = p[18] * x + w[18]
        w[19] = p[19] * x + w[19]
        w = ptr32(int(w) + 4)
        k += 1


@micropython.viper
def _reduce(wide: ptr32, words: ptr32, d: int):
    """Fold the upper sums in and carry all along."""
    above = int(wide[20])
    carry = 4096
    k = 0
    while k < 20:
        if k < 19:
            low = (above & 8191) * 608
            above = above >> 13
            if k < 18:
                above += int(wide[k + 21])
        else:
            low = above * 608
        low += int(wide[k]) + carry
        words[d + k] = (low & 8191) - 4096
        carry = (low >> 13) + 4096
        k += 1
    low = (carry - 4096) * 608 + int(words[d]) + 4096
    words[d] = (low & 8191) - 4096
    low = (low >> 13) + int(words[d + 1]) + 4096
    words[d + 1] = (low & 8191) - 4096
    words[d + 2] = int(words[d + 2]) + (low >> 13)


@micropython.viper
def _carry(words: ptr32, d: int, a: int, b: int):
    carry = 4096
    k = 0
    while k < 20:
        low = 2 * int(words[a + k]) + int(words[b + k]) + carry
        words[d + k] = (low & 8191) - 4096
        carry = (low >> 13) + 4096
        k += 1
    low = (carry - 4096) * 608 + int(words[d]) + 4096
    words[d] = (low & 8191) - 4096
    low = (low >> 13) + int(words[d + 1]) + 4096
    words[d + 1] = (low & 8191) - 4096
    words[d + 2] = int(words[d + 2]) + (low >> 13)


@micropython.viper
def _add(words: ptr32, d: int, a: int, b: int):
    k = 0
    while k < 20:
        words[d + k] = words[a + k] + words[b + k]
        k += 1


@micropython.viper
def _subtract(words: ptr32, d: int, a: int, b: int):
    k = 0
    while k < 20:
        words[d + k] = words[a + k] - words[b + k]
        k += 1


@micropython.viper
def _load(words: ptr32, d: int, table: ptr16, a: int, negative: int):
    """Copy four elements from a table, as the opposite point if `negative` is 1."""
    flip = 0 - negative
    k = 0
    while k < 20:
        x = int(table[a + k])
        y = int(table[a + k + 20])
        swap = (x ^ y) & flip
        words[d + k] = ((x ^ swap) ^ 32768) - 32768
        words[d + k + 20] = ((y ^ swap) ^ 32768) - 32768
        x = (int(table[a + k + 40]) ^ 32768) - 32768
        words[d + k + 40] = (x ^ flip) - flip
        words[d + k + 60] = (int(table[a + k + 60]) ^ 32768) - 32768
        k += 1


@micropython.viper
def _keep(table: ptr16, d: int, words: ptr32, a: int):
    """Copy four elements to a table."""
    k = 0
    while k < 80:
        table[d + k] = words[a + k]
        k += 1


@micropython.viper
def _find(bits: ptr8, at: int) -> int:
    """96 times the number of the entry that the bits from `at` on name; 1 more: not negative."""
    bits = ptr8(int(bits) + 440)
    entry = 0
    third = 0
    if at > 17:
        third = 16
    if at > 34:
        third = 32
    i = 0
    while i < 5:
        entry = entry | (((int(bits[at >> 3]) >> (at & 7)) & 1) << i)
        at += 51
        i += 1
    positive = entry >> 4
    return (((entry ^ (positive - 1)) & 15) + third) * 96 + positive


@micropython.viper
def _select(words: ptr32, d: int, comb: ptr32, at: int, wanted: int):
    """Copy the entry of the comb at `wanted` half-words to d by reading all of its third."""
    source = 0
    if at > 17:
        source = 384
    if at > 34:
        source = 768
    wanted = wanted >> 1
    i = 0
    while i < 24:
        total = 0
        k = source
        while k < source + 384:
            total = total | (int(comb[k + i]) & (((k ^ wanted) - 1) >> 31))
            k += 24
        words[d + i] = total
        i += 1


@micropython.viper
def _unpack(packed: ptr16, at: int, words: ptr32, d: int, flip: int):
    """Three elements of 32 bytes each become 20 limbs each; the opposite point if flip is -1."""
    n = 0
    while n < 20:
        bit = n * 13
        i = at + (bit >> 4)
        bit = bit & 15
        mask = 8191
        if n == 19:
            mask = 255
        x = ((int(packed[i]) | (int(packed[i + 1]) << 16)) >> bit) & mask
        y = ((int(packed[i + 16]) | (int(packed[i + 17]) << 16)) >> bit) & mask
        z = ((int(packed[i + 32]) | (int(packed[i + 33]) << 16)) >> bit) & mask
        swap = (x ^ y) & flip
        words[d + n] = x ^ swap
        words[d + n + 20] = y ^ swap
        words[d + n + 40] = (z ^ flip) - flip
        n += 1
