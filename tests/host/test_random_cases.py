"""What the random cases of the board's crypto come to, by PyNaCl; each is a case of its own."""

from __future__ import annotations

from nacl.signing import SigningKey
from random_cases import EXPECTED, LONGEST, chained, flipped, message, seed


def test_the_expected_chains_are_those_of_libsodium() -> None:
    chain = b""
    for number in range(max(EXPECTED)):
        key = SigningKey(seed(number))
        chain = chained(chain, bytes(key.verify_key), key.sign(message(number)).signature)
        if number + 1 in EXPECTED:
            assert chain.hex() == EXPECTED[number + 1]


def test_messages_have_all_kinds_of_lengths() -> None:
    lengths = {len(message(number)) for number in range(1000)}
    assert len(lengths) > 500
    assert min(lengths) < 10
    assert LONGEST - 10 < max(lengths) <= LONGEST


def test_one_bit_is_flipped_in_each_part_at_times() -> None:
    parts = (bytes(32), bytes(100), bytes(64))
    changed = [0, 0, 0]
    for number in range(1000):
        after = flipped(number, parts)
        bits = [int.from_bytes(part, "little").bit_count() for part in after]
        assert sum(bits) == 1
        changed = [count + bit for count, bit in zip(changed, bits, strict=True)]
    assert min(changed) > 100
    assert flipped(0, (bytes(32), b"", bytes(64)))[1] == b""
