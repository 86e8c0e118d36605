"""The board's clocks: a monotonic one in milliseconds, and unix time once somebody has set it.

In goes the time that a server or the serial line tells (sntp.py, changes.py); net.py, log.py and
node.py ask. Until it is set here, unix time is what the port says, if that can be true: an
operating system knows it, and a chip that went on counting over a restart. Afterwards the
monotonic clock counts it on, and the port's own clock is set, too, where it can be.

MicroPython counts time.time() from 1970 on some ports and from 2000 on others; which, its own
gmtime(0) tells.

Setting it back is harmless: links and waits run on the monotonic clock; accepted handshakes are
forgotten for newer ones and not by the time (shimlet.handshake.Rules); a request of ours may be
refused because an older one had the same second, which passes when the clock gets beyond it.
"""

import time

from shimlet.ticks import after, since
from shimlet.wire import const

_TICKS_MASK = (1 << 30) - 1
_EPOCH_OFFSET_S = 946684800 if time.gmtime(0)[0] == 2000 else 0
EARLIEST = 1704067200  # 2024-01-01: before it, nobody has set the clock
LATEST = 4102444800  # 2100-01-01: some ports' calendars end there
_REBASE_S = const(86400)

NTP = "ntp"
DESKTOP = "desktop"  # a time server at the address of a known peer
SERIAL = "serial"
SYSTEM = "system"

_source = ""  # who set it, "" for nobody
_set_at = 0  # unix time at that moment
_was_off_ms = None  # by how much it was behind just before
_base_s = 0  # the unix time at _base; 0: ask the port
_base = 0
_in_port = False  # whether the port's clock got the time, too


def now() -> int:
    """Milliseconds as shimlet.ticks wants them: monotonic, wrapping at 2**30."""
    return time.ticks_ms() & _TICKS_MASK


def unix_time() -> int:
    """Whole unix seconds; 0 while the clock is not set. Ask at least once in six days."""
    global _base_s, _base
    if not _base_s:
        seconds = int(time.time()) + _EPOCH_OFFSET_S
        return seconds if is_plausible(seconds) else 0
    passed_s = since(now(), _base) // 1000
    if passed_s > _REBASE_S:
        _base_s += passed_s
        _base = after(_base, passed_s * 1000)
        return _base_s
    return _base_s + passed_s


def is_plausible(seconds: int) -> bool:
    """Whether this unix time can be now."""
    return EARLIEST <= seconds < LATEST


def behind_ms(unix_ms: int) -> int:
    """How far our clock, which is set, is behind this time in ms; negative when it is ahead."""
    if unix_time() and _base_s:
        return unix_ms - _base_s * 1000 - since(now(), _base)
    return unix_ms - int(time.time() * 1000) - _EPOCH_OFFSET_S * 1000


def set_time(unix_ms: int, source: str) -> "int | None":
    """Set the clock. By how many ms it was behind (negative: ahead), None if it was not set."""
    global _source, _set_at, _was_off_ms, _base_s, _base, _in_port
    _was_off_ms = behind_ms(unix_ms) if unix_time() else None
    _source = source
    _set_at = _base_s = unix_ms // 1000
    _base = after(now(), -(unix_ms % 1000))
    _in_port = _set_port((unix_ms + 500) // 1000)
    return _was_off_ms


def resume() -> None:
    """A node starts: it may have been stopped for longer than the ticks count, so the port knows
    better, if it could be told.
    """
    global _base_s
    if _in_port:
        _base_s = 0


def status() -> dict:
    """Who set the clock, how many seconds ago, and by how many ms it was behind before."""
    unix = unix_time()
    if not _source:
        return {"source": SYSTEM if unix else "", "syncedAgo": None, "offsetMs": None}
    return {"source": _source, "syncedAgo": unix - _set_at, "offsetMs": _was_off_ms}


def _set_port(seconds: int) -> bool:
    """Set the chip's clock, so that the time survives a restart; False where there is none."""
    at = time.gmtime(seconds - _EPOCH_OFFSET_S)
    try:
        from machine import RTC

        # The day of the week counts from 1 for Monday where it is looked at; elsewhere it is
        # found out from the date.
        RTC().datetime((at[0], at[1], at[2], at[6] + 1, at[3], at[4], at[5], 0))
    except (ImportError, AttributeError, OSError, ValueError):
        return False
    return True


class Uptime:
    """Seconds since it was made; ask at least once in six days, as the ticks wrap."""

    def __init__(self) -> None:
        self._last = now()
        self._seconds = 0

    def seconds(self) -> int:
        """Whole seconds."""
        passed_s = since(now(), self._last) // 1000
        if passed_s > 0:
            self._seconds += passed_s
            self._last = after(self._last, passed_s * 1000)
        return self._seconds
