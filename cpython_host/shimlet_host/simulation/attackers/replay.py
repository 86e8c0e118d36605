"""Replays: gets the victim to sign a PeeringDrop, and shows it to all others, as if for them.

A PeeringDrop names no receiver. So a puppet becomes the victim's neighbor, does not dial, and is
sent a drop. Later it sends that packet to every peer that it was told of, from the victim's own
IP: sender addresses can be forged. Those who were the victim's neighbors hang up, unless the
packet is too old for them. Used by experiments.py.
"""

from __future__ import annotations

from shimlet_host.autopeering import encoding, messages
from shimlet_host.simulation.attackers.base import Puppet
from shimlet_host.simulation.attackers.share import ShareAttacker
from shimlet_host.simulation.network import Address
from shimlet_host.simulation.world import World

_LEARN_S = 5.0
_REPLAY_S = 5.0
_OLD_S = 25.0  # older than what counts as fresh


class ReplayAttacker(ShareAttacker):
    """`begin_s`: the moment from which on it replays what it has."""

    def __init__(
        self,
        world: World,
        victim_key: bytes,
        victim_address: Address,
        count: int,
        begin_s: float,
    ) -> None:
        self._begin_s = begin_s
        self._drops: list[tuple[float, bytes]] = []
        self._others: dict[Address, None] = {}
        super().__init__(world, victim_key, victim_address, count)
        self.every(_LEARN_S, self._learn)
        self.every(_REPLAY_S, self._replay)

    def _learn(self) -> None:
        """Ask the victim for peers, as all do."""
        asked = messages.DiscoveryRequest(self.unix_time)
        for puppet in self.puppets:
            puppet.send(encoding.encode_discovery_request(asked), self.victim_address)

    def hear(
        self,
        puppet: Puppet,
        message: messages.Message,
        public_key: bytes,
        packet: bytes,
        source: Address,
        req_hash: bytes,
    ) -> None:
        """Peers are told of in answers; the rest is for the usual functions."""
        if isinstance(message, messages.DiscoveryResponse):
            for peer in message.peers:
                self._others[peer.ip, peer.services["peering"].port] = None
        super().hear(puppet, message, public_key, packet, source, req_hash)

    def on_peering_response(
        self, puppet: Puppet, response: messages.PeeringResponse, public_key: bytes
    ) -> None:
        """Do not dial: the victim will send a PeeringDrop."""

    def on_peering_drop(
        self, puppet: Puppet, public_key: bytes, packet: bytes, source: Address
    ) -> None:
        """That is what it was for."""
        if public_key == self.victim_key and self.world.clock.now < self._begin_s - _OLD_S:
            self._drops.append((self.world.clock.now, packet))

    def _replay(self) -> None:
        now = self.world.clock.now
        old = [packet for heard, packet in self._drops[-1:] if now - heard > _OLD_S]
        for packet in old if now >= self._begin_s else []:
            for address in self._others:
                self.world.network.send(packet, self.victim_address, address)
