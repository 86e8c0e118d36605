# mypy: ignore-errors

"""`time` of a virtual board whose clock is not right: unset as after power came, or off.

In: "unset", or by how many seconds it is off. Out: a `time` as ESP32s have it, which counts from
2000 and starts there; or the right one with another time. Called by: `start.py`, which has it put
into sys.modules.
"""

import sys
import time as _real
from time import *

_EPOCH_2000_S = 946684800
_off_s = 0
_epoch_s = 0


def setup(clock):
    """Take the place of the built-in module."""
    global _off_s, _epoch_s
    if clock == "unset":
        _epoch_s = _EPOCH_2000_S
        _off_s = -_real.time()
    else:
        _off_s = int(clock)
    sys.modules["time"] = sys.modules[__name__]


def time():
    return _real.time() + _off_s


def time_ns():
    return _real.time_ns() + int(_off_s * 1000) * 1_000_000


def gmtime(seconds=None):
    return _real.gmtime((time() if seconds is None else seconds) + _epoch_s)


localtime = gmtime


def mktime(at):
    return _real.mktime(at) - _epoch_s
