"""Writes viper/field.py with the field arithmetic unrolled: about six times as fast as the loops.

In: nothing. Out: the source of a module that does what firmware/shimlet_crypto/viper/field.py
does, with the same `run` (read about limbs, bounds and operations there), in one viper function.

What the native emitter makes of it: only the first two arguments live in registers, so they hold
the factors, and all other locals lie on the stack at one load or store each. `a * x + c` with x in
a register costs least; two products a statement share the load and the store of the sum. One
level of Karatsuba, 10 + 10 limbs, makes 300 products of 400 (165 of 210 for a square); a second
level would add more additions than it saves products.
"""

from __future__ import annotations

from collections.abc import Callable

from ._emit import Source

LIMBS = 20
HALF = LIMBS // 2
BITS = 13
MASK = (1 << BITS) - 1
ROUND = 1 << BITS - 1
FOLD = 608  # 2 ** 260 mod P
SCRATCH = 19 * 80  # where in words, in bytes, four registers are for multiplying
BITS_AT = 440  # and where the bits are that select

HEAD = '''"""Arithmetic mod 2**255 - 19, unrolled by firmware/generator: see the rolled one."""

import micropython

FORM = "viper"


@micropython.viper
def run(x: int, y: int, words: ptr32, script: ptr8, programs: ptr8, comb: ptr32):
'''


Step = tuple[int, list[str]]  # the products to add to a sum, or, if that is -1, plain lines


def rows() -> list[Step]:
    """Ten limbs, a0 to a9, times ten at b, two rows at a time: 19 sums."""
    steps: list[Step] = []
    for row in range(0, HALF, 2):
        steps.append((-1, [f"x = b[{row}]", f"y = b[{row + 1}]"]))
        steps += [(column, pair(row, column, column > row)) for column in along(row, row)]
    return steps


def square_rows() -> list[Step]:
    """The same for a square: two different limbs are multiplied once, one of them doubled."""
    steps: list[Step] = []
    for row in range(0, HALF, 2):
        steps.append((-1, [f"x = a{row}", f"y = a{row + 1}"]))
        steps += [(2 * row, [f"a{row} * x"]), (2 * row + 2, [f"a{row + 1} * y"])]
        steps.append((-1, ["x = x + x", "y = y + y"]))
        columns = along(row, 2 * row + 1)
        steps += [(column, pair(row, column, column > 2 * row + 2)) for column in columns]
    return [step for step in steps if step[1]]


def along(row: int, first: int) -> range:
    """The sums that two rows touch, from `first` on."""
    return range(first, row + HALF + 1)


def pair(row: int, column: int, second: bool) -> list[str]:
    """The products of two rows, with x and y, that belong to a sum."""
    terms = [f"a{column - row} * x"] if column - row < HALF else []
    return terms + ([f"a{column - row - 1} * y"] if second else [])


def add_up(out: Source, steps: list[Step]) -> None:
    """Write the steps: a sum is a local, and at last goes to memory, w."""
    columns = [column for column, _ in steps]
    for i, (column, terms) in enumerate(steps):
        if column < 0:
            out(*terms)
            continue
        earlier = [f"c{column}"] if column in columns[:i] else []
        target = f"c{column}" if column in columns[i + 1 :] else f"w[{column}]"
        out(f"{target} = {' + '.join(terms + earlier)}")


def column(number: int) -> str:
    """Sum `number` of the whole product, 0 to 38, from the three products of halves."""
    part, k = divmod(number, HALF)
    if part == 0:
        return f"p[{k}]"
    if part == 1:
        return f"w[{k}] - p[{k}] + e{k}" if k < 9 else "w[9] - p[9] - r[9]"
    if part == 2:
        return f"w[{k + 10}] - e{k} - r[{k + 10}]" if k < 9 else "r[9]"
    return f"r[{k + 10}]"


