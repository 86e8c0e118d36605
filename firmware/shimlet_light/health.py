"""Why the board was reset, the last exception, and how often in a row the watchdog had to bite.

In go exceptions, out come words for the status. All of it survives a reset in a small file, which
is written only when it changes, and for exceptions at most each ten minutes: flash wears. Made by
running.py once a start, used by node.py.
"""

import io
import json
import sys

from shimlet.wire import const

from shimlet_light import files, watchdog
from shimlet_light.clock import Uptime

HEALTH_FILE = "health.json"
BITES = const(3)  # resets by the watchdog in a row, after which the node starts without app.py
_MAX_TEXT = const(200)  # characters of an exception
_MAX_FILE_BYTES = const(1500)  # with every character escaped
_PAUSE_S = const(600)
_GOOD_S = const(3600)  # so long without a reset, and the row is over
_CAUSES = (
    ("PWRON_RESET", "power-on"),
    ("HARD_RESET", "reset"),
    ("WDT_RESET", "watchdog"),
    ("DEEPSLEEP_RESET", "deep-sleep"),
    ("SOFT_RESET", "soft-reset"),
)


def reset_cause() -> str:
    """Why the board started last, in a word; "unknown" where it does not tell."""
    machine = watchdog.machine
    cause = machine.reset_cause() if hasattr(machine, "reset_cause") else None
    for name, word in _CAUSES:
        if cause is not None and cause == getattr(machine, name, None):
            return "reset" if word == "watchdog" and not watchdog.MAY_HAVE_BITTEN else word
    return "unknown"


def described(error: BaseException) -> str:
    """Type, message and place of an exception, in one line."""
    out = io.StringIO()
    sys.print_exception(error, out)
    lines = out.getvalue().strip().split("\n")
    place = lines[-2].strip() if len(lines) > 1 else ""
    place = place.replace('File "', "").replace('", line ', ":").replace(", in ", " ")
    return f"{lines[-1]} ({place})"[:_MAX_TEXT] if place else lines[-1][:_MAX_TEXT]


class Health:
    """`bites`: resets by the watchdog in a row, this start's included."""

    def __init__(self, path: str = "") -> None:
        self.reset_cause = reset_cause()
        self.last_exception = ""
        self.bites = 0
        self._path = path
        self._uptime = Uptime()
        self._saved = (0, "")
        self._not_before_s = 0
        if path:
            self._load()

    def _load(self) -> None:
        try:
            found = json.loads(files.read(self._path, _MAX_FILE_BYTES) or b"{}")
            self.bites = int(found.get("bites", 0))
            self.last_exception = str(found.get("lastException", ""))[:_MAX_TEXT]
        except (OSError, ValueError, AttributeError, TypeError, RuntimeError, MemoryError):
            pass  # it is damaged, and only what happens from now on is known
        self._saved = (self.bites, self.last_exception)
        self.bites = self.bites + 1 if self.reset_cause == "watchdog" else 0
        if self.bites != self._saved[0]:
            self._save()

    def note(self, what: str, error: BaseException) -> None:
        """An exception happened; turn() keeps it."""
        self.last_exception = f"{what}: {described(error)}"[:_MAX_TEXT]

    def turn(self) -> None:
        """Call it now and then: write what is new, and not too often."""
        uptime_s = self._uptime.seconds()
        if self.bites and uptime_s >= _GOOD_S:
            self.bites = 0
        if (self.bites, self.last_exception) != self._saved and uptime_s >= self._not_before_s:
            self._not_before_s = uptime_s + _PAUSE_S
            self._save()

    def _save(self) -> None:
        self._saved = (self.bites, self.last_exception)
        if self._path:
            content = json.dumps({"bites": self.bites, "lastException": self.last_exception})
            try:
                files.write(self._path, content.encode())
            except OSError:
                pass  # a full or worn flash must not stop the node
