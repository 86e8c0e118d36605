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

Term = Callable[[int], str]

HEAD = '''"""Arithmetic mod 2**255 - 19, unrolled by firmware/generator: see the rolled one."""

import micropython

FORM = "viper"


@micropython.viper
def run(x: int, y: int, words: ptr32, script: ptr8, programs: ptr8, comb: ptr32, bits: ptr8):
'''


def rows(out: Source, sums: str, factor: Term, load: Term) -> None:
    """Products of two times ten limbs, two rows at a time: `sums`0 to `sums`18."""
    for row in range(0, HALF, 2):
        out(f"x = {load(row)}", f"y = {load(row + 1)}")
        for column in range(row, row + HALF + 1):
            terms = []
            if column - row < HALF:
                terms.append(f"{factor(column - row)} * x")
            if column > row:
                terms.append(f"{factor(column - row - 1)} * y")
            if row and column < row + HALF - 1:
                terms.append(f"{sums}{column}")
            out(f"{sums}{column} = {' + '.join(terms)}")


def square_rows(out: Source, sums: str, factor: Term) -> None:
    """The same for a square: two different limbs are multiplied once, one of them doubled."""
    begun: set[int] = set()

    def add(column: int, *terms: str) -> None:
        parts = [*terms, *([f"{sums}{column}"] if column in begun else [])]
        begun.add(column)
        out(f"{sums}{column} = {' + '.join(parts)}")

    for row in range(0, HALF, 2):
        out(f"x = {factor(row)}", f"y = {factor(row + 1)}")
        add(2 * row, f"{factor(row)} * x")
        add(2 * row + 2, f"{factor(row + 1)} * y")
        out("x = x + x", "y = y + y")
        for column in range(2 * row + 1, row + HALF + 1):
            terms = []
            if column - row < HALF:
                terms.append(f"{factor(column - row)} * x")
            if column > 2 * row + 2:
                terms.append(f"{factor(column - row - 1)} * y")
            if terms:
                add(column, *terms)


def column(number: int) -> str:
    """Sum `number` of the whole product, 0 to 38, from the three products of halves."""
    part, k = divmod(number, HALF)
    if part == 0:
        return f"p{k}"
    if part == 1:
        return f"m{k} - p{k} + e{k}" if k < 9 else "m9 - p9 - r9"
    if part == 2:
        return f"m{k + 10} - e{k} - r{k + 10}" if k < 9 else "r9"
    return f"r{k + 10}"


def reduce(out: Source) -> None:
    """Fold the upper half in and carry all along: d[0] to d[19]."""
    for k in range(9):
        out(f"e{k} = p{k + 10} - r{k}")
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


def load_halves(out: Source) -> None:
    """The limbs of a as locals, and the sums of those of its halves."""
    out(*(f"a{i} = a[{i}]" for i in range(LIMBS)))
    out(*(f"s{i} = a{i} + a{i + HALF}" for i in range(HALF)))


def multiply(out: Source) -> None:
    """d = a * b."""
    load_halves(out)
    rows(out, "p", "a{}".format, "b[{}]".format)
    rows(out, "r", lambda i: f"a{i + HALF}", lambda i: f"b[{i + HALF}]")
    rows(out, "m", "s{}".format, lambda i: f"b[{i}] + b[{i + HALF}]")
    reduce(out)


def square(out: Source) -> None:
    """d = a ** (2 ** times)."""
    with out.block("while times:"):
        load_halves(out)
        square_rows(out, "p", "a{}".format)
        square_rows(out, "r", lambda i: f"a{i + HALF}")
        square_rows(out, "m", "s{}".format)
        reduce(out)
        out("times -= 1", "a = d")


def carry(out: Source) -> None:
    """d = d with all its limbs carried along."""
    out(f"x = {ROUND}")
    for k in range(LIMBS):
        out(f"x = d[{k}] + x")
        target = f"o{k}" if k < 3 else f"d[{k}]"
        out(f"{target} = (x & {MASK}) - {ROUND}")
        out(f"x = (x >> {BITS})" + (f" + {ROUND}" if k < LIMBS - 1 else ""))
    out("y = x")
    lowest(out)


