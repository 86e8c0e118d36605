"""Gossip over open links: the two packets, message ids, what was seen before, and what is relayed.

A frame is 4 bytes of big-endian length, a packet type and a protobuf message: Message {1 data} or
MessageRequest {1 id} (protocol.md, "TCP: handshake, then gossip"). For us a message is opaque
bytes and its id is their BLAKE2b-256. Decoding and the frame header allocate nothing; a message
that is new is copied once, out of the link's buffer.
"""

from shimlet.identity import Identity
from shimlet.outbox import Outbox
from shimlet.recent import seen_ring
from shimlet.wire import Reader, const

MESSAGE = 20
MESSAGE_REQUEST = 21
KEEP_ALIVE = 0  # a frame of length 0; existing nodes ignore it

ID_LENGTH = 32
# what fits into the largest frame: packet type, tag and 3 bytes of length
MAX_MESSAGE = 65 * 1024 - 5
MAX_FRAME_HEADER = 12

_TAG_CONTENT = const(1 << 3 | 2)  # field 1 of both messages


def frame_header(out: bytearray, packet_type: int, length: int) -> int:
    """Write to `out` all of a frame that stands before `length` bytes of content; how many bytes
    that is.
    """
    if packet_type == KEEP_ALIVE:
        out[0] = out[1] = out[2] = out[3] = 0
        return 4
    out[4] = packet_type
    at = 5
    if length:
        out[at] = _TAG_CONTENT
        at += 1
        rest = length
        while rest > 127:
            out[at] = rest & 127 | 128
            at += 1
            rest >>= 7
        out[at] = rest
        at += 1
    body = at - 4 + length
    out[0] = 0
    out[1] = body >> 16
    out[2] = body >> 8 & 255
    out[3] = body & 255
    return at


class Content:
    """Where the one byte field of a gossip packet lies in the buffer it was decoded from."""

    def __init__(self) -> None:
        self.at = 0
        self.length = 0
        self._reader = Reader()

    def decode(self, buf: bytearray, at: int, length: int) -> int:
        """The packet type, or 0 for what is to be ignored: an unknown type or bad protobuf."""
        packet_type = buf[at]
        if packet_type != MESSAGE and packet_type != MESSAGE_REQUEST:
            return 0
        self.at = at
        self.length = 0
        self._reader.over(buf, at + 1, at + length)
        return packet_type if self._fields(self._reader) else 0

    def _fields(self, reader: Reader) -> bool:
        while reader.pos < reader.end:
            tag = reader.tag()
            if tag == _TAG_CONTENT:
                self.at = reader.field()
                self.length = reader.length
            elif reader.ok:
                reader.skip(tag)
        return reader.ok


class Store:
    """Where messages are kept to answer requests. A board keeps the last few; the host brings a
    database.
    """

    def put(self, message_id: bytes, data: bytes, source: bytes) -> None:
        """Keep a new message; `source` is the neighbor's key, b"" for our own."""
        raise NotImplementedError

    def get(self, message_id: bytes) -> "bytes | None":
        """The message, or None."""
        raise NotImplementedError


class Neighbor:
    """What gossip needs to know of one link: whose it is, its outbox, and its counters."""

    def __init__(self, outbox: Outbox) -> None:
        self.public_key = b""  # known once the handshake is through
        self.outbox = outbox
        self.messages_in = self.messages_out = self.duplicates = self.ignored = 0

    def send(self, packet_type: int, content: bytes) -> bool:
        """Queue a packet; False when the outbox is full. The shell overrides this to wake its
        writer.
        """
        return self.outbox.push(packet_type, content)


class Gossip:
    """Takes frames of neighbors, tells new messages apart from known ones, answers requests,
    relays.
    """

    def __init__(self, identity: Identity, store: Store, seen_capacity: int, relays: bool) -> None:
        self.relays = relays
        self.last_id = b""  # of the message that on_frame or publish handled last
        self._identity = identity
        self._store = store
        self._seen = seen_ring(seen_capacity)
        self._content = Content()

    def on_frame(self, neighbor: Neighbor, buf: bytearray, at: int, length: int) -> "bytes | None":
        """Handle one frame; the message in it if it is new to us, else None."""
        content = self._content
        packet_type = content.decode(buf, at, length)
        if packet_type == MESSAGE:
            data = bytes(memoryview(buf)[content.at : content.at + content.length])
            return self._on_message(neighbor, data)
        if packet_type == MESSAGE_REQUEST and content.length >= ID_LENGTH:
            self._on_request(neighbor, bytes(buf[content.at : content.at + ID_LENGTH]))
        else:
            neighbor.ignored += 1
        return None

    def _on_message(self, neighbor: Neighbor, data: bytes) -> "bytes | None":
        neighbor.messages_in += 1
        message_id = self.last_id = self._identity.blake2b(data)
        if message_id in self._seen:
            neighbor.duplicates += 1
            return None
        self._remember(message_id, data, neighbor.public_key)
        return data

    def _on_request(self, neighbor: Neighbor, message_id: bytes) -> None:
        data = self._store.get(message_id)
        if data is not None:
            neighbor.send(MESSAGE, data)

    def _remember(self, message_id: bytes, data: bytes, source: bytes) -> None:
        self._seen.put(message_id, True)
        self._store.put(message_id, data, source)

    def publish(self, data: bytes) -> bytes:
        """Make `data` known as a message of ours; its id. The caller sends it to all neighbors."""
        message_id = self._identity.blake2b(data)
        if message_id not in self._seen:
            self._remember(message_id, data, b"")
        return message_id
