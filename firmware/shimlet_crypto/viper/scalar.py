"""Numbers mod L, the order of the base point, and what multiplying points wants of them, in viper.

In and out: limbs of 13 bits in 32-bit words inside `words`, at word offsets, and bytes in buffers.
Called by `ed25519` and `curve`. `load`, `multiply_add`, `reduce`, `comb_bits`, `freeze`, `store`
take the same steps for all numbers: they see secrets. The others are for public numbers only.
"""

import micropython


@micropython.viper
def load(buf: ptr8, at: int, length: int, words: ptr32, d: int, limbs: int):
    """`length` bytes from buf[at], lowest first, become `limbs` limbs."""
    k = 0
    while k < limbs:
        bit = k * 13
        i = bit >> 3
        bit = bit & 7
        limb = 0
        if i < length:
            limb = int(buf[at + i])
        if i + 1 < length:
            limb = limb | (int(buf[at + i + 1]) << 8)
        if i + 2 < length:
            limb = limb | (int(buf[at + i + 2]) << 16)
        words[d + k] = (limb >> bit) & 8191
        k += 1


@micropython.viper
def store(words: ptr32, a: int, out: ptr8, at: int):
    """20 limbs, carried and not negative, become 32 bytes; what is above is left out."""
    end = at + 32
    ready = 0
    bits = 0
    while at < end:
        if bits < 8:
            ready = ready | (int(words[a]) << bits)
            a += 1
            bits += 13
        out[at] = ready
        ready = ready >> 8
        bits -= 8
        at += 1


@micropython.viper
def multiply_add(x: int, k: int, words: ptr32, d: int, a: int, b: int, c: int):
    """40 limbs at d = a * b + c, not carried. x and k are any numbers: they will be registers."""
    k = 0
    while k < 40:
        words[d + k] = 0
        k += 1
    k = 0
    while k < 20:
        words[d + k] = int(words[d + k]) + int(words[c + k])
        x = int(words[a + k])
        f = ptr32(int(words) + (b << 2))
        w = ptr32(int(words) + ((d + k) << 2))
        i = 0
        while i < 4:
            w[0] = f[0] * x + w[0]
            w[1] = f[1] * x + w[1]
            w[2] = f[2] * x + w[2]
            w[3] = f[3] * x + w[3]
            w[4] = f[4] * x + w[4]
            f = ptr32(int(f) + 20)
            w = ptr32(int(w) + 20)
            i += 1
        k += 1


@micropython.viper
def reduce(x: int, k: int, words: ptr32, d: int, constants: ptr32):
    """40 limbs at d, up to 2**520, become 20 that are below L.

    `constants`: the limbs of L (20), of (L - 2**252) * 2**8 (11) and of L - 2**252 (10).
    x and k: as for `multiply_add`.
    """
    top = 39
    while top:
        k = d
        carry = 0
        while k < d + top:
            carry += int(words[k])
            words[k] = carry & 8191
            carry = carry >> 13
            k += 1
        words[k] = int(words[k]) + carry
        k = 20
        while k <= top:  # 2**260 = -(L - 2**252) * 2**8
            x = 0 - int(words[d + k])
            words[d + k] = 0
            w = ptr32(int(words) + ((d + k - 20) << 2))
            w[0] = constants[20] * x + w[0]
            w[1] = constants[21] * x + w[1]
            w[2] = constants[22] * x + w[2]
            w[3] = constants[23] * x + w[3]
            w[4] = constants[24] * x + w[4]
            w[5] = constants[25] * x + w[5]
            w[6] = constants[26] * x + w[6]
            w[7] = constants[27] * x + w[7]
            w[8] = constants[28] * x + w[8]
            w[9] = constants[29] * x + w[9]
            w[10] = constants[30] * x + w[10]
            k += 1
        if top == 39:
            top = 30
        elif top == 30:
            top = 20
        else:
            top = 0


