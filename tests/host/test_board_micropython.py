"""Putting MicroPython on boards: a pretended esptool on PATH, and a folder like a Pico's drive."""

from __future__ import annotations

import json
import stat
import sys
from pathlib import Path

import pytest
from shimlet_host.board import drive, micropython
from shimlet_host.board.catalogue import load
from shimlet_host.board.drive import DriveError
from shimlet_host.board.micropython import InstallError, install
from shimlet_host.board.remote import DeployError
from shimlet_host.cli import app
from typer.testing import CliRunner

ESP32, ESP32_C3, PICO_W, PICO2_W = map(
    load, ("esp32_generic", "esp32_generic_c3", "rpi_pico_w", "rpi_pico2_w")
)
ESPTOOL = f"""#!{sys.executable}
import json, pathlib, sys
here = pathlib.Path(__file__).parent
with (here / "calls").open("a") as calls:
    calls.write(json.dumps(sys.argv[1:]) + "\\n")
sys.exit(int((here / "status").read_text()))
"""


def esp_firmware(folder: Path, chip: int, offset: int) -> Path:
    """The start of a firmware: where it names its chip, and its partition table."""
    content = bytearray(0x9000)
    content[0] = 0xE9
    content[12:14] = chip.to_bytes(2, "little")
    content[0x8000 - offset : 0x8002 - offset] = b"\xaa\x50"
    path = folder / f"chip{chip}.bin"
    path.write_bytes(content)
    return path


def uf2(folder: Path, *families: int) -> Path:
    """A UF2 file with one block for each family."""
    path = folder / "pico.uf2"
    block = b"UF2\n\x57\x51\x5d\x9e" + bytes(20)
    path.write_bytes(
        b"".join((block + n.to_bytes(4, "little")).ljust(512, b"x") for n in families)
    )
    return path


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all of PATH, with an esptool that notes how it is called."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "status").write_text("0")
    (folder / "esptool").write_text(ESPTOOL)
    (folder / "esptool").chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", str(folder))
    return folder


def calls(tools: Path) -> list[list[str]]:
    path = tools / "calls"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


# An ESP32, by esptool


def test_esp32_is_written_from_where_its_chip_starts(tools: Path, tmp_path: Path) -> None:
    said: list[str] = []
    for spec, chip, offset in ((ESP32, 0, 0x1000), (ESP32_C3, 5, 0)):
        install(spec, "/dev/null", esp_firmware(tmp_path, chip, offset), say=said.append)
    start = ["--port", "/dev/null", "--baud", "460800", "write_flash", "-z"]
    assert calls(tools) == [
        ["--chip", "esp32", *start, "0x1000", str(tmp_path / "chip0.bin")],
        ["--chip", "esp32c3", *start, "0x0", str(tmp_path / "chip5.bin")],
    ]
    assert said[-1] == "MicroPython is on the board."


def test_erasing_comes_first_and_only_if_asked_for(tools: Path, tmp_path: Path) -> None:
    install(ESP32, "/dev/null", esp_firmware(tmp_path, 0, 0x1000), erase=True, say=str)
    assert [call[6] for call in calls(tools)] == ["erase_flash", "write_flash"]


def test_dry_run_says_the_command_and_runs_nothing(tools: Path, tmp_path: Path) -> None:
    said: list[str] = []
    firmware = esp_firmware(tmp_path, 0, 0x1000)
    install(ESP32, "/dev/ttyUSB0", firmware, dry_run=True, say=said.append)
    assert said == [
        f"esptool --chip esp32 --port /dev/ttyUSB0 --baud 460800 write_flash -z 0x1000 {firmware}"
    ]
    assert calls(tools) == []


def test_failing_esptool_is_told_with_what_helps(tools: Path, tmp_path: Path) -> None:
    (tools / "status").write_text("2")
    with pytest.raises(InstallError, match=r"esptool failed.* hold the board's BOOT button"):
        install(ESP32, "/dev/null", esp_firmware(tmp_path, 0, 0x1000), erase=True, say=str)
    assert len(calls(tools)) == 1


def test_absent_esptool_is_told_with_how_to_get_it(
    tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tools / "esptool").unlink()
    monkeypatch.setattr(micropython.sys, "executable", str(tmp_path / "python"))
    with pytest.raises(InstallError, match=r"There is no esptool.* -m pip install esptool"):
        install(ESP32, "/dev/null", esp_firmware(tmp_path, 0, 0x1000), say=str)


def test_wrong_port_is_named_before_esptool_runs(tools: Path, tmp_path: Path) -> None:
    with pytest.raises(DeployError, match="There is no device /dev/nowhere"):
        install(ESP32, "/dev/nowhere", esp_firmware(tmp_path, 0, 0x1000), say=str)
    assert calls(tools) == []


def test_file_for_another_chip_or_of_another_kind_is_refused(tools: Path, tmp_path: Path) -> None:
    refusals = {
        esp_firmware(tmp_path, 9, 0): r"chip9\.bin is for esp32s3, and esp32_generic has esp32\.",
        esp_firmware(tmp_path, 77, 0): "is for chip 77",
        uf2(tmp_path, 0xE48BFF56): "is no firmware for an ESP32",
        tmp_path / "absent.bin": r"Cannot read .*absent\.bin: No such file",
    }
    for firmware, sentence in refusals.items():
        with pytest.raises(InstallError, match=sentence):
            install(ESP32, "/dev/null", firmware, say=str)
    assert calls(tools) == []


