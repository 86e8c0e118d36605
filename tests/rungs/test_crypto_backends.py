"""Which arithmetic shimlet_crypto chooses on 32 bits, and what it says where viper does not run.

Needs the 32-bit MicroPython of `make test-arm32`; skipped, saying so, where that is not there.
"""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MICROPYTHON = ROOT / "build/rung2/i386/micropython"
SIGN = """
from binascii import hexlify
import shimlet_crypto, shimlet_crypto.chosen
print(shimlet_crypto.backend, "|", shimlet_crypto.chosen.WHY, "|", end="")
print(str(hexlify(shimlet_crypto.public_key(bytes(range(32)))[:4]), "ascii"))
"""
RIGHT = "03a107bf"  # of PyNaCl

pytestmark = pytest.mark.skipif(not MICROPYTHON.exists(), reason="`make test-arm32` gets it")


def chosen(folder: Path, heap: str = "256k") -> tuple[str, str, str]:
    """Backend, reason and first half of a public key, with the modules of this folder."""
    done = subprocess.run(
        [str(MICROPYTHON), "-X", f"heapsize={heap}", "-c", SIGN],
        env={"MICROPYPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    backend, why, key = done.stdout.strip().split("|")
    return backend.strip(), why.strip(), key.strip()


def sources(folder: Path) -> Path:
    """A copy of the package to spoil."""
    shutil.copytree(ROOT / "firmware/shimlet_crypto", folder / "shimlet_crypto")
    return folder


def compiled(arch: str) -> Path:
    """What `make mpy` made."""
    folder = ROOT / "build/mpy" / arch
    if not (folder / "shimlet_crypto/viper/field.mpy").exists():
        pytest.skip("`make mpy` makes it")
    return folder


def test_compiled_modules_run_unrolled() -> None:
    assert chosen(compiled("x86")) == ("viper", "", RIGHT)


def test_sources_are_compiled_on_the_board_and_run_in_loops(tmp_path: Path) -> None:
    assert chosen(sources(tmp_path)) == ("viper-rolled", "", RIGHT)


def test_modules_for_another_processor_leave_plain_ints_and_a_reason(tmp_path: Path) -> None:
    folder = sources(tmp_path)
    shutil.rmtree(folder / "shimlet_crypto/viper")
    shutil.copytree(compiled("armv7m") / "shimlet_crypto/viper", folder / "shimlet_crypto/viper")
    backend, why, key = chosen(folder)
    assert (backend, key) == ("bigint", RIGHT)
    assert why.startswith("the viper modules do not load: incompatible .mpy")


def test_a_compiler_without_native_code_leaves_plain_ints_and_a_reason(tmp_path: Path) -> None:
    folder = sources(tmp_path)
    for path in (folder / "shimlet_crypto/viper").glob("*.py"):
        path.write_text(path.read_text().replace("@micropython.viper", "@micropython.unknown"))
    assert chosen(folder) == ("bigint", "this MicroPython makes no native code", RIGHT)


def test_a_package_without_viper_modules_works(tmp_path: Path) -> None:
    folder = sources(tmp_path)
    shutil.rmtree(folder / "shimlet_crypto/viper")
    backend, why, key = chosen(folder)
    assert (backend, key) == ("bigint", RIGHT)
    assert why.startswith("the viper modules do not load: ")


@pytest.mark.parametrize(
    ("file", "right", "wrong"),
    [
        ("field.py", "* 608 + int(words[d]) + 4096", "* 607 + int(words[d]) + 4096"),
        ("sha512.py", 'sha512(b"abc")[:8]', 'sha512(b"abd")[:8]'),
    ],
)
def test_wrong_machine_code_is_noticed_at_import(
    tmp_path: Path, file: str, right: str, wrong: str
) -> None:
    folder = sources(tmp_path)
    path = folder / "shimlet_crypto/viper" / file
    assert right in path.read_text()
    path.write_text(path.read_text().replace(right, wrong))
    backend, why, key = chosen(folder)
    assert (backend, key) == ("bigint", RIGHT)
    assert why.endswith("is wrong on this interpreter")


def test_an_import_that_memory_interrupts_says_so_and_can_be_made_again(tmp_path: Path) -> None:
    again = """
try:
    import shimlet_crypto
except MemoryError:
    print("memory")
    kept.clear()
import gc
gc.collect()
import shimlet_crypto
print(shimlet_crypto.backend)
"""
    script = tmp_path / "script.py"
    script.write_text("kept = [bytearray(1000) for _ in range(108)]\n" + again)
    done = subprocess.run(
        [str(MICROPYTHON), "-X", "heapsize=128k", str(script)],
        env={"MICROPYPATH": str(compiled("x86"))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["memory", "viper"], done.stdout + done.stderr
