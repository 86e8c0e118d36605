"""Two moments on a monotonic clock of milliseconds that wraps at 2**30, as MicroPython's does.

`now` is everywhere in the core an int in 0..2**30-1 that the shell hands in; moments up to six
days apart compare rightly. Nothing here, and no step on the way, is a big int on a 32-bit board:
that is why a period is subtracted as two halves.
"""

PERIOD_MS = 1 << 30
_HALF = 1 << 29


def since(now: int, then: int) -> int:
    """Milliseconds from `then` to `now`; negative when `then` is still to come."""
    elapsed = now - then
    if elapsed >= _HALF:
        return elapsed - _HALF - _HALF
    if elapsed < -_HALF:
        return elapsed + _HALF + _HALF
    return elapsed


def after(now: int, delay_ms: int) -> int:
    """The moment `delay_ms` (at most six days) after `now`."""
    moment = now - _HALF + delay_ms
    return moment - _HALF if moment >= _HALF else moment + _HALF
