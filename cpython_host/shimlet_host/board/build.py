"""Makes what a board gets: all that its manifest names, compiled for its processor.

In: a `BoardSpec`. Out: {path on the board: content}, or the same as files in build/<board>/, which
look like the board's root folder. Called by: the command line, flash and firmware.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from .catalogue import BoardSpec, CatalogueError
from .compiler import compile_module
from .packages import listed
from .shipped import LIBRARY, Content, shipped

FOLDER = Path("build")
BOARD_MODULE = "shimlet_board"
PACKAGE_LIST = "package.json"


def contents(spec: BoardSpec, processor: str | None) -> dict[str, Content]:
    """All that ships on this board, compiled; raises ShippingError.

    `processor` is the board's own, None where it has none that mpy-cross knows.
    """
    native = processor if spec.native else None
    return {**shipped(spec.manifest, arch=native), **_board_module(spec)}


def board_module(spec: BoardSpec) -> str:
    """The source of `shimlet_board`, by which the node knows what its board has."""
    pin, on = (spec.led.pin, spec.led.on) if spec.led else (None, 1)
    return (
        f'"""What this board has; made from boards/{spec.id}/board.json."""\n\n'
        f"NAME = {spec.id!r}\nLED = {pin!r}\nLED_ON = {on}\n"
    )


def _board_module(spec: BoardSpec) -> dict[str, Content]:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / f"{BOARD_MODULE}.py"
        source.write_text(board_module(spec))
        code = compile_module(source, BOARD_MODULE, None)
    assert code is not None  # it has no native code
    return {f"{LIBRARY}/{BOARD_MODULE}.mpy": code}


def build(spec: BoardSpec, folder: Path | None = None) -> dict[str, int]:
    """Write it to build/<board>/ and return {path on the board: bytes}; raises HostError."""
    top = folder or FOLDER / spec.id
    files = {path: _bytes(content) for path, content in contents(spec, spec.processor).items()}
    try:
        _remove_others(top, files)
        for path, content in files.items():
            place = top / path.lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        (top / PACKAGE_LIST).write_text(_package_list(files))
    except OSError as error:
        raise CatalogueError(f"Cannot write {error.filename}: {error.strerror}.") from None
    return {path: len(content) for path, content in files.items()}


def sizes(files: Mapping[str, int]) -> dict[str, int]:
    """{package: bytes}, a file of the root folder under its own name."""
    total: dict[str, int] = {}
    for path, size in files.items():
        part = path.removeprefix(LIBRARY).lstrip("/").partition("/")[0]
        total[part.removesuffix(".mpy")] = total.get(part.removesuffix(".mpy"), 0) + size
    return total


def _package_list(files: Mapping[str, bytes]) -> str:
    """For `mpremote mip install build/<board>/package.json`, where there is no `flash`."""
    library = [path.lstrip("/") for path in files if path.startswith(f"{LIBRARY}/")]
    return listed({path.partition("/")[2]: path for path in sorted(library)})


def _bytes(content: Content) -> bytes:
    return content if isinstance(content, bytes) else content.read_bytes()


def _remove_others(top: Path, files: Mapping[str, bytes]) -> None:
    """What an earlier build left in the library, and the board would not get any more."""
    library = top / LIBRARY.lstrip("/")
    for path in [path for path in library.rglob("*") if path.is_file()]:
        if f"/{path.relative_to(top)}" not in files:
            path.unlink()
