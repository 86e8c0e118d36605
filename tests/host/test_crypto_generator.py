"""The generator of the unrolled field: what it writes computes right numbers in 32-bit words.

The written module runs here as plain Python: its pointers read and write pretended memory, and
every value that gets a name is cut to 32 bits, as a machine word is. That it is right as machine
code is for tests/light, which run it on 32-bit MicroPython.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from generator import _emit, field, sources
from pretend_viper import Memory, viper_functions
from shimlet_crypto.viper.comb import COMB

PATH = "shimlet_crypto/viper/field.py"
P = 2**255 - 19
UNIT = 4096
BASE = 1 << 16  # where `words` lies in the pretended memory
BITS = BASE + 440
PROGRAM, SCRIPT, TABLE = 1 << 12, 1 << 13, 1 << 14


class Machine:
    """The written module, and words that it works on."""

    def __init__(self) -> None:
        self.memory = Memory()
        self.names = viper_functions(sources()[PATH], self.memory)
        self.memory.bytes[TABLE : TABLE + len(COMB)] = COMB

    def put(self, register: int, limbs: list[int]) -> None:
        for i, limb in enumerate(limbs):
            self.names["ptr32"](BASE)[20 * register + i] = limb

    def get(self, register: int) -> list[int]:
        return [self.names["ptr32"](BASE)[20 * register + i] for i in range(20)]

    def run(self, program: bytes, step: int = 0, bits: bytes = b"") -> None:
        """Run one step; the program is that of every kind of steps."""
        held = self.memory.bytes
        held[PROGRAM : PROGRAM + len(program) + 8] = b"\1\1\1\1" + program + bytes(4)
        held[SCRIPT : SCRIPT + 2] = bytes((step, 255))
        held[BITS : BITS + len(bits)] = bits
        ptr8, ptr32 = self.names["ptr8"], self.names["ptr32"]
        self.names["run"](0, 0, ptr32(BASE), ptr8(SCRIPT), ptr8(PROGRAM), ptr32(TABLE))


@pytest.fixture
def machine() -> Machine:
    return Machine()


def number_of(limbs: list[int]) -> int:
    return sum(limb << 13 * i for i, limb in enumerate(limbs))


def extremes(most: int) -> Iterator[list[int]]:
    """Limbs as large as they may be, and mixtures."""
    chance = random.Random(most)
    yield [most] * 20
    yield [-most] * 20
    yield [most, -most] * 10
    yield [most] * 10 + [-most] * 10
    for _ in range(4):
        yield [chance.randint(-most, most) for _ in range(20)]


def carried(limbs: list[int]) -> bool:
    return all(abs(limb) <= UNIT + 3 * (i == 2) for i, limb in enumerate(limbs))


@pytest.mark.parametrize(
    ("most_a", "most_b"), [(UNIT, UNIT), (6 * UNIT, UNIT), (UNIT, 6 * UNIT), (2 * UNIT, 3 * UNIT)]
)
def test_products_are_right_up_to_the_bound_of_the_units(
    machine: Machine, most_a: int, most_b: int
) -> None:
    for a in extremes(most_a):
        for b in extremes(most_b):
            machine.put(1, a)
            machine.put(2, b)
            machine.run(b"\1\0\1\2")
            assert (number_of(machine.get(0)) - number_of(a) * number_of(b)) % P == 0
            assert carried(machine.get(0))


def test_squares_are_right_up_to_the_bound_of_the_units(machine: Machine) -> None:
    for a in extremes(25 * UNIT // 10):
        machine.put(1, a)
        machine.run(b"\2\0\1\3")
        assert (number_of(machine.get(0)) - pow(number_of(a), 8, P)) % P == 0
        assert carried(machine.get(0))


def test_a_product_may_take_the_place_of_a_factor(machine: Machine) -> None:
    a, b = list(extremes(UNIT))[-2:]
    for program in (b"\1\1\1\2", b"\1\2\1\2"):
        machine.put(1, a)
        machine.put(2, b)
        machine.run(program)
        result = number_of(machine.get(program[1]))
        assert (result - number_of(a) * number_of(b)) % P == 0


def test_sums_differences_and_carrying_are_right(machine: Machine) -> None:
    for a in extremes(3 * UNIT):
        for b in extremes(2 * UNIT):
            machine.put(1, a)
            machine.put(2, b)
            machine.run(b"\3\3\1\2\4\4\1\2\5\5\1\2")
            assert machine.get(3) == [x + y for x, y in zip(a, b, strict=True)]
            assert machine.get(4) == [x - y for x, y in zip(a, b, strict=True)]
            assert (number_of(machine.get(5)) - 2 * number_of(a) - number_of(b)) % P == 0
            assert carried(machine.get(5))


@pytest.mark.parametrize("kind", [0, 64])
def test_selecting_finds_the_entry_that_the_bits_name(machine: Machine, kind: int) -> None:
    chance = random.Random(4)
    for column in (1, 17, 18, 34, 35, 51):
        bits = chance.randbytes(32)
        number = int.from_bytes(bits, "little")
        teeth = sum((number >> column + 51 * i & 1) << i for i in range(5))
        entry = (column - 1) // 17 * 16 + (teeth & 15 if teeth & 16 else teeth ^ 15)
        parts = [COMB[at : at + 32] for at in range(96 * entry, 96 * entry + 96, 32)]
        x, y, z = (int.from_bytes(part, "little") for part in parts)
        machine.run(b"\x08\x08\0\0\x09\1\0\0", kind + column, bits)
        expected = [x, y, z] if teeth & 16 else [y, x, -z]
        assert [number_of(machine.get(i)) for i in (1, 2, 3)] == expected


def test_public_bits_read_one_entry_and_secret_ones_sixteen(machine: Machine) -> None:
    for kind, entries in ((0, 16), (64, 1)):
        machine.memory.trace.clear()
        machine.run(b"\x08\x08\0\0\x09\1\0\0", kind + 20, b"\xff" * 32)
        inside = [at - TABLE for at in machine.memory.trace if 0 <= at - TABLE < len(COMB)]
        # unpacking reads two bytes of the next one
        assert len({at // 96 for at in inside if at % 96 > 1}) == entries


def test_beyond_the_bound_of_the_units_products_are_wrong(machine: Machine) -> None:
    a = [3 * UNIT] * 20
    machine.put(1, a)
    machine.run(b"\1\0\1\1")
    assert (number_of(machine.get(0)) - number_of(a) ** 2) % P != 0


def test_karatsuba_makes_three_quarters_of_the_products() -> None:
    products = sum(len(terms) for column, terms in field.rows() if column >= 0)
    squares = sum(len(terms) for column, terms in field.square_rows() if column >= 0)
    assert (products, squares) == (100, 55)


def test_blocks_of_a_source_are_indented() -> None:
    out = _emit.Source()
    with out.block("while x:"):
        out("x -= 1", "")
    out("done")
    assert out.text() == "while x:\n    x -= 1\n\ndone\n"
