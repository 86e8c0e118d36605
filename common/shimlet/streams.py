"""The shell of the core, and the only module that awaits: dial, accept, pump, on both
interpreters.

One task a connection reads; once there is something to send a second one writes. tick(), a few
times a second, closes what is overdue and dials who is due. All decisions are made elsewhere:
handshake and frames in link.py, whom to accept and when to dial in manual.py, what to do with a
frame in gossip.py, who makes room in admission.py.

The node hands in its parts, runs run() as a task, and passes accepted connections to on_stream().
"""

import asyncio

from shimlet.admission import crowded_out
from shimlet.gossip import KEEP_ALIVE, MAX_FRAME_HEADER, MESSAGE, Gossip, Neighbor, frame_header
from shimlet.handshake import Rules
from shimlet.identity import Identity, format_address, parse_address
from shimlet.link import (
    ESTABLISHED,
    FRAME,
    FRAME_HEADER,
    HANDSHAKE_BUFFER,
    MAX_FRAME,
    REQUESTED,
    Link,
)
from shimlet.manual import KnownPeer, ManualPeering
from shimlet.outbox import Outbox
from shimlet.packet import NEED_DATA
from shimlet.reasons import (
    ADDRESS_CHANGED,
    CLOCK_NOT_SET,
    CLOSED_BEFORE_REQUEST,
    CLOSED_BEFORE_RESPONSE,
    CLOSED_BY_PEER,
    CONNECT_TIMEOUT,
    CONNECTION_LOST,
    NAME_NOT_FOUND,
    NAME_TIMEOUT,
    OWN_FAULT,
    REMOVED,
    REPLACED,
    SEND_STUCK,
    STOPPING,
    TOO_MANY_HALF_OPEN,
)
from shimlet.ticks import after, since
from shimlet.wire import const

TYPE_CHECKING = False
if TYPE_CHECKING:  # true for type checkers; a board is spared the heap that the interfaces take
    from shimlet.ports import Net, Stream, Watcher

_RESOLVE_TIMEOUT_MS = const(5000)
_CONNECT_TIMEOUT_MS = const(5000)
_SEND_TIMEOUT_MS = const(10_000)  # for one frame: existing nodes give a whole frame body 4 s
_TICK_MS = const(200)
_EVENTS_A_TURN = const(32)  # frames and reads of one link before others get a turn


class Limits:
    """Bounds of one node; the defaults are the host's, a board hands in smaller ones."""

    def __init__(self) -> None:
        self.half_open = 64  # connections without a finished handshake
        self.frame_bytes = MAX_FRAME  # larger frames are passed over
        self.outbox_bytes = 1024 * 1024  # queued for one neighbor
        self.tick_ms = _TICK_MS


class Connection(Neighbor):
    """One TCP connection from accept or dial to its end, and what tick() watches."""

    def __init__(self, streams: "Streams", link: Link, outbox: Outbox) -> None:
        super().__init__(outbox)
        self.link = link
        self._streams = streams
        self.stream: Stream | None = None
        self.peer: KnownPeer | None = None
        self.reason = 0  # why it ends; set once
        self.started = False
        self.deadline = 0  # while dialling: until when the current step may take
        self.late_reason = 0  # and what it means if it takes longer
        self.sending_since = -1
        self.task: asyncio.Task[None] | None = None
        self.writer: asyncio.Task[None] | None = None
        self.ready = asyncio.Event()  # something is in the outbox

    def send(self, packet_type: int, content: bytes) -> bool:
        """Queue a packet and wake the writer; False when the outbox is full."""
        if not self.outbox.push(packet_type, content):
            return False
        self.ready.set()
        if self.writer is None:
            self.start_writer()
        return True

    def start_writer(self) -> None:
        """Only now: a link that never sends needs no second task."""
        try:
            self.writer = asyncio.create_task(self._streams.write(self))
        except MemoryError:
            pass  # a board may be short of memory for a moment; tick() tries again


