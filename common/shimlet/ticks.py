"""Two moments on a monotonic clock of milliseconds that wraps at 2**30, as MicroPython's does.

`now` is everywhere in the core an int in 0..2**30-1 that the shell hands in; moments up to six days apart compare
rightly. It is small enough never to be a big int on a 32-bit board, except for an instant at the wrap itself.
"""

PERIOD_MS = 1 << 30
_HALF = 1 << 29


def since(now: int, then: int) -> int:
    """Milliseconds from `then` to `now`; negative when `then` is still to come."""
    return ((now - then + _HALF) & (PERIOD_MS - 1)) - _HALF


def after(now: int, delay_ms: int) -> int:
    """The moment `delay_ms` (at most six days) after `now`."""
    return (now + delay_ms) & (PERIOD_MS - 1)
