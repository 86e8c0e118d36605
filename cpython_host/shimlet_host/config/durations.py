"""Durations as people write them: "500ms", "5s", "1m30s", "2h".

In: text with a unit behind every number. Out: seconds as a float. A bare number is refused,
because existing nodes take it for nanoseconds and people mean seconds. Called by `fields`.
"""

from __future__ import annotations

import re

_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)")
_WHOLE = re.compile(rf"(?:{_PART.pattern})+")


def parse_duration(value: object) -> float:
    """Seconds in `value`. Raises ValueError with a sentence."""
    if isinstance(value, (int, float)):
        raise ValueError("a duration needs a unit; write it as text")
    if not isinstance(value, str):
        raise ValueError("a duration is text")
    text = value.strip()
    if not _WHOLE.fullmatch(text):
        raise ValueError("this is not a duration")
    return sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(text))