def reduce(out: Source) -> None:
    """Fold the upper half in and carry all along: d[0] to d[19]. For units see the rolled form."""
    for k in range(9):
        out(f"e{k} = p[{k + 10}] - r[{k}]")
    out(f"x = {column(20)}", f"y = {ROUND}")
    for k in range(LIMBS):
        if k < LIMBS - 1:
            out(f"z = (x & {MASK}) * {FOLD} + ({column(k)}) + y")
            above = f" + ({column(k + 21)})" if k < LIMBS - 2 else ""
            out(f"x = (x >> {BITS}){above}")
        else:
            out(f"z = x * {FOLD} + ({column(k)}) + y")
        target = f"o{k}" if k < 3 else f"d[{k}]"
        out(f"{target} = (z & {MASK}) - {ROUND}")
        out(f"y = (z >> {BITS})" + (f" + {ROUND}" if k < LIMBS - 1 else ""))
    lowest(out)


def lowest(out: Source) -> None:
    """Fold the last carry, y, into the lowest limbs: o0, o1, o2 become d[0], d[1], d[2]."""
    out(f"z = y * {FOLD} + o0 + {ROUND}", f"d[0] = (z & {MASK}) - {ROUND}")
    out(f"z = (z >> {BITS}) + o1 + {ROUND}", f"d[1] = (z & {MASK}) - {ROUND}")
    out(f"d[2] = (z >> {BITS}) + o2")


def multiply(out: Source) -> None:
    """d = a * b for operation 1, a ** (2 ** times) for operation 2.

    In memory, from `w` on: the sums of the halves of a and b, and 19 sums each of the product of
    the lower halves, that of the upper ones, and that of the sums of halves.
    """
    out("again = 1")
    with out.block("if op == 2:"):
        out("again = times", "b = a")
    with out.block("while again:"):
        out(f"w = ptr32(int(words) + {SCRATCH})")
        out(*(f"w[{i}] = a[{i}] + a[{i + HALF}]" for i in range(HALF)))
        with out.block("if op == 1:"):
            out(*(f"w[{i + HALF}] = b[{i}] + b[{i + HALF}]" for i in range(HALF)))
        out("n = 0")
        with out.block("while n < 3:"):
            out("w = ptr32(int(w) + 80)")
            out(*(f"a{i} = a[{i}]" for i in range(HALF)))
            with out.block("if op == 1:"):
                add_up(out, rows())
            with out.block("else:"):
                add_up(out, square_rows())
            out("a = ptr32(int(a) + 40)", "b = ptr32(int(b) + 40)", "n += 1")
            with out.block("if n == 2:"):
                out(
                    f"a = ptr32(int(words) + {SCRATCH})", f"b = ptr32(int(words) + {SCRATCH + 40})"
                )
        out("p = ptr32(int(w) - 160)", "r = ptr32(int(w) - 80)")
        reduce(out)
        out("again -= 1", "a = d")


def carry(out: Source) -> None:
    """d = 2 * a + b, carried along, four limbs at a time."""
    out(f"x = {ROUND}", "n = 5")
    with out.block("while n:"):
        for k in range(4):
            out(f"y = a[{k}]", f"x = y + y + b[{k}] + x", f"d[{k}] = (x & {MASK}) - {ROUND}")
            out(f"x = (x >> {BITS}) + {ROUND}")
        out(*(f"{pointer} = ptr32(int({pointer}) + 16)" for pointer in "abd"), "n -= 1")
    out("d = ptr32(int(d) - 80)", f"y = x - {ROUND}", "o0 = d[0]", "o1 = d[1]", "o2 = d[2]")
    lowest(out)


def add(out: Source) -> None:
    """d = a + b, or a - b for operation 4, not carried."""
    out("x = 7 - op - op")
    out(*(f"d[{k}] = b[{k}] * x + a[{k}]" for k in range(LIMBS)))


def load_entry(out: Source) -> None:
    """Four elements from entry arg >> 1 of the table at a; the opposite point if arg is odd."""
    out("h = ptr16(int(a) + (arg >> 1) * 160)", "x = 0 - (arg & 1)", "n = 0")
    with out.block("while n < 20:"):
        out("y = (int(h[n]) ^ int(h[n + 20])) & x")
        for place, value in enumerate(("int(h[n]) ^ y", "int(h[n + 20]) ^ y")):
            out(f"d[n + {20 * place}] = (({value}) ^ 32768) - 32768")
        out("d[n + 40] = (((int(h[n + 40]) ^ 32768) - 32768) ^ x) - x")
        out("d[n + 60] = (int(h[n + 60]) ^ 32768) - 32768", "n += 1")


