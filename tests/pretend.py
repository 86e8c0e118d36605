"""A pretend wire for links, and a pretend network with a virtual clock for the shell; no sockets, no sleeps.

`feed` and LinkPair move bytes between Links, whole, in steps, cut or corrupted. A World holds the clock, the hosts and the
names; PretendNet and PretendStream are the ports of it. Time passes only in World.run(), and only when nobody can go on,
so a test of 100 s takes milliseconds and always comes out the same. `play` runs an async test in a World and holds it to
this: every stream that a node was given is closed exactly once, and no task ends in an exception that nobody saw.
"""

import asyncio
import gc
import sys

from helpers import NotEd25519
from shimlet.gossip import Gossip, Store
from shimlet.handshake import Rules
from shimlet.link import ESTABLISHED, FRAME, REQUESTED, Link
from shimlet.manual import ManualPeering
from shimlet.packet import NEED_DATA
from shimlet.ports import Net, Stream, Watcher
from shimlet.reasons import CONNECTION_REFUSED, NAME_NOT_FOUND
from shimlet.streams import Limits, Streams
from shimlet.ticks import PERIOD_MS

UNIX = 1_700_000_000  # the unix time at which a World begins
PORT = 14666
IDLE_TURNS = 8  # of the loop: a task that is cancelled, finishes and closes takes fewer
SILENT = "silent"  # a host or name server that never answers
REFUSED, RESET, NO_NAME = 111, 104, -2  # errno; the last is getaddrinfo's

# Two identities, the smaller key first: it dials.
LOW, HIGH = sorted((NotEd25519(b"one"), NotEd25519(b"two")), key=lambda one: one.public_key)


# Links


def rules(profile="spec", addresses=(b"10.0.0.2:14666",)):
    """What an acceptor at 10.0.0.2 demands."""
    return Rules(profile, list(addresses), 16)


def frame(content, packet_type=20):
    """The bytes of a gossip frame around a protobuf field 1 of at most 127 bytes."""
    body = bytes([packet_type, 10, len(content)]) + content
    return bytes([0, 0, len(body) >> 8, len(body) & 255]) + body


def feed(link, data, step=0, now=0, unix_time=UNIX, replies=None, buffer=600):
    """Give `data` to a link, `step` bytes at a time (0: all that fit); its events, frames as bytes.

    Does what the shell does for an event: accepts every request (the response goes into `replies`) and changes to a
    buffer for frames. Ends at the first reason to close.
    """
    events = []
    at = 0
    while at < len(data) and not (events and events[-1] in range(-99, 0)):
        room = len(link.view) - link.end
        assert room > 0, "no room to read into"
        count = min(room, len(data) - at, step or room)
        link.view[link.end : link.end + count] = data[at : at + count]
        at += count
        link.received(count, now)
        drain(link, events, now, unix_time, replies, buffer)
    return events


def drain(link, events, now=0, unix_time=UNIX, replies=None, buffer=600):
    """Append a link's events to `events` until it needs data or wants to close."""
    while True:
        event = link.next_event(now, unix_time)
        if event == NEED_DATA:
            return
        found = bytes(link.buf[link.frame_at : link.frame_at + link.frame_length])
        events.append(found if event == FRAME else event)
        if event < 0:
            return
        if event == REQUESTED and replies is not None:
            replies.append(link.accept(now))
        if event in (REQUESTED, ESTABLISHED):
            link.adopt(bytearray(buffer))


