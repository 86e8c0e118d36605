"""Random walks: any bytes, any calls in any state; no exception, one live link per identity."""

import random

from helpers import NotEd25519
from pretend import frame
from pretend_net import MUTE
from pretend_node import Caller, PretendNode, play
from shimlet.manual import STATES
from shimlet.ticks import PERIOD_MS

STEPS = 150
NODES = 3


class Walk:
    """Three nodes, and one random step after the other."""

    def __init__(self, world, seed):
        random.seed(seed)
        self.world = world
        self.nodes = [
            PretendNode(world, NotEd25519(b"%d" % n), f"10.0.0.{n}", relays=n == 1)
            for n in range(1, NODES + 1)
        ]
        self.callers = []
        self.steps = (
            self.list_peer,
            self.list_peer,
            self.remove_peer,
            self.publish,
            self.call,
            self.call,
            self.send_rubbish,
            self.break_stream,
            self.set_clock,
            self.change_host,
            self.wait,
            self.wait,
            self.wait,
        )

    def some(self, things):
        """One of them."""
        return things[random.randrange(len(things))]

    def two(self):
        """Two nodes, or the same twice."""
        return self.some(self.nodes), self.some(self.nodes)

    async def step(self):
        """One step, and what must hold after each."""
        result = self.some(self.steps)()
        if result is not None:
            await self.world.run(result)
        for node in self.nodes:
            hold_to_account(node)
            del node.watcher.news[:-9]  # a board has little memory

    def list_peer(self):
        """A peer gets listed, at its own address or at one where something else is."""
        node, other = self.two()
        ip = self.some((other.net.ip, other.net.ip, other.net.ip, "10.0.0.66", "no.example"))
        node.streams.add(other.key, ip + ":14666")

    def remove_peer(self):
        """A peer is removed, or was not listed."""
        node, other = self.two()
        node.streams.remove(other.key)

    def publish(self):
        """A message, now and then a large one."""
        node, _ = self.two()
        node.streams.publish(bytes([random.randrange(256)]) * self.some((1, 5, 100, 700)))

    def call(self):
        """A caller with a right, late or early, whole, cut or changed request."""
        node, other = self.two()
        node = self.some(self.nodes)
        caller = Caller(
            self.world, node, other.identity, silent=True, age=self.some((0, 0, 3, 30))
        )
        request = bytearray(caller.request)
        if random.randrange(3) == 0:
            request[random.randrange(len(request))] ^= 1 << random.randrange(8)
        caller.end.write(request[: self.some((200, 200, 200, 50))])
        self.callers = self.callers[-5:]
        self.callers.append(caller)

    def send_rubbish(self):
        """A caller says more: frames, halves of them, or any bytes; or it leaves."""
        if not self.callers:
            return
        end = self.some(self.callers).end
        if not (end.peer.closed or end.error):
            end.write(self.some((frame(b"hello"), bytes(4), frame(b"half")[:6], b"\x00\x00\x30")))
        if random.randrange(4) == 0:
            end.hang_up()

    def break_stream(self):
        """A stream breaks, dawdles, gets stuck or goes half dead."""
        if not self.world.open:
            return
        stream = self.some(self.world.open)
        kind = random.randrange(5)
        if kind == 0:
            stream.cut()
        elif kind == 1:
            stream.step, stream.hesitant = 1, True
        elif kind == 2:
            stream.stuck = True
        elif kind == 3:
            stream.frozen = True

    def set_clock(self):
        """A clock is lost, set, or wrong."""
        self.some(self.nodes).net.clock_offset = self.some((0, 0, 0, None, 19, -40))

    def change_host(self):
        """A host goes away, is mute, slow, or comes back."""
        node = self.some(self.nodes)
        self.world.hosts[node.address] = self.some((None, MUTE, node.on_stream, node.on_stream))
        self.world.delays[node.address] = self.some((0, 0, 700, 7000))
        if self.world.hosts[node.address] in (None, MUTE):
            return 3000  # it comes back in the next steps, if chance wills

    def wait(self):
        """Time passes."""
        return self.some((0, 0, 1, 50, 200, 1000, 5000, 31_000))


def hold_to_account(node):
    """What holds in every state of a node."""
    streams = node.streams
    for key, connection in streams.links.items():
        assert connection.link.peer_key == key and connection in streams.alive
    open_links = [c for c in streams.alive if c.writer is not None and not c.reason]
    assert len({c.public_key for c in open_links}) == len(open_links), "two live links of one key"
    assert all(streams.links.get(c.public_key) is c for c in open_links)
    for key, peer in node.manual.known_peers.items():
        assert peer.state(True) in STATES and peer.state(False) in STATES
        connection = streams.links.get(key)
        assert not peer.connected or connection is not None, "connected by no link"
        assert peer.dialling == (key in streams.dials and streams.dials[key].peer is peer)
    assert len(streams.half_open) <= 4 and not node.watcher.faults, node.watcher.faults


def walk(seed, start=0):
    """One random walk; in the end all nodes must be able to connect."""

    async def test(world):
        walk = Walk(world, seed)
        for _ in range(STEPS):
            await walk.step()
        await reunite(world, walk.nodes)

    play(test, start)


async def reunite(world, nodes):
    """All troubles end: whoever lists each other must be connected within two intervals."""
    for stream in list(world.open):
        stream.cut()
    await world.run(11_000)
    for node in nodes:
        world.hosts[node.address] = node.on_stream
        node.net.clock_offset = 0
        for other in nodes:
            if other is not node:
                node.streams.add(other.key, other.address)
    world.delays.clear()
    await world.run(41_000)  # requests of a clock that was ahead count as replays until then
    for node in nodes:
        for other in nodes:
            assert other is node or node.state(other) == ("connected", 0), node.watcher.news[-9:]


def test_random_walks_end_well():
    for seed in range(8):
        walk(seed)


def test_random_walks_across_the_wrap_of_the_ticks_end_well():
    for seed in range(100, 104):
        walk(seed, PERIOD_MS - 100_000)
