"""A `machine` module for tests: pins, a watchdog and timers that only remember.

PretendMachine takes the place of watchdog.machine while it is entered. Imported by tests/light.
"""

from shimlet_light import watchdog


class PretendMachine:
    """`with PretendMachine(cause) as machine`; the watchdog is fed when `machine.fed` grows."""

    PWRON_RESET, HARD_RESET, WDT_RESET, DEEPSLEEP_RESET, SOFT_RESET = 1, 2, 3, 4, 5

    def __init__(self, cause=1, numbered_timers=False):
        self.cause = cause
        self.numbered_timers = numbered_timers
        self.timeouts = []  # of the watchdogs made
        self.fed = 0
        self.timers = []  # that run
        self.mem32 = {}

    def __enter__(self):
        self._real = watchdog.machine
        watchdog.machine = self
        watchdog._wdt = watchdog._timer = None
        return self

    def __exit__(self, kind, error, trace):
        watchdog.machine = self._real
        watchdog._wdt = watchdog._timer = None

    def reset_cause(self):
        """See machine."""
        return self.cause

    def WDT(self, timeout):
        """See machine."""
        self.timeouts.append(timeout)
        return Dog(self)

    def Timer(self, number):
        """See machine."""
        if self.numbered_timers and number < 0:
            raise ValueError("invalid Timer number")
        return Timer(self)


class Dog:
    """A watchdog."""

    def __init__(self, machine):
        self.machine = machine

    def feed(self):
        """See machine.WDT."""
        self.machine.fed += 1


class Timer:
    """A timer; the test calls its callback."""

    PERIODIC = 1

    def __init__(self, machine):
        self.machine = machine

    def init(self, period, mode, callback):
        """See machine.Timer."""
        self.period = period
        self.callback = callback
        self.machine.timers.append(self)

    def deinit(self):
        """See machine.Timer."""
        self.machine.timers.remove(self)


class Pin:
    """A pin; `levels`: all that it had."""

    def __init__(self):
        self.levels = []

    def value(self, level):
        """See machine.Pin."""
        self.levels.append(level)