class Streams:
    """All connections of a node. `links`: the one live connection of each identity."""

    def __init__(
        self,
        identity: Identity,
        manual: ManualPeering,
        gossip: Gossip,
        rules: Rules,
        net: "Net",
        limits: Limits,
        watcher: "Watcher",
    ) -> None:
        self.identity = identity
        self.manual = manual
        self.gossip = gossip
        self.rules = rules
        self.net = net
        self.limits = limits
        self.watcher = watcher
        self.links: dict[bytes, Connection] = {}
        self.half_open: list[Connection] = []
        self.dials: dict[bytes, Connection] = {}
        self.alive: set[Connection] = set()  # all, until their socket is closed
        self.refusals: dict[int, int] = {}  # reason -> how often
        self._buffers: list[bytearray] = []  # for frames, kept between links
        self._stopping = False

    # The node's side

    async def run(self) -> None:
        """Tick until cancelled, then close every connection."""
        try:
            while True:
                self._try_to_tick()
                await self.net.sleep_ms(self.limits.tick_ms)
        finally:
            await self._stop()

    def _try_to_tick(self) -> None:
        try:
            self.tick()
        except Exception as error:  # a board may be short of memory, and not for long
            self._tell(error)

    async def _stop(self) -> None:
        self._stopping = True
        for connection in list(self.alive):
            self._close(connection, STOPPING)
        for _ in range(100):  # each turn lets the closing tasks run one step
            if not self.alive:
                return
            await self.net.sleep_ms(10)

    def add(self, public_key: bytes, address: str) -> int:
        """List a peer, or give a listed one a new address, which is dialled at once. 0 or a
        reason.
        """
        reason = self.manual.add(public_key, address, self.net.now())
        peer = self.manual.known_peers.get(public_key)
        if not reason and peer is not None and peer.redial and public_key in self.dials:
            self._close(self.dials[public_key], ADDRESS_CHANGED)
        return reason

    def remove(self, public_key: bytes) -> bool:
        """Take a peer off the list and close its link at once; False if it was not listed."""
        if self.manual.remove(public_key) is None:
            return False
        for table in (self.links, self.dials):
            if public_key in table:
                self._close(table[public_key], REMOVED)
        return True

    def publish(self, data: bytes) -> bytes:
        """Send a message of ours (at most gossip.MAX_MESSAGE bytes) to all neighbors; its id."""
        message_id = self.gossip.publish(data)
        self._spread(data, None)
        return message_id

    def _spread(self, data: bytes, but: "Connection | None") -> None:
        for connection in self.links.values():
            if connection is not but:
                connection.send(MESSAGE, data)

    # Accepting and dialling

    def on_stream(self, stream: "Stream") -> None:
        """An accepted connection: it gets a task and a place among the half-open ones.

        A MemoryError leaves the stream to the caller, who closes it.
        """
        connection = self._connection()
        connection.stream = stream
        connection.link.source = stream.source
        connection.link.local = stream.local
        if self._stopping:
            connection.reason = STOPPING
        elif not self.net.unix_time():
            connection.reason = CLOCK_NOT_SET
        if len(self.half_open) >= self.limits.half_open:
            index = crowded_out([c.link.source for c in self.half_open])
            self._close(self.half_open[index], TOO_MANY_HALF_OPEN)
            del self.half_open[index]
        self._start(connection)
        self.half_open.append(connection)

    def _connection(self) -> Connection:
        link = Link(self.identity, self.rules, self.net.now())
        return Connection(self, link, Outbox(self.limits.outbox_bytes))

    def _start(self, connection: Connection) -> None:
        # In this order: if there is no memory for a task, nothing has happened.
        connection.task = asyncio.create_task(self._run(connection))
        self.alive.add(connection)

    def _start_dial(self, peer: KnownPeer) -> None:
        connection = self._connection()
        connection.peer = peer
        connection.link.outbound = True
        self._allow(connection, _RESOLVE_TIMEOUT_MS, NAME_TIMEOUT)
        self._start(connection)
        self.manual.dial_started(peer)
        self.dials[peer.public_key] = connection

    def _allow(self, connection: Connection, duration_ms: int, late_reason: int) -> None:
        connection.deadline = after(self.net.now(), duration_ms)
        connection.late_reason = late_reason

    async def _dial(self, connection: Connection, peer: KnownPeer) -> None:
        """Resolve, sign, connect, send: the request is signed before the connection stands."""
        host, port = parse_address(peer.address)
        try:
            ip = await self.net.resolve(host)
        except OSError as error:
            connection.reason = self.net.reason(error, NAME_NOT_FOUND)
            return
        link = connection.link
        link.source = ip
        to = format_address(ip, port).encode()
        timestamp = peer.next_timestamp(self.net.unix_time())
        request = link.request(peer.public_key, to, timestamp, self.net.now())
        self._allow(connection, _CONNECT_TIMEOUT_MS, CONNECT_TIMEOUT)
        connection.stream = stream = await self.net.connect(ip, port)
        await stream.send(request)
        connection.late_reason = 0
        link.connected(self.net.now())

    # The life of one connection

    async def _run(self, connection: Connection) -> None:
        connection.started = True
        try:
            if not connection.reason and connection.peer is not None:
                await self._dial(connection, connection.peer)
            if not connection.reason:
                await self._pump(connection)
        except asyncio.CancelledError:
            connection.reason = connection.reason or STOPPING
        except (OSError, EOFError) as error:
            broken = self._end_reason(connection.link, CONNECTION_LOST)
            known = self.net.reason(error, broken) if isinstance(error, OSError) else broken
            connection.reason = connection.reason or known
        except Exception as error:
            self._fault(connection, error)
        await self._finish(connection)

    def _fault(self, connection: Connection, error: Exception) -> None:
        """A mistake of ours, the watcher's included, ends this connection and nothing else."""
        connection.reason = connection.reason or OWN_FAULT
        self._tell(error)

    def _tell(self, error: Exception) -> None:
        try:
            self.watcher.fault(error)
        except Exception:
            pass  # there is nobody left to tell

    def _end_reason(self, link: Link, when_open: int) -> int:
        """What the end of the stream means at this stage."""
        if link.is_open():
            return when_open
        return CLOSED_BEFORE_RESPONSE if link.outbound else CLOSED_BEFORE_REQUEST

    async def _pump(self, connection: Connection) -> None:
        """Read and handle events until there is a reason to end."""
        link = connection.link
        turns = 0
        while not connection.reason:
            turns += 1
            if turns % _EVENTS_A_TURN == 0:
                await self.net.sleep_ms(0)  # reading need not wait while bytes pour in
            event = link.next_event(self.net.now(), self.net.unix_time())
            if event == NEED_DATA:
                await self._read(connection)
            elif event < 0:
                connection.reason = event
            elif event == FRAME:
                self._on_frame(connection)
            elif event == REQUESTED:
                await self._on_request(connection)
            elif event == ESTABLISHED:
                self._establish(connection)

    async def _read(self, connection: Connection) -> None:
        link = connection.link
        assert connection.stream is not None
        count = await connection.stream.readinto(link.view[link.end :])
        if count:
            link.received(count, self.net.now())
        elif count == 0 and not connection.reason:
            connection.reason = self._end_reason(link, CLOSED_BY_PEER)

    async def _on_request(self, connection: Connection) -> None:
        link = connection.link
        connection.reason = self.manual.accepts(link.peer_key)
        if connection.reason:
            return
        assert connection.stream is not None
        response = link.accept(self.net.now())
        connection.sending_since = self.net.now()
        await connection.stream.send(response)
        connection.sending_since = -1
        link.connected(self.net.now())  # signing takes a board a second
        self._establish(connection)

    def _establish(self, connection: Connection) -> None:
        """The handshake is through: this is now the one live link of its identity."""
        key = connection.link.peer_key
        peer = self.manual.known_peers.get(key)
        if peer is None:
            connection.reason = REMOVED  # while the response was on its way
            return
        connection.link.adopt(self._take_buffer())  # first: on a board there may be no memory
        if self.dials.get(key) is connection:
            del self.dials[key]
        if connection in self.half_open:
            self.half_open.remove(connection)
        older = self.links.get(key)
        self.links[key] = connection
        if older is not None:
            self._close(older, REPLACED)
        connection.peer = peer
        connection.public_key = key
        self.manual.connected(peer, self.net.unix_time())
        self.watcher.link_up(key, connection.link.outbound, connection.link.source)

    def reserve(self, links: int) -> None:
        """Make the frame buffers of so many links now, while memory is in one piece."""
        while len(self._buffers) < links:
            self._buffers.append(self._new_buffer())

    def _take_buffer(self) -> bytearray:
        return self._buffers.pop() if self._buffers else self._new_buffer()

    def _new_buffer(self) -> bytearray:
        # What came behind the handshake must fit too.
        return bytearray(max(self.limits.frame_bytes + FRAME_HEADER, HANDSHAKE_BUFFER))

    def _on_frame(self, connection: Connection) -> None:
        link = connection.link
        data = self.gossip.on_frame(connection, link.buf, link.frame_at, link.frame_length)
        if data is not None:
            self.watcher.message(data, self.gossip.last_id, connection.public_key)
            if self.gossip.relays:
                self._spread(data, connection)

    async def write(self, connection: Connection) -> None:
        """Send what the outbox holds, as long as the link lives: the writer's task."""
        header = bytearray(MAX_FRAME_HEADER)
        try:
            while True:
                await connection.ready.wait()
                connection.ready.clear()
                while connection.link.quiet_ms(self.net.now()):
                    await self.net.sleep_ms(10)
                while len(connection.outbox) and not connection.reason:
                    await self._send_next(connection, header)
        except OSError as error:
            self._close(connection, self.net.reason(error, CONNECTION_LOST))
        except Exception as error:
            self._close(connection, OWN_FAULT)
            self._fault(connection, error)

    async def _send_next(self, connection: Connection, header: bytearray) -> None:
        packet_type, content = connection.outbox.pop()
        length = frame_header(header, packet_type, len(content))
        assert connection.stream is not None
        connection.sending_since = self.net.now()
        await connection.stream.send_frame(header, length, content)
        connection.sending_since = -1
        connection.link.last_sent = self.net.now()
        if packet_type == MESSAGE:
            connection.messages_out += 1

    # The end of one connection

    def _close(self, connection: Connection, reason: int) -> None:
        """End a connection for this reason, unless it ends already. Its own task cleans up."""
        if connection.reason:
            return
        connection.reason = reason
        task = connection.task
        if connection.started and task is not None and task is not asyncio.current_task():
            task.cancel()

    async def _finish(self, connection: Connection) -> None:
        try:
            self._forget(connection)
        except Exception as error:  # a watcher's; the socket must be closed all the same
            self._fault(connection, error)
        if connection.writer is not None:
            connection.writer.cancel()
            try:
                await connection.writer
            except asyncio.CancelledError:
                pass
        if connection.public_key:
            self._buffers.append(connection.link.buf)
        if connection.stream is not None:
            await connection.stream.close()
        self.alive.discard(connection)

    def _forget(self, connection: Connection) -> None:
        """Take it out of the tables and tell who needs to know."""
        key = connection.link.peer_key
        now = self.net.now()
        if connection in self.half_open:
            self.half_open.remove(connection)
        if self.links.get(key) is connection:
            del self.links[key]
            if connection.peer is not None:
                self.manual.disconnected(
                    connection.peer, connection.reason, now, self.net.random_byte()
                )
            self.watcher.link_down(key, connection.reason)
        elif connection.public_key:
            return  # replaced by a newer link, which lives on
        elif connection.link.outbound:
            self._dial_failed(connection, now)
        else:
            self._refused(connection, now)

    def _dial_failed(self, connection: Connection, now: int) -> None:
        peer = connection.peer
        if peer is None:
            return
        if self.dials.get(peer.public_key) is connection:
            del self.dials[peer.public_key]
        self.manual.failed(peer, connection.reason, now, self.net.random_byte())
        self.watcher.dial_failed(peer.public_key, peer.address, connection.reason)

    def _refused(self, connection: Connection, now: int) -> None:
        link = connection.link
        reason = connection.reason
        self.refusals[reason] = self.refusals.get(reason, 0) + 1
        self.watcher.refused(link.source, link.claimed_key, reason)
        unix_time = self.net.unix_time()
        if link.peer_key and self.manual.refused(
            link.peer_key, reason, link.source, now, unix_time
        ):
            self.watcher.pending(link.peer_key, link.source)

    # Time

    def tick(self) -> None:
        """Close what is overdue, keep quiet links alive, dial who is due."""
        now = self.net.now()
        for connection in list(self.alive):
            reason = self._overdue(connection, now)
            if reason:
                self._close(connection, reason)
            elif len(connection.outbox):
                if connection.writer is None:
                    connection.start_writer()
            elif connection.link.keep_alive_due(now):
                connection.send(KEEP_ALIVE, b"")
        while self.net.unix_time():
            peer = self.manual.due(now)
            if peer is None:
                break
            self._start_dial(peer)

    def _overdue(self, connection: Connection, now: int) -> int:
        if connection.late_reason:
            return connection.late_reason if since(now, connection.deadline) > 0 else 0
        sending_since = connection.sending_since
        if sending_since >= 0 and since(now, sending_since) > _SEND_TIMEOUT_MS:
            return SEND_STUCK
        return connection.link.overdue(now)
