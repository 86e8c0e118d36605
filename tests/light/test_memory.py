"""The node's heap is at rest what it was before, after many messages and many reconnects.

`make bench-heap` does the same for an hour of 100,000 messages and 1,000 reconnects.
"""

from helpers import MICROPYTHON, skip

if not MICROPYTHON:
    skip("needs MicroPython's asyncio and heap")

import gc

from light.traffic import Figures, fits, longest_free, traffic
from shimlet_light import running


def started(work):
    """What work() answers when running.start() calls it in the place of a node."""
    real, before = running._run, gc.threshold()
    answers = []
    running._run = lambda: answers.append(attempt(work))  # start() would try again for ever
    try:
        running.start()
    finally:
        running._run = real
        gc.threshold(before)
    if isinstance(answers[0], Exception):
        raise answers[0]
    return answers[0]


def attempt(work):
    """What it answers or raises."""
    try:
        return work()
    except Exception as error:
        return error


def test_after_messages_and_reconnects_the_heap_is_what_it_was():
    figures = started(lambda: traffic(messages=5_000, reconnects=100, seconds=600))
    assert list(figures.counts)[:2] == [5_000, 100] and figures.counts[2] >= 599
    assert figures.growth() < 0.02, list(figures.used)
    assert figures.shortest() > 0.8, list(figures.longest)
    assert figures.same_buffer, "a link has a buffer that was not made at the start"


def test_what_stays_in_the_heap_is_seen_by_the_figures():
    figures = Figures(2)
    figures.measure(0)
    kept = [bytearray(1000) for _ in range(figures.used[0] // 40_000 + 1)]
    figures.measure(1)
    assert 0.02 < figures.growth() < 0.2, (list(figures.used), len(kept))


def test_the_longest_free_block_is_found():
    gc.collect()
    longest = longest_free()
    assert fits(longest)
    assert not fits(longest + longest // 20 + 64)


def test_a_started_node_collects_garbage_long_before_the_heap_is_full():
    gc.threshold(-1)
    threshold = started(gc.threshold)
    assert 0 < threshold <= (gc.mem_alloc() + gc.mem_free()) // 4
