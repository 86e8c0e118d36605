"""What handles secrets runs the same lines and uses the same memory whatever they are.

The viper functions run here as plain Python that tells each line and each address. That the
processor takes equally long for all numbers is no matter of the source; see the docstrings. What
`make bench-crypto` prints shows the rest: how far apart signatures are in instructions.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from generator import sources
from pretend_viper import Memory, viper_functions

VIPER = Path(__file__).parents[2] / "firmware/shimlet_crypto/viper"
WORK, OTHER, TABLE, SCRIPT, PROGRAM = 1 << 16, 1 << 15, 1 << 14, 1 << 12, 1 << 11

Machine = tuple[Memory, dict[str, Any]]
Prepare = Callable[[bytearray, random.Random], None]


def machine(source: str) -> Machine:
    memory = Memory()
    return memory, viper_functions(source, memory)


def rolled(name: str) -> Machine:
    return machine((VIPER / name).read_text())


def secrets() -> Iterator[tuple[int, random.Random | None]]:
    """What fills bytes: zeros, ones, or chance."""
    yield 0, None
    yield 255, None
    yield from ((0, random.Random(seed)) for seed in range(3))


def fill(memory: bytearray, at: int, count: int, byte: int, chance: random.Random | None) -> None:
    memory[at : at + count] = chance.randbytes(count) if chance else bytes([byte]) * count


def fill_limbs(
    memory: bytearray, at: int, count: int, byte: int, chance: random.Random | None, low: int
) -> None:
    """Limbs from `low` to 8191 + low."""
    for i in range(count):
        limb = low + (chance.randrange(8192) if chance else byte * 8191 // 255)
        memory[at + 4 * i : at + 4 * i + 4] = (limb % 2**32).to_bytes(4, "little")


def assert_alike(traces: list[list[int]]) -> None:
    assert all(trace == traces[0] for trace in traces)
    assert any(step < 0 for step in traces[0]) and any(step > 0 for step in traces[0])


@pytest.mark.parametrize("length", [32, 64])
def test_loading_does_not_depend_on_the_bytes(length: int) -> None:
    memory, names = rolled("scalar.py")
    traces = []
    for byte, chance in secrets():
        fill(memory.bytes, OTHER, length, byte, chance)
        source, words = names["ptr8"](OTHER), names["ptr32"](WORK)
        traces.append(memory.traced(names["load"], 0, length, source, words, 0))
    assert_alike(traces)


def test_storing_and_freezing_do_not_depend_on_the_limbs() -> None:
    memory, names = rolled("scalar.py")
    words, out = names["ptr32"](WORK), names["ptr8"](OTHER)
    stored, frozen = [], []
    for byte, chance in secrets():
        fill_limbs(memory.bytes, WORK, 20, byte, chance, 0)
        stored.append(memory.traced(names["store"], 0, 0, words, out, 0))
        for low in (0, -4096):
            fill_limbs(memory.bytes, WORK, 20, byte, chance, low)
            frozen.append(memory.traced(names["freeze"], 0, 0, words))
    assert_alike(stored)
    assert_alike(frozen)


@pytest.mark.parametrize("odd", [0, 1])
def test_arithmetic_mod_l_does_not_depend_on_the_numbers(odd: int) -> None:
    memory, names = rolled("scalar.py")
    words, low = names["ptr32"](WORK), names["ptr8"](TABLE)
    memory.bytes[TABLE : TABLE + 20] = (2**125).to_bytes(20, "little")
    multiplied, reduced = [], []
    for byte, chance in secrets():
        fill_limbs(memory.bytes, WORK, 40, byte, chance, 0)
        fill_limbs(memory.bytes, WORK + 160, 40, byte, chance, 0)
        multiplied.append(memory.traced(names["multiply_add"], 0, 80, words, 160, -1))
        reduced.append(memory.traced(names["reduce"], 160, 0, words, low, odd))
    assert_alike(multiplied)
    assert_alike(reduced)


OPERATIONS = [
    bytes((1, 6, 7, 8)),
    bytes((2, 6, 7, 2)),
    bytes((3, 6, 7, 8)),
    bytes((4, 6, 7, 8)),
    bytes((5, 6, 7, 8)),
    bytes((8, 11, 0, 0, 9, 15, 0, 0)),
]


@pytest.mark.parametrize("program", OPERATIONS)
@pytest.mark.parametrize("step", [1, 18, 51])
def test_the_unrolled_field_does_not_depend_on_elements_or_secret_bits(
    program: bytes, step: int
) -> None:
    memory, names = machine(sources()["shimlet_crypto/viper/field.py"])
    memory.bytes[TABLE : TABLE + 48 * 96 + 2] = random.Random(9).randbytes(48 * 96 + 2)
    memory.bytes[SCRIPT : SCRIPT + 2] = bytes((step, 255))
    memory.bytes[PROGRAM : PROGRAM + len(program) + 8] = b"\1\1\1\1" + program + bytes(4)
    places = [names[f"ptr{size}"](at) for size, at in ((32, WORK), (8, SCRIPT), (8, PROGRAM))]
    traces = []
    for byte, chance in secrets():
        fill(memory.bytes, WORK + 440, 32, byte, chance)
        fill_limbs(memory.bytes, WORK + 480, 80, byte, chance, -4096)
        traces.append(memory.traced(names["run"], 0, 0, *places, names["ptr32"](TABLE)))
    assert_alike(traces)


def test_the_rolled_field_does_not_depend_on_elements_or_secret_bits() -> None:
    memory, names = rolled("field.py")
    memory.bytes[TABLE : TABLE + 48 * 96 + 2] = random.Random(9).randbytes(48 * 96 + 2)
    words, wide, comb = names["ptr32"](WORK), names["ptr32"](OTHER), names["ptr32"](TABLE)
    calls: list[tuple[str, tuple[Any, ...]]] = [
        ("_multiply", (0, 0, words, 140, 160, wide)),
        ("_reduce", (wide, words, 120)),
        ("_carry", (words, 120, 140, 160)),
        ("_add", (words, 120, 140, 160)),
        ("_subtract", (words, 120, 140, 160)),
        ("_find", (names["ptr8"](WORK), 20)),
    ]
    traces: dict[str, list[list[int]]] = {name: [] for name, _ in calls}
    selected, unpacked = [], []
    for byte, chance in secrets():
        for name, arguments in calls:
            fill(memory.bytes, WORK + 440, 32, byte, chance)
            fill_limbs(memory.bytes, WORK + 480, 80, byte, chance, -4096)
            traces[name].append(memory.traced(names[name], *arguments))
        wanted = chance.randrange(16) if chance else byte & 15
        selected.append(memory.traced(names["_select"], words, 220, comb, 20, 768 + 48 * wanted))
        packed = names["ptr16"](WORK)
        unpacked.append(memory.traced(names["_unpack"], packed, 440, words, 300, -(wanted & 1)))
    for each in (*traces.values(), selected, unpacked):
        assert_alike(each)


def test_sha512_does_not_depend_on_the_message() -> None:
    memory, names = rolled("sha512.py")
    work, held, state, table = (
        names[f"ptr{s}"](at)
        for s, at in zip((32, 8, 32, 32), (WORK, OTHER, OTHER, TABLE), strict=True)
    )
    scheduled, run, padded, copied = [], [], [], []
    for byte, chance in secrets():
        fill(memory.bytes, OTHER, 192, byte, chance)
        padded.append(memory.traced(names["_pad"], held, 64, 64))
        scheduled.append(memory.traced(names["_schedule"], 0, 0, work, held, 64))
        run.append(memory.traced(names["_rounds"], 0, 0, work, table, state))
        copied.append(memory.traced(names["copy"], names["ptr8"](WORK), held, 0, 0, 33))
    for each in (scheduled, run, padded, copied):
        assert_alike(each)


def test_a_branch_on_a_secret_would_be_seen() -> None:
    memory, names = rolled("scalar.py")
    words, script = names["ptr32"](WORK), []
    for byte, chance in secrets():  # variable-time, for verifying alone
        fill_limbs(memory.bytes, WORK + 480, 20, byte, chance, 0)
        fill_limbs(memory.bytes, WORK + 560, 20, byte, chance, 0)
        script.append(memory.traced(names["assemble"], 0, 0, words, 480, 560, 0))
    assert script[0] != script[1] != script[2]