class LinkPair:
    """A dialling and an accepting link, and what the wire between them does to the bytes."""

    def __init__(self, step=0, profile="spec", to=b"10.0.0.2:14666", buffer=600):
        self.step = step
        self.buffer = buffer
        self.now = 0
        self.to = to
        self.dialler = Link(LOW, rules(), 0)
        self.acceptor = Link(HIGH, rules(profile), 0)
        self.acceptor.source = "10.0.0.1"

    def request(self, unix_time=UNIX):
        """The dialler's request."""
        return self.dialler.request(HIGH.public_key, self.to, unix_time, self.now)

    def to_acceptor(self, data, replies=None, unix_time=UNIX):
        """The acceptor's events for these bytes."""
        return feed(self.acceptor, data, self.step, self.now, unix_time, replies, self.buffer)

    def to_dialler(self, data):
        """The dialler's events for these bytes."""
        return feed(self.dialler, data, self.step, self.now, UNIX, None, self.buffer)

    def shake_hands(self):
        """Both links open; self."""
        replies = []
        assert self.to_acceptor(self.request(), replies) == [REQUESTED]
        assert self.to_dialler(replies[0]) == [ESTABLISHED]
        return self


# The world


class World:
    """The clock, the hosts and names, and all streams that were given to nodes."""

    def __init__(self, start=0):
        self.start = start  # of the nodes' ticks
        self.passed = 0  # ms
        self.activity = 0  # grows with everything that happens
        self.hosts = {}  # "ip:port" -> a function that takes an accepted stream, or SILENT
        self.delays = {}  # "ip:port" -> ms that a connect takes
        self.names = {}  # host name -> ip, or SILENT
        self.nodes = []
        self.streams = []
        self.errors = []
        self._sleepers = []  # [moment, event]

    async def sleep(self, duration_ms):
        """Until this much virtual time has passed."""
        sleeper = [self.passed + duration_ms, asyncio.Event()]
        self._sleepers.append(sleeper)
        try:
            await sleeper[1].wait()
        finally:
            self.activity += 1
            if sleeper in self._sleepers:
                self._sleepers.remove(sleeper)

    async def settle(self):
        """Let everybody go on until they all wait."""
        seen, idle = -1, 0
        while idle < IDLE_TURNS:
            idle = idle + 1 if seen == self.activity else 0
            seen = self.activity
            await asyncio.sleep(0)

    async def run(self, duration_ms):
        """Let virtual time pass."""
        end = self.passed + duration_ms
        await self.settle()
        while self._sleepers:
            moment = min([sleeper[0] for sleeper in self._sleepers])
            if moment > end:
                break
            self.passed = max(self.passed, moment)
            for sleeper in list(self._sleepers):
                if sleeper[0] <= self.passed:
                    self._sleepers.remove(sleeper)
                    sleeper[1].set()
            await self.settle()
        self.passed = end

    def join(self, source, address):
        """Two ends of a new connection from the IP `source` to "ip:port"; the near one goes to the caller."""
        near = PretendStream(self, address.rsplit(":", 1)[0])
        far = PretendStream(self, source)
        far.local = address.encode()
        near.peer, far.peer = far, near
        return near, far

    def dial(self, address, source="10.0.0.9"):
        """A connection to a node's listener, played by the test; the test's end of it."""
        near, far = self.join(source, address)
        self.hosts[address](far)
        return near

    def check(self):
        """Every stream given to a node was closed exactly once, and every fault was expected."""
        for stream in self.streams:
            assert stream.closed == 1, (stream.source, stream.closed)
        assert not self.errors, self.errors
        for node in self.nodes:
            assert not node.watcher.faults, node.watcher.faults
            assert not node.streams.alive and not node.streams.links and not node.streams.dials


