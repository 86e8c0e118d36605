"""The group of Ed25519 in plain ints: points, their 32-byte form, and multiples of them.

In: ints below 2**256 and 32-byte strings inside buffers. Out: points, which are tuples (X, Y, Z,
E, H) with x = X / Z, y = Y / Z and x * y = E * H / Z: the last product is only needed to add, so
`_add` does it, and doubling, which is most of the work, never does. Called by `ed25519` alone.

An addend is a tuple (y + x, y - x, 2 * d * x * y, 2), all but the 2 over the same Z; only these are kept in tables.
The formulas (Hisil, Wong, Carter, Dawson 2008) hold for all pairs of points: there are no
special cases to branch on.
"""

P = 0x7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed  # the field's prime
L = 0x1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed  # the base point's order
_D = 0x52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3  # of -x2 + y2 = 1 + d x2 y2
_ROOT_OF_MINUS_1 = 0x2b8324804fc1df0b2b4d00993dfbd7a72f431806ad2fe478c4ee1b274a0ea0b0
_Y_OF_ORDER_8 = 0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826
_255_BITS = (1 << 255) - 1
_IDENTITY = (0, 1, 1, 0, 1)

# Addends for multiples of the base point B. Entry i of half v is 2**(32 * v) times
# (2**192 + s2 * 2**128 + s1 * 2**64 + s0) * B, where s is 1 for a set bit of i and else -1.
_COMB = (
    (
        (0x4bce9446480868276483c2eeaa458b518b93d91cd39a48544bb0a2c82473383e,
         0x4005b7aec464396dc6715425551e2bd26f40b13d5bb14dc1e3e2a813db88d0ad,
         0x1c77bb7663a643da614d357d2fbb2e98e0b4a9d0af6d7625cc80e1825bec791c, 2),
        (0x43a8fdcf6ff38a66b9891f54962908756fc562735847acbd16d2b559ae3e68e7,
         0x664f358f89bc80a75ebc65f0027344fbe7bcb593547b0a0de9ded2759d7134b0,
         0x51b57c9c7cef6c85e1438b6757d4c159114d92f13be4a3f13dd439646715ebb4, 2),
        (0x1d9d9c1e48ce26573ef484d90c15bcd25580fda6c672865299143e05ac044781,
         0x135073907743d45c399789b3157378330b545f61c9862bd31f331b655a0dd5c9,
         0x0a56e7b14a5d055ad8376693f3828cebfefa63b99071d17a13e0862ff5ad1eab, 2),
        (0x7b2511f3fce9148a093a94d404445bfd8bd87741c94488eeadcfce6a255f8c9c,
         0x7c185a8865425f137852ec34c1385592e87e6e541ed87dcb124246f7bf235b3e,
         0x596404a0141857b5447c9adda165f0a5033339016b067c19974f818e9ed9afef, 2),
        (0x6e688754f2d9c85c08261739accde233b352278b9f0baec9f7891b1fd8bf0c8d,
         0x11aadda447e059c078a349df2fc0acee6154aead9782300482638f9184944a2d,
         0x42ccb2234b77adbb8e96f8c3f56fcaa2bef83c540defc3daa36333d9f254cfb9, 2),
        (0x5e44695748248c1adec4f49fe497c37482776efe43759e42ccd2fd6877fdd933,
         0x43d2feb3f8a8fb6e46e97c82d4291bd1450b91b09102063a63f880c42f9a71ab,
         0x154efbef9f1412bcfb37d31a5f00ed94702995d09d4ba70828bd167497091ffe, 2),
        (0x27b7969d079bb32ee30d8d20bd10ddd50dacb426f2fd9129057b2ec8156053a2,
         0x6ae6a096fb9c8a8beedc839d0d2b648f67c0e0270b0e1f42087e74b0271a119d,
         0x70d13dbabd8f7b3cf2e3e83b1f8ddcac72e18cda8f518cd1a7243e5a908d8281, 2),
        (0x09952a563bc8ffc25a2ba76f71f8c89a79df5c7560811a8b137eeb6747fbb842,
         0x409b4adce5c6cf2fd4ebeb1b0664e3a596b5c6fa5f93c226a2a8cb4bdc7ef83c,
         0x69b968a704657d64fb22faa25949ff2f89299305a5f505b444d53db9834350c4, 2),
    ),
    (
        (0x7afd8bf360577b465f3e2c2660c2bbf8319f93b8bd3987f70b80b5944212a2e9,
         0x6b454b96576a4960921f91403ca22422f416407c03085e763bb73c0bb7c21720,
         0x35de5c5d19538a2c824791e5c858a30cd6a8ca5fbbd4f4f7566116b9ca43e286, 2),
        (0x427d63cb4e3317b5a0ff4aa219db880e8cf117ed0698dd847c96c758edbafa5d,
         0x6f158f16fe5d539267d7d0697d5a1de050d82ea7ce1f1f08a9b24bf606795b24,
         0x0d2ad11ab10e734b8eae5b855dfa34ed68057c0afc612de9a3d1505c32a272ca, 2),
        (0x171b767fdc013e33ccea342290d6be78107e05e1a07b20b3869e9351ff8cf4cd,
         0x68329fbaf27bdaee43acc5215447f2e1771779bf625545a48ca72a631d47acd4,
         0x1a2858a1c0289e1b8971fc364697e883856f45fffc17c1a17aa09ead795bb18c, 2),
        (0x3f49ef0f7787202fb81c004131bcb174d1d28daad482b67bafed9f4cbb1dbe2f,
         0x1499a70fd7e7b8944a5e5d5f326335a555ee8ce7aef184da479bb61c27eccfba,
         0x15409ae571ee96d01a209b1618b1fee79d6e09feca08c37a10099aedc7ae63c8, 2),
        (0x6e567bdb7c35d0bb6b7037f905d9cdd6ba70bd10110839922ce35b5e4eaaa29c,
         0x29db3ea3a9fd8c08db9e844e5de827e88c4430c7fff7fcae048b5082cdbf78b4,
         0x438cd771a7b9f3dfbb20f4922f461d068b762d2b4f8cb00b36fd5871a830954a, 2),
        (0x65af1fa2d969f7a379eded8812b90fcb19bd453e05810f4a0ad01123c83457c9,
         0x3b0521de4507113274e7e214e2f6b8305fc08058d05854ca150465aff095345e,
         0x6fe1d685c1e4960ed3b6c90aa850bb04062d695149d4c0718422ad2e21a4d420, 2),
        (0x03d25d273f5160ecbf297e0b3e8c549f1b9e05fafac0680c681419333279c1dc,
         0x6a762ca66aa06742f651df8af62d60b74f9462e08244f936ddebd6a60c771f68,
         0x42fda3c8f743ef8baeb2f04b1ba440a27ee9026362f399a0b7d2174ec82322b7, 2),
        (0x03d2a9b125c80dff908063db6f45b448f301bddb39292b8f2e9b3e1c2c8cdc4a,
         0x2c63df06adb3d562a94247e46dbbbaef6ddfb9ed18c4f6823ecadb0a72684fb0,
         0x066f5248f35c4364bd60c01e0056855130fae1c25eb4e217fd788e43ba8dd8fc, 2),
    ),
)


