"""What all attackers share: addresses with identities that talk the protocol, and one mind.

A Puppet is one identity at one IP: it signs as itself, answers Pings, and hands what it hears to
its Attacker, who decides. Subclasses of Attacker override the on_ functions. Used by the modules
beside this one.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from hashlib import blake2b

from shimlet_host.autopeering import encoding, messages
from shimlet_host.autopeering.decoding import decode
from shimlet_host.autopeering.envelope import open_envelope, seal
from shimlet_host.autopeering.reasons import Reason
from shimlet_host.autopeering.requests import request_hash
from shimlet_host.simulation.clock import UNIX_START
from shimlet_host.simulation.identity import identity_of
from shimlet_host.simulation.links import Link
from shimlet_host.simulation.network import PORT, Address
from shimlet_host.simulation.node import SERVICES
from shimlet_host.simulation.world import World

_PING_S = 5.0  # until a puppet that the victim has not pinged back tries again


class Puppet:
    """One identity of an attacker at one IP; an address and a link end of the virtual network."""

    is_up = True

    def __init__(self, attacker: Attacker, ip: str, seed: bytes) -> None:
        self.attacker = attacker
        self.ip = ip
        self.seed = seed
        self.identity = identity_of(seed, signatures=attacker.world.settings.signatures)
        self.public_key = self.identity.public_key
        self.node_id = blake2b(self.public_key, digest_size=32).digest()
        self.links: dict[bytes, Link] = {}
        self.verified_by: dict[str, None] = {}  # IPs that have pinged us, and got their Pong

    def receive(self, data: bytes, source: Address) -> None:
        """A packet has arrived; what cannot be read is of no use."""
        envelope = open_envelope(data)
        if isinstance(envelope, Reason):
            return
        message = decode(envelope.data)
        req_hash = request_hash(envelope.data)
        if isinstance(message, messages.Ping):
            self._pong(source[0], message.src_port, req_hash)
        elif message is not None:
            self.attacker.hear(self, message, envelope.public_key, data, source, req_hash)

    def send(self, data: bytes, address: Address) -> None:
        """Sign and send the data of a message."""
        packet = seal(self.identity, data)
        self.attacker.world.network.send(packet, (self.ip, PORT), address)

    def ping(self, address: Address) -> None:
        """Show that we are here."""
        ping = messages.Ping(0, 40, self.attacker.unix_time, "0.0.0.0", PORT, address[0])
        self.send(encoding.encode_ping(ping), address)

    def _pong(self, ip: str, port: int, req_hash: bytes) -> None:
        pong = messages.Pong(req_hash, SERVICES, ip)
        self.send(encoding.encode_pong(pong), (ip, port))
        self.verified_by[ip] = None

    def answer(self, req_hash: bytes, status: bool, address: Address) -> None:
        """Answer a PeeringRequest."""
        response = messages.PeeringResponse(req_hash, status)
        self.send(encoding.encode_peering_response(response), address)

    # LINKS

    def awaits(self, public_key: bytes) -> bool:
        """Everybody may dial an attacker."""
        return True

    def dials(self, public_key: bytes) -> bool:
        """It wants every link."""
        return True

    def link_up(self, public_key: bytes) -> None:
        """It is content."""

    def link_lost(self, public_key: bytes) -> None:
        """It will try again."""


class Attacker:
    """One mind with many puppets, and the victim's address.

    `victim_key` and `victim_address` are what any peer of the victim tells others about it.
    """

    def __init__(self, world: World, victim_key: bytes, victim_address: Address) -> None:
        self.world = world
        self.random = random.Random(world.random.randbytes(16))
        self.victim_key = victim_key
        self.victim_address = victim_address
        self.victim_id = blake2b(victim_key, digest_size=32).digest()
        self.puppets: list[Puppet] = []

    @property
    def unix_time(self) -> int:
        """The attacker's clock is right."""
        return int(UNIX_START + self.world.clock.now)

    def add(self, ip: str, seed: bytes | None = None) -> Puppet:
        """One more puppet; it makes itself known to the victim until it is verified there."""
        puppet = Puppet(self, ip, seed or self.random.randbytes(32))
        self.puppets.append(puppet)
        self.world.network.connect(puppet)
        self.world.links.join(puppet)
        self._introduce(puppet)
        return puppet

    def add_many(self, count: int) -> None:
        """Puppets in a subnet each."""
        first = "10" if self.world.settings.private else "20"
        for _ in range(count):
            self.add(f"{first}.66.{len(self.puppets)}.1")

    def _introduce(self, puppet: Puppet) -> None:
        if self.victim_address[0] not in puppet.verified_by:
            puppet.ping(self.victim_address)
            self.world.clock.after(_PING_S, self._introduce, puppet)

    def every(self, interval_s: float, action: Callable[[], None]) -> None:
        """Do something again and again, the first time after one interval."""
        self.world.clock.after(interval_s, self._again, interval_s, action)

    def _again(self, interval_s: float, action: Callable[[], None]) -> None:
        action()
        self.every(interval_s, action)

    # WHAT ITS PUPPETS HEAR

    def hear(
        self,
        puppet: Puppet,
        message: messages.Message,
        public_key: bytes,
        packet: bytes,
        source: Address,
        req_hash: bytes,
    ) -> None:
        """Anything but a Ping came to a puppet."""
        if isinstance(message, messages.PeeringRequest):
            self.on_peering_request(puppet, message, public_key, source, req_hash)
        elif isinstance(message, messages.PeeringResponse):
            self.on_peering_response(puppet, message, public_key)
        elif isinstance(message, messages.PeeringDrop):
            self.on_peering_drop(puppet, public_key, packet, source)

    def on_peering_request(
        self,
        puppet: Puppet,
        request: messages.PeeringRequest,
        public_key: bytes,
        source: Address,
        req_hash: bytes,
    ) -> None:
        """Somebody wants to be our neighbor: gladly."""
        puppet.answer(req_hash, True, source)

    def on_peering_response(
        self, puppet: Puppet, response: messages.PeeringResponse, public_key: bytes
    ) -> None:
        """Somebody took us, or not: dial who did."""
        if response.status:
            self.world.links.dial(puppet, public_key)

    def on_peering_drop(
        self, puppet: Puppet, public_key: bytes, packet: bytes, source: Address
    ) -> None:
        """Somebody had enough of us."""
        self.world.links.hang_up(puppet, public_key)
