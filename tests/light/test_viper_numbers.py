"""The viper arithmetic against Python's ints, at the extremes of what limbs may be.

Only where viper runs, on 32-bit MicroPython; there it is the unrolled form or the rolled one,
whichever was imported.
"""

import struct

from helpers import skip
from shimlet_crypto import backend

if backend == "bigint":
    skip("viper does not run here")

from shimlet_crypto.viper import curve, ed25519, scalar
from shimlet_crypto.viper.field import run
from shimlet_crypto.viper.sha512 import WORK

P = (1 << 255) - 19
L = (1 << 252) + 27742317777372353535851937790883648493
UNIT = 4096
D, A, B, Q, TABLE = 6, 11, 12, 15, 25  # registers
MULTIPLY, POWER, ADD, SUBTRACT, CARRY, LOAD, KEEP, SELECT, UNPACK = range(1, 10)
SECRET, PUBLIC, ENTRY, PLAIN = 0, 64, 128, 192  # kinds of steps
BITS = 440
PLACE = 880  # where ed25519 multiplies


def put(at, limbs):
    """Limbs to 32-bit words from byte `at` on."""
    for i, limb in enumerate(limbs):
        struct.pack_into("<i", WORK, at + 4 * i, limb)


def got(at, count=20):
    """The limbs there."""
    return list(struct.unpack_from("<%di" % count, WORK, at))


def number_of(limbs):
    """What limbs stand for."""
    return sum([limb << 13 * i for i, limb in enumerate(limbs)])


def limbs_of(number, count=20):
    """A number that is not negative, in limbs."""
    return [number >> 13 * i & 8191 for i in range(count)]


def program_of(*instructions):
    """A program that starts for steps of any kind; plain ones up to number 8."""
    return b"\x03" * 12 + bytes(instructions) + bytes(4)


def run_step(step, program):
    """Run a script of one step."""
    run(0, 0, WORK, bytes((step, 255)), program, curve._COMB)


def do(operation, a, b=None, last=B):
    """The limbs at D after one operation on limbs a and b."""
    put(80 * A, a)
    if b:
        put(80 * B, b)
    run_step(PLAIN, program_of(operation, D, A, last))
    return got(80 * D)


def patterns(most):
    """Limbs as large as they may be: all alike, with changing signs, and mixed."""
    state = 12345
    yield [most] * 20
    yield [-most] * 20
    yield [most, -most] * 10
    yield [most] * 10 + [-most] * 10
    yield [0] * 19 + [-most]
    for _ in range(12):
        limbs = []
        for _ in range(20):
            state = (state * 75 + 74) % 65537
            limbs.append(state % (2 * most + 1) - most)
        yield limbs


def check_carried(limbs):
    """Whether the limbs are what carrying leaves."""
    assert all(abs(limb) <= UNIT for limb in limbs[:2] + limbs[3:]), limbs
    assert abs(limbs[2]) <= UNIT + 3, limbs