def store_entry(out: Source) -> None:
    """Four elements from a to entry arg of the table at d, in 16 bits a limb."""
    out("h = ptr16(int(d) + arg * 160)", "n = 0")
    with out.block("while n < 80:"):
        out("h[n] = a[n]", "n += 1")


def select(out: Source) -> None:
    """Find the entry that the bits from arg on name; secret ones read and mask all 16."""
    out(f"h8 = ptr8(int(words) + {BITS_AT})", "x = 0", "n = 0", "y = arg")
    with out.block("while n < 5:"):
        out("x = x | (((h8[y >> 3] >> (y & 7)) & 1) << n)", "y += 51", "n += 1")
    out("flip = (x >> 4) - 1", "n = (x ^ flip) & 15")
    out("a = comb")
    with out.block("if arg > 17:"):
        out("a = ptr32(int(comb) + 1536)")
    with out.block("if arg > 34:"):
        out("a = ptr32(int(comb) + 3072)")
    with out.block("if kind:"):
        out("packed = ptr16(int(a) + n * 96)")
    with out.block("else:"):
        out("packed = ptr16(int(d))", "y = 0")
        with out.block("while y < 24:"):
            out("d[y] = 0", "y += 1")
        out("op = 0")
        with out.block("while op < 16:"):
            out("x = ((op ^ n) - 1) >> 31", "y = ((op + 1 ^ n) - 1) >> 31")
            out("d = ptr32(int(packed))", "times = 3")
            with out.block("while times:"):
                out(*(f"d[{k}] = (a[{k}] & x) | (a[{k + 24}] & y) | d[{k}]" for k in range(8)))
                out("a = ptr32(int(a) + 32)", "d = ptr32(int(d) + 32)", "times -= 1")
            out("a = ptr32(int(a) + 96)", "op += 2")


def unpack(out: Source) -> None:
    """What select found as three elements; the opposite point if `flip` is -1."""
    out("n = 0")
    with out.block("while n < 20:"):
        out("x = n * 13", "h = ptr16(int(packed) + (x >> 4) * 2)", "x = x & 15")
        out(f"mask = {MASK}")
        with out.block("if n == 19:"):
            out("mask = 255")
        out("y = ((int(h[0]) | (int(h[1]) << 16)) >> x) & mask")
        out("z = ((int(h[16]) | (int(h[17]) << 16)) >> x) & mask")
        out("mask = ((int(h[32]) | (int(h[33]) << 16)) >> x) & mask")
        out("x = (y ^ z) & flip", "d[n] = y ^ x", "d[n + 20] = z ^ x")
        out("d[n + 40] = (mask ^ flip) - flip", "n += 1")


REST: list[tuple[int, Callable[[Source], None]]] = [
    (5, carry),
    (6, load_entry),
    (7, store_entry),
    (8, select),
    (9, unpack),
]


def module() -> str:
    """The source of the module."""
    out = Source(1)
    out("flip = 0", "packed = ptr16(int(comb))")
    with out.block("while True:"):
        out("arg = script[0]", "script = ptr8(int(script) + 1)")
        with out.block("if arg == 255:"):
            out("return")
        out("kind = arg >> 6", "arg = arg & 63", "n = kind")
        with out.block("if n == 3:"):
            out("n = arg + 3")
        out("step = ptr8(int(programs) + (programs[n] << 2))")
        with out.block("while True:"):
            out("op = int(step[0])")
            with out.block("if op == 0:"):
                out("break")
            out("d = ptr32(int(words) + int(step[1]) * 80)")
            out("a = ptr32(int(words) + int(step[2]) * 80)")
            out("times = int(step[3])", "b = ptr32(int(words) + times * 80)")
            out("step = ptr8(int(step) + 4)")
            with out.block("if op < 3:"):
                multiply(out)
            with out.block("elif op < 5:"):
                add(out)
            for number, write in REST:
                with out.block(f"elif op == {number}:"):
                    write(out)
    return HEAD + out.text()


MODULES = {"shimlet_crypto/viper/field.py": module}
