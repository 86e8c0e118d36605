"""The group of Ed25519: which programs of field operations make sums, multiples, 32-byte forms.

In: numbers as limbs and bytes in the memory that `sha512` tells of. Out: the point, in registers,
and its 32 bytes. Called by `ed25519` alone.

A point is (x, y, z, e, h) with x / z and y / z its coordinates and their product e * h / z: the
last product is only needed to add, so adding does it, and doubling never does. An addend is the
form that tables keep: y + x, y - x, 2 * d * x * y, 2 (times z); halves of those where z is 1. The
formulas (Hisil, Wong, Carter, Dawson 2008) hold for all pairs of points: no special cases.

Registers are 80 bytes each, numbered from 6 on: x, y, z, e, h, t0 to t3, q0 to q3. Four more are
what multiplying needs; 23 is 1 and 24 is d of the curve. At 25 the table begins: eight addends.
"""

from micropython import const

from .comb import COMB
from .field import run
from .scalar import assemble, freeze, load, store
from .sha512 import WORK, aligned

# The bytes of scripts (see `field`) and the programs that they start: 00 to 3f ADD_BASE by secret
# bits, 40 to 7f by public ones, 80 to bf ADD, c0 to c7 KEEP, c8 DOUBLE, c9 nothing, ca ORIGIN,
# cb WHOLE, cc TO_INVERT, cd POWER, ce AFFINE, cf RATIO, d0 ROOT, d1 OTHER, d2 COMPARE, d3 CHECK,
# d4 NEGATE. `scalar.assemble` writes such bytes, too.
_PROGRAMS = (
    # where they start: ADD_BASE twice, ADD, KEEP eight times, the rest in the order above
    b"\x24\x24\x14\x34\x34\x34\x34\x34\x34\x34\x34\x07\x83\x3c"
    b"\x42\x49\x4b\x60\x65\x70\x78\x7a\x7c\x81\x00\x00\x00\x00"
    # DOUBLE: point doubled (units: e 3, h and t1 2, t3 1 once carried)
    b"\x03\x0d\x06\x07"  # t2 = x + y
    b"\x02\x0b\x06\x01"  # t0 = x ^ 1
    b"\x02\x0c\x07\x01"  # t1 = y ^ 1
    b"\x02\x0d\x0d\x01"  # t2 = t2 ^ 1
    b"\x02\x0e\x08\x01"  # t3 = z ^ 1
    b"\x03\x0a\x0b\x0c"  # h = t0 + t1
    b"\x04\x09\x0a\x0d"  # e = h - t2
    b"\x04\x0c\x0b\x0c"  # t1 = t0 - t1
    b"\x05\x0e\x0e\x0c"  # carry t3 = 2 t3 + t1
    b"\x01\x06\x09\x0e"  # x = e * t3
    b"\x01\x07\x0a\x0c"  # y = h * t1
    b"\x01\x08\x0e\x0c"  # z = t3 * t1
    b"\x00\x00\x00\x00"  # end
    # ADD: point plus entry `argument` of the table (units: e, h, t1, t2: 2)
    b"\x06\x0f\x19\x00"  # q from table
    b"\x01\x0b\x09\x0a"  # t0 = e * h
    b"\x01\x0b\x0b\x11"  # t0 = t0 * q2
    b"\x04\x0c\x07\x06"  # t1 = y - x
    b"\x01\x0c\x0c\x10"  # t1 = t1 * q1
    b"\x03\x0d\x07\x06"  # t2 = y + x
    b"\x01\x0d\x0d\x0f"  # t2 = t2 * q0
    b"\x01\x0e\x08\x12"  # t3 = z * q3
    b"\x04\x09\x0d\x0c"  # e = t2 - t1
    b"\x03\x0a\x0d\x0c"  # h = t2 + t1
    b"\x04\x0c\x0e\x0b"  # t1 = t3 - t0
    b"\x03\x0d\x0e\x0b"  # t2 = t3 + t0
    b"\x01\x06\x09\x0c"  # x = e * t1
    b"\x01\x07\x0a\x0d"  # y = h * t2
    b"\x01\x08\x0c\x0d"  # z = t1 * t2
    b"\x00\x00\x00\x00"  # end
    # ADD_BASE: point plus what the bits from `argument` on name (units: q 2, then as above)
    b"\x08\x0b\x00\x00"  # find; a secret one in t0, t1
    b"\x09\x0f\x00\x00"  # q unpacked
    b"\x01\x0b\x09\x0a"  # t0 = e * h
    b"\x01\x0b\x0b\x11"  # t0 = t0 * q2
    b"\x04\x0c\x07\x06"  # t1 = y - x
    b"\x01\x0c\x0c\x10"  # t1 = t1 * q1
    b"\x03\x0d\x07\x06"  # t2 = y + x
    b"\x01\x0d\x0d\x0f"  # t2 = t2 * q0
    b"\x04\x09\x0d\x0c"  # e = t2 - t1
    b"\x03\x0a\x0d\x0c"  # h = t2 + t1
    b"\x04\x0c\x08\x0b"  # t1 = z - t0
    b"\x03\x0d\x08\x0b"  # t2 = z + t0
    b"\x01\x06\x09\x0c"  # x = e * t1
    b"\x01\x07\x0a\x0d"  # y = h * t2
    b"\x01\x08\x0c\x0d"  # z = t1 * t2
    b"\x00\x00\x00\x00"  # end
    # KEEP: point to entry `argument` of the table (units: q0 to q3: 2)
    b"\x01\x0b\x09\x0a"  # t0 = e * h
    b"\x03\x0f\x07\x06"  # q0 = y + x
    b"\x04\x10\x07\x06"  # q1 = y - x
    b"\x01\x0b\x0b\x18"  # t0 = t0 * d
    b"\x03\x11\x0b\x0b"  # q2 = t0 + t0
    b"\x03\x12\x08\x08"  # q3 = z + z
    b"\x07\x19\x0f\x00"  # table from q
    b"\x00\x00\x00\x00"  # end
    # ORIGIN: point = the neutral one
    b"\x04\x06\x17\x17"  # x = one - one
    b"\x03\x07\x06\x17"  # y = x + one
    b"\x03\x08\x06\x17"  # z = x + one
    b"\x03\x09\x06\x06"  # e = x + x
    b"\x03\x0a\x06\x17"  # h = x + one
    b"\x00\x00\x00\x00"  # end
    # WHOLE: point from its x and y alone
    b"\x04\x0b\x17\x17"  # t0 = one - one
    b"\x05\x06\x0b\x06"  # x = 2 * t0 + x, carried
    b"\x05\x07\x0b\x07"  # y = 2 * t0 + y, carried
    b"\x03\x08\x17\x0b"  # z = one + t0
    b"\x03\x09\x06\x0b"  # e = x + t0
    b"\x03\x0a\x07\x0b"  # h = y + t0
    b"\x00\x00\x00\x00"  # end
    # TO_INVERT: begin to invert z
    b"\x01\x0b\x08\x17"  # t0 = z * one
    b"\x00\x00\x00\x00"  # end
    # POWER: t2 = t0 ** (2 ** 250 - 1), t1 = t0 ** 11
    b"\x02\x0c\x0b\x01"  # t1 = t0 ^ 1
    b"\x02\x0d\x0c\x02"  # t2 = t1 ^ 2
    b"\x01\x0d\x0d\x0b"  # t2 = t2 * t0
    b"\x01\x0c\x0c\x0d"  # t1 = t1 * t2
    b"\x02\x0e\x0c\x01"  # t3 = t1 ^ 1
    b"\x01\x0d\x0e\x0d"  # t2 = t3 * t2
    b"\x02\x0e\x0d\x05"  # t3 = t2 ^ 5
    b"\x01\x0d\x0e\x0d"  # t2 = t3 * t2
    b"\x02\x0e\x0d\x0a"  # t3 = t2 ^ 10
    b"\x01\x0e\x0e\x0d"  # t3 = t3 * t2
    b"\x02\x0f\x0e\x14"  # q0 = t3 ^ 20
    b"\x01\x0e\x0f\x0e"  # t3 = q0 * t3
    b"\x02\x0e\x0e\x0a"  # t3 = t3 ^ 10
    b"\x01\x0d\x0e\x0d"  # t2 = t3 * t2
    b"\x02\x0e\x0d\x32"  # t3 = t2 ^ 50
    b"\x01\x0e\x0e\x0d"  # t3 = t3 * t2
    b"\x02\x0f\x0e\x64"  # q0 = t3 ^ 100
    b"\x01\x0e\x0f\x0e"  # t3 = q0 * t3
    b"\x02\x0e\x0e\x32"  # t3 = t3 ^ 50
    b"\x01\x0d\x0e\x0d"  # t2 = t3 * t2
    b"\x00\x00\x00\x00"  # end
    # AFFINE: x and y divided by z, after TO_INVERT and POWER
    b"\x02\x0d\x0d\x05"  # t2 = t2 ^ 5
    b"\x01\x0d\x0d\x0c"  # t2 = t2 * t1
    b"\x01\x06\x06\x0d"  # x = x * t2
    b"\x01\x07\x07\x0d"  # y = y * t2
    b"\x00\x00\x00\x00"  # end
    # RATIO: begin to find x: e / h is its square
    b"\x02\x09\x07\x01"  # e = y ^ 1
    b"\x01\x0a\x09\x18"  # h = e * d
    b"\x03\x0a\x0a\x17"  # h = h + one
    b"\x04\x09\x09\x17"  # e = e - one
    b"\x02\x10\x0a\x01"  # q1 = h ^ 1
    b"\x01\x10\x10\x0a"  # q1 = q1 * h
    b"\x02\x11\x10\x01"  # q2 = q1 ^ 1
    b"\x01\x11\x11\x0a"  # q2 = q2 * h
    b"\x01\x0b\x09\x11"  # t0 = e * q2
    b"\x01\x12\x09\x10"  # q3 = e * q1
    b"\x00\x00\x00\x00"  # end
    # ROOT: x, right if t1 is 0, after RATIO and POWER; t2: see OTHER
    b"\x02\x0d\x0d\x02"  # t2 = t2 ^ 2
    b"\x01\x0d\x0d\x0b"  # t2 = t2 * t0
    b"\x01\x06\x12\x0d"  # x = q3 * t2
    b"\x02\x0c\x06\x01"  # t1 = x ^ 1
    b"\x01\x0c\x0c\x0a"  # t1 = t1 * h
    b"\x03\x0d\x0c\x09"  # t2 = t1 + e
    b"\x04\x0c\x0c\x09"  # t1 = t1 - e
    b"\x00\x00\x00\x00"  # end
    # OTHER: x, if t2 was 0: times the root of -1, in t0
    b"\x01\x06\x06\x0b"  # x = x * t0
    b"\x00\x00\x00\x00"  # end
    # COMPARE: h = y - z
    b"\x04\x0a\x07\x08"  # h = y - z
    b"\x00\x00\x00\x00"  # end
    # CHECK: x and y, 0 where all is right; the root of -1 in t0
    b"\x02\x06\x0b\x01"  # x = t0 ^ 1
    b"\x03\x06\x06\x17"  # x = x + one
    b"\x01\x07\x0b\x0b"  # y = t0 * t0
    b"\x03\x07\x07\x17"  # y = y + one
    b"\x00\x00\x00\x00"  # end
    # NEGATE: x = -x
    b"\x04\x0b\x17\x17"  # t0 = one - one
    b"\x04\x06\x0b\x06"  # x = t0 - x
    b"\x00\x00\x00\x00"  # end
)
# d of the curve, and a square root of -1.
_D = (
    b"\xa3\x78\x59\x13\xca\x4d\xeb\x75\xab\xd8\x41\x41\x4d\x0a\x70\x00"
    b"\x98\xe8\x79\x77\x79\x40\xc7\x8c\x73\xfe\x6f\x2b\xee\x6c\x03\x52"
)
_ROOT_OF_MINUS_1 = (
    b"\xb0\xa0\x0e\x4a\x27\x1b\xee\xc4\x78\xe4\x2f\xad\x06\x18\x43\x2f"
    b"\xa7\xd7\xfb\x3d\x99\x00\x4d\x2b\x0b\xdf\xc1\x4f\x80\x24\x83\x2b"
)
# Where in WORK, in bytes.
_X = const(480)
_Y = const(560)
_H = const(800)
_T0 = const(880)
_T1 = const(960)
_T2 = const(1040)
_ONE = const(1840)
_D_AT = const(1920)