def test_products_are_right_up_to_the_bound_of_the_units():
    for most_a, most_b in ((UNIT, UNIT), (63 * UNIT // 10, UNIT), (UNIT, 63 * UNIT // 10)):
        for a in patterns(most_a):
            for b in patterns(most_b):
                limbs = do(MULTIPLY, a, b)
                assert (number_of(limbs) - number_of(a) * number_of(b)) % P == 0, (a, b)
                check_carried(limbs)


def test_squares_are_right_up_to_the_bound_of_the_units():
    for most in (UNIT, 25 * UNIT // 10):
        for a in patterns(most):
            for times in (1, 2, 3):
                limbs = do(POWER, a, last=times)
                assert (number_of(limbs) - pow(number_of(a), 1 << times, P)) % P == 0, a
                check_carried(limbs)


def test_sums_and_differences_are_right_limb_for_limb():
    for a in patterns(3 * UNIT):
        for b in patterns(3 * UNIT):
            assert do(ADD, a, b) == [x + y for x, y in zip(a, b)]
            assert do(SUBTRACT, a, b) == [x - y for x, y in zip(a, b)]


def test_carrying_keeps_the_number():
    for a in patterns(3 * UNIT):
        for b in patterns(6 * UNIT):
            limbs = do(CARRY, a, b)
            assert (number_of(limbs) - 2 * number_of(a) - number_of(b)) % P == 0, (a, b)
            check_carried(limbs)


def test_a_table_gives_back_what_it_got_and_its_opposite():
    for limbs in patterns(2 * UNIT):
        entry = [limbs[i:] + limbs[:i] for i in range(4)]
        for i in range(4):
            put(80 * (Q + i), entry[i])
        run_step(PLAIN + 7, program_of(KEEP, TABLE, Q, 0))
        run_step(ENTRY + 14, program_of(LOAD, D, TABLE, 0))
        assert [got(80 * (D + i)) for i in range(4)] == entry
        run_step(ENTRY + 15, program_of(LOAD, D, TABLE, 0))
        opposite = [entry[1], entry[0], [-limb for limb in entry[2]], entry[3]]
        assert [got(80 * (D + i)) for i in range(4)] == opposite


def unpacked(kind, column):
    """The three elements that the bits from this column on select."""
    run_step(kind + column, program_of(SELECT, A, 0, 0, UNPACK, Q, 0, 0))
    return [got(80 * (Q + i)) for i in range(3)]


def set_teeth(column, teeth):
    """Bits of which only those of this column mean something."""
    WORK[BITS : BITS + 32] = bytes([(column * 37 + i * 101) & 255 for i in range(32)])
    for i in range(5):
        at = column + 51 * i
        WORK[BITS + (at >> 3)] &= 255 ^ (1 << (at & 7))
        WORK[BITS + (at >> 3)] |= (teeth >> i & 1) << (at & 7)


def test_each_five_bits_select_their_entry_be_they_secret_or_not():
    for column in (1, 17, 18, 34, 35, 51):
        for teeth in range(32):
            set_teeth(column, teeth)
            entry = (column - 1) // 17 * 16 + (teeth & 15 if teeth & 16 else teeth ^ 15)
            parts = [curve._COMB[at : at + 32] for at in range(96 * entry, 96 * entry + 96, 32)]
            x, y, z = [limbs_of(int.from_bytes(part, "little")) for part in parts]
            expected = [x, y, z] if teeth & 16 else [y, x, [-limb for limb in z]]
            assert unpacked(PUBLIC, column) == expected, (column, teeth)
            assert unpacked(SECRET, column) == expected, (column, teeth)


def test_freezing_gives_the_one_number_below_p():
    numbers = [0, 1, 18, 19, P - 1, P, P + 1, P + 18, (1 << 255) - 1, 1 << 255, (1 << 260) - 1]
    for limbs in [limbs_of(number) for number in numbers] + list(patterns(6 * UNIT)):
        put(80 * D, limbs)
        answer = scalar.freeze(80 * D, 0, WORK)
        assert got(80 * D) == limbs_of(number_of(limbs) % P), limbs
        assert bool(answer) == bool(number_of(limbs) % P), limbs


def many(bits):
    """Numbers of so many bits: the ends, what lies about multiples of L, and a mixture."""
    top = 1 << bits
    numbers = [0, 1, L - 1, L, L + 1, 2 * L - 1, 2 * L, top - 1, top - L, top // 3, top // L * L]
    numbers += [top // L * L - 1, 1 << bits - 1, (1 << 252) - 1, 1 << 252]
    return [number for number in numbers if number < top]


def test_bytes_become_limbs_and_bytes_again():
    for number in many(256):
        data = number.to_bytes(32, "little")
        scalar.load(2, 32, b".." + data, WORK, PLACE)
        assert got(PLACE) == limbs_of(number)
        out = bytearray(b"." * 40)
        scalar.store(PLACE, 0, WORK, out, 5)
        assert out == b"....." + data + b"..."


def reduced(odd=0):
    """Reduce what is at PLACE; the upper limbs must be 0 then."""
    scalar.reduce(PLACE, 0, WORK, ed25519._LOW, odd)
    limbs = got(PLACE, 40)
    assert limbs[20:] == [0] * 20
    assert min(limbs) >= 0 and max(limbs) < 8192
    return number_of(limbs)


def test_reducing_mod_l_is_right_for_all_of_512_bits():
    for number in many(512):
        scalar.load(0, 64, number.to_bytes(64, "little"), WORK, PLACE)
        assert reduced() == number % L, number
        odd = reduced(1)
        assert odd & 1 and odd in (number % L, number % L + L), number


def test_reducing_is_right_next_to_each_boundary():
    for power in range(1, 1 << 14, 517):
        for boundary in (power * L, power << 252, power * power << 252, power * L << 240):
            for number in (boundary - 1, boundary, boundary + 1):
                put(PLACE, limbs_of(number, 40))
                assert reduced() == number % L, number


def test_reducing_takes_the_largest_sums_of_products():
    most = 20 * 8191 * 8191 + 8191
    for limbs in ([most] * 39 + [0], [0] * 19 + [most] * 20 + [0], [8191] * 40):
        put(PLACE, limbs)
        assert reduced() == number_of(limbs) % L


def test_products_mod_l_are_right():
    for a in many(256):
        for b in many(253):
            put(480, limbs_of(a))
            put(560, limbs_of(b))
            put(PLACE, limbs_of(L - 1, 40))
            scalar.multiply_add(480, 560, WORK, PLACE, -1)
            assert reduced() == (a * b + L - 1) % L, (a, b)
            scalar.multiply_add(480, 560, WORK, PLACE, 0)
            assert reduced() == a * b % L, (a, b)


def set_bits(number):
    """The bits for the comb of this number mod L."""
    put(PLACE, limbs_of(number % L, 40))
    ed25519._signs_of(PLACE)


def test_the_signs_of_a_comb_sum_up_to_its_number():
    for number in many(253):
        set_bits(number)
        bits = int.from_bytes(WORK[BITS : BITS + 32], "little") >> 1
        assert (2 * bits - ((1 << 255) - 1) - number) % L == 0, number
        assert bits >> 254 == 1


def test_bytes_are_compared_as_numbers():
    for a in many(256):
        for b in many(256):
            first, second = a.to_bytes(32, "little"), b.to_bytes(32, "little")
            assert scalar.is_below(31, 1, b"." + first, second) == (a < b)


def test_a_row_is_found_only_if_all_of_it_is_equal():
    rows = bytes([i * 7 & 255 for i in range(160)])
    for row in range(0, 160, 32):
        wanted = rows[row : row + 32]
        assert scalar.find(1, 2, b"." + wanted, b".." + rows) == row + 2
        for i in range(32):
            other = wanted[:i] + bytes([wanted[i] ^ 128]) + wanted[i + 1 :]
            assert scalar.find(0, 0, other, rows) == -1


def halved(number):
    """u and v that belong to a number, u with its sign."""
    for at, start in ((480, 8 * L), (560, number), (640, 0), (720, (1 << 260) - 1)):
        put(at, limbs_of(start))
    answer = scalar.halve(0, 0, WORK, 480)
    u = 480 + 40 * (answer & 2)
    return (-1 if answer & 1 else 1) * number_of(got(u)), number_of(got(u + 160))


def test_halves_are_short_odd_and_right_mod_8_l():
    numbers = [number for number in many(253) if number < L]
    numbers += [8 * L // k for k in (9, 10, 8191, 8192, 8193, 1 << 26, 1 << 90)]
    state = 3
    for _ in range(60):
        state = state * 0x5851F42D4C957F2D14057B7EF767814F + 0x14057B7EF767814F % L
        state = state * state % L
        numbers.append(state)
    for number in numbers:
        u, v = halved(number)
        assert v & 1 and v > 0, number
        assert (v * number - u) % (8 * L) == 0, number
        assert abs(u) < 1 << 128, number
        assert v < 1 << 256, number
    for number in numbers[-60:]:
        assert halved(number)[1] < 1 << 140, number  # chance decides; 127 is usual


def written(u, v, flip):
    """The script for u and v; it ends where it should."""
    put(480, limbs_of(u))
    put(560, limbs_of(v))
    put(640, [8191])  # what lies behind it does not matter
    scalar.assemble(0, 0, WORK, 480, 560, flip)
    assert WORK.find(b"\xff") == 439
    return bytes(WORK[:439])


def added(script):
    """What a script adds of the two points, and each column of the comb with its doublings."""
    total = [0, 0]
    columns = []
    start = script.find(b"\xca")
    assert script[:start] == b"\xc9" * start
    for step in script[start + 1 :]:
        if step == 200:
            total = [2 * number for number in total]
            columns = [(column, times + 1) for column, times in columns]
        elif step >> 6 == 2:
            digit = (step & 6) + 1
            total[step >> 3 & 1] += -digit if step & 1 else digit
        else:
            assert step >> 6 == 1
            columns.append((step & 63, 0))
    return total, sorted(columns)


def test_a_script_adds_up_to_its_numbers():
    comb = sorted([(i + 17 * third, i - 1) for i in range(1, 18) for third in range(3)])
    longest = int("1" * 64, 16)  # every fourth digit is not 0
    for u in (0, 1, 7, 8, 9, 15, 16, L >> 125, longest >> 128, (1 << 128) - 1):
        for v in (1, 3, 7, 8, 9, L >> 123, L, longest, longest * 7, longest * 9, (1 << 256) - 1):
            for flip in (0, 1):
                assert added(written(u, v, flip)) == ([-u if flip else u, v], comb), (u, v)


BASE_POINT = b"\x58" + b"\x66" * 31


def is_neutral(u, v, flip, k):
    """Whether -u * B - v * B + k * B is the neutral point; with `flip`, u * B - v * B + k * B."""
    set_bits(k)
    put(480, limbs_of(u))
    put(640, limbs_of(v))
    return curve.combine(480, flip)


def test_sums_of_multiples_are_right_for_the_longest_numbers_and_the_most_digits():
    for number in (0, 1):
        WORK[:32] = BASE_POINT
        assert curve.decompress(0)
        curve.keep_multiples(number)
    most = int("1" * 64, 16)  # every fourth digit is not 0
    for u, v in (
        ((1 << 128) - 1, (1 << 255) - 1),
        (most >> 128, most),
        (7 * most >> 130, 7 * most >> 2),
        (9 * most >> 132, 9 * most >> 4),
        (0, 1),
        (1, 1),
        (5, 3),
        (L >> 125, L),
    ):
        for flip, k in ((0, u + v), (1, v - u)):
            assert is_neutral(u, v, flip, k), (u, v, flip)
            assert not is_neutral(u, v, flip, k + 1), (u, v, flip)
