"""Holds a share of the nodes: every puppet asks the victim again and again to take it.

What it wants: all the victim's accepted neighbors. The theta test lets only a few of its puppets
ask at all, those that chance has put close. Used by experiments.py.
"""

from __future__ import annotations

from shimlet_host.autopeering import encoding, messages
from shimlet_host.autopeering.salt import PublicSalt, SaltChain
from shimlet_host.simulation.attackers.base import Attacker, Puppet
from shimlet_host.simulation.network import Address
from shimlet_host.simulation.world import World

_ASK_S = 5.0


class ShareAttacker(Attacker):
    """`count` puppets with salts as the protocol has them."""

    def __init__(
        self, world: World, victim_key: bytes, victim_address: Address, count: int
    ) -> None:
        super().__init__(world, victim_key, victim_address)
        self.chains: dict[bytes, SaltChain] = {}
        self.add_many(count)
        self.every(_ASK_S, self._ask)

    def salt(self, puppet: Puppet) -> PublicSalt:
        """What a puppet calls its public salt."""
        chain = self.chains.get(puppet.public_key)
        if chain is None:
            chain = SaltChain(puppet.seed, puppet.node_id, self.world.settings.parameters)
            self.chains[puppet.public_key] = chain
        return chain.at(self.unix_time)

    def _ask(self) -> None:
        for puppet in self.puppets:
            if self.victim_key not in puppet.links:
                self.ask(puppet, self.salt(puppet))

    def ask(self, puppet: Puppet, salt: PublicSalt) -> None:
        """One PeeringRequest to the victim."""
        request = messages.PeeringRequest(self.unix_time, salt.salt, salt.expiration_time)
        puppet.send(encoding.encode_peering_request(request), self.victim_address)
