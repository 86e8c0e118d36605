"""What autopeering remembers over a restart: verified peers and the salt chains of others, in
autopeering.db beside the other databases of the data folder.

In: changes, collected in memory and written once a second. Out: the peers verified last, from
which the next start begins, and the chain records. Losing any of it costs time and no promise, so
nothing waits for the disk. Bounded by number and age. Called by auto.py, from the node's thread.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from shimlet_host.autopeering.chains import ChainRecord
from shimlet_host.autopeering.parameters import CHAIN_LIFETIME_S, MAX_CHAINS
from shimlet_host.autopeering.peers import Peer
from shimlet_host.database import Database

MAX_PEERS = 500  # half of maxManaged, so that a start from dead ones leaves room for new ones
PEER_LIFETIME_S = 30 * 24 * 3600
PRUNE_EVERY = 1000  # written rows

Address = tuple[str, int]

_TABLES = """
CREATE TABLE peers (
    public_key BLOB PRIMARY KEY,
    ip TEXT NOT NULL,
    port INTEGER NOT NULL,
    verified REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE chains (
    public_key BLOB PRIMARY KEY,
    salt BLOB NOT NULL,
    set_time INTEGER NOT NULL,
    last_seen INTEGER NOT NULL
) WITHOUT ROWID
"""
_INTERVAL = "CREATE TABLE IF NOT EXISTS chain_interval (seconds INTEGER NOT NULL)"
_NOT_KEPT = "Peers found by autopeering are not kept any more; the node goes on."
_PUT_PEER = "INSERT OR REPLACE INTO peers VALUES (?, ?, ?, ?)"
_PUT_CHAIN = "INSERT OR REPLACE INTO chains VALUES (?, ?, ?, ?)"
_PEERS = """
SELECT public_key, ip, port FROM peers WHERE verified > ? ORDER BY verified DESC LIMIT ?
"""
_CHAINS = """
SELECT public_key, salt, set_time, last_seen FROM chains WHERE last_seen > ? ORDER BY last_seen
"""
_PRUNE = """
DELETE FROM {table} WHERE public_key NOT IN
(SELECT public_key FROM {table} WHERE {time} > ? ORDER BY {time} DESC LIMIT ?)
"""


class AutopeeringStore:
    """The file in `folder`. `warn` gets sentences; only opening it raises StoreError."""

    def __init__(
        self, folder: Path, warn: Callable[[str], None], clock: Callable[[], float] = time.time
    ) -> None:
        self._clock = clock
        self._written = 0
        self._peers: dict[bytes, tuple[str, int, float]] = {}
        self._chains: dict[bytes, ChainRecord] = {}
        self._database = Database(
            folder / "autopeering.db",
            _TABLES,
            sync="NORMAL",
            loss="The next neighbors are found through the entry nodes.",
            warn=warn,
        )
        self._prune()

    def close(self) -> None:
        """Write what is left and close the file; safe to call twice."""
        self.flush()
        self._database.close()

    def peers(self) -> list[tuple[bytes, Address]]:
        """The peers verified last, the newest first."""
        oldest = self._clock() - PEER_LIFETIME_S
        return [(key, (ip, port)) for key, ip, port in self._rows(_PEERS, oldest, MAX_PEERS)]

    def chains(self, interval_s: int) -> list[tuple[bytes, ChainRecord]]:
        """The salt chain records, the oldest first; `interval_s`: saltUpdateInterval."""
        self._drop_chains_of_another(interval_s)
        rows = self._rows(_CHAINS, self._clock() - CHAIN_LIFETIME_S)
        return [(key, ChainRecord(*record)) for key, *record in rows]

    def _drop_chains_of_another(self, interval_s: int) -> None:
        """With another saltUpdateInterval the chains of all nodes are others: to hold them against
        the old ones would refuse everybody for 14 days.
        """
        try:
            with self._database.transaction() as connection:
                connection.execute(_INTERVAL)
                found = connection.execute("SELECT seconds FROM chain_interval").fetchall()
                if found == [(interval_s,)]:
                    return
                if found:
                    connection.execute("DELETE FROM chains")
                connection.execute("DELETE FROM chain_interval")
                connection.execute("INSERT INTO chain_interval VALUES (?)", (interval_s,))
        except sqlite3.Error as error:
            self._database.complain(error, _NOT_KEPT)

    def verified(self, peer: Peer) -> None:
        """A peer answered from this address."""
        self._peers[peer.public_key] = (*peer.address, self._clock())

    def keep_chains(self, records: Mapping[bytes, ChainRecord]) -> None:
        """Records that are new or have moved forward."""
        self._chains.update(records)

    def flush(self) -> None:
        """Write the changes; what cannot be written is tried no more."""
        if not self._peers and not self._chains:
            return
        peers = [(key, *values) for key, values in self._peers.items()]
        chains = [(key, *record) for key, record in self._chains.items()]
        self._peers.clear()
        self._chains.clear()
        try:
            with self._database.transaction() as connection:
                connection.executemany(_PUT_PEER, peers)
                connection.executemany(_PUT_CHAIN, chains)
            self._database.failing = False
        except sqlite3.Error as error:
            self._database.complain(error, _NOT_KEPT)
        self._written += len(peers) + len(chains)
        if self._written >= PRUNE_EVERY:
            self._prune()

    def _prune(self) -> None:
        """Forget what is too old or too much."""
        self._written = 0
        now = self._clock()
        try:
            with self._database.transaction() as connection:
                statement = _PRUNE.format(table="peers", time="verified")
                connection.execute(statement, (now - PEER_LIFETIME_S, MAX_PEERS))
                statement = _PRUNE.format(table="chains", time="last_seen")
                connection.execute(statement, (now - CHAIN_LIFETIME_S, MAX_CHAINS))
        except sqlite3.Error as error:
            self._database.complain(error, _NOT_KEPT)

    def _rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        try:
            return self._database.rows(statement, values)
        except sqlite3.Error as error:
            self._database.complain(error, _NOT_KEPT)
            return []
