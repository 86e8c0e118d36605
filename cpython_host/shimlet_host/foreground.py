"""Runs a module so that Ctrl-C ends it and not the `make` that started it.

    python -m shimlet_host.foreground MODULE ARGUMENT...

A terminal sends Ctrl-C to every process of its foreground group. Make would end with an error even
if the program said goodbye properly, so the program becomes the foreground group while it runs.
Without a terminal, or in the background, nothing changes. Called by `make run`.
"""

import os
import runpy
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager


def _terminal() -> int | None:
    """The controlling terminal, if our group is the one that it listens to."""
    try:
        terminal = os.open("/dev/tty", os.O_RDWR)
    except OSError:
        return None
    if os.tcgetpgrp(terminal) == os.getpgrp() != os.getpid():
        return terminal
    os.close(terminal)
    return None


def _put_in_front(terminal: int, group: int) -> None:
    """Make a group the foreground one; without the signal that stops who asks from behind."""
    before = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    os.tcsetpgrp(terminal, group)
    signal.signal(signal.SIGTTOU, before)


@contextmanager
def own_foreground() -> Iterator[None]:
    """Be the terminal's foreground group; give the terminal back at the end."""
    terminal = _terminal()
    if terminal is None:
        yield
        return
    outer = os.getpgrp()
    os.setpgid(0, 0)
    # Ctrl-Z would stop us alone, and the shell, which watches make, would never notice.
    signal.signal(signal.SIGTSTP, signal.SIG_IGN)
    _put_in_front(terminal, os.getpid())
    try:
        yield
    finally:
        _put_in_front(terminal, outer)
        os.close(terminal)


def main() -> None:
    """Run the module that the arguments name, as `python -m` would."""
    sys.argv = sys.argv[1:]
    with own_foreground():
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
