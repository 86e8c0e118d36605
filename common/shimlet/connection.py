"""One TCP connection from accept or dial to its end: its link, its stream and its tasks.

In go the packets that others want sent, and reasons to end; out come bytes on the stream. Reading
and handling is the task that streams.py runs; writing is a second task, made when there is first
something to send. Beside streams.py the only module of the core that awaits.
"""

import asyncio

from shimlet.gossip import MAX_FRAME_HEADER, MESSAGE, Neighbor, frame_header
from shimlet.link import Link
from shimlet.outbox import Outbox
from shimlet.reasons import (
    CLOSED_BEFORE_REQUEST,
    CLOSED_BEFORE_RESPONSE,
    CLOSED_BY_PEER,
    CONNECTION_LOST,
    OWN_FAULT,
    SEND_STUCK,
)
from shimlet.ticks import after, since
from shimlet.wire import const

TYPE_CHECKING = False
if TYPE_CHECKING:  # true for type checkers; a board is spared the heap that these take
    from shimlet.manual import KnownPeer
    from shimlet.ports import Net, Stream

_SEND_TIMEOUT_MS = const(10_000)  # for one frame: existing nodes give a whole frame body 4 s


class Connection(Neighbor):
    """A connection; `reason` says why it ends and is set once, `fault` is a mistake of ours."""

    def __init__(self, link: Link, outbox: Outbox, net: "Net") -> None:
        super().__init__(outbox)
        self.link = link
        self.net = net
        self.stream: Stream | None = None
        self.peer: KnownPeer | None = None
        self.reason = 0
        self.fault: Exception | None = None
        self.started = False
        self.task: asyncio.Task[None] | None = None
        self.writer: asyncio.Task[None] | None = None
        self._deadline = 0  # while dialling: until when the current step may take
        self._late_reason = 0  # and what it means if it takes longer
        self._sending_since = -1
        self._ready = asyncio.Event()  # something is in the outbox

    # Reading

    async def read(self) -> None:
        """Read once into the link's buffer; the end of the stream becomes the reason."""
        link = self.link
        assert self.stream is not None
        count = await self.stream.readinto(link.view[link.end :])
        if count:
            link.received(count, self.net.now())
        elif count == 0 and not self.reason:
            self.reason = self._end_reason(CLOSED_BY_PEER)

    def broken(self, error: Exception) -> None:
        """The stream failed: put the error into a reason."""
        lost = self._end_reason(CONNECTION_LOST)
        known = self.net.reason(error, lost) if isinstance(error, OSError) else lost
        self.reason = self.reason or known

    def _end_reason(self, when_open: int) -> int:
        """What the end of the stream means at this stage."""
        if self.link.is_open():
            return when_open
        return CLOSED_BEFORE_RESPONSE if self.link.outbound else CLOSED_BEFORE_REQUEST

    # Writing

    async def send_handshake(self, packet: bytes) -> None:
        """Send a request or response in one piece; a peer that takes none of it is noticed."""
        assert self.stream is not None
        self._sending_since = self.net.now()
        await self.stream.send(packet)
        self._sending_since = -1
        self.link.connected(self.net.now())

    def send(self, packet_type: int, content: bytes) -> bool:
        """Queue a packet and wake the writer; False when the outbox is full."""
        if not self.outbox.push(packet_type, content):
            return False
        self._ready.set()
        if self.writer is None:
            self.start_writer()
        return True

    def start_writer(self) -> None:
        """Only now: a link that never sends needs no second task."""
        try:
            self.writer = asyncio.create_task(self._write())
        except MemoryError:
            pass  # a board may be short of memory for a moment; tick() tries again

    async def _write(self) -> None:
        """Send what the outbox holds, as long as the link lives."""
        header = bytearray(MAX_FRAME_HEADER)
        try:
            while True:
                await self._ready.wait()
                self._ready.clear()
                while self.link.quiet_ms(self.net.now()):
                    await self.net.sleep_ms(10)
                while len(self.outbox) and not self.reason:
                    await self._send_next(header)
        except OSError as error:
            self.close(self.net.reason(error, CONNECTION_LOST))
        except Exception as error:
            self.fault = error
            self.close(OWN_FAULT)

    async def _send_next(self, header: bytearray) -> None:
        packet_type, content = self.outbox.pop()
        length = frame_header(header, packet_type, len(content))
        assert self.stream is not None
        self._sending_since = self.net.now()
        await self.stream.send_frame(header, length, content)
        self._sending_since = -1
        self.link.last_sent = self.net.now()
        if packet_type == MESSAGE:
            self.messages_out += 1

    # Time and the end

    def allow(self, duration_ms: int, late_reason: int) -> None:
        """Give the current step of a dial this long; 0 as the reason: as long as the link says."""
        self._deadline = after(self.net.now(), duration_ms)
        self._late_reason = late_reason

    def overdue(self, now: int) -> int:
        """A reason to close because something took too long, else 0."""
        if self._late_reason:
            return self._late_reason if since(now, self._deadline) > 0 else 0
        sending_since = self._sending_since
        if sending_since >= 0 and since(now, sending_since) > _SEND_TIMEOUT_MS:
            return SEND_STUCK
        return self.link.overdue(now)

    def close(self, reason: int) -> None:
        """End for this reason, unless it ends already. Its own task cleans up."""
        if self.reason:
            return
        self.reason = reason
        task = self.task
        if self.started and task is not None and task is not asyncio.current_task():
            task.cancel()

    async def finish(self) -> None:
        """Stop the writer and close the socket."""
        if self.writer is not None:
            self.writer.cancel()
            try:
                await self.writer
            except asyncio.CancelledError:
                pass
        if self.stream is not None:
            await self.stream.close()
