"""The drive that a Pico shows while its BOOTSEL button is held: finds it, and copies a UF2 file.

In: the drive's Board-ID (RPI-RP2, RP2350), as its INFO_UF2.TXT says it. Out: a copied file; the
board restarts by itself. Called by: micropython.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from shimlet_host.model import HostError

INFO = "INFO_UF2.TXT"
BLOCK = 512
MAGIC = b"UF2\n\x57\x51\x5d\x9e"
FAMILY_AT = 28
LOOK_AT_BLOCKS = 4  # an RP2350's file may begin with a block for any chip
FAMILIES = {"RPI-RP2": (0xE48BFF56, "RP2040"), "RP2350": (0xE48BFF59, "RP2350")}
CHIPS = dict(FAMILIES.values())
MOUNTS = Path("/proc/mounts")
VOLUMES = Path("/Volumes")  # where a Mac has its drives

Say = Callable[[str], None]


class DriveError(HostError):
    """The file does not fit the board, or there is no drive; the text says what to do."""


def check_uf2(firmware: Path, content: bytes, board: str, wanted: str) -> None:
    """Raise DriveError unless this is a UF2 file for the chip of this drive."""
    if not content.startswith(MAGIC) or len(content) % BLOCK:
        raise DriveError(f"{firmware} is no firmware for a Pico: it is a whole .uf2 file.")
    family, chip = FAMILIES[wanted]
    found = [
        int.from_bytes(content[at + FAMILY_AT : at + FAMILY_AT + 4], "little")
        for at in range(0, min(len(content), LOOK_AT_BLOCKS * BLOCK), BLOCK)
    ]
    if family not in found:
        other = next((CHIPS[number] for number in found if number in CHIPS), "another chip")
        raise DriveError(f"{firmware} is for {other}, and {board} has {chip}.")


def copy(wanted: str, port: str, firmware: Path, dry_run: bool, say: Say) -> None:
    """Copy the file to the drive: `port` if it is a folder, else one that is mounted."""
    folder = find(wanted, port)
    say(f"cp {firmware} {folder}/")
    if dry_run:
        return
    try:
        shutil.copyfile(firmware, folder / firmware.name)
        os.sync()
    except OSError as error:
        if folder.exists():  # a board that restarts takes its drive away: that is the end of it
            raise DriveError(f"Cannot copy to {folder}: {error.strerror}.") from None
    say("MicroPython is on the board; it restarts by itself.")


def find(wanted: str, port: str) -> Path:
    """The folder of the drive with this Board-ID; raises DriveError."""
    named = Path(port)
    if named.is_dir():
        if board_id(named) != wanted:
            raise DriveError(
                f"{port} is not the drive {wanted}: its {INFO} says"
                f" {board_id(named) or 'nothing, or is not there'}."
            )
        return named
    for folder in _mounted():
        if board_id(folder) == wanted:
            return folder
    raise DriveError(
        f"There is no drive {wanted}. Hold BOOTSEL while you plug the board in (or, if it has"
        f" MicroPython already: `mpremote connect {port} bootloader`), mount the drive that"
        " appears, and try again; PORT may name its folder."
    )


def board_id(folder: Path) -> str | None:
    """What the drive says which board it is; None: it is no such drive."""
    try:
        lines = (folder / INFO).read_text(errors="replace").splitlines()
    except OSError:
        return None
    said = [line.partition(":")[2].strip() for line in lines if line.startswith("Board-ID:")]
    return said[0] if said else None


def _mounted() -> Iterator[Path]:
    """The folders in which drives are mounted."""
    if MOUNTS.exists():
        for line in MOUNTS.read_text().splitlines():
            yield Path(line.split()[1].replace("\\040", " "))
    if VOLUMES.is_dir():
        yield from VOLUMES.iterdir()
