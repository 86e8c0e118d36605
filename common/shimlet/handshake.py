"""HandshakeRequest and HandshakeResponse: encode, decode and validate, three functions a message.

Encoding and decoding work in place and allocate nothing; validating asks the node's Rules, which
know the profile, our own addresses and what was accepted lately. Called by link.py (protocol.md,
"TCP: handshake, then gossip").
"""

from hashlib import sha256

from shimlet.reasons import (
    BAD_MESSAGE,
    EXPIRED,
    IN_THE_FUTURE,
    REPLAYED,
    RESPONSE_MISMATCH,
    WRONG_ADDRESS,
    WRONG_VERSION,
)
from shimlet.recent import Recent
from shimlet.ticks import since
from shimlet.wire import Reader, Writer, const

_VERSION = const(0)  # the handshake's own, independent of Ping's

EXPIRATION_S = 20  # a request this old or older is expired
_MAX_AHEAD_S = const(20)  # a request further in the future than this is refused

# An existing node dials again 0.5 s after a failure, with the same bytes if the second has not
# changed.
RETRY_MS = 2000

_TAG_VERSION = const(1 << 3)
_TAG_TO = const(2 << 3 | 2)
_TAG_TIMESTAMP = const(3 << 3)
_TAG_REQ_HASH = const(1 << 3 | 2)


class Request:
    """A HandshakeRequest as offsets into the buffer it was decoded from."""

    def __init__(self) -> None:
        self.version = 0
        self.to_at = 0
        self.to_length = 0
        self.time_low = 0  # bits 0..27 of the timestamp
        self.time_high = 0  # bits 28..55
        self.time_top = 0  # bits 56..63
        self._reader = Reader()

    def decode(self, buf: bytearray, at: int, length: int) -> int:
        """0 or BAD_MESSAGE. Nothing is allocated."""
        self.version = self.to_length = self.time_low = self.time_high = self.time_top = 0
        self.to_at = at
        reader = self._reader
        reader.over(buf, at, at + length)
        while reader.pos < reader.end:
            self._field(reader)
        return 0 if reader.ok else BAD_MESSAGE

    def _field(self, reader: Reader) -> None:
        tag = reader.tag()
        if tag == _TAG_VERSION:
            # A uint32: bits above 31 do not count, and of the rest we only ask whether they are
            # our version.
            self.version = reader.varint() | (reader.high & 15)
        elif tag == _TAG_TO:
            self.to_at = reader.text()
            self.to_length = reader.length
        elif tag == _TAG_TIMESTAMP:
            self.time_low = reader.varint()
            self.time_high = reader.high
            self.time_top = reader.top
        elif reader.ok:
            reader.skip(tag)

    def timestamp(self) -> int:
        """The signed 64-bit unix time in seconds."""
        seconds = self.time_low | self.time_high << 28 | self.time_top << 56
        return seconds - (1 << 64) if self.time_top & 0x80 else seconds


def encode_request(writer: Writer, to: bytes, time_low: int, time_high: int) -> None:
    """Write a request to `to` (numeric "ip:port") issued at the unix time time_high * 2**28 +
    time_low.
    """
    writer.field(_TAG_TO, to)
    if time_low or time_high:
        writer.varint(_TAG_TIMESTAMP)
        writer.varint_halves(time_low, time_high)


def encode_response(writer: Writer, req_hash: bytes) -> None:
    """Write a response to the request whose data has this SHA-256."""
    writer.field(_TAG_REQ_HASH, req_hash)


def decode_response(reader: Reader, buf: bytearray, at: int, length: int) -> int:
    """Offset of the 32-byte req_hash, or BAD_MESSAGE. Nothing is allocated."""
    reader.over(buf, at, at + length)
    hash_at = _find_hash(reader)
    return hash_at if reader.ok and hash_at >= 0 else BAD_MESSAGE


def _find_hash(reader: Reader) -> int:
    hash_at = -1
    while reader.pos < reader.end:
        tag = reader.tag()
        if tag == _TAG_REQ_HASH:
            hash_at = reader.field()
            if reader.length != 32:
                hash_at = -1
        elif reader.ok:
            reader.skip(tag)
    return hash_at


def validate_response(buf: bytearray, hash_at: int, req_hash: bytes) -> int:
    """0, or RESPONSE_MISMATCH when the response answers another request than ours."""
    for i in range(32):
        if buf[hash_at + i] != req_hash[i]:
            return RESPONSE_MISMATCH
    return 0


class Rules:
    """What this node demands of a request, and its memory of the accepted ones.

    `check_to` and `allow_retry` are the two named switches between the profiles `spec` and
    `goshimmer`. `addresses`: the "ip:port" texts, as bytes, under which others may know us, beside
    the socket's own.
    """

    def __init__(self, profile: str, addresses: list[bytes], replay_capacity: int) -> None:
        self.check_to = profile == "spec"
        self.allow_retry = profile == "goshimmer"
        self.addresses = addresses
        self._accepted = Recent(replay_capacity)

    def validate_request(
        self, request: Request, buf: bytearray, local: bytes, unix_time: int
    ) -> int:
        """0 or a reason. `local` is the socket's own "ip:port", b"" where it cannot be read."""
        if request.version != _VERSION:
            return WRONG_VERSION
        age_s = unix_time - request.timestamp()
        if age_s >= EXPIRATION_S:
            return EXPIRED
        if age_s < -_MAX_AHEAD_S:
            return IN_THE_FUTURE
        to = bytes(buf[request.to_at : request.to_at + request.to_length])
        return WRONG_ADDRESS if self.check_to and not self._is_ours(to, local) else 0

    def _is_ours(self, to: bytes, local: bytes) -> bool:
        if not local and not self.addresses:
            return True  # a board that knows no address of its own cannot judge
        return to == local or to in self.addresses

    def is_replay(self, digest: bytes, source: str, now: int, unix_time: int) -> int:
        """0, or REPLAYED for a request (its digest) that was accepted and is still fresh."""
        entry = self._accepted.get(digest)
        if not isinstance(entry, tuple) or unix_time > entry[0]:
            return 0
        if self.allow_retry and source == entry[1] and since(now, entry[2]) <= RETRY_MS:
            return 0
        return REPLAYED

    def remember(self, digest: bytes, timestamp: int, source: str, now: int) -> None:
        """Note an accepted request until it expires; a retry does not prolong it."""
        if digest not in self._accepted:
            self._accepted.put(digest, (timestamp + EXPIRATION_S, source, now))


def digest_of(buf: bytearray, key_at: int, data_at: int, data_length: int) -> bytes:
    """What the replay ring is keyed by: public key and data of one request, 32 bytes."""
    digest = sha256(buf[key_at : key_at + 32])
    digest.update(buf[data_at : data_at + data_length])
    return digest.digest()


def hash_data(data: "bytes | bytearray") -> bytes:
    """req_hash: SHA-256 of a request's data as it was sent, 32 bytes."""
    return sha256(data).digest()
