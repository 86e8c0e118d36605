"""The light node as a process on the 32-bit rung, for each way in which a board may hold its code.

- Frozen into the firmware: names and bytecode stay in flash. So it runs on boards with little RAM.
- In a ROM file system: bytecode stays in flash, but MicroPython 1.25 copies all names to the heap.
  Here the file system is in memory, and the caller subtracts its size.
- As .mpy files on the board's LittleFS: all is copied into the heap when it is imported.

In: a folder with config.json, and what rung 2 and `make mpy` made. Out: answers of the node's
serial line. Called by bench_light_heap.py.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from mpremote.romfs import VfsRomWriter

ROOT = Path(__file__).resolve().parents[2]
FROZEN = "build/rung2/frozen/micropython"
RUNG2 = "build/rung2/i386/micropython"
MODULES = ROOT / "build/mpy/x86"
PACKAGES = ("shimlet", "shimlet_light", "shimlet_crypto")
HEAP_BYTES = 128 * 1024
FILES_HEAP_BYTES = 192 * 1024  # the node from .mpy files leaves too little of 128 KB to answer
MOUNT = """
import sys, vfs
vfs.mount(vfs.VfsRom(open("rom.img", "rb").read()), "/rom")
sys.path[:0] = ["/rom"]
"""
# A module without a path in the place of the package: its native code is not found.
PLAIN_INTS = """
import sys
sys.modules["shimlet_crypto.viper"] = sys
"""
CRYPTO = """
import gc
gc.collect()
before = gc.mem_alloc()
import shimlet_crypto
gc.collect()
print(gc.mem_alloc() - before)
"""
UP_WITHIN_S = 30.0


class Code(NamedTuple):
    """One way to hold the code: the target that makes its MicroPython, MICROPYPATH, a ROM image,
    whether the signatures may use native code, and the limit in bytes, 0 for none."""

    name: str
    made_by: str
    path: str = ".frozen"
    image: bytes = b""
    native: bool = True
    limit: int = 0
    heap: int = HEAP_BYTES

    @property
    def micropython(self) -> Path:
        """The interpreter, which may not be there."""
        return ROOT / self.made_by

    @property
    def flash(self) -> int:
        """Bytes that a board has in flash, and this process in its heap."""
        return len(self.image)

    def prepare(self, folder: Path, name: str, script: str) -> list[str]:
        """Write the script, and what it mounts first; answer the command that runs it."""
        (folder / "rom.img").write_bytes(self.image)
        before = (MOUNT if self.image else "") + ("" if self.native else PLAIN_INTS)
        (folder / name).write_text(before + script)
        return [str(self.micropython), "-X", f"heapsize={self.heap + self.flash}", name]

    def environment(self) -> dict[str, str]:
        """That of this process, and where MicroPython looks for modules."""
        return {**os.environ, "MICROPYPATH": self.path}

    def held_by_crypto(self, folder: Path) -> int:
        """Bytes that the signatures alone hold once they are imported."""
        command = self.prepare(folder, "crypto.py", CRYPTO)
        environment = self.environment()
        return int(subprocess.check_output(command, cwd=folder, env=environment, text=True))


def frozen_code(native: bool, limit: int) -> Code:
    """Frozen into the firmware."""
    return Code("frozen into the firmware", FROZEN, native=native, limit=limit)


def code_in_rom(limit: int) -> Code:
    """Our .mpy files in a ROM file system, from which MicroPython runs their bytecode in place."""
    rom = VfsRomWriter()
    for package in PACKAGES:
        add_to_rom(rom, MODULES / package)
    return Code(".mpy files in ROM", RUNG2, image=bytes(rom.finalise()), limit=limit)


def add_to_rom(rom: VfsRomWriter, folder: Path) -> None:
    """Add a package with all below it."""
    rom.opendir(folder.name)
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            add_to_rom(rom, path)
        else:
            rom.mkfile(path.name, path.read_bytes())
    rom.closedir()


def code_in_files() -> Code:
    """Compiled files."""
    path = f".frozen:{MODULES}"
    return Code(".mpy files on the flash", RUNG2, path=path, heap=FILES_HEAP_BYTES)


class LightNode:
    """The node under test: a MicroPython process, asked over its standard input."""

    def __init__(self, folder: Path, code: Code) -> None:
        self.folder = folder
        self.code = code
        self.process: asyncio.subprocess.Process | None = None
        self.asked = 0

    async def start(self) -> None:
        """Run main.py as the board does; all else comes compiled."""
        shutil.copy(ROOT / "firmware/main.py", self.folder)
        self.process = await asyncio.create_subprocess_exec(
            *self.code.prepare(self.folder, "start.py", "import main\n"),
            cwd=self.folder,
            env=self.code.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    async def ask(self, command: str) -> dict[str, object]:
        """One answer of the serial line; what the node prints besides is passed over."""
        assert self.process and self.process.stdin and self.process.stdout
        self.asked += 1
        request = json.dumps({"cmd": command, "id": self.asked}).encode()
        self.process.stdin.write(b"\x1e" + request + b"\n")
        while True:
            line = await asyncio.wait_for(self.process.stdout.readline(), UP_WITHIN_S)
            if not line:
                raise SystemExit("The light node ended.")
            if not line.startswith(b"\x1e"):
                print("   node:", line.decode().rstrip())
                continue
            answer: dict[str, object] = json.loads(line[1:])
            if answer.get("id") == self.asked:
                return answer
            if "error" in answer:  # without a number: there was no memory for more
                raise SystemExit(f"The light node answers: {answer['error']}")

    async def stop(self) -> None:
        """End it."""
        if self.process and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()
