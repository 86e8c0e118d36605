"""SHA-512 and BLAKE2b: both ways to compute them, against the RFCs and hashlib's recorded answers.

In viper they run where there is native code with 32-bit words; elsewhere plain ints alone are
tested. The recorded answers: tests/vectors/hashes_make.py. Runs on both interpreters.
"""

import hashlib

from helpers import MICROPYTHON, hexed, no_alloc, rows_of, skip
from shimlet_crypto.bigint import blake2b as bigint_blake2b
from shimlet_crypto.bigint import sha512 as bigint_sha512

BACKENDS = [(bigint_sha512, bigint_blake2b)]
try:
    from shimlet_crypto.viper import blake2b as viper_blake2b
    from shimlet_crypto.viper import sha512 as viper_sha512

    BACKENDS.append((viper_sha512, viper_blake2b))
except (ImportError, SyntaxError, ValueError):  # no native code, or words of 64 bits
    viper_sha512 = viper_blake2b = None

MESSAGE = bytearray(301)  # filled in place: a bare board has little heap left here
for i in range(301):
    MESSAGE[i] = (i * 167 + 13) & 255

# RFC 6234, section 8.5: tests 1, 2 and 4 for SHA-512.
RFC_6234 = (
    (
        b"abc",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
        "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
    ),
    (
        b"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
        b"hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
        "8e959b75dae313da8cf4f72814fc143f8f7779c6eb9f7fa17299aeadb6889018"
        "501d289e4900f7e4331b99dec4b5433ac7d329eeb6dd26545e96e55b874be909",
    ),
    (
        b"01234567" * 80,
        "89d05ba632c699c31231ded4ffc127d5a894dad412c0e024db872d1abd2ba814"
        "1a0f85072a9be1e2aa04cf33c765cb510813a39cd5a84c4acaa64d3f3fb7bae9",
    ),
)
# The same section, test 3: "a" a million times.
MILLION = (
    "e718483d0ce769644e2e42c7bc15b4638e1f98b13b2044285632a803afa973eb"
    "de0ff244877ea60a4cb0432ce577c31beb009c5c2c49aa2e4eadb217ad8cc09b"
)
# RFC 7693, appendix A: BLAKE2b-512 of "abc".
RFC_7693 = (
    "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
    "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923"
)


def in_viper():
    """The two modules in viper; skip where they do not run."""
    if viper_sha512 is None:
        skip("viper needs native code with 32-bit words")
    return viper_sha512, viper_blake2b


def test_sha512_is_that_of_rfc_6234():
    for sha512, _ in BACKENDS:
        for message, digest in RFC_6234:
            assert hexed(sha512.sha512(message)) == digest


def test_sha512_of_a_million_bytes_is_that_of_rfc_6234():
    sha512, _ = in_viper()
    piece = b"a" * 1000
    running = sha512.Sha512()
    for _ in range(1000):
        running.update(piece, 0, 1000)
    out = bytearray(64)
    running.digest_into(out, 0)
    assert hexed(out) == MILLION


def test_blake2b_is_that_of_rfc_7693():
    for _, blake2b in BACKENDS:
        assert hexed(blake2b.blake2b(b"abc", 64)) == RFC_7693


def test_every_length_to_300_gives_the_recorded_digest():
    count = 0
    for row in rows_of("hash_lengths"):
        message = MESSAGE[: row["length"]]
        for sha512, blake2b in BACKENDS:
            assert hexed(sha512.sha512(message)[:16]) == row["sha512"], row["length"]
            assert hexed(blake2b.blake2b(message)[:16]) == row["blake2b"], row["length"]
        count += 1
    assert count == 301


def test_every_digest_size_of_blake2b_is_the_recorded_one():
    count = 0
    for row in rows_of("hash_sizes"):
        for _, blake2b in BACKENDS:
            assert hexed(blake2b.blake2b(MESSAGE[:200], row["size"])) == row["blake2b"], row[
                "size"
            ]
        count += 1
    assert count == 64