def test_firmware_for_updates_only_is_refused(tools: Path, tmp_path: Path) -> None:
    without_table = esp_firmware(tmp_path, 0, 0)  # where the table of an ESP32-C3 would be
    with pytest.raises(InstallError, match=r"holds no partition table: .*\.app-bin"):
        install(ESP32, "/dev/null", without_table, say=str)


# A Pico, by its drive

RP2040, RP2350, ANY = 0xE48BFF56, 0xE48BFF59, 0xE48BFF57


def pico_drive(folder: Path, name: str) -> Path:
    """What a Pico shows while BOOTSEL is held."""
    path = folder / f"my drive {name}"
    path.mkdir()
    (path / "INFO_UF2.TXT").write_text(f"UF2 Bootloader v3.0\nModel: a Pico\nBoard-ID: {name}\n")
    return path


def test_file_is_copied_to_the_drive_that_is_named(tmp_path: Path) -> None:
    place = pico_drive(tmp_path, "RPI-RP2")
    firmware = uf2(tmp_path, RP2040)
    install(PICO_W, str(place), firmware, say=str)
    assert (place / "pico.uf2").read_bytes() == firmware.read_bytes()


def test_drive_is_found_among_what_is_mounted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, place = pico_drive(tmp_path, "RPI-RP2"), pico_drive(tmp_path, "RP2350")
    mounts = tmp_path / "mounts"
    lines = [f"/dev/sda1 {str(folder).replace(' ', chr(92) + '040')} vfat rw 0 0"
             for folder in (tmp_path, other, place)]  # fmt: skip
    mounts.write_text("\n".join(lines))
    monkeypatch.setattr(drive, "MOUNTS", mounts)
    install(PICO2_W, "/dev/ttyACM0", uf2(tmp_path, ANY, RP2350), say=str)
    assert (place / "pico.uf2").exists() and not (other / "pico.uf2").exists()


def test_absent_drive_is_told_with_the_button_that_makes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drive, "MOUNTS", tmp_path / "none")
    monkeypatch.setattr(drive, "VOLUMES", tmp_path / "none")
    with pytest.raises(DriveError, match=r"There is no drive RPI-RP2\. Hold BOOTSEL while you"):
        install(PICO_W, "/dev/ttyACM0", uf2(tmp_path, RP2040), say=str)


def test_other_folder_is_no_drive(tmp_path: Path) -> None:
    with pytest.raises(
        DriveError, match=r"is not the drive RPI-RP2: its INFO_UF2\.TXT says nothing"
    ):
        install(PICO_W, str(tmp_path), uf2(tmp_path, RP2040), say=str)
    other = pico_drive(tmp_path, "RP2350")
    with pytest.raises(DriveError, match=r"is not the drive RPI-RP2: .* says RP2350\."):
        install(PICO_W, str(other), uf2(tmp_path, RP2040), say=str)


def test_uf2_for_another_chip_or_cut_off_is_refused(tmp_path: Path) -> None:
    place = str(pico_drive(tmp_path, "RPI-RP2"))
    with pytest.raises(DriveError, match=r"is for RP2350, and rpi_pico_w has RP2040\."):
        install(PICO_W, place, uf2(tmp_path, ANY, RP2350), say=str)
    with pytest.raises(DriveError, match="is for another chip"):
        install(PICO_W, place, uf2(tmp_path, 7), say=str)
    cut = uf2(tmp_path, RP2040)
    cut.write_bytes(cut.read_bytes()[:-1])
    for firmware in (cut, esp_firmware(tmp_path, 0, 0)):
        with pytest.raises(DriveError, match=r"is no firmware for a Pico: it is a whole \.uf2"):
            install(PICO_W, place, firmware, say=str)


def test_full_drive_is_told(tmp_path: Path) -> None:
    place = pico_drive(tmp_path, "RPI-RP2")
    (place / "pico.uf2").mkdir()
    with pytest.raises(DriveError, match=r"Cannot copy to .*: Is a directory"):
        install(PICO_W, str(place), uf2(tmp_path, RP2040), say=str)


def test_pico_has_nothing_to_erase_and_a_simulated_board_no_cable(tmp_path: Path) -> None:
    with pytest.raises(InstallError, match="cannot be erased"):
        install(PICO_W, str(tmp_path), uf2(tmp_path, RP2040), erase=True)
    with pytest.raises(InstallError, match="sim is no hardware: no MicroPython is put on it"):
        install(load("sim"), str(tmp_path), uf2(tmp_path, RP2040))


def test_command_line_says_the_same(tmp_path: Path) -> None:
    place = pico_drive(tmp_path, "RPI-RP2")
    arguments = ["board", "micropython", "rpi_pico_w", str(place), str(uf2(tmp_path, RP2040))]
    dry = CliRunner().invoke(app, [*arguments, "--dry-run"])
    assert (dry.exit_code, dry.stdout.split()[0]) == (0, "cp")
    assert not (place / "pico.uf2").exists()
    wrong = CliRunner().invoke(app, [*arguments[:2], "rpi_pico2_w", *arguments[3:]])
    assert wrong.exit_code == 1
    assert "is for RP2040, and rpi_pico2_w has RP2350." in wrong.stderr
