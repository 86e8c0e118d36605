# mypy: ignore-errors

"""`machine` of the virtual board: the built-in module plus what every board has: resets, a
watchdog, pins and timers.

In: calls of programs on the board. Out: words on the control pipe, for the emulator: `R` is a
pressed reset button, `W<ms>;` promises another such word within so long, `P<pin>=<level>;` is a
pin's new level. Called by: `start.py`, which puts it into sys.modules.
"""

import _thread
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


class WDT:
    """The watchdog, as unforgiving as a Pico W's: only a hard reset ends it."""

    _LONGEST_MS = 8388

    def __init__(self, id=0, timeout=5000):
        if id != 0 or not 0 < timeout <= self._LONGEST_MS:
            raise ValueError("timeout exceeds " + str(self._LONGEST_MS))
        self._word = b"W%d;" % timeout
        self.feed()

    def feed(self):
        """Begin the time anew."""
        _control.write(self._word)


class Pin:
    """A pin; the emulator shows its level."""

    IN, OUT = 0, 1

    def __init__(self, id, mode=-1, pull=-1, *, value=None):
        self._id = id
        self._level = 0
        if value is not None:
            self.value(value)

    def value(self, level=None):
        """Read or set the level."""
        if level is None:
            return self._level
        self._level = 1 if level else 0
        _control.write(b"P%s=%d;" % (str(self._id).encode(), self._level))

    __call__ = value

    def on(self):
        """Set it to 1."""
        self.value(1)

    def off(self):
        """Set it to 0."""
        self.value(0)


class Timer:
    """A timer, called from a thread: the REPL, which waits for a key, runs nothing by itself."""

    ONE_SHOT, PERIODIC = 0, 1

    def __init__(self, id=-1, **options):
        if id != -1:
            raise ValueError("Timer doesn't exist")
        self._run = 0  # the number of the last init(): the threads of older ones end
        if options:
            self.init(**options)

    def init(self, *, mode=PERIODIC, period=1000, callback=None):
        """Call callback(timer) each `period` ms, or once."""
        self._run += 1
        _thread.start_new_thread(self._loop, (self._run, mode, period, callback))

    def _loop(self, run, mode, period_ms, callback):
        while True:
            time.sleep_ms(period_ms)
            if self._run != run:
                return
            callback(self)
            if mode == self.ONE_SHOT:
                return

    def deinit(self):
        """No more calls."""
        self._run += 1
