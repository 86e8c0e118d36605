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

P = (1 << 255) - 19
L = (1 << 252) + 27742317777372353535851937790883648493
UNIT = 4096
D, A, B = 0, 5, 6  # registers
MULTIPLY, POWER, ADD, SUBTRACT, CARRY, LOAD, KEEP, PICK, SELECT, UNPACK = range(1, 11)
PLACE = 120  # where ed25519 multiplies
ONCE = b"\0\0\xff\xff"


def put(words, at, limbs):
    """Limbs to 32-bit words from `at` on."""
    for i, limb in enumerate(limbs):
        struct.pack_into("<i", words, 4 * (at + i), limb)


def got(words, at, count=20):
    """The limbs there."""
    return list(struct.unpack_from("<%di" % count, words, 4 * at))


def number_of(limbs):
    """What limbs stand for."""
    return sum([limb << 13 * i for i, limb in enumerate(limbs)])


def limbs_of(number, count=20):
    """A number that is not negative, in limbs."""
    return [number >> 13 * i & 8191 for i in range(count)]


def do(operation, a, b=None, last=B, script=ONCE, bits=b""):
    """The limbs at D after one operation on limbs a and b."""
    put(curve._words, 20 * A, a)
    if b:
        put(curve._words, 20 * B, b)
    program = bytes((operation, D, A, last)) + bytes(4)
    run(0, 0, curve._words, script, program, curve._COMB, bits)
    return got(curve._words, 20 * D)


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
            put(curve._words, 20 * (9 + i), entry[i])
        keep = bytes((KEEP, 17, 9, 0)) + bytes(4)
        load = bytes((LOAD, D, 17, 0)) + bytes(4)
        run(0, 0, curve._words, b"\0\x08\xff\xff", keep, curve._COMB, b"")
        run(0, 0, curve._words, b"\0\x10\xff\xff", load, curve._COMB, b"")
        assert [got(curve._words, 20 * i) for i in range(4)] == entry
        run(0, 0, curve._words, b"\0\x11\xff\xff", load, curve._COMB, b"")
        opposite = [entry[1], entry[0], [-limb for limb in entry[2]], entry[3]]
        assert [got(curve._words, 20 * i) for i in range(4)] == opposite


def unpacked(operation, argument, bits=b""):
    """The three elements that picking or selecting gives."""
    program = bytes((operation, A, 0, 0, UNPACK, 9, 0, 0)) + bytes(4)
    run(0, 0, curve._words, bytes((0, argument, 255)), program, curve._COMB, bits)
    return [got(curve._words, 20 * (9 + i)) for i in range(3)]


def test_every_entry_of_the_comb_unpacks_to_its_numbers():
    for i in range(48):
        parts = [curve._COMB[at : at + 32] for at in range(96 * i, 96 * i + 96, 32)]
        x, y, z = [limbs_of(int.from_bytes(part, "little")) for part in parts]
        assert unpacked(PICK, 2 * i) == [x, y, z]
        assert unpacked(PICK, 2 * i + 1) == [y, x, [-limb for limb in z]]


def test_selecting_by_secret_bits_gives_what_picking_gives():
    for start in range(16):
        bits = bytes([(start * 37 + i * 101) & 255 for i in range(32)])
        arguments = bytearray(51)
        scalar.comb_arguments(bits, arguments, 0)
        for column in range(start, 51, 7):
            picked = unpacked(PICK, arguments[column])
            assert unpacked(SELECT, column, bits) == picked, (bits, column)


def test_freezing_gives_the_one_number_below_p():
    numbers = [0, 1, 18, 19, P - 1, P, P + 1, P + 18, (1 << 255) - 1, 1 << 255, (1 << 260) - 1]
    for limbs in [limbs_of(number) for number in numbers] + list(patterns(6 * UNIT)):
        put(curve._words, 20 * D, limbs)
        answer = scalar.freeze(curve._words, 20 * D)
        assert got(curve._words, 20 * D) == limbs_of(number_of(limbs) % P), limbs
        assert bool(answer) == bool(number_of(limbs) % P), limbs