def test_the_recorded_digests_are_those_of_hashlib():
    if MICROPYTHON:
        skip("MicroPython's hashlib has neither")
    for row in rows_of("hash_lengths"):
        message = MESSAGE[: row["length"]]
        assert hashlib.sha512(message).hexdigest().startswith(row["sha512"])
        assert hashlib.blake2b(message, digest_size=32).hexdigest().startswith(row["blake2b"])


def test_sha512_takes_a_message_in_odd_pieces():
    pieces = (1, 3, 0, 7, 120, 128, 129, 5, 64, 127, 2)
    data = bytes(MESSAGE) * 4
    for sha512, _ in BACKENDS:
        for first in range(len(pieces)):
            running = sha512.Sha512()
            at = 0
            for piece in pieces[first:] + pieces[:first]:
                running.update(data, at, piece)
                at += piece
            out = bytearray(64)
            running.digest_into(out, 0)
            assert out == sha512.sha512(data[:at]), first


def test_parts_of_buffers_may_begin_at_any_address():
    whole = b"...." + MESSAGE
    for sha512, blake2b in BACKENDS:
        expected = sha512.sha512(MESSAGE[4:300]), blake2b.blake2b(MESSAGE[4:300], 33)
        for shift in range(4):
            buf = memoryview(whole[4 - shift :])
            out = bytearray(b"." * 71)
            sha512.sha512_into(buf, 4 + shift, 296, out, shift)
            assert bytes(out) == b"." * shift + expected[0] + b"." * (7 - shift)
            out = bytearray(b"." * 40)
            blake2b.blake2b_into(buf, 4 + shift, 296, 33, out, shift)
            assert bytes(out) == b"." * shift + expected[1] + b"." * (7 - shift)


def test_a_message_may_be_overwritten_by_its_digest():
    for sha512, blake2b in BACKENDS:
        buf = bytearray(MESSAGE)
        sha512.sha512_into(buf, 0, 301, buf, 200)
        assert buf[200:264] == sha512.sha512(MESSAGE)
        buf = bytearray(MESSAGE)
        blake2b.blake2b_into(buf, 0, 301, 64, buf, 200)
        assert buf[200:264] == blake2b.blake2b(MESSAGE, 64)


def test_a_used_up_hash_in_viper_can_begin_anew():
    sha512, _ = in_viper()
    running = sha512.Sha512()
    out = bytearray(64)
    for message in (MESSAGE, b"abc", MESSAGE[:130]):
        running.reset()
        running.update(message, 0, len(message))
        running.digest_into(out, 0)
        assert out == sha512.sha512(message)


def refused(function, *arguments):
    """Whether the call is a ValueError."""
    try:
        function(*arguments)
    except ValueError:
        return True
    return False


def test_viper_refuses_bytes_outside_of_a_buffer():
    sha512, blake2b = in_viper()
    out = bytearray(64)
    running = sha512.Sha512()
    for start, length in ((0, 4), (4, 0), (-1, 1), (1, -1), (3, 1)):
        assert refused(running.update, b"abc", start, length)
        assert refused(sha512.sha512_into, b"abc", start, length, out, 0)
        assert refused(blake2b.blake2b_into, b"abc", start, length, 32, out, 0)
    for at in (-1, 1, 64):
        assert refused(running.digest_into, out, at)
        assert refused(sha512.sha512_into, b"abc", 0, 3, out, at)
        assert refused(blake2b.blake2b_into, b"abc", 0, 3, 64, out, at)
    assert out == bytes(64)


def test_hashing_in_viper_takes_no_heap():
    sha512, blake2b = in_viper()

    def stream(running, buf, out):
        running.reset()
        running.update(buf, 0, 100)
        running.update(buf, 100, 201)
        running.digest_into(out, 0)

    def at_once(sha512_into, blake2b_into, out):
        sha512_into(MESSAGE, 1, 300, out, 0)
        blake2b_into(MESSAGE, 1, 300, 32, out, 0)

    no_alloc(stream, sha512.Sha512(), MESSAGE, bytearray(64))
    no_alloc(at_once, sha512.sha512_into, blake2b.blake2b_into, bytearray(64))
