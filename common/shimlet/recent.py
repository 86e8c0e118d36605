"""Bounded memories of the newest entries: the seen-before ring and the replay ring.

What is remembered when one is full pushes the oldest out. Called by gossip.py and handshake.py.
"""

from shimlet.wire import const

_ID_BYTES = const(16)  # of a 32-byte hash: nobody finds two that share 128 bits
_MAX_IDS = const(256)  # 4 KB to look through, which takes microseconds


class Recent:
    """The newest `capacity` pairs of key and value, oldest forgotten first."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._values: dict[bytes, object] = {}
        # MicroPython's dict has no order, so the order of arrival is kept beside it.
        self._order: list[bytes | None] = [None] * capacity
        self._next = 0

    def put(self, key: bytes, value: object) -> None:
        """Remember `key`; a known key keeps its place in the order and gets the new value."""
        if key not in self._values:
            oldest = self._order[self._next]
            if oldest is not None:
                del self._values[oldest]
            self._order[self._next] = key
            self._next = (self._next + 1) % self.capacity
        self._values[key] = value

    def get(self, key: bytes) -> object:
        """The value of `key`, or None."""
        return self._values.get(key)

    def __contains__(self, key: bytes) -> bool:
        return key in self._values

    def __len__(self) -> int:
        return len(self._values)


class IdRing:
    """The newest `capacity` ids (32-byte hashes), flat: 16 bytes each, where Recent takes 76."""

    def __init__(self, capacity: int) -> None:
        self._ids = bytearray(capacity * _ID_BYTES)
        self._next = 0

    def put(self, key: bytes, value: object) -> None:
        """Remember `key`; the value is not kept."""
        self._ids[self._next : self._next + _ID_BYTES] = key[:_ID_BYTES]
        self._next = (self._next + _ID_BYTES) % len(self._ids)

    def __contains__(self, key: bytes) -> bool:
        return key[:_ID_BYTES] in self._ids


def seen_ring(capacity: int) -> "Recent | IdRing":
    """A memory of ids: flat as long as it is small, else one whose look-up does not grow."""
    return IdRing(capacity) if capacity <= _MAX_IDS else Recent(capacity)