class PretendStream(Stream):
    """One end of a pretend connection. `taken` counts what its owner has read and not."""

    def __init__(self, world, source):
        self.world = world
        self.source = source
        self.peer = None
        self.inbox = b""
        self.writes = []  # what was sent, one entry a write
        self.closed = 0
        self.ended = False  # the other end closed
        self.error = 0  # errno of a broken connection
        self.step = 0  # at most so many bytes a read; 0: no limit
        self.hesitant = False  # answers every other read with None, as a board's socket may
        self.stuck = False  # sends never end
        self.frozen = False  # half dead: what this end sends vanishes, its end too
        self._wake = asyncio.Event()
        self._hesitated = False

    async def readinto(self, view):
        """See Stream."""
        assert len(view), "a read of nothing looks like the end of the stream"
        while not (self.inbox or self.ended or self.error):
            self._wake.clear()
            await self._wake.wait()
        self._step()
        self._hesitated = self.hesitant and not self._hesitated
        if self._hesitated:
            return None
        if self.error and not self.inbox:
            raise OSError(self.error)
        count = min(len(view), len(self.inbox), self.step or len(view))
        view[:count] = self.inbox[:count]
        self.inbox = self.inbox[count:]
        return count

    def _step(self):
        self.world.activity += 1
        assert not self.closed, "used after close()"

    async def send(self, data):
        """See Stream."""
        self._step()
        if self.stuck:
            await asyncio.Event().wait()
        self.write(data)

    def write(self, data):
        """Send without waiting: for the test's end of a connection."""
        if self.error or self.peer.closed:
            raise OSError(self.error or RESET)
        self.writes.append(bytes(data))
        if not self.frozen:
            self.peer.inbox += bytes(data)
            self.peer.wake()

    async def send_frame(self, header, header_length, content):
        """See Stream."""
        await self.send(bytes(header[:header_length]) + content)

    async def close(self):
        """See Stream. Takes a turn, as real ones do."""
        self._step()
        self.closed += 1
        if not self.frozen:
            self.peer.ended = True
            self.peer.wake()
        await asyncio.sleep(0)

    def wake(self):
        """Something happened to this end."""
        self.world.activity += 1
        self._wake.set()

    def hang_up(self):
        """The test's end closes."""
        self.closed += 1
        self.peer.ended = True
        self.peer.wake()

    def cut(self, error=RESET):
        """The connection breaks, for both ends."""
        for end in (self, self.peer):
            end.error = error
            end.wake()

    def take(self):
        """What has arrived, for the test's end."""
        data, self.inbox = self.inbox, b""
        return data


class PretendNet(Net):
    """The ports of one node at `ip` in a World. `clock_offset`: what its unix clock is ahead, None if it is not set."""

    def __init__(self, world, ip):
        self.world = world
        self.ip = ip
        self.clock_offset = 0
        self.chance = 128

    def now(self):
        """See Net."""
        return (self.world.start + self.world.passed) % PERIOD_MS

    def unix_time(self):
        """See Net."""
        if self.clock_offset is None:
            return 0
        return UNIX + self.world.passed // 1000 + self.clock_offset

    def random_byte(self):
        """See Net."""
        return self.chance

    async def sleep_ms(self, duration_ms):
        """See Net."""
        self.world.activity += 1
        if duration_ms:
            await self.world.sleep(duration_ms)
        else:
            await asyncio.sleep(0)

    async def resolve(self, host):
        """See Net."""
        self.world.activity += 1
        ip = host if host[0] in "0123456789" else self.world.names.get(host)
        if ip == SILENT:
            await asyncio.Event().wait()
        if ip is None:
            raise OSError(NO_NAME)
        return ip

    async def connect(self, ip, port):
        """See Net."""
        self.world.activity += 1
        address = "%s:%d" % (ip, port)
        await self.sleep_ms(self.world.delays.get(address, 0))
        host = self.world.hosts.get(address)
        if host == SILENT:
            await asyncio.Event().wait()
        if host is None:
            raise OSError(REFUSED)
        near, far = self.world.join(self.ip, address)
        self.world.streams.append(near)
        host(far)
        return near

    def reason(self, error, default):
        """See Net."""
        known = {REFUSED: CONNECTION_REFUSED, NO_NAME: NAME_NOT_FOUND}
        return known.get(error.errno, default)


# Nodes


class MemoryStore(Store):
    """Keeps every message."""

    def __init__(self):
        self.messages = {}

    def put(self, message_id, data, source):
        """See Store."""
        self.messages[message_id] = data

    def get(self, message_id):
        """See Store."""
        return self.messages.get(message_id)


