"""The data folder: made when it is missing, and locked, so that two nodes never share one.

In: its path. Out: a `DataFolder` that holds the lock until it is closed or the process ends,
however it ends; else StoreError. `node.py` opens it before the identity and the databases in it.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from shimlet_host.files import PRIVATE_FILE, PRIVATE_FOLDER, clear_all_drafts, way_out
from shimlet_host.model import StoreError

LOCK_NAME = "lock"


class DataFolder:
    """A locked folder. Use it with `with`, or call `close`."""

    def __init__(self, path: Path, handle: int) -> None:
        self.path = path
        self._handle = handle

    def __enter__(self) -> DataFolder:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of the lock; safe to call twice."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


def open_folder(path: Path) -> DataFolder:
    """The data folder at `path`, locked. Raises StoreError."""
    try:
        path.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        handle = os.open(path / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
    except OSError as error:
        raise StoreError(folder_trouble(path, error)) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = _holder(handle)
        os.close(handle)
        raise StoreError(
            f"The data folder {path} is in use by another node{holder}. Stop that one, or give"
            " this node its own node.dataDirectory."
        ) from error
    _note_holder(handle)
    with suppress(OSError):  # a folder that cannot be written is told by whoever writes
        clear_all_drafts(path)
    return DataFolder(path, handle)


def folder_trouble(path: Path, error: OSError) -> str:
    """A sentence and a remedy for what the system said about the data folder."""
    if isinstance(error, (FileExistsError, NotADirectoryError)):
        return f"The data folder {path} is not a folder. Remove it, or set node.dataDirectory."
    writable = "Make it writable for this user, or set node.dataDirectory to a folder that is."
    return f"The data folder {path} cannot be written: {way_out(error, writable)}"


def _holder(handle: int) -> str:
    number = os.pread(handle, 20, 0).decode("ascii", "ignore").strip()
    return f" (process {number})" if number.isdigit() else ""


def _note_holder(handle: int) -> None:
    """The process number is a help for people only, so a full disk is no reason to stop here."""
    try:
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
    except OSError:
        pass