def many(bits):
    """Numbers of so many bits: the ends, what lies about multiples of L, and a mixture."""
    top = 1 << bits
    numbers = [0, 1, L - 1, L, L + 1, 2 * L - 1, 2 * L, top - 1, top - L, top // 3, top // L * L]
    numbers += [top // L * L - 1, 1 << bits - 1, (1 << 252) - 1, 1 << 252]
    return [number for number in numbers if number < top]


def reduced(words, at):
    """Reduce what is there; the upper limbs must be 0 then."""
    ed25519._reduce(at)
    limbs = got(words, at, 40)
    assert limbs[20:] == [0] * 20
    assert min(limbs) >= 0 and max(limbs) < 8192
    return number_of(limbs)


def test_reducing_mod_l_is_right_for_all_of_512_bits():
    words = ed25519._words
    for number in many(512):
        scalar.load(number.to_bytes(64, "little"), 0, 64, words, PLACE, 40)
        assert reduced(words, PLACE) == number % L, number


def test_products_mod_l_are_right():
    words = ed25519._words
    for a in many(256):
        for b in many(253):
            for number, at in ((a, 0), (b, 20), (L - 1, 40)):
                put(words, at, limbs_of(number))
            scalar.multiply_add(0, 0, words, PLACE, 0, 20, 40)
            assert reduced(words, PLACE) == (a * b + L - 1) % L, (a, b)


def test_the_signs_of_a_comb_sum_up_to_its_number():
    words = ed25519._words
    for number in many(253):
        if number < L:
            put(words, 0, limbs_of(number))
            scalar.comb_bits(words, 0, ed25519._limits, 20)
            bits = number_of(got(words, 20))
            assert (2 * bits - ((1 << 255) - 1) - number) % L == 0, number
            assert bits < 1 << 255


def halved(number):
    """u and v that belong to a number, u with its sign."""
    words = ed25519._words
    put(words, 40, limbs_of(number))
    answer = scalar.halve(0, 0, words, 40, 80, 0, ed25519._limits)
    second = 20 if answer & 2 else 0
    u, v = number_of(got(words, 80 + second)), number_of(got(words, second))
    return -u if answer & 1 else u, v


def test_halves_are_short_odd_and_right_mod_8_l():
    numbers = [number for number in many(253) if number < L]
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
    for number in numbers[-60:]:
        assert halved(number)[1] < 1 << 140, number  # chance decides; 127 is usual


def test_digits_sum_up_to_their_number():
    words = ed25519._words
    for number in [0, 1, 7, 8, 15, 16, (1 << 260) - 1, (1 << 130) - 1, L // 3, L // 7 << 4]:
        put(words, 0, limbs_of(number))
        for change in (0, 1):
            arguments = bytearray(264)
            scalar.recode(words, 0, change, arguments, 0)
            total = 0
            for i, argument in enumerate(arguments):
                if argument != 255:
                    assert argument < 8
                    total += (-1 if argument & 1 else 1) * ((argument | 1) << i)
            assert total == (-number if change else number), number


BASE_POINT = b"\x58" + b"\x66" * 31


def is_neutral(u, v, flip, k):
    """Whether -u * B - v * B + k * B is the neutral point; with `flip`, u * B - v * B + k * B."""
    words, bits = ed25519._words, bytearray(32)
    put(words, PLACE, limbs_of(k % L))
    scalar.comb_bits(words, PLACE, ed25519._limits, PLACE + 20)
    scalar.store(words, PLACE + 20, bits, 0)
    put(words, 80, limbs_of(u))
    put(words, 0, limbs_of(v))
    curve.combine(words, 80, 0, flip, bits)
    return curve.is_neutral()


def test_sums_of_multiples_are_right_for_the_longest_numbers_and_the_most_digits():
    for number in (0, 1):
        assert curve.decompress(BASE_POINT, 0)
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
