"""Numbers mod L, the order of the base point, and what multiplying points wants of them, in viper.

In and out: limbs of 13 bits in 32-bit words inside `words`, at offsets in bytes, and bytes in
buffers. Called by `ed25519` and `curve`. `load`, `multiply_add`, `reduce`, `freeze`, `store` take
the same steps for all numbers: they see secrets. The others are for public numbers only.

The first two arguments of a function lie in registers, so they become what it uses most; and a
pointer that moves is cheaper than an index.
"""

import micropython


@micropython.viper
def load(at: int, length: int, source: ptr8, words: ptr32, d: int):
    """`length` bytes, lowest first, become limbs at d: 20 for 32 bytes, 40 for 64."""
    words = ptr32(int(words) + d)
    left = length << 3
    ready = 0
    bits = 0
    while left > 0:
        while bits < 13:
            if length:
                ready = (source[at] << bits) | ready
                at += 1
                length -= 1
            bits += 8
        words[0] = ready & 8191
        words = ptr32(int(words) + 4)
        ready = ready >> 13
        bits -= 13
        left -= 13


@micropython.viper
def store(ready: int, bits: int, words: ptr32, out: ptr8, at: int):
    """20 limbs at `ready`, carried and not negative, become 32 bytes; what is above is left out.

    `bits` is 0.
    """
    words = ptr32(int(words) + ready)
    ready = 0
    end = at + 32
    while at < end:
        if bits < 8:
            ready = (words[0] << bits) | ready
            words = ptr32(int(words) + 4)
            bits += 13
        out[at] = ready
        ready = ready >> 8
        bits -= 8
        at += 1


@micropython.viper
def multiply_add(x: int, k: int, words: ptr32, d: int, keep: int):
    """40 limbs at d = 20 at x times 20 at k, not carried; plus what was at d if `keep` is -1."""
    p = ptr32(int(words) + x)
    second = k
    d += int(words)
    w = ptr32(d)
    k = 40
    while k:
        w[0] = w[0] & keep
        w = ptr32(int(w) + 4)
        k -= 1
    rows = 20
    while rows:
        x = p[0]
        w = ptr32(d)
        f = ptr32(int(words) + second)
        k = 5
        while k:
            w[0] = f[0] * x + w[0]
            w[1] = f[1] * x + w[1]
            w[2] = f[2] * x + w[2]
            w[3] = f[3] * x + w[3]
            f = ptr32(int(f) + 16)
            w = ptr32(int(w) + 16)
            k -= 1
        p = ptr32(int(p) + 4)
        d += 4
        rows -= 1


@micropython.viper
def reduce(x: int, k: int, words: ptr32, c: ptr8, odd: int):
    """40 limbs at x, up to 2**520, become 20 that are below L; k is any number.

    With `odd`, 1, L is added to an even one. `c` is L - 2**252 as ten limbs of two bytes. A part
    carries all limbs, and then takes what is above 2**252 of the upper ones, ten at most, times
    `c` from those 20 limbs below. That leaves 2**252 + 2**152 at most, and -2**152 at least: L is
    taken away from 2**252 on, and added below 0.
    """
    base = int(words) + x
    high = 20
    end = 0
    while True:
        w = ptr32(base)
        k = high + 19
        x = 0
        while k:
            x = w[0] + x
            w[0] = x & 8191
            x = x >> 13
            w = ptr32(int(w) + 4)
            k -= 1
        w[0] = w[0] + x
        if end == 4:
            break
        row = high
        low = high - 9
        if low < 0:
            low = 0
        while row >= low:
            w = ptr32(base + (row << 2))
            p = ptr32(int(w) + 76)
            x = p[0] >> 5
            if row < high:
                x = (p[1] << 8 | x) & 8191
                p[1] = 0
            if end > 1:
                x = p[0] >> 31
            if end == 3:
                x = ((w[0] & 1) - 1) & (0 - odd)
            if high:
                p[0] = p[0] & 31
            else:
                p[0] = p[0] - (x << 5)
            x = 0 - x
            k = 10
            while k:
                w[0] = (c[1] << 8 | c[0]) * x + w[0]
                w = ptr32(int(w) + 4)
                c = ptr8(int(c) + 2)
                k -= 1
            c = ptr8(int(c) - 20)
            row -= 1
        high = low
        if high == 0:
            end += 1


@micropython.viper
def freeze(x: int, k: int, words: ptr32) -> int:
    """The field element at x becomes the one in 0 to P - 1, its limbs carried and not negative.

    The answer is 0 only for zero. k is any number.
    """
    words = ptr32(int(words) + x)
    x = 0
    part = 0
    union = 0
    while part < 5:
        # Three times what is above 2**255 comes down, times 19. Then 19 more show whether it is
        # P or more; if not, they are taken away again.
        if part == 3:
            x = 19
        if part == 4:
            x -= 19
        k = 19
        union = 0
        while k:
            x = words[0] + x
            words[0] = x & 8191
            union = words[0] | union
            x = x >> 13
            words = ptr32(int(words) + 4)
            k -= 1
        x = words[0] + x
        words[0] = x & 255
        union = words[0] | union
        x = (x >> 8) * 19
        words = ptr32(int(words) - 76)
        part += 1
    return union


@micropython.viper
def is_below(i: int, at: int, buf: ptr8, limit: ptr8) -> int:
    """1 if the 32 bytes at `at`, lowest first, are a smaller number than the limit; i is 31."""
    buf = ptr8(int(buf) + at)
    while i and buf[i] == limit[i]:
        i -= 1
    return int(buf[i] < limit[i])


