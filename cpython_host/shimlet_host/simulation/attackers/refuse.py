"""Refuses to answer: puppets that are verified like all others, and silent when asked to peer.

What it wants: the victim waits for them, and finds no neighbors. Attempts are few and silent peers
are filtered, which is the defence. Used by experiments.py.
"""

from __future__ import annotations

from shimlet_host.autopeering import messages
from shimlet_host.simulation.attackers.base import Attacker, Puppet
from shimlet_host.simulation.network import Address
from shimlet_host.simulation.world import World


class RefuseAttacker(Attacker):
    """`count` puppets that leave PeeringRequests unanswered."""

    def __init__(
        self, world: World, victim_key: bytes, victim_address: Address, count: int
    ) -> None:
        super().__init__(world, victim_key, victim_address)
        self.add_many(count)

    def on_peering_request(
        self,
        puppet: Puppet,
        request: messages.PeeringRequest,
        public_key: bytes,
        source: Address,
        req_hash: bytes,
    ) -> None:
        """Not a word."""
