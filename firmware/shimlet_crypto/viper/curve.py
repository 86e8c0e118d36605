"""The group of Ed25519: which programs of field operations make sums, multiples, 32-byte forms.

In: numbers as limbs and bytes in the buffers of `ed25519`. Out: the point, in registers, and its
32 bytes. Called by `ed25519` alone.

A point is (x, y, z, e, h) with x / z and y / z its coordinates and their product e * h / z: the
last product is only needed to add, so adding does it, and doubling never does. An addend is the
form that tables keep: y + x, y - x, 2 * d * x * y, 2 (times z); halves of those where z is 1. The
formulas (Hisil, Wong, Carter, Dawson 2008) hold for all pairs of points: no special cases.

The buffers are the module's own: nothing here is for two threads at once.
"""

import micropython
from micropython import const

from .comb import COMB
from .field import run
from .scalar import comb_arguments, freeze, load, recode, store

# The instruction of `_PROGRAMS` at which each program starts.
_DOUBLE = const(0)
_ADD = const(13)
_ADD_PUBLIC = const(29)
_ADD_SECRET = const(45)
_KEEP = const(61)
_ORIGIN = const(68)
_WHOLE = const(74)
_TO_INVERT = const(81)
_POWER = const(83)
_AFFINE = const(104)
_RATIO = const(109)
_ROOT = const(120)
_OTHER = const(128)
_COMPARE = const(130)
_CHECK = const(132)
_NEGATE = const(137)

