"""The signed packet around a message (protocol.md, "Signed packet"): open it by offsets, seal it.

In goes a whole datagram, out come the offsets of its parts, or a reason. A datagram has nothing
behind its fields, which is what tells it from the TCP handshake's packet (shimlet.packet). Called
by protocol.py.
"""

from __future__ import annotations

from shimlet.identity import Identity
from shimlet.wire import Reader

from shimlet_host.autopeering.encoding import varint
from shimlet_host.autopeering.parameters import MAX_PACKET
from shimlet_host.autopeering.reasons import Reason

_TAG_DATA, _TAG_KEY, _TAG_SIGNATURE = 2 << 3 | 2, 3 << 3 | 2, 4 << 3 | 2
_KEY_HEADER = bytes((_TAG_KEY, 32))
_SIGNATURE_HEADER = bytes((_TAG_SIGNATURE, 64))
_TRAILER = 2 + 32 + 2 + 64  # key and signature with their headers, as everybody sends them


class Envelope:
    """Where data, key and signature lie in `packet`."""

    __slots__ = ("data_at", "data_length", "key_at", "packet", "signature_at")

    def __init__(self, packet: bytes, data_at: int, length: int, key_at: int, sig_at: int) -> None:
        self.packet = packet
        self.data_at = data_at
        self.data_length = length
        self.key_at = key_at
        self.signature_at = sig_at

    @property
    def data(self) -> bytes:
        """Message type byte and message."""
        return self.packet[self.data_at : self.data_at + self.data_length]

    @property
    def public_key(self) -> bytes:
        """The signer, 32 bytes."""
        return self.packet[self.key_at : self.key_at + 32]

    @property
    def signature(self) -> bytes:
        """Of `data`, 64 bytes."""
        return self.packet[self.signature_at : self.signature_at + 64]

    def verify(self, identity: Identity) -> bool:
        """Whether the signature holds. The one slow step, free of any state of a node."""
        return identity.verify(
            self.packet, self.key_at, self.data_at, self.data_length, self.signature_at
        )


def open_envelope(packet: bytes) -> Envelope | Reason:
    """Find the parts of a datagram; nothing is verified."""
    if len(packet) > MAX_PACKET:
        return Reason.PACKET_TOO_LARGE
    return _open_ordered(packet) or _open_any(packet)


def _open_ordered(packet: bytes) -> Envelope | None:
    """Data, key and signature in this order and nothing else, as nearly all packets are."""
    end = len(packet) - _TRAILER
    if end < 3 or packet[0] != _TAG_DATA:
        return None
    length, at = packet[1], 2
    if length > 127:
        length, at = length & 127 | packet[2] << 7, 3
    if at + length != end or packet[end : end + 2] != _KEY_HEADER:
        return None
    if packet[end + 34 : end + 36] != _SIGNATURE_HEADER:
        return None
    return Envelope(packet, at, length, end + 2, end + 36)


def _open_any(packet: bytes) -> Envelope | Reason:
    """Fields in any order, unknown ones skipped, the last one wins."""
    reader = Reader()
    reader.over(packet, 0, len(packet))
    data_at = length = 0
    key_at = signature_at = -1
    while reader.pos < reader.end:
        tag = reader.tag()
        if tag == _TAG_DATA:
            data_at, length = reader.field(), reader.length
        elif tag == _TAG_KEY:
            key_at = reader.field_of(32)
        elif tag == _TAG_SIGNATURE:
            signature_at = reader.field_of(64)
        elif reader.ok:
            reader.skip(tag)
    if not reader.ok or length == 0 or key_at < 0 or signature_at < 0:
        return Reason.BAD_PACKET
    return Envelope(packet, data_at, length, key_at, signature_at)


def seal(identity: Identity, data: bytes) -> bytes:
    """The packet around `data`, signed."""
    signature = bytearray(64)
    identity.sign(data, 0, len(data), signature, 0)
    header = bytes((_TAG_DATA,)) + varint(len(data))
    return b"".join((header, data, _KEY_HEADER, identity.public_key, _SIGNATURE_HEADER, signature))


SEALED_BYTES = _TRAILER + 3  # what seal() adds at most