def add_or_subtract(out: Source, sign: str) -> None:
    """d = a + b or a - b, without carrying."""
    out(*(f"d[{k}] = a[{k}] {sign} b[{k}]" for k in range(LIMBS)))


def load_entry(out: Source) -> None:
    """Four elements from entry arg >> 1 of the table at a; the opposite point if arg is odd."""
    out("a = ptr32(int(a) + (arg >> 1) * 320)", "x = 0 - (arg & 1)", "n = 0")
    with out.block("while n < 20:"):
        out("y = (a[n] ^ a[n + 20]) & x")
        out("d[n] = a[n] ^ y", "d[n + 20] = a[n + 20] ^ y")
        out("d[n + 40] = (a[n + 40] ^ x) - x", "d[n + 60] = a[n + 60]", "n += 1")


def store_entry(out: Source) -> None:
    """Four elements from a to entry arg of the table at d."""
    out("d = ptr32(int(d) + arg * 320)", "n = 0")
    with out.block("while n < 80:"):
        out("d[n] = a[n]", "n += 1")


def pick(out: Source) -> None:
    """Entry arg >> 1 of the comb is what to unpack; negative if arg is odd."""
    out("packed = ptr16(int(comb) + (arg >> 1) * 96)", "flip = 0 - (arg & 1)")


def select(out: Source) -> None:
    """Like pick, for the entry that the secret bits at arg name: all 16 are read and masked."""
    out("x = 0", "n = 0", "y = arg")
    with out.block("while n < 4:"):
        out("x = x | (((int(bits[y >> 3]) >> (y & 7)) & 1) << n)", "y += 51", "n += 1")
    out("flip = ((int(bits[y >> 3]) >> (y & 7)) & 1) - 1", "n = x ^ (flip & 15)")
    out("a = comb")
    with out.block("if arg >= 17:"):
        out("a = ptr32(int(comb) + 1536)")
    with out.block("if arg >= 34:"):
        out("a = ptr32(int(comb) + 3072)")
    out(*(f"d[{k}] = 0" for k in range(24)), "y = 0")
    with out.block("while y < 16:"):
        out("x = ((y ^ n) - 1) >> 31")
        out(*(f"d[{k}] = (a[{k}] & x) | d[{k}]" for k in range(24)))
        out("a = ptr32(int(a) + 96)", "y += 1")
    out("packed = ptr16(int(d))")


def unpack(out: Source) -> None:
    """What pick or select left as three elements; the opposite point if `flip` is -1."""
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


OPERATIONS: list[tuple[int, Callable[[Source], None]]] = [
    (1, multiply),
    (2, square),
    (3, lambda out: add_or_subtract(out, "+")),
    (4, lambda out: add_or_subtract(out, "-")),
    (5, carry),
    (6, load_entry),
    (7, store_entry),
    (8, pick),
    (9, select),
    (10, unpack),
]


def module() -> str:
    """The source of the module."""
    out = Source(1)
    out("flip = 0", "packed = ptr16(int(comb))", "at = int(programs) - int(programs)")
    with out.block("while True:"):
        out("at = int(script[0]) << 2", "arg = int(script[1])")
        with out.block("if at == 1020:"):
            out("return")
        out("script = ptr8(int(script) + 2)")
        with out.block("while True:"):
            out("op = int(programs[at])")
            with out.block("if op == 0:"):
                out("break")
            out("d = ptr32(int(words) + int(programs[at + 1]) * 80)")
            out("a = ptr32(int(words) + int(programs[at + 2]) * 80)")
            out("times = int(programs[at + 3])", "b = ptr32(int(words) + times * 80)", "at += 4")
            for i, (number, write) in enumerate(OPERATIONS):
                with out.block(f"{'el' if i else ''}if op == {number}:"):
                    write(out)
    return HEAD + out.text()


MODULES = {"shimlet_crypto/viper/field.py": module}
