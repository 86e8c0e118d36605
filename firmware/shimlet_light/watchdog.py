"""The hardware watchdog resets the board when the loop has stood still for 8 s, and only then.

Once armed it cannot be stopped, not even by a soft reset. So the loop feeds it while the node
runs, and a timer feeds it while nobody runs the node: in the REPL, under mpremote, after a fault.
Before it is armed there is a window of 3 s, in which one key stops the node. Called by running.py,
by node.py, which runs a Guard, and by boot.py.
"""

import asyncio
import sys

from shimlet.wire import const

try:
    import machine
except ImportError:
    machine = None
try:
    import shimlet_board
except ImportError:  # flash writes it
    shimlet_board = None

WINDOW_MS = getattr(shimlet_board, "WINDOW_MS", 3000)
_SLICE_MS = const(200)  # one key alone in so long is a person; a cut request or noise is more
# A Pico W takes at most 8,388.
_TIMEOUT_MS = getattr(shimlet_board, "WATCHDOG_MS", 8000)
_FEED_MS = _TIMEOUT_MS // 4

# A Pico W's reset_cause() is the watchdog's after machine.reset(), too, and after each soft reset
# that follows. Its watchdog tells whether its time was over, and has a register for the user that
# is lost only with the power: there stands whether it was armed.
_RP2040 = const(0x40058000)
_RP2350 = const(0x400D8000)
_REASON = const(0x08)
_TIME_OVER = const(1)
_SCRATCH = const(0x0C)
_ARMED = const(0x5417317)
_ENABLED = const(1 << 30)

_wdt = None
_timer = None


def _rp2() -> int:
    """The address of a Pico W's watchdog, 0 on other boards."""
    if sys.platform != "rp2":
        return 0
    return _RP2350 if "RP2350" in sys.implementation._machine else _RP2040


def _mark(mark: int) -> None:
    if _rp2():
        machine.mem32[_rp2() + _SCRATCH] = mark


def _may_have_bitten() -> bool:
    """Whether reset_cause() may be right when it says that the watchdog did it."""
    base = _rp2()
    if not base:
        return True
    return machine.mem32[base + _SCRATCH] == _ARMED and machine.mem32[base + _REASON] & _TIME_OVER


MAY_HAVE_BITTEN = _may_have_bitten()  # asked at once: relieve() wipes it out


def is_there() -> bool:
    """Whether this board has one."""
    return hasattr(machine, "WDT")


def arm() -> None:
    """From now on call feed() at least each 8 s. ValueError, OSError: the board refuses."""
    global _timer, _wdt
    if _timer is not None:
        _timer.deinit()
        _timer = None
    _wdt = machine.WDT(timeout=_TIMEOUT_MS)
    _mark(_ARMED)


def feed() -> None:
    """The loop turns."""
    if _wdt is not None:
        _wdt.feed()


def relieve() -> None:
    """The loop ends: from now on a timer feeds the watchdog, if it is armed."""
    global _timer
    _mark(0)
    if _wdt is None or _timer is not None:
        return
    _wdt.feed()
    try:
        timer = machine.Timer(-1)
    except ValueError:  # an ESP32 has numbered ones only
        timer = machine.Timer(0)
    timer.init(period=_FEED_MS, mode=timer.PERIODIC, callback=_on_timer)
    _timer = timer


def _on_timer(timer) -> None:
    _wdt.feed()


def after_reset() -> None:
    """For boot.py: a soft reset stops the timer and leaves the watchdog armed."""
    if is_there() and _wdt is None and _may_be_armed():
        arm()
        relieve()


def _may_be_armed() -> bool:
    if _rp2():
        return bool(machine.mem32[_rp2()] & _ENABLED)
    return machine.reset_cause() == machine.SOFT_RESET


class Guard:
    """The node's first 3 s, in which a key gives the REPL; then its loop feeds the watchdog."""

    def __init__(self) -> None:
        self.is_open = True
        self._keys = self._last = 0

    def key(self, byte: int) -> None:
        """A byte came that is no part of a request."""
        self._keys += 1
        self._last = byte

    async def run(self) -> None:
        """Until cancelled. KeyboardInterrupt: a key was pressed in the window."""
        passed_ms = 0
        while self.is_open and passed_ms < WINDOW_MS:
            await asyncio.sleep_ms(_SLICE_MS)
            passed_ms += _SLICE_MS
            if self._keys == 1 and (32 <= self._last < 127 or self._last in b"\r\t\x1b"):
                raise KeyboardInterrupt
            self._keys = 0
        if is_there():
            arm()
        self.is_open = False
        while is_there():
            feed()
            await asyncio.sleep_ms(_FEED_MS)
