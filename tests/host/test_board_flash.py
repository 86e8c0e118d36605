"""`shimlet board flash` on the virtual board: cut half-way, mended, repeated, and refused."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from host.ports import free_port
from shimlet_host.board import remote
from shimlet_host.board.build import contents
from shimlet_host.board.catalogue import BoardSpec, load
from shimlet_host.board.deploy import deploy
from shimlet_host.board.emulator import VirtualBoard
from shimlet_host.board.flash import Flashed, FlashError, check_fit, flash
from shimlet_host.board.line import BoardLine, ask
from shimlet_host.board.probe import BoardInfo, board_info
from shimlet_host.board.remote import DeployError, mpremote

SIM = load("sim")
CONFIG = b'{"name": "kept", "gossip": {"bindAddress": "127.0.0.1:%d"}}' % free_port()
OURS = {
    "/config.json": CONFIG,
    "/wifi.json": b'{"ssid": "home", "password": "secret"}',
    "/peers.json": b"[]",
    "/app.py": b"async def run(node):\n    pass\n",
}


def quietly(_sentence: str) -> None:
    """Nobody listens."""


def command(board: str, port: str) -> list[str]:
    return [sys.executable, "-m", "shimlet_host", "board", "flash", board, port]


@pytest.fixture(scope="module", autouse=True)
def compiled_once() -> Iterator[None]:
    """What ships does not change while these tests run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("shimlet_host.board.flash.contents", cache(contents))
        yield


# One board goes through a cut and its mending; most tests look at what came out of it.


@dataclass
class Mended:
    """A board whose first flash was cut, and whose second one was not."""

    board: VirtualBoard
    said_when_cut: str
    status_when_cut: int
    after: Flashed


def cut_half_way(board: VirtualBoard, image: Path) -> subprocess.CompletedProcess[str]:
    """Flash in a process of its own, and pull the plug when half of the modules are there."""
    flashing = subprocess.Popen(
        command("sim", board.device), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 30
    while b"shimlet_crypto" not in image.read_bytes():
        assert time.monotonic() < deadline and flashing.poll() is None, "no module arrives"
        time.sleep(0.01)
    board.kill()
    said, wrong = flashing.communicate(timeout=30)
    return subprocess.CompletedProcess([], flashing.returncode, said, wrong)


@pytest.fixture(scope="module")
def mended(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mended]:
    image = tmp_path_factory.mktemp("board") / "flash.img"
    with VirtualBoard(image) as board:
        deploy(board.device, OURS, restart=False)
        cut = cut_half_way(board, image)
        board.start()
        after = flash(board.device, SIM, quietly)
        yield Mended(board, cut.stderr, cut.returncode, after)


def test_cut_is_said_and_is_exit_status_1(mended: Mended) -> None:
    assert "was cut: flash again to complete the board" in mended.said_when_cut
    assert mended.status_when_cut == 1


def test_next_flash_mends_the_board_and_keeps_what_had_arrived(mended: Mended) -> None:
    copied, kept = mended.after.deployed.copied, mended.after.deployed.kept
    assert "/lib/shimlet/link.mpy" in kept
    assert "/lib/shimlet_light/node.mpy" in copied
    assert mended.after.status["name"] == "kept"


def test_heap_at_rest_is_what_the_table_of_the_boards_says(mended: Mended) -> None:
    at_rest = SIM.measured.heap_at_rest
    assert at_rest is not None
    assert mended.after.status["heap"]["used"] == pytest.approx(at_rest.bytes, rel=0.15)


def test_board_learns_what_it_is(mended: Mended) -> None:
    code = "import shimlet_board as b; print(b.NAME, b.LED, b.LED_ON)"
    assert mpremote(mended.board.device, ["exec", code]).split() == ["sim", "None", "1"]
    remote.reset(mended.board.device)


def test_flash_again_copies_nothing_and_the_identity_and_the_users_files_stay(
    mended: Mended,
) -> None:
    device = mended.board.device
    kept = [*OURS, "/identity.seed"]
    before = board_info(device, kept).hashes
    said: list[str] = []
    again = flash(device, SIM, said.append)
    assert again.deployed.copied == again.deployed.removed == []
    assert None not in before.values()
    assert board_info(device, kept).hashes == before
    assert again.status["publicKey"] == mended.after.status["publicKey"]
    assert f"Stopping what runs on {device}" in said[0]
    assert not [sentence for sentence in said if "calls itself" in sentence]
    remote.reset(device)


def test_module_that_ships_no_longer_is_removed_and_a_changed_one_replaced(
    mended: Mended,
) -> None:
    device = mended.board.device
    old, changed, foreign = "/lib/shimlet/a/old.py", "/lib/shimlet/link.mpy", "/lib/users.py"
    deploy(device, {old: b"", changed: b"other", foreign: b""}, restart=False)
    done = flash(device, SIM, quietly).deployed
    assert (done.copied, done.removed) == ([changed], [old])
    assert board_info(device, [foreign]).hashes[foreign] is not None
    remote.reset(device)


# The node does not start: the board's own error says why.


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        ("ValueError('no node today')", r"main\.py ends with ValueError: no node today"),
        ("MemoryError()", r"Its memory does not suffice: `shimlet board firmware`"),
    ],
)
def test_node_that_does_not_start_is_told_with_the_boards_reason(
    error: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shimlet_host.board.flash.UP_WITHIN_S", 2.0)
    (tmp_path / "main.py").write_text(f"raise {error}")
    (tmp_path / "manifest.py").write_text("module('main.py')")
    spec = SIM.model_copy(update={"folder": tmp_path, "board": "OTHER"})
    said: list[str] = []
    with (
        VirtualBoard(tmp_path / "flash.img") as board,
        pytest.raises(FlashError, match=f"All files are on the board, but: .* {sentence}"),
    ):
        flash(board.device, spec, said.append)
    assert "It calls itself standard, and sim is for OTHER: its LED may differ." in said


# What does not fit is refused before anything is copied, and what was stopped goes on.

RUNNING = b"import time\nwhile True:\n    print('goes on')\n    time.sleep(0.01)\n"
# `import sys` gives this one from now on, as the virtual board's `machine` does it.
PRETEND = """
import sys
class _Other:
    _real = sys
    def __getattr__(self, name):
        return getattr(self._real, name)
class _About:
    version = {version}
    _mpy = {mpy}
    _machine = "Pretended module with CHIP"
    _build = "{build}"
_Other.implementation = _About
sys.modules["sys"] = _Other()
"""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VirtualBoard]:
    """A board with a program that prints for ever."""
    with VirtualBoard(tmp_path_factory.mktemp("other") / "flash.img") as board:
        deploy(board.device, {"/main.py": RUNNING})
        yield board


