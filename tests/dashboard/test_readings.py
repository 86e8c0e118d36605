"""Which messages are readings, and how many of them are kept."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st
from shimlet_host.dashboard.rates import INTERVAL_S, INTERVALS, Rates
from shimlet_host.dashboard.readings import (
    LONGEST_NAME,
    MAX_BYTES,
    MAX_OF_SOURCE,
    MAX_SERIES,
    MAX_VALUES,
    POINTS,
    Readings,
    Value,
    values_of,
)


def test_what_the_sensor_example_publishes_is_one_value_with_its_unit() -> None:
    reading = {"name": "attic", "time": 1_700_000_000, "value": 21.5, "unit": "C"}
    assert values_of(json.dumps(reading).encode()) == [Value("attic", "C", 21.5)]


def test_an_object_of_several_numbers_is_several_values() -> None:
    data = b'{"name": "attic", "humidity": 61, "ok": true, "note": "x", "battery": 3.9}'
    assert values_of(data) == [
        Value("attic humidity", "", 61.0),
        Value("attic battery", "", 3.9),
    ]
    assert values_of(b"21.5") == [Value("value", "", 21.5)]


def test_what_is_no_finite_number_is_no_reading() -> None:
    for data in (
        b"hello",
        b"\xff\xfe",
        b"true",
        b"[1, 2]",
        b'{"value": NaN}',
        b'{"value": Infinity}',
        b'{"value": 1' + b"0" * 400 + b"}",
        b'{"value": "21.5"}',
        b'{"time": 1700000000}',
        b"[" * 1000,
        b'{"value": 1}' + b" " * MAX_BYTES,
    ):
        assert values_of(data) == [], data


def test_one_message_has_few_values_and_short_names() -> None:
    data = json.dumps({f"{number}" + "n" * 60: number for number in range(12)}).encode()
    values = values_of(data)
    assert len(values) == MAX_VALUES
    assert {len(value.name) for value in values} == {LONGEST_NAME}


@given(st.binary(max_size=200) | st.text().map(str.encode))
def test_no_message_is_too_strange(data: bytes) -> None:
    readings = Readings()
    readings.add("x", data, 1.0)
    assert len(readings.series()) <= MAX_VALUES


def test_series_points_and_the_share_of_one_neighbor_are_bounded() -> None:
    readings = Readings()
    for source in range(5):
        for name in range(20):
            readings.add(f"source {source}", json.dumps({f"n{name}": name}).encode(), 1.0)
    kept = readings.series()
    assert len(kept) == MAX_SERIES
    of_last = [series.name for series in kept if series.source == "source 4"]
    assert sorted(of_last) == sorted(f"n{name}" for name in range(20 - MAX_OF_SOURCE, 20))
    for number in range(POINTS + 5):
        readings.add("source 4", b"%d" % number, float(number))
    (series,) = (each for each in readings.series() if each.name == "value")
    assert [number for _, number in series.points] == list(range(5, POINTS + 5))


def test_messages_are_counted_by_intervals() -> None:
    rates, now = Rates(), 1000.0 * INTERVAL_S
    for _ in range(INTERVAL_S * 2):
        rates.add(now - INTERVAL_S, own=False)
    rates.add(now + 1, own=True)
    rates.add(now - 5 * INTERVAL_S, own=True)  # late: it is left out
    rows = rates.rows(now + 2)
    assert len(rows) == INTERVALS
    assert rows[-1] == (now, 0.0, 1 / INTERVAL_S)
    assert rows[-2] == (now - INTERVAL_S, 2.0, 0.0)
    assert not any(row.received or row.published for row in rows[:-2])


def test_old_intervals_go() -> None:
    rates = Rates()
    for number in range(5 * INTERVALS):
        rates.add(number * INTERVAL_S, own=False)
    assert sum(row.received for row in rates.rows(5 * INTERVALS * INTERVAL_S + 1)) < INTERVALS
