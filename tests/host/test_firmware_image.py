"""Whole firmwares: what is frozen, what is missing for one, and how MicroPython's build is called.

The build itself is pretended here: a Makefile that writes its arguments into the image. The real
one, and what runs in it, is `make test-baremetal`.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from shimlet_host.board.catalogue import load
from shimlet_host.board.firmware import FirmwareError, build_image, firmware, lay_out, sources
from shimlet_host.board.toolchain import idf_version, missing, version_of
from shimlet_host.cli import app
from typer.testing import CliRunner

ESP32, C3, PICO, SIM, M3, RV32 = map(
    load,
    ("esp32_generic", "esp32_generic_c3", "rpi_pico_w", "sim", "qemu_mps2", "qemu_virt_rv32"),
)
MAKEFILE = """
all:
\tmkdir -p $(BUILD)
\techo "$(BOARD) $(MICROPY_HEAP_SIZE) $(FROZEN_MANIFEST) $(RV32_ARCH)" > $(BUILD)/firmware.elf
"""


def put(path: Path, text: str = "") -> Path:
    """A file with its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def micropython(folder: Path, version: str = "1.25", *submodules: str) -> Path:
    """What a build looks at in MicroPython's source."""
    major, minor = version.split(".")
    text = f"#define MICROPY_VERSION_MAJOR {major}\n#define MICROPY_VERSION_MINOR {minor}\n"
    put(folder / "py/mpconfig.h", text)
    for spec in (ESP32, C3, PICO, M3, RV32):
        put(folder / "ports" / spec.port / "boards" / spec.board / "x")
    put(folder / "ports/qemu/Makefile", MAKEFILE)
    said = "only certain versions.\nCurrently MicroPython supports v5.3, v5.4\nand v5.5.1.\n"
    put(folder / "ports/esp32/README.md", said)
    for name in submodules:
        put(folder / "lib" / name / "x")
    return folder


def command(folder: Path, name: str, says: str = "") -> None:
    """A program on the path."""
    put(folder / name, f"#!/bin/sh\necho '{says}'\n").chmod(0o755)