def mpy(arch: int) -> int:
    """As sys.implementation._mpy has it."""
    return 6 | 3 << 8 | arch << 10


ARMV6M, XTENSAWIN = 4, 10


def refused(board: VirtualBoard, spec: BoardSpec, **pretend: object) -> str:
    """The sentence with which a board of this kind is refused; its program must go on."""
    about = {"version": (1, 29, 0), "mpy": mpy(XTENSAWIN), "build": "", **pretend}
    boot = PRETEND.format(**about).encode()
    deploy(board.device, {"/boot.py": boot}, restart=False)
    with pytest.raises(FlashError) as caught:
        flash(board.device, spec, quietly)
    heard: list[str] = []
    deadline = time.monotonic() + 30
    with BoardLine(board.device, heard.append) as line:
        while "goes on" not in heard and time.monotonic() < deadline:
            line.listen(0.02)
    assert "goes on" in heard
    assert not [p for p in board_info(board.device, [], ["/lib"]).present if "shimlet" in p]
    return str(caught.value)


def test_old_micropython_is_refused_with_the_place_of_a_new_one(running: VirtualBoard) -> None:
    sentence = refused(running, load("esp32_generic"), version=(1, 24, 1))
    assert "runs MicroPython 1.24.1; Shimlet needs 1.25 or newer." in sentence
    assert "https://micropython.org/download/ESP32_GENERIC/" in sentence
    assert "`shimlet board micropython esp32_generic PORT IMAGE`" in sentence


def test_board_of_another_architecture_is_refused_with_the_name_of_the_right_one(
    running: VirtualBoard,
) -> None:
    sentence = refused(running, load("esp32_generic"), mpy=mpy(ARMV6M), build="RPI_PICO_W")
    assert "is Pretended module with CHIP with a processor of the kind armv6m" in sentence
    assert "esp32_generic has xtensawin. Name the board that it is: rpi_pico_w." in sentence


