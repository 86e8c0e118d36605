"""Lists the serial ports and says what is on each, without stopping anything.

In: nothing. Out: one `PortInfo` a port. A running node is asked over its line. What does not
answer gets an empty line, as from Enter: only an idle MicroPython shows its prompt then, and no
program runs that asking it further could stop. Called by: the command line.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import serial
from serial.tools import list_ports

from .line import BAUD, BoardLine, LineError
from .probe import board_info
from .remote import DeployError

SIMULATED = Path("build/sim")  # where `shimlet board sim` has the links to its boards' lines
ANSWER_S = 1.0
PROMPT_S = 0.4
PROMPT = b">>> "


@dataclass
class PortInfo:
    """A port and what is on it: "node", "micropython", "unknown" or "closed"."""

    port: str
    hardware: str  # what the computer says about it
    kind: str
    sentence: str
    board: str = ""  # MicroPython's name of the board
    version: str = ""  # of MicroPython
    public_key: str = ""


def all_ports() -> list[PortInfo]:
    """Look at every port there is."""
    return [look(port, hardware) for port, hardware in _ports()]


def _ports() -> Iterator[tuple[str, str]]:
    for found in sorted(list_ports.comports()):
        if found.vid is not None:  # a built-in port without a plug is no board
            yield found.device, found.description
    for link in sorted(SIMULATED.glob("*.tty")):
        if link.exists():  # that of a killed board leads nowhere
            yield str(link), "simulated board"


def look(port: str, hardware: str = "") -> PortInfo:
    """Say what is on one port."""
    try:
        with BoardLine(port) as line:
            status = line.try_ask({"cmd": "status"}, ANSWER_S)
    except LineError as error:
        return PortInfo(port, hardware, "closed", str(error))
    if status is not None:
        return _node(port, hardware, status)
    if not _shows_prompt(port):
        return PortInfo(port, hardware, "unknown", "something that does not answer")
    return _micropython(port, hardware)


def _node(port: str, hardware: str, status: dict[str, object]) -> PortInfo:
    key, name = str(status.get("publicKey", "")), status.get("name", "")
    sentence = f"light node {name}, {status.get('links', 0)} links, {key}"
    return PortInfo(port, hardware, "node", sentence, public_key=key)


def _shows_prompt(port: str) -> bool:
    """Press Enter, and look whether MicroPython's prompt comes."""
    deadline = time.monotonic() + PROMPT_S
    heard = b""
    try:
        with serial.Serial(port, BAUD, exclusive=True, timeout=0.05, write_timeout=1) as line:
            line.write(b"\r\n")
            while not heard.endswith(PROMPT) and time.monotonic() < deadline:
                heard += line.read(256)
    except OSError:
        return False
    return heard.endswith(PROMPT)


def _micropython(port: str, hardware: str) -> PortInfo:
    try:
        info = board_info(port, idle=True)
    except DeployError as error:
        return PortInfo(port, hardware, "unknown", str(error))
    sentence = f"MicroPython {info.micropython}, {info.machine}; no node runs"
    return PortInfo(port, hardware, "micropython", sentence, info.build, info.micropython)
