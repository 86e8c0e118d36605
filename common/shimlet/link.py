"""One TCP link without I/O: a handshake first, then gossip frames.

In go received bytes and the time, out come events: small ints that the shell (streams.py) acts
upon. The shell reads into `view[end:]`, calls received(n), then next_event() until NEED_DATA:

    NEED_DATA    read more
    REQUESTED    (accepting side) a valid request of `peer_key`: call accept() and send the result,
                 or close
    ESTABLISHED  (dialling side) the right peer answered our request
    FRAME        buf[frame_at:frame_at+frame_length] holds packet type and message until the next
                 call
    EMPTY        a frame of length 0, with nothing to do: one event each, so that no flood of them
                 keeps the caller
    negative     close the connection for this reason

Once the link is open, the loop received / next_event allocates nothing. A frame larger than the
buffer is passed over without being stored and counted in `frames_skipped`. Bytes behind the
handshake are the first frame bytes.
"""

from shimlet.handshake import (
    Request,
    Rules,
    decode_response,
    digest_of,
    encode_request,
    encode_response,
    hash_data,
    validate_response,
)
from shimlet.identity import Identity
from shimlet.packet import (
    HEADROOM,
    MAX_HANDSHAKE_DATA,
    MAX_HANDSHAKE_PACKET,
    NEED_DATA,
    Packet,
    seal,
)
from shimlet.reasons import (
    BAD_SIGNATURE,
    BODY_TIMEOUT,
    FRAME_TOO_LARGE,
    KEY_MISMATCH,
    REQUEST_TIMEOUT,
    RESPONSE_TIMEOUT,
    SILENT,
)
from shimlet.ticks import since
from shimlet.wire import Reader, Writer, const, move_down

REQUESTED = 1
ESTABLISHED = 2
FRAME = 3
EMPTY = 4

MAX_FRAME = 65 * 1024  # packet type and message; existing nodes close the connection above it
FRAME_HEADER = 4
# One handshake packet, and room for what an eager peer sends behind it.
HANDSHAKE_BUFFER = 2 * MAX_HANDSHAKE_PACKET

_REQUEST_TIMEOUT_MS = const(2000)  # for the accepting side: existing nodes send at once
RESPONSE_TIMEOUT_MS = 5000  # for the dialling side: boards are slow
_BODY_TIMEOUT_MS = const(4000)
_KEEP_ALIVE_MS = const(30_000)  # after this long without sending, a frame of length 0 goes out
_SILENCE_MS = const(100_000)  # three keep-alives missed, from a peer that has ever sent one
# an existing dialler reads once: no frame of ours may share a segment with our response
_QUIET_MS = const(100)

_REQUESTING = const(1)  # the dialling side, until the response is there
_AWAITING = const(2)  # the accepting side, until the request is there
_OPEN = const(3)