_PROGRAMS = (
    # DOUBLE: point doubled (units: e 3, h and t1 2, t3 1 once carried)
    b"\x03\x07\x00\x01"  # t2 = x + y
    b"\x02\x05\x00\x01"  # t0 = x ^ 1
    b"\x02\x06\x01\x01"  # t1 = y ^ 1
    b"\x02\x07\x07\x01"  # t2 = t2 ^ 1
    b"\x02\x08\x02\x01"  # t3 = z ^ 1
    b"\x03\x04\x05\x06"  # h = t0 + t1
    b"\x04\x03\x04\x07"  # e = h - t2
    b"\x04\x06\x05\x06"  # t1 = t0 - t1
    b"\x05\x08\x08\x06"  # carry t3 = 2 t3 + t1
    b"\x01\x00\x03\x08"  # x = e * t3
    b"\x01\x01\x04\x06"  # y = h * t1
    b"\x01\x02\x08\x06"  # z = t3 * t1
    b"\x00\x00\x00\x00"  # end
    # ADD: point plus entry `argument` of the table (units: e, h, t1, t2: 2)
    b"\x06\x09\x11\x00"  # q from table
    b"\x01\x05\x03\x04"  # t0 = e * h
    b"\x01\x05\x05\x0b"  # t0 = t0 * q2
    b"\x04\x06\x01\x00"  # t1 = y - x
    b"\x01\x06\x06\x0a"  # t1 = t1 * q1
    b"\x03\x07\x01\x00"  # t2 = y + x
    b"\x01\x07\x07\x09"  # t2 = t2 * q0
    b"\x01\x08\x02\x0c"  # t3 = z * q3
    b"\x04\x03\x07\x06"  # e = t2 - t1
    b"\x03\x04\x07\x06"  # h = t2 + t1
    b"\x04\x06\x08\x05"  # t1 = t3 - t0
    b"\x03\x07\x08\x05"  # t2 = t3 + t0
    b"\x01\x00\x03\x06"  # x = e * t1
    b"\x01\x01\x04\x07"  # y = h * t2
    b"\x01\x02\x06\x07"  # z = t1 * t2
    b"\x00\x00\x00\x00"  # end
    # ADD_PUBLIC: point plus entry `argument` of the comb, picked (units: q 2, the rest as above)
    b"\x08\x00\x00\x00"  # pick
    b"\x0a\x09\x00\x00"  # q unpacked
    b"\x01\x05\x03\x04"  # t0 = e * h
    b"\x01\x05\x05\x0b"  # t0 = t0 * q2
    b"\x04\x06\x01\x00"  # t1 = y - x
    b"\x01\x06\x06\x0a"  # t1 = t1 * q1
    b"\x03\x07\x01\x00"  # t2 = y + x
    b"\x01\x07\x07\x09"  # t2 = t2 * q0
    b"\x04\x03\x07\x06"  # e = t2 - t1
    b"\x03\x04\x07\x06"  # h = t2 + t1
    b"\x04\x06\x02\x05"  # t1 = z - t0
    b"\x03\x07\x02\x05"  # t2 = z + t0
    b"\x01\x00\x03\x06"  # x = e * t1
    b"\x01\x01\x04\x07"  # y = h * t2
    b"\x01\x02\x06\x07"  # z = t1 * t2
    b"\x00\x00\x00\x00"  # end
    # ADD_SECRET: the same for what the bits at `argument` name, selected
    b"\x09\x05\x00\x00"  # select
    b"\x0a\x09\x00\x00"  # q unpacked
    b"\x01\x05\x03\x04"  # t0 = e * h
    b"\x01\x05\x05\x0b"  # t0 = t0 * q2
    b"\x04\x06\x01\x00"  # t1 = y - x
    b"\x01\x06\x06\x0a"  # t1 = t1 * q1
    b"\x03\x07\x01\x00"  # t2 = y + x
    b"\x01\x07\x07\x09"  # t2 = t2 * q0
    b"\x04\x03\x07\x06"  # e = t2 - t1
    b"\x03\x04\x07\x06"  # h = t2 + t1
    b"\x04\x06\x02\x05"  # t1 = z - t0
    b"\x03\x07\x02\x05"  # t2 = z + t0
    b"\x01\x00\x03\x06"  # x = e * t1
    b"\x01\x01\x04\x07"  # y = h * t2
    b"\x01\x02\x06\x07"  # z = t1 * t2
    b"\x00\x00\x00\x00"  # end
    # KEEP: point to entry `argument` of the table (units: q0, q1, q3: 2)
    b"\x01\x05\x03\x04"  # t0 = e * h
    b"\x03\x09\x01\x00"  # q0 = y + x
    b"\x04\x0a\x01\x00"  # q1 = y - x
    b"\x01\x0b\x05\x0f"  # q2 = t0 * dd
    b"\x03\x0c\x02\x02"  # q3 = z + z
    b"\x07\x11\x09\x00"  # table from q
    b"\x00\x00\x00\x00"  # end
    # ORIGIN: point = the neutral one
    b"\x04\x00\x0d\x0d"  # x = one - one
    b"\x03\x01\x00\x0d"  # y = x + one
    b"\x03\x02\x00\x0d"  # z = x + one
    b"\x03\x03\x00\x00"  # e = x + x
    b"\x03\x04\x00\x0d"  # h = x + one
    b"\x00\x00\x00\x00"  # end
    # WHOLE: point from its x and y alone
    b"\x04\x05\x0d\x0d"  # t0 = one - one
    b"\x05\x00\x05\x00"  # x = 2 * t0 + x, carried
    b"\x05\x01\x05\x01"  # y = 2 * t0 + y, carried
    b"\x03\x02\x0d\x05"  # z = one + t0
    b"\x03\x03\x00\x05"  # e = x + t0
    b"\x03\x04\x01\x05"  # h = y + t0
    b"\x00\x00\x00\x00"  # end
    # TO_INVERT: begin to invert z
    b"\x01\x05\x02\x0d"  # t0 = z * one
    b"\x00\x00\x00\x00"  # end
    # POWER: t2 = t0 ** (2 ** 250 - 1), t1 = t0 ** 11
    b"\x02\x06\x05\x01"  # t1 = t0 ^ 1
    b"\x02\x07\x06\x02"  # t2 = t1 ^ 2
    b"\x01\x07\x07\x05"  # t2 = t2 * t0
    b"\x01\x06\x06\x07"  # t1 = t1 * t2
    b"\x02\x08\x06\x01"  # t3 = t1 ^ 1
    b"\x01\x07\x08\x07"  # t2 = t3 * t2
    b"\x02\x08\x07\x05"  # t3 = t2 ^ 5
    b"\x01\x07\x08\x07"  # t2 = t3 * t2
    b"\x02\x08\x07\x0a"  # t3 = t2 ^ 10
    b"\x01\x08\x08\x07"  # t3 = t3 * t2
    b"\x02\x09\x08\x14"  # q0 = t3 ^ 20
    b"\x01\x08\x09\x08"  # t3 = q0 * t3
    b"\x02\x08\x08\x0a"  # t3 = t3 ^ 10
    b"\x01\x07\x08\x07"  # t2 = t3 * t2
    b"\x02\x08\x07\x32"  # t3 = t2 ^ 50
    b"\x01\x08\x08\x07"  # t3 = t3 * t2
    b"\x02\x09\x08\x64"  # q0 = t3 ^ 100
    b"\x01\x08\x09\x08"  # t3 = q0 * t3
    b"\x02\x08\x08\x32"  # t3 = t3 ^ 50
    b"\x01\x07\x08\x07"  # t2 = t3 * t2
    b"\x00\x00\x00\x00"  # end
    # AFFINE: x and y divided by z, after TO_INVERT and POWER
    b"\x02\x07\x07\x05"  # t2 = t2 ^ 5
    b"\x01\x07\x07\x06"  # t2 = t2 * t1
    b"\x01\x00\x00\x07"  # x = x * t2
    b"\x01\x01\x01\x07"  # y = y * t2
    b"\x00\x00\x00\x00"  # end
    # RATIO: begin to find x: e / h is its square
    b"\x02\x03\x01\x01"  # e = y ^ 1
    b"\x01\x04\x03\x0e"  # h = e * d
    b"\x03\x04\x04\x0d"  # h = h + one
    b"\x04\x03\x03\x0d"  # e = e - one
    b"\x02\x0a\x04\x01"  # q1 = h ^ 1
    b"\x01\x0a\x0a\x04"  # q1 = q1 * h
    b"\x02\x0b\x0a\x01"  # q2 = q1 ^ 1
    b"\x01\x0b\x0b\x04"  # q2 = q2 * h
    b"\x01\x05\x03\x0b"  # t0 = e * q2
    b"\x01\x0c\x03\x0a"  # q3 = e * q1
    b"\x00\x00\x00\x00"  # end
    # ROOT: x, right if t1 is 0, after RATIO and POWER; t2: see OTHER
    b"\x02\x07\x07\x02"  # t2 = t2 ^ 2
    b"\x01\x07\x07\x05"  # t2 = t2 * t0
    b"\x01\x00\x0c\x07"  # x = q3 * t2
    b"\x02\x06\x00\x01"  # t1 = x ^ 1
    b"\x01\x06\x06\x04"  # t1 = t1 * h
    b"\x03\x07\x06\x03"  # t2 = t1 + e
    b"\x04\x06\x06\x03"  # t1 = t1 - e
    b"\x00\x00\x00\x00"  # end
    # OTHER: x, if t2 was 0: times the root of -1
    b"\x01\x00\x00\x10"  # x = x * root
    b"\x00\x00\x00\x00"  # end
    # COMPARE: h = y - z
    b"\x04\x04\x01\x02"  # h = y - z
    b"\x00\x00\x00\x00"  # end
    # CHECK: x and y, 0 where all is right
    b"\x02\x00\x10\x01"  # x = root ^ 1
    b"\x03\x00\x00\x0d"  # x = x + one
    b"\x01\x01\x10\x10"  # y = root * root
    b"\x03\x01\x01\x0d"  # y = y + one
    b"\x00\x00\x00\x00"  # end
    # NEGATE: x = -x
    b"\x04\x05\x0d\x0d"  # t0 = one - one
    b"\x04\x00\x05\x00"  # x = t0 - x
    b"\x00\x00\x00\x00"  # end
)
# 1, d of the curve, 2 * d, and a square root of -1, 32 bytes each, the lowest first.
_CONSTANTS = (
    b"\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
    b"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
    b"\xa3\x78\x59\x13\xca\x4d\xeb\x75\xab\xd8\x41\x41\x4d\x0a\x70\x00"
    b"\x98\xe8\x79\x77\x79\x40\xc7\x8c\x73\xfe\x6f\x2b\xee\x6c\x03\x52"
    b"\x59\xf1\xb2\x26\x94\x9b\xd6\xeb\x56\xb1\x83\x82\x9a\x14\xe0\x00"
    b"\x30\xd1\xf3\xee\xf2\x80\x8e\x19\xe7\xfc\xdf\x56\xdc\xd9\x06\x24"
    b"\xb0\xa0\x0e\x4a\x27\x1b\xee\xc4\x78\xe4\x2f\xad\x06\x18\x43\x2f"
    b"\xa7\xd7\xfb\x3d\x99\x00\x4d\x2b\x0b\xdf\xc1\x4f\x80\x24\x83\x2b"
)
_X = const(0)  # registers, times 20
_Y = const(20)
_H = const(80)
_T1 = const(120)
_T2 = const(140)
_ONE = const(260)
_ARGUMENTS = const(400)  # in bytes: they lie where t0 is

