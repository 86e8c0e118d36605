"""The group of Ed25519 in plain ints: points, their 32-byte form, and multiples of them.

In: ints below 2**256 and 32-byte strings inside buffers. Out: points, which are tuples (X, Y, Z,
E, H) with x = X / Z, y = Y / Z and x * y = E * H / Z: the last product is only needed to add, so
`_add` does it, and doubling, which is most of the work, never does. Called by `ed25519` alone.

An addend is the form in which tables keep a point: (Y + X, Y - X, 2 * d * X * Y / Z, 2 * Z).
The formulas (Hisil, Wong, Carter, Dawson 2008) hold for all pairs of points: there are no
special cases to branch on.
"""

P = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFED  # the field's prime
L = 0x1000000000000000000000000000000014DEF9DEA2F79CD65812631A5CF5D3ED  # the base point's order
_D = 0x52036CEE2B6FFE738CC740797779E89800700A4D4141D8AB75EB4DCA135978A3  # -x2 + y2 = 1 + d x2 y2
_ROOT_OF_MINUS_1 = 0x2B8324804FC1DF0B2B4D00993DFBD7A72F431806AD2FE478C4EE1B274A0EA0B0
_Y_OF_ORDER_8 = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
_255_BITS = (1 << 255) - 1
_IDENTITY = (0, 1, 1, 0, 1)

