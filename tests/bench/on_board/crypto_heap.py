"""Says what shimlet_crypto holds on the heap: a line `BYTES BYTES`, imported, and after first use.

Compiled and run by tests/bench/bench_crypto.py on an emulated board, where native code that
is not frozen is on the heap, too.
"""

import gc


def held(since):
    """Bytes on the heap beyond `since`."""
    gc.collect()
    return gc.mem_alloc() - since


gc.collect()
ballast = bytearray(max(0, gc.mem_free() - 128 * 1024))  # the rest is as much as a board has
before = held(0)
crypto = __import__("shimlet_crypto")
imported = held(before)
assert crypto.verify(crypto.public_key(bytes(32)), b"", crypto.sign(bytes(32), b""))
print(imported, held(before))