_COMB = aligned(COMB)
WORK[_ONE] = 1
load(0, 32, _D, WORK, _D_AT)

# All columns of the comb, 16 to 0, of all three thirds: the same steps for every number.
_BASE = (
    b"\xca\x11\x22\x33\xc8\x10\x21\x32\xc8\x0f\x20\x31\xc8\x0e\x1f\x30\xc8\x0d\x1e\x2f\xc8\x0c"
    b"\x1d\x2e\xc8\x0b\x1c\x2d\xc8\x0a\x1b\x2c\xc8\x09\x1a\x2b\xc8\x08\x19\x2a\xc8\x07\x18\x29"
    b"\xc8\x06\x17\x28\xc8\x05\x16\x27\xc8\x04\x15\x26\xc8\x03\x14\x25\xc8\x02\x13\x24\xc8\x01"
    b"\x12\x23\xff"
)
# The addends of 1, 3, 5 and 7 times the point, to the first or second four entries of the table;
# the last entry is that of 2 for the time being.
_TABLES = (
    b"\xcb\xc0\xc8\xc3\x80\xc1\x86\xc2\x86\xc3\xff",
    b"\xcb\xc4\xc8\xc7\x88\xc5\x8e\xc6\x8e\xc7\xff",
)


def _run(script) -> None:
    run(0, 0, WORK, script, _PROGRAMS, _COMB)


