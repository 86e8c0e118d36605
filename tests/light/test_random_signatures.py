"""shimlet_crypto signs a thousand random messages as libsodium does, and refuses each with one bit
flipped. Runs on both interpreters; under CPython, where boards' crypto is not at home, a hundred.
"""

from binascii import hexlify

from helpers import MICROPYTHON
from random_cases import EXPECTED, chained, flipped, message, seed
from shimlet_crypto import public_key, sign, verify

COUNT = 1000 if MICROPYTHON else 100


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
