"""What a full node remembers: its known peers and the newest messages, in two SQLite files.

In: changes of peers. Out: the same after a restart, a kill or a power cut. `service.py` opens it
after the data folder is locked and closes it at the end; roster.py keeps the known peers here. All
calls come from the node's own thread.

Two files, so that damage to the many messages never costs the few peers:
- peers.db: a change has reached the disk before the call returns (synchronous=FULL), because the
  web API has then promised it. In WAL mode this is one sync a change, and readers are never
  blocked.
- messages.db: what `messages` knows (message_store.py), which does not wait for the disk.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path

from shimlet_host.config.peers import PeerEntry
from shimlet_host.configured import FROM_API, FROM_CONFIG, PeerChanges
from shimlet_host.database import Database, trouble
from shimlet_host.message_store import MAX_MESSAGES, MessageStore
from shimlet_host.model import PeerMark, StoredPeer, StoreError

PEERS_FILE = "peers.db"

_PEERS = """
CREATE TABLE peers (
    public_key BLOB PRIMARY KEY,
    address TEXT NOT NULL,
    added REAL NOT NULL,
    source TEXT NOT NULL
) WITHOUT ROWID
"""
_MARKS = """
CREATE TABLE marks (
    public_key BLOB PRIMARY KEY,
    alias TEXT NOT NULL,
    enabled INTEGER NOT NULL
) WITHOUT ROWID
"""
# The config's list as it was looked at last. What an entry does not say is NULL.
_CONFIGURED = """
CREATE TABLE configured (
    public_key BLOB PRIMARY KEY,
    address TEXT NOT NULL,
    alias TEXT,
    enabled INTEGER
) WITHOUT ROWID
"""
_PUT_PEER = """
INSERT INTO peers VALUES (?, ?, ?, ?) ON CONFLICT (public_key)
DO UPDATE SET address = excluded.address, source = excluded.source
"""
# Who was added by the API stays so.
_PUT_CONFIGURED_PEER = """
INSERT INTO peers VALUES (?, ?, ?, ?) ON CONFLICT (public_key)
DO UPDATE SET address = excluded.address
"""
_PUT_MARK = """
INSERT INTO marks VALUES (?1, coalesce(?2, ''), coalesce(?3, 1)) ON CONFLICT (public_key)
DO UPDATE SET alias = coalesce(?2, alias), enabled = coalesce(?3, enabled)
"""
_PUT_CONFIGURED = "INSERT INTO configured VALUES (?, ?, ?, ?)"
_DROP_PEER = "DELETE FROM peers WHERE public_key = ?"
_DROP_MARK = "DELETE FROM marks WHERE public_key = ?"


class Store:
    """The memory of one node in the data folder `folder`. Raises StoreError with a sentence."""

    def __init__(
        self,
        folder: Path,
        warn: Callable[[str], None],
        clock: Callable[[], float] = time.time,
        max_messages: int = MAX_MESSAGES,
    ) -> None:
        self._clock = clock
        with ExitStack() as opened:  # one file is closed if the next one cannot be used
            self._peers = Database(
                folder / PEERS_FILE,
                _PEERS,
                sync="FULL",
                loss="Peers added by the web API are lost; add them again.",
                warn=warn,
            )
            opened.callback(self._peers.close)
            self._add_tables()
            self.messages = MessageStore(folder, warn, clock, max_messages)
            opened.pop_all()

    def close(self) -> None:
        """Writes what is left and closes both files; safe to call twice."""
        self.messages.close()
        self._peers.close()

    def peers(self) -> list[StoredPeer]:
        """All known peers, in the order of their arrival."""
        try:
            rows = self._peers.rows(
                "SELECT public_key, address, added, source FROM peers ORDER BY added, public_key"
            )
        except sqlite3.Error as error:
            raise StoreError(trouble(self._peers.path, error)) from error
        return [StoredPeer(*row) for row in rows]

    def add_peers(
        self,
        entries: Iterable[tuple[bytes, str]],
        marks: Iterable[PeerMark] = (),
        source: str = FROM_API,
    ) -> None:
        """Adds peers, or gives known ones a new address, and keeps what the marks say of them: all
        or none, on the disk at return.
        """
        now = self._clock()
        self._change(
            (_PUT_PEER, [(key, address, now, source) for key, address in entries]),
            (_PUT_MARK, rows_of(marks)),
        )

    def remove_peers(self, public_keys: Iterable[bytes]) -> None:
        """Forgets peers: all or none, on the disk at return. Unknown keys are fine."""
        rows = [(key,) for key in public_keys]
        self._change((_DROP_PEER, rows), (_DROP_MARK, rows))

    def _add_tables(self) -> None:
        """Files of earlier versions lack some."""
        try:
            there = {name for (name,) in self._peers.rows("SELECT name FROM sqlite_master")}
            with self._peers.transaction() as connection:
                for name, table in (("marks", _MARKS), ("configured", _CONFIGURED)):
                    if name not in there:
                        connection.execute(table)
        except sqlite3.Error as error:
            raise StoreError(trouble(self._peers.path, error)) from error

    def marks(self) -> list[PeerMark]:
        """The names of known peers, and which ones are disabled."""
        try:
            rows = self._peers.rows("SELECT public_key, alias, enabled FROM marks")
        except sqlite3.Error as error:
            raise StoreError(trouble(self._peers.path, error)) from error
        return [PeerMark(key, alias, bool(enabled)) for key, alias, enabled in rows]

    def put_marks(self, marks: Iterable[PeerMark]) -> None:
        """Keeps what the marks say: all or none, on the disk at return."""
        self._change((_PUT_MARK, rows_of(marks)))

    def configured(self) -> list[PeerEntry]:
        """The config's list as it was given to follow_config() last."""
        try:
            rows = self._peers.rows("SELECT public_key, address, alias, enabled FROM configured")
        except sqlite3.Error as error:
            raise StoreError(trouble(self._peers.path, error)) from error
        return [configured_entry(*row) for row in rows]

    def follow_config(self, entries: Iterable[PeerEntry], changes: PeerChanges) -> None:
        """Makes the changes and keeps the list that they come from: all or none, as above."""
        now = self._clock()
        gone = [(key,) for key in changes.removed]
        peers = [(key, address, now, FROM_CONFIG) for key, address in changes.addressed]
        self._change(
            (_DROP_PEER, gone),
            (_DROP_MARK, gone),
            (_PUT_CONFIGURED_PEER, peers),
            (_PUT_MARK, rows_of(changes.marks)),
            ("DELETE FROM configured", [()]),
            (_PUT_CONFIGURED, [tuple(entry) for entry in entries]),
        )

    def replace_peers(
        self,
        peers: Iterable[StoredPeer],
        marks: Iterable[PeerMark],
        configured: Iterable[PeerEntry],
    ) -> None:
        """These instead of all that was known: all or none, on the disk at return."""
        self._change(
            ("DELETE FROM peers", [()]),
            ("DELETE FROM marks", [()]),
            ("DELETE FROM configured", [()]),
            (_PUT_PEER, [(p.public_key, p.address, p.added, p.source) for p in peers]),
            (_PUT_MARK, rows_of(marks)),
            (_PUT_CONFIGURED, [tuple(entry) for entry in configured]),
        )

    def _change(self, *steps: tuple[str, Sequence[tuple[object, ...]]]) -> None:
        """Each statement for each of its rows: all or none."""
        try:
            with self._peers.transaction() as connection:
                for statement, rows in steps:
                    connection.executemany(statement, rows)
        except sqlite3.Error as error:
            raise StoreError(
                "The known peers were not changed. " + trouble(self._peers.path, error)
            ) from error


def rows_of(marks: Iterable[PeerMark]) -> list[tuple[bytes, str | None, bool | None]]:
    """What _PUT_MARK takes."""
    return [(mark.public_key, mark.alias, mark.enabled) for mark in marks]


def configured_entry(
    public_key: bytes, address: str, alias: str | None, enabled: int | None
) -> PeerEntry:
    """One row of the table `configured`."""
    return PeerEntry(public_key, address, alias, None if enabled is None else bool(enabled))
