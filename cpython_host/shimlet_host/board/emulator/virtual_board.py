"""A virtual board as a context manager, for tests and for `make run`.

In: the image file. Out: a running board and the path of its serial device.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType

START_S = 20.0
# As many words as 128 KB hold on a 32-bit board: where a word has 64 bits, that takes 256 KB.
BOARD_HEAP = "128wk"


class BoardStartError(Exception):
    """The virtual board did not start; the text is the emulator's sentence."""


class VirtualBoard:
    """A board whose flash is the file `image`; `device` is the path of its serial line."""

    def __init__(
        self,
        image: Path | str,
        *,
        heap: str = BOARD_HEAP,
        link: Path | str | None = None,
        micropython: str | None = None,
        clock: str = "",
        pins: Path | None = None,
    ) -> None:
        """`clock`: "unset", or by how many seconds it is off, as "+3600". `pins`: a file that gets
        a line for each change of a pin: the second, its name and its level.
        """
        self.device = ""
        self._kept = ExitStack()
        self._process: subprocess.Popen[str] | None = None
        self._command = [sys.executable, "-m", "shimlet_host.board.emulator"]
        self._command += ["--image", str(image), "--heap", heap]
        self._command += [f"--clock={clock}"]
        self._command += ["--link", str(link)] if link is not None else []
        self._command += ["--micropython", micropython] if micropython is not None else []
        self._command += ["--pins", str(pins)] if pins is not None else []

    def __enter__(self) -> VirtualBoard:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        self._kept.close()

    def start(self) -> None:
        """Power on. Returns when boot.py begins; raises BoardStartError."""
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None and self._process.stderr is not None
        readable, _, _ = select.select([self._process.stdout], [], [], START_S)
        self.device = self._process.stdout.readline().strip() if readable else ""
        if not self.device:
            self._process.kill()
            sentence = self._process.stderr.read().strip()
            self._finish()
            raise BoardStartError(sentence or f"The board did not start in {START_S:.0f} s.")

    @property
    def pid(self) -> int:
        """The emulator's process."""
        assert self._process is not None, "the board is off"
        return self._process.pid

    @property
    def running(self) -> bool:
        """True while the emulator lives."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> int | None:
        """End it in an orderly way; returns the exit status, None if it was off."""
        if self._process is None:
            return None
        self._keep_number()
        self._process.terminate()
        return self._finish()

    def kill(self) -> None:
        """Pull the plug: the emulator gets SIGKILL, and the interpreter goes with it."""
        if self._process is not None:
            self._keep_number()
            self._process.kill()
            self._finish()

    def _keep_number(self) -> None:
        """The next terminal of this machine must not get the path that somebody still may use."""
        with suppress(OSError):  # it ended by itself
            descriptor = os.open(self.device, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
            self._kept.callback(os.close, descriptor)

    def _finish(self) -> int:
        assert self._process is not None
        status = self._process.wait(timeout=10)
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()
        self._process = None
        return status