def misfit(board: str, **about: object) -> str:
    """The sentence about a board that says this of itself; empty if it fits."""
    fits = {"machine": "module", "version": (1, 25, 0), "free_bytes": 0, "arch": "xtensawin"}
    info = BoardInfo(**{**fits, "mpy_version": 6, **about})  # type: ignore[arg-type]
    try:
        check_fit("/dev/x", info, load(board))
    except FlashError as error:
        return str(error)
    return ""


def test_every_board_with_this_processor_fits_from_the_oldest_version_on() -> None:
    assert misfit("esp32_generic") == misfit("esp32_generic_s3") == ""
    assert misfit("sim", arch=None) == ""
    assert misfit("esp32_generic", version=(1, 24, 9)) != ""


def test_other_mpy_version_is_refused() -> None:
    said = misfit("esp32_generic", mpy_version=5)
    assert "/dev/x loads .mpy files of version 5, and ours have version 6. Put a firmware" in said


def test_micropython_without_native_code_is_refused() -> None:
    said = misfit("rpi_pico_w", arch=None)
    assert "The MicroPython on /dev/x (module) does not run our native code. Put a firm" in said


def test_boards_with_the_processor_are_named_where_the_board_is_none_of_ours() -> None:
    said = misfit("rpi_pico_w", build="SOME_ESP32")
    assert "Name the board that it is: esp32_generic or esp32_generic_s3." in said
    said = misfit("rpi_pico_w", build="ESP32_GENERIC_S3-SPIRAM_OCT")
    assert "Name the board that it is: esp32_generic_s3." in said
    assert "Name the board that it is: none of ours." in misfit("rpi_pico_w", arch="armv7em")


def test_board_without_room_is_refused_before_copying(tmp_path: Path) -> None:
    fill = "f = open('/big', 'wb')\nb = bytes(65536)\nfor _ in range(30): f.write(b)\nf.close()"
    with VirtualBoard(tmp_path / "flash.img") as board:
        mpremote(board.device, ["exec", fill])
        with pytest.raises(DeployError, match=r"has \d+ bytes free, and \d+ are needed"):
            flash(board.device, SIM, quietly)
        assert board_info(board.device, ["/main.py"]).hashes == {"/main.py": None}


def test_board_without_files_is_told_how_it_gets_our_code() -> None:
    with pytest.raises(FlashError, match=r"no file system: `shimlet board firmware qemu_mps2`"):
        flash("/dev/nowhere", load("qemu_mps2"), quietly)


def test_wrong_port_is_named() -> None:
    with pytest.raises(DeployError, match=r"There is no device /dev/nowhere\. `shimlet board li"):
        flash("/dev/nowhere", SIM, quietly)
    for wrong in ("/dev/null", __file__):
        with pytest.raises(DeployError, match=f"{wrong} is no serial line"):
            flash(wrong, SIM, quietly)


def test_interrupted_flash_says_that_the_node_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    module = sys.modules["shimlet_host.board.flash"]
    monkeypatch.setattr(module, "board_info", lambda _device: None)
    monkeypatch.setattr(module, "check_fit", interrupted)
    said: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        flash("/dev/nowhere", SIM, said.append)
    assert said[-1] == "Interrupted: the node is stopped, and may not be complete. Flash again."


def test_busy_port_is_named_and_its_node_goes_on(mended: Mended) -> None:
    device = mended.board.device
    with BoardLine(device) as line:
        with pytest.raises(DeployError, match=r"in use by another program\. Close it"):
            flash(device, SIM, quietly)
        assert line.ask({"cmd": "status"}, 20.0)["name"] == "kept"
    assert ask(device, {"cmd": "status"})["name"] == "kept"


def test_port_without_micropython_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "PROBE_S", 1.0)
    terminal, slave = pty.openpty()
    with pytest.raises(DeployError, match="does not answer: no MicroPython is there"):
        flash(os.ttyname(slave), SIM, quietly)
    os.close(terminal)
    os.close(slave)


def test_unknown_board_is_exit_status_1_with_the_names_of_the_known_ones() -> None:
    done = subprocess.run(command("esp32", "/dev/nowhere"), capture_output=True, text=True)
    assert done.returncode == 1
    assert re.search(
        r"no board 'esp32'\. Did you mean esp32_generic\?.* rpi_pico_w, sim", done.stderr
    )
