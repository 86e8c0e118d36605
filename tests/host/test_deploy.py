"""Deploying to a board: from empty to running, over a line that may be cut at any byte."""

import ast
import hashlib
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import shimlet_host.board
from shimlet_host.board import remote
from shimlet_host.board.deploy import (
    TEMPORARY,
    Deployed,
    DeployError,
    board_info,
    deploy,
    deploy_node,
)
from shimlet_host.board.emulator import VirtualBoard
from shimlet_host.board.line import BoardLine
from shimlet_host.board.shipped import ShippingError, shipped

BOARD_CODE = Path(shimlet_host.board.__file__).parent

PROGRAM = {
    "/lib/kit/__init__.py": b"",
    "/lib/kit/words.py": b"TEXT = 'kit speaks'\n",
    "/main.py": b"import time\nfrom kit.words import TEXT\n"
    b"while True:\n    print(TEXT)\n    time.sleep(0.01)\n",
}


@pytest.fixture
def board(tmp_path: Path) -> Iterator[VirtualBoard]:
    with VirtualBoard(tmp_path / "flash.img") as running:
        yield running


def first_line(device: str) -> str:
    printed: list[str] = []
    deadline = time.monotonic() + 30
    with BoardLine(device, printed.append) as line:
        while len(printed) < 2 and time.monotonic() < deadline:
            line.listen(0.02)
    return printed[1] if len(printed) > 1 else ""


def test_program_deployed_to_an_empty_board_runs_from_its_image_alone(tmp_path: Path) -> None:
    board = VirtualBoard(tmp_path / "flash.img")
    board.start()
    assert deploy(board.device, PROGRAM) == Deployed(copied=sorted(PROGRAM), kept=[])
    assert first_line(board.device) == "kit speaks"
    board.kill()
    board.start()
    assert first_line(board.device) == "kit speaks"
    board.kill()


def test_only_what_differs_is_copied(board: VirtualBoard) -> None:
    deploy(board.device, PROGRAM)
    changed = {**PROGRAM, "lib/kit/words.py": b"TEXT = 'new words'\n"}
    del changed["/lib/kit/words.py"]
    done = deploy(board.device, changed)
    assert done.copied == ["/lib/kit/words.py"]
    assert done.kept == ["/lib/kit/__init__.py", "/main.py"]
    assert first_line(board.device) == "new words"


def ship(folder: Path, source: str, arch: str | None) -> dict[str, Path | bytes]:
    """What a manifest of one module ships."""
    (folder / "words.py").write_text(source)
    (folder / "manifest.py").write_text("module('words.py')")
    return shipped(folder / "manifest.py", arch=arch)


def test_compiled_module_replaces_its_source(board: VirtualBoard, tmp_path: Path) -> None:
    main = b"from words import TEXT\nwhile True:\n    print(TEXT)\n"
    deploy(board.device, {"/lib/words.py": b"TEXT = 'source'\n", "/main.py": main})
    assert first_line(board.device) == "source"
    deploy(board.device, ship(tmp_path, "TEXT = 'compiled'\n", None))
    assert first_line(board.device) == "compiled"
    assert board_info(board.device, ["/lib/words.py"]).hashes == {"/lib/words.py": None}


NATIVE = """
import micropython

@micropython.viper
def double(n: int) -> int:
    return n * 2

TEXT = "twice is " + str(double(21))
"""


def test_native_code_goes_compiled_to_a_known_processor_and_runs(
    board: VirtualBoard, tmp_path: Path
) -> None:
    main = b"import words\nwhile True:\n    print(words.TEXT, words.__file__)\n"
    arch = board_info(board.device).arch
    assert arch is not None
    deploy(board.device, {**ship(tmp_path, NATIVE, arch), "/main.py": main})
    assert first_line(board.device) == "twice is 42 /lib/words.mpy"


