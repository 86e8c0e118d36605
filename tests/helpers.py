"""What tests of the core share, on CPython and on MicroPython alike.

In go names of vector files and functions to be held to account; out come rows of vectors,
identities, and failures. Imported by tests/core, tests/host and tests/bench. Nothing of pytest
here: both runners know a `Skip` by its name.
"""

import gc
import hashlib
import json
import sys
from binascii import hexlify, unhexlify

from shimlet.identity import Identity
from shimlet.wire import copy_into

MICROPYTHON = sys.implementation.name == "micropython"
_FOLDER = __file__.rsplit("/", 1)[0] if "/" in __file__ else "."


class Skip(Exception):
    """Raised in a test or while its file is imported; both runners know it by its name."""


def skip(reason):
    """Leave this test, or this file, out."""
    raise Skip(reason)


# Vectors


def rows_of(name):
    """The rows of tests/vectors/<name>.json, one at a time: a board need not hold them all."""
    with open(_FOLDER + "/vectors/" + name + ".json") as file:
        for line in file:
            if line.startswith("{"):
                yield json.loads(line.rstrip().rstrip(","))


def row_named(file_name, row_name):
    """The one row of a vector file that has this name."""
    for row in rows_of(file_name):
        if row["name"] == row_name:
            return row
    raise KeyError(row_name)


def unhex(text):
    """Bytes of hex text."""
    return unhexlify(text)


def hexed(data):
    """Hex text of bytes."""
    return hexlify(data).decode()


# Identities


def ed25519(seed):
    """The identity of a 32-byte seed, as a full node or a board makes it."""
    if MICROPYTHON:  # loaded when first needed: it is large
        from shimlet_light.identity import BoardIdentity as Real
    else:
        from shimlet_host.identity import HostIdentity as Real
    return Real(seed)


def identity(index):
    """The identity number `index` (0..4) of the recorded ones."""
    for number, row in enumerate(rows_of("identities")):
        if number == index:
            return ed25519(unhex(row["seed"]))
    raise IndexError(index)


class NotEd25519(Identity):
    """A cheap stand-in for tests with many handshakes: anyone can forge its signatures.

    A signature is SHA-256 of (b"S", key, data) and of (b"T", key, data); blake2b() is BLAKE2b on
    CPython alone.
    """

    def __init__(self, name):
        super().__init__(hashlib.sha256(name).digest())

    def sign(self, buf, start, length, out, at):
        """See Identity."""
        out[at : at + 64] = self._signature(self.public_key, buf[start : start + length])

    def verify(self, buf, key_at, start, length, signature_at):
        """See Identity."""
        expected = self._signature(buf[key_at : key_at + 32], buf[start : start + length])
        return buf[signature_at : signature_at + 64] == expected

    def _signature(self, key, data):
        return self._hash(b"S", key, data) + self._hash(b"T", key, data)

    def _hash(self, first, key, data):
        digest = hashlib.sha256(first)
        digest.update(bytes(key))
        digest.update(bytes(data))
        return digest.digest()

    def blake2b(self, data):
        """See Identity; SHA-256 where there is no BLAKE2b."""
        if hasattr(hashlib, "blake2b"):
            return hashlib.blake2b(data, digest_size=32).digest()
        return hashlib.sha256(data).digest()


class Presigned(NotEd25519):
    """Has one recorded key and signature, whatever is to be signed; allocates nothing."""

    def __init__(self, public_key, signature):
        super().__init__(b"")
        self.public_key = public_key
        self.signature = signature

    def sign(self, buf, start, length, out, at):
        """See Identity."""
        copy_into(out, at, self.signature)


# No allocation


def no_alloc(fn, a, b=None, c=None):
    """Call fn(a), fn(a, b) or fn(a, b, c); MemoryError or AssertionError if it allocates.

    The first call warms up, the second runs under a locked heap, and the third is measured, for
    what a locked heap lets pass: an exception that is raised and caught, the frame of a function
    with too many variables for the stack. On CPython it just calls. None stands for no argument.
    """
    _call(fn, a, b, c)
    if not MICROPYTHON:
        return
    import micropython

    gc.collect()
    micropython.heap_lock()
    try:
        _call(fn, a, b, c)
    finally:
        micropython.heap_unlock()
    # mem_total() sees also what is freed at once; not every board is built with it.
    gauge = getattr(micropython, "mem_total", gc.mem_alloc)
    overhead = _measured(gauge, _nothing, a, b, c)
    allocated = _measured(gauge, fn, a, b, c) - overhead
    assert allocated == 0, "%d bytes allocated" % allocated


def _measured(gauge, fn, a, b, c):
    """By how many bytes `gauge` grows in one call."""
    gc.collect()
    gc.disable()
    before = gauge()
    _call(fn, a, b, c)
    grown = gauge() - before
    gc.enable()
    return grown


def _nothing(a, b=None, c=None):
    """What the measuring itself costs."""


def _call(fn, a, b, c):
    if c is not None:
        fn(a, b, c)
    elif b is not None:
        fn(a, b)
    else:
        fn(a)
