"""Importing shimlet_crypto is interrupted, by ^C or for lack of memory: then it can be made again.

A file system written in Python holds the package, and raises in the middle of some file: first
early, then later and later. On 32 bits, where `make test-arm32` got that MicroPython, the modules
are the compiled viper ones.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RUNG1 = Path(os.environ.get("MICROPYTHON") or ROOT / ".venv/bin/micropython")
RUNG2 = ROOT / "build/rung2/i386/micropython"
COMPILED = ROOT / "build/mpy/x86"
PROGRAM = """
import gc, io, os, sys

held = {}
left = [0, None]  # how often may be read until this is raised

def collect(folder, below):
    for name in os.listdir(folder):
        path = folder + "/" + name
        if os.stat(path)[0] & 0x4000:
            collect(path, below + name + "/")
        else:
            with open(path, "rb") as file:
                held[below + name] = file.read()

class File(io.IOBase):
    def __init__(self, content):
        self.content, self.at = content, 0
    def readinto(self, buffer):
        left[0] -= 1
        if left[0] == 0:
            raise left[1]
        piece = self.content[self.at : self.at + len(buffer)]
        buffer[: len(piece)] = piece
        self.at += len(piece)
        return len(piece)
    def ioctl(self, request, argument):
        return 0
    def close(self):
        pass

class Files:
    def mount(self, readonly, mkfs):
        pass
    def umount(self):
        pass
    def stat(self, path):
        path = path.strip("/")
        if path in held:
            return (0x8000, 0, 0, 0, 0, 0, len(held[path]), 0, 0, 0)
        if any(name.startswith(path + "/") for name in held):
            return (0x4000,) + (0,) * 9
        raise OSError(2)
    def open(self, path, mode):
        return File(held[path.strip("/")])

collect(sys.argv[1], "")
os.mount(Files(), "/held")
sys.path[:] = ["/held"]
before = set(sys.modules)

def attempt():
    import shimlet_crypto
    assert shimlet_crypto.public_key(bytes(range(32)))[:4] == b"\\x03\\xa1\\x07\\xbf"
    return shimlet_crypto.backend

def forget():
    for name in set(sys.modules) - before:
        del sys.modules[name]
    gc.collect()

interrupted = 0
number = 1
while True:
    for kind in (KeyboardInterrupt, MemoryError):
        left[:] = number, kind
        try:
            attempt()
        except kind:
            interrupted += 1
        ended = left[0] > 0
        left[0] = 0
        backend = attempt()
        forget()
    if ended:
        break
    number += 1 + number // 3
print(interrupted, backend)
"""


def interrupted(micropython: Path, package: Path, folder: Path) -> tuple[int, str]:
    """How often importing was interrupted, and the backend after it was made again each time."""
    shutil.copytree(package, folder / "modules/shimlet_crypto")
    (folder / "program.py").write_text(PROGRAM)
    done = subprocess.run(
        [micropython, "-X", "heapsize=1m", folder / "program.py", folder / "modules"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    count, backend = done.stdout.split()
    return int(count), backend


def test_plain_ints_can_be_imported_again_after_an_interruption(tmp_path: Path) -> None:
    if not RUNG1.exists():
        pytest.skip("there is no MicroPython here")
    count, backend = interrupted(RUNG1, ROOT / "firmware/shimlet_crypto", tmp_path)
    assert count > 20
    assert backend == "bigint"


def test_viper_modules_can_be_imported_again_after_an_interruption(tmp_path: Path) -> None:
    if not RUNG2.exists() or not COMPILED.exists():
        pytest.skip("`make test-arm32` gets the one, `make mpy` makes the other")
    count, backend = interrupted(RUNG2, COMPILED / "shimlet_crypto", tmp_path)
    assert count > 20
    assert backend == "viper"
