"""Our salts: the public one out of a hash chain that the clock walks backwards, a private random.

z_(i+1) = BLAKE2b-160(z_i); the last element is published first. Which one is due is a function
of the unix time, so a restart loses nothing (protocol.md, "Neighbor selection"). When a chain is
used up after its 87,600 intervals, the next one begins, from another first element. Called by
selection.py.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import NamedTuple

from shimlet_host.autopeering.parameters import SALT_LENGTH, Parameters

_STEP = 300  # every so many elements one is kept: at most as many hashes for a salt, 292 kept


class PublicSalt(NamedTuple):
    """A salt and the unix time at which it expires."""

    salt: bytes
    expiration_time: int


def hash_salt(salt: bytes) -> bytes:
    """The element after this one: BLAKE2b-160."""
    return blake2b(salt, digest_size=SALT_LENGTH).digest()


class SaltChain:
    """The public salts of the identity with this seed and node ID."""

    def __init__(self, seed: bytes, node_id: bytes, parameters: Parameters) -> None:
        self._seed = seed
        self._interval_s = int(parameters.salt_update_interval_s)
        self._length = parameters.chain_length
        offset_s = int.from_bytes(node_id[:4], "little") % self._interval_s
        self._start_s = parameters.chain_start_s + offset_s
        self._generation = -1
        self._kept: list[bytes] = []

    def at(self, unix_time: int) -> PublicSalt:
        """The salt of this moment. Before the start of all chains it is the very first one."""
        index = max(0, (unix_time - self._start_s) // self._interval_s)
        expiration_time = self._start_s + (index + 1) * self._interval_s
        generation, place = divmod(index, self._length)
        if generation != self._generation:
            self._kept = self._checkpoints(generation)
            self._generation = generation
        return PublicSalt(self._element(self._length - place), expiration_time)

    def _checkpoints(self, generation: int) -> list[bytes]:
        """Every _STEP-th element of a chain; half a millisecond for a thousand elements."""
        subject = self._interval_s.to_bytes(8, "little")
        if generation:
            subject += generation.to_bytes(8, "little")
        element = blake2b(subject, key=self._seed, digest_size=SALT_LENGTH).digest()
        kept = []
        for number in range(self._length + 1):
            if number % _STEP == 0:
                kept.append(element)
            element = hash_salt(element)
        return kept

    def _element(self, number: int) -> bytes:
        element = self._kept[number // _STEP]
        for _ in range(number % _STEP):
            element = hash_salt(element)
        return element
