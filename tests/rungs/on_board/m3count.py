"""Counts instructions and heap on the emulated Cortex-M3, where one instruction takes 1 ns.

In: a function and its arguments. Out: instructions, to 40, and bytes of heap. Frozen into the
firmware of rung 3; programs that tests/rungs/count_m3.py runs import it.
"""

import gc

import micropython
from micropython import const

_TIMER0 = 0x40000000  # CMSDK: control, value, reload; it counts down at 25 MHz
_ENABLE = const(1)
_WRAP = const(0x3FFFFFFF)  # what a small int holds: 1.07 thousand million instructions


@micropython.viper
def _start(timer: ptr32):
    timer[2] = -1
    timer[1] = -1
    timer[0] = _ENABLE


@micropython.viper
def _instructions(timer: ptr32) -> int:
    return (0 - timer[1]) * 40 & _WRAP


def _nothing(a=None, b=None, c=None, d=None, e=None, f=None, g=None):
    """What counting itself costs is measured with this."""


def _overhead(*arguments):
    """What reading the timer, and calling by `*arguments`, add to a count."""
    start = _instructions(_TIMER0)
    read = _instructions(_TIMER0)
    _nothing()
    called = _instructions(_TIMER0)
    _nothing(*arguments)
    return _instructions(_TIMER0) - called - (called - read) + (read - start)


def ticks():
    """Instructions so far, modulo 2**30. It allocates nothing."""
    return _instructions(_TIMER0)


def since(start):
    """Instructions since `ticks()` said `start`."""
    return (_instructions(_TIMER0) - start) & _WRAP


def count(function, *arguments):
    """Instructions of a call as it would be written out, at most 2**30."""
    gc.collect()
    start = _instructions(_TIMER0)
    function(*arguments)
    return (_instructions(_TIMER0) - start - _OVERHEAD) & _WRAP


def allocated(function, *arguments):
    """Bytes of heap that a call asks for, freed or not."""
    gc.collect()
    before = micropython.mem_total()
    _nothing(*arguments)
    between = micropython.mem_total()
    function(*arguments)
    return micropython.mem_total() - between - (between - before)


_start(_TIMER0)
_OVERHEAD = _overhead()