@micropython.viper
def finish(words: ptr32, d: int, constants: ptr32):
    """The last step of reducing: from a little more than 2**260, or less than 0, to below L."""
    carry = 0
    k = 0
    while k < 19:
        carry += int(words[d + k])
        words[d + k] = carry & 8191
        carry = carry >> 13
        k += 1
    carry += int(words[d + 19])
    words[d + 19] = carry & 31
    x = 0 - (carry >> 5)
    k = 0
    while k < 10:
        words[d + k] = int(constants[31 + k]) * x + int(words[d + k])
        k += 1
    x = -1
    i = 0
    while i < 3:  # minus L; plus L if that is below 0, twice
        carry = 0
        k = 0
        while k < 20:
            y = int(constants[k])
            y = y & x if i else 0 - y
            carry += int(words[d + k]) + y
            words[d + k] = carry & 8191
            carry = carry >> 13
            k += 1
        words[d + 19] = int(words[d + 19]) + (carry << 13)
        x = carry >> 31
        i += 1


@micropython.viper
def comb_bits(words: ptr32, a: int, constants: ptr32, d: int):
    """20 limbs at d: bit i is set where number a, or a + L, is the sum of +2**i, not -2**i.

    The sum goes from 2**0 to 2**254, so it is odd: an even a needs L added.
    """
    mask = (int(words[a]) & 1) - 1
    carry = 0
    k = 0
    while k < 20:
        carry += int(words[a + k]) + (int(constants[k]) & mask)
        words[d + k] = carry & 8191
        carry = carry >> 13
        k += 1
    k = 0
    while k < 19:
        words[d + k] = (int(words[d + k]) >> 1) | ((int(words[d + k + 1]) & 1) << 12)
        k += 1
    words[d + 19] = (int(words[d + 19]) >> 1) | 128


@micropython.viper
def freeze(words: ptr32, d: int) -> int:
    """A field element becomes the one in 0 to P - 1, its limbs carried and not negative.

    The answer is 0 only for zero.
    """
    i = 0
    top = 0
    while i < 3:
        x = top
        k = 0
        while k < 19:
            x += int(words[d + k])
            words[d + k] = x & 8191
            x = x >> 13
            k += 1
        x += int(words[d + 19])
        words[d + 19] = x & 255
        top = (x >> 8) * 19
        i += 1
    x = 19  # now below 2**255; from P on, adding 19 sets bit 255
    k = 0
    while k < 19:
        x = (x + int(words[d + k])) >> 13
        k += 1
    x = ((x + int(words[d + 19])) >> 8) * 19
    k = 0
    union = 0
    while k < 19:
        x += int(words[d + k])
        words[d + k] = x & 8191
        union = union | (x & 8191)
        x = x >> 13
        k += 1
    x = (x + int(words[d + 19])) & 255
    words[d + 19] = x
    return union | x


@micropython.viper
def is_below(buf: ptr8, at: int, mask: int, limit: ptr8) -> int:
    """1 if the 32 bytes, lowest first and the last one masked, are a smaller number; else 0."""
    i = 31
    while i >= 0:
        x = int(buf[at + i]) & mask
        y = int(limit[i])
        if x != y:
            return int(x < y)
        mask = 255
        i -= 1
    return 0


@micropython.viper
def row_of(buf: ptr8, at: int, mask: int, table: ptr8, rows: int) -> int:
    """Which row of the table these 32 bytes are, the last one of them masked; else -1."""
    while rows:
        rows -= 1
        i = 31
        x = (int(buf[at + 31]) & mask) ^ int(table[rows * 32 + 31])
        while i and x == 0:
            i -= 1
            x = int(buf[at + i]) ^ int(table[rows * 32 + i])
        if x == 0:
            return rows
    return -1


