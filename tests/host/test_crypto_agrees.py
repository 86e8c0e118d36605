"""The board's crypto answers as the host's: for random inputs, and for every odd signature."""

import hashlib
import random

from nacl.signing import SigningKey
from shimlet_crypto import blake2b, public_key, sha512, sign, verify
from shimlet_crypto.bigint.curve import _ADDEND_BYTES, _D, L, P, _part
from shimlet_crypto.viper.comb import COMB
from vectors import crypto_make as reference


def test_random_keys_and_messages_sign_alike() -> None:
    chance = random.Random(1)
    for _ in range(300):
        key = SigningKey(chance.randbytes(32))
        message = chance.randbytes(chance.choice((0, 1, 64, 200, 2000)))
        signature = key.sign(message).signature
        assert public_key(bytes(key)) == bytes(key.verify_key)
        assert sign(bytes(key), message, bytes(key.verify_key)) == signature
        assert verify(bytes(key.verify_key), message, signature)


def test_random_messages_hash_alike() -> None:
    chance = random.Random(2)
    for length in [*range(280), 1000, 4096]:
        data = chance.randbytes(length)
        size = chance.randint(1, 64)
        assert sha512(data) == hashlib.sha512(data).digest()
        assert blake2b(data, size) == hashlib.blake2b(data, digest_size=size).digest()


def test_both_ends_accept_and_refuse_the_same_signatures() -> None:
    accepted = 0
    cases = reference.refusal_cases()
    for name, key, message, signature in cases:
        answer = verify(key, message, signature)
        assert answer == reference.libsodium_accepts(key, message, signature), name
        accepted += answer
    assert 5 < accepted < len(cases) // 10


def test_random_bit_flips_are_refused_by_both() -> None:
    chance = random.Random(3)
    key = SigningKey(chance.randbytes(32))
    message = chance.randbytes(40)
    packet = bytes(key.verify_key) + key.sign(message).signature + message
    for _ in range(200):
        bit = chance.randrange(len(packet) * 8)
        raw = (int.from_bytes(packet, "little") ^ 1 << bit).to_bytes(len(packet), "little")
        assert not verify(raw[:32], raw[96:], raw[32:96])
        assert not reference.libsodium_accepts(raw[:32], raw[96:], raw[32:96])


def test_the_comb_holds_the_multiples_that_it_names() -> None:
    for half in (0, 1):
        for i in range(8):
            signs = [1 if i >> tooth & 1 else -1 for tooth in range(3)] + [1]
            k = sum(sign << 64 * tooth for tooth, sign in enumerate(signs)) << 32 * half
            x, y = reference.times(k % L, reference.BASE)
            at = (half * 8 + i) * _ADDEND_BYTES
            parts = [_part(at, number) for number in range(3)]
            assert parts == [(y + x) % P, (y - x) % P, 2 * _D * x * y % P]


def test_the_comb_of_viper_holds_the_multiples_that_it_names() -> None:
    half = pow(2, -1, P)
    for entry in range(48):
        third, i = divmod(entry, 16)
        signs = [1 if i >> tooth & 1 else -1 for tooth in range(4)] + [1]
        k = sum(sign << 51 * tooth for tooth, sign in enumerate(signs)) << 17 * third
        x, y = reference.times(k % L, reference.BASE)
        parts = [COMB[at : at + 32] for at in range(96 * entry, 96 * entry + 96, 32)]
        numbers = [(y + x) * half % P, (y - x) * half % P, _D * x * y % P]
        assert [int.from_bytes(part, "little") for part in parts] == numbers