class Recorder(Watcher):
    """Writes down the news as tuples, and calls hooks[kind](...) for news of this kind."""

    def __init__(self):
        self.news = []
        self.faults = []
        self.hooks = {}

    def _note(self, kind, first, second, third=None):
        self.news.append((kind, first, second, third))
        if kind in self.hooks:
            self.hooks[kind](first, second, third)

    def of(self, kind):
        """The news of one kind."""
        return [news[1:] for news in self.news if news[0] == kind]

    def link_up(self, public_key, outbound, source):
        """See Watcher."""
        self._note("up", public_key, outbound, source)

    def link_down(self, public_key, reason):
        """See Watcher."""
        self._note("down", public_key, reason)

    def dial_failed(self, public_key, address, reason):
        """See Watcher."""
        self._note("failed", public_key, address, reason)

    def refused(self, source, claimed_key, reason):
        """See Watcher."""
        self._note("refused", source, claimed_key, reason)

    def pending(self, public_key, source):
        """See Watcher."""
        self._note("pending", public_key, source)

    def message(self, data, message_id, public_key):
        """See Watcher."""
        self._note("message", data, message_id, public_key)

    def fault(self, error):
        """See Watcher."""
        self.faults.append(error)
        if "fault" in self.hooks:
            self.hooks["fault"](error)


class PretendNode:
    """A node at `ip` in a World, ticking from the start."""

    def __init__(self, world, identity, ip, profile="spec", relays=False, listens=True):
        self.world = world
        self.identity = identity
        self.key = identity.public_key
        self.address = "%s:%d" % (ip, PORT)
        self.net = PretendNet(world, ip)
        self.watcher = Recorder()
        self.store = MemoryStore()
        self.manual = ManualPeering(self.key, 40)
        limits = Limits()
        limits.half_open = 4
        limits.frame_bytes = 600
        limits.outbox_bytes = 2000
        gossip = Gossip(identity, self.store, 64, relays)
        self.rules = Rules(profile, [], 64)
        self.streams = Streams(
            identity, self.manual, gossip, self.rules, self.net, limits, self.watcher
        )
        if listens:
            world.hosts[self.address] = self.on_stream
        world.nodes.append(self)
        self.task = asyncio.create_task(self.streams.run())

    def on_stream(self, stream):
        """A connection arrives."""
        self.world.streams.append(stream)
        self.streams.on_stream(stream)

    def lists(self, other, address=None):
        """Make `other` (a node or an identity) a known peer; the entry."""
        key = getattr(other, "key", None) or other.public_key
        assert self.streams.add(key, address or other.address) == 0
        return self.manual.known_peers[key]

    def connection(self, other):
        """The live connection to `other`, or None."""
        return self.streams.links.get(other.key)

    def state(self, other):
        """The state of the known peer `other`, and its last error."""
        peer = self.manual.known_peers[other.key]
        return peer.state(bool(self.net.unix_time())), peer.last_error

    async def stop(self):
        """End the node's task and wait for it."""
        self.task.cancel()
        await self.world.run(2000)
        assert self.task.done()


def two_nodes(world, profile="spec"):
    """A node that dials, at 10.0.0.1, and one that waits, at 10.0.0.2; they list each other."""
    dialler = PretendNode(world, LOW, "10.0.0.1", profile)
    waiter = PretendNode(world, HIGH, "10.0.0.2", profile)
    dialler.lists(waiter)
    waiter.lists(dialler)
    return dialler, waiter


def play(test, start=0):
    """Run the coroutine test(world), stop its nodes, and hold the world to its promises."""
    if sys.implementation.name == "micropython":
        asyncio.new_event_loop()  # forget what an earlier test left waiting
    world = World(start)
    asyncio.run(_play(test, world))
    gc.collect()
    world.check()


async def _play(test, world):
    loop = asyncio.get_event_loop()
    loop.set_exception_handler(lambda _, context: world.errors.append(context))
    await test(world)
    for node in world.nodes:
        if not node.task.done():
            await node.stop()
    await world.run(1000)
