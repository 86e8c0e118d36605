"""Traffic for a light node in virtual time: messages both ways, and links that are cut and come
back. Out come the figures of its heap whenever everything is at rest.

The node has a desktop node's part played by another light node, in the same heap, over sockets on
loopback. Imported by test_memory.py, and run as a program by bench/bench_hour.py:
`micropython traffic.py MESSAGES RECONNECTS SECONDS`, which prints the figures as JSON.
"""

import asyncio
import gc
import sys
from array import array

if __name__ == "__main__":
    sys.path.extend(("common", "firmware", "tests"))

from helpers import NotEd25519
from light.board_parts import random_port
from light.virtual_time import run_virtually
from shimlet.reasons import CONNECTION_LOST
from shimlet_light.node import LightNode
from shimlet_light.settings import Settings

MESSAGE_BYTES = 100
BURST = 25  # messages on their way at once, in each direction
RESTS = 10  # how often everything comes to rest, to be measured
WITHIN_MS = 30_000


class Figures:
    """The heap whenever nothing was on its way: bytes in `used`, in the `longest` free block.
    `same_buffer`: whether the board's last link had the buffer that was made at the start.

    They are written into room made before: the measuring must not be seen in what it measures.
    """

    def __init__(self, count):
        self.used = array("i", [0] * count)
        self.longest = array("i", [0] * count)
        self.counts = array("i", [0] * 3)  # messages, reconnects, seconds
        self.same_buffer = False

    def measure(self, index):
        """Write down how it is now."""
        gc.collect()
        gc.collect()  # the first one runs finalisers, whose objects the second one frees
        self.used[index] = gc.mem_alloc()
        self.longest[index] = longest_free()

    def growth(self):
        """By which part of it the used heap is larger or smaller than after the warm-up."""
        first = self.used[0]
        return max(abs(used - first) for used in self.used) / first

    def shortest(self):
        """The longest free block at its shortest, as a part of that after the warm-up."""
        return min(self.longest) / self.longest[0]


def longest_free():
    """Bytes of the largest piece that can still be had, by trying; right to 1 %."""
    low, high = 0, gc.mem_free()
    while high - low > max(16, low // 100):
        size = (low + high) // 2
        if fits(size):
            low = size
        else:
            high = size
    return low


def fits(size):
    """Whether there is a free piece of so many bytes."""
    gc.collect()
    try:
        return len(bytearray(size)) == size
    except MemoryError:
        return False


def light_node(name, port, peer_name, peer_port):
    """A node on loopback that knows the other one."""
    settings = Settings()
    settings.name = name
    settings.bind_host = "127.0.0.1"
    settings.bind_port = port
    settings.ntp = []
    settings.known_peers = [(key_of(peer_name), "127.0.0.1:%d" % peer_port)]
    settings.reconnect_interval_ms = settings.max_backoff_ms = 500
    node = LightNode(settings, NotEd25519(name.encode()))
    node.say = node.log.add  # prints nothing
    node.stdin = None
    return node


def key_of(name):
    """The public key of the node with this name."""
    return NotEd25519(name.encode()).public_key


class Pair:
    """The board, and its neighbor the desktop."""

    def __init__(self, virtual):
        self.virtual = virtual
        ports = random_port(), random_port()
        self.board = light_node("board", ports[0], "desktop", ports[1])
        self.desktop = light_node("desktop", ports[1], "board", ports[0])
        self.nodes = (self.board, self.desktop)
        self.tasks = [asyncio.create_task(node.run()) for node in self.nodes]
        self.sent = 0
        self.content = bytearray(MESSAGE_BYTES)

    async def until(self, condition):
        """Wait for it in virtual time."""
        start = self.virtual.passed_ms()
        while not condition():
            if self.virtual.passed_ms() - start > WITHIN_MS:
                raise AssertionError([node.log.lines() for node in self.nodes])
            await asyncio.sleep_ms(20)

    def linked(self):
        """Whether both see the link, and nothing else is open."""
        for node in self.nodes:
            if len(node.streams.links) != 1 or len(node.streams.alive) != 1:
                return False
        return True

    async def exchange(self, count):
        """So many messages, half of them from each side; none is lost."""
        for _ in range(count // (2 * BURST)):
            for _ in range(BURST):
                for node in self.nodes:
                    self.sent += 1
                    self.content[0:4] = self.sent.to_bytes(4, "big")
                    node.publish(self.content)
            await self.until(self.all_arrived)

    def all_arrived(self):
        """Whether each has received what the other one has published."""
        board, desktop = self.nodes
        return board.received == desktop.published and desktop.received == board.published

    async def cut(self, number):
        """Lose the connection on one side, and wait until it is back."""
        node = self.nodes[number % 2]
        for connection in node.streams.links.values():
            connection.close(CONNECTION_LOST)
        await self.until(lambda: not self.linked())
        await self.until(self.linked)

    async def close(self):
        """End both; every socket is closed."""
        for task in self.tasks:
            task.cancel()
            try:
                await task
            except asyncio.CancelledError:
                pass
        assert self.board.net.streams == self.desktop.net.streams == []


def traffic(messages, reconnects, seconds):
    """The Figures of so much traffic in so much virtual time, after a warm-up."""
    figures = Figures(RESTS + 1)
    run_virtually(lambda virtual: _traffic(virtual, figures, messages, reconnects, seconds))
    return figures


async def _traffic(virtual, figures, messages, reconnects, seconds):
    pair = Pair(virtual)
    (buffer,) = pair.board.streams._buffers
    await pair.until(pair.linked)
    start_ms = virtual.passed_ms()
    for rest in range(RESTS + 1):
        for number in range(reconnects // RESTS):
            await pair.exchange(messages // reconnects)
            await pair.cut(number)
            await asyncio.sleep_ms(seconds * 500 // reconnects)
        await asyncio.sleep_ms(
            start_ms + (rest + 1) * seconds * 1000 // RESTS - virtual.passed_ms()
        )
        await pair.until(pair.linked)
        figures.measure(rest)
        if rest == 0:  # the warm-up does not count
            sent, warm_ms = pair.sent, virtual.passed_ms()
    (connection,) = pair.board.streams.links.values()
    figures.same_buffer = connection.link.buf is buffer and not pair.board.streams._buffers
    figures.counts[0] = pair.sent - sent
    figures.counts[1] = reconnects // RESTS * RESTS
    figures.counts[2] = (virtual.passed_ms() - warm_ms) // 1000
    await pair.close()


if __name__ == "__main__":
    import json

    gc.threshold((gc.mem_alloc() + gc.mem_free()) // 8)  # as running.py does
    found = traffic(*[int(word) for word in sys.argv[1:4]])
    print(json.dumps([list(found.used), list(found.longest), list(found.counts)]))
