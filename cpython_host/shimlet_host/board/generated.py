"""The modules that firmware/generator writes, made when something is compiled for a processor.

In: nothing. Out: {path below the board's library: file in build/generated}. Boards that get
sources get the rolled modules of the same paths. Called by: `shipped`, `make mpy`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from shimlet_host.model import HostError

_TOP = Path(__file__).resolve().parents[3]
FIRMWARE = _TOP / "firmware"
FOLDER = _TOP / "build" / "generated"


class GeneratorError(HostError):
    """The generator failed; the text says how."""


def generated() -> dict[str, Path]:
    """Run the generator; return {"shimlet_crypto/viper/field.py": file} and so on."""
    done = subprocess.run(
        [sys.executable, "-m", "generator", str(FOLDER)],
        env={**os.environ, "PYTHONPATH": str(FIRMWARE), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise GeneratorError(f"firmware/generator failed: {done.stderr.strip()}")
    return {str(path.relative_to(FOLDER)): path for path in sorted(FOLDER.rglob("*.py"))}