# Addends for multiples of the base point B. Entry i of half v is 2**(32 * v) times
# (2**192 + s2 * 2**128 + s1 * 2**64 + s0) * B, where s is 1 for a set bit of i and else -1.
_COMB = (
    (
        (
            0x4BCE9446480868276483C2EEAA458B518B93D91CD39A48544BB0A2C82473383E,
            0x4005B7AEC464396DC6715425551E2BD26F40B13D5BB14DC1E3E2A813DB88D0AD,
            0x1C77BB7663A643DA614D357D2FBB2E98E0B4A9D0AF6D7625CC80E1825BEC791C,
            2,
        ),
        (
            0x43A8FDCF6FF38A66B9891F54962908756FC562735847ACBD16D2B559AE3E68E7,
            0x664F358F89BC80A75EBC65F0027344FBE7BCB593547B0A0DE9DED2759D7134B0,
            0x51B57C9C7CEF6C85E1438B6757D4C159114D92F13BE4A3F13DD439646715EBB4,
            2,
        ),
        (
            0x1D9D9C1E48CE26573EF484D90C15BCD25580FDA6C672865299143E05AC044781,
            0x135073907743D45C399789B3157378330B545F61C9862BD31F331B655A0DD5C9,
            0x0A56E7B14A5D055AD8376693F3828CEBFEFA63B99071D17A13E0862FF5AD1EAB,
            2,
        ),
        (
            0x7B2511F3FCE9148A093A94D404445BFD8BD87741C94488EEADCFCE6A255F8C9C,
            0x7C185A8865425F137852EC34C1385592E87E6E541ED87DCB124246F7BF235B3E,
            0x596404A0141857B5447C9ADDA165F0A5033339016B067C19974F818E9ED9AFEF,
            2,
        ),
        (
            0x6E688754F2D9C85C08261739ACCDE233B352278B9F0BAEC9F7891B1FD8BF0C8D,
            0x11AADDA447E059C078A349DF2FC0ACEE6154AEAD9782300482638F9184944A2D,
            0x42CCB2234B77ADBB8E96F8C3F56FCAA2BEF83C540DEFC3DAA36333D9F254CFB9,
            2,
        ),
        (
            0x5E44695748248C1ADEC4F49FE497C37482776EFE43759E42CCD2FD6877FDD933,
            0x43D2FEB3F8A8FB6E46E97C82D4291BD1450B91B09102063A63F880C42F9A71AB,
            0x154EFBEF9F1412BCFB37D31A5F00ED94702995D09D4BA70828BD167497091FFE,
            2,
        ),
        (
            0x27B7969D079BB32EE30D8D20BD10DDD50DACB426F2FD9129057B2EC8156053A2,
            0x6AE6A096FB9C8A8BEEDC839D0D2B648F67C0E0270B0E1F42087E74B0271A119D,
            0x70D13DBABD8F7B3CF2E3E83B1F8DDCAC72E18CDA8F518CD1A7243E5A908D8281,
            2,
        ),
        (
            0x09952A563BC8FFC25A2BA76F71F8C89A79DF5C7560811A8B137EEB6747FBB842,
            0x409B4ADCE5C6CF2FD4EBEB1B0664E3A596B5C6FA5F93C226A2A8CB4BDC7EF83C,
            0x69B968A704657D64FB22FAA25949FF2F89299305A5F505B444D53DB9834350C4,
            2,
        ),
    ),
    (
        (
            0x7AFD8BF360577B465F3E2C2660C2BBF8319F93B8BD3987F70B80B5944212A2E9,
            0x6B454B96576A4960921F91403CA22422F416407C03085E763BB73C0BB7C21720,
            0x35DE5C5D19538A2C824791E5C858A30CD6A8CA5FBBD4F4F7566116B9CA43E286,
            2,
        ),
        (
            0x427D63CB4E3317B5A0FF4AA219DB880E8CF117ED0698DD847C96C758EDBAFA5D,
            0x6F158F16FE5D539267D7D0697D5A1DE050D82EA7CE1F1F08A9B24BF606795B24,
            0x0D2AD11AB10E734B8EAE5B855DFA34ED68057C0AFC612DE9A3D1505C32A272CA,
            2,
        ),
        (
            0x171B767FDC013E33CCEA342290D6BE78107E05E1A07B20B3869E9351FF8CF4CD,
            0x68329FBAF27BDAEE43ACC5215447F2E1771779BF625545A48CA72A631D47ACD4,
            0x1A2858A1C0289E1B8971FC364697E883856F45FFFC17C1A17AA09EAD795BB18C,
            2,
        ),
        (
            0x3F49EF0F7787202FB81C004131BCB174D1D28DAAD482B67BAFED9F4CBB1DBE2F,
            0x1499A70FD7E7B8944A5E5D5F326335A555EE8CE7AEF184DA479BB61C27ECCFBA,
            0x15409AE571EE96D01A209B1618B1FEE79D6E09FECA08C37A10099AEDC7AE63C8,
            2,
        ),
        (
            0x6E567BDB7C35D0BB6B7037F905D9CDD6BA70BD10110839922CE35B5E4EAAA29C,
            0x29DB3EA3A9FD8C08DB9E844E5DE827E88C4430C7FFF7FCAE048B5082CDBF78B4,
            0x438CD771A7B9F3DFBB20F4922F461D068B762D2B4F8CB00B36FD5871A830954A,
            2,
        ),
        (
            0x65AF1FA2D969F7A379EDED8812B90FCB19BD453E05810F4A0AD01123C83457C9,
            0x3B0521DE4507113274E7E214E2F6B8305FC08058D05854CA150465AFF095345E,
            0x6FE1D685C1E4960ED3B6C90AA850BB04062D695149D4C0718422AD2E21A4D420,
            2,
        ),
        (
            0x03D25D273F5160ECBF297E0B3E8C549F1B9E05FAFAC0680C681419333279C1DC,
            0x6A762CA66AA06742F651DF8AF62D60B74F9462E08244F936DDEBD6A60C771F68,
            0x42FDA3C8F743EF8BAEB2F04B1BA440A27EE9026362F399A0B7D2174EC82322B7,
            2,
        ),
        (
            0x03D2A9B125C80DFF908063DB6F45B448F301BDDB39292B8F2E9B3E1C2C8CDC4A,
            0x2C63DF06ADB3D562A94247E46DBBBAEF6DDFB9ED18C4F6823ECADB0A72684FB0,
            0x066F5248F35C4364BD60C01E0056855130FAE1C25EB4E217FD788E43BA8DD8FC,
            2,
        ),
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
    out[at : at + 32] = (y * z % P | (x * z % P & 1) << 255).to_bytes(32, "little")


def decompress(buf, at: int):
    """The point whose 32 bytes are buf[at:at + 32]; None if y is above P or not on the curve."""
    y = int.from_bytes(buf[at : at + 32], "little")
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
    y = (int.from_bytes(buf[at : at + 32], "little") & _255_BITS) % P
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
    for i in range(253, -1, -1):
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
    """254 digits d of weight 2**i: 0, or odd from -7 to 7 (kept as d & 15); 4 of 5 are 0."""
    digits = bytearray(254)  # k is below L, so below 2**253, and its last digit may carry
    i = 0
    while k:
        if k & 1:
            digit = k & 15
            digits[i] = digit
            k -= digit if digit < 8 else digit - 16
        k >>= 1
        i += 1
    return digits
