# mypy: ignore-errors

"""`machine` of the virtual board: the built-in module plus what every board has: resets.

In: calls of programs on the board. Out: one byte on the control pipe, which the emulator
takes as a pressed reset button. Called by: `start.py`, which puts it into sys.modules.
"""

import sys
import time

from machine import *

PWRON_RESET = 1
HARD_RESET = 2
WDT_RESET = 3
DEEPSLEEP_RESET = 4
SOFT_RESET = 5

_RESET = b"R"
_control = None
_cause = PWRON_RESET


def setup(control, cause):
    """Take the place of the built-in module; `control` is the pipe to the emulator."""
    global _control, _cause
    _control = control
    _cause = cause
    sys.modules["machine"] = sys.modules[__name__]


def reset():
    """A hard reset: nothing runs after it, no handler and no `finally`."""
    _control.write(_RESET)
    while True:  # the emulator kills the process within milliseconds; a ^C must not end the wait
        try:
            time.sleep(1)
        except KeyboardInterrupt:
            pass


def soft_reset():
    """Leave the interpreter; boot.py and main.py run again in a new one."""
    sys.exit()


def reset_cause():
    """Why the board started last: one of the *_RESET constants."""
    return _cause