def double(p: tuple) -> tuple:
    """p + p."""
    x, y, z, _, _ = p
    xx = x * x
    yy = y * y
    e = 2 * x * y % P
    g = (yy - xx) % P
    h = (-xx - yy) % P
    f = (g - 2 * z * z) % P
    return e * f % P, g * h % P, f * g % P, e, h


def _add(p: tuple, q: tuple) -> tuple:
    """Point p plus addend q."""
    x, y, z, e, h = p
    plus, minus, product, z2 = q
    a = (y - x) * minus % P
    b = (y + x) * plus % P
    c = e * h % P * product % P
    d = z * z2 % P
    e = b - a
    f = d - c
    g = d + c
    h = b + a
    return e * f % P, g * h % P, f * g % P, e, h


def _addend(p: tuple) -> tuple:
    """Point p as an addend."""
    x, y, z, e, h = p
    return y + x, y - x, 2 * _D * (e * h % P) % P, 2 * z


def _negative(q: tuple) -> tuple:
    """The addend of the opposite point."""
    return q[1], q[0], -q[2], q[3]


def _power_p58(x: int) -> tuple:
    """x ** (2**252 - 3) and x ** 11: what roots and inverses have in common."""
    x2 = x * x % P
    x9 = _squared(x2, 2) * x % P
    x11 = x9 * x2 % P
    a = x11 * x11 % P * x9 % P  # x ** (2**5 - 1); below, the exponents are given likewise
    b = _squared(a, 5) * a % P  # 10
    c = _squared(b, 10) * b % P  # 20
    d = _squared(c, 20) * c % P  # 40
    d = _squared(d, 10) * b % P  # 50
    e = _squared(d, 50) * d % P  # 100
    e = _squared(e, 100) * e % P  # 200
    e = _squared(e, 50) * d % P  # 250
    return _squared(e, 2) * x % P, x11


