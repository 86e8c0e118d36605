"""Lays out what ships for freezing: the sources, generated modules in place of rolled ones.

    python tests/rungs/stage.py FOLDER

Out: FOLDER/boards/manifest.py with the folders that it names, FOLDER/common and FOLDER/firmware.
What has not changed is left alone, so that a build of MicroPython compiles only the rest.
Called by get_frozen and get_rung3.
"""

import sys
from pathlib import Path

from compile_mpy import ROOT, sources

MANIFEST = Path("boards/manifest.py")


def staged() -> dict[Path, bytes]:
    """{path below the folder: content}."""
    files = {MANIFEST: (ROOT / MANIFEST).read_bytes()}
    for below, source in sources().items():
        written = [Path(top) / below for top in ("common", "firmware")]
        place = next((path for path in written if (ROOT / path) == source), written[-1])
        files[place] = source.read_bytes()
    return files


def lay_out(folder: Path, files: dict[Path, bytes]) -> None:
    """Make the folder hold just these files."""
    for path in [path for path in folder.rglob("*") if path.is_file()]:
        if path.relative_to(folder) not in files:
            path.unlink()
    for below, content in files.items():
        path = folder / below
        if not path.exists() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


if __name__ == "__main__":
    lay_out(Path(sys.argv[1]), staged())
