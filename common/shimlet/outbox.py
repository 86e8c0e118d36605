"""What waits to be sent to one neighbor: a queue bounded in bytes.

Entries are (packet type, content): the content is the message itself, shared between all neighbors
and never copied; the frame's header is written when its turn comes (gossip.frame_header). What
does not fit is dropped and counted.
"""

from shimlet.wire import const

_OVERHEAD = const(12)  # the largest frame header, counted for each entry


class Outbox:
    """At most `max_bytes` of frames for one neighbor; the newest is dropped when it is full."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.queued_bytes = 0
        self.dropped = 0
        self._entries: list[tuple[int, bytes]] = []

    def push(self, packet_type: int, content: bytes) -> bool:
        """Queue one packet; False when it was dropped."""
        size = len(content) + _OVERHEAD
        if self.queued_bytes + size > self.max_bytes:
            self.dropped += 1
            return False
        self.queued_bytes += size
        self._entries.append((packet_type, content))
        return True

    def pop(self) -> "tuple[int, bytes]":
        """The oldest entry. Call only while len() is not 0."""
        entry = self._entries.pop(0)
        self.queued_bytes -= len(entry[1]) + _OVERHEAD
        return entry

    def __len__(self) -> int:
        return len(self._entries)
