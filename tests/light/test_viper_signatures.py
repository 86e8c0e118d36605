"""Signing and verifying in viper: nothing on the heap; remembered keys change no answer.

Only where viper runs, on 32-bit MicroPython.
"""

from helpers import no_alloc, skip
from shimlet_crypto import backend, ed25519, public_key, sign, verify

if backend == "bigint":
    skip("viper does not run here")

import micropython
from shimlet_crypto.viper import ed25519 as viper
from shimlet_crypto.viper import scalar
from shimlet_crypto.viper.sha512 import WORK

SEED = bytes(range(32))
MESSAGE = bytes(range(64))
KEYS = 3280  # where in WORK the keys of the last signers are


def row(number):
    """Seed, public key and signature of MESSAGE, of one signer of many."""
    seed = bytes([number]) * 32
    key = public_key(seed)
    return seed, key, sign(seed, MESSAGE, key)


def is_known(key):
    """Whether the key is among those remembered."""
    at = scalar.find(0, KEYS, key, WORK)
    return at >= 0 and at != viper._given[7]


def derive(packet):
    ed25519.public_key_into(SEED, packet, 64)


def test_a_key_is_derived_without_the_heap():
    no_alloc(derive, bytearray(96))


def test_signing_allocates_nothing():
    key, out = public_key(SEED), bytearray(64)

    @micropython.native  # else its own frame would be on the heap
    def signing(message):
        ed25519.sign_into(SEED, key, message, 0, 64, out, 0)

    no_alloc(signing, MESSAGE)
    assert verify(key, MESSAGE, out)


def test_verifying_allocates_nothing_for_a_known_key_a_new_one_and_a_wrong_signature():
    rows = [row(number) for number in range(12)]  # more than are remembered
    answers = bytearray(12)

    @micropython.native
    def verifying(signatures):
        i = 0
        while i < 12:
            _, key, signature = signatures[i]
            right = ed25519.verify_in(key, 0, MESSAGE, 0, 64, signature, 0)
            wrong = ed25519.verify_in(key, 0, MESSAGE, 0, 63, signature, 0)
            answers[i] = right and not wrong
            i += 1

    no_alloc(verifying, rows)
    assert bytes(answers) == b"\x01" * 12


def test_a_remembered_key_accepts_and_refuses_what_a_new_one_does():
    rows = [row(number) for number in range(1, 7)]
    for _ in range(3):
        for _, key, signature in rows + rows[::-1]:
            assert verify(key, MESSAGE, signature)
            assert is_known(key)
            assert verify(key, MESSAGE, signature)
            assert not verify(key, MESSAGE + b"\0", signature)
            assert not verify(key, MESSAGE, sign(bytes(32), MESSAGE, key))


def test_only_keys_of_good_signatures_are_remembered():
    _, key, signature = row(77)
    assert not verify(key, b"something else", signature)
    assert not is_known(key)


def test_a_key_of_which_one_bit_differs_is_another_key():
    _, key, signature = row(78)
    assert verify(key, MESSAGE, signature)
    for bit in (0, 7, 100, 254, 255):
        other = bytearray(key)
        other[bit >> 3] ^= 1 << (bit & 7)
        assert not verify(other, MESSAGE, signature)


def test_what_fills_the_memory_at_first_is_no_key():
    signature = bytes([1]) + bytes(63)
    for odd in (b"\xff" * 32, bytes(32), b"\xff" * 31 + b"\x7f"):
        assert not verify(odd, MESSAGE, signature)


def test_the_last_four_signers_are_remembered_and_no_more():
    rows = [row(number) for number in range(100, 106)]
    for _, key, signature in rows:
        assert verify(key, MESSAGE, signature)
    assert [is_known(key) for _, key, _ in rows] == [False, False, True, True, True, True]


def test_refused_signatures_push_no_key_out():
    _, key, signature = row(110)
    assert verify(key, MESSAGE, signature)
    for number in range(111, 117):
        _, other, _ = row(number)
        assert not verify(other, MESSAGE, signature)
        assert is_known(key) and not is_known(other)
    assert verify(key, MESSAGE, signature)


def test_a_key_that_was_pushed_out_is_met_anew():
    rows = [row(number) for number in range(120, 126)]
    for _ in range(3):
        for _, key, signature in rows:
            wrong = signature[:40] + bytes([signature[40] ^ 1]) + signature[41:]
            assert not verify(key, MESSAGE, wrong)
            assert verify(key, MESSAGE, signature)
            assert not verify(key, MESSAGE, wrong)