def base_multiple() -> None:
    """The point becomes the multiple of B that the bits for the comb name.

    The same operations on the same memory for every number.
    """
    _run(_BASE)


def keep_multiples(number: int) -> None:
    """Make the addends of multiples of the point, for point 0 or 1 of `combine`."""
    _run(_TABLES[number])


def combine(u: int, flip: int) -> bool:
    """Whether u * point 0 + v * point 1 + the multiple of B that the bits name is neutral.

    u, below 2**128, and v are 20 limbs at `u` and 160 bytes further; `flip` is 1 to take u
    negative. In variable time.
    """
    assemble(0, 0, WORK, u, u + 160, flip)
    _run(WORK)
    _run(b"\xd2\xff")  # _COMPARE
    return not freeze(_X, 0, WORK) and not freeze(_H, 0, WORK)


def compress_into(out, at: int) -> None:
    """Write the 32 bytes of the point: y, and the lowest bit of x on top."""
    _run(b"\xcc\xcd\xce\xff")  # _TO_INVERT, _POWER, _AFFINE
    freeze(_X, 0, WORK)
    freeze(_Y, 0, WORK)
    store(_Y, 0, WORK, out, at)
    out[at + 31] |= (WORK[_X] & 1) << 7


def decompress(at: int) -> bool:
    """The point becomes the opposite of the one in these 32 bytes of WORK, of which bit 255 goes.

    Its x is below P. False: it is not on the curve. y must be below P. In variable time.
    """
    sign = WORK[at + 31] >> 7
    WORK[at + 31] &= 127
    load(at, 32, WORK, WORK, _Y)
    _run(b"\xcf\xcd\xd0\xff")  # _RATIO, _POWER, _ROOT
    if freeze(_T1, 0, WORK):
        if freeze(_T2, 0, WORK):
            return False
        load(0, 32, _ROOT_OF_MINUS_1, WORK, _T0)
        _run(b"\xd1\xff")  # _OTHER
    if not freeze(_X, 0, WORK) and sign:
        return False
    if WORK[_X] & 1 == sign:
        _run(b"\xd4\xff")  # _NEGATE
        freeze(_X, 0, WORK)
    return True


def _is_right() -> bool:
    """Whether the square of the root of -1 is -1: a compiler may be wrong without a word."""
    load(0, 32, _ROOT_OF_MINUS_1, WORK, _T0)
    _run(b"\xd3\xff")  # _CHECK
    return not freeze(_X, 0, WORK) and not freeze(_Y, 0, WORK)


if not _is_right():
    raise ImportError("the field arithmetic in viper is wrong on this interpreter")
del _D, _is_right, aligned  # only needed so far
