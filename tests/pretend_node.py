"""Whole nodes in a pretend network, and peers that a test plays byte by byte.

`play` runs an async test in a World and holds it to this: every stream that a node was given is
closed exactly once, no task ends in an exception that nobody saw, and nothing is left alive.
Imported by tests/core/test_streams_*.py.
"""

import asyncio
import gc

from helpers import MICROPYTHON
from pretend import HIGH, LOW, UNIX, feed, rules
from pretend_net import PretendNet, World
from shimlet.gossip import Gossip, Store
from shimlet.handshake import Rules
from shimlet.link import REQUESTED, Link
from shimlet.manual import ManualPeering
from shimlet.ports import Watcher
from shimlet.streams import Limits, Streams

PORT = 14666


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
        self.address = f"{ip}:{PORT}"
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
        self.task = asyncio.create_task(self._live())

    async def _live(self):
        try:
            await self.streams.run()
        finally:
            if self.streams.alive:
                self.watcher.faults.append("run() ended before its connections")

    def on_stream(self, stream):
        """A connection arrives."""
        self.streams.on_stream(self.world.give(stream))

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


class Caller:
    """A peer that dials a node, played by the test; its request is sent unless `silent`."""

    def __init__(self, world, node, identity=LOW, source="10.0.0.9", silent=False, to="", age=0):
        self.end, far = world.join(source, node.address)
        node.on_stream(far)
        self.link = Link(identity, rules(), 0)
        unix_time = UNIX + world.passed // 1000 - age
        to = (to or node.address).encode()
        self.request = self.link.request(node.key, to, unix_time, 0)
        if not silent:
            self.end.write(self.request)

    def events(self):
        """What its link says to all that has arrived."""
        return feed(self.link, self.end.take())

    def refused(self):
        """Whether the node closed without an answer."""
        return self.end.ended and not self.end.peer.writes


class Answerer:
    """A host at `address`, played by the test; `ends` are its connections, oldest first."""

    def __init__(self, world, address, identity=HIGH):
        self.world = world
        self.identity = identity
        self.ends = []
        world.hosts[address] = self.ends.append

    def response(self):
        """The right response to the newest request, which must be all that was sent."""
        (request,) = self.ends[-1].peer.writes
        replies = []
        unix_time = UNIX + self.world.passed // 1000
        link = Link(self.identity, Rules("goshimmer", [], 4), 0)
        assert feed(link, request, unix_time=unix_time, replies=replies) == [REQUESTED]
        return replies[0]

    def answer(self, behind=b""):
        """Answer the newest request, with more behind it in the same write."""
        self.ends[-1].write(self.response() + behind)


def play(test, start=0):
    """Run the coroutine test(world), stop its nodes, and hold the world to its promises."""
    world = World(start)
    try:
        asyncio.run(_play(test, world))
    finally:
        if MICROPYTHON:
            asyncio.get_event_loop().set_exception_handler(None)
            asyncio.new_event_loop()  # forgets all tasks, and with them this world
        gc.collect()
    world.check()


async def _play(test, world):
    loop = asyncio.get_event_loop()
    loop.set_exception_handler(lambda _, context: world.errors.append(context))
    try:
        await test(world)
    except Exception:
        world.over = True
        raise
    for node in world.nodes:
        if not node.task.done():
            await node.stop()
    await world.run(1000)
