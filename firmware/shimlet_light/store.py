"""The board's message store: the last few messages in RAM, bounded in number and in bytes.

Called by shimlet.gossip, which answers message requests from it.
"""

from shimlet.gossip import Store
from shimlet.wire import const

_MAX_MESSAGES = const(8)
_MAX_BYTES = const(4096)


class LastMessages(Store):
    """The newest messages that fit; one that is larger than all the room is not kept."""

    def __init__(self, max_messages: int = _MAX_MESSAGES, max_bytes: int = _MAX_BYTES) -> None:
        self.max_messages = max_messages
        self.max_bytes = max_bytes
        self.bytes = 0
        self._kept: list[tuple[bytes, bytes]] = []

    def put(self, message_id: bytes, data: bytes, source: bytes) -> None:
        """See Store."""
        if len(data) > self.max_bytes:
            return
        self._kept.append((message_id, data))
        self.bytes += len(data)
        while len(self._kept) > self.max_messages or self.bytes > self.max_bytes:
            self.bytes -= len(self._kept.pop(0)[1])

    def get(self, message_id: bytes) -> "bytes | None":
        """See Store."""
        for kept_id, data in self._kept:
            if kept_id == message_id:
                return data
        return None

    def __len__(self) -> int:
        return len(self._kept)
