"""Grinds salts: each puppet picks the salt under which it is close enough to the victim.

That passes the theta test whenever salts are free. The victim has met the puppets before, under
salts that they had as others have them; then the salt chain tells ground salts from true ones.
Used by experiments.py.
"""

from __future__ import annotations

from shimlet_host.autopeering.parameters import SALT_LENGTH
from shimlet_host.autopeering.salt import PublicSalt
from shimlet_host.autopeering.score import WHOLE, score
from shimlet_host.simulation.attackers.base import Puppet
from shimlet_host.simulation.attackers.share import ShareAttacker

_TRIES = 10_000  # hashes for one salt


class GrindSaltsAttacker(ShareAttacker):
    """As one that holds a share, but the first salt of a puppet alone is not its own choice."""

    def __init__(self, *arguments: object, theta: float) -> None:
        self._theta = theta
        self._met: dict[bytes, None] = {}
        super().__init__(*arguments)  # type: ignore[arg-type]

    def salt(self, puppet: Puppet) -> PublicSalt:
        """The true one at first, and when it will do; else a ground one."""
        true = super().salt(puppet)
        if puppet.public_key not in self._met:
            if self.victim_address[0] in puppet.verified_by:
                self._met[puppet.public_key] = None
            return true
        return PublicSalt(self._ground(puppet, true.salt), true.expiration_time)

    def _ground(self, puppet: Puppet, salt: bytes) -> bytes:
        for _ in range(_TRIES):
            if score(puppet.node_id, self.victim_id, salt) < self._theta * WHOLE:
                break
            salt = self.random.randbytes(SALT_LENGTH)
        return salt
