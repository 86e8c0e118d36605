"""The virtual board: a real MicroPython with a file system of its own behind a serial line.

`python -m shimlet_host.board.emulator --image FILE` runs one; tests and `make run` use
`VirtualBoard`. What talks to the board sees a serial device and nothing else.
"""

from .virtual_board import BoardStartError, VirtualBoard

__all__ = ["BoardStartError", "VirtualBoard"]
