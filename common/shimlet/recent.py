"""A bounded memory of the newest entries: the seen-before ring, the board's message store, the replay ring.

What is remembered when it is full pushes the oldest out. Look-up and insertion do not grow with the number held.
"""


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