def esp_idf(folder: Path, version: tuple[int, int, int]) -> Path:
    """What a build looks at in ESP-IDF."""
    put(folder / "tools/idf.py")
    names = zip(("MAJOR", "MINOR", "PATCH"), version, strict=True)
    lines = [f"set(IDF_VERSION_{name} {number})\n" for name, number in names]
    put(folder / "tools/cmake/version.cmake", "".join(lines))
    return folder


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is the whole path, with nothing but make in it."""
    folder = tmp_path / "programs"
    folder.mkdir()
    make = shutil.which("make")
    assert make
    (folder / "make").symlink_to(make)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("IDF_PATH", raising=False)
    return folder


@pytest.mark.usefixtures("programs")
def test_for_an_esp32_the_source_esp_idf_and_its_tools_are_named() -> None:
    source, idf, tools = missing(ESP32, None)
    assert source.startswith("MicroPython's source, 1.25 or newer: unpack a release of https://")
    assert idf == (
        "ESP-IDF, v5.2, v5.2.2, v5.3 and v5.4:"
        " git clone -b v5.4 --recursive https://github.com/espressif/esp-idf"
    )
    assert tools == (
        "IDF_PATH and the tools of ESP-IDF (xtensa-esp32-elf-gcc, idf.py):"
        " in its folder run ./install.sh esp32 and . ./export.sh"
    )


@pytest.mark.usefixtures("programs")
def test_the_command_prints_all_that_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["board", "firmware", "esp32_generic_s3"])
    assert done.exit_code == 1
    first, *things = done.stderr.strip().splitlines()
    assert first.endswith(
        "A firmware for ESP32-S3 with 8 MB of flash cannot be built here. Missing:"
    )
    assert [thing.split(",")[0] for thing in things] == [
        "- MicroPython's source",
        "- ESP-IDF",
        "- IDF_PATH and the tools of ESP-IDF (xtensa-esp32s3-elf-gcc",
    ]


def test_versions_of_esp_idf_are_those_that_the_source_names(
    tmp_path: Path, programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = micropython(tmp_path, "1.27", "micropython-lib", "berkeley-db-1.xx", "tinyusb")
    assert "ESP-IDF, v5.3, v5.4 and v5.5.1: git clone -b v5.5.1" in missing(ESP32, source)[0]
    old = esp_idf(tmp_path / "old", (5, 2, 2))
    monkeypatch.setenv("IDF_PATH", str(old))
    wrong, tools = missing(C3, source)
    assert wrong == f"ESP-IDF, v5.3, v5.4 and v5.5.1: {old} holds v5.2.2."
    where = f"in {old} run ./install.sh esp32c3 and . ./export.sh"
    assert tools == f"idf.py and riscv32-esp-elf-gcc: {where}"
    monkeypatch.setenv("IDF_PATH", str(esp_idf(tmp_path / "new", (5, 4, 0))))
    for name in ("idf.py", "riscv32-esp-elf-gcc"):
        command(programs, name)
    assert missing(C3, source) == []
    monkeypatch.setenv("IDF_PATH", str(tmp_path))
    assert missing(C3, source)[0].endswith(f"IDF_PATH is {tmp_path}, where there is none.")


def test_esp_idf_that_does_not_say_its_version_is_believed(tmp_path: Path) -> None:
    assert idf_version(tmp_path) is None
    assert idf_version(esp_idf(tmp_path, (5, 5, 1))) == "v5.5.1"


def test_for_a_pico_its_tools_and_submodules_are_named(tmp_path: Path, programs: Path) -> None:
    source = micropython(tmp_path, "1.26", "micropython-lib", "lwip", "mbedtls", "tinyusb")
    lacking = missing(PICO, source)
    assert [sentence.split(":")[0] for sentence in lacking] == [
        f"MicroPython's lib/pico-sdk lib/cyw43-driver lib/btstack, which {source} lacks",
        "cmake",
        "g++",
        "arm-none-eabi-gcc and its C library",
    ]
    (source / ".git").mkdir()
    update = f"git -C {source} submodule update --init lib/pico-sdk lib/cyw43-driver lib/btstack"
    assert missing(PICO, source)[0] == f"MicroPython's submodules: {update}"
    command(programs, "arm-none-eabi-gcc", "libc.a")  # what it prints if it does not find it
    assert missing(PICO, source)[-1].startswith("a C library for arm-none-eabi-gcc: ")
    command(programs, "arm-none-eabi-gcc", "/usr/lib/libc.a")
    assert [sentence.split(":")[0] for sentence in missing(PICO, source)[1:]] == ["cmake", "g++"]


@pytest.mark.usefixtures("programs")
def test_a_source_that_is_none_or_old_or_without_the_board_is_told(tmp_path: Path) -> None:
    assert f"{tmp_path} holds none;" in missing(M3, tmp_path)[0]
    old = micropython(tmp_path / "old", "1.24", "micropython-lib")
    assert version_of(old) == (1, 24)
    assert f"1.25 or newer: {old} holds 1.24;" in missing(M3, old)[0]
    new = micropython(tmp_path / "new", "2.0", "micropython-lib")
    shutil.rmtree(new / "ports/qemu/boards/VIRT_RV32")
    assert missing(RV32, new)[0].startswith(f"MicroPython's board VIRT_RV32: {new} does not")
    assert missing(M3, new) == [
        "arm-none-eabi-gcc and its C library: on Debian and Ubuntu the packages"
        " gcc-arm-none-eabi and libnewlib-arm-none-eabi."
    ]


def test_the_virtual_board_has_no_firmware() -> None:
    with pytest.raises(FirmwareError, match="sim runs MicroPython's port unix"):
        firmware(SIM)


def test_frozen_is_what_ships_with_the_generated_code_and_the_board_itself(
    tmp_path: Path,
) -> None:
    files = sources(C3, C3.manifest)
    lay_out(tmp_path, files)
    assert {"boot.py", "main.py"} < {path.name for path in tmp_path.iterdir()}
    assert "esp32_generic_c3" in (tmp_path / "shimlet_board.py").read_text()
    rolled = (load("sim").folder / "../../firmware/shimlet_crypto/viper/field.py").read_text()
    assert len((tmp_path / "shimlet_crypto/viper/field.py").read_text()) > 2 * len(rolled)
    assert not [path for path in files if path.startswith("/lib/examples")]


def test_what_has_not_changed_is_left_alone_and_what_is_gone_goes(tmp_path: Path) -> None:
    lay_out(tmp_path, {"/lib/a/b.py": b"1", "/main.py": b"2", "/lib/c.py": b"3"})
    before = (tmp_path / "a/b.py").stat().st_mtime_ns
    lay_out(tmp_path, {"/lib/a/b.py": b"1", "/main.py": b"4"})
    assert (tmp_path / "a/b.py").stat().st_mtime_ns == before
    assert (tmp_path / "main.py").read_text() == "4"
    assert not (tmp_path / "c.py").exists()


def test_the_build_gets_board_heap_and_what_to_freeze_also_below_a_folder_with_a_space(
    tmp_path: Path,
) -> None:
    top = tmp_path / "a folder"
    source = micropython(top / "micropython")
    files = {"/lib/shimlet.py": b"", "/main.py": b""}
    image = build_image(RV32, source, files, top / "out")
    said = image.read_text().split()
    assert said[:3] == ["VIRT_RV32", "262144", "../../../out/frozen.py"]
    assert said[3] == "rv32imac"
    assert (top / "out/frozen.py").read_text() == 'freeze("frozen", opt=3)\n'
    assert (top / "out/frozen/main.py").exists()


def test_what_micropython_itself_freezes_for_a_board_stays_in(tmp_path: Path) -> None:
    source = micropython(tmp_path)
    put(source / "ports/qemu/boards/manifest.py")
    build_image(M3, source, {}, tmp_path / "out")
    assert "$(PORT_DIR)/boards/manifest.py" in (tmp_path / "out/frozen.py").read_text()
    put(source / "ports/qemu/boards" / M3.board / "manifest.py")
    build_image(M3, source, {}, tmp_path / "out")
    manifest = (tmp_path / "out/frozen.py").read_text()
    assert manifest == 'include("$(BOARD_DIR)/manifest.py")\nfreeze("frozen", opt=3)\n'


def test_a_failing_build_is_told_by_its_last_lines(tmp_path: Path) -> None:
    source = micropython(tmp_path)
    put(source / "ports/qemu/Makefile", "all:\n\techo the disk is full; exit 3\n")
    with pytest.raises(FirmwareError, match=r"firmware\.log\):\n(.|\n)*the disk is full"):
        build_image(M3, source, {}, tmp_path / "out")