# 17 registers, 9 entries of 160 bytes, and what multiplying needs.
_words = bytearray(39 * 80)


def _aligned(data):
    """The same bytes where 32-bit reads can get at them: constants in flash may lie anywhere.

    x86 and ARM from armv7m on (1 and 5 to 8 in MicroPython's numbers) read them anywhere.
    """
    from sys import implementation

    from uctypes import addressof

    anywhere = (getattr(implementation, "_mpy", 0) >> 10 & 15) in (1, 5, 6, 7, 8)
    return data if anywhere or addressof(data) & 3 == 0 else bytearray(data)


_COMB = _aligned(COMB)
for _i in range(4):
    load(_CONSTANTS, 32 * _i, 32, _words, _ONE + 20 * _i, 20)


def _short(*programs) -> bytes:
    """A script of programs that take no argument."""
    return b"".join([bytes((program, 0)) for program in programs]) + b"\xff\xff"


_AFFINE_SCRIPT = _short(_TO_INVERT, _POWER, _AFFINE)
_SQUARE_ROOT = _short(_RATIO, _POWER, _ROOT)
_OTHER_ROOT = _short(_OTHER)
_COMPARE_SCRIPT = _short(_COMPARE)
_NEGATE_SCRIPT = _short(_NEGATE)
_CHECK_SCRIPT = _short(_CHECK)


