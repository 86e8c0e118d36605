"""Small files on the board's flash: read whole and bounded, written whole or not at all.

Called by config.py and identity.py. On LittleFS a file has its content once it is closed, and a
rename takes the place of the old file in one step; so a reset leaves the old file or the new one.
Errors are OSErrors whose text is a sentence without its full stop.
"""

import errno
import os

from shimlet.wire import const

_ENOSPC = const(28)  # MicroPython's errno has no name for it


def read(path: str, max_bytes: int) -> "bytes | None":
    """The content, cut after max_bytes + 1 to show that it is too long; None: no such file."""
    try:
        size = os.stat(path)[6]
        with open(path, "rb") as file:
            return file.read(min(size, max_bytes + 1))
    except OSError as error:
        if error.errno == errno.ENOENT:
            return None
        raise OSError(f"{path} cannot be read: {error}")  # a failing flash is no missing file


def write(path: str, content: "bytes | list[bytes]") -> None:
    """Put `content`, maybe in pieces, in the place of the file, in one step. An OSError leaves the
    old one.
    """
    beside = path + ".new"
    try:
        with open(beside, "wb") as file:
            for piece in content if isinstance(content, list) else (content,):
                file.write(piece)
        os.rename(beside, path)
    except OSError as error:
        _remove(beside)  # on a full flash what was begun takes the room of others
        why = "the flash is full" if error.errno == _ENOSPC else str(error)
        raise OSError(f"{path} cannot be written: {why}")
    if hasattr(os, "sync"):  # FAT needs it; the unix build has none
        os.sync()


def exists(path: str) -> bool:
    """Whether there is such a file."""
    try:
        os.stat(path)
        return True
    except OSError:
        return False


def _remove(path: str) -> None:
    try:
        os.remove(path)
    except OSError:
        pass
