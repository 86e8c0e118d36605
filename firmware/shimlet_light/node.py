"""The light node: wires the core to the board and tells people what happens.

In go Settings and an identity; run() is the node's life. User code in app.py gets the node, of
which it may use publish(), on_message, peers() and status(). Called by running.py.
"""

import asyncio
import errno
import sys

from shimlet import __version__
from shimlet.gossip import Gossip
from shimlet.handshake import Rules
from shimlet.identity import base58_encode, decode_key, format_address
from shimlet.manual import ManualPeering
from shimlet.streams import Limits, Streams
from shimlet.wire import const

from shimlet_light import clock, files, status, watchdog
from shimlet_light.commands import COMMANDS
from shimlet_light.console import Console
from shimlet_light.health import BITES, Health
from shimlet_light.log import Log
from shimlet_light.net import BoardNet
from shimlet_light.news import News, short
from shimlet_light.settings import MAX_KNOWN_PEERS
from shimlet_light.store import LastMessages

_MAX_PENDING = const(4)
_HALF_OPEN = const(4)
_RESERVED_BUFFERS = const(4)  # one for each listed peer, but no more than that
_OUTBOX_BYTES = const(4096)
MAX_MESSAGE = _OUTBOX_BYTES - 12  # what fits into an empty outbox, header included
_SEEN_MESSAGES = const(64)
_REPLAY_ENTRIES = const(16)  # 8 peers that reconnect twice within 20 s

_AGAIN_MS = const(10_000)  # until a part of the node that failed is tried again
_SECOND_MS = const(1000)


