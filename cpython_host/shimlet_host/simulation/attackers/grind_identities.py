"""Grinds identities: knowing the victim's public salt, it makes keys that are close under it.

A few scouts wait until the victim asks one of them; its request tells the salt. Then puppets enter
that are closer to the victim than any honest node, and the victim chooses them. All are in one
subnet, as addresses cost money while keys are free: the caps per subnet are the defence. Used by
experiments.py.
"""

from __future__ import annotations

from hashlib import blake2b

from shimlet_host.autopeering import messages
from shimlet_host.autopeering.score import WHOLE, score
from shimlet_host.simulation.attackers.base import Attacker, Puppet
from shimlet_host.simulation.identity import identity_of
from shimlet_host.simulation.network import Address
from shimlet_host.simulation.world import World

_CLOSE = WHOLE // 2000
_MAX_TRIES = 20_000
_GROUND = 6  # more than the places for chosen neighbors


class GrindIdentitiesAttacker(Attacker):
    """`scouts` puppets of any identity, and then ground ones."""

    def __init__(
        self, world: World, victim_key: bytes, victim_address: Address, scouts: int
    ) -> None:
        super().__init__(world, victim_key, victim_address)
        self._salt: bytes | None = None
        for _ in range(scouts):
            self.add(self._ip())

    def _ip(self) -> str:
        first = "10" if self.world.settings.private else "20"
        return f"{first}.67.0.{len(self.puppets) + 1}"

    def on_peering_request(
        self,
        puppet: Puppet,
        request: messages.PeeringRequest,
        public_key: bytes,
        source: Address,
        req_hash: bytes,
    ) -> None:
        """Say yes, and learn the salt."""
        super().on_peering_request(puppet, request, public_key, source, req_hash)
        if public_key == self.victim_key and request.salt and request.salt != self._salt:
            self._salt = request.salt
            for _ in range(_GROUND):
                self.add(self._ip(), self._close_seed(request.salt))

    def _close_seed(self, salt: bytes) -> bytes:
        """The seed of an identity that the victim will find close."""
        seed = b""
        for _ in range(_MAX_TRIES):
            seed = self.random.randbytes(32)
            identity = identity_of(seed, signatures=self.world.settings.signatures)
            node_id = blake2b(identity.public_key, digest_size=32).digest()
            if score(self.victim_id, node_id, salt) < _CLOSE:
                break
        return seed