def _table_script(entry: int) -> bytes:
    """The addends of 1, 3, 5 and 7 times the point: four entries of the table; 8 is for twice."""
    twice = 8
    steps = [_WHOLE, 0, _KEEP, entry, _DOUBLE, 0, _KEEP, twice, _ADD, 2 * entry, _KEEP, entry + 1]
    steps += [_ADD, 2 * twice, _KEEP, entry + 2, _ADD, 2 * twice, _KEEP, entry + 3]
    return bytes(steps) + b"\xff\xff"


_TABLES = (_table_script(0), _table_script(4))


def _base_script() -> bytes:
    """Columns 16 to 0, for the three thirds of the comb: the same for every number."""
    steps = [_ORIGIN, 0]
    for column in range(16, -1, -1):
        steps += [_DOUBLE, 0] if column < 16 else []
        for third in (0, 17, 34):
            steps += [_ADD_SECRET, column + third]
    return bytes(steps) + b"\xff\xff"


_BASE = _base_script()


def base_multiple(bits) -> None:
    """The point becomes the multiple of B that `bits` (32 bytes, see `comb_bits`) name.

    The same operations on the same memory for every number.
    """
    _run(_BASE, bits)


def _run(script, bits=b"") -> None:
    run(0, 0, _words, script, _PROGRAMS, _COMB, bits)