def test_native_code_goes_as_source_when_the_processor_is_unknown(tmp_path: Path) -> None:
    assert ship(tmp_path, NATIVE, None) == {"/lib/words.py": tmp_path / "words.py"}


def test_module_that_does_not_compile_is_named(tmp_path: Path) -> None:
    with pytest.raises(ShippingError, match=r"(?s)words does not compile: .*SyntaxError"):
        ship(tmp_path, "match = = 1\n", None)


def test_manifest_that_ships_an_absent_file_is_an_error(tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.py"
    manifest.write_text("module('absent.py')")
    with pytest.raises(ShippingError, match=r"ships .*absent\.py, which does not exist"):
        shipped(manifest)
    manifest.write_text("package('nothing')")
    with pytest.raises(ShippingError, match="ships the package nothing"):
        shipped(manifest)
    with pytest.raises(ShippingError, match="Cannot read the manifest"):
        shipped(tmp_path / "other.py")


def test_manifest_includes_others_and_ships_the_named_files_of_a_package(tmp_path: Path) -> None:
    for name in ("kit/__init__.py", "kit/a.py", "kit/b.py", "more/c.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "more/manifest.py").write_text("module('c.py')")
    manifest = tmp_path / "manifest.py"
    manifest.write_text(
        "metadata(version='1')\ninclude('$(PORT_DIR)/boards/manifest.py')\ninclude('more')\n"
        "package('kit', files=['__init__.py', 'b.py'])\n"
    )
    assert list(shipped(manifest, compiled=False)) == [
        "/lib/c.py", "/lib/kit/__init__.py", "/lib/kit/b.py",
    ]  # fmt: skip


# The line is cut. The second version of a file holds bytes that show when it is half-way there.

OLD, MARK = b"# the old one\n" * 1000, b"# of the new one"
NEW = b"".join(b"%s %06d\n" % (MARK, number) for number in range(12_000))


def wait_for_half(image: Path) -> None:
    """Return when about half of NEW has come to the flash."""
    deadline = time.monotonic() + 30
    while image.read_bytes().count(MARK) < 5_000:
        assert time.monotonic() < deadline, "the file does not come"


def start_deploy(device: str, folder: Path) -> subprocess.Popen[bytes]:
    """Deploy NEW in a process of its own, which can be killed with its children."""
    (folder / "new").write_bytes(NEW)
    code = "import sys, pathlib\nfrom shimlet_host.board.deploy import deploy, DeployError\n"
    code += "try: deploy(sys.argv[1], {'/data': pathlib.Path(sys.argv[2])})\n"
    code += "except DeployError as error: sys.exit(str(error))"
    command = [sys.executable, "-c", code, device, str(folder / "new")]
    return subprocess.Popen(command, start_new_session=True, stderr=subprocess.PIPE)


def cut_by_power_loss(board: VirtualBoard, deploying: subprocess.Popen[bytes]) -> None:
    board.kill()
    _, said = deploying.communicate(timeout=30)
    assert b"was cut: flash again" in said
    board.start()


def cut_by_unplugging(board: VirtualBoard, deploying: subprocess.Popen[bytes]) -> None:
    os.killpg(deploying.pid, signal.SIGKILL)
    deploying.communicate(timeout=30)


@pytest.mark.parametrize("cut", [cut_by_power_loss, cut_by_unplugging])
def test_cut_line_leaves_the_old_file_and_deploying_again_mends_it(
    tmp_path: Path, cut: Callable[[VirtualBoard, subprocess.Popen[bytes]], None]
) -> None:
    image = tmp_path / "flash.img"
    with VirtualBoard(image) as board:
        deploy(board.device, {"/data": OLD}, restart=False)
        deploying = start_deploy(board.device, tmp_path)
        wait_for_half(image)
        cut(board, deploying)
        hashes = board_info(board.device, ["/data", TEMPORARY]).hashes
        assert hashes["/data"] == hashlib.sha256(OLD).hexdigest()
        assert hashes[TEMPORARY] is not None
        assert deploy(board.device, {"/data": NEW}, restart=False).copied == ["/data"]
        hashes = board_info(board.device, ["/data", TEMPORARY]).hashes
        assert hashes == {"/data": hashlib.sha256(NEW).hexdigest(), TEMPORARY: None}


# Mistakes get sentences.


def test_device_that_is_not_there_is_named() -> None:
    with pytest.raises(DeployError, match=r"There is no device /dev/nowhere\. .*board list"):
        deploy("/dev/nowhere", PROGRAM)


def test_device_in_use_is_named(board: VirtualBoard) -> None:
    with BoardLine(board.device), pytest.raises(DeployError, match="in use by another program"):
        deploy(board.device, PROGRAM)


def test_silent_device_is_no_micropython(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "PROBE_S", 1.0)
    terminal, slave = pty.openpty()
    with pytest.raises(DeployError, match="does not answer: no MicroPython is there"):
        deploy(os.ttyname(slave), PROGRAM)
    os.close(terminal)
    os.close(slave)


def test_more_than_the_board_can_hold_is_refused_before_copying(board: VirtualBoard) -> None:
    with pytest.raises(DeployError, match=r"The board has \d+ bytes free, and \d+ are needed\."):
        deploy(board.device, {"/big": bytes(3 * 1024 * 1024), "/main.py": b""})
    assert board_info(board.device, ["/main.py"]).hashes == {"/main.py": None}


def test_path_that_leaves_the_board_and_unreadable_file_are_refused(tmp_path: Path) -> None:
    for path in ("/../x", "", "/"):
        with pytest.raises(DeployError, match="is not a path of a file on a board"):
            deploy("/dev/nowhere", {path: b""})
    with pytest.raises(DeployError, match=r"Cannot read .*absent: No such file"):
        deploy("/dev/nowhere", {"/x": tmp_path / "absent"})


def test_other_failures_give_the_last_line_of_the_tool(board: VirtualBoard) -> None:
    deploy(board.device, {"/main": b"a file"}, restart=False)
    with pytest.raises(DeployError, match=r"mpremote failed on .*: OSError: .*"):
        deploy(board.device, {"/main/inner.py": b""})


# What the deploy code knows of the board is its serial line.

FORBIDDEN = re.compile(
    r"emulat|virtual|(?-i:\bimage\b)|\.img\b|\bpty\b|pts/|littlefs|\bpids?\b", re.I
)


def code_of(source: str) -> str:
    """The source without comments and docstrings."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            node.value = ast.Constant(None)
    return ast.unparse(tree)


def test_no_board_module_but_the_emulator_names_its_image_process_or_host_path() -> None:
    may = {"emulator", "firmware.py"}  # the latter makes images, for boards with and without cable
    modules = [path for path in BOARD_CODE.glob("**/*.py") if not may.intersection(path.parts)]
    assert len(modules) >= 4
    assert {
        p.name: found for p in modules if (found := FORBIDDEN.findall(code_of(p.read_text())))
    } == {}


def test_naming_the_emulator_would_be_found() -> None:
    for line in ("from .emulator import x", "path = '/dev/pts/3'", "x.image", "run(pid)"):
        assert FORBIDDEN.search(code_of(line))


def test_all_that_ships_can_be_imported_on_the_board(tmp_path: Path) -> None:
    modules = [
        path.removeprefix("/lib/").removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for path in shipped(compiled=False)
        if path.startswith("/lib/") and "/viper/" not in path  # that is for words of 32 bits
    ]
    imports = "\n".join(f"import {module}" for module in modules)
    main = f"{imports}\nwhile True:\n    print('all imported')\n"
    with VirtualBoard(tmp_path / "flash.img", heap="256k") as board:  # room is no subject here
        done = deploy_node(board.device, {"/main.py": main.encode()})
        assert {"/boot.py", "/lib/shimlet/link.mpy"} <= set(done.copied)
        assert first_line(board.device) == "all imported"
