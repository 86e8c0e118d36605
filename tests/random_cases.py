"""A thousand seeds and messages that every interpreter can make for itself, and what signing them
comes to.

In: a number. Out: its seed, and its message of 0 to 2,000 bytes. EXPECTED chains the public keys
and signatures of the first so many, so that no file of vectors need travel; tests/host checks it
by PyNaCl, tests/light/test_random_signatures.py by the board's crypto.
"""

from hashlib import sha256

LONGEST = 2000
EXPECTED = {
    100: "720c32413302cb574788ba0543484834d8c1e5d567d856c430a04aa56907d20d",
    1000: "05db1f239d58f641e3abc9c3fd0d9b1ef687028023a66c018ebf26ad6712337a",
}


def seed(number):
    """The number-th seed."""
    return sha256(b"seed %d" % number).digest()


def message(number):
    """The number-th message."""
    length = int.from_bytes(sha256(b"length %d" % number).digest()[:4], "little") % (LONGEST + 1)
    blocks = [sha256(b"message %d %d" % (number, i)).digest() for i in range(0, length, 32)]
    return b"".join(blocks)[:length]


def chained(before, public_key, signature):
    """The chain with one more public key and signature; it begins with b""."""
    return sha256(before + public_key + signature).digest()


def flipped(number, parts):
    """Copies of public key, message and signature, one bit of one of them changed."""
    parts = [bytearray(part) for part in parts]
    chance = sha256(b"flip %d" % number).digest()
    part = parts[(0, 2, 1)[chance[0] % (3 if parts[1] else 2)]]
    bit = int.from_bytes(chance[1:5], "little") % (8 * len(part))
    part[bit >> 3] ^= 1 << (bit & 7)
    return parts
