"""The salt chains of others: whether a request's salt goes back to the one first seen.

Whoever could pick salts freely could pick one under which a victim is close. So a new salt counts
only if hashing it once for each interval that has passed gives the recorded one (protocol.md,
"Verifying a salt"). Records are bounded and are saved by the node. Called by selection.py.
"""

from __future__ import annotations

from typing import NamedTuple

from shimlet_host.autopeering.parameters import (
    CHAIN_LIFETIME_S,
    MAX_AHEAD_S,
    MAX_CHAINS,
    Parameters,
)
from shimlet_host.autopeering.salt import hash_salt


class ChainRecord(NamedTuple):
    """The newest salt of an identity that was found right; times are unix seconds."""

    salt: bytes
    set_time: int
    last_seen: int


class SaltChains:
    """One record for each identity, those not seen for longest in front."""

    def __init__(self, parameters: Parameters) -> None:
        self._interval_s = int(parameters.salt_update_interval_s)
        self._length = parameters.chain_length
        self.records: dict[bytes, ChainRecord] = {}

    def __len__(self) -> int:
        return len(self.records)

    def load(self, public_key: bytes, record: ChainRecord) -> None:
        """Take a saved record, oldest first."""
        self.records[public_key] = record

    def since(self, unix_time: int) -> dict[bytes, ChainRecord]:
        """The records used since then, for whoever saves them."""
        found = {}
        for public_key, record in reversed(self.records.items()):
            if record.last_seen < unix_time:
                break
            found[public_key] = record
        return found

    def check(
        self, public_key: bytes, salt: bytes, expiration_time: int, timestamp: int, unix_time: int
    ) -> bool:
        """Whether the salt is of this identity's chain; a first one is recorded and is."""
        set_time = expiration_time - self._interval_s
        if abs(timestamp - unix_time) >= MAX_AHEAD_S or not (
            set_time <= timestamp < expiration_time
        ):
            return False
        record = self._record(public_key, unix_time)
        if record is None:
            self._keep(public_key, ChainRecord(salt, set_time, unix_time))
            return True
        newest = self._follows(record, salt, set_time)
        if newest is None:
            return False
        self._keep(public_key, ChainRecord(*newest, unix_time))
        return True

    def _record(self, public_key: bytes, unix_time: int) -> ChainRecord | None:
        record = self.records.get(public_key)
        if record is not None and unix_time - record.last_seen > CHAIN_LIFETIME_S:
            return None
        return record

    def _follows(
        self, record: ChainRecord, salt: bytes, set_time: int
    ) -> tuple[bytes, int] | None:
        """Salt and set time of the newer of the two, if one chain has both."""
        count, rest = divmod(set_time - record.set_time, self._interval_s)
        if rest or not -1 <= count <= self._length:
            return None
        if count == -1:  # a request from before the update, overtaken by one from after it
            return record[:2] if hash_salt(record.salt) == salt else None
        element = salt
        for _ in range(count):
            element = hash_salt(element)
        return (salt, set_time) if element == record.salt else None

    def _keep(self, public_key: bytes, record: ChainRecord) -> None:
        self.records.pop(public_key, None)
        self.records[public_key] = record
        if len(self.records) > MAX_CHAINS:
            del self.records[next(iter(self.records))]
