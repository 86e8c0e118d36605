"""What a process needs before anything else: open standard streams, and an end when it is told to.

In: nothing. Out: descriptors 0, 1 and 2 that are open, and for `shimlet run` signals that end the
start in silence. Called by `__main__.py`, and by the command `run`, before the node listens to
signals itself.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager


def open_standard_streams() -> None:
    """What the caller closed leads to nowhere, so that no file of ours gets the number of stderr,
    where whoever writes to stderr would write into it.
    """
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        try:
            os.fstat(number)
        except OSError:
            handle = os.open(os.devnull, os.O_RDWR)  # the lowest free number: this one
            setattr(sys, name, os.fdopen(handle, mode, closefd=False))


@contextmanager
def load_quietly() -> Iterator[None]:
    """While modules load, Ctrl-C ends the process as the system does, without a traceback."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGINT, before)


def end_at_signals() -> None:
    """From now on SIGTERM and Ctrl-C end the process at once with exit status 0, whatever it is
    at: what is being written is complete or not there.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os._exit(0))
