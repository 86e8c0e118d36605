"""Readings of boards: the numbers in messages that are JSON, as series over time.

In: a message, who passed it on and when it came. Out: series of points. A reading is an object
like {"name": "attic", "value": 21.5, "unit": "C"} (firmware/examples/sensor), or one with several
numbers, or a bare number. What it says about time and place is claimed, so points have the time at
which they came here. Everything is bounded, also against one neighbor that sends ever new names.
Used by watch.py.
"""

from __future__ import annotations

import json
import math
from collections import Counter, OrderedDict, deque
from dataclasses import dataclass, field
from typing import NamedTuple

from shimlet_host.dashboard.words import printable

MAX_BYTES = 1024  # of a message that is looked at: a board's readings are some 100 bytes
MAX_VALUES = 6  # of one message
MAX_SERIES = 24  # charts on a page; the one that was quiet for the longest makes room
MAX_OF_SOURCE = 8  # of these from one neighbor, so that none pushes out all others
POINTS = 120  # a small chart is some 240 pixels wide; 20 minutes of the sensor example
LONGEST_NAME = 40  # characters
NOT_VALUES = frozenset({"time", "timestamp", "unixTime", "seq", "id"})


class Value(NamedTuple):
    """One number of a reading."""

    name: str
    unit: str
    number: float


@dataclass(slots=True)
class Series:
    """The numbers of one name, as one neighbor passed them on."""

    source: str  # base58 key of the neighbor, or LOCAL
    name: str
    unit: str
    points: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=POINTS))


def values_of(data: bytes) -> list[Value]:
    """The numbers of a message; none if it is no reading."""
    if len(data) > MAX_BYTES:
        return []
    try:
        content = json.loads(data)
    except (ValueError, RecursionError):
        return []
    if isinstance(content, dict):
        return _of_object(content)
    number = _number(content)
    return [] if number is None else [Value("value", "", number)]


def _of_object(content: dict[str, object]) -> list[Value]:
    board, unit = _text(content.get("name")), _text(content.get("unit"))
    found: list[Value] = []
    for key, value in content.items():
        number = _number(value)
        if number is not None and key not in NOT_VALUES and len(found) < MAX_VALUES:
            what = "" if key == "value" and board else printable(key, LONGEST_NAME)
            name = " ".join(word for word in (board, what) if word)
            found.append(Value(name, unit if key == "value" else "", number))
    return found


def _number(value: object) -> float | None:
    """A finite number; true and false are none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _text(value: object) -> str:
    return printable(value, LONGEST_NAME) if isinstance(value, str) else ""


class Readings:
    """All series, the one that got a point last at the end."""

    def __init__(self) -> None:
        self._series: OrderedDict[tuple[str, str, str], Series] = OrderedDict()

    def add(self, source: str, data: bytes, when: float) -> None:
        """Take the numbers of a message, if it is a reading."""
        for value in values_of(data):
            key = (source, value.name, value.unit)
            if key not in self._series:
                self._make_room(source)
                self._series[key] = Series(*key)
            self._series.move_to_end(key)
            self._series[key].points.append((when, value.number))

    def _make_room(self, source: str) -> None:
        """For one series of this neighbor."""
        if self._of(source) >= MAX_OF_SOURCE:
            del self._series[next(key for key in self._series if key[0] == source)]
        elif len(self._series) >= MAX_SERIES:
            self._series.popitem(last=False)

    def _of(self, source: str) -> int:
        return Counter(key[0] for key in self._series)[source]

    def series(self) -> list[Series]:
        """By name and source, so that charts keep their places."""
        return sorted(self._series.values(), key=lambda each: (each.name, each.source, each.unit))