class Link:
    """One connection of this node; `peer_key` is b"" until the peer has proven who it is."""

    def __init__(self, identity: Identity, rules: Rules, now: int) -> None:
        self.identity = identity
        self.rules = rules
        self.outbound = False
        self.peer_key = b""
        self.claimed_key = b""  # the key in a request, proven or not: for logs only
        self.source = ""  # the peer's IP, for the replay rule
        self.local = b""  # the socket's own "ip:port", where it can be read
        self.buf = bytearray(HANDSHAKE_BUFFER)
        self.view = memoryview(self.buf)
        self.pos = self.end = 0  # what is unread: buf[pos:end]
        self.frame_at = self.frame_length = 0
        self.frames_received = self.frames_skipped = self.bytes_received = 0
        self.opened = self.last_received = self.last_sent = now
        self._state = _AWAITING
        self._since = now  # when the state, or the unfinished body, began
        self._body_open = False
        self._skip_left = 0
        self._peer_keeps_alive = False
        self._quiet = False  # our first frame must still wait
        self._req_hash = b""
        self._digest = b""
        self._timestamp = 0

    def adopt(self, buffer: bytearray) -> None:
        """Go on receiving into another buffer; what is unread moves along."""
        unread = self.buf[self.pos : self.end]
        buffer[: len(unread)] = unread
        self.buf = buffer
        self.view = memoryview(buffer)
        self.pos = 0
        self.end = len(unread)

    # Dialling

    def request(self, peer_key: bytes, to: bytes, timestamp: int, now: int) -> bytes:
        """The signed request to the peer at `to` (numeric "ip:port"), to be sent in one piece at
        once.
        """
        self.outbound = True
        self.peer_key = peer_key
        self._state = _REQUESTING
        self._since = now
        writer = Writer()
        writer.over(bytearray(MAX_HANDSHAKE_PACKET), HEADROOM)
        encode_request(writer, to, timestamp & 0xFFFFFFF, timestamp >> 28)
        self._req_hash = hash_data(writer.buf[HEADROOM : writer.pos])
        return self._sealed(writer)

    def _sealed(self, writer: Writer) -> bytes:
        assert writer.pos - HEADROOM <= MAX_HANDSHAKE_DATA, "an address longer than any IP"
        start = seal(self.identity, writer, HEADROOM)
        return bytes(writer.buf[start : writer.pos])

    def connected(self, now: int) -> None:
        """Our request or response is sent: now begins the time for the response, or for the first
        frame of ours.
        """
        self._since = self.opened = self.last_sent = now

    # Receiving

    def received(self, count: int, now: int) -> None:
        """`count` bytes were read into view[end:]."""
        self.end += count
        self.bytes_received += count
        self.last_received = now

    def next_event(self, now: int, unix_time: int) -> int:
        """NEED_DATA, REQUESTED, ESTABLISHED, FRAME or a reason to close."""
        if self._state == _OPEN:
            return self._next_frame(now)
        if self._state == _AWAITING:
            return self._read_request(now, unix_time)
        return self._read_response(now)

    def _read_request(self, now: int, unix_time: int) -> int:
        packet = Packet()
        length = packet.parse(self.buf, self.pos, self.end)
        if length <= 0:
            return length
        self.claimed_key = bytes(self.buf[packet.key_at : packet.key_at + 32])
        request = Request()
        reason = request.decode(self.buf, packet.data_at, packet.data_length)
        if not reason:
            reason = self.rules.validate_request(request, self.buf, self.local, unix_time)
        if not reason and not packet.verify(self.identity, self.buf):
            reason = BAD_SIGNATURE
        return reason or self._note_request(packet, request, length, now, unix_time)

    def _note_request(
        self, packet: Packet, request: Request, length: int, now: int, unix_time: int
    ) -> int:
        buf = self.buf
        self.peer_key = self.claimed_key
        self._timestamp = request.timestamp()
        self._digest = digest_of(buf, packet.key_at, packet.data_at, packet.data_length)
        data = buf[packet.data_at : packet.data_at + packet.data_length]
        self._req_hash = hash_data(data)
        self.pos += length
        return self.rules.is_replay(self._digest, self.source, now, unix_time) or REQUESTED

    def accept(self, now: int) -> bytes:
        """The signed response to the request just read; the link is open once it is sent."""
        self.rules.remember(self._digest, self._timestamp, self.source, now)
        writer = Writer()
        writer.over(bytearray(MAX_HANDSHAKE_PACKET), HEADROOM)
        encode_response(writer, self._req_hash)
        self._open(now)
        self._quiet = True
        return self._sealed(writer)

    def _read_response(self, now: int) -> int:
        packet = Packet()
        length = packet.parse(self.buf, self.pos, self.end)
        if length <= 0:
            return length
        if self.buf[packet.key_at : packet.key_at + 32] != self.peer_key:
            return KEY_MISMATCH
        hash_at = decode_response(Reader(), self.buf, packet.data_at, packet.data_length)
        reason = hash_at if hash_at < 0 else validate_response(self.buf, hash_at, self._req_hash)
        if reason:
            return reason
        if not packet.verify(self.identity, self.buf):
            return BAD_SIGNATURE
        self.pos += length
        self._open(now)
        return ESTABLISHED

    def _open(self, now: int) -> None:
        self._state = _OPEN
        self._since = self.opened = self.last_sent = now
        self._req_hash = self._digest = b""  # done with: 100 bytes of a board's heap

    # Frames

    def _next_frame(self, now: int) -> int:
        while self._skip(now):
            if self.end - self.pos < FRAME_HEADER:
                return self._need(FRAME_HEADER)
            length = self._frame_header()
            if length < 0:
                return length
            if length == 0:
                return self._take_empty()
            if length + FRAME_HEADER > len(self.buf):
                self._start_skipping(length, now)
            elif self.end - self.pos < length + FRAME_HEADER:
                self._await_body(now)
                return self._need(length + FRAME_HEADER)
            else:
                return self._take_frame(length)
        return self._need(FRAME_HEADER)

    def _frame_header(self) -> int:
        """The announced length, or FRAME_TOO_LARGE; no int above 2**24 on the way."""
        buf = self.buf
        pos = self.pos
        length = buf[pos + 1] << 16 | buf[pos + 2] << 8 | buf[pos + 3]
        return FRAME_TOO_LARGE if buf[pos] or length > MAX_FRAME else length

    def _take_empty(self) -> int:
        self.pos += FRAME_HEADER
        self._peer_keeps_alive = True
        return EMPTY

    def _take_frame(self, length: int) -> int:
        self.frame_at = self.pos + FRAME_HEADER
        self.frame_length = length
        self.pos = self.frame_at + length
        self.frames_received += 1
        self._body_open = False
        return FRAME

    def _await_body(self, now: int) -> None:
        if not self._body_open:
            self._body_open = True
            self._since = now

    def _start_skipping(self, length: int, now: int) -> None:
        self.frames_skipped += 1
        self.pos += FRAME_HEADER
        self._skip_left = length
        self._await_body(now)

    def _skip(self, now: int) -> bool:
        """Drop what belongs to a frame that is passed over; True when that frame is through."""
        if self._skip_left:
            count = min(self._skip_left, self.end - self.pos)
            self.pos += count
            self._skip_left -= count
            if self._skip_left:
                return False
            self._body_open = False
        return True

    def _need(self, count: int) -> int:
        """Make room so that `count` bytes from `pos` on fit into the buffer."""
        if self.pos == self.end:
            self.pos = self.end = 0
        elif self.pos + count > len(self.buf):
            move_down(self.buf, self.pos, self.end)
            self.end -= self.pos
            self.pos = 0
        return NEED_DATA

    # Time

    def overdue(self, now: int) -> int:
        """A reason to close because something took too long, else 0. Asked by the shell's tick."""
        elapsed = since(now, self._since)
        if self._state == _AWAITING:
            return REQUEST_TIMEOUT if elapsed > _REQUEST_TIMEOUT_MS else 0
        if self._state == _REQUESTING:
            return RESPONSE_TIMEOUT if elapsed > RESPONSE_TIMEOUT_MS else 0
        if self._body_open and elapsed > _BODY_TIMEOUT_MS:
            return BODY_TIMEOUT
        if self._peer_keeps_alive and since(now, self.last_received) > _SILENCE_MS:
            return SILENT
        return 0

    def is_open(self) -> bool:
        """Whether the handshake is through."""
        return self._state == _OPEN

    def keep_alive_due(self, now: int) -> bool:
        """Whether a frame of length 0 must go out, because nothing else did for a while."""
        return self._state == _OPEN and since(now, self.last_sent) >= _KEEP_ALIVE_MS

    def quiet_ms(self, now: int) -> int:
        """How long the accepting side must still hold its first frame back: 0 once a frame has
        arrived.
        """
        heard = self.frames_received or self.frames_skipped or self._peer_keeps_alive
        if heard or since(now, self.opened) >= _QUIET_MS:
            self._quiet = False  # for good: `opened` may lie days back
        return _QUIET_MS - since(now, self.opened) if self._quiet else 0