@micropython.viper
def halve(  # noqa: C901
    carry: int, q: int, words: ptr32, h: int, r: int, t: int, constants: ptr32
) -> int:
    """Find u and odd v, about 128 bits long, with u = v * h or u = -v * h mod 8 * L.

    h is below L. r and t are 40 limbs each. The answer has bit 0 set if u = -v * h, and bit 1
    tells where they are: u in the first or second 20 limbs at r, v likewise at t.

    This is Euclid's algorithm, ended half-way: each remainder is a multiple t of h mod 8 * L, the
    signs of those alternate. One in three t is even; then one step more is made. For carry and q
    see `multiply_add`.
    """
    k = 0
    carry = 0
    while k < 20:
        carry += int(constants[k]) << 3
        words[r + k] = carry & 8191
        carry = carry >> 13
        words[r + 20 + k] = words[h + k]
        words[t + k] = 0
        words[t + 20 + k] = 0
        k += 1
    words[t + 20] = 1
    old = 0
    top = 19
    new = 20
    low = 19
    odd = 0
    while True:
        while low and words[r + new + low] == 0:
            low -= 1
        if (low < 9 or (low == 9 and int(words[r + new + 9]) < 2048)) and int(words[t + new]) & 1:
            if new:
                odd = odd | 2
            return odd
        # words[r + old] is more than words[r + new] here: subtract that as often as possible
        while True:
            while top and words[r + old + top] == 0:
                top -= 1
            shift = top - low
            if shift < 0:
                break
            x = int(words[r + old + top])
            y = int(words[r + new + low])
            if top:
                x = (x << 13) | int(words[r + old + top - 1])
            if shift:
                shift -= 1
            elif low:
                y = (y << 13) | int(words[r + new + low - 1])
            q = x
            if top:
                q = x // (y + 1)
            elif y:
                q = x // y
            if q > 8191:
                q = 8191
            if q == 0:
                k = low
                while k and words[r + old + k] == words[r + new + k]:
                    k -= 1
                if int(words[r + old + k]) < int(words[r + new + k]):
                    break
                q = 1
            k = r
            end = low + 1
            q = 0 - q
            while True:  # r[old] -= q * r[new], and then t[old] += q * t[new]
                a = ptr32(int(words) + ((k + old + shift) << 2))
                b = ptr32(int(words) + ((k + new) << 2))
                carry = 0
                while end:
                    carry = b[0] * q + a[0] + carry
                    a[0] = carry & 8191
                    carry = carry >> 13
                    a = ptr32(int(a) + 4)
                    b = ptr32(int(b) + 4)
                    end -= 1
                while carry:
                    carry = a[0] + carry
                    a[0] = carry & 8191
                    carry = carry >> 13
                    a = ptr32(int(a) + 4)
                if k == t:
                    break
                k = t
                end = 20 - low - shift  # t is below 2**256 / r
                q = 0 - q
        k = old
        old = new
        new = k
        k = top
        top = low
        low = k
        odd = odd ^ 1


@micropython.viper
def recode(words: ptr32, u: int, change: int, args: ptr8, at: int):
    """For each bit position of the 20 limbs at u: 255, or which odd multiple to add there.

    The digits are 0, or odd from -7 to 7; four fifths are 0. An argument is as for operation 6 of
    `field`: the number of the table entry (1, 3, 5 or 7 times the point) twice, plus 1 to
    subtract; bits of `change` are turned over in it. There are 264 positions.
    """
    end = at + 264
    limb = 0
    shift = 0
    carry = 0
    wait = 0
    last = 19
    while last and words[u + last] == 0:
        last -= 1
    while at < end:
        arg = 255
        if wait:
            wait -= 1
        elif limb <= last or carry:
            x = 0
            if limb < 20:
                x = int(words[u + limb]) >> shift
            if limb < 19:
                x = x | (int(words[u + limb + 1]) << (13 - shift))
            x = (x & 15) + carry
            if x & 1:
                carry = x >> 3
                wait = 3
                arg = x - 1
                if carry:
                    arg = 16 - x
                arg = arg ^ change
        args[at] = arg
        at += 1
        shift += 1
        if shift == 13:
            shift = 0
            limb += 1


@micropython.viper
def comb_arguments(bits: ptr8, args: ptr8, at: int):
    """For each of the 51 columns: the entry of the comb twice, plus 1 to subtract."""
    column = 0
    while column < 51:
        x = 0
        k = column
        i = 0
        while i < 5:
            x = x | (((int(bits[k >> 3]) >> (k & 7)) & 1) << i)
            k += 51
            i += 1
        k = 0
        if x < 16:
            x = x ^ 15
            k = 1
        x = x & 15
        if column >= 17:
            x += 16
        if column >= 34:
            x += 16
        args[at + column] = x << 1 | k
        column += 1