def _squared(x: int, times: int) -> int:
    """x ** (2 ** times)."""
    for _ in range(times):
        x = x * x % P
    return x


def _inverse(x: int) -> int:
    """1 / x, by Fermat: the same steps for every x."""
    power, _ = _power_p58(x)
    return _squared(power, 3) * (x * x % P * x % P) % P


def compress_into(p: tuple, out, at: int) -> None:
    """Write the 32 bytes of a point to out[at:at + 32]: y, and the lowest bit of x on top."""
    x, y, z, _, _ = p
    z = _inverse(z)
    out[at:at + 32] = (y * z % P | (x * z % P & 1) << 255).to_bytes(32, "little")


def decompress(buf, at: int):
    """The point whose 32 bytes are buf[at:at + 32]; None if y is not reduced or not on the curve."""
    y = int.from_bytes(buf[at:at + 32], "little")
    sign = y >> 255
    y &= _255_BITS
    if y >= P:
        return None
    x = _x_of(y)
    if x < 0 or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x, y


def _x_of(y: int) -> int:
    """One of the two x that belong to y, or -1: the square root of (y2 - 1) / (d y2 + 1)."""
    yy = y * y % P
    u = yy - 1
    v = (_D * yy + 1) % P
    v3 = v * v % P * v % P
    power, _ = _power_p58(u * v3 % P * v3 % P * v % P)
    x = u * v3 % P * power % P
    remainder = v * x % P * x % P
    if (remainder - u) % P == 0:
        return x
    if (remainder + u) % P == 0:
        return x * _ROOT_OF_MINUS_1 % P
    return -1


def has_small_order(buf, at: int) -> bool:
    """Whether the 32 bytes stand for one of the 8 points of order 1, 2, 4, 8 (y alone tells)."""
    y = (int.from_bytes(buf[at:at + 32], "little") & _255_BITS) % P
    return min(y, P - y) in (0, 1, _Y_OF_ORDER_8)


def base_multiple(k: int) -> tuple:
    """k * B, 0 <= k < L; the same operations in the same order for every k."""
    comb = _comb_of(k)
    p = _IDENTITY
    for column in range(31, -1, -1):
        p = _add_column(double(p), comb, column)
    return p


def _comb_of(k: int) -> bytes:
    """k as 256 signs: the sum of +-2**i, plus where bit i of the result is set."""
    k += L * (k & 1 ^ 1)  # only odd numbers are such a sum, and L * B is nothing
    return ((k + (1 << 256) - 1) >> 1).to_bytes(32, "little")


def _add_column(p: tuple, comb: bytes, column: int) -> tuple:
    """Add what the signs at `column` + 32 * (0 to 7) stand for: one addend a table half."""
    byte = column >> 3
    bit = column & 7
    for half in (0, 1):
        s0 = comb[byte] >> bit & 1
        s1 = comb[byte + 8] >> bit & 1
        s2 = comb[byte + 16] >> bit & 1
        plus = comb[byte + 24] >> bit & 1
        flip = plus ^ 1
        q = _COMB[half][(s0 | s1 << 1 | s2 << 2) ^ 7 * flip]
        p = _add(p, (q[flip], q[plus], q[2] * (plus - flip), 2))
        byte += 4
    return p


def minus_multiple_plus_base(h: int, a: tuple, s: int) -> tuple:
    """s * B - h * a, in variable time: for public numbers only."""
    comb = _comb_of(s)
    digits = _signed_digits(h)
    table = _odd_multiples(a)
    p = _IDENTITY
    for i in range(255, -1, -1):
        p = double(p)
        digit = digits[i]
        if digit > 8:
            p = _add(p, table[15 - digit >> 1])
        elif digit:
            p = _add(p, _negative(table[digit >> 1]))
        if i < 32:
            p = _add_column(p, comb, i)
    return p


def _odd_multiples(a: tuple) -> tuple:
    """The addends of a, 3a, 5a, 7a."""
    one = _addend(a)
    two = double(a)
    three = _add(two, one)
    five = _add(two, _addend(three))
    return one, _addend(three), _addend(five), _addend(_add(two, _addend(five)))


def _signed_digits(k: int) -> bytearray:
    """256 digits d of weight 2**i: 0, or odd from -7 to 7 (kept as d & 15); few are not 0."""
    digits = bytearray(256)
    i = 0
    while k:
        if k & 1:
            digit = k & 15
            digits[i] = digit
            k -= digit if digit < 8 else digit - 16
        k >>= 1
        i += 1
    return digits
