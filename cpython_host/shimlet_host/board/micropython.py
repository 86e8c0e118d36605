"""Puts MicroPython itself on a board: esptool for an ESP32, a copied file for a Pico.

In: the board, its serial device or the folder of its drive, and the firmware file, which is
checked first. Out: sentences, and a board with MicroPython. Called by: the command line.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from shimlet_host.model import HostError

from . import drive
from .catalogue import BoardSpec, ByDrive, ByEsptool
from .remote import check_device

BAUD = 460_800
ESP_MAGIC = 0xE9
ESP_CHIPS = {"esp32": 0, "esp32s2": 2, "esp32c3": 5, "esp32s3": 9, "esp32c6": 13}
CHIP_AT = 12  # where an ESP firmware names its chip, in two bytes
PARTITIONS_AT, PARTITIONS_MAGIC = 0x8000, b"\xaa\x50"

Say = Callable[[str], None]


class InstallError(HostError):
    """MicroPython could not be put on the board; the text says what to do."""


def install(
    spec: BoardSpec,
    port: str,
    firmware: Path,
    *,
    erase: bool = False,
    dry_run: bool = False,
    say: Say = print,
) -> None:
    """Put the firmware file on the board; raises HostError.

    `erase` empties the whole flash first, the identity included. A dry run only says what would be
    done.
    """
    content = _read(firmware)
    if isinstance(spec.install, ByEsptool):
        check_esp(firmware, content, spec.id, spec.install)
        _by_esptool(spec.install, port, firmware, erase, dry_run, say)
    elif isinstance(spec.install, ByDrive):
        if erase:
            raise InstallError("A Pico cannot be erased by a copied file.")
        drive.check_uf2(firmware, content, spec.id, spec.install.drive)
        drive.copy(spec.install.drive, port, firmware, dry_run, say)
    else:
        raise InstallError(f"{spec.id} {spec.hardware}: no MicroPython is put on it by a cable.")


def _read(firmware: Path) -> bytes:
    try:
        return firmware.read_bytes()
    except OSError as error:
        raise InstallError(f"Cannot read {firmware}: {error.strerror}.") from None


def check_esp(firmware: Path, content: bytes, board: str, by: ByEsptool) -> None:
    """Raise InstallError unless this is a whole firmware for this chip."""
    if len(content) <= CHIP_AT + 1 or content[0] != ESP_MAGIC:
        raise InstallError(f"{firmware} is no firmware for an ESP32: it is a .bin file.")
    chip = int.from_bytes(content[CHIP_AT : CHIP_AT + 2], "little")
    if chip != ESP_CHIPS[by.chip]:
        names = {number: name for name, number in ESP_CHIPS.items()}
        raise InstallError(
            f"{firmware} is for {names.get(chip, f'chip {chip}')}, and {board} has {by.chip}."
        )
    at = PARTITIONS_AT - by.offset
    if content[at : at + 2] != PARTITIONS_MAGIC:
        raise InstallError(
            f"{firmware} holds no partition table: take the .bin file for a new installation, not"
            " the one for updates (.app-bin)."
        )


def _by_esptool(
    by: ByEsptool, port: str, firmware: Path, erase: bool, dry_run: bool, say: Say
) -> None:
    commands = esptool_commands(by, port, firmware, erase)
    for command in commands:
        say(" ".join(command))
    if dry_run:
        return
    check_device(port)
    program = _esptool()
    for command in commands:
        if subprocess.run([*program, *command[1:]]).returncode:
            raise InstallError(
                f"esptool failed, as it says above. If {port} is right, hold the board's BOOT"
                " button while it connects, and look that no other program uses the port."
            )
    say("MicroPython is on the board.")


def esptool_commands(by: ByEsptool, port: str, firmware: Path, erase: bool) -> list[list[str]]:
    """What esptool is called with, one list a call."""
    start = ["esptool", "--chip", by.chip, "--port", port, "--baud", str(BAUD)]
    write = [*start, "write_flash", "-z", hex(by.offset), str(firmware)]
    return [[*start, "erase_flash"], write] if erase else [write]


def _esptool() -> list[str]:
    """How esptool is started: from this environment, or by one of its names on PATH."""
    beside = Path(sys.executable).parent
    for name in ("esptool", "esptool.py"):
        path = shutil.which(name, path=f"{os.environ.get('PATH', '')}{os.pathsep}{beside}")
        if path is not None:
            return [path]
    raise InstallError(
        f"There is no esptool, which writes to an ESP32: `{sys.executable} -m pip install esptool`"
        " brings it."
    )
