"""Files that must survive a power cut: written beside, synced, put in place in one step.

Used for the seed and by the data folder. Out: OSError as the system raises it; the callers turn
it into a sentence, for which `way_out` has the end.
"""

from __future__ import annotations

import errno
import os
from glob import escape
from pathlib import Path

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700
# File systems without hard links (FAT, some network shares) say so with one of these.
_NO_HARD_LINKS = {errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK}

_WAYS_OUT = {
    errno.ENOSPC: "the disk is full. Free some space",
    errno.EDQUOT: "this user's share of the disk is used up. Free some space",
    errno.EFBIG: "it may not grow that large. Raise the limit of this user (ulimit -f)",
    errno.EROFS: "the disk is read-only. Make it writable",
    errno.EIO: "the disk failed. Look at the disk",
}


def way_out(error: OSError, otherwise: str) -> str:
    """What the system said and what to do about it; `otherwise` where it is not the disk's."""
    known = _WAYS_OUT.get(error.errno or 0)
    return f"{known}, and try again." if known else f"{error.strerror or error}. {otherwise}"


def sync_folder(folder: Path) -> None:
    """Makes new and renamed names in `folder` durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def create_once(path: Path, content: bytes) -> None:
    """A new private file, complete or absent after a crash; FileExistsError if there is one."""
    clear_drafts(path)
    draft = _draft_of(path)
    try:
        _write_new(draft, content)
        _link(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(path.parent)


def replace_file(path: Path, content: bytes) -> None:
    """A private file with this content instead of what was there: the old or the new one."""
    clear_drafts(path)
    draft = _draft_of(path)
    try:
        _write_new(draft, content)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(path.parent)


def clear_drafts(path: Path) -> None:
    """Removes what killed processes left of this file half written: it may hold a secret."""
    for draft in path.parent.glob(f".{escape(path.name)}.*.tmp"):
        if not _is_running(draft.name.split(".")[-2]):
            draft.unlink(missing_ok=True)


def clear_all_drafts(folder: Path) -> None:
    """The same for every file of a folder that nobody else writes to."""
    for draft in folder.glob(".*.tmp"):
        draft.unlink(missing_ok=True)


def _draft_of(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")


def _is_running(process: str) -> bool:
    """Another process, that is: our own drafts of before are left over, too."""
    return process != str(os.getpid()) and Path("/proc", process).exists()


def _link(draft: Path, path: Path) -> None:
    """Gives the draft its name without ever replacing another file, as a rename would."""
    try:
        os.link(draft, path)
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        _write_new(path, draft.read_bytes())


def _write_new(path: Path, content: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
