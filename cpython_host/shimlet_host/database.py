"""One SQLite file with one table: opened, checked, and set aside when it is damaged.

In: a path and the statement that makes the table. Out: rows and transactions; sqlite3.Error when
the system says no, which `trouble` turns into a sentence. Called by `store.py`,
`message_store.py` and `autopeering_store.py`; `backup.py` asks it for sentences.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from shimlet_host.files import way_out
from shimlet_host.model import StoreError

SCHEMA_VERSION = 1
_CHECKED_BYTES = 16 * 1024 * 1024  # larger files are not read through at each start
_SIDE_FILES = ("", "-wal", "-shm")
_Column = tuple[str, str]  # table and name
_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}

_REMEDIES = {
    sqlite3.SQLITE_FULL: "the disk is full. Free some space",
    sqlite3.SQLITE_READONLY: "it is read-only. Make it and its folder writable for this user",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened. Free some space if the disk is full, and make"
    " it and its folder writable for this user",
    sqlite3.SQLITE_PERM: "it cannot be opened. Make it and its folder writable for this user",
    sqlite3.SQLITE_IOERR: "the disk failed, or is full or read-only. Look at the disk and free"
    " some space",
    sqlite3.SQLITE_BUSY: "another program keeps it locked. Close that program",
}


class Database:
    """A file of our own schema. `loss` says what is gone if it must be made anew."""

    def __init__(
        self, path: Path, table: str, *, sync: str, loss: str, warn: Callable[[str], None]
    ) -> None:
        self.path = path
        self._table = table
        self._sync = sync
        self._loss = loss
        self._warn = warn
        self._closed = False  # in the middle of mending
        self.failing = False  # since complain() warned; whoever writes says when it works again
        self._connection = self._open_or_rebuild()

    def rows(self, statement: str, values: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        return self._connection.execute(statement, values).fetchall()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Everything inside happens, or nothing."""
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            # A full disk can have rolled back by itself.
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def close(self) -> None:
        """Closes the file; safe to call twice."""
        self._connection.close()

    def complain(self, error: sqlite3.Error, consequence: str) -> None:
        """One warning for each time that it starts to fail; damage is mended at once."""
        if self.mend(error) or self.failing:
            return
        self.failing = True
        self._warn(f"{consequence} {trouble(self.path, error)}")

    def mend(self, error: sqlite3.Error) -> bool:
        """Makes the file anew if `error` says that it is damaged. False if it says otherwise, or
        if the disk does not let us: then the next call tries again.
        """
        if not _is_damage(error) and not self._closed:
            return False
        self._connection.close()
        self._closed = True
        try:
            if _is_damage(error):
                self._set_aside()
            self._connection = self._open()
        except (OSError, sqlite3.Error, StoreError):
            return False
        self._closed = False
        return True

    def _open_or_rebuild(self) -> sqlite3.Connection:
        try:
            return self._open()
        except sqlite3.Error as error:
            if not _is_damage(error):
                raise StoreError(trouble(self.path, error)) from error
        try:
            self._set_aside()
            return self._open()
        except sqlite3.Error as error:
            raise StoreError(trouble(self.path, error)) from error
        except OSError as error:
            writable = "Make its folder writable for this user."
            raise StoreError(
                f"{self.path} is damaged and cannot be set aside: {way_out(error, writable)}"
            ) from error

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, isolation_level=None, timeout=1.0)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA synchronous = {self._sync}")
            self._check(connection)
            self._prepare(connection)
        except UnicodeDecodeError as error:  # in what SQLite says of it: a damaged schema
            connection.close()
            raise _damaged(str(error)) from error
        except BaseException:
            connection.close()
            raise
        return connection

    def _check(self, connection: sqlite3.Connection) -> None:
        if self.path.stat().st_size > _CHECKED_BYTES:
            return  # damage shows itself when the page is read
        (answer,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if answer != "ok":
            raise _damaged(answer)

    def _prepare(self, connection: sqlite3.Connection) -> None:
        """Makes the table in a new file, looks at that of an old one, and refuses a file that a
        later version made.
        """
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > SCHEMA_VERSION:
            raise StoreError(
                f"{self.path} was made by a later version of Shimlet (its format is {version},"
                f" this version knows {SCHEMA_VERSION}). Use that version, or another"
                " node.dataDirectory."
            )
        if version == 0:
            # One script, so that a kill leaves no file with a table and no version.
            connection.executescript(
                f"BEGIN; {self._table}; PRAGMA user_version = {SCHEMA_VERSION}; COMMIT"
            )
        elif not self._wanted_columns() <= _columns(connection):
            raise _damaged("its tables are not ours")

    def _wanted_columns(self) -> set[_Column]:
        with contextlib.closing(sqlite3.connect(":memory:")) as fresh:
            fresh.executescript(self._table)
            return _columns(fresh)

    def _set_aside(self) -> None:
        """Renames the damaged file, with its journal, to the first free *.damaged-<n>."""
        number = 1
        while (aside := self.path.with_name(f"{self.path.name}.damaged-{number}")).exists():
            number += 1
        for side in _SIDE_FILES:
            with contextlib.suppress(FileNotFoundError):
                Path(f"{self.path}{side}").rename(f"{aside}{side}")
        self._warn(
            f"{self.path} was damaged; it is kept as {aside.name}, and a new one was made."
            f" {self._loss}"
        )


def _columns(connection: sqlite3.Connection) -> set[_Column]:
    """Of all tables: a flipped bit in a name leaves a file that SQLite finds in order."""
    query = "SELECT t.name, c.name FROM sqlite_master t, pragma_table_info(t.name) c"
    return set(connection.execute(query))


def trouble(path: Path, error: sqlite3.Error) -> str:
    """A sentence and a remedy for what SQLite said."""
    remedy = _REMEDIES.get(_code(error))
    if remedy is None:
        return f"{path} cannot be used: {error}."
    return f"{path} cannot be used: {remedy}, and try again."


def _code(error: sqlite3.Error) -> int:
    """The primary code: the low byte of the extended one. 0 if SQLite gave none."""
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF


def is_read_only(error: sqlite3.Error) -> bool:
    """Whether a write was refused, be it one that finishes what a kill cut off."""
    return _code(error) == sqlite3.SQLITE_READONLY


def _is_damage(error: sqlite3.Error) -> bool:
    """What SQLite calls damage, and text that is none, of which Python tells without a code."""
    return _code(error) in _DAMAGE or str(error).startswith("Could not decode to UTF-8")


def _damaged(answer: str) -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError(answer)
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error
