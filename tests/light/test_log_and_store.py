"""What a board keeps in RAM never grows: its log, its messages, the seconds that it runs."""

from helpers import MICROPYTHON, skip

if not MICROPYTHON:
    skip("needs MicroPython's clock and print_exception")

from shimlet.ticks import PERIOD_MS
from shimlet_light import clock
from shimlet_light.log import MAX_LINE, MAX_LINES, Log
from shimlet_light.store import LastMessages


def texts(log):
    """The lines without age and number."""
    return [text for _, text, _ in log.lines()]


def test_the_log_keeps_the_newest_lines_and_cuts_long_ones():
    log = Log()
    for i in range(1000):
        log.add("line %d" % i)
    assert texts(log) == ["line %d" % i for i in range(1000 - MAX_LINES, 1000)]
    log.add("x" * 1000)
    assert texts(log)[-1] == "x" * MAX_LINE


def test_a_line_that_repeats_is_counted():
    log = Log()
    for _ in range(5):
        log.add("again")
    log.add("other")
    assert [[text, count] for _, text, count in log.lines()] == [["again", 5], ["other", 1]]


def test_a_fault_is_noted_with_the_end_of_its_traceback():
    def deep(n):
        return deep(n - 1) if n else {}["missing"]

    log = Log()
    try:
        deep(20)
    except KeyError as error:
        log.add_exception("app", error)
    lines = texts(log)
    assert lines[0].startswith("app: KeyError") and "missing" in lines[0]
    assert 2 <= len(lines) <= 7
    assert "deep" in lines[-1]


def test_uptime_goes_on_over_the_wrap_of_the_ticks():
    times = [PERIOD_MS - 1500]
    real = clock.now
    clock.now = lambda: times[0]
    try:
        uptime = clock.Uptime()
        for passed_s in range(1, 5):
            times[0] = (PERIOD_MS - 1500 + passed_s * 1000) % PERIOD_MS
            assert uptime.seconds() == passed_s
        times[0] += 900
        assert uptime.seconds() == 4
        times[0] += 100
        assert uptime.seconds() == 5
    finally:
        clock.now = real


def test_unix_time_is_0_until_the_clock_is_set():
    assert clock.unix_time() > 1704067200
    real = clock.time

    class Unset:
        time = staticmethod(lambda: 5000)
        gmtime = staticmethod(real.gmtime)

    clock.time = Unset
    try:
        assert clock.unix_time() == 0
    finally:
        clock.time = real


def test_the_store_keeps_the_last_messages_within_its_bytes():
    store = LastMessages(8, 1000)
    for i in range(100):
        store.put(bytes([i]), bytes([i]) * 100, b"")
    assert len(store) == 8 and store.bytes == 800
    assert store.get(bytes([99])) == bytes([99]) * 100
    assert store.get(bytes([91])) is None
    store.put(b"large", bytes(950), b"")
    assert (len(store), store.bytes) == (1, 950)
    store.put(b"too large", bytes(1001), b"")
    assert store.get(b"too large") is None and store.get(b"large") is not None
