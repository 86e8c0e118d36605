"""Autopeering of one node, without I/O: datagrams and time go in, datagrams and events come out.

receive() takes a datagram, handle_timer() what is due; afterwards take_outbox() gives the packets
to send, take_events() the news, and next_timer() the moment to call handle_timer() again. `now` is
a monotonic clock in seconds, `unix_time` whole seconds for the wire; keys, entropy and both times
are handed in, so a run with the same seed is the same run. No datagram raises: what is wrong with
one is a Reason, returned and counted. Called by udp.py and by the simulation.

With a second core the signature checks go there: check() on the loop, Checked.verify() in the
worker, receive_verified() on the loop.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from shimlet.identity import Identity

from shimlet_host.autopeering import messages
from shimlet_host.autopeering.chains import ChainRecord
from shimlet_host.autopeering.decoding import decode, is_known
from shimlet_host.autopeering.discovery import Discovery
from shimlet_host.autopeering.envelope import Envelope, open_envelope, seal
from shimlet_host.autopeering.events import Event
from shimlet_host.autopeering.limits import TokenBuckets
from shimlet_host.autopeering.local import Address, Entropy, Local
from shimlet_host.autopeering.own_address import OwnAddress
from shimlet_host.autopeering.parameters import Parameters
from shimlet_host.autopeering.peers import Peer, Peers
from shimlet_host.autopeering.reasons import Reason
from shimlet_host.autopeering.requests import Requests, request_hash
from shimlet_host.autopeering.salt import SaltChain
from shimlet_host.autopeering.selection import Selection
from shimlet_host.autopeering.verification import Verification


class Checked:
    """A datagram that passed every check but that of its signature."""

    __slots__ = ("data", "envelope", "ip", "message", "public_key")

    def __init__(
        self,
        envelope: Envelope,
        data: bytes,
        message: messages.Message,
        public_key: bytes,
        ip: str,
    ) -> None:
        self.envelope = envelope
        self.data = data
        self.message = message
        self.public_key = public_key
        self.ip = ip

    def verify(self, identity: Identity) -> bool:
        """Whether the signature holds; needs nothing of the node, so any thread may ask."""
        return self.envelope.verify(identity)


class Autopeering:
    """One node. `seed` is that of the identity: the salt chain grows from it.

    `interfaces`: the canonical IPs that the node listens on; `external`: the configured outer one,
    None to learn it. `services` holds "peering", and "gossip" unless this is only an entry node.
    """

    def __init__(
        self,
        identity: Identity,
        seed: bytes,
        parameters: Parameters,
        services: messages.Services,
        entropy: Entropy,
        interfaces: Iterable[str] = (),
        external: str | None = None,
    ) -> None:
        self.local = Local(identity, parameters, services, entropy)
        self.requests = Requests(self.local)
        self.peers = Peers(parameters)
        self.own_address = OwnAddress(self.local, interfaces, external)
        self.verification = Verification(self.local, self.requests, self.peers, self.own_address)
        self.discovery = Discovery(self.local, self.requests, self.verification)
        chain = SaltChain(seed, self.local.node_id, parameters)
        self.selection = Selection(self.local, self.requests, self.verification, chain)
        self._buckets = TokenBuckets()
        self._validate, self._handle = self._tables()

    # TIME

    def start(self, now: float, unix_time: int) -> None:
        """Begin; known peers may be added before and after."""
        self._at(now, unix_time)
        self.discovery.start()
        self.selection.start()

    def next_timer(self) -> float | None:
        """When handle_timer() is to be called next."""
        return self.local.timers.next()

    def handle_timer(self, now: float, unix_time: int) -> None:
        """Do what is due: time-outs, new attempts, verifications, salts."""
        self._at(now, unix_time)
        self.local.timers.run(now)

    def _at(self, now: float, unix_time: int) -> None:
        self.local.now = now
        self.local.unix_time = unix_time

    # DATAGRAMS

    def receive(self, data: bytes, address: Address, now: float, unix_time: int) -> Reason | None:
        """Take one datagram from `address`, an IP in canonical text and a port."""
        checked = self.check(data, address, now, unix_time)
        if isinstance(checked, Reason):
            return checked
        if not checked.verify(self.local.identity):
            return self.count(Reason.BAD_SIGNATURE)
        return self.receive_verified(checked, now, unix_time)

    def check(self, data: bytes, address: Address, now: float, unix_time: int) -> Checked | Reason:
        """All cheap checks; nothing changes but the sender's token bucket."""
        self._at(now, unix_time)
        ip = address[0]
        if self.peers.is_limited(ip) and not self._buckets.take(ip, now):
            return self.count(Reason.RATE_LIMITED)
        envelope = open_envelope(data)
        if isinstance(envelope, Reason):
            return self.count(envelope)
        public_key = envelope.public_key
        if public_key == self.local.public_key:
            return self.count(Reason.OWN_PACKET)
        if not self.local.may_know(ip) and (public_key, ip) not in self.peers.known:
            return self.count(Reason.FOREIGN_NETWORK)
        content = envelope.data
        message = decode(content)
        if message is None:
            known = is_known(content[0])
            return self.count(Reason.BAD_MESSAGE if known else Reason.UNKNOWN_TYPE)
        reason = self._validate[type(message)](message, public_key, ip)
        if reason is not None:
            return self.count(reason)
        return Checked(envelope, content, message, public_key, ip)

    def receive_verified(self, checked: Checked, now: float, unix_time: int) -> Reason | None:
        """Act upon a datagram whose signature holds."""
        self._at(now, unix_time)
        handle = self._handle[type(checked.message)]
        req_hash = request_hash(checked.data)
        reason = handle(checked.message, checked.public_key, checked.ip, req_hash)
        return None if reason is None else self.count(reason)

    def count(self, reason: Reason) -> Reason:
        """Count a reason, and give it back."""
        self.local.counters[reason] += 1
        return reason

    def _tables(self) -> tuple[_Validators, _Handlers]:
        """What validates and what handles each message: the one place that knows them all."""
        verification, discovery = self.verification, self.discovery
        selection, local = self.selection, self.local
        choosing, accepting = selection.choosing, selection.accepting
        neighborhood = selection.neighborhood
        validators: _Validators = {
            messages.Ping: lambda m, key, ip: verification.validate_ping(m),
            messages.Pong: verification.validate_pong,
            messages.DiscoveryRequest: lambda m, key, ip: local.freshness(m.timestamp),
            messages.DiscoveryResponse: discovery.validate_discovery_response,
            messages.PeeringRequest: lambda m, key, ip: accepting.validate_peering_request(m),
            messages.PeeringResponse: choosing.validate_peering_response,
            messages.PeeringDrop: neighborhood.validate_peering_drop,
        }
        handlers: _Handlers = {
            messages.Ping: verification.on_ping,
            messages.Pong: lambda m, key, ip, _: verification.on_pong(m, key, ip),
            messages.DiscoveryRequest: discovery.on_discovery_request,
            messages.DiscoveryResponse: lambda m, key, ip, _: discovery.on_discovery_response(
                m, key, ip
            ),
            messages.PeeringRequest: accepting.on_peering_request,
            messages.PeeringResponse: lambda m, key, ip, _: choosing.on_peering_response(
                m, key, ip
            ),
            messages.PeeringDrop: lambda m, key, ip, _: neighborhood.on_peering_drop(m, key, ip),
        }
        return validators, handlers

    def take_outbox(self) -> list[tuple[bytes, Address]]:
        """The packets to send, signed, each with its address."""
        identity = self.local.identity
        packets = [(seal(identity, data), address) for data, address in self.local.outbox]
        self.local.outbox.clear()
        return packets

    def take_events(self) -> list[Event]:
        """What happened since the last call."""
        events, self.local.events = self.local.events, []
        return events

    # WHAT THE NODE SAYS

    def add_entry_node(self, public_key: bytes, ip: str, port: int) -> None:
        """An entry node and the address that its name has now."""
        self.verification.add_entry_node(public_key, ip, port)

    def add_known(self, public_key: bytes, ip: str, port: int) -> None:
        """A peer that was verified before the last stop."""
        self.verification.add(public_key, ip, port)

    def set_manual(self, public_keys: Collection[bytes]) -> None:
        """Those peered by hand: they are no candidates, and no event here concerns their links."""
        self.selection.neighborhood.manual = public_keys

    def set_interfaces(self, interfaces: Iterable[str]) -> None:
        """The machine's addresses have changed; canonical IPs."""
        self.own_address.set_interfaces(interfaces)

    def became_manual(self, public_key: bytes) -> None:
        """A neighbor is peered by hand now: its place is free, and nobody is told to hang up."""
        self.selection.neighborhood.drop(public_key, "manual", tell=False)

    def load_chain(self, public_key: bytes, record: ChainRecord) -> None:
        """A salt chain record of before the last stop, the oldest first."""
        self.selection.accepting.chains.load(public_key, record)

    def chains_since(self, unix_time: int) -> dict[bytes, ChainRecord]:
        """The salt chain records that were made or moved forward since then."""
        return self.selection.accepting.chains.since(unix_time)

    def set_mana(self, mana: Mapping[bytes, int]) -> None:
        """New figures from the mana source: {public key: mana}."""
        self.selection.candidates.mana.replace(mana, self.peers.verified)

    def link_up(self, public_key: bytes) -> None:
        """The TCP link to a neighbor stands."""
        self.selection.neighborhood.link_up(public_key)

    def link_lost(self, public_key: bytes, now: float, unix_time: int) -> None:
        """The TCP link to a neighbor ended, or never came up."""
        self._at(now, unix_time)
        self.selection.neighborhood.drop(public_key, "link-lost")

    def stop(self, now: float, unix_time: int) -> None:
        """Tell the neighbors that we leave."""
        self._at(now, unix_time)
        for half in (self.selection.chosen, self.selection.accepted):
            for public_key in list(half.neighbors):
                self.selection.neighborhood.drop(public_key, "stopping")

    # WHAT THE NODE ASKS

    def chosen(self) -> list[Peer]:
        """The chosen neighbors."""
        return [neighbor.peer for neighbor in self.selection.chosen.neighbors.values()]

    def accepted(self) -> list[Peer]:
        """The accepted neighbors."""
        return [neighbor.peer for neighbor in self.selection.accepted.neighbors.values()]

    def verified(self) -> list[Peer]:
        """The verified peers."""
        return [known.peer for known in self.peers.verified.values() if known.peer is not None]


# Each function is for the message under whose type it stands; mypy cannot say so in a dict.
_Validators = dict[type, Callable[..., Reason | None]]
_Handlers = dict[type, Callable[..., Reason | None]]
