"""shimlet_crypto signs a thousand random messages as libsodium does, and refuses each with one bit
flipped. Runs on both interpreters; plain ints sign a hundred, for they take their time.
"""

from binascii import hexlify

from random_cases import EXPECTED, chained, flipped, message, seed
from shimlet_crypto import backend, public_key, sign, verify

COUNT = 100 if backend == "bigint" else 1000


def test_random_messages_are_signed_as_by_libsodium_and_flipped_bits_refused():
    chain = b""
    for number in range(COUNT):
        text = message(number)
        public = public_key(seed(number))
        signature = sign(seed(number), text, public)
        chain = chained(chain, public, signature)
        assert verify(public, text, signature), number
        assert not verify(*flipped(number, (public, text, signature))), number
    assert hexlify(chain).decode() == EXPECTED[COUNT]
