"""The boards that we know: reads boards/<name>/board.json.

In: the name of a folder of boards/. Out: a `BoardSpec`. A mistake in the file is a CatalogueError
that names file and key. Called by: build, flash, micropython, firmware and the table of
boards/README.md.
"""

from __future__ import annotations

import difflib
import json
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shimlet_host.model import HostError

FOLDER = Path(__file__).resolve().parents[3] / "boards"
DESCRIPTION, MANIFEST = "board.json", "manifest.py"

# fmt: off
Processor = Literal[
    "x86", "x64", "armv6m", "armv7m", "armv7em", "armv7emsp", "armv7emdp",
    "xtensa", "xtensawin", "rv32imc", "rv64imc",
]
# fmt: on
Rung = Literal[1, 2, 3, 4]
Bytes = Annotated[int, Field(ge=0)]


class CatalogueError(HostError):
    """There is no such board, or its description is wrong; the text is a sentence."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Led(_Part):
    """A plain LED: the argument for machine.Pin, and the value that lights it."""

    pin: int | str
    on: Literal[0, 1]


class ByEsptool(_Part):
    """MicroPython comes to the board by esptool, to this offset of its flash."""

    by: Literal["esptool"]
    chip: str
    offset: Bytes


class ByDrive(_Part):
    """MicroPython comes to the board as a UF2 file, copied to the drive of this Board-ID."""

    by: Literal["uf2"]
    drive: str


class HeapAtRest(_Part):
    """Bytes of heap that the node holds once its peers are connected, and where that was seen."""

    bytes: Bytes
    rung: Rung


class Handshake(_Part):
    """Instructions of one signature and one verification, and where they were counted."""

    instructions: int
    rung: Rung


class Measured(_Part):
    """What is known from trying. `rung`: where this board's own code ran; None: nowhere yet."""

    rung: Rung | None
    heap_at_rest: HeapAtRest | None
    handshake: Handshake | None


class BoardSpec(_Part):
    """One board. `board` and `port` are MicroPython's names, `processor` is mpy-cross'."""

    id: str  # the name of its folder
    folder: Path
    name: str
    port: str
    board: str
    processor: Processor
    native: bool  # its MicroPython runs native code
    clock_mhz: int | None  # as MicroPython starts it
    heap: Bytes
    flash: Bytes  # for files
    led: Led | None
    install: Annotated[ByEsptool | ByDrive, Field(discriminator="by")] | None
    hardware: str  # a sentence without its subject, as "never run on hardware"
    measured: Measured
    machine: str | None = None  # how an emulated one is started
    free_memory: str | None = None

    @property
    def manifest(self) -> Path:
        """The list of what ships on it."""
        return self.folder / MANIFEST

    @property
    def is_this_computer(self) -> bool:
        """True for the board that has the processor of the computer it runs on."""
        return self.port == "unix"


def names(folder: Path = FOLDER) -> list[str]:
    """The names of all boards."""
    return sorted(path.parent.name for path in folder.glob(f"*/{DESCRIPTION}"))


def all_boards(folder: Path = FOLDER) -> list[BoardSpec]:
    """All boards, by name; raises CatalogueError."""
    return [load(name, folder) for name in names(folder)]


def load(name: str, folder: Path = FOLDER) -> BoardSpec:
    """The board of this name; raises CatalogueError."""
    known = names(folder)
    if name not in known:
        raise CatalogueError(_unknown(name, known, folder))
    path = folder / name / DESCRIPTION
    if not (folder / name / MANIFEST).is_file():
        raise CatalogueError(f"{folder / name} has no {MANIFEST}: see boards/README.md.")
    return _read(path)


def _unknown(name: str, known: list[str], folder: Path) -> str:
    if not known:
        return f"There is no board in {folder}: run this from a copy of the whole project."
    near = difflib.get_close_matches(name.lower(), known, 1, 0.5)
    hint = f" Did you mean {near[0]}?" if near else ""
    return f"There is no board {name!r}.{hint} Known are: {', '.join(known)}."


def _read(path: Path) -> BoardSpec:
    try:
        described = json.loads(path.read_text())
        if not isinstance(described, dict):
            raise CatalogueError(f"{path}: this is not a JSON object.")
        return BoardSpec.model_validate(
            {**described, "id": path.parent.name, "folder": path.parent}
        )
    except OSError as error:
        raise CatalogueError(f"{path}: cannot be read ({error.strerror}).") from None
    except ValidationError as error:
        raise CatalogueError(f"{path}: {_first(error)}") from None
    except ValueError as error:
        raise CatalogueError(f"{path}: this is not JSON ({error}).") from None


def _first(error: ValidationError) -> str:
    """Name the key of the first mistake, and what is wrong with it."""
    mistake = error.errors()[0]
    key = ".".join(str(part) for part in mistake["loc"])
    return f"{key}: {mistake['msg']}."
