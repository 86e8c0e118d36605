"""The flash of a virtual board: a LittleFS image in a file of the host.

In: the path of the file. Out: an open and locked file, formatted if it was new.
Called by: `__main__`. A kill at any moment leaves either no image or one that mounts.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from pathlib import Path

IMAGE_BYTES = 2 * 1024 * 1024  # what an ESP32 with 4 MiB of flash leaves for files
LOCK_WAIT_S = 1.5
ON_BOARD = Path(__file__).parent / "on_board"


class ImageError(Exception):
    """The image cannot be made, opened or locked; the text is a sentence."""


def open_image(path: Path, micropython: str, config: str = "") -> int:
    """Return a descriptor of the image that holds its lock; make the image first if needed.

    `config`: the config.json of a new one, "" for none.
    """
    try:
        if not path.exists():
            _make_image(path, micropython, config)
        descriptor = os.open(path, os.O_RDWR)
    except OSError as error:
        raise ImageError(f"Cannot use the image {path}: {error.strerror or error}.") from error
    _lock(descriptor, path)
    return descriptor


def _make_image(path: Path, micropython: str, config: str) -> None:
    """Format under another name and rename, so that a kill leaves no half-made image.

    Only its user may read it: it holds what the board keeps secret.
    """
    new = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        new.touch(0o600)
        with new.open("r+b") as file:
            _take_room(file.fileno())
        _format(new, micropython, config)
        new.rename(path)
    finally:
        new.unlink(missing_ok=True)


def _take_room(descriptor: int) -> None:
    """Take the host's space at once: later, a full disk would be a failing flash."""
    if sys.platform == "linux":
        os.posix_fallocate(descriptor, 0, IMAGE_BYTES)
    else:
        os.ftruncate(descriptor, IMAGE_BYTES)


def _format(path: Path, micropython: str, config: str) -> None:
    code = f"__import__('start').make_file_system({str(path)!r}, {config!r})"
    done = subprocess.run(
        [micropython, "-c", code],
        env={**os.environ, "MICROPYPATH": str(ON_BOARD)},
        capture_output=True,
        text=True,
        timeout=20,
    )
    if done.returncode != 0:
        last = (done.stdout + done.stderr).strip().rsplit("\n", 1)[-1]
        raise ImageError(f"{micropython} could not format an image: {last}")


def _lock(descriptor: int, path: Path) -> None:
    """One board per image. The interpreter of a killed emulator may need a moment to end."""
    deadline = time.monotonic() + LOCK_WAIT_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(descriptor)
                raise ImageError(f"Another virtual board runs from {path}.") from None
            time.sleep(0.01)
