"""Identities of simulated nodes: real Ed25519 ones, or such that sign with zeros.

A signature costs as much as all the rest of a packet, so large runs leave them out. Attackers do
not forge what they could not forge with signatures: they sign as themselves, and repeat what
others have signed. Called by node.py and by the attackers.
"""

from __future__ import annotations

from hashlib import blake2b

from shimlet.identity import Identity

from shimlet_host.identity import HostIdentity

_ZEROS = bytes(64)


class UnsignedIdentity(Identity):
    """Its public key is a hash of the seed; every signature holds."""

    def __init__(self, seed: bytes) -> None:
        super().__init__(blake2b(seed, digest_size=32).digest())

    def sign(
        self, buf: bytes | bytearray, start: int, length: int, out: bytearray, at: int
    ) -> None:
        """Zeros."""
        out[at : at + 64] = _ZEROS

    def verify(
        self, buf: bytes | bytearray, key_at: int, start: int, length: int, signature_at: int
    ) -> bool:
        """Always."""
        return True

    def blake2b(self, data: bytes) -> bytes:
        """BLAKE2b-256: 32 bytes."""
        return blake2b(data, digest_size=32).digest()


def identity_of(seed: bytes, *, signatures: bool) -> Identity:
    """The identity that grows from 32 bytes."""
    return HostIdentity(seed) if signatures else UnsignedIdentity(seed)
