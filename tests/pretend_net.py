"""A pretend network with a virtual clock: no sockets, no sleeps.

A World holds the clock, the hosts and the names; PretendNet and PretendStream are the ports of it
that a node gets. Time passes only in World.run(), and only when nobody can go on, so a test of
100 s takes milliseconds and always comes out the same. Imported by pretend_node.py.
"""

import asyncio

from pretend import UNIX
from shimlet.ports import Net, Stream
from shimlet.reasons import CONNECTION_REFUSED, NAME_NOT_FOUND
from shimlet.ticks import PERIOD_MS

IDLE_TURNS = 8  # of the loop: a task that is cancelled, finishes and closes takes fewer
WRITES_KEPT = 4
MUTE = "mute"  # a host or name server that never answers
REFUSED, RESET, NO_NAME = 111, 104, -2  # errno; the last is getaddrinfo's


class World:
    """The clock, the hosts and names, and the streams that nodes have not closed yet."""

    def __init__(self, start=0):
        self.start = start  # of the nodes' ticks
        self.passed = 0  # ms
        self.activity = 0  # grows with everything that happens
        self.hosts = {}  # "ip:port" -> a function that takes an accepted stream, or MUTE
        self.delays = {}  # "ip:port" -> ms that a connect takes
        self.names = {}  # host name -> ip, or MUTE
        self.nodes = []
        self.open = []
        self.given = 0  # how many streams nodes got
        self.errors = []
        self.over = False  # after a failure: nobody is there to let time pass
        self._sleepers = []  # [moment, event]

    async def sleep(self, duration_ms):
        """Until this much virtual time has passed."""
        if self.over:
            return await asyncio.sleep(0)
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
        await self.settle()
        end = self.passed + duration_ms
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
        self.passed = max(self.passed, end)

    def join(self, source, address):
        """Both ends of a new connection from `source` to "ip:port", the caller's first."""
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

    def give(self, stream):
        """A node gets this stream and must close it, once."""
        self.open.append(stream)
        self.given += 1
        return stream

    def check(self):
        """Every stream given to a node was closed exactly once, and every fault was expected."""
        assert not self.open, [stream.source for stream in self.open]
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
        self.writes = []  # the first that was sent, one entry a write
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
            raise OSError(self.error, "broken")
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
            raise OSError(self.error or RESET, "broken")
        if len(self.writes) < WRITES_KEPT:
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
        self.world.open.remove(self)
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
    """The ports of one node at `ip`. `clock_offset`: s that its clock is ahead, None: not set."""

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
        if ip == MUTE:
            await asyncio.Event().wait()
        if ip is None:
            raise OSError(NO_NAME, "no such name")
        return ip

    async def connect(self, ip, port):
        """See Net."""
        self.world.activity += 1
        address = f"{ip}:{port}"
        await self.sleep_ms(self.world.delays.get(address, 0))
        host = self.world.hosts.get(address)
        if host == MUTE:
            await asyncio.Event().wait()
        if host is None:
            raise OSError(REFUSED, "refused")
        near, far = self.world.join(self.ip, address)
        host(far)
        return self.world.give(near)

    def reason(self, error, default):
        """See Net."""
        known = {REFUSED: CONNECTION_REFUSED, NO_NAME: NAME_NOT_FOUND}
        return known.get(error.errno, default)
