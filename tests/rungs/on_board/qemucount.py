"""Counts instructions and heap on the emulated boards, where one instruction takes 1 ns.

In: a function and its arguments. Out: instructions, to 40 on the Cortex-M3 and to 100 on RV32,
and bytes of heap. Frozen into the firmwares of rung 3; programs that tests/rungs/bare_metal.py
runs import it.
"""

import gc
import sys

import micropython
from micropython import const

_WRAP = const(0x3FFFFFFF)  # what a small int holds: 1.07 thousand million instructions
_TIMER0 = 0x40000000  # CMSDK, of the Cortex-M3: control, value, reload; it counts down at 25 MHz
_ENABLE = const(1)
_MTIME = 0x0200BFF8  # of RV32; it runs from the start, and counts up at 10 MHz


@micropython.viper
def _start(timer: ptr32):
    timer[2] = -1
    timer[1] = -1
    timer[0] = _ENABLE


@micropython.viper
def _instructions(timer: ptr32, flip: int, step: int) -> int:
    return (timer[0] ^ flip) * step & _WRAP


if sys.implementation._build == "VIRT_RV32":
    _COUNT, _FLIP, _STEP = _MTIME, 0, 100
else:
    _COUNT, _FLIP, _STEP = _TIMER0 + 4, -1, 40
    _start(_TIMER0)


def _nothing(a=None, b=None, c=None, d=None, e=None, f=None, g=None):
    """What counting itself costs is measured with this."""


def _overhead(*arguments):
    """What reading the timer, and calling by `*arguments`, add to a count."""
    start = _instructions(_COUNT, _FLIP, _STEP)
    read = _instructions(_COUNT, _FLIP, _STEP)
    _nothing()
    called = _instructions(_COUNT, _FLIP, _STEP)
    _nothing(*arguments)
    return _instructions(_COUNT, _FLIP, _STEP) - called - (called - read) + (read - start)


def ticks():
    """Instructions so far, modulo 2**30. It allocates nothing."""
    return _instructions(_COUNT, _FLIP, _STEP)


def since(start):
    """Instructions since `ticks()` said `start`."""
    return (_instructions(_COUNT, _FLIP, _STEP) - start) & _WRAP


def count(function, *arguments):
    """Instructions of a call as it would be written out, at most 2**30."""
    gc.collect()
    start = _instructions(_COUNT, _FLIP, _STEP)
    function(*arguments)
    return (_instructions(_COUNT, _FLIP, _STEP) - start - _OVERHEAD) & _WRAP


def allocated(function, *arguments):
    """Bytes of heap that a call asks for, freed or not."""
    gc.collect()
    before = micropython.mem_total()
    _nothing(*arguments)
    between = micropython.mem_total()
    function(*arguments)
    return micropython.mem_total() - between - (between - before)


_OVERHEAD = _overhead()
