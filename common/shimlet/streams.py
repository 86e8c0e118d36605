"""The shell of the core: dial, accept, pump, on both interpreters.

Holds the tables of connections and acts on what others decide: handshake and frames in link.py,
one connection's tasks in connection.py, whom to accept and when to dial in manual.py, what to do
with a frame in gossip.py, who makes room in admission.py. tick(), a few times a second, closes
what is overdue and dials who is due.

The node hands in its parts, runs run() as a task, and passes accepted connections to on_stream().
"""

import asyncio

from shimlet.admission import crowded_out
from shimlet.connection import Connection
from shimlet.gossip import KEEP_ALIVE, MESSAGE, Gossip
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
    CONNECT_TIMEOUT,
    NAME_NOT_FOUND,
    NAME_TIMEOUT,
    OWN_FAULT,
    REMOVED,
    REPLACED,
    STOPPING,
    TOO_MANY_HALF_OPEN,
)
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
            connection.close(STOPPING)
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
            self.dials[public_key].close(ADDRESS_CHANGED)
        return reason

    def remove(self, public_key: bytes) -> bool:
        """Take a peer off the list and close its link at once; False if it was not listed."""
        if self.manual.remove(public_key) is None:
            return False
        for table in (self.links, self.dials):
            if public_key in table:
                table[public_key].close(REMOVED)
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
            self.half_open[index].close(TOO_MANY_HALF_OPEN)
            del self.half_open[index]
        self._start(connection)
        self.half_open.append(connection)

    def _connection(self) -> Connection:
        link = Link(self.identity, self.rules, self.net.now())
        return Connection(link, Outbox(self.limits.outbox_bytes), self.net)

    def _start(self, connection: Connection) -> None:
        # In this order: if there is no memory for a task, nothing has happened.
        connection.task = asyncio.create_task(self._run(connection))
        self.alive.add(connection)

    def _start_dial(self, peer: KnownPeer) -> None:
        connection = self._connection()
        connection.peer = peer
        connection.link.outbound = True
        connection.allow(_RESOLVE_TIMEOUT_MS, NAME_TIMEOUT)
        self._start(connection)
        self.manual.dial_started(peer)
        self.dials[peer.public_key] = connection

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
        connection.allow(_CONNECT_TIMEOUT_MS, CONNECT_TIMEOUT)
        connection.stream = await self.net.connect(ip, port)
        await connection.send_handshake(request)
        connection.allow(0, 0)

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
            connection.broken(error)
        except Exception as error:
            connection.reason = connection.reason or OWN_FAULT
            connection.fault = error
        await self._finish(connection)

    def _tell(self, error: Exception) -> None:
        """A mistake of ours, the watcher's included, ended one connection and nothing else."""
        try:
            self.watcher.fault(error)
        except Exception:
            pass  # there is nobody left to tell

    async def _pump(self, connection: Connection) -> None:
        """Read and handle events until there is a reason to end."""
        link = connection.link
        turns = 0
        while not connection.reason:
            turns += 1
            if turns % _EVENTS_A_TURN == 0:
                await self.net.sleep_ms(0)  # reading need not wait while bytes pour in
            # Frames carry no timestamp, and on a board the time is an int on the heap.
            unix_time = 0 if link.is_open() else self.net.unix_time()
            event = link.next_event(self.net.now(), unix_time)
            if event == NEED_DATA:
                await connection.read()
            elif event < 0:
                connection.reason = event
            elif event == FRAME:
                self._on_frame(connection)
            elif event == REQUESTED:
                await self._on_request(connection)
            elif event == ESTABLISHED:
                self._establish(connection)

    async def _on_request(self, connection: Connection) -> None:
        link = connection.link
        connection.reason = self.manual.accepts(link.peer_key)
        if connection.reason:
            return
        await connection.send_handshake(link.accept(self.net.now()))
        self._establish(connection)

    def _establish(self, connection: Connection) -> None:
        """The handshake is through: this is now the one live link of its identity."""
        key = connection.link.peer_key
        peer = self.manual.find(key)
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
            older.close(REPLACED)
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

    # The end of one connection

    async def _finish(self, connection: Connection) -> None:
        try:
            self._forget(connection)
        except Exception as error:  # a watcher's; the socket must be closed all the same
            connection.fault = error
        await connection.finish()
        if connection.public_key:
            self._buffers.append(connection.link.buf)
        self.alive.discard(connection)
        if connection.fault is not None:
            self._tell(connection.fault)

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
            reason = connection.overdue(now)
            if reason:
                connection.close(reason)
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
