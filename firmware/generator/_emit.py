"""Small helpers for writing Python source: what the generators of unrolled code share."""

from __future__ import annotations


class Source:
    """Lines of Python, each at the depth of the block that it stands in."""

    def __init__(self, depth: int = 0) -> None:
        self._depth = depth
        self._lines: list[str] = []

    def __call__(self, *lines: str) -> None:
        """Add lines."""
        self._lines += ["    " * self._depth + line if line else "" for line in lines]

    def block(self, head: str) -> Block:
        """`with source.block("while n:"):` puts what follows inside."""
        self(head)
        return Block(self)

    def deeper(self, by: int) -> None:
        """Move by so many blocks."""
        self._depth += by

    def text(self) -> str:
        """All lines so far."""
        return "\n".join(self._lines) + "\n"


class Block:
    """One block of a source, entered and left by `with`."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def __enter__(self) -> None:
        self._source.deeper(1)

    def __exit__(self, *_: object) -> None:
        self._source.deeper(-1)