def x_into(out, at: int) -> None:
    """Write the 32 bytes of the point's x, after `decompress`."""
    freeze(_words, _X)
    store(_words, _X, out, at)


def recall(xs, x_at: int, buf, at: int) -> None:
    """Do again what `decompress` of these 32 bytes did, from what `x_into` wrote then."""
    load(xs, x_at, 32, _words, _X, 20)
    _load_y(buf, at)


def _load_y(buf, at: int) -> None:
    load(buf, at, 32, _words, _Y, 20)
    _words[157] = 0  # bit 255


def keep_multiples(number: int) -> None:
    """Make the addends of multiples of the point, for point 0 or 1 of `combine`."""
    _run(_TABLES[number])


def combine(words, u: int, v: int, flip: int, bits) -> None:
    """The point becomes u * point 0 + v * point 1 + the multiple of B that `bits` name.

    u, below 2**128, and v are places of 20 limbs in `words`; `flip` is 1 to take u negative.
    `words` becomes the script, for which it needs 840 bytes. In variable time.
    """
    recode(words, u, flip, _words, _ARGUMENTS)
    recode(words, v, 8, _words, _ARGUMENTS + 264)
    comb_arguments(bits, _words, _ARGUMENTS + 528)
    _assemble(_words, _ARGUMENTS, words)
    _run(words)


@micropython.viper
def _assemble(args: ptr8, at: int, script: ptr8):
    """Write the script that doubles and adds what the arguments say, from the highest one on."""
    position = 263
    while position > 16 and args[at + position] == 255 and args[at + position + 264] == 255:
        position -= 1
    script[0] = _ORIGIN
    end = 2
    while position >= 0:
        if end > 2:  # there is something to double
            script[end] = _DOUBLE
            end += 2
        k = at + position
        if args[k] != 255:
            script[end] = _ADD
            script[end + 1] = args[k]
            end += 2
        if args[k + 264] != 255:
            script[end] = _ADD
            script[end + 1] = args[k + 264]
            end += 2
        if position < 17:
            i = 0
            while i < 3:
                script[end] = _ADD_PUBLIC
                script[end + 1] = args[k + 528 + 17 * i]
                end += 2
                i += 1
        position -= 1
    script[end] = 255


def is_neutral() -> bool:
    """Whether the point is the neutral one: x is 0, and y is z."""
    _run(_COMPARE_SCRIPT)
    return not freeze(_words, _X) and not freeze(_words, _H)


def compress_into(out, at: int) -> None:
    """Write the 32 bytes of the point: y, and the lowest bit of x on top."""
    _run(_AFFINE_SCRIPT)
    freeze(_words, _X)
    freeze(_words, _Y)
    store(_words, _Y, out, at)
    out[at + 31] |= (_words[0] & 1) << 7


def decompress(buf, at: int) -> bool:
    """The point becomes the opposite of the one in these 32 bytes; False: it is not on the curve.

    y must be below P. In variable time.
    """
    sign = buf[at + 31] >> 7
    _load_y(buf, at)
    _run(_SQUARE_ROOT)
    if freeze(_words, _T1):
        if freeze(_words, _T2):
            return False
        _run(_OTHER_ROOT)
    if not freeze(_words, _X) and sign:
        return False
    if _words[0] & 1 == sign:
        _run(_NEGATE_SCRIPT)
    return True


def _is_right() -> bool:
    """Whether the square of the root of -1 is -1: a compiler may be wrong without a word."""
    _run(_CHECK_SCRIPT)
    return not freeze(_words, _X) and not freeze(_words, _Y)


if not _is_right():
    raise ImportError("the field arithmetic in viper is wrong on this interpreter")
# Only needed so far: their memory is free again.
del _CONSTANTS, _aligned, _base_script, _is_right, _short, _table_script
