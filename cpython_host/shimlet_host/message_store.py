"""The newest messages of a full node, its own and its neighbors', in the file messages.db.

In: messages as gossip hears them. Out: the newest ones, also after a restart. They are collected
in memory and written in one transaction at each flush, without waiting for the disk
(synchronous=NORMAL): a power cut may cost the last messages, which neighbors still have. While
the disk is full or fails, the newest stay in memory and are written once it works. Made by
store.py; node.py calls `flush` twice a second, gossip uses `put` and `get`.
"""

from __future__ import annotations

import sqlite3
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from shimlet_host.database import Database, trouble
from shimlet_host.model import LOCAL, StoredMessage, StoreError

MAX_MESSAGES = 10_000
MAX_UNWRITTEN_BYTES = 8 * 1024 * 1024  # about 120 of the largest; more is written at once

_MESSAGES = """
CREATE TABLE messages (
    number INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    data BLOB NOT NULL,
    received REAL NOT NULL,
    source TEXT NOT NULL
)
"""
_PUT_MESSAGE = "INSERT OR IGNORE INTO messages (id, data, received, source) VALUES (?, ?, ?, ?)"
# Numbers have no gaps, because only the oldest messages are ever deleted.
_DROP_OLD = "DELETE FROM messages WHERE number <= (SELECT max(number) FROM messages) - ?"
_NOT_STORED = "Messages are not stored any more; the node goes on, with the newest in memory."
_NEWEST = "SELECT id, data, received, source FROM messages ORDER BY number DESC LIMIT ?"


class MessageStore:
    """The file in `folder`; `clock` tells unix seconds. Opening it raises StoreError."""

    def __init__(
        self,
        folder: Path,
        warn: Callable[[str], None],
        clock: Callable[[], float],
        max_messages: int,
    ) -> None:
        self.stored = 0  # written since the start
        self.lost = 0  # could not be written, and were let go
        self._clock = clock
        self._max_messages = max_messages
        self._unwritten: OrderedDict[bytes, StoredMessage] = OrderedDict()  # oldest first
        self._unwritten_bytes = 0
        self._database = Database(
            folder / "messages.db",
            _MESSAGES,
            sync="NORMAL",
            loss="Stored messages are lost.",
            warn=warn,
        )

    def close(self) -> None:
        """Writes what is left and closes the file; safe to call twice."""
        self.flush()
        self._let_go(len(self._unwritten))
        self._database.close()

    def put(self, message_id: bytes, data: bytes, source: str = LOCAL) -> None:
        """Keeps a message; `source` is LOCAL or the neighbor's key in base58. Never raises."""
        if message_id in self._unwritten:
            return
        self._unwritten[message_id] = StoredMessage(message_id, data, self._clock(), source)
        self._unwritten_bytes += len(data)
        if self._unwritten_bytes > MAX_UNWRITTEN_BYTES and not self._database.failing:
            self.flush()  # a disk that fails is tried by the next regular flush alone
        while self._unwritten_bytes > MAX_UNWRITTEN_BYTES:
            self._let_go(1)

    def get(self, message_id: bytes) -> bytes | None:
        """A message, or None: also if it cannot be read, since a neighbor asked, not our user."""
        unwritten = self._unwritten.get(message_id)
        if unwritten is not None:
            return unwritten.data
        try:
            rows = self._database.rows("SELECT data FROM messages WHERE id = ?", (message_id,))
        except sqlite3.Error as error:
            self._database.complain(error, _NOT_STORED)
            return None
        return bytes(rows[0][0]) if rows else None

    def newest(self, limit: int) -> list[StoredMessage]:
        """The newest messages, newest first. Raises StoreError."""
        self.flush()
        newest = list(reversed(self._unwritten.values()))[:limit]
        try:
            rows = self._database.rows(_NEWEST, (limit - len(newest),))
        except sqlite3.Error as error:
            raise StoreError(trouble(self._database.path, error)) from error
        return [*newest, *(StoredMessage(*row) for row in rows)]

    def flush(self) -> None:
        """Writes the messages of the last while; what cannot be written is tried again."""
        if not self._unwritten:
            return
        try:
            self._write(list(self._unwritten.values()))
        except sqlite3.Error as error:
            self._database.complain(error, _NOT_STORED)
            return
        self._unwritten.clear()
        self._unwritten_bytes = 0

    def _write(self, messages: list[StoredMessage]) -> None:
        rows = [(m.message_id, m.data, m.received, m.source) for m in messages]
        with self._database.transaction() as connection:
            connection.executemany(_PUT_MESSAGE, rows)
            connection.execute(_DROP_OLD, (self._max_messages,))
        self.stored += len(rows)
        self._database.failing = False

    def _let_go(self, count: int) -> None:
        """The oldest of those that could not be written are lost, as far as the disk goes."""
        for _ in range(count):
            _, message = self._unwritten.popitem(last=False)
            self._unwritten_bytes -= len(message.data)
        self.lost += count
