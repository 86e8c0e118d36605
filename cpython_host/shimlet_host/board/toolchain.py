"""What building a firmware takes, and what of it this computer lacks.

In: a `BoardSpec` and the folder of MicroPython's source. Out: a sentence for each thing that is
missing, with where it comes from. Nothing is installed or downloaded. Called by: firmware.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from .catalogue import BoardSpec

OLDEST = (1, 25)  # the first MicroPython that the light node runs on
RELEASES = "https://github.com/micropython/micropython/releases"
IDF = "https://github.com/espressif/esp-idf"
IDF_VERSIONS = "v5.2, v5.2.2, v5.3 and v5.4"  # of MicroPython 1.25, where no source says more
SUBMODULES = {
    "qemu": ("micropython-lib",),
    "esp32": ("micropython-lib", "berkeley-db-1.xx", "tinyusb"),
    "rp2": (
        *("micropython-lib", "pico-sdk", "tinyusb", "mbedtls"),
        *("lwip", "cyw43-driver", "btstack"),
    ),
}
_ARM = ("arm-none-eabi-gcc", "gcc-arm-none-eabi", "libc.a", "libnewlib-arm-none-eabi")
_RISCV = (
    *("riscv64-unknown-elf-gcc", "gcc-riscv64-unknown-elf"),
    *("picolibc.specs", "picolibc-riscv64-unknown-elf"),
)
_ESP_COMPILERS = {
    "esp32": "xtensa-esp32-elf-gcc",
    "esp32s3": "xtensa-esp32s3-elf-gcc",
    "esp32c3": "riscv32-esp-elf-gcc",
}


def missing(spec: BoardSpec, source: Path | None) -> list[str]:
    """What a firmware for this board needs and is not here, a sentence each."""
    lacking = _source(spec, source) + _command("make", "make")
    if spec.port == "qemu":
        lacking += _compiler(*(_RISCV if spec.processor.startswith("rv32") else _ARM))
    elif spec.port == "rp2":
        lacking += _command("cmake", "cmake") + _command("g++", "g++")
        lacking += _compiler(*_ARM)
    elif spec.port == "esp32":
        lacking += _esp_idf(spec, source)
    return lacking


def version_of(source: Path) -> tuple[int, int] | None:
    """The version of MicroPython that this folder holds; None: it holds none."""
    try:
        text = (source / "py" / "mpconfig.h").read_text()
    except OSError:
        return None
    found = re.findall(r"#define MICROPY_VERSION_(?:MAJOR|MINOR) (\d+)", text)
    return (int(found[0]), int(found[1])) if len(found) == 2 else None


def _source(spec: BoardSpec, source: Path | None) -> list[str]:
    """Say what is wrong with the source: not named, too old, without the board, without parts."""
    oldest = ".".join(map(str, OLDEST))
    get = f"unpack a release of {RELEASES} and name its folder by --source."
    if source is None:
        return [f"MicroPython's source, {oldest} or newer: {get}"]
    version = version_of(source)
    if version is None:
        return [f"MicroPython's source: {source} holds none; {get}"]
    if version < OLDEST:
        have = ".".join(map(str, version))
        return [f"MicroPython's source, {oldest} or newer: {source} holds {have}; {get}"]
    if not (source / "ports" / spec.port / "boards" / spec.board).is_dir():
        return [f"MicroPython's board {spec.board}: {source} does not have it; {get}"]
    return _submodules(spec.port, source)


def _submodules(port: str, source: Path) -> list[str]:
    """Say which of MicroPython's submodules the source was unpacked or cloned without."""
    places = [source / "lib" / name for name in SUBMODULES[port]]
    empty = [path for path in places if not path.is_dir() or not any(path.iterdir())]
    if not empty:
        return []
    names = " ".join(f"lib/{path.name}" for path in empty)
    if (source / ".git").exists():
        return [f"MicroPython's submodules: git -C {source} submodule update --init {names}"]
    return [f"MicroPython's {names}, which {source} lacks: a release of {RELEASES} has them."]


def _command(name: str, package: str) -> list[str]:
    if shutil.which(name):
        return []
    return [f"{name}: on Debian and Ubuntu it is in the package {package}."]


def _compiler(name: str, package: str, part: str, part_package: str) -> list[str]:
    """Say that a compiler is not there, or that it comes without a C library."""
    if not shutil.which(name):
        packages = f"{package} and {part_package}"
        return [f"{name} and its C library: on Debian and Ubuntu the packages {packages}."]
    asked = [name, f"-print-file-name={part}"]
    found = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
    if found != part:
        return []
    return [f"a C library for {name}: on Debian and Ubuntu the package {part_package}."]


def _esp_idf(spec: BoardSpec, source: Path | None) -> list[str]:
    """Say what of ESP-IDF is missing: the folder, a version that fits, its tools on the path."""
    versions = idf_versions(source)
    chip = spec.install.chip if spec.install and spec.install.by == "esptool" else "esp32"
    named = os.environ.get("IDF_PATH")
    if not named:
        newest = versions.split()[-1]
        return [
            f"ESP-IDF, {versions}: git clone -b {newest} --recursive {IDF}",
            f"IDF_PATH and the tools of ESP-IDF ({_ESP_COMPILERS[chip]}, idf.py):"
            f" in its folder run ./install.sh {chip} and . ./export.sh",
        ]
    if not (Path(named) / "tools" / "idf.py").is_file():
        return [f"ESP-IDF, {versions}: IDF_PATH is {named}, where there is none."]
    have = idf_version(Path(named))
    lacking = []
    if have and have not in versions.replace(",", " ").split():
        lacking = [f"ESP-IDF, {versions}: {named} holds {have}."]
    tools = [tool for tool in ("idf.py", _ESP_COMPILERS[chip]) if not shutil.which(tool)]
    if tools:
        run = f"in {named} run ./install.sh {chip} and . ./export.sh"
        lacking.append(f"{' and '.join(tools)}: {run}")
    return lacking


def idf_versions(source: Path | None) -> str:
    """The versions of ESP-IDF that this MicroPython says it supports, as "v5.3 and v5.4"."""
    try:
        said = ((source or Path()) / "ports" / "esp32" / "README.md").read_text()
    except OSError:
        return IDF_VERSIONS
    found = re.search(r"MicroPython supports\s+(v(?:[\d.]*\d|,|\s+and|\s+v)+)", said)
    return " ".join(found[1].split()) if found else IDF_VERSIONS


def idf_version(idf: Path) -> str | None:
    """The version of ESP-IDF in this folder, as "v5.4"; None: it does not say."""
    try:
        said = (idf / "tools" / "cmake" / "version.cmake").read_text()
    except OSError:
        return None
    parts = [re.search(rf"IDF_VERSION_{part} (\d+)", said) for part in ("MAJOR", "MINOR", "PATCH")]
    numbers = [found[1] for found in parts if found]
    if len(numbers) < 3:
        return None
    return "v" + ".".join(numbers if numbers[2] != "0" else numbers[:2])
