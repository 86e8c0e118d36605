"""The LED shows five states, each in its own way."""

from helpers import MICROPYTHON, skip

if not MICROPYTHON:
    skip("needs MicroPython's asyncio")

import asyncio

from light.pretend_board import Pin
from light.virtual_time import run_virtually
from shimlet_light import led
from shimlet_light.led import Led


class Node:
    """As much of a node as an LED looks at."""

    def __init__(self, offline=False, unix_time=1, links=0):
        self.net = self.streams = self
        self.offline = offline
        self.links = [None] * links
        self.unix_time = lambda: unix_time


STATES = (
    (Node(offline=True, unix_time=0), led.NO_NETWORK),
    (Node(unix_time=0), led.CLOCK_NOT_SET),
    (Node(), led.NO_LINK),
    (Node(links=2), led.LINKED),
)


def shown(node, duration_ms, on=1):
    """[level, ms] one after the other, as somebody sees it who looks for so long."""
    pin = Pin()
    seen = []

    async def main(virtual):
        light = Led(pin, on)
        light.node = node
        task = asyncio.create_task(light.run())
        for _ in range(duration_ms // 10):
            await asyncio.sleep_ms(10)
            if seen and seen[-1][0] == pin.levels[-1]:
                seen[-1][1] += 10
            else:
                seen.append([pin.levels[-1], 10])
        task.cancel()

    run_virtually(main)
    return seen


def test_the_first_that_a_board_shows_is_light():
    for on in (0, 1):
        pin = Pin()
        Led(pin, on)
        assert pin.levels == [on]


def test_the_most_urgent_state_is_shown():
    for node, pattern in STATES:
        assert led.pattern(node) == pattern


def test_each_state_has_a_pattern_of_its_own_that_repeats():
    for node, pattern in STATES:
        period_ms = sum(pattern)
        seen = shown(node, 3 * period_ms)
        expected = [[1 - index % 2, ms] for index, ms in enumerate(pattern)] * 3
        assert len(seen) in (len(expected), len(expected) + 1), (seen, pattern)
        for got, wanted in zip(seen[1:-1], expected[1:]):
            assert got[0] == wanted[0] and abs(got[1] - wanted[1]) <= 20, (seen, pattern)


def test_an_led_that_is_lit_by_a_low_level_shows_the_same():
    seen = shown(Node(links=1), 3000, on=0)
    assert [level for level, _ in seen[:2]] == [0, 1] and seen[1][1] > 2000


def test_a_change_is_seen_within_three_seconds():
    node = Node()
    pin = Pin()

    async def main(virtual):
        light = Led(pin)
        light.node = node
        task = asyncio.create_task(light.run())
        await asyncio.sleep(10)
        node.offline = True
        await asyncio.sleep(3)
        count = len(pin.levels)
        await asyncio.sleep(1)
        assert len(pin.levels) - count in (9, 10, 11)
        task.cancel()

    run_virtually(main)