@micropython.viper
def find(at: int, row: int, buf: ptr8, table: ptr8) -> int:
    """Where in five rows of 32 bytes, from table[row] on, these 32 bytes are; else -1."""
    end = row + 160
    buf = ptr8(int(buf) + at)
    while row < end:
        at = 0
        while at < 32 and buf[at] == table[row + at]:
            at += 1
        if at == 32:
            return row
        row += 32
    return -1


@micropython.viper
def halve(carry: int, q: int, words: ptr32, old: int) -> int:  # noqa: C901
    """Find u and odd v, about 128 bits long, with u = v * h or u = -v * h mod 8 * L.

    At `old`, 20 limbs each: 8 * L, h (which is below L), 0, and room. carry and q are any
    numbers. Afterwards u is the first or the second of the four and v two further on: bit 0 of
    the answer is set if u = -v * h, and bit 1 if u is the second.

    This is Euclid's algorithm, ended half-way: each remainder is a multiple t of h mod 8 * L, the
    signs of those alternate. One in three t is even; then one step more is made.
    """
    old += int(words)
    new = old + 80
    a = ptr32(old + 240)
    carry = 20
    q = 1
    while carry:
        a[0] = q
        q = 0
        a = ptr32(int(a) + 4)
        carry -= 1
    top = 76
    low = 76
    odd = 2
    while True:
        b = ptr32(new)
        while low and ptr32(new + low)[0] == 0:
            low -= 4
        if low <= 36 and b[9] < 2048 and b[40] & 1:
            return odd
        # the old one is more than the new one here: subtract that as often as possible
        while True:
            while top and ptr32(old + top)[0] == 0:
                top -= 4
            shift = top - low
            if shift < 0:
                break
            a = ptr32(old + top - 4)
            b = ptr32(new + low - 4)
            q = a[1]
            carry = b[1]
            if top:
                q = q << 13 | a[0]
                if shift:
                    shift -= 4
                elif low:
                    carry = carry << 13 | b[0]
                carry += 1
            if carry:
                q = q // carry
            if q > 8191:
                q = 8191
            if q == 0:  # nearly equal, or less
                k = low
                while k and ptr32(old + k)[0] == ptr32(new + k)[0]:
                    k -= 4
                if ptr32(old + k)[0] < ptr32(new + k)[0]:
                    break
                q = 1
            q = 0 - q
            a = ptr32(old + shift)
            b = ptr32(new)
            k = low + 4
            while True:  # old -= q * new, and then the same of t, with a plus
                end = int(b) + k
                carry = 0
                while int(b) != end:
                    carry = b[0] * q + a[0] + carry
                    a[0] = carry & 8191
                    carry = carry >> 13
                    a = ptr32(int(a) + 4)
                    b = ptr32(int(b) + 4)
                while carry:
                    carry = a[0] + carry
                    a[0] = carry & 8191
                    carry = carry >> 13
                    a = ptr32(int(a) + 4)
                if q > 0:
                    break
                a = ptr32(old + shift + 160)
                b = ptr32(new + 160)
                k = 80 - low - shift  # t is below 2**256 / r
                q = 0 - q
        k = old
        old = new
        new = k
        k = top
        top = low
        low = k
        odd = odd ^ 3


@micropython.viper
def assemble(x: int, n: int, words: ptr32, u: int, v: int, flip: int):
    """Write the script of 440 bytes to `words` that makes u * point 0 + v * point 1 + k * B.

    u, below 2**128, and v, below 2**256, are limbs at u and v, u negative if `flip` is 1; k are
    the bits for the comb. See `curve` for the steps. x and n are any numbers.

    The script begins at its end, with the lowest bits. A digit is 0, or odd from -7 to 7, and then
    the next three are 0. Of each number, `state` says how many of those zeros are yet to come,
    plus 4 for a carry.
    """
    u += int(words)
    v += int(words)
    x = 19
    while x > 9 and ptr32(v)[x] == 0:
        x -= 1
    positions = 13 * (x + 1) + 1
    if positions > 257:
        positions = 257
    other = 8
    states = 0
    shift = 0
    position = 0
    out = ptr8(int(words) + 439)
    out[0] = 255
    start = out
    while True:
        if position < 17:
            out = ptr8(int(out) - 3)
            out[0] = position + 65
            out[1] = position + 82
            out[2] = position + 99
            start = out
        n = 2
        while n:
            n -= 1
            state = states & 7
            if state & 3:
                state -= 1
            else:
                x = ptr32(u)[1] << 13 | ptr32(u)[0]
                x = ((x >> shift) & 15) + (state >> 2)
                if x & 1:
                    state = (x >> 3 << 2) + 3
                    if state > 3:
                        x = 17 - x
                    out = ptr8(int(out) - 1)
                    out[0] = ((x - 1) ^ flip) + 128
                    start = out
            states = states >> 3 | state << 3
            x = u
            u = v
            v = x
            x = flip
            flip = other
            other = x
        position += 1
        if position == positions:
            break
        out = ptr8(int(out) - 1)
        out[0] = 200
        shift += 1
        if shift == 13:
            shift = 0
            u += 4
            v += 4
    x = int(start) - 1
    out = ptr8(int(words))
    while int(out) != x:  # nothing to do up to there
        out[0] = 201
        out = ptr8(int(out) + 1)
    out[0] = 202
