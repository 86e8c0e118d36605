"""Counts what shimlet_crypto does on an emulated board: a line `NAME NUMBER ...` a figure.

In: files cases/NUMBER, each a seed, a public key, a message of 64 bytes and a signature;
handshake.bin, a signed request to the node of the first seed; cases.json, what else to know.
Out: instructions and bytes of heap. Compiled and run by tests/bench/bench_crypto.py.
"""

import gc
import json

import shimlet_crypto
from qemucount import allocated, count, since, ticks
from shimlet_crypto import ed25519
from shimlet_crypto.blake2b import blake2b_into
from shimlet_crypto.sha512 import sha512_into

with open("cases.json") as file:
    CASES = json.loads(file.read())
SIZE = 32 + 32 + 64 + 64
case = bytearray(SIZE)
seed = bytearray(32)
public = bytearray(32)
out = bytearray(64)


def use(number):
    """Load a case."""
    with open("cases/%d" % number, "rb") as file:
        file.readinto(case)
    seed[:] = case[:32]
    public[:] = case[32:64]


def verify():
    """Check the case's signature."""
    assert ed25519.verify_in(case, 32, case, 64, 64, case, 128)


def sign():
    """Sign the case's message."""
    ed25519.sign_into(seed, public, case, 64, 64, out, 0)


def derive():
    """Derive the case's public key."""
    ed25519.public_key_into(seed, out, 0)


def told(name, numbers):
    """One line of output."""
    print(name, *numbers)


def signing():
    """Sign with each seed, and see that the result is right."""
    for number in range(CASES["count"]):
        use(number)
        yield count(sign)
        assert out == case[128:]


def deriving():
    """Derive each fourth public key."""
    for number in range(0, CASES["count"], 4):
        use(number)
        yield count(derive)
        assert out[:32] == public


def verifying(times):
    """Check signatures of keys not met before; or, the second time, of those just met."""
    for number in range(8, 24):
        use(number)
        for _ in range(times - 1):
            verify()
        yield count(verify)


def hashing(name, into, *rest):
    """64 bytes, and each block of 128 more."""
    data = bytearray(64 + 4 * 128)
    first = count(into, data, 0, 64, *rest)
    told(name, [first])
    told(name + "-block", [(count(into, data, 0, len(data), *rest) - first) // 4])


def handshake():
    """From the last byte of a request of an unknown peer to the response."""
    from shimlet.handshake import Rules
    from shimlet.link import REQUESTED, Link
    from shimlet_light.identity import BoardIdentity

    with open("handshake.bin", "rb") as file:
        request = file.read()
    use(0)
    link = Link(BoardIdentity(bytes(seed)), Rules("spec", [CASES["to"].encode()], 16), 0)
    link.source = CASES["source"]
    link.view[: len(request)] = request
    gc.collect()
    start = ticks()
    link.received(len(request), 0)
    event = link.next_event(0, CASES["unix_time"])
    response = link.accept(0)
    took = since(start)
    assert event == REQUESTED and response
    return took


print("backend", shimlet_crypto.backend)
told("sign", list(signing()))
told("keypair", list(deriving()))
told("verify", list(verifying(1)))
told("verify-known", list(verifying(2)))
hashing("sha512", sha512_into, out, 0)
hashing("blake2b", blake2b_into, 32, out, 0)
told("sign-heap", [allocated(sign)])
told("verify-heap", [allocated(verify)])
use(30)
told("verify-new-heap", [allocated(verify)])
told("handshake", [handshake()])