class LightNode(News):
    """One node.

    `on_message`: called with (data, public key of the neighbor) for each new message. `stdin`: the
    serial line to answer on, None for none.
    """

    def __init__(self, settings, identity) -> None:
        super().__init__()
        self.settings = settings
        self.identity = identity
        self.on_message = None
        # What running.py adds on a board: works are done beside the node's own.
        self.wifi = self.guard = None
        self.health = Health()
        self.works = []
        # Bytes, not text: half a character would block all tasks.
        self.stdin = getattr(sys.stdin, "buffer", sys.stdin)
        self.log = Log()
        self.published = self.received = 0
        self.bind_address = format_address(settings.bind_host, settings.bind_port)
        self.net = BoardNet(settings.dns)
        self.manual = self._manual_peering()
        gossip = Gossip(identity, LastMessages(), _SEEN_MESSAGES, settings.relay)
        rules = Rules(settings.profile, self._addresses(), _REPLAY_ENTRIES)
        limits = self._limits()
        self.streams = Streams(identity, self.manual, gossip, rules, self.net, limits, self)
        self._add_known_peers()

    def _manual_peering(self) -> ManualPeering:
        manual = ManualPeering(self.identity.public_key, MAX_KNOWN_PEERS, _MAX_PENDING)
        manual.reconnect_interval_ms = self.settings.reconnect_interval_ms
        manual.max_backoff_ms = self.settings.max_backoff_ms
        return manual

    def _addresses(self) -> "list[bytes]":
        """Under which others may know us, as far as we can tell; [] stands for any."""
        addresses = list(self.settings.addresses)
        if self.settings.bind_host not in ("0.0.0.0", "::"):
            addresses.append(self.bind_address.encode())
        elif self.net.ip:
            addresses.append(format_address(self.net.ip, self.settings.bind_port).encode())
        return addresses

    def use_network(self, ip: str, name_server: str) -> None:
        """There is a network, in which we have this IP; "ip:port" of its name server, or ""."""
        self.net.offline = False
        self.net.ip = ip
        self.net.use_dns(name_server)
        self.streams.rules.addresses = self._addresses()

    def _limits(self) -> Limits:
        limits = Limits()
        limits.half_open = _HALF_OPEN
        limits.frame_bytes = self.settings.buffer_size
        limits.outbox_bytes = _OUTBOX_BYTES
        return limits

    def _add_known_peers(self) -> None:
        for public_key, address in self.settings.known_peers:
            reason = self.streams.add(public_key, address)
            if reason:
                name = status.reason_name(reason)
                self.settings.note(f"known peer {base58_encode(public_key)} is ignored: {name}.")
        self.streams.reserve(min(len(self.manual.known_peers), _RESERVED_BUFFERS))

    # For app.py: these three and on_message are its whole API

    def publish(self, data: bytes) -> bytes:
        """Send 1 to MAX_MESSAGE bytes to all neighbors; the message id. ValueError: size."""
        if not 0 < len(data) <= MAX_MESSAGE:
            raise ValueError(f"a message has 1 to {MAX_MESSAGE} bytes, not {len(data)}")
        self.published += 1
        return self.streams.publish(bytes(data))

    def peers(self) -> "list[dict]":
        """The known peers: public key in base58, address, state, last error, counters."""
        return status.peers(self)["peers"]

    def status(self) -> dict:
        """The node at a glance, as the serial line shows it."""
        return status.status(self)

    # For the serial line, which also saves the list: see changes.py

    def add_peer(self, public_key: str, address: str) -> int:
        """List a peer (key in base58) or give it a new address. 0 or a reason. ValueError."""
        return self.streams.add(decode_key(public_key), address)

    def remove_peer(self, public_key: str) -> bool:
        """Take a peer off the list and close its link at once; False if it was not listed."""
        key = decode_key(public_key)
        self._dial_errors.pop(key, None)
        return self.streams.remove(key)

    def say(self, text: str) -> None:
        """Tell people: on the serial line and in the log."""
        print(text)
        self.log.add(text)

    # Life

    async def run(self) -> None:
        """Run until cancelled. Afterwards all sockets are closed."""
        self._greet()
        works = [self._listen, self._answer, self._keep_time, self._run_app]
        tasks = [asyncio.create_task(self._keep(work)) for work in works + self.works]
        try:
            await self.streams.run()
        finally:
            for task in tasks:
                task.cancel()
            self.close()

    def close(self) -> None:
        """Close all sockets at once, also when asyncio has ended by an interrupt."""
        self.net.close()
        watchdog.relieve()

    async def _keep(self, work) -> None:
        """Do this until it is done; after a fault of ours, once more."""
        while True:
            try:
                return await work()
            except Exception as error:
                self.fault(error)
                await asyncio.sleep_ms(_AGAIN_MS)

    async def _listen(self) -> None:
        while True:
            try:
                host, port = self.settings.bind_host, self.settings.bind_port
                await self.net.serve(host, port, self.streams.on_stream)
            except OSError as error:
                taken = error.errno == errno.EADDRINUSE
                why = "the port is in use" if taken else str(error)
                self.say(f"Cannot listen on {self.bind_address}: {why}. Trying again.")
            await asyncio.sleep_ms(_AGAIN_MS)

    async def _answer(self) -> None:
        """The serial line."""
        if self.stdin is not None:
            console = Console(self, COMMANDS, sys.stdout.write)
            if self.guard is not None:
                console.on_key = self.guard.key
            await console.run(asyncio.StreamReader(self.stdin))

    async def _keep_time(self) -> None:
        """The clock is right, and the uptime goes on over the wraps of the ticks."""
        clock.resume()
        sync = None
        while True:
            self.log.uptime.seconds()
            self.health.turn()
            if sync is None and self.settings.ntp:
                from shimlet_light.sntp import Sync

                sync = Sync(self)
            if sync is not None:
                await sync.turn()
            await asyncio.sleep_ms(_SECOND_MS)

    async def _run_app(self) -> None:
        """The user's own code, if there is any."""
        if not files.exists("app.py") and not files.exists("app.mpy"):
            return
        if self.health.bites >= BITES:
            self.settings.note("app.py is left out, as it blocks: mend it and restart the board.")
            return self.say("app: left out, as it blocks; mend it and restart the board")
        while self.guard is not None and self.guard.is_open:  # the watchdog must come first
            await asyncio.sleep_ms(100)
        try:
            await __import__("app").run(self)
            self.log.add("app: has ended")
        except Exception as error:
            self.say("app: failed; the node goes on without it")
            self.fault(error, "app")

    def _greet(self) -> None:
        self.say(f"Shimlet {__version__}, light node {self.settings.name}")
        self.say(f"Public key: {base58_encode(self.identity.public_key)}")
        self.say(f"Gossip on: {self.bind_address}")
        for peer in self.manual.known_peers.values():
            smaller = "ours, so we dial" if peer.outbound else "theirs, so they dial"
            self.say(f"Peer {short(peer.public_key)} at {peer.address}: smaller key {smaller}")
        for problem in self.settings.problems:
            self.say("Config: " + problem)
        if self.health.bites:
            times = f", {self.health.bites} times in a row" if self.health.bites > 1 else ""
            self.say(f"The watchdog restarted the board{times}: something blocked the node")
        if not self.net.unix_time():
            self.say("The clock is not set: no peer is dialled or accepted before it is.")
