"""The signed packet: `data`, the public key it is signed with and the signature over `data`.

parse() finds the three in received bytes and says how far the packet reaches; verify() checks the
signature in place; seal() makes a packet around data that was written behind HEADROOM bytes.
Called by link.py for the TCP handshake, where no length stands in front: the packet is complete
once fields 2, 3 and 4 have all been read, and what follows belongs to the stream (protocol.md,
"Signed packet").
"""

from shimlet.identity import Identity
from shimlet.reasons import BAD_PACKET, PACKET_TOO_LARGE
from shimlet.wire import Reader, Writer, const

NEED_DATA = 0
MAX_HANDSHAKE_PACKET = 256  # existing nodes read a handshake with one read of this size

# The tag and length of `data` go right-aligned in front of it: two bytes below 128 bytes of data,
# else three.
HEADROOM = 3
# Behind data: tag, length and content of the key and of the signature.
_TRAILER = const(2 + 32 + 2 + 64)
MAX_HANDSHAKE_DATA = MAX_HANDSHAKE_PACKET - HEADROOM - _TRAILER

_TAG_DATA = const(2 << 3 | 2)
_TAG_PUBLIC_KEY = const(3 << 3 | 2)
_TAG_SIGNATURE = const(4 << 3 | 2)


class Packet:
    """Where the parts of one packet lie in the buffer that was parsed; -1 means absent."""

    def __init__(self) -> None:
        self.data_at = -1
        self.data_length = 0
        self.key_at = -1
        self.signature_at = -1
        self._reader = Reader()

    def parse(self, buf: bytearray, start: int, end: int) -> int:
        """The packet's length in bytes, NEED_DATA, or a reason. Nothing is allocated."""
        self.data_at = self.key_at = self.signature_at = -1
        reader = self._reader
        limit = min(end, start + MAX_HANDSHAKE_PACKET)
        reader.over(buf, start, limit)
        while reader.ok and (self.data_at < 0 or self.key_at < 0 or self.signature_at < 0):
            self._field(reader)
        if reader.malformed:
            return BAD_PACKET
        return reader.pos - start if reader.ok else self._incomplete(end - start)

    def _field(self, reader: Reader) -> None:
        tag = reader.tag()
        if tag == _TAG_DATA:
            self.data_at = reader.field()
            self.data_length = reader.length
        elif tag == _TAG_PUBLIC_KEY:
            self.key_at = reader.field_of(32)
        elif tag == _TAG_SIGNATURE:
            self.signature_at = reader.field_of(64)
        elif reader.ok:
            reader.skip(tag)

    def _incomplete(self, received: int) -> int:
        return NEED_DATA if received < MAX_HANDSHAKE_PACKET else PACKET_TOO_LARGE

    def verify(self, identity: Identity, buf: bytearray) -> bool:
        """Whether the signature in `buf` is that of the key in `buf` over the data in `buf`."""
        return identity.verify(buf, self.key_at, self.data_at, self.data_length, self.signature_at)


def seal(identity: Identity, writer: Writer, data_at: int) -> int:
    """Sign the data that `writer` wrote from `data_at` (>= HEADROOM) on; the offset at which the
    packet starts.

    Behind the data follow key and signature; writer.pos is the packet's end and writer.ok tells
    whether it fitted. Apart from the signature itself nothing is allocated.
    """
    length = writer.pos - data_at
    writer.field(_TAG_PUBLIC_KEY, identity.public_key)
    writer.varint(_TAG_SIGNATURE)
    writer.varint(64)
    if writer.pos + 64 > len(writer.buf):
        writer.ok = False
        return data_at
    identity.sign(writer.buf, data_at, length, writer.buf, writer.pos)
    writer.pos += 64
    return _put_header(writer.buf, data_at, length)


def _put_header(buf: bytearray, data_at: int, length: int) -> int:
    if length == 0:
        return data_at  # proto3: an empty field is left out
    if length < 128:
        buf[data_at - 1] = length
        buf[data_at - 2] = _TAG_DATA
        return data_at - 2
    buf[data_at - 1] = length >> 7
    buf[data_at - 2] = length & 127 | 128
    buf[data_at - 3] = _TAG_DATA
    return data_at - 3
